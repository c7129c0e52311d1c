package burdock

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"
)

// A result is what an attempt came to.
type result struct {
	err    error
	vals   []slot
	delta  Delta
	lists  bool // delta touches an append list
	to     *planNode
	label  string
	out    any // of a branch that has ended: what reduce reads
	leaked bool
}

// try fills in what the attempt comes to: it runs the function, applies what it returned and asks the routes. All functions of the user that a leaf
// step calls run in here, so that one place recovers their panics.
func (a *attempt) try(res *result) {
	*res = result{}
	if a.run.faulty(a.node) {
		res.err = a.run.fault()
		return
	}
	defer func() {
		if v := recover(); v != nil {
			*res = result{err: &PanicError{Where: a.place(), Value: v, Stack: debug.Stack()}}
		}
	}()
	a.where = "the action"
	if a.call(res); res.err != nil {
		errors.Is(res.err, errWaiting) // asked here first, where a panic of the error's own methods is recovered
		errors.AsType[*PanicError](res.err)
		return
	}
	n := a.node
	if !n.exit {
		for i := range n.routes {
			ro := &n.routes[i]
			a.asked = ro.route.cond
			if ro.asked == nil || ro.asked.holds(res.vals) {
				res.to, res.label = ro.to, ro.route.label()
				break
			}
		}
	}
	if res.to == nil && a.run.branch != nil && res.out == nil {
		res.out, res.err = a.run.branch.collect(res.vals)
	}
}

// call runs the function, inside of the middleware if there is any, and applies what it wrote.
func (a *attempt) call(res *result) {
	if len(a.run.env().middleware) > 0 {
		a.wrapped(res)
		return
	}
	a.bare(res)
}

func (a *attempt) bare(res *result) {
	s := a.node.action.spec
	if s.raw != nil {
		ops, err := s.raw.call(a)
		if res.err = err; err == nil {
			a.applyOps(ops, res)
		}
		return
	}
	out, err := s.call(a)
	if res.err = err; err == nil {
		if a.node.last && a.run.branch != nil && !a.run.records() && len(a.run.env().middleware) == 0 && a.run.asks == nil {
			a.deliver(out, res)
			return
		}
		a.apply(reflect.ValueOf(out).Elem(), res)
	}
}

// deliver takes what the action returned as what reduce reads, as it stands: nobody else will ask for the state.
func (a *attempt) deliver(out any, res *result) {
	window := reflect.ValueOf(out).Elem()
	for i := range a.node.stores {
		s := &a.node.stores[i]
		v := s.field.Value(window)
		n, err := s.codec.Normalize(v)
		if err == nil {
			err = s.codec.Valid(n)
		}
		if err != nil {
			res.err = a.unwritten(a.state.sch.keys[s.slot].name, err)
			return
		}
		if !s.codec.Normal() {
			v.Set(n)
		}
		clip(v)
	}
	res.vals, res.out = a.state.vals, out
}

// start begins an attempt of the next node. ctx is the run's.
func (r *runner) start(ctx context.Context) {
	n := r.cur.node
	r.count()
	att := &r.cur.own
	var apart *meeting
	if r.tree.grace > 0 {
		att, apart = new(attempt), new(meeting)
	}
	att.apart, att.ctx, att.run, att.node, att.args = apart, ctx, r, n, r.cur.given.args
	att.state.sch, att.state.vals, att.seq, att.number = r.sch, r.vals, r.seq+1, r.attempt
	att.entered, att.ended, att.reaped, att.where, att.asked = nil, false, false, "", nil
	r.cur.att, r.cur.ctx, r.cur.cancel = att, ctx, nil
	r.cur.matching, r.cur.unrouted, r.halted = nil, false, ""
	r.cur.started = time.Time{} // not that of another step, should somebody begin to read events in the midst of this one
	if d := r.bound(n); d > 0 {
		att.ctx, r.cur.cancel = r.within(ctx, d)
	}
	if p := n.action.retry; r.records() || r.listens() || p != nil && p.MaxElapsed > 0 {
		r.cur.started = now()
	}
}

// within returns the context of an attempt that may take so long. Its clock can only be stopped while somebody reads the
// events of the application.
func (r *runner) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if r.tree.hub.reads(r.member) && r.watched != nil {
		return r.watched.stopwatch().within(ctx, d)
	}
	return context.WithTimeoutCause(ctx, d, ErrTimeout)
}

