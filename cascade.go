package burdock

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
)

// A Cascade is what an application and all its branches share. As MapOptions.Branches, Task.Cascade, Options.Branches and
// Options.At it says what branches do not take over from the application around them: a field that is set holds for those
// branches and everything below until it is overridden again, one that is not is inherited. Of several that concern one
// branch the nearest wins: that of the task, then for the executor Graph.On, then MapOptions.Branches, Options.At,
// Options.Branches, and then what the application itself has.
type Cascade struct {
	// Store keeps checkpoints. Nil: nothing is saved, and nothing can be resumed. NoStore in an override: these branches
	// are not saved, and run again until the step around them is. A store below NoStore, or below an application without
	// one, is an error.
	Store Store
	// RestoreFrom is where Resume, Open and Fork also look for the application, or the origin, if Store does not have it.
	// With the first claim its records are copied into Store, the application's own last, so that a copy
	// that was interrupted begins again; nothing there is changed. Nobody should go on with the application there, as
	// no claim is taken of it. It belongs to Options.Cascade alone. Nil: nowhere.
	RestoreFrom Store
	// Tracker is told of events. Nil: no event is built. NoTracker in an override: none of these branches.
	Tracker Tracker
	// Executor says where branches run. Nil: on goroutines of this process, like Local.
	Executor Executor
	// Middleware wraps each attempt of each step, the first outermost. An override replaces all of it; an empty slice
	// that is not nil leaves none. Defaults to none.
	Middleware []Middleware
}

// NoStore in an override of a Cascade keeps branches from being saved.
var NoStore Store = noStore{}

// NoTracker in an override of a Cascade keeps branches from being told of.
var NoTracker Tracker = noTracker{}

// noStore is a mark; nobody calls it.
type noStore struct{}

var errNoStore = errors.New("burdock: NoStore keeps nothing")

func (noStore) Claim(context.Context, string) (Claim, error)    { return nil, errNoStore }
func (noStore) Save(context.Context, Fence, []Checkpoint) error { return errNoStore }
func (noStore) Load(context.Context, Ref) (Checkpoint, error)   { return Checkpoint{}, errNoStore }
func (noStore) List(context.Context, Query) iter.Seq2[Checkpoint, error] {
	return func(yield func(Checkpoint, error) bool) { yield(Checkpoint{}, errNoStore) }
}

// noTracker is a mark; nobody calls it.
type noTracker struct{}

func (noTracker) Track(context.Context, Event) error { return nil }

// An env is a cascade ready for use: what the applications of one level have.
type env struct {
	ledger     *ledger // nil: nothing is saved
	tracker    Tracker
	others     Tracker // who is told of events that the store has committed itself
	journals   bool    // the store commits the events of ended steps itself
	inbox      bool    // the store takes messages
	middleware []Middleware
	executor   Executor // nil: Local
}

// observed reports whether steps are recorded or told of.
func (e *env) observed() bool { return e.ledger != nil || e.tracker != nil }

// env returns what the application has.
func (m *member) env() *env {
	switch b := m.branch; {
	case b == nil:
		return m.tree.env
	case b.special != nil && b.special.env != nil:
		return b.special.env
	}
	return m.visit.env
}

// durable says what an acknowledged step of the application survives.
func (m *member) durable() Durability {
	if l := m.env().ledger; l != nil {
		return l.durable
	}
	return Volatile
}

// comparableStore reports whether two stores can be compared without a panic.
func comparableStore(s Store) bool { return reflect.TypeOf(s).Comparable() }

// configure makes the environment of the application itself.
func (t *tree) configure(c Cascade, d Durability) error {
	t.durable = d
	if t.durable == "" {
		t.durable = Durable
	}
	switch {
	case c.Store == nil && c.RestoreFrom != nil:
		return errors.New("Cascade.RestoreFrom is set, but there is no Cascade.Store to go on in")
	case c.Store == nil && t.durable != Durable:
		return fmt.Errorf("Options.Durability is %s, but there is no Cascade.Store", d)
	case t.durable != Durable && t.durable != Relaxed && t.durable != OnHalt:
		return fmt.Errorf("Options.Durability is %q; it is Durable, Relaxed or OnHalt", d)
	}
	c.RestoreFrom = nil
	e, err := t.overridden(&env{}, &c, true)
	if err != nil {
		return fmt.Errorf("Options.Cascade: %w", err)
	}
	t.env = e
	return nil
}

