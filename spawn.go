package burdock

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"
)

// SpawnOptions say more of what Spawn starts. Nil is fine.
type SpawnOptions struct {
	// Given are inputs of this child alone. They come before events and configuration, and are no part of its state.
	Given Inputs
	// ID is the child's id, unique in the store: 1 to 200 bytes without control characters. It belongs to what the child
	// is given; the same id with another window or Given is an error once it is recorded. Defaults to one that is
	// computed.
	ID string
	// Timeout bounds how long the child may take, its retries and branches of its own included. When it is over the child
	// fails with ErrTimeout. It counts anew when a child that waited goes on. Defaults to no bound.
	Timeout time.Duration
	// Cascade is what the child, and everything below it, has instead of what Options.At and Options.Branches say.
	// Defaults to nothing.
	Cascade *Cascade
}

// Spawn starts an action or a graph beside the action that calls it, with the context that the action was given, and
// returns at once. What it starts is a branch of the running step, like those of a map: it has its own id, log and
// checkpoints, and begins with exactly the window it is given, which is a struct with state and input tags, a State, or
// None. key names it among those of the step; it has 1 to 4,096 bytes and is used once in an attempt.
//
//	draft, err := burdock.Spawn(ctx, "draft", writer, topic{in.Topic}, nil)
//	...
//	select {
//	case <-draft.Done():
//		out, err := burdock.Read[text](draft.Wait())
//		...
//	case <-ctx.Done():
//	}
//
// Spawn may be called in any action but a parallel one, also by goroutines of the action, until the action returns.
// Then what still runs is cancelled, with ErrNotNeeded or with what ended the action, and waited for; only then the
// step is committed. The failure of a child is no failure of the step: the action decides. Ending ctx ends the child.
//
// When the step runs again, after a restart or by Retry, a child of the same key that runs the same with the same window
// and inputs is found again. If it has completed it is done at once; otherwise it goes on where it stood, and one that
// failed tries the failed step again. So an action that spawns should decide by what its children return, not by the time
// they take or by anything else that changes from run to run.
//
// A child finds its inputs in its window and SpawnOptions.Given, then among the events that its action was given, then in
// Options.Given. What an action spawns is not known to its graph, which is why Graph.Hash and the checks of NewGraph do
// not cover it, and why an event that only a child needs is declared by the action too, as one that it can do without:
//
//	type race struct {
//		Topic    string `state:"topic"`
//		Approved bool   `input:"approved,optional"` // for the child that asks a person
//	}
//
// A child whose required input has no source waits: its record says so and its goroutine ends. Its Done stays open
// while other children of the step run. When none does, Wait returns an Outcome with StopWaiting and an error that is
// ErrSuspended. An action that returns that error waits too: the run stops with what the children need in
// Outcome.Pending, and the next one that gives it runs the action again.
//
// From its first Spawn until it returns the action holds no token of Options.MaxConcurrency. What is wrong with run, the
// window or the inputs is an error of Spawn, and so is a store that does not do what is asked.
func Spawn(ctx context.Context, key string, run Runnable, window any, opts *SpawnOptions) (*Handle, error) {
	h, err := spawn(ctx, key, run, window, opts)
	if err != nil {
		return nil, fmt.Errorf("burdock: Spawn of %.40q: %w", key, err)
	}
	return h, nil
}

func spawn(ctx context.Context, key string, run Runnable, window any, opts *SpawnOptions) (*Handle, error) {
	switch {
	case key == "" || len(key) > maxKey:
		return nil, fmt.Errorf("its key has %d bytes; a key has 1 to %d", len(key), maxKey)
	case isNil(run):
		return nil, errors.New("there is nothing to run; run is nil")
	case window == nil:
		return nil, errors.New("nil is no window; use None{}")
	}
	special, err := opts.special()
	if err != nil {
		return nil, err
	}
	n, err := nurseryOf(ctx)
	if err != nil {
		return nil, err
	}
	sub := reflect.New(reflect.TypeOf(window))
	sub.Elem().Set(reflect.ValueOf(window))
	return n.spawn(ctx, run, task{key: key, sub: sub.Interface(), special: special})
}

// special is what few say, as it is of a task.
func (o *SpawnOptions) special() (*special, error) {
	switch {
	case o == nil:
		return nil, nil
	case o.Timeout < 0:
		return nil, fmt.Errorf("SpawnOptions.Timeout is %v; it is positive, or zero for no bound", o.Timeout)
	}
	t := Task[None]{Given: o.Given, ID: o.ID, Timeout: o.Timeout, Cascade: o.Cascade}
	return t.special(), nil
}

// spawning stands for the parallel action that an action which spawns is not.
var spawning = &parallel{
	kind: "spawn", res: reflect.TypeFor[None](), opts: MapOptions{Failures: FailFast},
	collect: func(loader) (any, bool) { return None{}, true },
}

// spawnPlans are the runnables that the actions of a plan have spawned, compiled.
type spawnPlans struct {
	mu sync.Mutex
	of map[spawnKind]*branchPlan
}

type spawnKind struct {
	run    Runnable
	window reflect.Type
}

// maxSpawnPlans is how many of them are kept. An action that makes what it spawns anew each time, with Bind say, would
// fill the memory otherwise.
const maxSpawnPlans = 256

// spawned returns what an action of the plan spawns, compiled.
func (p *plan) spawned(run Runnable, window reflect.Type) (*branchPlan, error) {
	kind := spawnKind{run, window}
	p.spawns.mu.Lock()
	b := p.spawns.of[kind]
	p.spawns.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b, err := p.compileSpawned(run, window)
	if err != nil {
		return nil, err
	}
	p.spawns.mu.Lock()
	defer p.spawns.mu.Unlock()
	if p.spawns.of == nil || len(p.spawns.of) == maxSpawnPlans {
		p.spawns.of = map[spawnKind]*branchPlan{}
	}
	p.spawns.of[kind] = b
	return b, nil
}

func (p *plan) compileSpawned(run Runnable, window reflect.Type) (*branchPlan, error) {
	own, err := compile(run.asGraph(), inherited{p.customs, p.sentinels})
	if err == nil {
		err = own.unresolved()
	}
	if err != nil {
		return nil, err
	}
	b := &branchPlan{name: run.Name(), plan: own, sch: own.sch}
	b.bindings = sync.OnceValue(func() string { return b.hashBindings(map[*branchPlan]string{}) })
	c := &compiler{p: p}
	given := c.begin(b, &parallel{sub: window}, "its window")
	b.keys = nil // Spawn is told the key
	if len(c.errs) == 0 && b.begin != nil {
		c.errs = b.unwritten(given, "")
	}
	return b, errors.Join(c.errs...)
}

// fits checks the inputs around a child against those that it declares, which NewGraph has not seen.
func (b *branchPlan) fits(around *plan, given *sources) error {
	var errs []error
	for _, use := range b.plan.inputList {
		v, _, ok := given.find(use.name)
		outer := around.inputs[use.name]
		switch {
		case ok && v.Type() != use.typ:
			errs = append(errs, fmt.Errorf("input %q is a %s, but %s declares it as %s", use.name, v.Type(), use.by, use.typ))
		case ok && outer != nil && outer.secret && !use.secret:
			errs = append(errs, fmt.Errorf("input %q is secret, but %s does not declare it so", use.name, use.by))
		}
	}
	return errors.Join(errs...)
}
