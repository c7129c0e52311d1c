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
	for {
		if n == nil {
			if n = f.take(); n == nil {
				break
			}
		}
		f.c.Run(n, resumed)
		n, resumed = nil, false
	}
	returned = true
}

// vanished ends a worker whose goroutine was ended by the sequence.
func (f *Fan[B]) vanished() {
	f.mu.Lock()
	f.taking, f.exhausted = false, true
	f.mu.Unlock()
	f.give()
	<-f.lock
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

// take returns the next task to run, or nil if this worker is not needed any more.
func (f *Fan[B]) take() *Node[B] {
	select {
	case f.lock <- struct{}{}:
	default:
		select {
		case f.lock <- struct{}{}:
		case <-f.halt:
			return nil
		}
	}
	n := f.takeLocked()
	<-f.lock
	return n
}

func (f *Fan[B]) takeLocked() *Node[B] {
	for f.awaitRoom() {
		if f.c.Take != nil && !f.c.Take() {
			f.untake()
			return nil
		}
		n, more := f.pull()
		if n != nil {
			return n
		}
		f.give()
		f.untake()
		if !more {
			return nil
		}
	}
	return nil
}

// awaitRoom waits until one more task may be pulled. False means that none will be.
func (f *Fan[B]) awaitRoom() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
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

func (f *Fan[B]) untake() {
	f.mu.Lock()
	f.taking = false
	f.ready.Broadcast()
	f.mu.Unlock()
}

// pull returns a task that was pulled before and not started, or the next one of the sequence. Without a task it
// reports whether there may be another.
func (f *Fan[B]) pull() (n *Node[B], more bool) {
	f.mu.Lock()
	if len(f.held) > 0 {
		n = f.held[0]
		f.held = f.held[1:]
		f.begin(n)
		f.mu.Unlock()
		return n, true
	}
	over := f.exhausted || f.cause != nil
	f.mu.Unlock()
	if over {
		return nil, false
	}
	if n, more = f.next(); !more {
		return nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.link(n)
	switch {
	case n.Found:
		n.phase = done
		f.joinFound(n)
		f.ready.Broadcast()
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

// begin marks n as running and starts another worker if there may be one.
func (f *Fan[B]) begin(n *Node[B]) {
	n.phase = running
	f.active++
	f.taking = false
	if f.workers < f.c.Limit && f.cause == nil {
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

// Joined gives n its place in the order of completion. The result follows with Finish; AsDone waits for it.
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

// Finish says that n has its result.
func (f *Fan[B]) Finish(n *Node[B]) {
	f.mu.Lock()
	f.join(n)
	n.phase = done
	f.active--
	if n == f.tasks.first || n == f.joined.first || f.active == 0 {
		f.ready.Broadcast()
	}
	f.mu.Unlock()
}

// Suspend says that n waits for something that this visit does not bring.
func (f *Fan[B]) Suspend(n *Node[B]) {
	f.mu.Lock()
	n.phase = suspended
	f.active--
	f.outstanding--
	f.waiting++
	f.room.Signal()
	f.ready.Broadcast()
	f.mu.Unlock()
}
