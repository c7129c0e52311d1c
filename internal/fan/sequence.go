package fan

// Node returns the node of the next task, for Config.Pull to fill in and Add.
func (f *Fan[B]) Node() *Node[B] {
	return &Node[B]{Index: f.pulls} // only whoever pulls changes it
}

// Add adds the next task while Config.Pull is called, on whatever goroutine the sequence runs. It returns how many more
// may follow before Pull returns.
func (f *Fan[B]) Add(n *Node[B]) (wanted int) {
	f.lock()
	f.pulls++
	f.outstanding++
	f.tasks.push(n)
	if n.Found {
		n.phase = done
		f.joinFound(n)
		f.tell(readers)
	} else {
		f.held.push(n)
	}
	if f.wanted--; f.wanted <= 0 || f.cause != nil || f.full() {
		f.wanted = 0
	} else if f.held.first != nil { // the next one may take its time
		f.summon()
	}
	wanted = f.wanted
	f.unlock()
	return wanted
}

// pull adds a handful of tasks to those that are held. It reports whether there may be more. There is no deferred lock:
// the sequence may call runtime.Goexit.
func (f *Fan[B]) pull() (more bool) {
	if f.exhausted || f.cause != nil {
		return false
	}
	wanted := f.handful()
	f.wanted = wanted
	f.unlock()
	more = f.ask(wanted)
	f.lock()
	return more
}

// handful is how many tasks one turn brings: half of the places that are free, so that another worker has some too. With
// a rate or tokens each task is waited for.
func (f *Fan[B]) handful() int {
	if f.c.Await != nil || f.c.Take != nil {
		return 1
	}
	return min((f.c.Limit-f.active+1)/2, mostAhead)
}

// ask asks the sequence. Its error stops the fan in the same breath: otherwise the consumer could take a broken sequence
// for one that has ended.
func (f *Fan[B]) ask(wanted int) (more bool) {
	returned := false
	defer func() {
		if !returned {
			f.end(f.c.Vanished())
		}
	}()
	more, err := f.c.Pull(wanted)
	returned = true
	if !more || err != nil {
		f.end(err)
		return false
	}
	return true
}

// end says that the sequence has ended, with an error or without.
func (f *Fan[B]) end(err error) {
	f.lock()
	defer f.unlock()
	f.exhausted = true
	if err != nil {
		f.stop(err)
	}
}

// Prefetch pulls up to n tasks without starting them. The numbers of those that will join are above last. It is called by
// the consumer before anything runs, and reports an error of the sequence.
func (f *Fan[B]) Prefetch(n, last int64) error {
	for f.wantsOne(n) {
		f.ask(1)
	}
	f.lock()
	defer f.unlock()
	f.joins = max(f.joins, last)
	return f.cause
}

// wantsOne reports whether fewer than n tasks were pulled and there may be another.
func (f *Fan[B]) wantsOne(n int64) bool {
	f.lock()
	defer f.unlock()
	f.wanted = 1
	return f.pulls < n && f.cause == nil && !f.exhausted
}

// Exhausted reports whether the sequence has ended.
func (f *Fan[B]) Exhausted() bool {
	f.lock()
	defer f.unlock()
	return f.exhausted
}

// joinFound joins a task that keeps the number it has.
func (f *Fan[B]) joinFound(n *Node[B]) {
	n.isJoined = true
	if f.asDone {
		f.joined.push(n)
	}
}
