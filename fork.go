package burdock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A ForkOption is an option of Fork: Edit, Rerun.
type ForkOption interface {
	applyFork(o *forkOptions)
}

type forkOptions struct {
	edits []any
	rerun []string
	again bool
}

type editOption struct{ window any }

func (e editOption) applyFork(o *forkOptions) { o.edits = append(o.edits, e.window) }

// Edit changes the state that the fork begins with: the fields of the window replace what the origin had.
func Edit(window any) ForkOption { return editOption{window} }

type rerunOption []string

func (keys rerunOption) applyFork(o *forkOptions) {
	o.rerun, o.again = append(o.rerun, keys...), true
}

// Rerun makes a fork of a parallel step begin before that step. Completed branches are restored by copy, except those
// with the given keys, which run anew. What branches of those branches have recorded is not copied.
func Rerun(keys ...string) ForkOption { return rerunOption(keys) }

// Fork makes a new application that begins where a step of another one ended, or, with Rerun, before that step. The
// step may belong to a root or to a branch; the graph is the one that ran it. A step that did not complete is run
// again. A Ref.Seq below zero is the latest step.
//
// Like New it writes nothing: the fork's sequence 0, which holds everything, lists included, is committed with its first
// step. Nothing of the origin changes and nothing of the fork depends on it later. Fork fails with ErrNotFound if neither
// store of opts.Cascade has such a step, with ErrGraphChanged if another form of the graph has run it and the options do
// not say what to do about it, and with ErrExists if the fork's id is taken.
func Fork(ctx context.Context, g *Graph, ref Ref, opts *Options, fork ...ForkOption) (*App, error) {
	if opts == nil || opts.Cascade.Store == nil {
		return nil, errors.New("burdock: Fork needs Options.Cascade.Store, which has the origin")
	}
	var o forkOptions
	for _, f := range fork {
		if f == nil {
			return nil, errors.New("burdock: a nil ForkOption")
		}
		f.applyFork(&o)
	}
	a, err := newApp(g, opts, false)
	if err != nil {
		return nil, err
	}
	if err := a.absent(ctx); err != nil {
		return nil, err
	}
	if err := a.forkOf(ctx, ref, &o); err != nil {
		return nil, fmt.Errorf("fork of %s at step %d: %w", ref.App, ref.Seq, err)
	}
	a.commit()
	return a, nil
}

// forkOf puts the application where its origin stood.
func (a *App) forkOf(ctx context.Context, ref Ref, o *forkOptions) error {
	at, err := a.origin.Load(ctx, ref)
	if a.elsewhere != nil && errors.Is(err, ErrNotFound) {
		a.origin = a.elsewhere
		at, err = a.origin.Load(ctx, ref)
	}
	if err != nil {
		return &StoreError{Op: "load", App: ref.App, Err: err}
	}
	ref.Seq = at.Seq
	before := o.again || at.Status != StatusCompleted && (at.Status != StatusFailed || at.Next == "")
	if before {
		if at.Seq == 0 {
			return errors.New("sequence 0 is no step that could run again")
		}
		at.Seq--
	}
	rec, err := recordAt(ctx, a.origin, ref.App, at.Seq)
	if err != nil {
		return err
	}
	if rec.last.GraphHash != a.graph.Hash() {
		if rec, _, err = a.adapt(ctx, rec); err != nil {
			return err
		}
	}
	r := a.run
	if r.sch, r.vals, err = rec.state(a.base); err != nil {
		return err
	}
	if err := r.position(rec); err != nil {
		return err
	}
	r.beginAnew(ref)
	if before {
		r.recalled = r.plan.declared(at.Inputs)
	}
	r.passedOn = r.recalled
	if err := r.edit(o.edits); err != nil {
		return err
	}
	if o.again {
		return r.copyBranches(ctx, a.origin, ref, o.rerun)
	}
	return nil
}

// recordAt reads the record of an application as it stood after a step.
func recordAt(ctx context.Context, store Store, id string, seq int64) (*record, error) {
	rec := &record{}
	for cp, err := range store.List(ctx, Query{App: id, Until: max(seq, 1), Rebuild: true}) {
		if err != nil {
			return nil, &StoreError{Op: "load", App: id, Err: err}
		}
		if cp.Seq <= seq {
			rec.add(cp)
		}
	}
	return rec, nil
}

// beginAnew makes the position the beginning of an application of its own.
func (r *runner) beginAnew(origin Ref) {
	r.seq, r.last, r.born, r.since, r.halted, r.origin = 0, "", false, 0, "", origin
	r.attempt, r.status, r.rerun, r.revisit, r.spawned, r.spent = 0, "", false, false, false, 0
}

// edit replaces keys of the state the fork begins with.
func (r *runner) edit(windows []any) error {
	for _, w := range windows {
		s := StateOf(w)
		if s.err != nil {
			return s.err
		}
		sch, err := r.plan.extended(r.sch.with(s.sch))
		if err != nil {
			return fmt.Errorf("Edit: %w", err)
		}
		vals := r.state().in(sch).copied()
		for key := range s.Keys() {
			v, _ := s.lookup(key)
			k := &sch.keys[sch.index[key]]
			if k.typ != v.v.Type() {
				return fmt.Errorf("Edit: key %q is a %s, not a %s", key, k.typ, v.v.Type())
			}
			if v.v, err = k.codec.Normalize(v.v); err == nil {
				err = k.codec.Valid(v.v)
			}
			if err != nil {
				return fmt.Errorf("Edit: key %q: %w", key, err)
			}
			vals[sch.index[key]] = v
		}
		r.sch, r.vals = sch, vals
	}
	return nil
}

// copyBranches prepares copies of the completed branches of the origin's step, under the ids that the fork's own step
// will look for. They are committed with sequence 0.
func (r *runner) copyBranches(ctx context.Context, store Store, from Ref, rerun []string) error {
	if r.next == nil || r.next.action.spec.par == nil {
		return errors.New("Rerun: the step is not one of a parallel action")
	}
	left := slices.Clone(rerun)
	var branch []Checkpoint
	of := "" // the origin's branch that is being read
	flush := func() {
		if n := len(branch); n > 0 && branch[n-1].Done() {
			r.copies = append(r.copies, branch...)
		}
		branch = nil
	}
	for cp, err := range store.List(ctx, Query{Parent: from}) {
		if err != nil {
			return &StoreError{Op: "list", App: from.App, Err: err}
		}
		if of != cp.App {
			flush()
			of = cp.App
		}
		if slices.Contains(rerun, cp.Key) {
			left = slices.DeleteFunc(left, func(key string) bool { return key == cp.Key })
			continue
		}
		branch = append(branch, r.adopted(cp))
	}
	flush()
	if len(left) > 0 {
		return fmt.Errorf("Rerun: the step has no branches with the keys %q", left)
	}
	r.revisit = true
	return nil
}

// adopted is a record of the origin's branch as one of the fork's.
func (r *runner) adopted(cp Checkpoint) Checkpoint {
	cp.Origin = cp.Ref()
	cp.Root, cp.Project, cp.Partition = r.tree.root, r.tree.project, r.tree.partition
	cp.Parent = Ref{App: r.tree.root, Seq: 1}
	cp.App = branchID(r.tree.root, 1, cp.Task, cp.Key, cp.Fingerprint)
	place := cp.Path[strings.LastIndexByte(cp.Path, '/')+1:]
	cp.Path = r.path() + "/" + escapePath(r.next.action.name) + "#1/" + place
	return cp
}
