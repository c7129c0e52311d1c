package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
)

// The tests of recursion add numbers: a list of one is its sum, a longer one is cut in two, each of which is a task of the
// same kind.
type (
	numbers struct {
		Items []int `state:"items"`
	}
	total struct {
		Sum int `state:"sum"`
	}
)

// An adding is a graph that runs itself in branches, and what was seen of it.
type adding struct {
	cut  func(n int) int // where a list of that length is cut in two
	opts *burdock.MapOptions
	did  func(ctx context.Context, action, path string) // is told of each call of an action, before it returns

	mu   sync.Mutex
	runs map[string]int // by step
}

func halves(n int) int { return n / 2 }

// oneAndRest makes a recursion as deep as the list is long.
func oneAndRest(int) int { return 1 }

func upTo(n int) numbers {
	var all numbers
	for i := range n {
		all.Items = append(all.Items, i+1)
	}
	return all
}

func (a *adding) call(ctx context.Context, action string) {
	info := burdock.Info(ctx)
	a.mu.Lock()
	if a.runs == nil {
		a.runs = map[string]int{}
	}
	a.runs[fmt.Sprintf("%s#%d %s", info.Path, info.Seq, action)]++
	a.mu.Unlock()
	if a.did != nil {
		a.did(ctx, action, info.Path)
	}
}

// depthOf is how many maps are around what has the path.
func depthOf(path string) int { return strings.Count(path, "/split#") }

func (a *adding) split(name string) *burdock.Action {
	return burdock.MapStates("split", burdock.GraphNamed(name),
		func(_ context.Context, all numbers) iter.Seq2[numbers, error] {
			at := a.cut(len(all.Items))
			return burdock.Each([][]int{all.Items[:at], all.Items[at:]}, func(part []int) numbers { return numbers{part} })
		}, joinTotals, a.opts)
}

func joinTotals(_ context.Context, _ numbers, rs *burdock.Results[numbers, total]) (sum total, err error) {
	for r := range rs.OK() {
		sum.Sum += r.Out.Sum
	}
	return sum, rs.Err()
}

var isSmall = burdock.When("one item", func(all numbers) bool { return len(all.Items) == 1 })

func (a *adding) graph() *burdock.Graph {
	look := burdock.Func("look", func(ctx context.Context, _ numbers) (burdock.None, error) {
		a.call(ctx, "look")
		return burdock.None{}, nil
	})
	add := burdock.Func("add", func(ctx context.Context, all numbers) (total, error) {
		a.call(ctx, "add")
		return total{all.Items[0]}, nil
	})
	split := a.split("sum")
	return burdock.MustGraph("sum", burdock.Node(look, isSmall.Then(add), burdock.Then(split)), burdock.Node(add), burdock.Node(split))
}

// recursions are the shapes and limits of the tests: three levels with many branches, thirty with two each.
var recursions = []struct {
	name  string
	n     int // how many numbers
	cut   func(int) int
	depth int
}{{"wide", 8, halves, 3}, {"deep", 31, oneAndRest, 30}}

func eachRecursion(t *testing.T, test func(t *testing.T, a *adding, n, depth int, o *burdock.Options)) {
	for _, r := range recursions {
		for _, narrow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, narrow %v", r.name, narrow), func(t *testing.T) {
				a, o := &adding{cut: r.cut}, &burdock.Options{ID: "app", State: burdock.StateOf(upTo(r.n))}
				if narrow {
					a.opts, o.MaxConcurrency = &burdock.MapOptions{Limit: 1}, 1
				}
				test(t, a, r.n, r.depth, o)
			})
		}
	}
}

