package burdock

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// MapActionsAndStates makes an action that runs each of many actions or graphs over each of many states: their product.
// It draws a state and runs all actions over it, in their order, before it draws the next. A branch's key is the name
// of its action and the key of its state, joined by ':'.
//
// For states and reduce the same holds as for MapStates.
func MapActionsAndStates[In, Sub, Res, Out any](name string, actions []Runnable,
	states func(context.Context, In) iter.Seq2[Sub, error],
	reduce func(context.Context, In, *Results[Sub, Res]) (Out, error), opts *MapOptions,
) *Action {
	pull := func(ctx context.Context, in In) iter.Seq2[task, error] {
		return func(yield func(task, error) bool) {
			for sub, err := range states(ctx, in) {
				for i := range actions {
					each := sub
					if !yield(task{run: i, sub: &each}, err) {
						return
					}
				}
			}
		}
	}
	a := newMap("map_actions_and_states", name, actions, pull, reduce, opts, states == nil)
	a.spec.par.product = true
	return a
}

// A Task is one branch of MapTasks.
type Task[Sub any] struct {
	// Key names the branch among those of the visit, before the key fields of Sub if there are any. Defaults to the
	// key fields, and without them to the position in the sequence.
	Key string
	// Run is what the branch runs: one of the actions and graphs that MapTasks was given. May be nil if that is one.
	Run Runnable
	// State is what the branch begins with.
	State Sub
	// Given are inputs of this branch alone. They come before events and configuration, and are no part of its state.
	Given Inputs
	// ID is the branch's id, unique in the store: 1 to 200 bytes without control characters. It belongs to what the
	// branch is given; the same id with another State or Given is an error once it is recorded. Defaults to one that is
	// computed.
	ID string
	// Err is why the branch cannot begin, such as a tool call that does not fit. It fails like any other, under the
	// policy, before its first action is called; no Retry and no error route is asked, only the Fallback.
	Err error
	// Timeout bounds how long the branch may take, its retries, waits and branches of its own included. When it is
	// over the branch fails with ErrTimeout. Defaults to no bound.
	Timeout time.Duration
	// Cascade is what the branch, and everything below it, has instead of what the other branches have. A Store that only
	// a task names is one in which records of other branches are not looked for. Defaults to nothing.
	Cascade *Cascade
}

// MapTasks makes an action that runs tasks, each of which says what runs and with what. uses are all actions and graphs
// that a task may run: what a graph is made of is known before it runs, as with every other action.
//
// tasks is pulled like the states of MapStates and must be repeatable like them. An error that it yields fails the
// visit; Task.Err fails one branch.
func MapTasks[In, Sub, Res, Out any](name string, uses []Runnable,
	tasks func(context.Context, In) iter.Seq2[Task[Sub], error],
	reduce func(context.Context, In, *Results[Sub, Res]) (Out, error), opts *MapOptions,
) *Action {
	pull := func(ctx context.Context, in In) iter.Seq2[task, error] {
		return func(yield func(task, error) bool) {
			for t, err := range tasks(ctx, in) {
				made := task{key: t.Key, sub: &t.State, special: t.special()}
				if err == nil {
					made.run, err = runOf(uses, t.Run, t.Key)
				}
				if !yield(made, err) {
					return
				}
			}
		}
	}
	return newMap("map_tasks", name, uses, pull, reduce, opts, tasks == nil)
}

// A special is what few tasks say.
type special struct {
	given   Inputs
	id      string
	err     error
	timeout time.Duration
	cascade *Cascade
	env     *env // made of cascade; nil without one
}

// special returns nil for a task that says nothing special.
func (t *Task[Sub]) special() *special {
	if len(t.Given.values) == 0 && len(t.Given.errs) == 0 && t.ID == "" && t.Err == nil && t.Timeout == 0 && t.Cascade == nil {
		return nil
	}
	return &special{given: t.Given, id: t.ID, err: t.Err, timeout: t.Timeout, cascade: t.Cascade}
}

// equip finds out what a branch has whose task brings a cascade of its own, or whose graph an executor.
func (b *branch) equip() (err error) {
	v, on := b.visit, b.plan.plan.graph.executor
	if on == nil && (b.special == nil || b.special.cascade == nil) {
		return nil
	}
	s, base := special{}, v.env
	if b.special != nil {
		s = *b.special
	}
	if on != nil {
		by := *base
		by.runBy(on)
		base = &by
	}
	if s.env, err = v.run.tree.overridden(base, s.cascade, false); err != nil {
		return fmt.Errorf("%s: its Cascade: %w", b.called(), err)
	}
	b.special = &s
	if l := s.env.ledger; l != nil && l != v.env.ledger {
		return l.claimed(v.ctx)
	}
	return nil
}

// runOf finds what a task runs among what its map uses.
func runOf(uses []Runnable, run Runnable, key string) (int, error) {
	if isNil(run) {
		if len(uses) == 1 {
			return 0, nil
		}
		return 0, fmt.Errorf("task %.40q: Run is nil, and there are %d actions that it could run", key, len(uses))
	}
	var names []string
	for i, use := range uses {
		names = append(names, use.Name())
		if use.Name() != run.Name() {
			continue
		}
		if how := differ(use, run); how != "" {
			return 0, fmt.Errorf("task %.40q runs a %q that is not the one that MapTasks was given: %s; what differs from task to task is given by State and Given", key, run.Name(), how)
		}
		return i, nil
	}
	return 0, fmt.Errorf("task %.40q runs %q, which MapTasks was not given; it was given %s", key, run.Name(), strings.Join(names, ", "))
}

// differ says in what two runnables of one name differ.
func differ(a, b Runnable) string {
	x, isAction := a.(*Action)
	y, alike := b.(*Action)
	switch {
	case isAction && alike:
		return x.differs(y)
	case a != b:
		return "they are two graphs"
	}
	return ""
}
