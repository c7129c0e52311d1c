package burdock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
)

// An App is one application of a graph: its state and where it stands. New, Resume, Open and Fork make one; none of them
// writes anything. It serves one Run, Steps or Events at a time; its other methods may be called at any time.
type App struct {
	graph *Graph
	tree  *tree
	run   *runner
	base  *schema // the graph's keys and those of Options.State
	busy  atomic.Bool
	epoch int64 // of the last claim; 0 before the first
	fresh bool  // made by New: it must not exist
	blank []slot

	origin    Store        // where the record is: the tree's store, or elsewhere
	elsewhere Store        // Cascade.RestoreFrom
	abroad    bool         // the record is elsewhere, and is to be copied before anything else is saved
	change    change       // what to do about another form of the graph
	rewritten []Checkpoint // because of one, to be saved before anything else

	mu        sync.Mutex
	committed State
	outcome   *Outcome
	given     values // the events of the call that runs
}

// New makes an application that does not exist yet. It fails with ErrExists if the store has its id, and otherwise with
// everything that is wrong with the graph and the options, including keys that some path reads before anything wrote
// them.
func New(ctx context.Context, g *Graph, opts *Options) (*App, error) {
	a, err := newApp(g, opts, true)
	if err != nil {
		return nil, err
	}
	if err := a.absent(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// absent makes sure that the store does not have the application.
func (a *App) absent(ctx context.Context) error {
	a.fresh = true
	if a.tree.env.ledger == nil {
		return nil
	}
	switch _, err := a.tree.env.ledger.store.Load(ctx, Ref{App: a.tree.root, Seq: -1}); {
	case err == nil:
		return fmt.Errorf("application %q: %w; use Resume or Open to go on with it", a.tree.root, ErrExists)
	case !errors.Is(err, ErrNotFound):
		return &StoreError{Op: "load", App: a.tree.root, Err: err}
	}
	return nil
}

// Resume goes on with an application that the store has. It fails with ErrNotFound if there is none, and with
// ErrGraphChanged, naming the differences, if it was made by a graph of another hash and the options do not say what to
// do about it. Options.State only says the types of keys that the graph does not use.
func Resume(ctx context.Context, g *Graph, opts *Options) (*App, error) {
	if opts == nil || opts.ID == "" || opts.Cascade.Store == nil {
		return nil, errors.New("burdock: Resume needs Options.ID and Options.Cascade.Store")
	}
	a, err := newApp(g, opts, false)
	if err != nil {
		return nil, err
	}
	if err := a.reload(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Open resumes the application if the store has it, and otherwise makes it; Options.State is what it then begins with. It
// fails as Resume and New do, but neither with ErrNotFound nor with ErrExists.
func Open(ctx context.Context, g *Graph, opts *Options) (*App, error) {
	if opts == nil || opts.Cascade.Store == nil {
		return newApp(g, opts, true)
	}
	a, err := newApp(g, opts, false)
	if err != nil {
		return nil, err
	}
	switch err := a.reload(ctx); {
	case err == nil:
		return a, nil
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	if err := a.unwritten(opts); err != nil {
		return nil, a.wrap(err)
	}
	return a, nil
}

// newApp makes an application at its beginning. One that is made anew must write every key before it reads it.
func newApp(g *Graph, opts *Options, anew bool) (*App, error) {
	if g == nil || g.plan == nil {
		return nil, errors.New("burdock: the graph is nil, or was not made by NewGraph")
	}
	if opts == nil {
		opts = &Options{}
	}
	p, err := g.root()
	if err := errors.Join(err, opts.check()); err != nil {
		return nil, err
	}
	a := &App{graph: g, tree: &tree{
		root: opts.ID, graph: g, project: opts.Project, partition: opts.Partition,
		maxDepth: cmp.Or(opts.MaxDepth, defaultMaxDepth),
		logger:   opts.Logger, grace: opts.Grace, branches: opts.Branches, at: maps.Clone(opts.At),
	}}
	a.origin, a.elsewhere = opts.Cascade.Store, opts.Cascade.RestoreFrom
	a.change = change{opts.AllowGraphChange || opts.Migrate != nil, opts.Migrate}
	if err := a.tree.configure(opts.Cascade, opts.Durability); err != nil {
		return nil, a.wrap(err)
	}
	if a.tree.root == "" {
		a.tree.root = newID()
	}
	if a.tree.logger == nil {
		a.tree.logger = slog.Default()
	}
	if opts.MaxConcurrency > 0 {
		a.tree.tokens = make(chan struct{}, opts.MaxConcurrency)
	}
	a.run = a.runner(p)
	var inputs, flow error
	a.tree.config, inputs = p.check("Options.Given", opts.Given)
	if anew {
		flow = a.unwritten(opts)
	}
	if err := errors.Join(a.tree.cascades(p), inputs, a.begin(p, opts), flow); err != nil {
		return nil, a.wrap(err)
	}
	return a, nil
}

func (a *App) wrap(err error) error {
	return fmt.Errorf("application %q of graph %q: %w", a.tree.root, a.graph.name, err)
}

// unwritten reports the keys that a path reads before anything wrote them.
func (a *App) unwritten(opts *Options) error {
	return errors.Join(a.run.plan.unwritten(opts.State.Has, nil, "")...)
}

// begin puts the application at its beginning.
func (a *App) begin(p *plan, opts *Options) (err error) {
	initial := opts.State
	if initial.sch == nil {
		initial.sch = newSchema()
	}
	if a.base, err = p.extended(initial.sch); err != nil {
		return fmt.Errorf("Options.State: %w", err)
	}
	given := initial.in(a.base)
	a.blank = given.copied()
	for i, s := range a.blank {
		if !s.set() {
			continue
		}
		k := &a.base.keys[i]
		if a.blank[i].v, err = k.codec.Normalize(s.v); err == nil {
			err = k.codec.Valid(a.blank[i].v)
		}
		if err != nil {
			return fmt.Errorf("Options.State: key %q: %w", k.name, err)
		}
		a.blank[i].tail = nil
	}
	a.run = a.runner(p)
	a.commit()
	return nil
}

// runner returns a runner at the beginning.
func (a *App) runner(p *plan) *runner {
	m := &member{tree: a.tree, watched: &watched{}}
	return &runner{course: course{member: m, has: m.env(), plan: p, sch: a.base, vals: a.blank, next: p.start}}
}

// commit makes the runner's state the committed one.
func (a *App) commit() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.committed = a.run.state()
}

// reload puts the application where the store says it stands.
func (a *App) reload(ctx context.Context) error {
	rec, err := a.readRecord(ctx)
	if err != nil {
		return err
	}
	a.rewritten = nil
	if rec.last.GraphHash != a.graph.Hash() {
		if rec, a.rewritten, err = a.adapt(ctx, rec); err != nil {
			return err
		}
	}
	r := a.runner(a.run.plan)
	if r.sch, r.vals, err = rec.state(a.base); err != nil {
		return err
	}
	if err := r.position(rec); err != nil {
		return err
	}
	a.fresh, a.run = false, r
	a.commit()
	return nil
}

// ID returns the application's id.
func (a *App) ID() string { return a.tree.root }

// Graph returns the graph that the application runs.
func (a *App) Graph() *Graph { return a.graph }

// State returns the last committed state.
func (a *App) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.committed
}

// Outcome returns how the last Run, Steps or Events came back, or nil.
func (a *App) Outcome() *Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outcome
}
