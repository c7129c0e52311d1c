package burdock

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/burdock-go/burdock/internal/fan"
)

// A visit is one step of a parallel action: it pulls tasks, runs branches and feeds reduce.
//
//	states ──pull──▶ fan ──run──▶ branch (a runner) ──result──▶ feed ──▶ reduce
//
// It ends in one of three ways: reduce returns (what still runs is cancelled with ErrNotNeeded), it is stopped early
// (a failure, a cancellation, a broken sequence) or it is suspended because all that is left waits for inputs. In the
// last two what reduce returns is discarded.
type visit struct {
	run    *runner // of the parallel step
	node   *planNode
	seq    int64
	id     string // of the application that run advances, if records or events need it
	par    *parallel
	ctx    context.Context
	cancel context.CancelCauseFunc
	fan    *fan.Fan[branch]
	next   func() (task, error, bool)
	stop   func()
	events values // what the branches may use of the step's events
	rerun  bool   // failed branches run again: an earlier attempt was recorded as failed or cancelled
	lost   bool   // the sequence is stuck in a call that Grace left behind

	seeds    [2]maphash.Seed
	keys     map[[2]uint64]struct{}
	recorded map[string]*record
	restored []*fan.Node[branch]

	mu      sync.Mutex
	fails   []*BranchError
	over    bool // reduce has returned
	pending []Pending
}

// visit runs a parallel action.
func (a *attempt) visit(ctx context.Context, par *parallel, pull func(context.Context) iter.Seq2[task, error],
	reduce func(context.Context, feed) (reflect.Value, error),
) (reflect.Value, error) {
	v := &visit{run: a.run, node: a.node, seq: a.seq, par: par, rerun: a.run.rerun}
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	v.events = a.run.sources.forBranches(a.node)
	if a.run.records() || a.run.listens() {
		v.id = a.run.identity()
	}
	v.fan = fan.New(v.config())
	a.where = "states"
	v.next, v.stop = iter.Pull2(pull(v.ctx))
	cancelled := context.AfterFunc(ctx, func() { v.fan.Stop(context.Cause(ctx)) })
	defer v.close(cancelled)
	if err := v.restore(); err != nil {
		v.fan.Stop(err)
		return reflect.Value{}, err
	}
	a.where = "reduce"
	out, err := v.reduce(reduce)
	return v.end(out, err)
}

func (v *visit) config() fan.Config[branch] {
	c := fan.Config[branch]{
		Limit: v.par.opts.Limit, Buffer: v.par.opts.Buffer, MaxWaiting: v.par.opts.MaxWaiting,
		Pull: v.pull, Run: v.runBranch,
		Stopped:  func(cause error) { v.cancel(cause) },
		Vanished: func() error { return &PanicError{Where: "states", Value: ErrGoexit} },
	}
	if t := v.run.tree; t.tokens != nil {
		c.Take = func() bool { return t.takeToken(v.ctx) }
		c.Give = t.giveToken
	}
	return c
}

// pull fills in the next branch.
func (v *visit) pull(n *fan.Node[branch]) (more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			more, err = false, &PanicError{Where: "states", Value: p, Stack: debug.Stack()}
		}
	}()
	t, err, more := v.nextTask()
	switch {
	case !more && err == nil:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("states of action %q: %w", v.node.action.name, err)
	case n.Index >= v.par.opts.MaxBranches:
		return false, fmt.Errorf("action %q: its sequence yields more than MaxBranches (%d) branches", v.node.action.name, v.par.opts.MaxBranches)
	}
	b := &n.B
	if err := b.init(v, n, t); err != nil {
		return false, fmt.Errorf("action %q: %w", v.node.action.name, err)
	}
	if err := v.unique(b); err != nil {
		return false, err
	}
	b.identify()
	return true, nil
}

// nextTask asks the sequence, and leaves it behind if it ignores its cancellation for longer than Grace.
func (v *visit) nextTask() (t task, err error, more bool) {
	if v.run.tree.grace <= 0 {
		return v.next()
	}
	type pulled struct {
		t    task
		err  error
		more bool
	}
	p, how := apart(v.ctx, v.run.tree.grace, func() pulled {
		t, err, more := v.next()
		return pulled{t, err, more}
	})
	switch how {
	case leaked:
		v.lost = true
		return t, &LeakError{Path: v.run.path(), Action: v.node.action.name + " (states)", Cause: context.Cause(v.ctx)}, false
	case vanished:
		return t, &PanicError{Where: "states", Value: ErrGoexit}, false
	}
	return p.t, p.err, p.more
}

