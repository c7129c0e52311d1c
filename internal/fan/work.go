package fan

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
	f.lock()
	if f.awaits {
		f.stop(f.c.Vanished())
	}
	f.exhausted = true
	f.pass()
	f.unlock()
	f.left()
}

// left counts a worker that has ended.
func (f *Fan[B]) left() {
	f.lock()
	f.workers--
	if f.held.first != nil { // resumed since this worker found nothing, when there was no room for one more
		f.summon()
	}
	if f.workers == 0 {
		if f.cause != nil && !f.empty {
			f.empty = true
			close(f.gone)
		}
		f.tell(readers)
	}
	f.unlock()
}

func (f *Fan[B]) give() {
	if f.c.Give != nil {
		f.c.Give()
	}
}

// take ends the task that this worker has run, if any, and returns the next one, or nil if the worker is not needed any
// more. There is no deferred Unlock: the sequence, which runs without the lock, may call runtime.Goexit.
func (f *Fan[B]) take(ended *Node[B], finished bool) *Node[B] {
	f.lock()
	switch {
	case ended == nil:
		f.coming = false
	case finished:
		f.finish(ended)
	default:
		f.suspend(ended)
	}
	n := f.takeLocked()
	f.unlock()
	return n
}

// begin marks n as running.
func (f *Fan[B]) begin(n *Node[B]) {
	n.phase = running
	f.active++
}

// Joined gives n its place in the order of completion. The result follows when Run returns; AsDone waits for it.
func (f *Fan[B]) Joined(n *Node[B]) int64 {
	f.lock()
	defer f.unlock()
	f.join(n)
	return n.Join
}

func (f *Fan[B]) join(n *Node[B]) {
	if !n.isJoined {
		n.isJoined = true
		f.joins++
		n.Join = f.joins
		if f.asDone {
			f.joined.push(n)
		}
	}
}

func (f *Fan[B]) finish(n *Node[B]) {
	f.join(n)
	n.phase = done
	f.active--
	if f.reading > 0 && (n == f.tasks.first || n == f.joined.first || f.active == 0) {
		f.tell(readers)
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
	f.tell(puller)
	f.tell(readers)
}
