package sqlitestore

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/burdock-go/burdock"
)

// A save is one call of Save on its way through a batch.
type save struct {
	fence   burdock.Fence
	rows    []row
	events  []pending // of a journal
	lightly bool      // need not be synced
	refused error     // its fence is stale
	err     error     // the result; unfinished until there is one
}

// errUnfinished is what a save returns whose leader panicked: never a success that nobody has seen.
var errUnfinished = errors.New("the commit did not end")

// A batch is the saves that share a commit.
type batch struct {
	saves []*save
	done  chan struct{} // closed when every save has its result
}

// A group forms batches. The first save of a batch leads it; the others wait.
type group struct {
	mu      sync.Mutex
	forming *batch
	last    int // how many saves the last batch had
}

// maxYields bounds how often a leader lets others run before it takes its batch.
const maxYields = 64

// Save implements burdock.Store. A ctx that is done before Save begins makes it fail with nothing written; later its
// end changes nothing. Concurrent calls share commits and fail apart. The error is an *Error, or wraps ErrConflict.
func (s *Store) Save(ctx context.Context, fence burdock.Fence, checkpoints []burdock.Checkpoint) error {
	return s.save(ctx, fence, checkpoints, nil, false)
}

// commitWith puts sv into the forming batch and returns when it has its result.
func (s *Store) commitWith(sv *save) {
	g := &s.group
	sv.err = errUnfinished
	g.mu.Lock()
	b := g.forming
	leads := b == nil
	if leads {
		b = &batch{done: make(chan struct{})}
		g.forming = b
	}
	b.saves = append(b.saves, sv)
	g.mu.Unlock()
	if !leads {
		<-b.done
		return
	}
	s.lead(b)
}

// lead commits b as soon as nobody else writes. What joins meanwhile shares the commit.
func (s *Store) lead(b *batch) {
	defer close(b.done)
	err := s.lock("save")
	saves := s.group.take(b, err == nil)
	if err != nil {
		for _, sv := range saves {
			sv.err = err
		}
		return
	}
	defer s.unlock()
	s.commit(saves)
}

// take ends the forming of b. It yields first while b grows and is smaller than the last batch was: those who were
// woken by the last commit are about to save again, and without them batches would alternate between one and many.
func (g *group) take(b *batch, wait bool) []*save {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := 0; wait && i < maxYields && len(b.saves) < g.last; i++ {
		before := len(b.saves)
		g.mu.Unlock()
		for range 4 {
			runtime.Gosched()
		}
		g.mu.Lock()
		if len(b.saves) == before {
			break
		}
	}
	g.forming, g.last = nil, len(b.saves)
	return b.saves
}

// commit writes saves in one transaction. If that fails for another reason than a fence, each gets a transaction of
// its own, so that it fails or succeeds by itself. That also resolves a COMMIT of unknown outcome: a save whose rows
// are there is written again, equal, and synced. The caller holds the token.
func (s *Store) commit(saves []*save) {
	err := s.transact(saves)
	if err == nil {
		return
	}
	for _, sv := range saves {
		if len(saves) > 1 || uncertain(err) {
			err = s.transact([]*save{sv})
		}
		if err != nil {
			sv.err = s.fail("save", err)
		}
	}
}

// A commitError is the failure of a COMMIT.
type commitError struct{ error }

// Unwrap returns what SQLite said.
func (e *commitError) Unwrap() error { return e.error }

// uncertain reports whether an error may have come after the commit took effect. Where the disk is full or the
// database cannot be written nothing has happened, and nothing would happen on a second try.
func uncertain(err error) bool {
	if _, ok := errors.AsType[*commitError](err); ok {
		return true
	}
	switch code(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return false
	}
	return true
}

// transact writes saves in one transaction; a stale one gets its error and is left out. Any other error is returned
// and nothing is written.
func (s *Store) transact(saves []*save) (err error) {
	w := &s.write
	if err := s.reopen(&w.conn, full); err != nil {
		return err
	}
	if err := w.synchronize(saves); err != nil {
		return err
	}
	if err := s.begin(w.conn); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = w.conn.rollback()
			w.reset()
		}
	}()
	if err := w.refresh(); err != nil {
		return err
	}
	for _, sv := range saves {
		if err := s.put(sv); err != nil {
			return err
		}
	}
	taken := s.events.take()
	if err = s.putEvents(taken); err == nil {
		if err = w.conn.exec("COMMIT"); err != nil {
			err = &commitError{err}
		}
	}
	if err != nil {
		s.events.giveBack(taken, err)
		for _, sv := range saves {
			repeated(sv.events)
		}
		return err
	}
	for _, sv := range saves {
		sv.err = sv.refused
	}
	return nil
}

// put writes one save, unless its fence is stale.
func (s *Store) put(sv *save) error {
	sv.refused = nil
	if sv.fence.Root == "" { // a flush of events
		return nil
	}
	switch err := s.write.admit(sv.fence); {
	case errors.Is(err, burdock.ErrConflict):
		sv.refused = &Error{Path: s.path, Op: "save", Err: err}
		s.claims.lose(sv.fence)
		return nil
	case err != nil:
		return err
	}
	for i := range sv.rows {
		if err := s.write.put(&sv.rows[i]); err != nil {
			return err
		}
	}
	return s.putEvents(sv.events)
}

// begin starts a transaction that may write. Waiting for another process is done here and not by SQLite, whose pauses
// grow to 100 ms: against a process that commits without a break they would meet no gap for seconds.
func (s *Store) begin(c *conn) error {
	err := s.patiently(func() error { return c.exec("BEGIN IMMEDIATE") })
	if err != nil && code(err) != sqlite3.SQLITE_BUSY {
		c.broken = true
	}
	return err
}

// patiently repeats what fails because another process has a lock, up to Options.BusyTimeout.
func (s *Store) patiently(f func() error) error {
	const shortest, longest = 200 * time.Microsecond, 2 * time.Millisecond
	err := f()
	deadline := time.Now().Add(s.opts.BusyTimeout)
	for pause := shortest; code(err) == sqlite3.SQLITE_BUSY && time.Now().Before(deadline); pause = min(pause*5/4, longest) {
		time.Sleep(pause)
		err = f()
	}
	return err
}

// below reports whether f is older than g, both of one root.
func below(f, g burdock.Fence) bool {
	return f.Epoch < g.Epoch || f.Epoch == g.Epoch && f.Dispatch < g.Dispatch
}
