package burdock

import (
	"sync"
	"sync/atomic"
)

// A hub has the loops that read the events of a tree while it runs, and hands them what they ask for.
//
//	emit, Span, Attr ─┐                                     ┌─▶ tracker
//	a runner ─────────┼─▶ post: number, queue ──┬───────────┴─▶ wait until it is taken
//	a commit ─────────┘                         └─▶ subscription ──next──▶ reader
//
// Whoever posts an event waits until each reader that it concerns has taken it, so a slow reader slows those who tell it
// something, and memory holds one event for each of them. An event gets its number and its place in the queues at the
// same moment; so those of one application come in their order, whichever goroutine tells them. The mutex is held for
// this moment only, never while anybody waits.
type hub struct {
	readers atomic.Pointer[[]*subscription] // nil: nobody reads. It is asked for at every step
	late    sync.Map                        // *member → *watched, of branches that began before anybody was told of them

	mu sync.Mutex // guards the queues, and who reads
}

// A subscription is one loop over events: of a whole tree, or of one application and everything below it. It begins with
// what happens next; what has been told is not told again.
//
//	s := h.newSubscription(child)
//	h.add(s)
//	defer s.leave()
//	for e, ok := s.next(ended); ok; e, ok = s.next(ended) { ... }
type subscription struct {
	of    *member // nil: the whole tree
	hub   *hub
	ready chan struct{} // has room for one: something is in the queue
	gone  chan struct{} // closed when the reader has left: nothing waits for it any more

	paused atomic.Bool // leaving it early pauses the application
	queue  []*parcel   // guarded by hub.mu
}

// A parcel is one event on its way to one reader.
type parcel struct {
	to    *subscription
	of    *member
	event Event
	taken chan struct{} // closed when the reader has it
}

// newSubscription returns one of m and everything below, or with nil of the whole tree. It hears nothing before it is
// added to the hub.
func (h *hub) newSubscription(m *member) *subscription {
	return &subscription{of: m, hub: h, ready: make(chan struct{}, 1), gone: make(chan struct{})}
}

// add begins to tell a subscription what happens.
func (h *hub) add(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []*subscription{s}
	if others := h.readers.Load(); others != nil {
		all = append(all, *others...)
	}
	h.readers.Store(&all)
}

// remove tells a subscription no more. What is in its queue can still be read.
func (h *hub) remove(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.readers.Load()
	if old == nil {
		return
	}
	var rest []*subscription
	for _, other := range *old {
		if other != s {
			rest = append(rest, other)
		}
	}
	if len(rest) == 0 {
		h.readers.Store(nil)
		h.late.Clear()
		return
	}
	h.readers.Store(&rest)
}

// leave ends a subscription: nobody waits for its reader any more, and what was not read is dropped.
func (s *subscription) leave() {
	s.hub.remove(s)
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.queue = nil
	select {
	case <-s.gone:
	default:
		close(s.gone)
	}
}

// covers reports whether an application belongs to what the subscription is about.
func (s *subscription) covers(m *member) bool {
	for s.of != nil && m != s.of {
		if m.branch == nil {
			return false
		}
		m = m.visit.of
	}
	return true
}

// reads reports whether anybody reads the events of an application.
func (h *hub) reads(m *member) bool {
	all := h.readers.Load()
	return all != nil && covered(*all, m)
}

func covered(all []*subscription, m *member) bool {
	for _, s := range all {
		if s.covers(m) {
			return true
		}
	}
	return false
}

// post gives an event its number, if it has none yet, and puts it into the queues of those who read. It does neither, and
// returns false, if the attempt that the event comes from is over; over is nil for what no function of the user tells.
func (h *hub) post(m *member, e *Event, over *atomic.Bool) (sent []*parcel, ok bool) {
	w := m.noted()
	if h.readers.Load() == nil {
		e.number(w)
		return nil, true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if over != nil && over.Load() {
		return nil, false
	}
	e.number(w)
	all := h.readers.Load()
	if all == nil {
		return nil, true
	}
	for _, s := range *all {
		if s.covers(m) {
			sent = s.put(m, e, sent)
		}
	}
	return sent, true
}

// put queues an event.
func (s *subscription) put(m *member, e *Event, sent []*parcel) []*parcel {
	d := &parcel{to: s, of: m, event: *e, taken: make(chan struct{})}
	s.queue = append(s.queue, d)
	select {
	case s.ready <- struct{}{}:
	default:
	}
	return append(sent, d)
}

// number gives the event the next number of its application.
func (e *Event) number(w *watched) {
	if e.N == 0 {
		e.N = w.events.Add(1)
	}
}

// number returns the next number of an event. It takes turns with functions that tell something on goroutines of their
// own, so that what ends an attempt has the last one.
func (m *member) number() int64 {
	w, h := m.noted(), &m.tree.hub
	if h.readers.Load() != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
	}
	return w.events.Add(1)
}

// noted returns what events of the application need, also if it began before anybody was told of it.
func (m *member) noted() *watched {
	if m.watched != nil {
		return m.watched
	}
	h := &m.tree.hub
	if w, ok := h.late.Load(m); ok {
		return w.(*watched)
	}
	w, _ := h.late.LoadOrStore(m, &watched{id: m.identity()})
	return w.(*watched)
}

// next waits for the next event. It returns false when over is closed and everything has been read, and when the
// subscription has been left.
func (s *subscription) next(over <-chan struct{}) (Event, bool) {
	for ended := false; ; {
		if d := s.take(); d != nil {
			return d.event, true
		}
		if ended {
			return Event{}, false
		}
		select {
		case <-s.ready:
		case <-s.gone:
			return Event{}, false
		case <-over:
			ended = true
		}
	}
}

// take takes the first event out of the queue and lets go who waits for that.
func (s *subscription) take() *parcel {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if len(s.queue) == 0 {
		return nil
	}
	d := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	close(d.taken)
	return d
}

// delivered returns when the readers have taken the event or left, or when enough is closed. In the last case it returns false;
// the event keeps its place and is read later. While it waits the clocks stand still of the attempt that the event comes
// from and of those around it, as far as the reader hears of them: they measure actions, not readers.
func delivered(sent []*parcel, enough <-chan struct{}) bool {
	for _, d := range sent {
		if !d.wait(enough) {
			return false
		}
	}
	return true
}

func (d *parcel) wait(enough <-chan struct{}) bool {
	select {
	case <-d.taken: // most readers are quick
		return true
	default:
	}
	defer d.stopClocks()()
	select {
	case <-d.taken:
		return true
	case <-d.to.gone:
		return true
	case <-enough:
		return false
	}
}

// stopClocks stops the clocks that may not run while the event waits. The function it returns lets them go on.
func (d *parcel) stopClocks() (goOn func()) {
	var stopped []*stopwatch
	for m := d.of; ; m = m.visit.of {
		if w := m.watched; w != nil {
			if s := w.watch.Load(); s != nil {
				s.stop()
				stopped = append(stopped, s)
			}
		}
		if m == d.to.of || m.branch == nil {
			break
		}
	}
	return func() {
		for _, s := range stopped {
			s.goOn()
		}
	}
}
