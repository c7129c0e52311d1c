package burdock

import (
	"context"
	"fmt"
	"log/slog"
)

// listens reports whether anybody is told of events: a tracker, or a loop over them. Without a listener no event is built.
func (m *member) listens() bool { return m.env().tracker != nil || m.tree.hub.reads(m) }

// event returns an event of the current step, to be completed by the caller.
func (r *runner) event(kind EventKind) Event {
	e := r.anyEvent(kind)
	e.Seq, e.Attempt = r.seq+1, r.attempt
	if r.next != nil {
		e.Action = r.next.action.name
	}
	return e
}

// anyEvent returns an event of no particular step, without its number. It reads only what never changes, since functions
// call it that the step has left behind.
func (m *member) anyEvent(kind EventKind) Event {
	e := Event{
		Kind: kind, Time: now(), Root: m.tree.root, App: m.tree.root, Path: m.path(),
		Project: m.tree.project, Partition: m.tree.partition,
	}
	if b := m.branch; b != nil {
		e.App = m.noted().id
		e.Parent = Ref{App: m.visit.of.identity(), Seq: m.visit.seq}
		e.Task, e.Key, e.Index = b.plan.name, b.key(), b.node.Index
	} else if g := m.tree.guest; g != nil {
		e.App, e.Parent, e.Task, e.Key, e.Index = g.App, g.Parent, g.Task, string(g.Key), g.Index
	}
	return e
}

// track tells of an event, and waits until whoever reads events has taken it.
func (m *member) track(ctx context.Context, e Event) { m.inform(ctx, m.env().tracker, e) }

func (m *member) inform(ctx context.Context, t Tracker, e Event) {
	sent, _ := m.tree.hub.post(m, &e, nil)
	m.tell(ctx, t, e)
	delivered(sent, nil)
}

// track tells of an event that a function of the user causes. It does not wait for a reader when the function's context
// has ended, and then returns false.
func (c *stepContext) track(e Event) bool {
	sent, ok := c.of.tree.hub.post(c.of, &e, &c.over)
	if !ok {
		return false
	}
	c.of.tell(c, c.of.env().tracker, e)
	return delivered(sent, c.Done())
}

// tell hands an event to a tracker. Its failure changes nothing: it is counted and logged.
func (m *member) tell(ctx context.Context, t Tracker, e Event) {
	if t == nil {
		return
	}
	returned := false
	defer func() {
		if v := recover(); v != nil {
			m.untracked(e, fmt.Errorf("the tracker panicked: %v", v))
		} else if !returned {
			m.tree.exits.Store(true)
		}
	}()
	if err := m.trackBy(ctx, t, e); err != nil {
		m.untracked(e, err)
	}
	returned = true
}

// trackBy calls the tracker. One that has called runtime.Goexit may do so whenever it is told of the end of a branch, and who
// takes over tells of that again; so it has goroutines of its own from then on.
func (m *member) trackBy(ctx context.Context, t Tracker, e Event) error {
	ctx = context.WithoutCancel(ctx)
	if !m.tree.exits.Load() {
		return t.Track(ctx, e)
	}
	return guarded("the tracker", func() error { return t.Track(ctx, e) })
}

func (m *member) untracked(e Event, err error) {
	if n := m.tree.dropped.Add(1); n&(n-1) == 0 { // the 1st, 2nd, 4th, 8th, ...
		m.tree.logger.Warn("burdock: an event was not tracked",
			slog.String("kind", string(e.Kind)), slog.String("app", e.App), slog.Int64("dropped", n), slog.Any("error", err))
	}
}

// emitStarted tells of an attempt that begins.
func (r *runner) emitStarted() {
	if !r.listens() {
		return
	}
	e := r.event(EventStepStarted)
	e.Status = StatusRunning
	r.track(r.cur.ctx, e)
}

// endEvent returns the event of the attempt's end, for the commit of its record. Without a listener there is none.
func (r *runner) endEvent(status Status, err error, next *planNode) []Event {
	if !r.listens() {
		return nil
	}
	e := r.event(EventStepEnded)
	e.N = r.number()
	e.Status, e.Started = status, r.cur.started
	if err != nil {
		e.Error = validUTF8(err.Error())
	}
	if next != nil {
		e.Next = next.action.name
	}
	return []Event{e}
}

// emitApp tells of the beginning or end of a call on a root, or of a branch.
func (r *runner) emitApp(ctx context.Context, kind EventKind, edit func(*Event)) {
	if !r.listens() {
		return
	}
	if begins := kind == EventAppStarted || kind == EventBranchStarted; begins && !r.opened {
		r.opened = true
		r.noted().events.Store(0)
	}
	e := r.event(kind)
	if r.opened {
		e.Attempt = r.following() // it belongs to the attempt that follows, and so behind all that was told before
	}
	e.Graph, e.GraphHash = r.plan.graph.name, r.plan.graph.Hash()
	if edit != nil {
		edit(&e)
	}
	r.track(ctx, e)
}

// told tells of events whose checkpoint is committed: to all but the journal, which has them.
func (r *runner) told(ctx context.Context, events []Event) {
	to := r.env().others
	for _, e := range events {
		r.inform(ctx, to, e)
	}
}