// unique refuses a key that an earlier branch of the visit has. Keys are remembered by two hashes of 64 bits.
func (v *visit) unique(b *branch) error {
	if len(b.plan.keys) == 0 {
		return nil
	}
	if v.keys == nil {
		v.keys = map[[2]uint64]struct{}{}
		v.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	text := b.plan.name + "\x00" + b.named
	h := [2]uint64{maphash.String(v.seeds[0], text), maphash.String(v.seeds[1], text)}
	if _, dup := v.keys[h]; dup {
		return fmt.Errorf("action %q: two branches have the key %.200q; keys are unique within a visit", v.node.action.name, b.key())
	}
	v.keys[h] = struct{}{}
	return nil
}

// failed counts a failed branch and ends the visit if its policy says so. A reduce that has returned wins.
func (v *visit) failed(b *branch) {
	v.mu.Lock()
	v.fails = append(v.fails, b.err.(*BranchError))
	v.mu.Unlock()
	if v.par.opts.Failures == FailFast {
		v.fan.Stop(ErrSibling)
	}
}

// reduce runs the user's function, and leaves it behind if it ignores its cancellation for longer than Grace.
func (v *visit) reduce(f func(context.Context, feed) (reflect.Value, error)) (out reflect.Value, err error) {
	defer func() {
		v.mu.Lock()
		v.over = true
		v.mu.Unlock()
	}()
	if v.run.tree.grace <= 0 {
		return f(v.ctx, v)
	}
	type reduced struct {
		out reflect.Value
		err error
	}
	r, how := apart(v.ctx, v.run.tree.grace, func() (r reduced) {
		defer func() {
			if p := recover(); p != nil {
				r.err = &PanicError{Where: "reduce", Value: p, Stack: debug.Stack()}
			}
		}()
		r.out, r.err = f(v.ctx, v)
		return r
	})
	switch how {
	case leaked:
		return out, &LeakError{Path: v.run.path(), Action: v.node.action.name + " (reduce)", Cause: context.Cause(v.ctx)}
	case vanished:
		return out, &PanicError{Where: "reduce", Value: ErrGoexit}
	}
	return r.out, r.err
}

// How a function on a goroutine of its own has ended.
type manner uint8

const (
	returned manner = iota
	leaked          // it has not, and is left behind
	vanished        // it called runtime.Goexit
)

// apart runs f on a goroutine of its own. When ctx has ended it waits for f no longer than grace.
func apart[T any](ctx context.Context, grace time.Duration, f func() T) (out T, how manner) {
	done := make(chan T, 1)
	go func() {
		defer close(done)
		done <- f()
	}()
	select {
	case out, ok := <-done:
		return out, ended(ok)
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case out, ok := <-done:
		return out, ended(ok)
	case <-timer.C:
		return out, leaked
	}
}

func ended(ok bool) manner {
	if ok {
		return returned
	}
	return vanished
}

// end says what the visit came to.
func (v *visit) end(out reflect.Value, err error) (reflect.Value, error) {
	_, leak := errors.AsType[*LeakError](err)
	v.fan.Stop(ErrNotNeeded)
	v.fan.Close(nil)
	cause := v.fan.Cause()
	switch {
	case v.run.tree.failed() != nil:
		return out, v.run.tree.failed()
	case leak, cause == ErrNotNeeded:
		return out, err
	case cause == ErrSibling:
		return out, v.mapError()
	case cause == ErrSuspended:
		v.run.pending = v.pending
		return out, errWaiting
	}
	return out, cause
}

// maxPending is how many pending steps an Outcome lists.
const maxPending = 1000

// waits takes over what a suspended branch waits for.
func (v *visit) waits(b *branch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	room := maxPending - len(v.pending)
	v.pending = append(v.pending, b.run.pending[:min(room, len(b.run.pending))]...)
}

// mapError names the branches that have failed.
func (v *visit) mapError() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.fails) == 0 {
		return nil
	}
	if v.par.kind == "subgraph" {
		return v.fails[0].Err
	}
	return &MapError{Action: v.node.action.name, Branches: slices.Clone(v.fails)}
}

// close leaves nothing behind, also when reduce panicked or called runtime.Goexit.
func (v *visit) close(cancelled func() bool) {
	v.fan.Stop(ErrNotNeeded)
	v.fan.Close(nil)
	cancelled()
	if !v.lost {
		v.stopSequence()
	}
	for n, started := range v.fan.Rest {
		if !started {
			n.B.status = StatusSkipped
			n.B.tell(v.ctx)
		}
	}
	v.cancel(ErrNotNeeded)
}

// stopSequence tells the sequence that no more is wanted. Its panics on the way out are as good as errors, and too late.
func (v *visit) stopSequence() {
	defer func() { _ = recover() }()
	v.stop()
}

// forBranches returns the events that branches of the node may use, and what a window above gives.
func (s *sources) forBranches(n *planNode) values {
	var out values
	for _, u := range n.inner {
		for _, from := range []values{s.window, s.events} {
			if v, ok := from[u.name]; ok && !out.has(u.name) {
				if out == nil {
					out = values{}
				}
				out[u.name] = v
			}
		}
	}
	return out
}

func (v values) has(name string) bool {
	_, ok := v[name]
	return ok
}
