package exectest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// An Open starts an executor whose workers know the given graphs. It registers its own clean-up with t.
type Open func(t *testing.T, graphs ...*burdock.Graph) burdock.Executor

// Options tell Run what else to know of an executor. Nil is fine.
type Options struct {
	// Elsewhere says that workers run in other processes, where the suite's functions share no memory with its tests.
	// Checks that count calls are skipped then. Defaults to false.
	Elsewhere bool
	// Anything says that the executor runs whatever it is given, whether open was told of the graph or not, as burdock.Local
	// does. Defaults to false.
	Anything bool
}

// Run checks the executor that open returns.
func Run(t *testing.T, open Open, opts *Options) {
	if opts == nil {
		opts = &Options{}
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if c.counts && opts.Elsewhere {
				t.Skip("skipped: it counts calls, and the workers are elsewhere")
			}
			if c.name == "E3_unknown_graph" && opts.Anything {
				t.Skip("skipped: it knows every graph")
			}
			c.run(&suite{T: t, open: open})
		})
	}
}

type check struct {
	name   string
	counts bool
	run    func(*suite)
}

type suite struct {
	*testing.T
	open Open
}

var checks = []check{
	{"E2_same_as_Local", false, sameAsLocal},
	{"E2_saved_and_restored", true, restored},
	{"E2_waiting_branch_is_answered", false, answered},
	{"E2_cancellation_comes_back", false, cancelled},
	{"E2_early_return_cancels", false, earlyReturn},
	{"E2_lost_worker_is_replaced", true, lostWorker},
	{"E2_lost_for_good_is_a_failure", true, lostForGood},
	{"E1_late_saves_are_refused", true, lateSaves},
	{"E2_executor_that_panics", true, panics},
	{"E3_errors_stay_what_they_are", false, sentinels},
	{"E3_unknown_graph", false, unknownGraph},
	{"M20_nearest_executor_wins", true, nearest},
}

func sameAsLocal(s *suite) {
	for name, test := range map[string]struct {
		g  *burdock.Graph
		ws []string
	}{
		"flat":   {over(speaking(), &burdock.MapOptions{Failures: burdock.Collect}), []string{"a", "rude", "b", "panic", "ccc"}},
		"nested": {nested(), []string{"abc", "de", "f"}},
		"none":   {over(speaking(), nil), nil},
	} {
		for _, kept := range []bool{true, false} {
			var texts []string
			var records [][]string
			for _, ex := range []burdock.Executor{burdock.Local, s.open(s.T, test.g)} {
				store := memstore.New()
				o := options(store, ex, test.ws...)
				if !kept {
					o.Cascade.Store = nil
				}
				texts = append(texts, s.joined(s.run(test.g, o, burdock.Input("times", 2))))
				records = append(records, s.branches(store))
			}
			if texts[0] != texts[1] {
				s.Errorf("%s: got %q, want %q", name, texts[1], texts[0])
			}
			s.same(name+": records", records[1], records[0])
		}
	}
}

// stopping cancels the run when one branch begins.
type stopping struct {
	mu    sync.Mutex
	calls map[string]int
	at    string
	stop  context.CancelFunc
}

func (c *stopping) say(ctx context.Context, in said) (reply, error) {
	c.mu.Lock()
	c.calls[in.Word]++
	stop := c.stop
	if in.Word != c.at {
		stop = nil
	}
	c.mu.Unlock()
	if stop != nil {
		stop()
		<-ctx.Done()
		return reply{}, context.Cause(ctx)
	}
	return say(ctx, in)
}

// What was completed before a stop is restored and not run again, wherever it ran.
func restored(s *suite) {
	c := &stopping{calls: map[string]int{}, at: "c"}
	g := over(burdock.MustGraph("speak", burdock.Chain(burdock.Func("say", c.say).Bind("tone", "."), burdock.Func("shout", shout))), &burdock.MapOptions{Limit: 1})
	store := memstore.New()
	o := options(store, s.open(s.T, g), "a", "b", "c", "d")
	ctx, cancel := context.WithCancel(s.Context())
	c.stop = cancel
	app, err := burdock.New(ctx, g, o)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := app.Run(ctx); !errors.Is(err, context.Canceled) {
		s.Fatalf("got %v, want a cancellation", err)
	}
	c.at = ""
	if got := s.joined(s.run(g, o)); got != "A. B. C. D." {
		s.Errorf("got %q", got)
	}
	if want := map[string]int{"a": 1, "b": 1, "c": 2, "d": 1}; !maps.Equal(c.calls, want) {
		s.Errorf("calls %v, want %v", c.calls, want)
	}
}

