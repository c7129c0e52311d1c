package burdock

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A Durability says what an acknowledged step survives.
type Durability string

// The durabilities of an application.
const (
	// Durable steps survive the end of the process and of the machine. It is the default.
	Durable Durability = "durable"
	// Relaxed steps survive the end of the process. After a power cut the application and its branches go back
	// together to an earlier moment, never to a mixture. The store must be a Relaxer.
	Relaxed Durability = "relaxed"
	// OnHalt steps are kept in memory and saved in one batch when the call on the App comes back, whatever the
	// reason. A process that dies before loses what it did since the call began.
	OnHalt Durability = "on_halt"
	// Volatile is what StepInfo.Durable says of an application without a store. It is no option.
	Volatile Durability = "volatile"
)

// A Relaxer is a Store that can acknowledge before the machine's disk has the data.
type Relaxer interface {
	// Relaxed returns a view of the same store whose Save returns when the end of the process can lose nothing any
	// more. What a view saved is ordered before whatever the store saves later: a power cut loses a tail.
	Relaxed() Store
}

// A Journal is a Store that commits events with the checkpoint they belong to, so that what is watched and what is
// saved never disagree.
type Journal interface {
	// Journals reports whether t writes its events to where the store keeps its checkpoints.
	Journals(t Tracker) bool
	// SaveJournal is Save of batch together with events: all or nothing. An event that cannot be stored is dropped,
	// counted and logged as Track would, and does not make it fail.
	SaveJournal(ctx context.Context, fence Fence, batch []Checkpoint, events []Event) error
}

// configure chooses the store's view and finds out whether it is the tracker's journal too.
func (t *tree) configure(c Cascade, d Durability) error {
	t.store, t.tracker, t.durable, t.middleware = c.Store, c.Tracker, d, slices.Clone(c.Middleware)
	if slices.ContainsFunc(c.Middleware, func(m Middleware) bool { return m == nil }) {
		return errors.New("Cascade.Middleware has a nil entry")
	}
	switch {
	case c.Store == nil && c.RestoreFrom != nil:
		return errors.New("Cascade.RestoreFrom is set, but there is no Cascade.Store to go on in")
	case c.Store == nil && (d == "" || d == Durable):
		t.durable = Volatile
		return nil
	case c.Store == nil:
		return fmt.Errorf("Options.Durability is %s, but there is no Cascade.Store", d)
	case d == "":
		t.durable = Durable
	case d == Relaxed:
		r, ok := c.Store.(Relaxer)
		if !ok {
			return fmt.Errorf("Options.Durability is %s, but a %T cannot do that; use Durable or OnHalt", d, c.Store)
		}
		t.store = r.Relaxed()
	case d != Durable && d != OnHalt:
		return fmt.Errorf("Options.Durability is %q; it is Durable, Relaxed or OnHalt", d)
	}
	if j, ok := t.store.(Journal); ok && c.Tracker != nil {
		t.split(j)
	}
	return nil
}

// split parts the trackers that the journal writes itself from the others.
func (t *tree) split(j Journal) {
	var others []Tracker
	all := trackers{t.tracker}
	if several, ok := t.tracker.(trackers); ok {
		all = several
	}
	for _, tr := range all {
		if t.journal == nil && j.Journals(tr) {
			t.journal = j
			continue
		}
		others = append(others, tr)
	}
	if t.journal != nil {
		t.others = Trackers(others...)
	}
}

// save commits checkpoints, and the events that belong to them, under the tree's claim. What ends the caller's context
// does not end a save.
func (t *tree) save(ctx context.Context, batch []Checkpoint, events ...Event) error {
	if err := t.failed(); err != nil {
		return err
	}
	for i := range batch {
		batch[i].Fence = t.fence
	}
	if t.durable == OnHalt {
		t.hold(batch, events)
		return nil
	}
	return t.write(ctx, batch, events)
}

func (t *tree) write(ctx context.Context, batch []Checkpoint, events []Event) (err error) {
	ctx = context.WithoutCancel(ctx)
	if t.journal != nil && len(events) > 0 {
		err = t.journal.SaveJournal(ctx, t.fence, batch, events)
	} else {
		err = t.store.Save(ctx, t.fence, batch)
	}
	if err != nil {
		err = &StoreError{Op: "save", App: batch[len(batch)-1].App, Err: err}
		t.fail(err)
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

func (t *tree) hold(batch []Checkpoint, events []Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.at == nil {
		t.held.at = map[heldID]int{}
	}
	for _, cp := range batch {
		id := heldID{cp.App, cp.Seq, cp.Kind}
		if i, ok := t.held.at[id]; ok {
			t.held.batch[i] = cp
			continue
		}
		t.held.at[id] = len(t.held.batch)
		t.held.batch = append(t.held.batch, cp)
	}
	t.held.events = append(t.held.events, events...)
}

// flush saves what OnHalt holds, in one batch. What could not be saved stays for the next call.
func (t *tree) flush(ctx context.Context) error {
	t.mu.Lock()
	h := t.held
	t.held = held{}
	t.mu.Unlock()
	if len(h.batch) == 0 {
		return nil
	}
	for i := range h.batch {
		h.batch[i].Fence = t.fence
	}
	err := t.failed()
	if err == nil {
		err = t.write(ctx, h.batch, h.events)
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		t.mu.Lock()
		t.held = h
		t.mu.Unlock()
	}
	return err
}

// latest returns the latest record of an application, whether it is saved or held.
func (t *tree) latest(ctx context.Context, id string) (Checkpoint, error) {
	if err := t.flush(ctx); err != nil {
		return Checkpoint{}, err
	}
	cp, err := t.store.Load(ctx, Ref{App: id, Seq: -1})
	if err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
		err = &StoreError{Op: "load", App: id, Err: err}
		t.fail(err)
	}
	return cp, err
}

// discard forgets what OnHalt holds: another owner has gone on from what was saved.
func (t *tree) discard() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = held{}
}

// told tells of events whose checkpoint is committed: to all, or only to those who are not the journal itself.
func (r *runner) told(ctx context.Context, events []Event) {
	to := r.tree.tracker
	if r.tree.journal != nil {
		to = r.tree.others
	}
	for _, e := range events {
		r.tell(ctx, to, e)
	}
}