// overridden returns base with what c sets. root says that it is no override but the application's own.
func (t *tree) overridden(base *env, c *Cascade, root bool) (*env, error) {
	if c == nil || c.Store == nil && c.Tracker == nil && c.Middleware == nil && c.Executor == nil && c.RestoreFrom == nil {
		return base, nil
	}
	e := *base
	switch {
	case c.RestoreFrom != nil:
		return nil, errors.New("RestoreFrom belongs to Options.Cascade; branches are restored with their application")
	case slices.ContainsFunc(c.Middleware, func(m Middleware) bool { return m == nil }):
		return nil, errors.New("Middleware has a nil entry")
	case c.Store == NoStore:
		e.ledger = nil
	case t.guest != nil && !root: // a worker saves through who has handed the branch over, who has the claims
	case c.Store != nil && base.ledger == nil && !root:
		return nil, fmt.Errorf("a %T is set for branches of what is not saved itself, so nobody would find them again; set Options.Cascade.Store, or leave out NoStore above", c.Store)
	case c.Store != nil:
		var err error
		if e.ledger, err = t.ledgerOf(c.Store); err != nil {
			return nil, err
		}
	}
	if c.Tracker != nil {
		e.tracker = c.Tracker
		if c.Tracker == NoTracker {
			e.tracker = nil
		}
	}
	if c.Middleware != nil {
		e.middleware = slices.Clone(c.Middleware)
	}
	if c.Executor != nil {
		e.runBy(c.Executor)
	}
	e.split()
	return &e, nil
}

// runBy sets the executor.
func (e *env) runBy(ex Executor) {
	e.executor = ex
	if ex == Local {
		e.executor = nil
	}
}

// split parts the trackers that the store writes itself from the others.
func (e *env) split() {
	e.others, e.journals, e.inbox = e.tracker, false, false
	if e.ledger == nil {
		return
	}
	_, e.inbox = e.ledger.store.(Inbox)
	if e.tracker == nil {
		return
	}
	j, ok := e.ledger.store.(Journal)
	if !ok {
		return
	}
	var others []Tracker
	all := trackers{e.tracker}
	if several, ok := e.tracker.(trackers); ok {
		all = several
	}
	for _, tr := range all {
		if !e.journals && j.Journals(tr) {
			e.journals = true
			continue
		}
		others = append(others, tr)
	}
	if e.journals {
		e.others = Trackers(others...)
	}
}

// save commits checkpoints of the application, and the events that belong to them if the store is their journal.
func (m *member) save(ctx context.Context, batch []Checkpoint, events ...Event) error {
	e := m.env()
	if !e.journals {
		events = nil
	}
	return e.ledger.save(ctx, batch, events...)
}

// branchesOf returns the environment of the branches of a parallel action, where those of the application around it are
// base.
func (t *tree) branchesOf(base *env, of *planNode, root bool) (e *env, err error) {
	name := of.action.name
	if e, err = t.overridden(base, t.branchesAt(root), false); err != nil {
		return nil, fmt.Errorf("Options.Branches: %w", err)
	}
	if e, err = t.overridden(e, t.at[name], false); err != nil {
		return nil, fmt.Errorf("Options.At[%q]: %w", name, err)
	}
	if e, err = t.overridden(e, of.action.spec.cascade(), false); err != nil {
		return nil, fmt.Errorf("MapOptions.Branches of action %q: %w", name, err)
	}
	return e, nil
}

// cascade returns MapOptions.Branches; what an action spawns has none.
func (s *spec) cascade() *Cascade {
	if s.par == nil {
		return nil
	}
	return s.par.opts.Branches
}

// branchesAt returns Options.Branches for the branches of the root; those below inherit it.
func (t *tree) branchesAt(root bool) *Cascade {
	if root {
		return t.branches
	}
	return nil
}

// cascades checks the overrides that are known before anything runs.
func (t *tree) cascades(p *plan) error {
	known := map[string]bool{}
	errs := t.cascadesBelow(p, t.env, true, known, map[checked]bool{})
	for _, name := range slices.Sorted(maps.Keys(t.at)) {
		if !known[name] {
			errs = append(errs, fmt.Errorf("Options.At[%q]: no action has that name", name))
		}
	}
	return errors.Join(errs...)
}

// checked is a plan whose overrides have been looked at. What can be wrong with them depends on whether what is around them
// is saved, on nothing else; a graph may be reached on very many ways.
type checked struct {
	plan  *plan
	saved bool
}

func (t *tree) cascadesBelow(p *plan, base *env, root bool, known map[string]bool, done map[checked]bool) []error {
	what := checked{p, base.ledger != nil}
	if done[what] {
		return nil
	}
	done[what] = true
	var errs []error
	for _, n := range p.nodes {
		known[n.action.name] = true // of a parallel action, or of one that may spawn
		e, err := t.branchesOf(base, n, root)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, b := range n.branches {
			errs = append(errs, t.cascadesBelow(b.plan, e, false, known, done)...)
		}
	}
	return errs
}