// bound returns how long an attempt of the node may take; 0 means for ever.
func (r *runner) bound(n *planNode) time.Duration {
	d := n.action.timeout
	if r.timed() && !n.fallback {
		if left := max(r.left(), 1); d == 0 || left < d {
			return left
		}
	}
	return d
}

// timed reports whether the branch's task has a Timeout.
func (r *runner) timed() bool { return !r.deadline.IsZero() }

// left returns what is left of it.
func (r *runner) left() time.Duration { return r.deadline.Sub(r.active()) }

// faulty reports whether the node must not run, as the branch cannot go on. The Fallback runs in any case.
func (r *runner) faulty(n *planNode) bool {
	return (r.doubtful || r.timed()) && !n.fallback && r.fault() != nil
}

// following returns the number of the next attempt.
func (r *runner) following() int {
	n := r.attempt + 1
	if r.tree.lost.some.Load() {
		n = max(n, r.tree.lost.next(r.identity(), r.seq+1))
	}
	return n
}

// count begins another attempt of the next step.
func (r *runner) count() {
	r.attempt = r.following()
	if r.listens() {
		w := r.noted()
		w.spans.Store(0)
		if !r.opened {
			w.events.Store(0)
		}
	}
	r.opened = false
}

// perform runs the attempt, on a goroutine of its own if Options.Grace may have to leave it behind.
func (r *runner) perform() {
	att := r.cur.att
	if r.tree.grace <= 0 || att.node.action.spec.par != nil {
		att.try(&r.cur.res)
		return
	}
	r.performApart(att)
}

func (r *runner) performApart(att *attempt) {
	res, how := apart(att.ctx, r.tree.grace, func() (res result) {
		att.try(&res)
		return res
	})
	switch how {
	case leaked:
		res = result{leaked: true, err: &LeakError{Path: r.path(), Action: att.node.action.name, Cause: context.Cause(att.ctx)}}
	case vanished:
		res = result{err: goexit(att.place())}
	}
	r.cur.res = res
}

func goexit(where string) error { return &PanicError{Where: where, Value: ErrGoexit} }

// ended says what the result of the attempt means, which finish has closed.
func (r *runner) ended(res *result) Status {
	att := r.cur.att
	timeout := att.ctx.Err() != nil && r.cur.ctx.Err() == nil
	if r.cur.cancel != nil {
		r.cur.cancel()
	}
	switch {
	case res.err == nil:
		return StatusCompleted
	case res.leaked:
		return StatusFailed
	case errors.Is(res.err, errWaiting):
		return StatusWaiting
	case r.cur.ctx.Err() != nil:
		if cause := context.Cause(r.cur.ctx); !errors.Is(res.err, cause) {
			res.err = fmt.Errorf("%w: %w", cause, res.err)
		}
		return StatusCancelled
	case timeout && r.overdue():
		res.err = fmt.Errorf("%w: %w", r.fault(), res.err)
	case timeout:
		res.err = fmt.Errorf("%w (%v): %w", ErrTimeout, att.node.action.timeout, res.err)
	}
	return StatusFailed
}

// errWaiting is what a visit returns when its branches wait.
var errWaiting = errors.New("burdock: branches wait")

// handler returns the error route of the failed step, and its error. A matcher that panics ends the search and adds its
// panic to the error.
func (r *runner) handler(failed error) (to *planNode, label string, err error) {
	err = r.wrap(failed)
	if r.cur.unrouted {
		return nil, "", err
	}
	r.cur.matching = failed
	faulty := r.fault()
	defer func() {
		if v := recover(); v != nil {
			p := &PanicError{Where: "a matcher", Value: v, Stack: debug.Stack()}
			to, label, err = nil, "", r.wrap(errors.Join(failed, p))
		}
	}()
	for i := range r.cur.node.onError {
		if ro := &r.cur.node.onError[i]; (faulty == nil || ro.to.fallback) && ro.route.match.match(err) {
			to, label = ro.to, ro.route.label()
			break
		}
	}
	r.cur.matching = nil // not in the deferred function, which runtime.Goexit calls too
	return to, label, err
}

