package sqlitestore

import (
	"context"
	"fmt"
	"slices"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

var (
	_ burdock.Journal = (*Store)(nil)
	_ burdock.Relaxer = (*Store)(nil)
	_ burdock.Journal = (*relaxed)(nil)
)

// Journals implements burdock.Journal: it reports whether t is a Tracker of this store.
func (s *Store) Journals(t burdock.Tracker) bool {
	own, ok := t.(*Tracker)
	return ok && own.store == s
}

// SaveJournal implements burdock.Journal: Save, and the events in the same transaction. An event that cannot be encoded
// or is too large is dropped, counted and logged.
func (s *Store) SaveJournal(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint, events []burdock.Event) error {
	return s.save(ctx, fence, batch, events, false)
}

// save is Save with all its variants.
func (s *Store) save(ctx context.Context, fence burdock.Fence, checkpoints []burdock.Checkpoint, events []burdock.Event, lightly bool) error {
	if err := record.CheckBatch(fence, checkpoints); err != nil {
		return fmt.Errorf("sqlitestore: save: %w", err)
	}
	sv := newSave(fence, lightly)
	defer sv.free()
	if err := sv.encode(checkpoints); err != nil {
		return fmt.Errorf("sqlitestore: save: %w", err)
	}
	for i := range events {
		p, err := pend(&events[i], 0)
		if err != nil {
			s.events.drop(s, 1, err)
			continue
		}
		sv.events = append(sv.events, p)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.commitWith(sv)
	return sv.err
}

// relaxed is the store seen through Relaxed: its saves are in the write-ahead log when they are acknowledged, and
// synced with the next durable commit or by SQLite's own checkpoint. A power cut loses a tail of the log, so what
// comes later is lost with what came before.
type relaxed struct{ *Store }

// Relaxed implements burdock.Relaxer. A commit that it shares with a durable save is synced.
func (s *Store) Relaxed() burdock.Store { return &relaxed{s} }

// Save implements burdock.Store.
func (r *relaxed) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	return r.save(ctx, fence, batch, nil, true)
}

// SaveJournal implements burdock.Journal.
func (r *relaxed) SaveJournal(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint, events []burdock.Event) error {
	return r.save(ctx, fence, batch, events, true)
}

// synchronize sets how the next commit of the writing connection is synced: not at all if every save of the batch is
// relaxed. The caller holds the token, and no transaction is open.
func (w *writer) synchronize(saves []*save) error {
	level := full
	if len(saves) > 0 && !slices.ContainsFunc(saves, func(sv *save) bool { return !sv.lightly }) {
		level = normal
	}
	return w.conn.synchronous(level)
}
