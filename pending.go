package burdock

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Pending yields all steps that waited for inputs when the last Run, Steps or Events came back, also those beyond the
// first 1,000 of the Outcome, which it reads from the store. It stops at the first error, which it yields.
func (a *App) Pending(ctx context.Context) iter.Seq2[Pending, error] {
	return func(yield func(Pending, error) bool) {
		out := a.Outcome()
		switch {
		case out == nil:
		case len(out.Pending) < maxPending || a.tree.env.ledger == nil:
			for _, p := range out.Pending {
				if err := ctx.Err(); err != nil {
					yield(Pending{}, err)
					return
				}
				if !yield(p, nil) {
					return
				}
			}
		default:
			a.recordedPending(ctx, yield)
		}
	}
}

// recordedPending reads what waits from every store of the tree.
func (a *App) recordedPending(ctx context.Context, yield func(Pending, error) bool) {
	plans := planFinder{a.tree, map[Ref]*branchPlans{}}
	for _, l := range a.tree.allLedgers() {
		for cp, err := range l.store.List(ctx, Query{Root: a.tree.root, Latest: true}) {
			if err != nil {
				yield(Pending{}, &StoreError{Op: "list", App: a.tree.root, Err: err})
				return
			}
			if cp.Status != StatusWaiting || len(cp.Needs) == 0 {
				continue
			}
			p, err := a.pendingOf(ctx, l, &cp, &plans)
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// pendingOf makes a Pending of the record of a step that waits.
func (a *App) pendingOf(ctx context.Context, l *ledger, cp *Checkpoint, plans *planFinder) (Pending, error) {
	p := Pending{Ref: cp.Ref(), Path: cp.Path, Action: cp.Action, Needs: cp.Needs}
	rec, err := readRecord(ctx, l.store, cp.App)
	if err != nil {
		return p, err
	}
	sch := a.base
	if cp.Parent.App != "" {
		if sch, err = plans.schema(ctx, a.run.plan, cp.Parent, cp.Task); err != nil {
			return p, err
		}
	}
	p.State.sch, p.State.vals, err = rec.state(sch)
	return p, err
}

// A planFinder finds the plans of branches by where they stand.
type planFinder struct {
	tree  *tree
	known map[Ref]*branchPlans
}

// branchPlans are those of one parallel step.
type branchPlans struct{ of []*branchPlan }

// schema returns the schema with which the branches of a step that run task begin.
func (f *planFinder) schema(ctx context.Context, root *plan, parent Ref, task string) (*schema, error) {
	b, err := f.branch(ctx, root, parent, task)
	if err != nil {
		return nil, err
	}
	return b.sch, nil
}

func (f *planFinder) branch(ctx context.Context, root *plan, parent Ref, task string) (*branchPlan, error) {
	all := f.known[parent]
	if all == nil {
		node, err := f.node(ctx, root, parent)
		if err != nil {
			return nil, err
		}
		all = &branchPlans{node.branches}
		f.known[parent] = all
	}
	for _, b := range all.of {
		if b.name == task {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%s at step %d: it has no branch named %q: %w", parent.App, parent.Seq, task, ErrGraphChanged)
}

// node returns the node of a recorded parallel step.
func (f *planFinder) node(ctx context.Context, root *plan, step Ref) (*planNode, error) {
	cp, err := f.load(ctx, step)
	if err != nil {
		return nil, err
	}
	p := root
	if cp.Parent.App != "" {
		b, err := f.branch(ctx, root, cp.Parent, cp.Task)
		if err != nil {
			return nil, err
		}
		p = b.plan
	}
	if n := p.named(cp.Action); n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("%s at step %d: graph %q has no node %q: %w", cp.Path, cp.Seq, p.graph.name, cp.Action, ErrGraphChanged)
}

func (f *planFinder) load(ctx context.Context, step Ref) (cp Checkpoint, err error) {
	err = ErrNotFound
	for _, l := range f.tree.allLedgers() {
		if cp, err = l.store.Load(ctx, step); !errors.Is(err, ErrNotFound) {
			break
		}
	}
	if err != nil {
		return cp, &StoreError{Op: "load", App: step.App, Err: err}
	}
	return cp, nil
}