// apply writes the fields of out into a copy of the state.
func (a *attempt) apply(out reflect.Value, res *result) {
	n := a.node
	res.vals = a.state.vals
	if len(n.stores) == 0 {
		return
	}
	res.vals = a.after()
	for i := range n.stores {
		s := &n.stores[i]
		v := s.field.Value(out)
		if len(n.stores) > 1 {
			v = boxed(v)
		}
		if err := a.store(s, v, res); err != nil {
			res.err = a.unwritten(a.state.sch.keys[s.slot].name, err)
			return
		}
	}
}

func (a *attempt) unwritten(key string, err error) error {
	return fmt.Errorf("action %q wrote key %q: %w", a.node.action.name, key, err)
}

// after returns a copy of the slots to write to. The state of a branch between two steps is nobody's but its runner's,
// which writes the next one beside it: into the spare that the last one is not in.
func (a *attempt) after() []slot {
	r := a.run
	if r.branch == nil || r.tree.grace > 0 {
		return a.state.copied()
	}
	next := &r.spares[0]
	if len(*next) > 0 && len(a.state.vals) > 0 && &(*next)[0] == &a.state.vals[0] {
		next = &r.spares[1]
	}
	*next = append((*next)[:0], a.state.vals...)
	return *next
}

// store writes one field.
func (a *attempt) store(s *store, v reflect.Value, res *result) error {
	switch {
	case s.field.Delete:
		if v.Bool() {
			return a.write(s.slot, OpDelete, reflect.Value{}, res)
		}
		return nil
	case s.field.OmitZero && v.IsZero():
		return nil
	case s.field.Append:
		if v.Len() == 0 {
			if res.vals[s.slot].set() {
				return nil
			}
			return a.write(s.slot, OpSet, reflect.MakeSlice(v.Type(), 0, 0), res)
		}
		return a.write(s.slot, OpAppend, v, res)
	}
	return a.write(s.slot, OpSet, v, res)
}

// write makes one change: to the state, and to the delta if the application is saved.
func (a *attempt) write(i int, kind Op, v reflect.Value, res *result) error {
	k := &a.state.sch.keys[i]
	c := Change{Key: k.name, Op: kind}
	if kind == OpDelete {
		res.vals[i] = slot{}
	} else {
		v, err := k.codec.Normalize(v)
		if err != nil {
			return err
		}
		if a.run.records() {
			if c.Value, err = k.codec.Encode(v); err != nil {
				return err
			}
		} else if err := k.codec.Valid(v); err != nil { // memory and disk refuse the same
			return err
		}
		if kind == OpAppend {
			res.vals[i] = appendList(res.vals[i], v)
		} else {
			clip(v)
			res.vals[i] = slot{v: v}
		}
	}
	if a.run.records() {
		res.delta = append(res.delta, c)
		res.lists = res.lists || k.list || kind == OpAppend
	}
	return nil
}

// applyOps writes what a Raw action changed.
func (a *attempt) applyOps(ops []op, res *result) {
	res.vals = a.state.copied()
	for _, o := range ops {
		name := a.node.action.key(o.key)
		if err := a.write(a.state.sch.index[name], o.kind, o.v, res); err != nil {
			res.err = a.unwritten(name, err)
			return
		}
	}
	res.delta = merged(res.delta)
}

// largeValue is the size in bytes from which a value is kept apart from the others of its struct: otherwise a small
// live key would keep the large one alive.
const largeValue = 1 << 10

// boxed moves a large field into memory of its own.
func boxed(v reflect.Value) reflect.Value {
	large := v.Kind() == reflect.String && v.Len() > largeValue ||
		v.Kind() == reflect.Slice && uintptr(v.Len())*v.Type().Elem().Size() > largeValue
	if !large {
		return v
	}
	own := reflect.New(v.Type()).Elem()
	own.Set(v)
	v.SetZero()
	return own
}

// missingKeys is the error of a step whose state lacks what it reads.
func missingKeys(n *planNode, keys []string) error {
	for i, own := range keys {
		keys[i] = n.action.key(own)
	}
	return fmt.Errorf("action %q reads keys %q, which have no value: an earlier step deleted them, did not write them, or an omitzero field was zero", n.action.name, keys)
}
