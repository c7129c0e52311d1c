package burdock

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"

	"github.com/burdock-go/burdock/internal/bind"
)

// Defaults of MapOptions.
const (
	defaultLimit       = 64
	defaultBufferExtra = 1024
	defaultMaxBranches = 1_000_000
	defaultMaxWaiting  = 10_000
)

// Unlimited as MapOptions.Limit lets all branches of a map live at once.
const Unlimited = -1

// MapOptions say how a parallel action runs its branches. Nil is fine.
type MapOptions struct {
	// Limit bounds how many branches of one visit live at once. Defaults to 64; Unlimited is explicit.
	Limit int
	// Buffer bounds how many branches are pulled from the sequence and not yet read by reduce, those that run
	// included. Memory is bounded by it, and a slow reduce holds back new branches when it is full. Below Limit it
	// lowers concurrency. Defaults to Limit + 1,024.
	Buffer int
	// MaxBranches bounds how many branches one visit may pull; one more fails the visit. Defaults to 1,000,000.
	MaxBranches int64
	// MaxWaiting bounds how many branches of one visit may wait for inputs at once. Defaults to 10,000.
	MaxWaiting int
	// Rate is waited for before each branch is drawn from the sequence, such as a *rate.Limiter of golang.org/x/time. It
	// may be shared by many maps; it bounds one process. Restored branches do not wait for it. Defaults to none.
	Rate Limiter
	// Failures says what the failure of a branch does to the visit. Defaults to FailFast.
	Failures FailurePolicy
	// Fallback runs in a branch that has failed, on the state that the branch then has, as its last step: when no error
	// route takes the failure. It may read the input "failure". A branch whose Fallback returns has completed. It is not
	// asked after a cancellation. Defaults to none.
	Fallback *Action
	// Branches is what the branches, and everything below, have instead of what the application around them has.
	// Defaults to nothing.
	Branches *Cascade
	// Cache answers branches from what equal ones came to earlier. Defaults to none.
	Cache *Cache
}

// A Limiter says when the next branch may begin. Wait returns nil then, and an error when ctx has ended or no moment
// will ever do, which fails the visit. It is called by one goroutine of a map at a time, and by all maps that share it.
type Limiter interface {
	Wait(ctx context.Context) error
}

// A FailurePolicy says what the failure of a branch does to the visit.
type FailurePolicy struct {
	name  string
	bound int // of Tolerate
}

var (
	// FailFast ends the visit with the first failure: the other branches are cancelled with ErrSibling, reduce's loop
	// ends, what it returns is discarded, and the step fails with a *MapError.
	FailFast = FailurePolicy{name: "fail_fast"}
	// Collect hands failures to reduce: OK passes over them, All yields them, Err names them.
	Collect = FailurePolicy{name: "collect"}
)

// Tolerate hands up to n failures to reduce, as Collect does; one more ends the visit, as FailFast does.
func Tolerate(n int) FailurePolicy { return FailurePolicy{"tolerate", n} }

// ends reports whether a visit with so many failed branches has failed.
func (p FailurePolicy) ends(failed int) bool {
	return p == FailFast || p.name == "tolerate" && failed > p.bound
}

// MapStates makes an action that runs one action or graph over many states at once. states yields the window that each
// branch begins with; reduce consumes the results while they arrive and returns what the action writes.
//
// states is pulled lazily, only when there is room for one more branch. It must be repeatable: called again with the
// same In it yields the same windows, so that a resumed step finds its branches again. Sub may be State.
func MapStates[In, Sub, Res, Out any](name string, action Runnable,
	states func(context.Context, In) iter.Seq2[Sub, error],
	reduce func(context.Context, In, *Results[Sub, Res]) (Out, error), opts *MapOptions,
) *Action {
	pull := func(ctx context.Context, in In) pulled {
		// The states are pulled as they are: a sequence of tasks around them would cost a copy of each on its way.
		next, stop := iter.Pull2(func(yield func(Sub, error) bool) { states(ctx, in)(yield) })
		return pulled{stop: stop, next: func() (task, error, bool) {
			sub, err, more := next()
			return task{sub: &sub}, err, more
		}}
	}
	return newMap("map_states", name, []Runnable{action}, pull, reduce, opts, states == nil)
}

