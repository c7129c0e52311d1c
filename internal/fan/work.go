package fan

import (
	"cmp"
	"slices"
)

// work is a worker. It begins with n, if it replaces a worker whose task called runtime.Goexit.
func (f *Fan[B]) work(n *Node[B], resumed bool) {
	returned := false
	defer func() {
		switch {
		case returned:
			f.left()
		case n != nil:
			go f.work(n, true)
		default:
			f.vanished()
		}
	}()
	if n == nil {
		n = f.take(nil, false)
	}
	for n != nil {
		finished := f.c.Run(n, resumed)
		ended := n
		n, resumed = nil, false
		n = f.take(ended, finished)
	}
	returned = true
}

// vanished ends a worker whose goroutine was ended by the sequence.
func (f *Fan[B]) vanished() {
	if !f.awaits { // only whoever has the turn sets it, and that is this worker
		f.give()
	}
	f.mu.Lock()
	if f.awaits {
		f.stop(f.c.Vanished())
	}
	f.exhausted = true
	f.pass()
	f.mu.Unlock()
	f.left()
}

// left counts a worker that has ended.
func (f *Fan[B]) left() {
	f.mu.Lock()
	f.workers--
	if f.workers == 0 {
		if f.cause != nil && !f.empty {
			f.empty = true
			close(f.gone)
		}
		f.ready.Broadcast()
	}
	f.mu.Unlock()
}

func (f *Fan[B]) give() {
	if f.c.Give != nil {
		f.c.Give()
	}
}

// take ends the task that this worker has run, if any, and returns the next one, or nil if the worker is not needed any
// more. There is no deferred Unlock: the sequence, which runs without the lock, may call runtime.Goexit.
func (f *Fan[B]) take(ended *Node[B], finished bool) *Node[B] {
	f.mu.Lock()
	switch {
	case ended == nil:
	case finished:
		f.finish(ended)
	default:
		f.suspend(ended)
	}
	n := f.takeLocked()
	f.mu.Unlock()
	return n
}

func (f *Fan[B]) takeLocked() *Node[B] {
	if !f.awaitTurn() {
		return nil
	}
	for f.awaitRoom() {
		if f.c.Await != nil && len(f.held) == 0 && !f.await() || f.c.Take != nil && !f.token() {
			break
		}
		n, more := f.pull()
		if n != nil {
			f.pass()
			return n
		}
		f.give()
		if !more {
			break
		}
	}
	f.pass()
	f.ready.Broadcast()
	return nil
}

// awaitTurn waits until no other worker pulls. False means that the fan was stopped.
//
// A turn is not handed over: whoever runs takes it before whoever has to be woken. With quick tasks one worker then
// pulls and runs many without a switch of goroutines; handing over, eight workers cost twice as much as one.
func (f *Fan[B]) awaitTurn() bool {
	for f.pulling && f.cause == nil {
		f.idle++
		f.turn.Wait()
		f.idle--
		f.woken = false
	}
	if f.cause != nil {
		return false
	}
	f.pulling = true
	return true
}

// pass ends a turn and wakes a worker that waits for one, unless one that was woken is on its way.
func (f *Fan[B]) pass() {
	f.pulling, f.taking = false, false
	if f.idle > 0 && !f.woken {
		f.woken = true
		f.turn.Signal()
	}
}

// await waits without the lock. An error of it ends the sequence.
func (f *Fan[B]) await() bool {
	f.awaits = true
	f.mu.Unlock()
	err := f.c.Await()
	f.mu.Lock()
	f.awaits = false
	if err != nil {
		f.exhausted = true
		f.stop(err)
	}
	return err == nil && f.cause == nil
}

// token waits for a token without the lock. Having none ends the worker.
func (f *Fan[B]) token() bool {
	f.mu.Unlock()
	got := f.c.Take()
	f.mu.Lock()
	return got
}

// awaitRoom waits until one more task may be pulled. False means that none will be.
func (f *Fan[B]) awaitRoom() bool {
	if f.taking {
		f.taking = false
		f.ready.Broadcast()
	}
	for f.cause == nil && (len(f.held) > 0 || !f.exhausted) {
		if len(f.held) > 0 || !f.full() {
			f.taking = true
			return true
		}
		f.room.Wait()
	}
	return false
}

