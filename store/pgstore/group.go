package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A save is one call of Save on its way through a batch.
type save struct {
	fence  burdock.Fence
	rows   []row
	events []pending // of a journal
	failed error     // why the shared commit failed: the save must be tried alone
	err    error
}

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

// What one transaction holds at most; a single save may be larger.
const (
	maxRows  = 20_000
	maxBytes = 32 << 20
)

// Save implements burdock.Store. A ctx that is done before Save begins makes it fail with nothing written; later its
// end changes nothing. Concurrent calls share commits and fail apart. The error is an *Error, or wraps ErrConflict.
func (s *Store) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	return s.SaveJournal(ctx, fence, batch, nil)
}

// Journals implements burdock.Journal: it reports whether t is a Tracker of this store.
func (s *Store) Journals(t burdock.Tracker) bool {
	own, ok := t.(*Tracker)
	return ok && own.store == s
}

// SaveJournal implements burdock.Journal: Save, and the events in the same transaction. An event that cannot be encoded,
// is too large, or is refused by the server is dropped, counted and logged.
func (s *Store) SaveJournal(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint, events []burdock.Event) error {
	if err := record.CheckBatch(fence, batch); err != nil {
		return fmt.Errorf("pgstore: save: %w", err)
	}
	sv := &save{fence: fence, rows: make([]row, len(batch))}
	for i := range batch {
		if err := sv.rows[i].encode(&batch[i]); err != nil {
			return fmt.Errorf("pgstore: save: %w", err)
		}
	}
	for i := range events {
		p, err := pend(&events[i], 0)
		if err != nil {
			s.events.drop(1, err)
			continue
		}
		p.root = fence.Root
		sv.events = append(sv.events, p)
	}
	if err := errors.Join(ctx.Err(), s.ready("save")); err != nil {
		return err
	}
	s.commitWith(ctx, sv)
	return sv.err
}

// commitWith puts sv into the forming batch and returns when it has its result.
func (s *Store) commitWith(ctx context.Context, sv *save) {
	g := &s.group
	g.mu.Lock()
	b := g.forming
	leads := b == nil
	if leads {
		b = &batch{done: make(chan struct{})}
		g.forming = b
	}
	b.saves = append(b.saves, sv)
	g.mu.Unlock()
	if leads {
		s.lead(ctx, b)
	} else {
		<-b.done
	}
	if sv.failed != nil {
		sv.err = s.alone(ctx, sv)
	}
}

// lead commits b as soon as no other batch is being committed. What joins meanwhile shares the commit.
func (s *Store) lead(ctx context.Context, b *batch) {
	defer close(b.done)
	<-s.token
	defer func() { s.token <- struct{}{} }()
	saves := s.group.take(b)
	if err := s.ready("save"); err != nil {
		for _, sv := range saves {
			sv.err = err
		}
		return
	}
	s.commit(ctx, saves)
}

// take ends the forming of b. It yields first while b grows and is smaller than the last batch was: those who were
// woken by the last commit are about to save again, and without them batches would alternate between one and many.
func (g *group) take(b *batch) []*save {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := 0; i < maxYields && len(b.saves) < g.last; i++ {
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

// commit writes saves and the events that wait. What fails together is left to each save to try alone, without the
// token: one that waits for a lock must not hold up the others.
func (s *Store) commit(ctx context.Context, saves []*save) {
	ctx, cancel := s.detached(ctx)
	defer cancel()
	for len(saves) > 0 {
		n := fitting(saves)
		events := s.events.take()
		if err := s.transact(ctx, saves[:n], events); err != nil {
			s.part(saves[:n], len(events) > 0, err)
			s.eventsAfter(ctx, events, err)
		}
		saves = saves[n:]
	}
}

// part says what becomes of saves that failed together, or with events. One that was alone and refused for good gains
// nothing from another try, and a flush of events is tried again by itself.
func (s *Store) part(saves []*save, shared bool, err error) {
	for _, sv := range saves {
		last := len(saves) == 1 && !shared && len(sv.events) == 0
		if sv.fence.Root == "" || last && !transient(err) {
			sv.err = s.fail("save", err)
		} else {
			sv.failed = err
		}
	}
}

// eventsAfter says what becomes of events whose commit failed. If the server refused it for good, the reason may be one
// of them: they are tried without the saves, and dropped if they are refused again.
func (s *Store) eventsAfter(ctx context.Context, events []pending, err error) {
	if len(events) > 0 && refused(err) && !transient(err) {
		if err = s.transact(ctx, nil, events); err == nil {
			return
		}
		if kind := code(err); refused(err) && !transient(err) && !passes(kind) {
			s.events.drop(int64(len(events)), err)
			return
		}
	}
	s.events.giveBack(events, err)
}

// fitting is how many of saves fit into one transaction. An application stands once in it: one statement cannot write a
// row twice, and which of two saves counts is told by the fences.
func fitting(saves []*save) int {
	apps := map[string]bool{}
	rows, bytes := 0, 0
	for n, sv := range saves {
		own := map[string]bool{}
		for i := range sv.rows {
			r := &sv.rows[i]
			if apps[r.app] {
				return n
			}
			own[r.app] = true
			rows, bytes = rows+1, bytes+r.size()
		}
		for i := range sv.events {
			bytes += sv.events[i].size()
		}
		if n > 0 && (rows > maxRows || bytes > maxBytes) {
			return n
		}
		for app := range own {
			apps[app] = true
		}
	}
	return len(saves)
}

// alone tries a save whose shared commit failed in a transaction of its own, as long as that may help, and resolves a
// commit of unknown outcome.
func (s *Store) alone(ctx context.Context, sv *save) error {
	ctx, cancel := s.detached(ctx)
	defer cancel()
	err, uncertain := sv.failed, cut(sv.failed)
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		if sleep(ctx, pause/2+rand.N(pause)) != nil {
			break
		}
		sv.repeats(uncertain)
		if err = s.withEvents(ctx, sv); err == nil || !transient(err) {
			break
		}
		uncertain = uncertain || cut(err)
	}
	if uncertain && (err != nil || sv.err != nil) {
		return s.resolve(ctx, sv, err)
	}
	return errors.Join(sv.err, s.fail("save", err))
}

// repeats notes whether an earlier try may have written the events.
func (sv *save) repeats(uncertain bool) {
	for i := range sv.events {
		sv.events[i].again = sv.events[i].again || uncertain
	}
}

// withEvents writes one save with its events. If the server refuses that for good, the reason may be an event: the save
// is tried without them, and if that is done, they are dropped.
func (s *Store) withEvents(ctx context.Context, sv *save) error {
	err := s.transact(ctx, []*save{sv}, nil)
	if len(sv.events) == 0 || !refused(err) || transient(err) || passes(code(err)) {
		return err
	}
	events, why := sv.events, err
	sv.events = nil
	if err = s.transact(ctx, []*save{sv}, nil); err == nil {
		s.events.drop(int64(len(events)), why)
	}
	return err
}

// resolve decides a save that was cut and then could not be written again: because another owner has come, which
// stands in sv.err, or because of err.
func (s *Store) resolve(ctx context.Context, sv *save, err error) error {
	there, unknown := s.present(ctx, sv)
	switch {
	case unknown != nil:
		err = &cutError{errors.Join(err, unknown)}
	case there:
		return nil
	case cut(err): // nothing was written
		err = errors.Unwrap(err)
	}
	return errors.Join(sv.err, s.fail("save", err))
}
