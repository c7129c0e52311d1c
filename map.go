package burdock

import (
	"context"
	"iter"
	"reflect"
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
	pull := func(ctx context.Context, in In) iter.Seq2[task, error] {
		return func(yield func(task, error) bool) {
			// Not a loop: its body may be called when it is over, by a function that keeps it.
			states(ctx, in)(func(sub Sub, err error) bool { return yield(task{sub: &sub}, err) })
		}
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
	pull := func(ctx context.Context, in In) iter.Seq2[task, error] {
		return func(yield func(task, error) bool) {
			sub, err := beginning(ctx, in, state)
			for i, a := range actions {
				each := sub
				if !yield(task{run: i, key: a.Name(), sub: &each}, err) {
					return
				}
			}
		}
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
	pull := func(_ context.Context, in In) iter.Seq2[task, error] {
		return func(yield func(task, error) bool) { yield(task{key: name, sub: &in}, nil) }
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

func newMap[In, Sub, Res, Out any](kind, name string, uses []Runnable,
	pull func(context.Context, In) iter.Seq2[task, error],
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
	s.call = func(a *attempt) (any, error) {
		fr := new(frame[In])
		ctx, err := a.enter(&fr.ctx, reflect.ValueOf(&fr.in).Elem())
		if err != nil {
			return nil, err
		}
		return a.visit(ctx, par, func(ctx context.Context) iter.Seq2[task, error] { return pull(ctx, fr.in) },
			func(ctx context.Context, f feed) (any, error) {
				out, err := reduce(ctx, fr.in, &Results[Sub, Res]{feed: f})
				return &out, err
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
