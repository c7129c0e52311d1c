package burdock

import (
	"context"
	"sync"
	"time"
)

// A stopwatch measures the time of an application without that during which it, or something below it, waits for whoever
// reads its events.
type stopwatch struct {
	mu     sync.Mutex // held for moments
	waits  int        // events that wait
	since  time.Time  // when the first of them began to
	waited time.Duration
	clock  *clock // of the attempt that runs
}

// stopwatch returns the application's, which is made when a Timeout asks for it first.
func (w *watched) stopwatch() *stopwatch {
	if s := w.watch.Load(); s != nil {
		return s
	}
	w.watch.CompareAndSwap(nil, new(stopwatch))
	return w.watch.Load()
}

// active returns the time on the application's stopwatch. Without one it is the time.
func (m *member) active() time.Time {
	if m.watched == nil {
		return time.Now()
	}
	s := m.watched.watch.Load()
	if s == nil {
		return time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *stopwatch) now() time.Time {
	now := time.Now().Add(-s.waited)
	if s.waits > 0 {
		return now.Add(-time.Since(s.since))
	}
	return now
}

// stop and goOn come in pairs.
func (s *stopwatch) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waits++; s.waits > 1 {
		return
	}
	s.since = time.Now()
	if s.clock != nil {
		s.clock.timer.Stop()
	}
}

func (s *stopwatch) goOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waits--; s.waits > 0 {
		return
	}
	s.waited += time.Since(s.since)
	if s.clock != nil {
		s.clock.timer.Reset(s.clock.until.Sub(s.now()))
	}
}

// A clock is the context of an attempt with a Timeout while somebody reads its events: it ends like one of
// context.WithTimeoutCause, but its time is that of a stopwatch.
//
// A context of package context cannot be made to end by its deadline at a moment that is not known when it is made. So
// the function's context is a child of this one, which says why it ends; what is derived from the child is the standard
// library's affair, and costs no goroutine.
//
//	the run's ──▶ Context, cancelled with ErrTimeout or with the run ──▶ clock, says DeadlineExceeded ──▶ the function's
type clock struct {
	context.Context //nolint:containedctx // it is one

	expire context.CancelCauseFunc
	watch  *stopwatch
	until  time.Time // on the stopwatch
	timer  *time.Timer
	done   chan struct{}

	mu    sync.Mutex
	err   error
	child func()
}

// within is context.WithTimeoutCause on the stopwatch.
func (s *stopwatch) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	c := &clock{watch: s, done: make(chan struct{})}
	c.Context, c.expire = context.WithCancelCause(ctx)
	own, cancel := context.WithCancel(c)
	forget := context.AfterFunc(c.Context, c.pass)
	s.start(c, d)
	return own, func() {
		s.end(c)
		forget()
		cancel()
		c.expire(nil)
	}
}

func (s *stopwatch) start(c *clock, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock, c.until = c, s.now().Add(d)
	if c.timer = time.AfterFunc(d, c.fire); s.waits > 0 {
		c.timer.Stop()
	}
}

func (s *stopwatch) end(c *clock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = nil
	c.timer.Stop()
}

// fire ends the context, unless the clock was stopped just before.
func (c *clock) fire() {
	s := c.watch
	s.mu.Lock()
	early := s.clock != c || s.waits > 0 || s.now().Before(c.until)
	s.mu.Unlock()
	if !early {
		c.expire(ErrTimeout)
	}
}

// pass ends the clock, and with it the function's context.
func (c *clock) pass() {
	c.mu.Lock()
	if c.err = c.Context.Err(); context.Cause(c.Context) == ErrTimeout { //nolint:errorlint // It is passed on as it is.
		c.err = context.DeadlineExceeded
	}
	child := c.child
	c.mu.Unlock()
	close(c.done)
	if child != nil {
		child()
	}
}

// Done implements context.Context.
func (c *clock) Done() <-chan struct{} { return c.done }

// Err implements context.Context.
func (c *clock) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Deadline returns when the clock will end the context if nothing waits any more.
func (c *clock) Deadline() (time.Time, bool) {
	s := c.watch
	s.mu.Lock()
	own := time.Now().Add(c.until.Sub(s.now()))
	s.mu.Unlock()
	if outer, ok := c.Context.Deadline(); ok && outer.Before(own) {
		return outer, true
	}
	return own, true
}

// AfterFunc lets context.WithCancel have the function's context end without a goroutine. It has one caller, before anything
// can end.
func (c *clock) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.child = f
	return func() bool { return false }
}
