package fan

import (
	"runtime"
	"sync"
)

// A Config says what to run. All fields but Take and Give are required.
type Config[B any] struct {
	Limit      int // most tasks that run at once
	Buffer     int // most tasks that are pulled and not delivered
	MaxWaiting int // most suspended tasks

	// Await waits until one more task may be pulled, after there is room for it. Its error stops the fan. Nil: no wait.
	Await func() error
	// Take waits for a token and reports whether it got one; false means that the fan is stopping. Give gives a
	// token back that no task used. A task is started with a token and gives it back itself. Nil: no tokens.
	Take func() bool
	Give func()
	// Pull fills in the next task and reports whether there was one. If the task has its result already, Pull sets
	// Found, and it is not run. Pull is called by one goroutine at a time.
	Pull func(n *Node[B]) (bool, error)
	// Run runs a task and reports whether the task has its result; if not it is suspended: it waits for something that
	// this visit does not bring. If the task calls runtime.Goexit, Run is called again on another goroutine with resumed
	// set.
	Run func(n *Node[B], resumed bool) (finished bool)
	// Stopped is called once, when the fan stops early or is closed. It cancels what is running, and neither waits
	// nor calls the fan.
	Stopped func(cause error)
	// Vanished makes the error for a sequence that called runtime.Goexit.
	Vanished func() error
}

// An Order is one of the two orders of results.
type Order uint8

// The orders of Next.
const (
	InOrder Order = iota // of the sequence
	AsDone               // of joining
)

// A Fan is one run over one sequence.
type Fan[B any] struct {
	c    Config[B]
	gone chan struct{} // closed when the last worker has ended after Close began

	mu          sync.Mutex // guards what follows; never held while waiting for anything but itself
	ready       sync.Cond  // the consumer waits for a result
	turn        sync.Cond  // workers wait for their turn to pull
	room        sync.Cond  // the one whose turn it is waits for room in the buffer
	tasks       list[B]
	joined      list[B]
	held        []*Node[B] // pulled by Prefetch and not settled
	pulls       int64
	joins       int64
	outstanding int // pulled, not delivered, not suspended
	waiting     int // suspended
	active      int // running
	workers     int
	idle        int  // workers that wait for their turn
	woken       bool // one of them was woken and has not come back yet
	pulling     bool // a worker has its turn
	readers     int  // goroutines that wait in Next
	taking      bool // it has found room and not started its task yet
	awaits      bool // whoever has its turn is in Config.Await
	exhausted   bool
	empty       bool // gone is closed
	cause       error
}

// New makes a Fan. Nothing runs before Start or Next.
func New[B any](c Config[B]) *Fan[B] {
	f := &Fan[B]{c: c, gone: make(chan struct{})}
	f.ready.L, f.turn.L, f.room.L = &f.mu, &f.mu, &f.mu
	f.tasks.at, f.joined.at = inTasks, inJoined
	return f
}

// Start starts the first worker, if none has been started.
func (f *Fan[B]) Start() {
	f.mu.Lock()
	f.startLocked()
	f.mu.Unlock()
}

func (f *Fan[B]) startLocked() {
	if f.workers == 0 && f.cause == nil && (!f.exhausted || len(f.held) > 0) {
		f.workers++
		go f.work(nil, false)
	}
}

// Next waits for the next result in the given order. It returns nil when there is none left, when what is left is
// suspended, see Suspended, or when the fan was stopped, see Cause.
func (f *Fan[B]) Next(order Order) *Node[B] {
	f.mu.Lock()
	defer f.mu.Unlock()
	for yielded := false; f.cause == nil; {
		n := f.tasks.first
		if order == AsDone {
			n = f.joined.first
		}
		switch {
		case n != nil && n.phase == done:
			f.deliver(n)
			return n
		case f.tasks.first == nil && f.exhausted:
			return nil
		case f.stuck():
			return nil
		}
		f.startLocked()
		if !yielded { // quick tasks have a result by then, and going to sleep for each would cost more than they do
			yielded = true
			f.mu.Unlock()
			runtime.Gosched()
			f.mu.Lock()
			continue
		}
		f.readers++
		f.ready.Wait()
		f.readers--
	}
	return nil
}

