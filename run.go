package burdock

import (
	"context"
	"errors"
)

// run.go is the only place that advances an application, a root or a branch.

// advance runs steps until the application ends or something stops it. vanished says that a function called
// runtime.Goexit and took the goroutine with it: this one continues with the step that was running.
func (r *runner) advance(ctx context.Context, h *hooks, vanished bool) (ending, error) {
	for first := true; ; first = false {
		if !vanished {
			if r.next == nil {
				return endDone, nil
			}
			if h != nil && first && h.haltBefore[r.next.action.name] && r.halted != r.next.action.name {
				return r.halt(ctx)
			}
			if end, err := r.prepare(ctx); end != endDone || err != nil {
				return end, err
			}
			r.start(ctx)
			if err := r.announce(); err != nil {
				r.closeAttempt()
				return endFatal, err
			}
		}
		end, more, err := r.attend(vanished, h)
		if !more {
			return end, err
		}
		vanished = false
	}
}

// attend performs the step that was started, or ends it after a function took the goroutine with it.
func (r *runner) attend(vanished bool, h *hooks) (ending, bool, error) {
	if vanished {
		return r.vanished(h)
	}
	r.perform()
	return r.finish(&r.cur.res, h)
}

// vanished ends the step whose function took the goroutine with it.
func (r *runner) vanished(h *hooks) (ending, bool, error) {
	switch {
	case r.cur.matching != nil:
		r.cur.unrouted = true
		return r.failed(StatusFailed, &result{err: errors.Join(r.cur.matching, goexit("a matcher"))}, h)
	case r.cur.att == nil || r.cur.att.ended:
		return endFatal, false, r.wrap(goexit("the store or the tracker"))
	}
	return r.finish(&result{err: goexit(r.cur.att.place())}, h)
}

// prepare resolves what the next step needs. It ends the run if an input is missing or the run is over.
func (r *runner) prepare(ctx context.Context) (ending, error) {
	if ctx.Err() != nil || !r.backoff(ctx) {
		return r.interrupted(ctx)
	}
	r.cur.node, r.cur.given, r.cur.inputs = r.next, gathered{}, nil
	if r.tree.mail.some.Load() {
		r.collectAnswer()
	}
	if len(r.next.inputs) > 0 || len(r.next.inner) > 0 {
		r.cur.given = r.gather(r.next)
	}
	if r.records() && len(r.cur.given.used) > 0 {
		inputs, err := r.record(r.cur.given.used)
		if err != nil {
			return endFailed, r.wrap(err)
		}
		r.cur.inputs = inputs
	}
	if len(r.cur.given.needs) > 0 && !r.faulty(r.next) {
		return r.wait()
	}
	if r.tree.tokens != nil {
		return r.slot(ctx)
	}
	return endDone, nil
}

// slot takes the token that an action function needs, and gives back the one that a parallel action does not.
func (r *runner) slot(ctx context.Context) (ending, error) {
	leaf := r.next.action.spec.par == nil
	switch {
	case leaf && !r.holds:
		if !r.tree.takeToken(ctx) {
			return r.interrupted(ctx)
		}
		r.holds = true
	case !leaf:
		r.release()
	}
	return endDone, nil
}

// release gives the token back, if there is one.
func (r *runner) release() {
	if !r.holds {
		return
	}
	r.holds = false
	if r.cur.att == nil || !r.tree.lent(r.cur.att.step()) {
		r.tree.giveToken()
	}
}

// interrupted ends a run between two steps, or between two attempts of one. The latter is recorded: the attempts that
// have failed stand nowhere else.
func (r *runner) interrupted(ctx context.Context) (ending, error) {
	if err := r.tree.failed(); err != nil {
		return endFatal, err
	}
	err := r.wrap(context.Cause(ctx))
	asked := r.cancelled()
	if tried := r.spent > 0 && r.cur.node == r.next; (asked || tried) && r.records() {
		r.cur.node, r.cur.inputs = r.next, r.recalled
		if !tried { // what is there belongs to another step, or another branch
			r.cur.started = now()
		}
		cp := r.checkpoint(StatusCancelled)
		cp.RetryAt, cp.Error = r.retryAt, newFailure(err, r.next.action.name, r.seq+1, r.attempt, r.plan.sentinels)
		cp.Join = r.join(asked)
		batch, err := r.unneeded(ctx, nil, cp)
		if err == nil {
			err = r.commit(ctx, nil, batch...)
		}
		if err != nil {
			return endFatal, err
		}
		r.status, r.rerun, r.revisit = StatusCancelled, true, true
	}
	return endCancelled, err
}

