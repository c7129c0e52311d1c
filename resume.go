package burdock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/burdock-go/burdock/internal/fan"
)

// position puts the runner where the record says the application stands.
func (r *runner) position(rec *record) error {
	cp := &rec.last
	r.born, r.since, r.halted = true, rec.since, cp.Halted
	status := standing(cp)
	if status == StatusCompleted || status == StatusFailed && cp.Next != "" {
		r.seq, r.last, r.next = cp.Seq, cp.Action, nil
		if cp.Next != "" {
			if r.next = r.plan.named(cp.Next); r.next == nil {
				return r.noNode(cp.Next)
			}
		}
		if cp.Seq == 0 && cp.Origin != (Ref{}) { // its first step may be one that ran before, with branches that were copied
			r.recalled, r.revisit = cp.Inputs, true
		}
		if cp.Seq == 0 && cp.Error != nil { // a fork that begins with the handler of a failure
			r.handles(cp.Error)
		}
		if status == StatusFailed {
			r.recalled = cp.Inputs // a failed step has not used them up
			r.handles(cp.Error)
		}
		return nil
	}
	r.seq, r.attempt, r.status, r.revisit = cp.Seq-1, cp.Attempt, status, true
	r.rerun = status == StatusFailed || status == StatusCancelled || !cp.RetryAt.IsZero()
	if status != StatusFailed {
		r.spent, r.tried, r.retryAt = cp.Spent, cp.Tried, cp.RetryAt
	}
	if r.next = r.plan.named(cp.Action); r.next == nil {
		return r.noNode(cp.Action)
	}
	r.spawned = r.next.action.spec.par == nil && len(cp.Needs) == 0 // as far as its record can tell
	r.recalled = cp.Inputs
	if rec.handled != nil {
		r.handles(rec.handled)
	}
	return nil
}

// handles gives the next node the recorded failure that it handles.
func (r *runner) handles(f *Failure) {
	failure := *f
	failure.revive(r.plan.sentinels)
	r.failure = &failure
}

func (r *runner) noNode(name string) error {
	return fmt.Errorf("%s stands at node %q, which graph %q does not have: %w", r.path(), name, r.plan.graph.name, ErrGraphChanged)
}

func (p *plan) named(name string) *planNode {
	for _, n := range p.nodes {
		if n.action.name == name {
			return n
		}
	}
	return nil
}

// restore finds the branches that earlier runs of this step have recorded. If there are any, the sequence is pulled
// without starting anything up to the highest recorded index, and what has a result gets it back; the rest waits until
// reduce asks for a result that is not there. What the sequence yields only later is found then.
func (v *visit) restore() error {
	if v.env.ledger == nil || !v.run.revisit {
		v.fan.Start()
		return nil
	}
	highest, last, err := v.read()
	if err != nil {
		return err
	}
	fresh := len(v.recorded) == 0
	if !fresh {
		if err := v.fan.Prefetch(highest+1, last); err != nil {
			return err
		}
	}
	if err := v.remark(v.fan.Exhausted()); err != nil {
		return err
	}
	v.restored = true
	if fresh {
		v.fan.Start()
	}
	return nil
}

// read loads the records of the step's branches.
func (v *visit) read() (highest, last int64, err error) {
	v.recorded = map[string]*record{}
	q := Query{Parent: Ref{App: v.id, Seq: v.seq}, Rebuild: true}
	l := v.env.ledger
	if err := l.flush(v.ctx); err != nil {
		return 0, 0, err
	}
	for cp, err := range l.store.List(v.ctx, q) {
		if err != nil {
			if v.ctx.Err() == nil {
				v.run.tree.fail(&StoreError{Op: "list", App: v.id, Err: err})
			}
			return 0, 0, err
		}
		rec := v.recorded[cp.App]
		if rec == nil {
			rec = &record{}
			v.recorded[cp.App] = rec
		}
		rec.add(cp)
		highest, last = max(highest, cp.Index), max(last, cp.Join)
	}
	v.beyond = math.MaxInt64
	if p := v.par.opts.Failures; p.name == "tolerate" {
		var joins []int64
		for _, rec := range v.recorded {
			if s := standing(&rec.last); rec.last.Join != 0 && (s == StatusFailed || s == StatusCancelled) {
				joins = append(joins, rec.last.Join)
			}
		}
		if slices.Sort(joins); len(joins) > p.bound {
			v.beyond = joins[p.bound]
		}
	}
	return highest, last, nil
}

