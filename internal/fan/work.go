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
	f.Stop(f.c.Vanished())
	f.left()
}

// left counts a worker that has ended.
func (f *Fan[B]) left() {
	f.mu.Lock()
	f.workers--
	if f.workers == 0 && f.cause != nil {
		select {
		case <-f.gone:
		default:
			close(f.gone)
		}
	}
	f.ready.Signal()
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
	if !f.awaitRoom() {
		return nil
	}
	if f.c.Take != nil && !f.c.Take() {
		f.untake()
		return nil
	}
	n, err := f.pull()
	if n == nil {
		f.give()
		f.untake()
		if err != nil {
			f.Stop(err)
		}
	}
	return n
}

// awaitRoom waits until one more task may be pulled. False means that none will be.
func (f *Fan[B]) awaitRoom() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taking = true
	for f.cause == nil && (len(f.held) > 0 || !f.exhausted) {
		if len(f.held) > 0 || f.outstanding < f.c.Buffer && f.waiting < f.c.MaxWaiting {
			return true
		}
		f.ready.Signal() // the consumer may find that it waits for ever
		f.room.Wait()
	}
	f.taking = false
	f.ready.Signal()
	return false
}

func (f *Fan[B]) untake() {
	f.mu.Lock()
	f.taking = false
	f.ready.Signal()
	f.mu.Unlock()
}

// pull returns a task that was pulled before and not started, or the next one of the sequence.
func (f *Fan[B]) pull() (*Node[B], error) {
	f.mu.Lock()
	if len(f.held) > 0 {
		n := f.held[0]
		f.held = f.held[1:]
		f.begin(n)
		f.mu.Unlock()
		return n, nil
	}
	exhausted := f.exhausted || f.cause != nil
	f.mu.Unlock()
	if exhausted {
		return nil, nil
	}
	n := new(Node[B])
	n.Index = f.pulls
	more, err := f.c.Pull(n)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !more || err != nil {
		f.exhausted = true
		return nil, err
	}
	f.link(n)
	if f.cause != nil {
		return nil, nil
	}
	f.begin(n)
	return n, nil
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

// Prefetch pulls up to n tasks without starting them and calls found with each. If found reports true, the task has a
// result already; it is joined by the caller, see Restore. It is called by the consumer before anything runs.
func (f *Fan[B]) Prefetch(n int64, found func(*Node[B]) bool) error {
	for f.pulls < n && !f.exhausted {
		node := new(Node[B])
		node.Index = f.pulls
		more, err := f.c.Pull(node)
		if !more || err != nil {
			f.exhausted = true
			return err
		}
		f.mu.Lock()
		f.link(node)
		f.mu.Unlock()
		if found(node) {
			node.phase = done
		} else {
			f.held = append(f.held, node)
		}
	}
	return nil
}

// Restore joins tasks that Prefetch found, in the order of their join numbers, and says which number follows.
func (f *Fan[B]) Restore(nodes []*Node[B], last int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range nodes {
		n.isJoined = true
		f.joined.push(n)
	}
	f.joins = max(f.joins, last)
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
	f.ready.Signal()
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
	f.ready.Signal()
	f.mu.Unlock()
}
