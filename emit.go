package burdock

import (
	"context"
	"fmt"
	"log/slog"
)

// listens reports whether anybody is told of events. Without a listener no event is built.
func (r *runner) listens() bool { return r.tree.tracker != nil }

// event returns an event of the current step, to be completed by the caller.
func (r *runner) event(kind EventKind) Event {
	e := r.anyEvent(kind)
	e.Seq, e.Attempt = r.seq+1, r.attempt
	if r.next != nil {
		e.Action = r.next.action.name
	}
	return e
}

// anyEvent returns an event of no particular step. It reads only what never changes, since functions call it that the
// step has left behind.
func (r *runner) anyEvent(kind EventKind) Event {
	e := Event{
		Kind: kind, Time: now(), Root: r.tree.root, App: r.identity(), Path: r.path(),
		Project: r.tree.project, Partition: r.tree.partition, N: r.events.Add(1),
	}
	if b := r.branch; b != nil {
		e.Parent = Ref{App: r.visit.run.identity(), Seq: r.visit.seq}
		e.Task, e.Key, e.Index = b.plan.name, b.key(), b.index
	}
	return e
}

// track hands an event to the tracker. Its failure changes nothing: it is counted and logged.
func (r *runner) track(ctx context.Context, e Event) {
	defer func() {
		if v := recover(); v != nil {
			r.untracked(e, fmt.Errorf("the tracker panicked: %v", v))
		}
	}()
	if err := r.tree.tracker.Track(context.WithoutCancel(ctx), e); err != nil {
		r.untracked(e, err)
	}
}

func (r *runner) untracked(e Event, err error) {
	if n := r.tree.dropped.Add(1); n&(n-1) == 0 { // the 1st, 2nd, 4th, 8th, ...
		r.tree.logger.Warn("burdock: an event was not tracked",
			slog.String("kind", string(e.Kind)), slog.String("app", e.App), slog.Int64("dropped", n), slog.Any("error", err))
	}
}

func (r *runner) emitStep(kind EventKind, status Status, next *planNode) {
	e := r.event(kind)
	e.Status = status
	if kind == EventStepEnded {
		e.Started = r.cur.started
	}
	if next != nil {
		e.Next = next.action.name
	}
	r.track(r.cur.ctx, e)
}

// emitEnded tells of a step that did not complete.
func (r *runner) emitEnded(status Status, err error, next *planNode) {
	e := r.event(EventStepEnded)
	e.Status, e.Started = status, r.cur.started
	if err != nil {
		e.Error = validUTF8(err.Error())
	}
	if next != nil {
		e.Next = next.action.name
	}
	r.track(r.cur.ctx, e)
}

// emitApp tells of the beginning or end of a call on a root, or of a branch.
func (r *runner) emitApp(ctx context.Context, kind EventKind, edit func(*Event)) {
	if !r.listens() {
		return
	}
	e := r.event(kind)
	e.Graph, e.GraphHash = r.plan.graph.name, r.plan.graph.Hash()
	if edit != nil {
		edit(&e)
	}
	r.track(ctx, e)
}