func answered(s *suite) {
	ask := burdock.Func("ask", func(_ context.Context, p permission) (reply, error) { return reply{fmt.Sprint(p.Word, p.Yes)}, nil })
	begin := burdock.Func("begin", func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, nil })
	g := over(burdock.MustGraph("asking", burdock.Chain(begin, ask)), nil)
	store := memstore.New()
	o := options(store, s.open(s.T, g), "a", "b")
	out, err := s.run(g, o)
	if err != nil || out.Stop != burdock.StopWaiting || len(out.Pending) != 2 {
		s.Fatalf("got %+v, %v, want two steps that wait", out, err)
	}
	if got, want := out.Pending[1].Path, "app/each#1/b"; got != want || out.Pending[1].Action != "ask" {
		s.Errorf("pending %s before %s, want %s", got, out.Pending[1].Action, want)
	}
	if got := s.joined(s.run(g, o, burdock.Input("yes", true))); got != "atrue btrue" {
		s.Errorf("got %q", got)
	}
}

func cancelled(s *suite) {
	ctx, cancel := context.WithCancelCause(s.Context())
	reason := errors.New("enough")
	g := over(burdock.Func("hang", func(ctx context.Context, _ word) (reply, error) {
		cancel(reason)
		<-ctx.Done()
		return reply{}, context.Cause(ctx)
	}), nil)
	app, err := burdock.New(ctx, g, options(memstore.New(), s.open(s.T, g), "a", "b"))
	if err != nil {
		s.Fatal(err)
	}
	out, err := app.Run(ctx)
	if !errors.Is(err, reason) || out.Stop != burdock.StopCancelled {
		s.Errorf("got %v, %v, want the cause of the cancellation", out, err)
	}
}

func earlyReturn(s *suite) {
	racing := burdock.MapStates("each", burdock.Func("race", func(ctx context.Context, w word) (reply, error) {
		if w.Word == "quick" {
			return reply{w.Word}, nil
		}
		<-ctx.Done()
		return reply{}, context.Cause(ctx)
	}), each, burdock.First[reply, words, word], nil)
	g := burdock.MustGraph("talk", burdock.Node(racing))
	out, err := s.run(g, options(memstore.New(), s.open(s.T, g), "slow", "quick", "slower"))
	r, err := burdock.Read[reply](out, err)
	if err != nil || r.Reply != "quick" {
		s.Errorf("got %v, %v", r, err)
	}
}

// losing is an executor that loses the first workers of each branch after they have begun.
type losing struct {
	burdock.Executor
	times int

	mu   sync.Mutex
	lost map[string]int
	late []burdock.Store
}

var errLost = errors.New("the worker is lost")

func (l *losing) Execute(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
	l.mu.Lock()
	l.lost[b.Key()]++
	n := l.lost[b.Key()]
	l.late = append(l.late, b.Store())
	l.mu.Unlock()
	if n <= l.times {
		return nil, errLost
	}
	return l.Executor.Execute(ctx, b)
}

func lostWorker(s *suite) {
	g := over(speaking(), nil)
	ex := &losing{Executor: s.open(s.T, g), times: burdock.Redispatch, lost: map[string]int{}}
	if got := s.joined(s.run(g, options(memstore.New(), ex, "a", "b"))); got != "A. B." {
		s.Errorf("got %q", got)
	}
}

func lostForGood(s *suite) {
	g := over(speaking(), &burdock.MapOptions{Failures: burdock.Collect})
	ex := &losing{Executor: s.open(s.T, g), times: 100, lost: map[string]int{}}
	store := memstore.New()
	if got := s.joined(s.run(g, options(store, ex, "a", "b"))); got != "a! b!" {
		s.Errorf("got %q", got)
	}
	if want := map[string]int{"a": burdock.Redispatch + 1, "b": burdock.Redispatch + 1}; !maps.Equal(ex.lost, want) {
		s.Errorf("handed over %v, want %v", ex.lost, want)
	}
	g = over(speaking(), nil)
	ex = &losing{Executor: s.open(s.T, g), times: 100, lost: map[string]int{}}
	_, err := s.run(g, options(memstore.New(), ex, "a"))
	var m *burdock.MapError
	if !errors.As(err, &m) || !errors.Is(err, errLost) {
		s.Errorf("got %v, want a MapError that is the loss", err)
	}
}

// What a worker saves that the core has given up is refused.
func lateSaves(s *suite) {
	g := over(speaking(), nil)
	ex := &losing{Executor: s.open(s.T, g), times: 1, lost: map[string]int{}}
	store := memstore.New()
	if got := s.joined(s.run(g, options(store, ex, "a"))); got != "A." {
		s.Errorf("got %q", got)
	}
	before := s.branches(store)
	for _, late := range ex.late {
		cp := burdock.Checkpoint{Root: "app", App: "x", Path: "app/each#1/a", Seq: 1, Kind: burdock.KindStep, Status: burdock.StatusFailed}
		if err := late.Save(s.Context(), burdock.Fence{Root: "app", Epoch: 99}, []burdock.Checkpoint{cp}); !errors.Is(err, burdock.ErrConflict) {
			s.Errorf("a late save: got %v, want ErrConflict", err)
		}
	}
	s.same("records after late saves", s.branches(store), before)
}