// match gives a pulled branch its record.
func (v *visit) match(n *fan.Node[branch]) error {
	b := &n.B
	r := b.run
	if b.watched == nil {
		return nil
	}
	rec, err := v.recordOf(b)
	if rec == nil || err != nil {
		return err
	}
	if err := v.revive(b, rec); err != nil {
		return fmt.Errorf("%s: %w", r.path(), err)
	}
	if b.fate == fateNone {
		return nil
	}
	if cp := rec.last; cp.Status == StatusSuperseded {
		cp.Status = b.fate.status()
		v.mark(b.env().ledger, cp)
	}
	n.Found, n.Join = true, rec.last.Join
	r.emitApp(v.ctx, EventRestored, func(e *Event) { e.Status, e.Join = b.fate.status(), n.Join })
	return nil
}

// recordOf takes what earlier runs of the step have recorded of a branch, or nil.
func (v *visit) recordOf(b *branch) (*record, error) {
	l := b.env().ledger
	switch {
	case l == nil || !v.run.revisit:
		return nil, nil
	case l == v.env.ledger:
		rec := v.recorded[b.watched.id]
		delete(v.recorded, b.watched.id)
		return rec, nil
	}
	if err := l.flush(v.ctx); err != nil { // its task names another store, which only it is looked for in
		return nil, err
	}
	rec, err := readRecord(v.ctx, l.store, b.watched.id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return rec, err
}

// A mark is a record that a visit changes without running its application.
type mark struct {
	ledger *ledger
	cp     Checkpoint
}

func (v *visit) mark(l *ledger, cp Checkpoint) { v.marks = append(v.marks, mark{l, cp}) }

// revive puts a branch where its record says it stands. It has a status afterwards if it has a result.
func (v *visit) revive(b *branch, rec *record) error {
	r := b.run
	sch, vals, err := rec.state(r.sch)
	if err != nil {
		return err
	}
	r.sch, r.vals = sch, vals
	if err := r.position(rec); err != nil {
		return err
	}
	status := standing(&rec.last)
	switch {
	case rec.last.Join == 0 && r.next == nil: // it ended elsewhere, and nobody came to say in which place
		b.out, err = b.collect(r.vals)
		return err
	case rec.last.Join == 0:
		return r.recall(r.recalled, r.status == StatusRunning)
	case r.next == nil:
		if b.out, err = b.collect(r.vals); err != nil {
			return err
		}
		b.fate = fateCompleted
	case (status == StatusFailed || status == StatusCancelled) && !v.rerun && v.par.opts.Failures != FailFast && rec.last.Join < v.beyond:
		failure := *rec.last.Error
		failure.revive(r.plan.sentinels)
		b.fate = fateFailed
		if status == StatusCancelled {
			b.fate = fateCancelled
		}
		b.err = &BranchError{Path: r.path(), Key: b.key(), Index: b.node.Index, Err: failure.err}
		v.count(b, rec.last.Join)
	default:
		v.again(b, rec.last, status)
		return r.recall(r.recalled, false)
	}
	return nil
}

// again notes that a failed branch runs again, so that its failure is no result any more, whenever the next crash comes.
// What is found only while branches run is about to write a record of its own.
func (v *visit) again(b *branch, cp Checkpoint, status Status) {
	if !v.restored {
		cp.Status, cp.Join = status, 0
		v.mark(b.env().ledger, cp)
	}
}

// remark writes what matching has found out: which records are not of branches that the sequence yields, which are so
// again, and which failures no longer count. A step that was recorded failed or cancelled is recorded as running with
// them, so that a crash before and one after find failures of the same attempt.
func (v *visit) remark(exhausted bool) error {
	if exhausted {
		if err := v.supersede(); err != nil {
			return err
		}
	}
	marks := v.marks
	v.marks = nil
	batch, err := v.run.elsewhere(v.ctx, marks)
	if err != nil {
		return err
	}
	if v.run.rerun {
		batch = append(batch, v.run.checkpoint(StatusRunning))
	}
	if len(batch) == 0 {
		return nil
	}
	if err := v.run.commit(v.ctx, nil, batch...); err != nil {
		return err
	}
	v.run.rerun, v.run.status = false, StatusRunning
	return nil
}

// elsewhere saves the marks of stores other than that of the step itself, and returns the others for its commit.
func (r *runner) elsewhere(ctx context.Context, marks []mark) (own []Checkpoint, err error) {
	others := map[*ledger][]Checkpoint{}
	for _, m := range marks {
		if m.ledger == r.env().ledger {
			own = append(own, m.cp)
		} else {
			others[m.ledger] = append(others[m.ledger], m.cp)
		}
	}
	for l, batch := range others {
		if err := l.claimed(ctx); err != nil {
			return nil, err
		}
		if err := l.save(ctx, batch); err != nil {
			return nil, err
		}
	}
	return own, nil
}