// full reports whether nothing more may be pulled.
func (f *Fan[B]) full() bool {
	return f.outstanding >= f.c.Buffer || f.waiting >= f.c.MaxWaiting
}

// pull returns a task that was pulled before and not started, or the next one of the sequence. Without a task it
// reports whether there may be another.
func (f *Fan[B]) pull() (n *Node[B], more bool) {
	if len(f.held) > 0 {
		n = f.held[0]
		f.held = f.held[1:]
		f.begin(n)
		return n, true
	}
	if f.exhausted || f.cause != nil {
		return nil, false
	}
	f.mu.Unlock()
	n, more = f.next()
	f.mu.Lock()
	if !more {
		return nil, false
	}
	f.link(n)
	switch {
	case n.Found:
		n.phase = done
		f.joinFound(n)
		return nil, true
	case f.cause != nil:
		return nil, false
	}
	f.begin(n)
	return n, true
}

// next asks the sequence. Its error stops the fan in the same breath: otherwise the consumer could take a broken
// sequence for one that has ended.
func (f *Fan[B]) next() (n *Node[B], more bool) {
	n = new(Node[B])
	n.Index = f.pulls
	returned := false
	defer func() {
		if !returned {
			f.end(f.c.Vanished())
		}
	}()
	more, err := f.c.Pull(n)
	returned = true
	if !more || err != nil {
		f.end(err)
		return nil, false
	}
	return n, true
}

// end says that the sequence has ended, with an error or without.
func (f *Fan[B]) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exhausted = true
	if err != nil {
		f.stop(err)
	}
}

func (f *Fan[B]) link(n *Node[B]) {
	f.pulls++
	f.outstanding++
	f.tasks.push(n)
}

// begin marks n as running and starts another worker if there may be one and none is idle.
func (f *Fan[B]) begin(n *Node[B]) {
	n.phase = running
	f.active++
	if f.idle == 0 && f.workers < f.c.Limit && f.cause == nil {
		f.workers++
		go f.work(nil, false)
	}
}

// Prefetch pulls up to n tasks without starting them. Those that are found to have a result already are joined in the
// order of their join numbers; the next free number is above last. It is called by the consumer before anything runs,
// and reports an error of the sequence.
func (f *Fan[B]) Prefetch(n, last int64) error {
	var found []*Node[B]
	for f.pulls < n && f.Cause() == nil && !f.Exhausted() {
		node, more := f.next()
		if !more {
			break
		}
		f.mu.Lock()
		f.link(node)
		if node.Found {
			node.phase = done
			found = append(found, node)
		} else {
			f.held = append(f.held, node)
		}
		f.mu.Unlock()
	}
	slices.SortStableFunc(found, func(a, b *Node[B]) int { return cmp.Compare(a.Join, b.Join) })
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, node := range found {
		f.joinFound(node)
	}
	f.joins = max(f.joins, last)
	return f.cause
}

// Exhausted reports whether the sequence has ended.
func (f *Fan[B]) Exhausted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.exhausted
}

// joinFound joins a task that keeps the number it has.
func (f *Fan[B]) joinFound(n *Node[B]) {
	n.isJoined = true
	f.joined.push(n)
}

// Joined gives n its place in the order of completion. The result follows when Run returns; AsDone waits for it.
func (f *Fan[B]) Joined(n *Node[B]) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.join(n)
	return n.Join
}

func (f *Fan[B]) join(n *Node[B]) {
	if !n.isJoined {
		n.isJoined = true
		f.joins++
		n.Join = f.joins
		f.joined.push(n)
	}
}

func (f *Fan[B]) finish(n *Node[B]) {
	f.join(n)
	n.phase = done
	f.active--
	if n == f.tasks.first || n == f.joined.first || f.active == 0 {
		f.ready.Broadcast()
	}
}

func (f *Fan[B]) suspend(n *Node[B]) {
	n.phase = suspended
	f.active--
	f.outstanding--
	f.waiting++
	if n.resumed {
		n.resumed = false
		f.resume(n)
	}
	f.room.Signal()
	f.ready.Broadcast()
}
