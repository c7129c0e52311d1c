package fan

import (
	"cmp"
	"runtime"
	"slices"
	"sync/atomic"
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
	// Pull adds the next tasks of the sequence, see Add: one at least, unless the sequence has ended, and not more than
	// wanted. It reports whether there may be more. It is called by one goroutine at a time.
	Pull func(wanted int) (more bool, err error)
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
	c        Config[B]
	gone     chan struct{} // closed when the last worker has ended after Stop
	parallel bool          // workers can run at one moment

	gate        // guards what follows
	tasks       list[B]
	held        list[B] // pulled, or resumed, and not started yet
	joined      list[B]
	pulls       int64
	joins       int64
	outstanding int // pulled, not delivered, not suspended
	waiting     int // suspended
	active      int // running
	workers     int
	reading     int  // goroutines that wait in Next
	idle        int  // workers that sleep until there is something for them
	coming      bool // one of them was woken, or one was hired, and is on its way
	looking     bool // a worker is about to sleep, and watches seen
	pulling     bool // a worker has its turn
	wanted      int  // tasks that it may still pull
	taking      bool // it has found room and not started its task yet
	awaits      bool // whoever has its turn is in Config.Await
	asDone      bool // joined is kept, as somebody has asked for it
	exhausted   bool
	empty       bool // gone is closed
	cause       error

	seen atomic.Bool // there is something for a worker that looks
}

// New makes a Fan. Nothing runs before Start or Next.
func New[B any](c Config[B]) *Fan[B] {
	f := &Fan[B]{c: c, gone: make(chan struct{}), parallel: runtime.GOMAXPROCS(0) > 1}
	f.init(func() { f.work(nil, false) })
	f.tasks.at, f.held.at, f.joined.at = inTasks, inHeld, inJoined
	return f
}

// Start starts the first worker, if none has been started.
func (f *Fan[B]) Start() {
	f.lock()
	f.startLocked()
	f.unlock()
}

func (f *Fan[B]) startLocked() {
	if f.workers == 0 && f.cause == nil && (!f.exhausted || f.held.first != nil) {
		f.hire()
	}
}

// Next waits for the next result in the given order. It returns nil when there is none left, when what is left is
// suspended, or when the fan was stopped: see Over, Suspend and Cause.
func (f *Fan[B]) Next(order Order) *Node[B] {
	f.lock()
	defer f.unlock()
	for f.cause == nil {
		n := f.tasks.first
		if order == AsDone {
			f.keepJoined()
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
		f.reading++
		f.ready.Wait()
		f.reading--
	}
	return nil
}

// deliver takes a result out of its lists.
func (f *Fan[B]) deliver(n *Node[B]) {
	f.tasks.remove(n)
	if f.asDone {
		f.joined.remove(n)
	}
	n.phase = delivered
	f.outstanding--
	if f.outstanding == f.c.Buffer-1 {
		f.tell(puller)
	}
	if f.reading > 0 {
		f.tell(readers)
	}
}

// keepJoined makes the joined list for the first who asks for results in the order of completion.
func (f *Fan[B]) keepJoined() {
	if f.asDone {
		return
	}
	f.asDone = true
	var all []*Node[B]
	for n := f.tasks.first; n != nil; n = n.links[inTasks].next {
		if n.isJoined {
			all = append(all, n)
		}
	}
	slices.SortStableFunc(all, func(a, b *Node[B]) int { return cmp.Compare(a.Join, b.Join) })
	for _, n := range all {
		f.joined.push(n)
	}
}

// hire starts one more worker.
func (f *Fan[B]) hire() {
	f.workers++
	f.starts++
	f.coming = true
}

// stuck reports whether nothing runs and nothing can start, so that the consumer would wait for ever: what is left is
// suspended, or finished behind a suspended task.
func (f *Fan[B]) stuck() bool {
	return f.waiting > 0 && f.active == 0 && !f.taking && f.held.first == nil && (f.exhausted || f.full())
}

// Over reports whether Next returns nil for good. If it has returned nil and the fan is not over, what was left was
// suspended then, and may have been resumed since.
func (f *Fan[B]) Over() bool {
	f.lock()
	defer f.unlock()
	return f.cause != nil || f.exhausted && f.tasks.first == nil
}

// Suspend stops the fan with cause if nothing is left but suspended tasks, and reports whether it did. A task that is
// resumed at the same moment comes before or after, never in between.
func (f *Fan[B]) Suspend(cause error) bool {
	f.lock()
	defer f.unlock()
	return f.cause == nil && f.stuck() && f.stop(cause)
}

// Resume runs a suspended task again: what it waits for has come. It may be called while the task is on its way to being
// suspended; one that has ended, or whose fan was stopped, stays as it is.
func (f *Fan[B]) Resume(n *Node[B]) {
	f.lock()
	defer f.unlock()
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
	f.held.push(n)
	f.tell(puller)
	f.summon()
}

// Stop ends the fan early: no task starts any more, Next returns nil, and Config.Stopped is called. The first cause
// counts; it reports whether this was the first.
func (f *Fan[B]) Stop(cause error) bool {
	f.lock()
	defer f.unlock()
	return f.stop(cause)
}

// stop calls Config.Stopped under the mutex: a consumer whose loop has ended must find everything cancelled already.
func (f *Fan[B]) stop(cause error) bool {
	if f.cause != nil {
		return false
	}
	f.cause = cause
	f.c.Stopped(cause)
	f.tell(readers)
	f.tell(allWorkers)
	f.tell(puller)
	return true
}

// Cause returns why the fan was stopped, or nil.
func (f *Fan[B]) Cause() error {
	f.lock()
	defer f.unlock()
	return f.cause
}

// Close waits until all workers have ended, or until giveUp is closed; nil never is. It reports whether they have. The
// caller has called Stop.
func (f *Fan[B]) Close(giveUp func() <-chan struct{}) bool {
	f.lock()
	none := f.workers == 0
	f.unlock()
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
	f.lock()
	first := f.tasks.first
	f.unlock()
	for n := first; n != nil; n = n.links[inTasks].next {
		if !yield(n) {
			return
		}
	}
}

// Pulled returns how many tasks were pulled.
func (f *Fan[B]) Pulled() int64 {
	f.lock()
	defer f.unlock()
	return f.pulls
}