// wrap says which step an error belongs to.
func (r *runner) wrap(err error) error {
	name, number := "", r.attempt
	if r.next != nil {
		name = r.next.action.name
	}
	return &StepError{Path: r.path(), Seq: r.seq + 1, Attempt: number, Action: name, Err: err}
}

// announce tells of the attempt that begins. A parallel step is recorded as running before its first branch starts, with
// the inputs it was given, so that a restart finds both.
func (r *runner) announce() error {
	if !r.observed() {
		return nil
	}
	r.emitStarted()
	if !r.records() || r.cur.node.action.spec.par == nil || r.rerun {
		return nil // a visit that runs again what failed writes it, see visit.remark
	}
	return r.begun()
}

// begun records the parallel step as running.
func (r *runner) begun() error {
	if err := r.commit(r.cur.ctx, nil, r.checkpoint(StatusRunning)); err != nil {
		return err
	}
	r.status = StatusRunning
	return nil
}

// finish ends the step with what its attempt came to, and reports whether another step follows.
func (r *runner) finish(res *result, h *hooks) (end ending, more bool, err error) {
	if c := r.cur.att.step(); c != nil {
		c.over.Store(true) // from here on nothing more is spawned
	}
	if r.spawned || r.tree.nurseries.some.Load() {
		r.reap(res)
	}
	r.cur.att.close()
	r.release()
	r.recalled = r.cur.inputs // should the step have to run again
	if err := r.tree.failed(); err != nil {
		r.closeAttempt()
		r.keep()
		r.revisit = true // what its branches have committed is found again
		return endFatal, false, err
	}
	status := r.ended(res)
	switch status {
	case StatusCompleted:
		return r.completed(res, h)
	case StatusWaiting:
		end, err = r.suspended(res)
		return end, false, err
	}
	return r.failed(status, res, h)
}

// completed commits a step that returned nil.
func (r *runner) completed(res *result, h *hooks) (ending, bool, error) {
	if r.observed() {
		if err := r.register(res, h); err != nil {
			return endFatal, false, err
		}
	}
	r.sources.events = r.sources.events.without(r.cur.given.used)
	if res.to == nil && r.branch != nil {
		r.branch.out = res.out
	}
	number := r.attempt
	r.pass(res)
	if h == nil {
		return endDone, r.next != nil, nil
	}
	end, more := r.passed(h, number)
	return end, more, nil
}

// passed decides whether a root goes on after a completed step. A Step is large, so it has no place on the stack of a
// branch.
//
//go:noinline
func (r *runner) passed(h *hooks, attempt int) (ending, bool) {
	return r.follow(h, r.stepDone(StatusCompleted, attempt, nil))
}

// register commits a completed step and tells of it. Records and events are large, and what nobody observes is done
// without a function that has room for one: the stacks of a thousand short branches would grow for nothing.
func (r *runner) register(res *result, h *hooks) error {
	ended := r.endEvent(StatusCompleted, nil, res.to)
	join := r.join(res.to == nil)
	if r.records() {
		batch, err := r.preceding()
		if err != nil {
			return err
		}
		cp := r.checkpoint(StatusCompleted)
		cp.Delta, cp.Lists, cp.Route, cp.Join = res.delta, res.lists, res.label, join
		if res.to != nil {
			cp.Next = res.to.action.name
		}
		cp.Halted = h.halts(r.cur.node, res.to)
		if batch, err = r.unneeded(r.cur.ctx, batch, cp); err != nil {
			return err
		}
		if kept, err := r.commitEnded(ended, r.withSnapshot(batch, res.vals)); err != nil {
			if kept {
				done := *res
				r.later(func() { r.pass(&done) }, StatusCompleted, nil)
			}
			return err
		}
	}
	r.told(r.cur.ctx, ended)
	return nil
}

// later arranges for move to be done when the step that has ended is saved after all.
func (r *runner) later(move func(), status Status, err error) {
	r.sources.events = r.sources.events.without(r.cur.given.used)
	number := r.attempt
	r.after = func() (Step, bool) {
		move()
		return r.stepDone(status, number, err), !r.rerun
	}
}

// pass moves the position behind a completed step.
func (r *runner) pass(res *result) {
	r.vals, r.failure = res.vals, nil
	r.move(res.to)
}