// MapActions makes an action that runs many actions or graphs over one state at once; a branch's key is the name of its
// action. state makes the window that they all begin with; nil takes In itself, and then In and Sub are one type.
// reduce consumes the results while they arrive and returns what the action writes.
func MapActions[In, Sub, Res, Out any](name string, actions []Runnable,
	state func(context.Context, In) (Sub, error),
	reduce func(context.Context, In, *Results[Sub, Res]) (Out, error), opts *MapOptions,
) *Action {
	pull := func(ctx context.Context, in In) pulled {
		return tasksOf(func(yield func(task, error) bool) {
			sub, err := beginning(ctx, in, state)
			for i, a := range actions {
				each := sub
				if !yield(task{run: i, key: a.Name(), sub: &each}, err) {
					return
				}
			}
		})
	}
	a := newMap("map_actions", name, actions, pull, reduce, opts, false)
	if state == nil && reflect.TypeFor[In]() != reflect.TypeFor[Sub]() {
		a.failed("without a state function its branches begin with In, but In is %s and Sub is %s", reflect.TypeFor[In](), reflect.TypeFor[Sub]())
	}
	return a
}

// beginning returns the window that all branches of a MapActions begin with.
func beginning[In, Sub any](ctx context.Context, in In, state func(context.Context, In) (Sub, error)) (Sub, error) {
	if state != nil {
		return state(ctx, in)
	}
	sub, _ := any(in).(Sub)
	return sub, nil
}

// Subgraph makes an action that runs a graph of its own: only In goes in, only Out comes out. The graph is a branch with
// its own id, log and checkpoints; its error is the step's.
func Subgraph[In, Out any](name string, graph Runnable) *Action {
	pull := func(_ context.Context, in In) pulled {
		return tasksOf(func(yield func(task, error) bool) { yield(task{key: name, sub: &in}, nil) })
	}
	reduce := func(_ context.Context, _ In, rs *Results[In, Out]) (out Out, err error) {
		for r := range rs.OK() {
			out = r.Out
		}
		return out, rs.Err()
	}
	return newMap("subgraph", name, []Runnable{graph}, pull, reduce, nil, false)
}

// Each turns a slice into the sequence that MapStates wants.
func Each[T, Sub any](items []T, f func(T) Sub) iter.Seq2[Sub, error] {
	return func(yield func(Sub, error) bool) {
		for _, item := range items {
			if !yield(f(item), nil) {
				return
			}
		}
	}
}

// A parallel is the untyped core of a parallel action.
type parallel struct {
	kind     string
	product  bool // the name of its action is part of a branch's key
	tasks    []Runnable
	sub, res reflect.Type
	opts     MapOptions
	collect  func(loader) (res any, complete bool) // makes a *Res
}

// A task is one branch to be: which of the map's runnables, with which window. An empty key means the index.
type task struct {
	run     int
	key     string
	sub     any // *Sub
	special *special
}

// pulled is a sequence of tasks that are pulled one by one.
type pulled struct {
	next func() (t task, err error, more bool)
	stop func()
}

func tasksOf(seq iter.Seq2[task, error]) pulled {
	next, stop := iter.Pull2(seq)
	return pulled{next, stop}
}

func newMap[In, Sub, Res, Out any](kind, name string, uses []Runnable,
	pull func(context.Context, In) pulled,
	reduce func(context.Context, In, *Results[Sub, Res]) (Out, error), opts *MapOptions, noStates bool,
) *Action {
	par := &parallel{kind: kind, tasks: uses, sub: reflect.TypeFor[Sub](), res: reflect.TypeFor[Res]()}
	if opts != nil {
		par.opts = *opts
	}
	par.collect = func(l loader) (any, bool) {
		res := new(Res)
		return res, l.load(reflect.ValueOf(res).Elem())
	}
	s := &spec{in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), par: par}
	s.call = func(a *attempt) (reflect.Value, error) {
		fr := new(frame[In])
		ctx, err := a.enter(&fr.ctx, reflect.ValueOf(&fr.in).Elem())
		if err != nil {
			return reflect.Value{}, err
		}
		return a.visit(ctx, par, func(ctx context.Context) pulled { return pull(ctx, fr.in) },
			func(ctx context.Context, f feed) (reflect.Value, error) {
				out, err := reduce(ctx, fr.in, &Results[Sub, Res]{feed: f})
				return reflect.ValueOf(&out).Elem(), err
			})
	}
	a := newAction(name, s, reduce == nil || noStates)
	par.opts.check(a)
	return a
}

