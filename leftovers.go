package burdock

import (
	"context"
	"maps"
	"slices"

	"github.com/burdock-go/burdock/internal/fan"
)

// supersede marks the records of branches that the sequence has not yielded, and what is unfinished below them.
func (v *visit) supersede() error {
	supersede := func(cp *Checkpoint) { cp.Status = StatusSuperseded }
	for _, id := range slices.Sorted(maps.Keys(v.recorded)) {
		cp := v.recorded[id].last
		if cp.Status == StatusSuperseded {
			continue
		}
		if !cp.Done() {
			if err := v.sweep(cp.Ref(), supersede); err != nil {
				return err
			}
		}
		supersede(&cp)
		v.mark(v.env.ledger, cp)
	}
	v.recorded = nil
	return nil
}

// unfinished reports whether the step after seq is recorded as waiting, or as begun and not ended.
func (r *runner) unfinished() bool { return r.status == StatusWaiting || r.status == StatusRunning }

// cancelLeft notes that a cancelled branch has no unfinished record: it may wait, or be left from an earlier process and
// not have come to its step again in this one. The same goes for everything below it.
func (v *visit) cancelLeft(n *fan.Node[branch]) error {
	r := n.B.run
	if r == nil || r.next == nil { // one that was restored as cancelled is recorded so
		return nil
	}
	messages, why := r.unwanted()
	cancel := cancelling(newFailure(r.wrap(why), r.next.action.name, r.seq+1, r.attempt, r.plan.sentinels))
	own := func(cp *Checkpoint) {
		cancel(cp)
		cp.Messages = append(cp.Messages, messages...)
	}
	switch {
	case n.Suspended() && r.cur.node == r.next: // otherwise it waits elsewhere
		cp := r.checkpoint(StatusCancelled)
		own(&cp)
		v.mark(r.env().ledger, cp)
	case r.unfinished():
		if err := v.cancelLatest(r.env().ledger, r.watched.id, own); err != nil {
			return err
		}
	}
	if r.next.action.spec.par == nil && !r.spawned {
		return nil
	}
	return v.sweep(Ref{App: r.watched.id, Seq: r.seq + 1}, cancel)
}

// unwanted is why an application does not go on that was left waiting, and the ids of the messages that have asked for that.
func (r *runner) unwanted() (messages []string, why error) {
	if !r.tree.mail.some.Load() {
		return nil, ErrNotNeeded
	}
	app := r.identity()
	if messages = r.tree.mail.cancelled(app); len(messages) == 0 {
		return nil, ErrNotNeeded
	}
	r.tree.mail.forget(app)
	return messages, ErrCancelled
}

// cancelLatest notes that the latest step of an application, which is unfinished, is cancelled.
func (v *visit) cancelLatest(l *ledger, app string, cancel func(*Checkpoint)) error {
	cp, err := l.latest(context.WithoutCancel(v.ctx), app)
	if err != nil {
		return err
	}
	cancel(&cp)
	v.mark(l, cp)
	return nil
}

// cancelling is what makes the record of an unfinished step that of a cancelled one.
func cancelling(why *Failure) func(*Checkpoint) {
	return func(cp *Checkpoint) {
		cp.Status, cp.Error, cp.Needs = StatusCancelled, why, nil
		if cp.Ended.IsZero() {
			cp.Ended = now()
		}
	}
}

// sweep notes that all unfinished branches of a step, and what is below them, are so no more.
func (v *visit) sweep(parent Ref, change func(*Checkpoint)) error {
	swept, err := v.run.tree.unfinishedBelow(v.ctx, parent, change)
	v.marks = append(v.marks, swept...)
	return err
}

// unneeded adds to a batch the record of an ended step, and before it those of its unfinished branches if nobody comes back
// to them.
func (r *runner) unneeded(ctx context.Context, batch []Checkpoint, cp Checkpoint) ([]Checkpoint, error) {
	cause := ErrSibling
	if cp.Status == StatusCompleted {
		cause = ErrNotNeeded
	}
	if !r.leavesBehind(&cp) {
		return append(batch, cp), nil
	}
	ctx = context.WithoutCancel(ctx) // it is part of a save
	why := newFailure(r.wrap(cause), cp.Action, cp.Seq, cp.Attempt, r.plan.sentinels)
	swept, err := r.tree.unfinishedBelow(ctx, cp.Ref(), cancelling(why))
	if err != nil {
		return nil, err
	}
	own, err := r.elsewhere(ctx, swept)
	return append(append(batch, own...), cp), err
}

// leavesBehind reports whether an ended step has, or may have, branches that nobody comes back to: its action has done
// without what it has spawned, an error route goes on without them, or what the application has come to is a result that
// reduce is handed. Those of a map whose reduce has returned are the visit's affair, see tidy.
func (r *runner) leavesBehind(cp *Checkpoint) bool {
	if cp.Status == StatusCompleted {
		return r.spawned
	}
	isResult := cp.Join != 0 && r.visit.par != spawning && r.visit.par.opts.Failures != FailFast
	if cp.Next == "" && !isResult {
		return false
	}
	n := r.plan.named(cp.Action)
	return n == nil || n.action.spec.par != nil || r.spawned || r.has.executor != nil // a worker may have spawned
}

// unfinishedBelow returns the records of the branches of a step that wait, or that an earlier process left in the midst
// of one, and of what is below them, each changed by change.
func (t *tree) unfinishedBelow(ctx context.Context, parent Ref, change func(*Checkpoint)) ([]mark, error) {
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	var swept []mark
	var below []Ref
	for _, l := range t.allLedgers() {
		for cp, err := range l.store.List(context.WithoutCancel(ctx), Query{Parent: parent, Latest: true}) {
			if err != nil {
				err = &StoreError{Op: "list", App: parent.App, Err: err}
				t.fail(err)
				return nil, err
			}
			switch cp.Status {
			case StatusWaiting, StatusRunning:
				change(&cp)
				swept = append(swept, mark{l, cp})
				below = append(below, cp.Ref())
			case StatusCancelled, StatusFailed: // itself, but maybe not all that is below
				below = append(below, cp.Ref())
			}
		}
	}
	for _, ref := range below {
		more, err := t.unfinishedBelow(ctx, ref, change)
		if err != nil {
			return nil, err
		}
		swept = append(swept, more...)
	}
	return swept, nil
}
