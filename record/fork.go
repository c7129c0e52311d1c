package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/burdock-go/burdock"
)

// ForkOptions say what a fork is called and how it differs from its origin. Nil is fine.
type ForkOptions struct {
	// ID is the fork's id. Defaults to the id of the origin's root followed by -fork-1, or by the next number that is
	// free.
	ID string
	// Set replaces the values of keys, a list as a whole. The keys are those of the origin's state or graph. Defaults to
	// none.
	Set map[string]json.RawMessage
	// Rerun, unless it is nil, makes the fork begin before the step, which is one of a parallel action. Completed
	// branches are restored by copy, except those with these keys, which run anew. Defaults to nil.
	Rerun []string
}

// Fork makes a new application that begins where a step of another one ended, or, with Rerun, before that step. It is
// burdock.Fork for who does not have the graph: the fork goes on when burdock.Resume opens it. The step may belong to a
// root or to a branch, whose fork is a root. A step that did not complete is run again. A Ref.Seq below zero is the
// latest step. The fork keeps project and partition of its origin.
//
//	burdock.Fork    sequence 0, which holds everything, and copied branches, with the first step when that has run
//	Fork            sequence 0, which holds everything, and copied branches, and then nobody owns the fork
//
// Nothing of the origin changes and nothing of the fork depends on it later. Without types a value of Set is checked as
// far as the stored description of the graph tells; Resume refuses what does not fit its key after all.
//
// Fork fails with burdock.ErrNotFound if the store has no such step, with burdock.ErrExists if the id is taken, and with
// burdock.ErrConflict while somebody else holds it. It writes all or nothing; only an error that says so comes after the
// fork was saved.
func Fork(ctx context.Context, store burdock.Store, from burdock.Ref, opts *ForkOptions) (id string, err error) {
	if opts == nil {
		opts = &ForkOptions{}
	}
	f := &forking{store: store, opts: opts}
	if err = f.prepare(ctx, from); err == nil {
		id, err = f.save(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("record: fork of %q: %w", from.App, err)
	}
	return id, nil
}

// A forking is one call of Fork.
type forking struct {
	store burdock.Store
	opts  *ForkOptions

	at          burdock.Checkpoint // the step that is forked
	last        burdock.Checkpoint // the step after which the fork stands: at, or the one before
	inputs      []burdock.InputRecord
	description json.RawMessage // of the graph
	delta       burdock.Delta   // everything
	lists       bool            // delta has a list that the graph appends to
	copies      []burdock.Checkpoint
}

// prepare reads what the fork begins with.
func (f *forking) prepare(ctx context.Context, from burdock.Ref) (err error) {
	if err := f.opts.check(); err != nil {
		return err
	}
	if f.at, err = load(ctx, f.store, from); err != nil {
		return err
	}
	seq := f.at.Seq
	before := f.opts.Rerun != nil || again(&f.at)
	if before {
		if seq--; seq < 0 {
			return errors.New("step 0 is its beginning, which ran nothing that could run again")
		}
	}
	values, err := f.read(ctx, seq)
	if err != nil {
		return err
	}
	if before || f.at.Status == burdock.StatusFailed { // a failed step has not used them up
		f.inputs = f.at.Inputs
	}
	if f.description, err = describe(ctx, f.store, &f.last); err != nil {
		return err
	}
	if err := f.fill(values); err != nil {
		return err
	}
	return f.adopt(ctx)
}

// again reports whether the step of a record has to run again.
func again(c *burdock.Checkpoint) bool {
	return c.Status != burdock.StatusCompleted && (c.Status != burdock.StatusFailed || c.Next == "")
}

// load is Store.Load with errors that say what is missing.
func load(ctx context.Context, store burdock.Store, from burdock.Ref) (burdock.Checkpoint, error) {
	at, err := store.Load(ctx, from)
	if !errors.Is(err, burdock.ErrNotFound) || from.Seq < 0 {
		return at, err
	}
	if latest, err := store.Load(ctx, burdock.Ref{App: from.App, Seq: -1}); err == nil {
		return at, fmt.Errorf("step %d: %w; its latest is %d", from.Seq, burdock.ErrNotFound, latest.Seq)
	}
	return at, err
}

// read adds up the state after the step seq.
func (f *forking) read(ctx context.Context, seq int64) (*Values, error) {
	values := &Values{}
	for c, err := range f.store.List(ctx, burdock.Query{App: f.at.App, Until: max(seq, 1)}) {
		if err != nil {
			return nil, err
		}
		if c.Seq > seq {
			break
		}
		values.Add(c)
		if c.Kind == burdock.KindStep {
			f.last = c
		}
	}
	if f.last.App == "" || f.last.Seq != seq {
		return nil, fmt.Errorf("step %d: %w; somebody has pruned it meanwhile", seq, burdock.ErrNotFound)
	}
	return values, nil
}

// adopt reads the branches that the fork copies.
func (f *forking) adopt(ctx context.Context) error {
	if f.opts.Rerun == nil {
		return nil
	}
	r := rerun{keys: f.opts.Rerun, found: map[string]bool{}}
	for c, err := range f.store.List(ctx, burdock.Query{Parent: f.at.Ref()}) {
		if err != nil {
			return err
		}
		r.add(c)
	}
	f.copies = r.end()
	return r.check(&f.at)
}

// save commits the fork under its id, or under the first one that is free.
func (f *forking) save(ctx context.Context) (string, error) {
	if f.opts.ID != "" {
		return f.opts.ID, f.saveAs(ctx, f.opts.ID)
	}
	for n := 1; ; n++ {
		id := forkID(f.at.Root, n)
		if err := f.saveAs(ctx, id); !errors.Is(err, burdock.ErrExists) && !errors.Is(err, burdock.ErrConflict) {
			return id, err
		}
	}
}

func (f *forking) saveAs(ctx context.Context, id string) error {
	if err := f.absent(ctx, id); err != nil {
		return err
	}
	claim, err := f.store.Claim(ctx, id)
	if err != nil {
		return fmt.Errorf("claim the id %q: %w", id, err)
	}
	err = f.absent(ctx, id) // nobody else can have saved it from here on
	if err == nil {
		err = f.store.Save(ctx, claim.Fence(), f.batch(id, claim.Fence()))
	}
	released := claim.Release(context.WithoutCancel(ctx))
	if err == nil && released != nil {
		return fmt.Errorf("%q is saved, but its claim was not released: %w", id, released)
	}
	return errors.Join(err, released)
}

// absent fails with ErrExists if the store has the id.
func (f *forking) absent(ctx context.Context, id string) error {
	switch _, err := f.store.Load(ctx, burdock.Ref{App: id, Seq: -1}); {
	case err == nil:
		return fmt.Errorf("the id %q: %w; name another", id, burdock.ErrExists)
	case !errors.Is(err, burdock.ErrNotFound):
		return err
	}
	return nil
}

// batch is all records of the fork.
func (f *forking) batch(id string, fence burdock.Fence) []burdock.Checkpoint {
	batch := []burdock.Checkpoint{f.beginning(id)}
	for _, c := range f.copies {
		batch = append(batch, f.adopted(c, id))
	}
	for i := range batch {
		batch[i].Fence = fence
	}
	return batch
}

// beginning is sequence 0.
func (f *forking) beginning(id string) burdock.Checkpoint {
	now := time.Now().UTC()
	return burdock.Checkpoint{
		Root: id, App: id, Path: escapePath(id), Project: f.at.Project, Partition: f.at.Partition,
		Graph: f.last.Graph, GraphHash: f.last.GraphHash, Description: f.description,
		Kind: burdock.KindStep, Status: burdock.StatusCompleted, Next: f.last.Next, Error: f.last.Error, Origin: f.at.Ref(), Inputs: f.inputs,
		Delta: f.delta, Lists: f.lists, Started: now, Ended: now,
	}
}

// adopted is a record of an origin's branch as one of the fork's.
func (f *forking) adopted(c burdock.Checkpoint, id string) burdock.Checkpoint {
	c.Origin = c.Ref()
	c.Root, c.Project, c.Partition = id, f.at.Project, f.at.Partition
	c.Parent = burdock.Ref{App: id, Seq: 1}
	c.App = branchID(c.Parent, c.Task, c.Key, c.Fingerprint)
	c.Path = branchPath(id, f.last.Next, c.Path)
	return c
}