// check completes the options and reports what is wrong with them.
func (o *MapOptions) check(a *Action) {
	if o.Limit < Unlimited {
		a.failed("MapOptions.Limit is %d; it is positive, zero for the default, or Unlimited", o.Limit)
	}
	if o.Buffer < 0 {
		a.failed("MapOptions.Buffer is %d; it is positive, or zero for the default", o.Buffer)
	}
	if o.MaxBranches < 0 {
		a.failed("MapOptions.MaxBranches is %d; it is positive, or zero for the default", o.MaxBranches)
	}
	if o.MaxWaiting < 0 {
		a.failed("MapOptions.MaxWaiting is %d; it is positive, or zero for the default", o.MaxWaiting)
	}
	if o.Failures.bound < 0 {
		a.failed("Tolerate(%d): the number of failures is positive, or zero", o.Failures.bound)
	}
	o.Cache.check(a)
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	if o.MaxBranches == 0 {
		o.MaxBranches = defaultMaxBranches
	}
	if o.Limit == Unlimited {
		o.Limit = int(min(o.MaxBranches, 1<<30))
	}
	if o.Buffer == 0 {
		o.Buffer = o.Limit + defaultBufferExtra
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = defaultMaxWaiting
	}
	if o.Failures.name == "" {
		o.Failures = FailFast
	}
}

// branchPlan is one runnable of a map, compiled with the window that its branches begin with.
type branchPlan struct {
	name   string
	refers bool    // it is GraphNamed
	plan   *plan   // nil if no graph around it has the name; no application has such a branch
	sch    *schema // the plan's, with the keys of the window
	begin  []store // nil if Sub is State
	inputs []inputField
	keys   []*bind.Field
	result []load

	bindings func() string // hash of what its actions are bound to
	hash     func() string // of its graph as it stands here, see plan.hashAll
}

// branches compiles the branch graphs of all parallel actions.
func (c *compiler) branches() {
	for _, n := range c.p.nodes {
		par := n.action.spec.par
		if par == nil {
			continue
		}
		if len(par.tasks) == 0 {
			c.errorf("action %q: it has no actions to run", n.action.name)
		}
		names := map[string]bool{}
		for i, r := range par.tasks {
			if isNil(r) {
				c.errorf("action %q: one of the actions to run is nil", n.action.name)
				continue
			}
			if names[r.Name()] {
				c.errorf("action %q: two of the actions to run are named %q; give one another name with Named", n.action.name, r.Name())
			}
			names[r.Name()] = true
			c.branch(n, i)
		}
	}
}

