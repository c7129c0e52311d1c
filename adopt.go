package burdock

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// adopt.go hands a branch to its executor and takes over what it has come to there.

// handOver runs a branch by an Executor.
func (v *visit) handOver(ctx context.Context, b *branch, ex Executor) (ending, error) {
	r := b.run
	defer r.release() // a branch elsewhere counts as one here
	for dispatch := 1; ; dispatch++ {
		br := &Branch{b: b, ctx: ctx, resume: r.born || dispatch > 1}
		out, err := execute(ctx, ex, br)
		br.withdraw()
		if out == nil || err != nil {
			r.tree.lost.add(br.begun)
		}
		if fatal := r.tree.failed(); fatal != nil {
			return endFatal, fatal
		}
		if err == nil && out != nil {
			end, failed := v.adopt(ctx, br, out)
			if end != endDone || failed == nil || !errors.Is(failed, errMisfit) {
				return end, failed
			}
			return v.unable(ctx, b, failed)
		}
		if err == nil {
			err = errors.New("the executor returned neither an Outcome nor an error")
		}
		if err := v.reread(b, br); err != nil { // first of all: what is written from here on stands behind what the worker has saved
			return endFatal, err
		}
		switch {
		case r.next == nil: // only the news of its end was lost
			return v.adopt(ctx, br, &Outcome{Stop: StopDone, Action: r.last, Seq: r.seq, State: r.state()})
		case isLeak(err):
			return v.unable(ctx, b, err)
		case ctx.Err() != nil:
			return r.interrupted(ctx)
		case errors.Is(err, errStaysHere):
			return r.advance(ctx, nil, false)
		case dispatch > Redispatch:
			return v.unable(ctx, b, fmt.Errorf("handed over %d times without an end: %w", dispatch, err))
		}
	}
}

// execute calls the executor, which is somebody else's function. When ctx has ended it waits for it no longer than
// Options.Grace.
func execute(ctx context.Context, ex Executor, br *Branch) (*Outcome, error) {
	type ended struct {
		out *Outcome
		err error
	}
	call := func() (e ended) {
		defer func() {
			if v := recover(); v != nil {
				e = ended{nil, &PanicError{Where: "the executor", Value: v, Stack: debug.Stack()}}
			}
		}()
		e.out, e.err = ex.Execute(ctx, br)
		return e
	}
	waits, grace := ctx, br.b.tree.grace
	if grace <= 0 {
		waits = context.WithoutCancel(ctx)
	}
	e, how := apart(waits, grace, call)
	switch how {
	case vanished:
		return nil, goexit("the executor")
	case leaked:
		r := br.b.run
		return nil, &LeakError{Path: r.path(), Action: r.next.action.name + " (its executor)", Cause: context.Cause(ctx)}
	}
	return e.out, e.err
}

// isLeak reports whether the executor itself was left behind.
func isLeak(err error) bool {
	_, yes := err.(*LeakError) //nolint:errorlint // Not one that it has returned: that is the end of a worker.
	return yes
}

// errMisfit marks an outcome that cannot be one of the branch.
var errMisfit = errors.New("the executor's outcome does not fit the branch")

// adopt takes over how the branch ended elsewhere.
func (v *visit) adopt(ctx context.Context, br *Branch, out *Outcome) (ending, error) {
	b, r := br.b, br.b.run
	if !br.here {
		if err := r.arrive(out); err != nil {
			return endDone, fmt.Errorf("%w: %w", errMisfit, err)
		}
	}
	switch out.Stop {
	case StopDone:
		if b.out == nil {
			var err error
			if b.out, err = b.collect(r.vals); err != nil {
				return endDone, fmt.Errorf("%w: %w", errMisfit, err)
			}
		}
		return endDone, v.stamp(ctx, b)
	case StopFailed:
		return v.fell(ctx, b, out)
	case StopWaiting:
		if len(out.Pending) == 0 {
			return endDone, fmt.Errorf("%w: it waits and does not say for what", errMisfit)
		}
		if !br.here {
			if err := v.reread(b, br); err != nil {
				return endFatal, err
			}
		}
		r.pending, r.status, r.revisit = out.Pending, StatusWaiting, true
		return endWaiting, nil
	case StopCancelled:
		switch {
		case r.cancelled():
			return v.calledOff(ctx, br, out)
		case ctx.Err() != nil:
			return endCancelled, out.Err
		}
		return v.fell(ctx, b, out)
	}
	return endDone, fmt.Errorf("%w: a branch does not stop as %q", errMisfit, out.Stop)
}

