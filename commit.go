package burdock

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// checkpoint returns the record of the current step, to be completed by the caller.
func (r *runner) checkpoint(status Status) Checkpoint {
	cp := r.blank()
	cp.Seq, cp.Attempt, cp.Action, cp.Status = r.seq+1, r.attempt, r.cur.node.action.name, status
	cp.Inputs, cp.Started, cp.Spent, cp.Messages = r.cur.inputs, r.cur.started, r.spent, r.messages
	if r.spent > 0 {
		cp.Tried = r.tried
	}
	if status != StatusRunning {
		cp.Ended = now()
	}
	return cp
}

// blank returns a record that says whose it is.
func (r *runner) blank() Checkpoint {
	if r.placed == "" {
		r.placed = r.path()
	}
	cp := Checkpoint{
		Root: r.tree.root, App: r.identity(), Path: r.placed, Project: r.tree.project, Partition: r.tree.partition,
		Kind: KindStep, Graph: r.plan.graph.name, GraphHash: r.plan.graph.Hash(),
	}
	if b := r.branch; b != nil {
		cp.Parent = Ref{App: r.visit.of.identity(), Seq: r.visit.seq}
		cp.Task, cp.Key, cp.Index, cp.Fingerprint = b.plan.name, b.key(), b.node.Index, b.watched.print
	} else if g := r.tree.guest; g != nil {
		cp.Parent, cp.Task, cp.Key, cp.Index, cp.Fingerprint = g.Parent, g.Task, string(g.Key), g.Index, g.Fingerprint
	}
	return cp
}

// commit saves records, and before them whatever is not saved yet: sequence 0, and what an earlier save could not write.
func (r *runner) commit(ctx context.Context, events []Event, cps ...Checkpoint) error {
	batch := r.unsaved
	if !r.born && len(batch) == 0 {
		zero, err := r.beginning()
		if err != nil {
			return err
		}
		batch = append(append(batch, zero), r.copies...)
	}
	batch = append(batch, cps...)
	if err := r.save(ctx, batch, events...); err != nil {
		return err
	}
	r.unsaved, r.copies, r.born = nil, nil, true
	return nil
}

// preceding begins a batch with what is to be saved before the record of the step that has ended. The batch lies in the
// runner, which uses it for step after step: no store keeps what it is given.
func (r *runner) preceding() ([]Checkpoint, error) {
	if r.born {
		return r.batch[:0], nil
	}
	zero, err := r.beginning()
	if err != nil {
		return nil, err
	}
	return append(append(r.batch[:0], zero), r.copies...), nil
}

// commitEnded is commit for a batch that ends with the record of a step that has ended, see preceding. What the store of a
// root did not take is kept for the next call on the App: the step has run, and does not run again. A conflict keeps
// nothing, as another owner decides.
func (r *runner) commitEnded(events []Event, batch []Checkpoint) (kept bool, err error) {
	err = r.save(r.cur.ctx, batch, events...)
	switch {
	case err == nil:
		r.born, r.copies = true, nil
	case r.branch == nil && !errors.Is(err, ErrConflict):
		r.unsaved, r.owed = slices.Clone(batch), events
		kept = true
	}
	if clear(batch); cap(batch) <= maxKeptBatch {
		r.batch = batch[:0]
	}
	return kept, err
}

// maxKeptBatch is how many records a batch has room for that waits for the next step: two and a snapshot.
const maxKeptBatch = 4

// beginning is the record of sequence 0. The step after it has not run, so the state is still the initial one.
func (r *runner) beginning() (Checkpoint, error) {
	cp := r.blank()
	cp.Status, cp.Started, cp.Origin, cp.Error = StatusCompleted, now(), r.origin, r.failure
	cp.Ended = cp.Started
	if r.next != nil {
		cp.Next = r.next.action.name
	}
	if r.branch == nil && r.tree.guest == nil {
		cp.Description = r.plan.graph.hashed().text
		cp.Halted = r.halted
	}
	cp.Inputs = r.passedOn
	for i, s := range r.vals {
		if !s.set() {
			continue
		}
		k := &r.sch.keys[i]
		data, err := k.encode(s.v)
		if err != nil {
			return cp, fmt.Errorf("the initial state of %s: key %q: %w", cp.Path, k.name, err)
		}
		cp.Delta = append(cp.Delta, Change{Key: k.name, Op: OpSet, Value: data})
		cp.Lists = cp.Lists || k.list
	}
	return cp, nil
}

// remark writes the halt into the latest record.
func (r *runner) remark(ctx context.Context) error {
	if !r.born {
		return r.commit(ctx, nil)
	}
	cp, err := r.env().ledger.latest(context.WithoutCancel(ctx), r.identity())
	if err != nil {
		return err
	}
	cp.Halted = r.halted
	return r.save(ctx, []Checkpoint{cp})
}

// minSnapshot is the least size in bytes of the deltas between two snapshots.
const minSnapshot = 4 << 10

// withSnapshot adds to a batch a snapshot of the state after its last record, if the deltas since the last snapshot weigh
// more than it would.
func (r *runner) withSnapshot(batch []Checkpoint, vals []slot) []Checkpoint {
	cp := &batch[len(batch)-1]
	for _, c := range cp.Delta {
		if c.Op != OpAppend {
			r.since += len(c.Value) + len(c.Key)
		}
	}
	if r.since <= minSnapshot || cp.Next == "" {
		return batch
	}
	snap := r.blank()
	snap.Kind, snap.Seq, snap.Status, snap.Started, snap.Ended = KindSnapshot, cp.Seq, StatusCompleted, cp.Started, cp.Ended
	size := 0
	for i, s := range vals {
		k := &r.sch.keys[i]
		if k.list || !s.set() {
			continue
		}
		data, err := k.encode(s.v)
		if err != nil {
			return batch
		}
		snap.Delta = append(snap.Delta, Change{Key: k.name, Op: OpSet, Value: data})
		size += len(data) + len(k.name)
	}
	if r.since <= size {
		return batch
	}
	r.since = 0
	return append(batch, snap)
}

// merged leaves one change per key: what several changes of a Raw action come to.
func merged(delta Delta) Delta {
	at := map[string]int{}
	var out Delta
	for _, c := range delta {
		i, ok := at[c.Key]
		switch {
		case !ok:
			at[c.Key] = len(out)
			out = append(out, c)
		case c.Op == OpAppend && out[i].Op != OpDelete:
			out[i].Value = joinArrays(out[i].Value, c.Value)
		case c.Op == OpAppend:
			out[i] = Change{Key: c.Key, Op: OpSet, Value: c.Value}
		default:
			out[i] = c
		}
	}
	return out
}

// joinArrays concatenates two JSON arrays; null stands for an empty one.
func joinArrays(a, b []byte) []byte {
	switch {
	case len(a) <= 2 || string(a) == "null":
		return b
	case len(b) <= 2 || string(b) == "null":
		return a
	}
	out := append([]byte(nil), a[:len(a)-1]...)
	out = append(out, ',')
	return append(out, b[1:]...)
}
