package sqlitestore

import (
	"context"
	"errors"
	"runtime"
	"slices"
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
	saves   []*save
	written int           // how many of them the transaction has
	lightly bool          // the transaction will not be synced
	done    chan struct{} // closed when every save has its result
}

// A group forms batches. The first save of a batch leads it; the others wait. A batch is open until its transaction is
// about to commit: while the leader writes the rows of some, others encode theirs on other cores.
type group struct {
	mu      sync.Mutex
	forming *batch
	last    int // how many saves the last batch had
}

// maxYields bounds how often a leader lets others run before it commits.
const maxYields = 64

// Save implements burdock.Store. A ctx that is done before Save begins makes it fail with nothing written; later its
// end changes nothing. Concurrent calls share commits and fail apart. The error is an *Error, or wraps ErrConflict.
func (s *Store) Save(ctx context.Context, fence burdock.Fence, checkpoints []burdock.Checkpoint) error {
	return s.save(ctx, fence, checkpoints, nil, false)
}

// commitWith puts sv into the forming batch and returns when it has its result.
func (s *Store) commitWith(sv *save) {
	sv.err = errUnfinished
	b, leads := s.group.join(sv)
	if leads {
		s.lead(b)
		return
	}
	<-b.done
}

// join adds a save to the forming batch. If there is none, or none that will be synced as sv must be, sv leads another.
func (g *group) join(sv *save) (b *batch, leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b = g.forming
	if leads = b == nil || b.lightly && !sv.lightly; leads {
		b = &batch{done: make(chan struct{})}
		g.forming = b
	}
	b.saves = append(b.saves, sv)
	return b, leads
}

// lead commits b as soon as nobody else writes.
func (s *Store) lead(b *batch) {
	defer func() {
		s.group.close(b)
		close(b.done)
	}()
	if err := s.lock("save"); err != nil {
		for _, sv := range s.group.close(b) {
			sv.err = err
		}
		return
	}
	defer s.unlock()
	s.commit(b)
}

// next returns the saves that the transaction of b has not written yet. If there are none, b is closed; but first others
// run as long as b is smaller than the last batch was: those who were woken by the last commit are about to save again,
// and without them batches would alternate between one and many.
func (g *group) next(b *batch) []*save {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := 0; i < maxYields && len(b.saves) == b.written && b.written < g.last; i++ {
		g.mu.Unlock()
		runtime.Gosched()
		g.mu.Lock()
	}
	more := b.saves[b.written:]
	if b.written == 0 {
		b.lightly = !slices.ContainsFunc(more, func(sv *save) bool { return !sv.lightly })
	}
	if b.written = len(b.saves); len(more) == 0 {
		g.detach(b)
	}
	return more
}

// close lets nobody join b any more and returns all who have.
func (g *group) close(b *batch) []*save {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.detach(b)
	return b.saves
}

func (g *group) detach(b *batch) {
	if g.forming == b {
		g.forming, g.last = nil, len(b.saves)
	}
}

// commit writes b in one transaction. If that fails for another reason than a fence, each save gets a transaction of
// its own, so that it fails or succeeds by itself. That also resolves a COMMIT of unknown outcome: a save whose rows
// are there is written again, equal, and synced. The caller holds the token.
func (s *Store) commit(b *batch) {
	err := s.transact(func() []*save { return s.group.next(b) })
	if err == nil {
		return
	}
	saves := s.group.close(b)
	for i, sv := range saves {
		if len(saves) > 1 || uncertain(err) {
			err = s.transact(once(saves[i : i+1]))
		}
		if err != nil {
			sv.err = s.fail("save", err)
		}
	}
}

// once returns saves when it is called first, and none later.
func once(saves []*save) func() []*save {
	return func() (next []*save) {
		next, saves = saves, nil
		return next
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

// transact writes in one transaction the saves that next returns, until it returns none; a stale one gets its error and
// is left out. Any other error is returned and nothing is written.
func (s *Store) transact(next func() []*save) (err error) {
	w := &s.write
	if err := s.reopen(&w.conn, full); err != nil {
		return err
	}
	saves := next()
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
	var all []*save
	for ; len(saves) > 0; saves = next() {
		all = append(all, saves...)
		for _, sv := range saves {
			if err := s.put(sv); err != nil {
				return err
			}
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
		for _, sv := range all {
			repeated(sv.events)
		}
		return err
	}
	for _, sv := range all {
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
	holder := s.claims.holder(sv.fence)
	for i := range sv.rows {
		if err := s.write.put(&sv.rows[i], holder); err != nil {
			return err
		}
	}
	if err := s.write.forgetMessages(sv); err != nil {
		return err
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