func wantTotal(t *testing.T, app *burdock.App, n int) {
	t.Helper()
	got, err := burdock.Read[total](app.Run(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "sum", got.Sum, n*(n+1)/2)
}

// A graph that runs itself comes to its end at any depth, with any limits (M4), with and without a store.
func TestAGraphRunsItself(t *testing.T) {
	eachRecursion(t, func(t *testing.T, a *adding, n, depth int, o *burdock.Options) {
		deepest := 0
		a.did = func(_ context.Context, _, path string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			deepest = max(deepest, depthOf(path))
		}
		wantTotal(t, newApp(t, a.graph(), o), n)
		wantEqual(t, "depth", deepest, depth)
		o.Cascade.Store = memory()
		wantTotal(t, newApp(t, a.graph(), o), n)
		a.runs = nil
		wantTotal(t, openApp(t, a.graph(), o), n)
		wantEqual(t, "steps that ran again", len(a.runs), 0)
	})
}

// Whatever step a cancellation comes in, at whatever depth: what has completed does not run again in another process
// (M13, M16).
func TestARecursionIsResumedAtEveryDepth(t *testing.T) {
	eachRecursion(t, func(t *testing.T, a *adding, n, depth int, o *burdock.Options) {
		for at := 0; at <= depth; at++ {
			for _, action := range []string{"look", "add"} {
				o.Cascade.Store, a.runs = memory(), nil
				ctx, cancel := context.WithCancelCause(t.Context())
				a.did = func(_ context.Context, act, path string) {
					if act == action && depthOf(path) == at {
						cancel(errTest)
					}
				}
				_, err := newApp(t, a.graph(), o).Run(ctx)
				cancel(nil)
				if err != nil {
					wantIs(t, err, errTest)
				} else if action == "look" || at == depth && n == 8 {
					t.Errorf("depth %d: the cancellation in %q has not been noticed", at, action)
				}
				a.did = nil
				wantTotal(t, openApp(t, a.graph(), o), n)
				for step, times := range a.runs {
					if times != 1 {
						t.Errorf("cancelled in %q at depth %d: %s ran %d times", action, at, step, times)
					}
				}
			}
		}
	})
}

// hole is a graph whose branches never end: each runs another.
func hole(opts *burdock.MapOptions) *burdock.Graph {
	dig := burdock.MapStates("dig", burdock.GraphNamed("hole"),
		func(_ context.Context, n number) iter.Seq2[number, error] {
			return burdock.Each([]int{n.N + 1}, func(i int) number { return number{i} })
		},
		func(_ context.Context, n number, rs *burdock.Results[number, number]) (number, error) {
			for r := range rs.All() {
				if r.Err != nil {
					return number{-n.N}, nil
				}
				return r.Out, nil
			}
			return n, rs.Err()
		}, opts)
	return burdock.MustGraph("hole", burdock.Node(dig))
}

// A recursion without an end stops at MaxDepth, with an error that says where and why, and leaves nothing behind (R8's
// promise holds for every goroutine of a call).
func TestRunawayRecursionStopsAtMaxDepth(t *testing.T) {
	for _, c := range []struct{ given, depth int }{{1, 1}, {3, 3}, {0, 100}, {250, 250}} {
		for _, store := range []burdock.Store{nil, memory()} {
			o := &burdock.Options{ID: "app", MaxDepth: c.given, State: burdock.StateOf(number{}), Cascade: burdock.Cascade{Store: store}}
			_, err := newApp(t, hole(nil), o).Run(t.Context())
			wantIs(t, err, burdock.ErrTooDeep)
			wantTexts(t, err, fmt.Sprintf("this one has depth %d, and Options.MaxDepth is %d", c.depth+1, c.depth),
				"app"+strings.Repeat("/dig#1/0", c.depth+1)+": step 1 (dig)")
			if n := len(err.Error()); n > 300+8*(c.depth+1) {
				t.Errorf("MaxDepth %d: the error has %d bytes", c.given, n)
			}
			goleak.VerifyNone(t)
		}
	}
	sub := burdock.MustGraph("hole", burdock.Node(burdock.Subgraph[number, number]("dig", burdock.GraphNamed("hole"))))
	_, err := newApp(t, sub, starting(number{})).Run(t.Context())
	wantIs(t, err, burdock.ErrTooDeep)
	wantTexts(t, err, strings.Repeat("/dig#1/dig", 101)+": step 1 (dig)")
	if n := len(err.Error()); n > 1400 {
		t.Errorf("of a Subgraph the error has %d bytes", n)
	}
	_, err = burdock.New(t.Context(), hole(nil), &burdock.Options{MaxDepth: -1})
	wantTexts(t, err, "Options.MaxDepth is -1")
}

// A branch that is too deep is a failed branch of its visit: the policy and the Fallback of the map decide, a Retry and
// error routes of its own do not.
func TestABranchThatIsTooDeepFailsUnderThePolicy(t *testing.T) {
	run := func(g *burdock.Graph) int {
		got, err := burdock.Read[number](newApp(t, g, &burdock.Options{MaxDepth: 4, State: burdock.StateOf(number{})}).Run(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		return got.N
	}
	wantEqual(t, "Collect", run(hole(&burdock.MapOptions{Failures: burdock.Collect})), -4)
	type failed struct {
		N       int             `state:"n"`
		Failure burdock.Failure `input:"failure"`
	}
	fill := burdock.Func("fill", func(_ context.Context, f failed) (number, error) {
		if !errors.Is(f.Failure.Err(), burdock.ErrTooDeep) {
			return number{}, f.Failure.Err()
		}
		return number{f.N * 100}, nil
	})
	wantEqual(t, "Fallback", run(hole(&burdock.MapOptions{Fallback: fill})), 500)

	negate := burdock.Func("negate", func(_ context.Context, n number) (number, error) { return number{-n.N}, nil })
	dig := hole(nil).Action("dig").With(burdock.Retry{Attempts: 3})
	g := burdock.MustGraph("hole", burdock.Node(dig, burdock.OnError(burdock.AnyError, negate)), burdock.Node(negate))
	wantEqual(t, "the error route of the branch around it", run(g), -4)
}

// A branch that was too deep runs when there is more room.
func TestMoreDepthIsGivenToTheNextRun(t *testing.T) {
	a := &adding{cut: oneAndRest}
	o := &burdock.Options{ID: "app", MaxDepth: 5, State: burdock.StateOf(upTo(10)), Cascade: burdock.Cascade{Store: memory()}}
	_, err := newApp(t, a.graph(), o).Run(t.Context())
	wantIs(t, err, burdock.ErrTooDeep)
	o.MaxDepth = 9
	wantTotal(t, openApp(t, a.graph(), o), 10)
	for step, times := range a.runs {
		if times != 1 {
			t.Errorf("%s ran %d times", step, times)
		}
	}
}

// A name that no graph around has is found before anything runs, with the names that there are. NewGraph cannot know
// what will be around a graph.
func TestANameThatNoGraphAroundHas(t *testing.T) {
	a := &adding{cut: halves}
	inner := burdock.MustGraph("inner", burdock.Node(a.split("sums")))
	outer := burdock.MustGraph("outer", burdock.Node(burdock.Subgraph[numbers, total]("run", inner)))
	ctx, o := t.Context(), stored(memory(), numbers{})
	for _, make := range []func(*burdock.Graph) (*burdock.App, error){
		func(g *burdock.Graph) (*burdock.App, error) { return burdock.New(ctx, g, o) },
		func(g *burdock.Graph) (*burdock.App, error) { return burdock.Open(ctx, g, o) },
		func(g *burdock.Graph) (*burdock.App, error) { return burdock.Resume(ctx, g, o) },
		func(g *burdock.Graph) (*burdock.App, error) { return burdock.Fork(ctx, g, burdock.Ref{App: "x"}, o) },
	} {
		_, err := make(outer)
		wantTexts(t, err, `graph "outer" cannot be an application: graph "inner": action "split": GraphNamed("sums"): no graph around it has that name; there is inner, and around that outer`)
		_, err = make(inner)
		wantTexts(t, err, `there is inner`)
	}
	_, err := burdock.NewGraph("g", burdock.Node(a.split("")), burdock.Node(burdock.Func("x", func(context.Context, struct{ N int }) (number, error) { return number{}, nil })))
	wantTexts(t, err, `action "split": GraphNamed(""): the name`, `action "x"`)
}

// The windows of a branch are checked as soon as NewGraph sees them, whatever it refers to; whether they fit as soon as that
// is known.
func TestTheWindowsOfAReferenceAreChecked(t *testing.T) {
	type untagged struct{ N int }
	states := func(context.Context, numbers) iter.Seq2[number, error] { return nil }
	open := burdock.MapStates("open", burdock.GraphNamed("around"), states,
		func(context.Context, numbers, *burdock.Results[number, untagged]) (total, error) { return total{}, nil }, nil)
	_, err := burdock.NewGraph("g", burdock.Node(open))
	wantTexts(t, err, `action "open"`, "window untagged: field N has no tag")

	// A branch begins with n alone, and nothing but a branch of its own can tell the sum.
	wrong := burdock.MapStates("wrong", burdock.GraphNamed("g"), states,
		func(context.Context, numbers, *burdock.Results[number, total]) (burdock.None, error) {
			return burdock.None{}, nil
		}, nil)
	add := burdock.Func("add", func(context.Context, numbers) (total, error) { return total{}, nil })
	_, err = burdock.NewGraph("g", burdock.Node(wrong, always.Then(add)), burdock.Node(add))
	wantTexts(t, err, `action "wrong": branch "g": key "items" is read by action "wrong" before anything wrote it`,
		`key "sum" is read by the result total of action "wrong", but nothing wrote it on the path wrong → end`)
	if n := strings.Count(err.Error(), `result total of action "wrong"`); n != 1 {
		t.Errorf("got %d reports of one problem:\n%v", n, err)
	}
}

// What is wrong with a graph is reported once, not again for each branch that runs it.
func TestWhatIsWrongWithARecursiveGraphIsReportedOnce(t *testing.T) {
	a := &adding{cut: halves}
	bad := burdock.Func("bad", func(context.Context, struct {
		F func() `state:"f"`
	},
	) (total, error) {
		return total{}, nil
	})
	_, err := burdock.NewGraph("sum", burdock.Node(a.split("sum"), always.Then(bad)), burdock.Node(bad), burdock.Node(idle("far")))
	wantTexts(t, err, `"bad"`, `node "far" cannot be reached`)
	for _, text := range []string{`action "bad"`, `node "far"`} {
		if n := strings.Count(err.Error(), text); n != 1 {
			t.Errorf("got %s %d times:\n%v", text, n, err)
		}
	}
}

// even and odd run each other: a graph may be named from inside of one that stands in it.
func TestMutualRecursion(t *testing.T) {
	type parity struct {
		Even bool `state:"even"`
	}
	know := func(name string, even bool) *burdock.Action {
		return burdock.Func(name, func(context.Context, burdock.None) (parity, error) { return parity{even}, nil })
	}
	less := func(name string, run burdock.Runnable) *burdock.Action {
		return burdock.MapActions(name, burdock.Actions(run),
			func(_ context.Context, n number) (number, error) { return number{n.N - 1}, nil },
			func(_ context.Context, _ number, rs *burdock.Results[number, parity]) (p parity, err error) {
				for r := range rs.OK() {
					p = r.Out
				}
				return p, nil
			}, nil)
	}
	zero := burdock.When("n = 0", func(n number) bool { return n.N == 0 })
	start, no, yes := idle("start"), know("no", false), know("yes", true)
	back := less("back", burdock.GraphNamed("even"))
	odd := burdock.MustGraph("odd", burdock.Node(start, zero.Then(no), burdock.Then(back)), burdock.Node(no), burdock.Node(back))
	down := less("down", odd)
	even := burdock.MustGraph("even", burdock.Node(start, zero.Then(yes), burdock.Then(down)), burdock.Node(yes), burdock.Node(down))
	for n := range 8 {
		for _, store := range []burdock.Store{nil, memory()} {
			o := &burdock.Options{ID: "app", State: burdock.StateOf(number{n}), MaxConcurrency: 1, Cascade: burdock.Cascade{Store: store}}
			got, err := burdock.Read[parity](newApp(t, even, o).Run(t.Context()))
			if err != nil || got.Even != (n%2 == 0) {
				t.Errorf("%d: got %v, %v", n, got, err)
			}
		}
	}
	_, err := burdock.New(t.Context(), odd, starting(number{1}))
	wantTexts(t, err, `GraphNamed("even")`)
}

// Of several graphs of a name the nearest is meant, and an action that a map runs is a graph of one node.
func TestTheNearestGraphOfANameIsMeant(t *testing.T) {
	within := func(name string, run burdock.Runnable, opts *burdock.MapOptions) *burdock.Action {
		return burdock.MapActions(name, burdock.Actions(run),
			func(_ context.Context, n number) (number, error) { return number{n.N + 1}, nil },
			func(_ context.Context, n number, rs *burdock.Results[number, number]) (number, error) {
				for r := range rs.All() {
					if r.Err == nil {
						return number{r.Out.N}, nil
					}
				}
				return n, nil
			}, opts)
	}
	again := within("again", burdock.GraphNamed("again"), &burdock.MapOptions{Failures: burdock.Collect})
	inner := within("run", again, nil) // its branch is the action again, whose branches are that action again
	outer := burdock.MustGraph("again", burdock.Chain(adder("far", 1000), inner))
	got, err := burdock.Read[number](newApp(t, outer, &burdock.Options{MaxDepth: 5, State: burdock.StateOf(number{})}).Run(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "far was run once, and the action at depths 1 to 5", got.N, 1005)
}
