// Package progress shows on a terminal how far a long fan-out has come.
//
// # The model
//
//	review: 1534 of 11500 done, 300 restored, 2 failed, 8 running, 152/s, 1m6s left
//	│       │       │           │             │         │          │      └ what is left at this rate
//	│       │       │           │             │         │          └ branches that ended per second, of late
//	│       │       │           │             │         └ begun and not ended
//	│       │       │           │             └ ended with an error
//	│       │       │           └ of those done, found in the store by a resumed run
//	│       │       └ the attribute "total" of the parallel action, if its states function sets it
//	│       └ completed
//	└ the parallel action
//
// Branches of a step of the root count; what they fan out into below does not, and neither does a step of one branch.
// When several applications share a View it shows the fan-out that began last. Counts of cancelled, waiting and skipped
// branches are shown where there are any.
//
// On a terminal the line is drawn anew ten times a second and cut to its width, the least important parts first. Written
// to anything else it is a line of its own every ten seconds. Either way a last line stands when the step has ended:
//
//	review: 11500 done, 300 restored, 2 failed, in 1m12s
//
// # Guarantees
//
//   - Track counts in atomic integers and returns; only the begin and the end of a step take a lock.
//   - After Close nothing is written and no goroutine is left.
//   - Control characters in names never reach the terminal. The package writes text, spaces, carriage returns and
//     newlines, and no escape sequence.
//   - An error of the writer ends the writing, not the counting; Close returns it.
//
// In plain words: it can be given to any run, costs it nothing to speak of, and leaves a readable log where there is no
// terminal. Not promised: that the line stays whole when something else writes to the same terminal.
package progress

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/burdock-go/burdock"
)

// Options say how progress is shown. Nil is fine.
type Options struct {
	// Interval is the time between two lines where the writer is no terminal. Defaults to 10 s.
	Interval time.Duration
}

const (
	defaultInterval = 10 * time.Second
	redraw          = 100 * time.Millisecond
)

// A View is a burdock.Tracker that shows progress. It is safe for concurrent use. Close it when the run is over.
type View struct {
	screen   *screen
	interval time.Duration

	fans    sync.Map            // burdock.Ref → *fan, the steps of roots that have not ended
	current atomic.Pointer[fan] // the one that is drawn

	mu     sync.Mutex // guards what follows, the screen and the speed of fans
	stop   chan struct{}
	ended  chan struct{}
	closed bool
}

var _ burdock.Tracker = (*View)(nil)

// New returns a View that writes to w, such as os.Stderr. It starts a goroutine with the first fan-out, which Close
// ends. On a terminal the line has the width that the variable COLUMNS says, or else that of the terminal.
func New(w io.Writer, opts *Options) *View {
	v := &View{screen: newScreen(w), interval: defaultInterval}
	if opts != nil && opts.Interval > 0 {
		v.interval = opts.Interval
	}
	return v
}

// Track implements burdock.Tracker. It never fails.
func (v *View) Track(_ context.Context, e burdock.Event) error {
	switch {
	case e.Parent.App == e.Root:
		v.branch(&e)
	case e.App == e.Root:
		v.root(&e)
	}
	return nil
}

// branch takes what happens to a branch of the root.
func (v *View) branch(e *burdock.Event) {
	switch e.Kind {
	case burdock.EventBranchStarted, burdock.EventBranchEnded, burdock.EventRestored:
		if f := v.fan(e.Parent); f != nil {
			f.count(e)
			f.first.Do(func() { v.begin(f) })
		}
	}
}

// root takes what happens to the root itself.
func (v *View) root(e *burdock.Event) {
	ref := burdock.Ref{App: e.App, Seq: e.Seq}
	switch e.Kind {
	case burdock.EventStepStarted:
		v.fans.Store(ref, newFan(ref, e.Action))
	case burdock.EventAttr:
		if total, ok := number(e.Value); ok && e.Name == "total" {
			if f := v.fan(ref); f != nil {
				f.total.Store(total)
			}
		}
	case burdock.EventStepEnded:
		v.end(v.fan(ref), e.Status)
	case burdock.EventAppEnded:
		for _, f := range v.fans.Range { // a step that a broken store left open
			if f := f.(*fan); f.ref.App == e.App {
				v.end(f, burdock.StatusCancelled)
			}
		}
	}
}

// fan returns the counts of a step of the root.
func (v *View) fan(ref burdock.Ref) *fan {
	if f := v.current.Load(); f != nil && f.ref == ref {
		return f
	}
	if f, ok := v.fans.Load(ref); ok {
		return f.(*fan)
	}
	return nil
}

// begin makes a fan-out the one that is drawn, with its first branch.
func (v *View) begin(f *fan) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.current.Store(f)
	v.start()
}

// end forgets a step and writes its last line.
func (v *View) end(f *fan, s burdock.Status) {
	if f == nil {
		return
	}
	v.fans.Delete(f.ref)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.current.CompareAndSwap(f, nil)
	if f.visible() && !v.closed {
		v.screen.last(f.ending(s, time.Now()))
	}
}

// start begins the drawing; the caller holds v.mu.
func (v *View) start() {
	if v.stop != nil || v.closed {
		return
	}
	v.stop, v.ended = make(chan struct{}), make(chan struct{})
	go v.draw(v.stop, v.ended)
}

// draw shows the current fan-out until it is told to stop.
func (v *View) draw(stop, ended chan struct{}) {
	defer close(ended)
	every := v.interval
	if v.screen.terminal {
		every = redraw
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			v.mu.Lock()
			if f := v.current.Load(); f != nil && f.visible() {
				v.screen.show(f.line(time.Now()))
			}
			v.mu.Unlock()
		}
	}
}

// Close ends the drawing and the line that stands on the terminal. It returns the first error of the writer. What is
// tracked later is not shown.
func (v *View) Close() error {
	v.mu.Lock()
	first := !v.closed
	v.closed = true
	stop, ended := v.stop, v.ended
	v.mu.Unlock()
	if first && stop != nil {
		close(stop)
	}
	if ended != nil {
		<-ended
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if f := v.current.Load(); first && f != nil && f.visible() {
		v.screen.last(f.line(time.Now()))
	}
	return v.screen.err
}