// deliver takes a result out of both lists.
func (f *Fan[B]) deliver(n *Node[B]) {
	f.tasks.remove(n)
	f.joined.remove(n)
	n.phase = delivered
	f.outstanding--
	if f.outstanding < f.c.Buffer {
		f.room.Signal()
	}
	if f.readers > 0 {
		f.ready.Broadcast()
	}
}

// stuck reports whether nothing runs and nothing can start, so that the consumer would wait for ever: what is left is
// suspended, or finished behind a suspended task.
func (f *Fan[B]) stuck() bool {
	return f.waiting > 0 && f.active == 0 && !f.taking && len(f.held) == 0 && (f.exhausted || f.full())
}

// Suspended reports whether tasks are suspended and nothing else is left to deliver or run.
func (f *Fan[B]) Suspended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause == nil && f.stuck()
}

// Suspend stops the fan with cause if nothing is left but suspended tasks, and reports whether it did. A task that is
// resumed at the same moment comes before or after, never in between.
func (f *Fan[B]) Suspend(cause error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause == nil && f.stuck() && f.stop(cause)
}

// Resume runs a suspended task again: what it waits for has come. It may be called while the task is on its way to being
// suspended; one that has ended, or whose fan was stopped, stays as it is.
func (f *Fan[B]) Resume(n *Node[B]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.cause != nil:
	case n.phase == running:
		n.resumed = true
	case n.phase == suspended:
		f.resume(n)
	}
}

// resume puts a suspended task where a worker takes it from before it pulls another.
func (f *Fan[B]) resume(n *Node[B]) {
	n.phase = pulled
	f.waiting--
	f.outstanding++
	f.held = append(f.held, n)
	f.room.Signal()
	switch {
	case f.idle > 0 && !f.pulling && !f.woken:
		f.woken = true
		f.turn.Signal()
	case f.idle == 0 && f.workers < f.c.Limit:
		f.workers++
		go f.work(nil, false)
	}
}

// Stop ends the fan early: no task starts any more, Next returns nil, and Config.Stopped is called. The first cause
// counts; it reports whether this was the first.
func (f *Fan[B]) Stop(cause error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stop(cause)
}

// stop calls Config.Stopped under the mutex: a consumer whose loop has ended must find everything cancelled already.
func (f *Fan[B]) stop(cause error) bool {
	if f.cause != nil {
		return false
	}
	f.cause = cause
	f.c.Stopped(cause)
	f.ready.Broadcast()
	f.turn.Broadcast()
	f.room.Broadcast()
	return true
}

// Cause returns why the fan was stopped, or nil.
func (f *Fan[B]) Cause() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// Close waits until all workers have ended, or until giveUp is closed; nil never is. It reports whether they have. The
// caller has called Stop.
func (f *Fan[B]) Close(giveUp func() <-chan struct{}) bool {
	f.mu.Lock()
	none := f.workers == 0
	f.mu.Unlock()
	if none {
		return true
	}
	if giveUp == nil {
		<-f.gone
		return true
	}
	select {
	case <-f.gone:
		return true
	case <-giveUp():
		return false
	}
}

// Rest yields what was pulled and never delivered. It is called after Close.
func (f *Fan[B]) Rest(yield func(n *Node[B]) bool) {
	f.mu.Lock()
	first := f.tasks.first
	f.mu.Unlock()
	for n := first; n != nil; n = n.links[inTasks].next {
		if !yield(n) {
			return
		}
	}
}

// Pulled returns how many tasks were pulled.
func (f *Fan[B]) Pulled() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pulls
}