// failed commits a step that failed or was cancelled, and takes its error route if there is one.
func (r *runner) failed(status Status, res *result, h *hooks) (ending, bool, error) {
	if status == StatusFailed {
		if wait, yes := r.retries(res); yes {
			if err := r.again(res, wait); err != nil {
				return endFatal, false, err
			}
			return endDone, true, nil
		}
	}
	n, number := r.cur.node, r.attempt
	err := r.wrap(res.err)
	var to *planNode
	var label string
	if status == StatusFailed && (!res.leaked || r.cur.ctx.Err() == nil) {
		to, label, err = r.handler(res.err)
	}
	failure := newFailure(err, n.action.name, r.seq+1, r.attempt, r.plan.sentinels)
	var join int64
	if status == StatusFailed || r.cancelled() {
		join = r.join(to == nil)
	}
	ended := r.endEvent(status, err, to)
	if r.records() {
		cp := r.checkpoint(status)
		cp.Error, cp.Route, cp.Join = failure, label, join
		if to != nil {
			cp.Next, cp.Halted = to.action.name, h.halts(n, to)
		}
		batch, err := r.preceding()
		if err == nil {
			batch, err = r.unneeded(r.cur.ctx, batch, cp)
		}
		if err != nil {
			return endFatal, false, err
		}
		if kept, err := r.commitEnded(ended, batch); err != nil {
			r.keep()
			if kept {
				r.later(func() { r.divert(status, failure, to) }, status, r.wrap(res.err))
			}
			return endFatal, false, err
		}
	}
	r.told(r.cur.ctx, ended)
	r.divert(status, failure, to)
	step := r.stepDone(status, number, err)
	if to == nil {
		h.tell(step)
		if status == StatusCancelled {
			return endCancelled, false, err
		}
		return endFailed, false, err
	}
	end, more := r.follow(h, step)
	return end, more, nil
}

// divert moves the position to the handler of a failed step; without one the step is the next one again.
func (r *runner) divert(status Status, failure *Failure, to *planNode) {
	r.keep()
	if to == nil {
		r.status, r.rerun, r.revisit = status, true, true
		if status == StatusFailed { // a cancelled one goes on with what is left of its budget
			r.spent = 0
		}
		return
	}
	kept := r.kept
	r.failure = failure
	r.move(to)
	r.kept = kept // a failed step has not used them up
}

// keep remembers the events that the step was given, for the call that runs it again.
func (r *runner) keep() {
	for _, name := range r.cur.given.used {
		if v, ok := r.sources.events[name]; ok {
			r.kept = r.kept.with(name, v)
		}
	}
}

// join gives a branch that ends its place among the results of the visit. If nobody is told of it, the fan does.
func (r *runner) join(final bool) int64 {
	if !final || r.branch == nil || !r.observed() {
		return 0
	}
	return r.visit.joined(r.branch.node)
}

// move makes the ended step the last one.
func (r *runner) move(to *planNode) {
	r.seq++
	r.last, r.next = r.cur.node.action.name, to
	r.attempt, r.status, r.halted, r.rerun = 0, "", "", false
	r.recalled, r.kept, r.revisit, r.spawned, r.spent, r.messages = nil, nil, false, false, 0, nil
}

// wait ends the run before a step whose inputs nobody gave.
func (r *runner) wait() (ending, error) {
	r.release()
	r.keep()
	r.status, r.recalled, r.halted = StatusWaiting, r.cur.inputs, ""
	r.count()
	r.pending = []Pending{{
		Ref: Ref{App: r.identity(), Seq: r.seq + 1}, Path: r.path(), Action: r.next.action.name,
		Needs: r.cur.given.needs, State: State{sch: r.sch, vals: r.state().copied()},
	}}
	ctx := context.Background()
	var ended []Event
	if r.listens() {
		e := r.event(EventWaiting)
		e.N = r.number()
		e.Status, e.Needs = StatusWaiting, r.cur.given.needs
		ended = []Event{e}
	}
	if r.records() {
		r.cur.started = now()
		cp := r.checkpoint(StatusWaiting)
		cp.Needs = r.cur.given.needs
		if err := r.commit(ctx, ended, cp); err != nil {
			return endFatal, err
		}
	}
	r.told(ctx, ended)
	return endWaiting, nil
}

// suspended ends the run in a parallel step whose branches wait.
func (r *runner) suspended(res *result) (ending, error) {
	r.keep()
	r.status, r.revisit = StatusWaiting, true
	ended := r.endEvent(StatusWaiting, nil, nil)
	if r.records() {
		if err := r.commit(r.cur.ctx, ended, r.checkpoint(StatusWaiting)); err != nil {
			return endFatal, err
		}
	}
	r.told(r.cur.ctx, ended)
	return endWaiting, nil
}

// closeAttempt ends the attempt of a run that may write nothing more.
func (r *runner) closeAttempt() {
	if r.cur.cancel != nil {
		r.cur.cancel()
	}
	r.cur.att.close()
}
