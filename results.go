package burdock

import (
	"errors"
	"iter"
	"strconv"

	"github.com/burdock-go/burdock/internal/fan"
)

// Results is what reduce reads: the branches of one visit, while they end. Every result is yielded once, whichever loop
// asks for it; a second loop goes on where the first stopped, and what a loop passes over is read too. Leaving a loop cancels nothing; returning from reduce
// cancels what still runs. A loop ends early when the visit does, and Err then says why. Results must not be used after
// reduce has returned.
type Results[Sub, Res any] struct {
	feed feed
}

// A Result is the end of one branch. In is what it began with, Out what is read from its final state; Err is nil for a
// completed branch and otherwise a *BranchError, and then Out is zero.
type Result[Sub, Res any] struct {
	In  Sub
	Out Res
	Err error

	of described
}

// Action returns the name of the action or graph that the branch ran.
func (r Result[Sub, Res]) Action() string { return r.of.actionName() }

// Key returns the branch's key; the index, if its window has no key field.
func (r Result[Sub, Res]) Key() string { return r.of.key() }

// Index returns the branch's position in the sequence.
func (r Result[Sub, Res]) Index() int64 { return r.of.position() }

// ID returns the id of the branch, by which a store finds it.
func (r Result[Sub, Res]) ID() string { return r.of.appID() }

// Path returns the readable place of the branch.
func (r Result[Sub, Res]) Path() string { return r.of.appPath() }

// described is what a result can tell of its branch. The texts are made when somebody asks.
type described interface {
	actionName() string
	key() string
	position() int64
	appID() string
	appPath() string
}

// feed is where results come from: a visit, or a list for tests.
type feed interface {
	take(order fan.Order) (delivery, bool)
	problem() error
}

type delivery struct {
	in  any // *Sub
	out any // *Res, nil unless completed
	err error
	of  described
}

// OK yields the completed branches in the order of the sequence, whatever finished first.
func (rs *Results[Sub, Res]) OK() iter.Seq[Result[Sub, Res]] { return rs.loop(fan.InOrder, false) }

// AsDone yields the completed branches as they complete.
func (rs *Results[Sub, Res]) AsDone() iter.Seq[Result[Sub, Res]] { return rs.loop(fan.AsDone, false) }

// All yields every branch in the order of the sequence, the failed ones with their error.
func (rs *Results[Sub, Res]) All() iter.Seq[Result[Sub, Res]] { return rs.loop(fan.InOrder, true) }

func (rs *Results[Sub, Res]) loop(order fan.Order, all bool) iter.Seq[Result[Sub, Res]] {
	return func(yield func(Result[Sub, Res]) bool) {
		for {
			d, ok := rs.feed.take(order)
			if !ok {
				return
			}
			if d.err != nil && !all {
				continue
			}
			if !yield(resultFrom[Sub, Res](d)) {
				return
			}
		}
	}
}

func resultFrom[Sub, Res any](d delivery) Result[Sub, Res] {
	r := Result[Sub, Res]{In: *d.in.(*Sub), Err: d.err, of: d.of}
	if d.out != nil {
		r.Out = *d.out.(*Res)
	}
	return r
}

// Err says why a loop ended early, or else which branches have failed so far: a *MapError. It is nil when neither is so.
func (rs *Results[Sub, Res]) Err() error { return rs.feed.problem() }

// take implements feed.
func (v *visit) take(order fan.Order) (delivery, bool) {
	if v.over.Load() {
		panic("burdock: Results used after reduce has returned")
	}
	n := v.fan.Next(order)
	for n == nil {
		if v.fan.Over() || !v.suspend() {
			return delivery{}, false
		}
		n = v.fan.Next(order)
	}
	b := &n.B
	d := delivery{in: b.in, out: b.out, of: b}
	if b.err != nil {
		d.err = b.err
	}
	return d, true
}

// problem implements feed.
func (v *visit) problem() error {
	cause := v.fan.Cause()
	if cause == nil || errors.Is(cause, ErrSibling) {
		return v.mapError()
	}
	return fromOutside(cause)
}

func (b *branch) actionName() string { return b.plan.name }
func (b *branch) position() int64    { return b.node.Index }
func (b *branch) appID() string      { return b.identity() }
func (b *branch) appPath() string    { return b.path() }

// ResultsOf makes Results for the test of a reduce function.
func ResultsOf[Sub, Res any](results ...Result[Sub, Res]) *Results[Sub, Res] {
	f := &listFeed{}
	for i := range results {
		r := &results[i]
		m := &madeUp{index: int64(i)}
		if told, ok := r.of.(*madeUp); ok {
			m.name, m.action = told.name, told.action
		}
		if m.name == "" {
			m.name = strconv.Itoa(i)
		}
		d := delivery{in: &r.In, of: m}
		if r.Err == nil {
			d.out = &r.Out
		} else {
			d.err = m.failure(r.Err)
		}
		f.items = append(f.items, d)
	}
	return &Results[Sub, Res]{feed: f}
}

// ResultOf makes one result for ResultsOf. An empty key is the index.
func ResultOf[Sub, Res any](key, action string, in Sub, out Res, err error) Result[Sub, Res] {
	return Result[Sub, Res]{In: in, Out: out, Err: err, of: &madeUp{name: key, action: action}}
}

type madeUp struct {
	name, action string
	index        int64
}

func (m *madeUp) actionName() string { return m.action }
func (m *madeUp) key() string        { return m.name }
func (m *madeUp) position() int64    { return m.index }
func (m *madeUp) appID() string      { return "test-" + m.name }
func (m *madeUp) appPath() string    { return "test/" + escapePath(m.action) + "#1/" + escapePath(m.name) }

// failure is the error as a real branch would have it.
func (m *madeUp) failure(err error) *BranchError {
	if known, ok := errors.AsType[*BranchError](err); ok {
		return known
	}
	return &BranchError{Path: m.appPath(), Key: m.name, Index: m.index, Err: err}
}

// listFeed yields made-up results.
type listFeed struct {
	items  []delivery
	failed []*BranchError
}

func (f *listFeed) take(fan.Order) (delivery, bool) {
	if len(f.items) == 0 {
		return delivery{}, false
	}
	d := f.items[0]
	f.items = f.items[1:]
	if failed, ok := d.err.(*BranchError); ok { //nolint:errorlint // ResultsOf makes them all.
		f.failed = append(f.failed, failed)
	}
	return d, true
}

func (f *listFeed) problem() error {
	if len(f.failed) == 0 {
		return nil
	}
	return &MapError{Action: "test", Branches: f.failed}
}