// fell ends a branch that has failed elsewhere.
func (v *visit) fell(ctx context.Context, b *branch, out *Outcome) (ending, error) {
	if err := v.stamp(ctx, b); err != nil {
		return endFatal, err
	}
	if out.Err == nil {
		return endFailed, b.run.wrap(errors.New("the executor does not say why it failed"))
	}
	return endFailed, out.Err
}

// calledOff ends a branch that a message has cancelled while it ran elsewhere, where nobody knows of the message.
func (v *visit) calledOff(ctx context.Context, br *Branch, out *Outcome) (ending, error) {
	b, r := br.b, br.b.run
	if !br.here {
		if err := v.reread(b, br); err != nil {
			return endFatal, err
		}
	}
	if r.status != StatusCancelled || out.Err == nil { // it was between two steps
		return r.interrupted(ctx)
	}
	if err := v.stamp(ctx, b); err != nil {
		return endFatal, err
	}
	return endCancelled, out.Err
}

// stamp commits the join number of a branch whose last record was written elsewhere, or in an earlier process.
func (v *visit) stamp(ctx context.Context, b *branch) error {
	if !b.records() {
		return nil
	}
	l := b.env().ledger
	cp, err := l.latest(context.WithoutCancel(ctx), b.watched.id)
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%s: the executor has not saved it: %w", b.path(), err)
	case err != nil || cp.Join != 0:
		return err
	}
	cp.Join, cp.Messages = v.fan.Joined(b.node), append(cp.Messages, b.run.messages...)
	batch, err := b.run.unneeded(ctx, nil, cp)
	if err != nil {
		return err
	}
	return l.save(ctx, batch)
}

// unable ends a branch that no worker could run.
func (v *visit) unable(ctx context.Context, b *branch, why error) (ending, error) {
	r := b.run
	err := r.wrap(why)
	if r.next == nil || !r.records() {
		return endFailed, err
	}
	r.cur.node, r.cur.ctx, r.cur.started, r.cur.inputs = r.next, ctx, now(), r.recalled
	r.count()
	cp := r.checkpoint(StatusFailed)
	cp.Error, cp.Join = newFailure(err, r.next.action.name, r.seq+1, r.attempt, r.plan.sentinels), r.join(true)
	batch, failed := r.unneeded(ctx, nil, cp)
	if failed == nil {
		failed = r.commit(ctx, nil, batch...)
	}
	if failed != nil {
		return endFatal, failed
	}
	return endFailed, err
}

// restart puts a branch that nobody saves at its beginning.
func (r *runner) restart(br *Branch) error {
	if !br.here {
		return nil
	}
	r.course = course{member: r.member, has: r.has, plan: r.plan, next: r.plan.start, holds: r.holds, deadline: r.deadline, doubtful: r.doubtful}
	r.sch, r.vals, r.sources = r.opening.sch, r.opening.vals, *r.opening.inputs
	return nil
}

// reread puts the branch where its worker has left it.
func (v *visit) reread(b *branch, br *Branch) error {
	r := b.run
	if !r.records() {
		return r.restart(br)
	}
	if err := b.env().ledger.flush(v.ctx); err != nil {
		return err
	}
	rec, err := readRecord(context.WithoutCancel(v.ctx), b.env().ledger.store, b.watched.id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		r.tree.fail(err)
		return err
	}
	if r.sch, r.vals, err = rec.state(r.sch); err != nil {
		return err
	}
	if err := r.position(rec); err != nil {
		return err
	}
	return r.recall(r.recalled, r.status == StatusRunning)
}
