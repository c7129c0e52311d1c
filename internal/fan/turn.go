package fan

// Whose turn it is pulls a handful of tasks, starts the first of them and leaves the others to whoever is free first,
// mostly itself. So quick tasks change neither processor nor goroutine between their pull and their end, and two workers
// pull and run by turns without disturbing each other. What is pulled by a sequence that then takes its time is started
// by somebody else meanwhile.

const (
	// mostAhead bounds a handful.
	mostAhead = 8
	// looks is how often a worker looks for something to do before it sleeps: a few microseconds, which a handful of quick
	// tasks takes. Sleeping and waking cost ten times as much.
	looks = 3000
)

// takeLocked returns the next task for a worker: one that is held, or else one that it pulls itself, when its turn has
// come.
//
// A turn is not handed over: whoever runs takes it before whoever has to be woken. With quick tasks few workers then
// do everything, and the others sleep; handing over, eight workers cost twice as much as one.
func (f *Fan[B]) takeLocked() *Node[B] {
	for looked := !f.parallel; f.cause == nil; looked = true {
		switch {
		case f.held.first != nil && f.c.Take == nil: // else it is started with a token, by whose turn it is
			return f.start()
		case !f.pulling:
			f.pulling = true
			return f.draw()
		case !looked && !f.looking:
			f.look()
		default:
			f.sleep()
		}
	}
	return nil
}

// start starts the first task that is held. It sees to it that somebody else takes what is left, or the turn.
func (f *Fan[B]) start() *Node[B] {
	n := f.held.first
	f.held.remove(n)
	f.begin(n)
	if !f.pulling || f.held.first != nil {
		f.summon()
	}
	return n
}

// look watches for something to do, without the lock and without giving up the processor.
func (f *Fan[B]) look() {
	f.looking = true
	f.seen.Store(false)
	f.unlock()
	for i := 0; i < looks && !f.seen.Load(); i++ {
	}
	f.lock()
	f.looking = false
}

// sleep waits until there may be something to do.
func (f *Fan[B]) sleep() {
	f.idle++
	f.turn.Wait()
	f.idle--
	f.coming = false
}

// summon tells a worker that there is something to do: one that looks, unless one is on its way already one that sleeps,
// or else a new one. Who comes and leaves something summons the next.
func (f *Fan[B]) summon() {
	switch {
	case f.looking:
		f.seen.Store(true)
	case f.coming:
	case f.idle > 0:
		f.coming = true
		f.tell(oneWorker)
	case f.workers < f.c.Limit && f.cause == nil:
		f.hire()
	}
}

// draw returns a task that this worker pulls, whose turn it is, or nil if none is left. The turn ends with it.
func (f *Fan[B]) draw() *Node[B] {
	for f.awaitRoom() {
		if f.c.Await != nil && f.held.first == nil && !f.await() || f.c.Take != nil && !f.token() {
			break
		}
		more := f.held.first != nil || f.pull()
		if f.held.first != nil && f.cause == nil {
			f.pass()
			return f.start()
		}
		f.give()
		if !more {
			break
		}
	}
	f.pass()
	f.tell(readers)
	return nil
}

// pass ends a turn. If it has brought nothing there is nothing to be summoned for: the sequence is at its end.
func (f *Fan[B]) pass() { f.pulling, f.taking = false, false }

// await waits without the lock. An error of it ends the sequence.
func (f *Fan[B]) await() bool {
	f.awaits = true
	f.unlock()
	err := f.c.Await()
	f.lock()
	f.awaits = false
	if err != nil {
		f.exhausted = true
		f.stop(err)
	}
	return err == nil && f.cause == nil
}

// token waits for a token without the lock. Having none ends the worker.
func (f *Fan[B]) token() bool {
	f.unlock()
	got := f.c.Take()
	f.lock()
	return got
}

// awaitRoom waits until one more task may be pulled. False means that none will be.
func (f *Fan[B]) awaitRoom() bool {
	if f.taking {
		f.taking = false
		f.tell(readers)
	}
	for f.cause == nil && (f.held.first != nil || !f.exhausted) {
		if f.held.first != nil || !f.full() {
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