type executorFunc func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error)

func (f executorFunc) Execute(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
	return f(ctx, b)
}

func panics(s *suite) {
	g := over(speaking(), nil)
	for name, f := range map[string]executorFunc{
		"panics":          func(context.Context, *burdock.Branch) (*burdock.Outcome, error) { panic("executor") },
		"returns nothing": func(context.Context, *burdock.Branch) (*burdock.Outcome, error) { return nil, nil },
		"writes what it may not": func(context.Context, *burdock.Branch) (*burdock.Outcome, error) {
			type other struct {
				Other string `state:"other"`
			}
			return &burdock.Outcome{Stop: burdock.StopDone, State: burdock.StateOf(other{"x"})}, nil
		},
		"claims an end of another kind": func(context.Context, *burdock.Branch) (*burdock.Outcome, error) {
			return &burdock.Outcome{Stop: burdock.StopHaltedAfter}, nil
		},
	} {
		for _, store := range []burdock.Store{memstore.New(), nil} {
			out, err := s.run(g, options(store, f, "a"))
			var m *burdock.MapError
			if !errors.As(err, &m) || out.Stop != burdock.StopFailed {
				s.Errorf("%s: got %v, %v, want a MapError", name, out, err)
			}
		}
	}
}

func sentinels(s *suite) {
	g := over(speaking(), nil)
	_, err := s.run(g, options(memstore.New(), s.open(s.T, g), "rude"))
	if !errors.Is(err, errRude) || !strings.Contains(err.Error(), "app/each#1/rude") {
		s.Errorf("got %v, want an error that is the registered one and says where", err)
	}
}

func unknownGraph(s *suite) {
	ex := s.open(s.T, nested())
	g := over(speaking(), nil)
	_, err := s.run(g, options(memstore.New(), ex, "a"))
	if !errors.Is(err, burdock.ErrUnknownGraph) {
		s.Errorf("got %v, want ErrUnknownGraph", err)
	}
}

// naming is an executor that notes which branches it was given.
type naming struct {
	name string
	mu   *sync.Mutex
	seen map[string]string
}

func (n naming) Execute(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
	n.mu.Lock()
	n.seen[b.Path()] = n.name
	n.mu.Unlock()
	return b.Run(ctx)
}

func nearest(s *suite) {
	var mu sync.Mutex
	seen := map[string]string{}
	by := func(name string) naming { return naming{name, &mu, seen} }
	say1 := burdock.Func("say", say).Bind("tone", ".")
	tasks := func(_ context.Context, _ words) iter.Seq2[burdock.Task[word], error] {
		return func(yield func(burdock.Task[word], error) bool) {
			_ = yield(burdock.Task[word]{Key: "plain", State: word{"x"}}, nil) &&
				yield(burdock.Task[word]{Key: "own", State: word{"y"}, Cascade: &burdock.Cascade{Executor: by("task")}}, nil)
		}
	}
	g := burdock.MustGraph("talk", burdock.Chain(
		burdock.MapStates("app_wide", say1, each, join, nil),
		burdock.MapStates("at", say1, each, join, nil),
		burdock.MapStates("map", say1, each, join, &burdock.MapOptions{Branches: &burdock.Cascade{Executor: by("map")}}),
		burdock.MapStates("graph", burdock.MustGraph("say", burdock.Node(say1)).On(by("graph")), each, join, &burdock.MapOptions{Branches: &burdock.Cascade{Executor: by("map")}}),
		burdock.MapTasks("tasks", burdock.Actions(burdock.MustGraph("say", burdock.Node(say1)).On(by("graph"))), tasks, join, nil),
		burdock.MapStates("local", say1, each, join, &burdock.MapOptions{Branches: &burdock.Cascade{Executor: burdock.Local}}),
	))
	o := options(memstore.New(), by("app"), "w")
	o.Branches = &burdock.Cascade{Executor: by("branches")}
	o.At = map[string]*burdock.Cascade{"at": {Executor: by("at")}, "map": {Executor: by("at")}}
	s.joined(s.run(g, o))
	want := map[string]string{
		"app/app_wide#1/w": "branches", "app/at#2/w": "at", "app/map#3/w": "map", "app/graph#4/w": "graph",
		"app/tasks#5/plain:x": "graph", "app/tasks#5/own:y": "task",
	}
	if !maps.Equal(seen, want) {
		s.Errorf("who ran what: got %v, want %v", seen, want)
	}
}
