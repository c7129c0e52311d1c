package burdock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// A ledger is one store of a tree with the claim under which the tree writes to it. Most trees have one; a cascade that
// is overridden may bring others, each of which is claimed when it is needed first.
type ledger struct {
	tree    *tree
	given   Store // what the options name
	store   Store // given, or its relaxed view
	durable Durability

	claiming sync.Mutex
	claim    Claim // of the call that runs; nil before it is needed
	fence    Fence
	unwatch  func()

	flushing chan struct{} // has room for one; a lock that is held over the store, which a mutex must not be: see package fan

	mu   sync.Mutex
	held held
}

// ledgerOf returns the tree's ledger for a store. A nil store has none.
func (t *tree) ledgerOf(s Store) (*ledger, error) {
	if s == nil {
		return nil, nil
	}
	if !comparableStore(s) {
		return nil, fmt.Errorf("a %T cannot be told from another store by comparing them; use a pointer", s)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.ledgers {
		if l.given == s {
			return l, nil
		}
	}
	l := &ledger{tree: t, given: s, store: s, durable: t.durable, flushing: make(chan struct{}, 1)}
	if t.durable == Relaxed {
		r, ok := s.(Relaxer)
		if !ok {
			return nil, fmt.Errorf("Options.Durability is %s, but a %T cannot do that; use Durable or OnHalt", Relaxed, s)
		}
		l.store = r.Relaxed()
	}
	t.ledgers = append(t.ledgers, l)
	return l, nil
}

// allLedgers returns the ledgers that the tree has come to know.
func (t *tree) allLedgers() []*ledger {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clip(t.ledgers)
}

// claimed makes sure that the call that runs has a claim of the root in this store. A conflict stops the tree.
func (l *ledger) claimed(ctx context.Context) error {
	l.claiming.Lock()
	defer l.claiming.Unlock()
	if l.claim != nil {
		return nil
	}
	if err := l.take(ctx); err != nil {
		l.tree.fail(err)
		return err
	}
	return nil
}

// take claims the root, and has the tree stopped when the claim is lost.
func (l *ledger) take(ctx context.Context) error {
	claim, err := l.store.Claim(ctx, l.tree.root)
	if err != nil {
		return &StoreError{Op: "claim", App: l.tree.root, Err: err}
	}
	l.claim, l.fence = claim, claim.Fence()
	over, watched := make(chan struct{}), make(chan struct{})
	l.unwatch = func() {
		close(over)
		<-watched
	}
	go func() {
		defer close(watched)
		select {
		case <-claim.Lost():
			l.tree.fail(fmt.Errorf("application %q: its claim was lost: %w", l.tree.root, ErrConflict))
		case <-over:
		}
	}()
	return nil
}

// release gives the claim up.
func (l *ledger) release(ctx context.Context) error {
	l.claiming.Lock()
	defer l.claiming.Unlock()
	if l.claim == nil {
		return nil
	}
	l.unwatch()
	err := l.claim.Release(context.WithoutCancel(ctx))
	l.claim = nil
	if err != nil {
		return &StoreError{Op: "release", App: l.tree.root, Err: err}
	}
	return nil
}

// release gives up all claims of the call that ends.
func (t *tree) release(ctx context.Context) error {
	var errs []error
	for _, l := range t.allLedgers() {
		if err := l.release(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// save commits checkpoints under the tree's claim, and with them the events that the store writes itself as a Journal.
// What ends the caller's context does not end a save.
func (l *ledger) save(ctx context.Context, batch []Checkpoint, events ...Event) error {
	if err := l.tree.failed(); err != nil {
		return err
	}
	for i := range batch {
		batch[i].Fence = l.fence
	}
	if l.durable == OnHalt {
		l.hold(batch, events)
		return nil
	}
	return l.write(ctx, batch, events)
}

func (l *ledger) write(ctx context.Context, batch []Checkpoint, events []Event) (err error) {
	ctx = context.WithoutCancel(ctx)
	if len(events) > 0 {
		err = l.store.(Journal).SaveJournal(ctx, l.fence, batch, events)
	} else {
		err = l.store.Save(ctx, l.fence, batch)
	}
	if err != nil {
		err = &StoreError{Op: "save", App: batch[len(batch)-1].App, Err: err}
		l.tree.fail(err)
	}
	return err
}

// A heldID identifies a checkpoint that waits in memory.
type heldID struct {
	app  string
	seq  int64
	kind CheckpointKind
}

// held is what OnHalt has not saved yet, in the order of first saves; a later record replaces an earlier one.
type held struct {
	at     map[heldID]int
	batch  []Checkpoint
	events []Event
}

func (l *ledger) hold(batch []Checkpoint, events []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held.add(batch, events)
}

func (h *held) add(batch []Checkpoint, events []Event) {
	if h.at == nil {
		h.at = map[heldID]int{}
	}
	for _, cp := range batch {
		id := heldID{cp.App, cp.Seq, cp.Kind}
		if i, ok := h.at[id]; ok {
			h.batch[i] = cp
			continue
		}
		h.at[id] = len(h.batch)
		h.batch = append(h.batch, cp)
	}
	h.events = append(h.events, events...)
}

// flush saves what OnHalt holds, in one batch. What could not be saved stays for the next call. One flush waits for another:
// two batches on their way at once could leave a step running that has ended.
func (l *ledger) flush(ctx context.Context) error {
	l.flushing <- struct{}{}
	defer func() { <-l.flushing }()
	l.mu.Lock()
	h := l.held
	l.held = held{}
	l.mu.Unlock()
	if len(h.batch) == 0 {
		return nil
	}
	for i := range h.batch {
		h.batch[i].Fence = l.fence
	}
	err := l.tree.failed()
	if err == nil {
		err = l.write(ctx, h.batch, h.events)
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		l.mu.Lock()
		defer l.mu.Unlock()
		since := l.held
		l.held = h
		l.held.add(since.batch, since.events)
	}
	return err
}

// flush saves what OnHalt holds, in every store.
func (t *tree) flush(ctx context.Context) error {
	for _, l := range t.allLedgers() {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// discard forgets what OnHalt holds: another owner has gone on from what was saved.
func (t *tree) discard() {
	for _, l := range t.allLedgers() {
		l.mu.Lock()
		l.held = held{}
		l.mu.Unlock()
	}
}

// latest returns the latest record of an application, whether it is saved or held.
func (l *ledger) latest(ctx context.Context, id string) (Checkpoint, error) {
	if err := l.flush(ctx); err != nil {
		return Checkpoint{}, err
	}
	cp, err := l.store.Load(ctx, Ref{App: id, Seq: -1})
	if err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
		err = &StoreError{Op: "load", App: id, Err: err}
		l.tree.fail(err)
	}
	return cp, err
}