func isNil(r Runnable) bool {
	v := reflect.ValueOf(r)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// branch compiles one of the runnables of a map, unless its graph has another plan that has done so.
func (c *compiler) branch(n *planNode, run int) {
	par := n.action.spec.par
	b := c.scope.branches[site{par, run}]
	if b == nil {
		b = &branchPlan{name: par.tasks[run].Name()}
		b.bindings = sync.OnceValue(func() string { return b.hashBindings(map[*branchPlan]string{}) })
		b.hash = sync.OnceValue(func() string { return b.plan.hashAll() })
		c.scope.branches[site{par, run}] = b
		c.link(&link{by: c, node: n, b: b}, par.tasks[run])
	}
	n.branches = append(n.branches, b)
}

// link compiles what a branch runs. What a reference refers to has to wait.
func (c *compiler) link(l *link, r Runnable) {
	c.links = append(c.links, l)
	if _, l.b.refers = r.(graphNamed); l.b.refers {
		if why := bind.BadName(l.b.name); why != "" {
			c.errorf("%s: GraphNamed(%q): the name %s", l.who(), l.b.name, why)
			return
		}
		c.family.references = append(c.family.references, l)
		return
	}
	g := r.asGraph()
	inner := &scope{graph: g.whole(), around: c.scope, inherits: inherited{c.p.customs, c.p.sentinels}}
	l.of = c.family.compile(g.withFallback(l.par().opts.Fallback), inner)
	l.b.plan = l.of.p
}

// checkBranches checks the windows with which the branches begin and end, the inner ones first.
func (c *compiler) checkBranches() {
	for _, l := range c.links {
		if l.of == nil {
			c.openWindows(l)
			continue
		}
		l.of.checkBranches()
		if l.of.err() == nil {
			c.checkBranch(l)
		}
	}
}

func (c *compiler) checkBranch(l *link) {
	b, par, who := l.b, l.par(), l.who()
	b.sch = b.plan.sch
	before := len(c.errs)
	given := c.begin(b, par, who)
	c.result(b, par, who)
	if len(c.errs) == before && b.begin != nil {
		reader := fmt.Sprintf("the result %s of %s", windowName(par.res), who)
		c.errs = append(c.errs, wrapAll(fmt.Sprintf("%s: branch %q", who, b.name), b.unwritten(given, reader))...)
	}
	for _, last := range b.plan.nodes {
		last.last = b.returnedBy(last, par)
	}
}

// returnedBy reports whether the branch ends with n, and the result is of the type that n returns and holds the same
// keys in the same fields.
func (b *branchPlan) returnedBy(n *planNode, par *parallel) bool {
	if !n.exit && len(n.routes) > 0 || n.action.spec.out != par.res || len(b.result) != len(n.stores) {
		return false
	}
	for i, s := range n.stores {
		l := b.result[i]
		if s.field.Append || s.field.Delete || s.field.OmitZero || l.slot != s.slot || !slices.Equal(l.field.Index, s.field.Index) {
			return false
		}
	}
	return true
}

// unwritten checks the branch graph against the window it begins with and the result that is read from it.
func (b *branchPlan) unwritten(given map[string]bool, reader string) []error {
	p := *b.plan
	p.sch = b.sch
	return p.unwritten(func(key string) bool { return given[key] }, b.result, reader)
}

// begin resolves the window that a branch begins with, and returns the keys that it surely gives.
func (c *compiler) begin(b *branchPlan, par *parallel, who string) map[string]bool {
	given := map[string]bool{}
	if par.sub == reflect.TypeFor[State]() {
		return given
	}
	w, errs := bind.Of(par.sub, bind.Begin)
	c.errs = append(c.errs, wrapAll(who, errs)...)
	extra := newSchema()
	for i := range w.Fields {
		if f := &w.Fields[i]; !f.Input {
			extra.add(f.Name, f.Type)
			given[f.Name] = !f.OmitZero
		}
	}
	sch, err := b.plan.extended(extra)
	if err != nil {
		c.errorf("%s: window %s of branch %q: %w", who, windowName(par.sub), b.name, err)
		return given
	}
	b.sch, b.begin = sch, []store{}
	for i := range w.Fields {
		f := &w.Fields[i]
		switch {
		case f.Input:
			b.inputs = append(b.inputs, c.branchInput(b, f, who))
		default:
			slot := sch.index[f.Name]
			b.begin = append(b.begin, store{f, slot, sch.keys[slot].codec})
		}
		if f.Key {
			b.keys = append(b.keys, f)
		}
	}
	return given
}

func (c *compiler) branchInput(b *branchPlan, f *bind.Field, who string) inputField {
	use := b.plan.inputs[f.Name]
	switch {
	case use == nil && b.plan.boundType[f.Name] == f.Type:
	case use == nil:
		c.errorf("%s: the window of branch %q gives input %q, which no action of it declares%s", who, b.name, f.Name, oneOf(b.plan.inputNames()))
	case use.typ != f.Type:
		c.errorf("%s: the window of branch %q gives input %q as %s, but %s declares it as %s", who, b.name, f.Name, f.Type, use.by, use.typ)
	}
	return inputField{field: f, codec: c.p.set.For(f.Type)}
}

// result resolves the window that is read from a finished branch.
func (c *compiler) result(b *branchPlan, par *parallel, who string) {
	w, errs := bind.Of(par.res, bind.Result)
	c.errs = append(c.errs, wrapAll(who, errs)...)
	for i := range w.Fields {
		f := &w.Fields[i]
		slot, ok := b.sch.index[f.Name]
		if !ok {
			if !f.Optional && par.sub != reflect.TypeFor[State]() {
				c.errorf("%s: result %s reads key %q, which branch %q neither begins with nor writes", who, windowName(par.res), f.Name, b.name)
			}
			continue
		}
		if typ := b.sch.keys[slot].typ; typ != f.Type {
			c.errorf("%s: result %s reads key %q as %s, but in branch %q it is %s", who, windowName(par.res), f.Name, f.Type, b.name, typ)
		}
		b.result = append(b.result, load{f, slot, f.Optional})
	}
}

// innerInputs makes the inputs of branches inputs of the parallel actions that run them, as far as they can run. It
// reports whether that changes those of the graph.
func (c *compiler) innerInputs() (changed bool) {
	for _, n := range c.p.nodes {
		n.inner = nil
		if n.index >= len(c.seen) || !c.seen[n.index] {
			continue
		}
		for _, b := range n.branches {
			if b.plan == nil {
				continue
			}
			for _, u := range b.plan.inputList {
				outer := *u
				outer.optional = outer.optional || gives(n.action.spec.par.sub, u.name)
				n.inner = append(n.inner, &outer)
				changed = c.declare(&outer) || changed
			}
		}
	}
	return changed
}

// gives reports whether a window that branches begin with has a field for the input.
func gives(sub reflect.Type, input string) bool {
	if sub == reflect.TypeFor[State]() {
		return false
	}
	w, _ := bind.Of(sub, bind.Begin)
	return slices.ContainsFunc(w.Fields, func(f bind.Field) bool { return f.Input && f.Name == input })
}

func (p *plan) inputNames() []string { return sortedKeys(p.inputs) }
