package fan

import "sync"

// A gate is the mutex of a fan, with those who wait for something that it guards. It is never held while waiting for
// anything but itself.
//
// Who is to be woken, or started, is noted while the gate is held and called after it: waking a goroutine may wake a
// thread, and the others would stand at the gate so long that they went to sleep there themselves.
type gate struct {
	mu    sync.Mutex
	ready sync.Cond // consumers wait for a result
	turn  sync.Cond // workers wait for their turn to pull, or for a task that is held
	room  sync.Cond // the one whose turn it is waits for room in the buffer

	worker func() // the body of a worker

	told   whom
	starts int // workers to be started
}

// whom is a set of those who are to be woken.
type whom uint8

const (
	readers whom = 1 << iota
	oneWorker
	allWorkers
	puller
)

func (g *gate) init(worker func()) {
	g.worker = worker
	g.ready.L, g.turn.L, g.room.L = (*locker)(g), (*locker)(g), (*locker)(g)
}

// locker is what a gate's conditions lock and unlock.
type locker gate

// Lock implements sync.Locker.
func (l *locker) Lock() { (*gate)(l).lock() }

// Unlock implements sync.Locker.
func (l *locker) Unlock() { (*gate)(l).unlock() }

// tries is how often a gate is tried before it is waited for. It is held for some tens of nanoseconds, and a sync.Mutex
// pauses for longer than that before it tries again, and then sleeps.
const tries = 100

func (g *gate) lock() {
	for range tries {
		if g.mu.TryLock() {
			return
		}
	}
	g.mu.Lock()
}

// tell wakes somebody when the gate is released.
func (g *gate) tell(w whom) { g.told |= w }

// unlock releases the gate and calls those who were noted.
func (g *gate) unlock() {
	told, starts := g.told, g.starts
	if told == 0 && starts == 0 {
		g.mu.Unlock()
		return
	}
	g.told, g.starts = 0, 0
	g.mu.Unlock()
	g.call(told, starts)
}

func (g *gate) call(told whom, starts int) {
	if told&readers != 0 {
		g.ready.Broadcast()
	}
	switch {
	case told&allWorkers != 0:
		g.turn.Broadcast()
	case told&oneWorker != 0:
		g.turn.Signal()
	}
	if told&puller != 0 {
		g.room.Broadcast()
	}
	for range starts {
		go g.worker()
	}
}
