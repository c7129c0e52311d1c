package burdock

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/burdock-go/burdock/internal/fan"
)

// A Handle is an action's hold of what it has spawned. Its methods may be called by any goroutine, also after the action
// has returned. Nothing waits for a Handle that nobody reads.
type Handle struct {
	of    *nursery
	node  fan.Node[branch] // in no fan: it has the index and the join number
	ctx   context.Context  //nolint:containedctx // of the child; it lives as long as the handle's nursery
	end   context.CancelCauseFunc
	apart func() bool // takes the child off the context of the action
	gone  func() bool // takes a suspended child off its own
	done  chan struct{}

	phase   phase // guarded by the nursery, like the rest
	asked   bool
	outcome *Outcome
}

// A phase is how a child stands.
type phase uint8

const (
	phaseRunning phase = iota
	phaseSuspended
	phaseGivenUp   // it waits, and the action has been told so
	phaseAbandoned // it was cancelled while it waited
	phaseEnded
)

// ID returns the id of the child, by which a store finds it.
func (h *Handle) ID() string { return h.node.B.identity() }

// Path returns the readable place of the child.
func (h *Handle) Path() string { return h.node.B.path() }

// Done returns a channel that is closed when the child has ended, or waits while no other child of the step runs. Ask for
// it when everything is spawned that the child competes with: one that waits alone is not waited for.
func (h *Handle) Done() <-chan struct{} {
	n := h.of
	n.mu.Lock()
	defer n.mu.Unlock()
	h.asked = true
	n.quiet()
	return h.done
}

// Wait waits for Done and returns what App.Run would: how the child has ended, with an error unless it is done. The
// error of one that waits for inputs is ErrSuspended.
func (h *Handle) Wait() (*Outcome, error) {
	<-h.Done()
	return h.outcome, h.outcome.Err
}

// Cancel ends the child with a cause, which the error that Wait returns then is. A nil cause is context.Canceled. It does
// not wait, and does nothing to a child that has ended.
func (h *Handle) Cancel(cause error) {
	if h.end != nil {
		h.end(cause)
	}
}

// Events yields what happens in the child and everything below it, while it happens, as App.Events does: from the moment
// on when the loop begins, events that were told before are not told again. Any number of loops may read, each on a
// goroutine of its own or the action's.
//
// The last event is the child's EventBranchEnded, whose status is not StatusWaiting. It comes with the error that Wait
// returns. An error without an event comes with the zero Event: the child has ended otherwise, before the loop or while
// it waited. Of a child that was restored there are no events. When the action returns, its loops end without one more.
//
// Leaving the loop leaves the child running. A child waits for its readers as a run does for those of App.Events, and for
// nobody if there are none. A loop does not ask for Done: of a child that waits it goes on until the child does, or until
// Done is asked for and says that it cannot. So an action that reads on its own goroutine leaves the loop at
// EventWaiting.
func (h *Handle) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := h.of.subscribe(&h.node.B.member)
		if s == nil {
			return
		}
		defer h.of.unsubscribe(s)
		for e, ok := s.next(h.done); ok; e, ok = s.next(h.done) {
			if e.Kind == EventBranchEnded && e.App == h.ID() && e.Status != StatusWaiting {
				<-h.done // which other readers may hold up
				yield(e, h.outcome.Err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		select {
		case <-s.gone: // the action has returned, whatever its child comes to
			return
		default:
		}
		if err := h.outcome.Err; err != nil {
			yield(Event{}, err)
		}
	}
}

// enter gives the child a context, which ends with the step's at the latest.
func (h *Handle) enter(ctx context.Context) {
	h.ctx, h.end = context.WithCancelCause(ctx)
	step := h.of.c
	h.apart = h.of.after(step, func() { h.end(context.Cause(step)) }) // ctx may be one that outlives the step
	if b := &h.node.B; b.run.has.inbox {
		b.tree.mail.run(b.watched.id, h.end)
	}
}

// runs advances the child on a goroutine of its own. The caller has locked.
func (h *Handle) runs() {
	h.phase = phaseRunning
	h.of.running++
	h.of.live.Add(1)
	go h.host(false)
}

// host is the body of that goroutine, which runtime.Goexit may end and another one replace.
func (h *Handle) host(vanished bool) {
	var end ending
	var err error
	returned := false
	defer func() {
		if returned {
			h.settle(end, err)
		} else {
			go h.host(true)
		}
	}()
	b := &h.node.B
	if !vanished {
		b.starts(h.ctx)
	}
	end, err = b.run.advance(h.ctx, nil, vanished)
	b.run.release()
	returned = true
}

// settle tells how the child has come back.
func (h *Handle) settle(end ending, err error) {
	n, b := h.of, &h.node.B
	defer n.live.Done()
	if end == endCancelled && b.run.cancelled() { // its record says so
		b.tree.mail.forget(b.watched.id)
	}
	if end == endWaiting && h.ctx.Err() != nil {
		end, err = endCancelled, b.run.wrap(context.Cause(h.ctx))
	}
	defer func() { // what a tracker does must not keep the action waiting for ever
		n.mu.Lock()
		defer n.mu.Unlock()
		n.running--
		if end == endWaiting {
			h.phase = phaseSuspended
			h.gone = n.after(h.ctx, h.abandon)
		} else {
			h.close(phaseEnded, end, err)
		}
		n.quiet()
	}()
	b.ends(h.ctx, end, err)
}

// close lets the outcome be read.
func (h *Handle) close(as phase, end ending, err error) {
	if b := &h.node.B; b.run.has.inbox {
		b.tree.mail.end(b.watched.id)
	}
	h.phase = as
	h.outcome = h.node.B.run.outcome(end, err)
	close(h.done)
}

// giveUp tells the action that the child waits. The caller has locked.
func (h *Handle) giveUp() {
	var why strings.Builder
	for i, p := range h.node.B.run.pending {
		if i > 0 {
			why.WriteString("; ")
		}
		if i == mapErrorLines {
			fmt.Fprintf(&why, "and %d more", len(h.node.B.run.pending)-i)
			break
		}
		fmt.Fprintf(&why, "%s waits before %s for %s", p.Path, p.Action, strings.Join(p.Needs, ", "))
	}
	h.close(phaseGivenUp, endWaiting, fmt.Errorf("%w: %s", ErrSuspended, why.String()))
}

// abandon ends a child whose context ends while it waits.
func (h *Handle) abandon() {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if !h.of.over && h.phase == phaseSuspended {
		h.close(phaseAbandoned, endCancelled, h.node.B.run.wrap(context.Cause(h.ctx)))
	}
}

// stop cancels a child whose action has ended. The caller has locked.
func (h *Handle) stop(cause error) {
	if h.end == nil { // it was restored
		return
	}
	h.apart()
	if h.gone != nil {
		h.gone()
	}
	h.end(cause)
}

// left ends what only its action has kept waiting. Nobody else changes the handle by now.
func (h *Handle) left(cause error) {
	if h.phase == phaseSuspended {
		h.close(phaseAbandoned, endCancelled, h.node.B.run.wrap(cause))
	}
}

// waits reports whether the child is one that waits.
func (h *Handle) waits() bool { return h.phase == phaseSuspended || h.phase == phaseGivenUp }

// waitsAt reports whether the child waits at a step of its own, or of a branch below it.
func (h *Handle) waitsAt(ref Ref) bool {
	for i := range h.node.B.run.pending {
		if h.node.B.run.pending[i].Ref == ref {
			return true
		}
	}
	return false
}
