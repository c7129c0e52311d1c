package burdocktest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// A Result is what a run came to.
type Result[Out any] struct {
	Out     Out              // read from the last state; zero if the run failed
	Outcome *burdock.Outcome // of the last call of App.Run
	Err     error            // why the run failed, with Fails
	Trace   *Trace           // what was recorded
	Events  []burdock.Event  // by application in the order of the trace, step, attempt and number
	Store   *memstore.Store  // what the run was saved in
}

// Run runs an action or a graph and reads a window out of its last state. It begins with the state that window holds: a
// struct with state tags, a burdock.State, or nil for the empty one. Input fields of window are inputs of the first call,
// so the In of an action can be given as it is.
//
// The test fails, at once, if the run fails, which Fails changes, or if it waits for an input; with burdock.None as Out it
// may wait. It fails as well if what was saved does not come back: the application is resumed from its store, without
// running, and must have the state that the run ended with.
//
// The application is called "test", so that the paths in errors are always the same.
func Run[Out any](t testing.TB, r burdock.Runnable, window any, opts ...Option) *Result[Out] {
	t.Helper()
	g := newRig(t, r, window, opts)
	p := g.play(t)
	trace, err := traceOf(t.Context(), p.store, g.options.ID)
	if err != nil {
		t.Fatalf("burdocktest: Run: %v", err)
	}
	res := &Result[Out]{Outcome: p.out, Err: p.err, Trace: trace, Store: p.store}
	res.Events = sorted(p.events.all, res.Trace)
	switch {
	case p.err != nil && !g.fails:
		t.Fatalf("burdocktest: Run: %v", p.err)
	case p.err == nil && g.fails:
		t.Fatalf("burdocktest: Run: it did not fail: %s after %s", p.out.Stop, p.out.Action)
	case p.err == nil && p.call+1 < len(g.calls):
		t.Fatalf("burdocktest: Run: it stopped (%s) in call %d, and there are inputs for %d", p.out.Stop, p.call+1, len(g.calls))
	}
	if p.err == nil && reflect.TypeFor[Out]() != reflect.TypeFor[burdock.None]() {
		out, err := burdock.Read[Out](p.out, nil)
		if err != nil {
			t.Fatalf("burdocktest: Run: %v", err)
		}
		res.Out = out
	}
	g.comesBack(t, p)
	if g.resumed {
		g.killed(t, p)
	}
	return res
}

// A rig is everything that a run needs, so that it can be made again.
type rig struct {
	settings
	graph   *burdock.Graph
	calls   [][]input
	options burdock.Options
}

func newRig(t testing.TB, r burdock.Runnable, window any, opts []Option) *rig {
	t.Helper()
	g := &rig{}
	for _, o := range opts {
		o.apply(&g.settings)
	}
	var errs [4]error
	var first []input
	g.graph, errs[0] = graphOf(r)
	g.options, errs[1] = g.base, unsuited(&g.base)
	g.options.State, first, errs[2] = stateOf(window)
	g.calls = [][]input{first}
	for i, windows := range g.given {
		in, err := inputsOf(windows)
		errs[3] = errors.Join(errs[3], err)
		if i > 0 {
			g.calls = append(g.calls, nil)
		}
		g.calls[i] = append(g.calls[i], in...)
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatalf("burdocktest: %v", err)
	}
	if g.options.ID == "" {
		g.options.ID = "test"
	}
	return g
}

// unsuited reports options that are the test's own affair.
func unsuited(o *burdock.Options) error {
	var errs []error
	for range o.State.Keys() {
		errs = append(errs, errors.New("With: Options.State: the state is an argument of its own"))
		break
	}
	if o.Cascade.Store != nil || o.Cascade.RestoreFrom != nil {
		errs = append(errs, errors.New("With: Options.Cascade.Store: a test runs in memory; run an application with another store by itself"))
	}
	return errors.Join(errs...)
}

// graphOf is the graph that a runnable is.
func graphOf(r burdock.Runnable) (*burdock.Graph, error) {
	if v := reflect.ValueOf(r); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.New("there is no action or graph: it is nil")
	}
	switch r := r.(type) {
	case *burdock.Graph:
		return r, nil
	case *burdock.Action:
		return burdock.NewGraph(r.Name(), burdock.Node(r))
	}
	return nil, fmt.Errorf("a %T is neither an action nor a graph", r)
}

// A playing is one run and what it came to.
type playing struct {
	store  *memstore.Store
	ledger *mortal // the store as the run saw it
	events *events
	out    *burdock.Outcome
	err    error
	call   int            // the last one that was made
	used   map[string]int // how often each input was used before it
}

// play makes the run from its beginning, watched by the checks.
func (g *rig) play(t testing.TB) *playing {
	t.Helper()
	watched := &scope{TB: t}
	defer watched.end()
	p := &playing{store: memstore.New(), events: &events{}}
	p.ledger = &mortal{store: p.store, left: -1}
	opts := g.with(p.ledger)
	opts.Cascade.Tracker = p.events
	if own := g.options.Cascade.Tracker; own != nil {
		opts.Cascade.Tracker = burdock.Trackers(own, p.events)
	}
	for _, check := range g.checks {
		opts.Cascade.Middleware = append(slices.Clip(opts.Cascade.Middleware), check(watched))
	}
	app, err := burdock.New(t.Context(), g.graph, opts)
	if err != nil {
		t.Fatalf("burdocktest: %v", err)
	}
	p.err = g.drive(t.Context(), app, p, g.calls[0])
	return p
}

// with are the options of an application in the store.
func (g *rig) with(store burdock.Store) *burdock.Options {
	opts := g.options
	opts.Cascade.Store = store
	return &opts
}

// drive makes the calls from the one at which the playing is, that one with the inputs that are given.
func (g *rig) drive(ctx context.Context, app *burdock.App, p *playing, inputs []input) (err error) {
	for {
		p.used = uses(ctx, p.store, g.options.ID)
		p.out, err = app.Run(ctx, options(inputs)...)
		if err != nil || p.out.Stop != burdock.StopWaiting || p.call+1 == len(g.calls) {
			return err
		}
		p.call++
		inputs = g.calls[p.call]
	}
}

// uses counts how many completed steps of the root have recorded each input.
func uses(ctx context.Context, store burdock.Store, id string) map[string]int {
	n := map[string]int{}
	for c, err := range store.List(ctx, burdock.Query{App: id}) {
		if err != nil || c.Kind != burdock.KindStep || c.Status != burdock.StatusCompleted {
			continue
		}
		for _, in := range c.Inputs {
			n[in.Name]++
		}
	}
	return n
}

// comesBack reads the application back from its store.
func (g *rig) comesBack(t testing.TB, p *playing) {
	t.Helper()
	if p.out == nil { // nothing ran
		return
	}
	app, err := burdock.Resume(t.Context(), g.graph, g.with(p.store))
	if err != nil {
		t.Errorf("burdocktest: Run: what was saved cannot be resumed: %v", err)
		return
	}
	for _, d := range differences(p.out.State, app.State()) {
		t.Errorf("burdocktest: Run: %s; the run ended with the first and its store has the second", d)
	}
}

// A scope is a test whose cleanup comes when a part of it has ended.
type scope struct {
	testing.TB
	cleanups []func()
}

// Cleanup registers a function that end calls.
func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) end() {
	for len(s.cleanups) > 0 {
		last := s.cleanups[len(s.cleanups)-1]
		s.cleanups = s.cleanups[:len(s.cleanups)-1]
		last()
	}
}
