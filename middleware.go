package burdock

import (
	"context"
	"errors"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
)

// A StepFunc runs one attempt of a step and returns its error.
type StepFunc func(ctx context.Context, s *StepCall) error

// Middleware wraps each attempt of each step, those of branches included: to measure, to log, to add to the context, to
// refuse. It is called for every attempt, so what it does once belongs outside of it.
//
//	func refuse(next burdock.StepFunc) burdock.StepFunc {
//		return func(ctx context.Context, s *burdock.StepCall) error {
//			if s.Action == "pay" && !open() {
//				return errClosed // the action is not called
//			}
//			return next(ctx, s)
//		}
//	}
//
// The context given to next is the action's, or one that an action's context is made of. Info, Span and Attr belong to
// the step from next on. What the middleware returns is what the attempt comes to: an error fails it, under the same
// Retry and routes as the action's own, and undoes what the action wrote; an error of next stays one, and nil
// without a call of next is one. A step that waits for inputs of its branches waits whatever the middleware returns. A
// call of next after the attempt has ended does nothing and returns an error.
type Middleware func(next StepFunc) StepFunc

// A StepCall is an attempt as Middleware sees it.
type StepCall struct {
	StepInfo

	before, after State

	node *planNode
	args []reflect.Value // its inputs
}

// Before returns the state that the step began with: all of it, not only what the action reads.
func (s *StepCall) Before() State { return s.before }

// After returns the state after the step once next has returned nil, and until then the one before.
func (s *StepCall) After() State { return s.after }

var (
	errNotCalled = errors.New("a middleware returned nil without calling next")
	errNotEnded  = errors.New("burdock: the action has not returned")
	errTooLate   = errors.New("burdock: the attempt has ended")
)

// wrapped is call with middleware around it.
func (a *attempt) wrapped(res *result) {
	m := a.run.member
	given := State{sch: a.state.sch, vals: slices.Clone(a.state.vals)} // the runner's own may be another branch's later
	s := &StepCall{before: given, after: given, node: a.node, args: a.args, StepInfo: StepInfo{
		Root: m.tree.root, App: m.identity(), Path: m.path(), Seq: a.seq, Attempt: a.number, Action: a.node.action.name,
		Key: m.branchKey(), Index: m.branchIndex(), Durable: m.durable(),
	}}
	var running sync.Mutex // next runs once at a time, and the attempt does not end while it does
	over, called := false, false
	ctx := a.ctx
	next := func(inner context.Context, s *StepCall) (err error) {
		running.Lock()
		defer running.Unlock()
		if over || a.apart != nil && a.apart.closed.Load() {
			return errTooLate
		}
		called, *res, a.ctx, a.where = true, result{err: errNotEnded}, inner, "the action"
		defer func() {
			if v := recover(); v != nil { // here, so that it neither vanishes nor ends the process, wherever next was called
				*res = result{err: &PanicError{Where: a.place(), Value: v, Stack: debug.Stack()}}
			}
			a.ctx, a.where = ctx, "a middleware" // whether its Timeout is over is asked of the attempt's own
			a.leave(res)
			err = res.err
		}()
		a.bare(res)
		if res.err == nil {
			s.after = State{sch: a.state.sch, vals: slices.Clone(res.vals)}
		}
		return res.err
	}
	for _, m := range slices.Backward(m.env().middleware) {
		next = m(next)
	}
	a.where = "a middleware"
	defer func() {
		running.Lock()
		over = true
		running.Unlock()
	}()
	err := next(ctx, s)
	running.Lock()
	over = true
	running.Unlock()
	switch {
	case errors.Is(res.err, errWaiting):
	case errors.Is(err, errWaiting): // of another step
		*res = result{err: errors.New(err.Error())}
	case err != nil:
		*res = result{err: err}
	case !called:
		*res = result{err: errNotCalled}
	}
}
