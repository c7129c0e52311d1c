package pgstore

import (
	"context"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// TrackerOptions tell a Tracker what it may keep. A nil *TrackerOptions is fine.
type TrackerOptions struct {
	// MaxValue is how many bytes of JSON the Value of an event may have; an event with more is dropped. Defaults to
	// record.MaxEventValue.
	MaxValue int
}

// Bounds of what waits to be written.
const (
	flushAfter     = 200 * time.Millisecond
	maxBufferBytes = 4 << 20
)

// A Tracker writes events into the store's database, so that one schema tells all of a run. Many may share a store.
type Tracker struct {
	store *Store
	opts  TrackerOptions
}

// Tracker returns a tracker that writes into this database. It needs no closing: Store.Close writes what waits.
func (s *Store) Tracker(opts *TrackerOptions) *Tracker {
	t := &Tracker{store: s}
	if opts != nil {
		t.opts = *opts
	}
	return t
}

var _ burdock.Tracker = (*Tracker)(nil)

// Track implements burdock.Tracker. The event is encoded here and written with the next commit of a checkpoint, or
// 200 ms later in a commit with other events. An event that cannot be encoded or is too large is dropped, counted,
// logged, and its error returned. When 4 MiB wait, Track writes them itself, which slows the step that called it.
// Its ctx is not asked.
func (t *Tracker) Track(_ context.Context, e burdock.Event) error {
	p, err := pend(&e, t.opts.MaxValue)
	if err != nil {
		t.store.events.drop(1, err)
		return t.store.fail("track", err)
	}
	full, err := t.store.events.add(p)
	if err == nil && full {
		err = t.store.events.flush()
	}
	return err
}

// Flush writes the events that wait, committed when it returns. Its ctx is not asked.
func (t *Tracker) Flush(context.Context) error { return t.store.events.flush() }

// Dropped is how many events of this store were not written: too large, not to be encoded, or refused by the server.
func (t *Tracker) Dropped() int64 { return t.store.events.droppedSoFar() }

// A pending event waits to be written.
type pending struct {
	root, app       string
	parent          burdock.Ref
	index           int64
	seq, attempt, n int64
	body            []byte
	again           bool // a commit of unknown outcome may have written it
}

func pend(e *burdock.Event, maxValue int) (pending, error) {
	body, err := record.MarshalEvent(*e, maxValue)
	return pending{
		root: e.Root, app: e.App, parent: e.Parent, index: e.Index, seq: e.Seq, attempt: int64(e.Attempt), n: e.N, body: body,
	}, err
}

func (p *pending) size() int { return len(p.body) + len(p.app) + len(p.root) + len(p.parent.App) + 96 }

// A buffer holds the events that wait.
type buffer struct {
	mu      sync.Mutex
	store   *Store
	list    []pending
	bytes   int
	dropped int64
	stopped bool
	timer   *time.Timer    // runs while something waits
	running sync.WaitGroup // the timer's flush
}

// add reports whether the buffer is full.
func (b *buffer) add(p pending) (full bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		b.dropped++
		return false, &Error{Database: b.store.name, Op: "track", Kind: ErrClosed}
	}
	b.list = append(b.list, p)
	b.bytes += p.size()
	b.arm()
	return b.bytes >= maxBufferBytes, nil
}

// arm starts the timer for what waits; the caller holds the mutex.
func (b *buffer) arm() {
	if b.timer != nil || b.stopped || len(b.list) == 0 {
		return
	}
	b.running.Add(1)
	b.timer = time.AfterFunc(flushAfter, func() {
		defer b.running.Done()
		b.mu.Lock()
		b.timer = nil
		b.mu.Unlock()
		_ = b.flush() // what could not be written waits for the next commit, or is counted and logged
	})
}

// take empties the buffer for a commit. The timer goes on; when it fires there may be nothing to do.
func (b *buffer) take() []pending {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list, b.bytes = nil, 0
	return list
}

// giveBack returns what a failed commit had taken; what finds no room, or can never be written, is dropped.
func (b *buffer) giveBack(list []pending, err error) {
	if len(list) == 0 {
		return
	}
	for i := range list {
		list[i].again = list[i].again || cut(err)
	}
	b.mu.Lock()
	b.list = append(list, b.list...)
	b.bytes, list = 0, nil
	for i := range b.list {
		if b.bytes += b.list[i].size(); b.bytes > 2*maxBufferBytes || b.stopped {
			b.list, list = b.list[:i], b.list[i:]
			break
		}
	}
	b.arm()
	b.mu.Unlock()
	if len(list) > 0 {
		b.drop(int64(len(list)), err)
	}
}

func (b *buffer) drop(n int64, err error) {
	b.mu.Lock()
	b.dropped += n
	total := b.dropped
	b.mu.Unlock()
	b.store.opts.Log.Error("burdock: events were dropped", "database", b.store.name, "events", n, "total", total, "error", err)
}

func (b *buffer) droppedSoFar() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// flush commits what waits, with the saves that come at the same moment.
func (b *buffer) flush() error {
	b.mu.Lock()
	empty := len(b.list) == 0
	b.mu.Unlock()
	if empty {
		return nil
	}
	sv := &save{}
	b.store.commitWith(context.Background(), sv)
	return sv.err
}

// stop ends the timer and waits for a flush that it has begun.
func (b *buffer) stop() {
	b.mu.Lock()
	if b.timer != nil && b.timer.Stop() {
		b.running.Done()
	}
	b.timer, b.stopped = nil, true
	b.mu.Unlock()
	b.running.Wait()
}
