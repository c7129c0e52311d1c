package burdock_test

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// A task is given a list, and weighs what is left of it with an input that only the innermost branch reads.
type (
	weighed struct {
		Items []int `state:"items"`
		Unit  int   `input:"unit"`
	}
	secretly struct {
		Items []int  `state:"items"`
		Token string `input:"token,secret"`
	}
	handing struct {
		Items []int `state:"items"`
		Unit  int   `input:"unit"`
	}
)

func rest[Sub any](make func([]int) Sub) func(context.Context, numbers) iter.Seq2[Sub, error] {
	return func(_ context.Context, all numbers) iter.Seq2[Sub, error] {
		return burdock.Each([][]int{all.Items[1:]}, make)
	}
}

func justNumbers(items []int) numbers { return numbers{items} }

func sumOf[Sub any](_ context.Context, _ numbers, rs *burdock.Results[Sub, total]) (sum total, err error) {
	for r := range rs.OK() {
		sum = r.Out
	}
	return sum, rs.Err()
}

var weigh = burdock.Func("weigh", func(_ context.Context, w weighed) (total, error) { return total{w.Items[0] * w.Unit}, nil })

// outerAndInner is a graph with one in it that leads back: outer → inner → outer. The input unit is read in outer alone,
// and only where the recursion ends.
func outerAndInner(weigh *burdock.Action) *burdock.Graph {
	look := burdock.Func("look", func(context.Context, numbers) (burdock.None, error) { return burdock.None{}, nil })
	back := burdock.MapStates("back", burdock.GraphNamed("outer"), rest(justNumbers), sumOf[numbers], nil)
	inner := burdock.MustGraph("inner", burdock.Node(back))
	into := burdock.MapStates("into", inner,
		func(_ context.Context, all numbers) iter.Seq2[numbers, error] {
			return burdock.Each([][]int{all.Items}, justNumbers)
		}, sumOf[numbers], nil)
	return burdock.MustGraph("outer", burdock.Node(look, isSmall.Then(weigh), burdock.Then(into)), burdock.Node(weigh), burdock.Node(into))
}

// I1, I2: what an action deep inside declares is declared by the graphs around it, also by those to which only a reference
// leads. It is given at the root, as configuration or as an event, or waited for.
func TestInputsNeededDeepInsideARecursion(t *testing.T) {
	t.Run("an action", func(t *testing.T) { inputsDeepInside(t, outerAndInner(weigh)) })
	leaf := burdock.MustGraph("leaf", burdock.Node(weigh))
	t.Run("an action of a branch", func(t *testing.T) {
		inputsDeepInside(t, outerAndInner(burdock.Subgraph[numbers, total]("weigh", leaf)))
	})
}

func inputsDeepInside(t *testing.T, g *burdock.Graph) {
	for _, store := range []burdock.Store{nil, memory()} {
		o := &burdock.Options{ID: "app", State: burdock.StateOf(upTo(5)), Cascade: burdock.Cascade{Store: store}}
		want := func(app *burdock.App, opts ...burdock.RunOption) {
			t.Helper()
			got, err := burdock.Read[total](app.Run(t.Context(), opts...))
			if err != nil || got.Sum != 50 {
				t.Errorf("got %v, %v, want 50", got, err)
			}
		}
		waits := newApp(t, g, o)
		out := runTo(t, waits, burdock.StopWaiting)
		if len(out.Pending) != 1 || !slices.Equal(out.Pending[0].Needs, []string{"unit"}) || strings.Count(out.Pending[0].Path, "/back#1/0") != 4 {
			t.Errorf("got pending %+v", out.Pending)
		}
		if store != nil {
			waits = openApp(t, g, o)
		}
		want(waits, burdock.Input("unit", 10))

		o.ID = "event"
		want(newApp(t, g, o), burdock.Input("unit", 10))
		if store != nil { // the step that fans out is recorded with what it was given
			cp, err := store.Load(t.Context(), burdock.Ref{App: "event", Seq: 2})
			if err != nil || len(cp.Inputs) != 1 || cp.Inputs[0].Name != "unit" {
				t.Errorf("got inputs %+v, %v", cp.Inputs, err)
			}
			for _, inner := range branchRecords(t, store, cp.Ref()) {
				if len(inner.Inputs) != 1 {
					t.Errorf("%s: got inputs %+v", inner.Path, inner.Inputs)
				}
			}
		}
		o.ID, o.Given = "configuration", burdock.Input("unit", 10)
		want(newApp(t, g, o))
		o.Given = burdock.Input("unity", 10)
		_, err := burdock.New(t.Context(), g, o)
		wantTexts(t, err, `input "unity": no action of graph "outer" declares it; it has unit`)
	}
}

// An input is secret for all if one says so, and required if one requires it, wherever in the recursion that stands.
func TestASecretDeepInsideARecursionIsASecret(t *testing.T) {
	tell := burdock.Func("weigh", func(_ context.Context, s secretly) (total, error) { return total{len(s.Token)}, nil })
	s := memory()
	o := stored(s, upTo(4))
	got, err := burdock.Read[total](newApp(t, outerAndInner(tell), o).Run(t.Context(), burdock.Input("token", "hush")))
	if err != nil || got.Sum != 4 {
		t.Fatalf("got %v, %v", got, err)
	}
	for cp, err := range s.List(t.Context(), burdock.Query{Root: "app"}) {
		if err != nil || strings.Contains(asJSON(cp), "hush") {
			t.Errorf("got %v, %v", asJSON(cp), err)
		}
	}
}

// A window may give an input that its graph declares only because it leads back to one that does.
func TestAWindowGivesAnInputOfTheRecursion(t *testing.T) {
	back := burdock.MapStates("back", burdock.GraphNamed("outer"), rest(justNumbers), sumOf[numbers], nil)
	inner := burdock.MustGraph("inner", burdock.Node(back))
	into := burdock.MapStates("into", inner,
		func(_ context.Context, all numbers) iter.Seq2[handing, error] {
			return burdock.Each([][]int{all.Items}, func(items []int) handing { return handing{items, 7} })
		}, sumOf[handing], nil)
	look := burdock.Func("look", func(context.Context, numbers) (burdock.None, error) { return burdock.None{}, nil })
	g, err := burdock.NewGraph("outer", burdock.Node(look, isSmall.Then(weigh), burdock.Then(into)), burdock.Node(weigh), burdock.Node(into))
	if err != nil {
		t.Fatal(err)
	}
	got, err := burdock.Read[total](newApp(t, g, starting(upTo(3))).Run(t.Context()))
	if err != nil || got.Sum != 21 {
		t.Errorf("got %v, %v, want 21", got, err)
	}
}

// M13: what an action is bound to is part of what each branch is given from which the recursion leads to it.
func TestBindingsAnywhereInARecursionAreGivenToItsBranches(t *testing.T) {
	prints := func(unit int) map[string]string {
		s := memory()
		if _, err := newApp(t, outerAndInner(weigh.Bind("unit", unit)), stored(s, upTo(3))).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for cp, err := range s.List(t.Context(), burdock.Query{Root: "app", Latest: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if cp.Parent.App != "" {
				found[cp.Path] = cp.Fingerprint
			}
		}
		return found
	}
	one, again, two := prints(1), prints(1), prints(2)
	if diff := cmp.Diff(one, again); diff != "" || len(one) != 4 {
		t.Errorf("the same bindings, -first +second:\n%s", diff)
	}
	for path, print := range one {
		if two[path] == print || two[path] == "" {
			t.Errorf("%s has the fingerprint %s whatever the action is bound to", path, print)
		}
	}
}

// MapTasks runs a reference like any other: Task.Run names it again.
func TestATaskRunsTheGraphAroundIt(t *testing.T) {
	same := burdock.Func("same", func(_ context.Context, all numbers) (total, error) { return total{all.Items[0]}, nil })
	tasks := burdock.MapTasks("tasks", burdock.Actions(burdock.GraphNamed("sum"), same),
		func(_ context.Context, all numbers) iter.Seq2[burdock.Task[numbers], error] {
			return burdock.Each([]burdock.Task[numbers]{
				{Key: "first", Run: same, State: numbers{all.Items[:1]}},
				{Key: "rest", Run: burdock.GraphNamed("sum"), State: numbers{all.Items[1:]}},
			}, func(task burdock.Task[numbers]) burdock.Task[numbers] { return task })
		}, joinTotals, nil)
	look := burdock.Func("look", func(context.Context, numbers) (burdock.None, error) { return burdock.None{}, nil })
	g := burdock.MustGraph("sum", burdock.Node(look, isSmall.Then(same), burdock.Then(tasks)), burdock.Node(same), burdock.Node(tasks))
	wantTotal(t, newApp(t, g, stored(memory(), upTo(6))), 6)
}

// A reference is to the whole graph: From and Until say where an application begins and ends, and what Replace replaces is
// replaced everywhere.
func TestAReferenceIsToTheWholeGraph(t *testing.T) {
	a := &adding{cut: halves}
	g := a.graph()
	wantTotal(t, newApp(t, g.From(burdock.ByName("split")), starting(upTo(4))), 4)
	wantTotal(t, newApp(t, g.From(burdock.ByName("split")).Until(burdock.ByName("split")), starting(upTo(4))), 4)
	seven := burdock.Func("add", func(context.Context, numbers) (total, error) { return total{7}, nil })
	got, err := burdock.Read[total](newApp(t, g.Replace(seven), starting(upTo(4))).Run(t.Context()))
	if err != nil || got.Sum != 28 {
		t.Errorf("got %v, %v, want 28", got, err)
	}
}

// P9: a branch that runs the graph around it is forked like the root, of which it has the graph.
func TestABranchOfARecursionIsForked(t *testing.T) {
	s := memory()
	a := &adding{cut: halves}
	wantTotal(t, newApp(t, a.graph(), stored(s, upTo(8))), 8)
	for _, cp := range branchRecords(t, s, burdock.Ref{App: "app", Seq: 2}) {
		o := stored(s, nil)
		o.ID = "fork-" + cp.Key
		fork, err := burdock.Fork(t.Context(), a.graph(), burdock.Ref{App: cp.App, Seq: 1}, o, burdock.Edit(numbers{[]int{1, 2, 3}}))
		if err != nil {
			t.Fatal(err)
		}
		wantTotal(t, fork, 3)
	}
}

// The root of a recursion halts, its branches do not, and a node of the one is no node of the other to hooks (R6).
func TestHaltsDoNotReachIntoARecursion(t *testing.T) {
	a := &adding{cut: halves}
	app := newApp(t, a.graph(), starting(upTo(4)))
	runTo(t, app, burdock.StopHaltedBefore, burdock.HaltBefore(burdock.ByName("split")))
	runTo(t, app, burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("split")))
	_, err := newApp(t, outerAndInner(weigh), starting(upTo(4))).Run(t.Context(), burdock.HaltBefore(burdock.ByName("back")))
	wantTexts(t, err, "it is a node of a branch graph")
	_, err = newApp(t, outerAndInner(weigh), starting(upTo(4))).Run(t.Context(), burdock.HaltBefore(burdock.ByName("nowhere")))
	wantTexts(t, err, `names no node of graph "outer"`)
}

// P8: a graph that runs itself has a hash like any other: the same for equal graphs, another when anything changes, be it
// what a reference refers to or what stands beside it.
func TestTheHashOfARecursion(t *testing.T) {
	states := func(context.Context, numbers) iter.Seq2[numbers, error] { return nil }
	graph := func(run burdock.Runnable, o *burdock.MapOptions, last *burdock.Action) *burdock.Graph {
		return burdock.MustGraph("g", burdock.Node(burdock.MapStates("map", run, states, joinTotals, o), burdock.Then(last)), burdock.Node(last))
	}
	end := burdock.Func("end", func(_ context.Context, sum total) (total, error) { return sum, nil })
	fallback := func(version string) *burdock.MapOptions {
		f := burdock.Func("fall", func(context.Context, numbers) (total, error) { return total{}, nil })
		return &burdock.MapOptions{Fallback: f.Version(version)}
	}
	itself := burdock.GraphNamed("g")
	plain := burdock.MustGraph("g", burdock.Node(burdock.Func("do", func(context.Context, numbers) (total, error) { return total{}, nil })))
	base := graph(itself, nil, end)
	for _, c := range []struct {
		name string
		g    *burdock.Graph
		same bool
	}{
		{"the same again", graph(burdock.GraphNamed("g"), &burdock.MapOptions{Limit: 3}, end.Tag("t")), true},
		{"an action", graph(itself, nil, end.Version("2")), false},
		{"a graph of the name instead of a reference", graph(plain, nil, end), false},
		{"another reference", graph(burdock.GraphNamed("h"), nil, end), false},
		{"a Fallback", graph(itself, fallback("1"), end), false},
		{"a graph that begins elsewhere", base.From(end), false},
	} {
		if a, b := base.Hash(), c.g.Hash(); len(a) != 32 || len(b) != 32 || (a == b) != c.same {
			t.Errorf("%s: got hashes %s and %s, want the same: %v", c.name, a, b, c.same)
		}
	}
	if graph(itself, fallback("1"), end).Hash() == graph(itself, fallback("2"), end).Hash() {
		t.Error("the version of a Fallback is no part of the hash")
	}
}

// P8: what has changed is said, and that of a recursion once.
func TestWhatHasChangedInARecursion(t *testing.T) {
	states := func(context.Context, numbers) iter.Seq2[numbers, error] { return burdock.Each(nil, justNumbers) }
	fall := burdock.Func("fall", func(context.Context, numbers) (total, error) { return total{}, nil })
	plain := burdock.MustGraph("g", burdock.Node(fall.Named("do")))
	graph := func(run burdock.Runnable, o *burdock.MapOptions, version string) *burdock.Graph {
		return burdock.MustGraph("g", burdock.Node(burdock.MapStates("map", run, states, joinTotals, o).Version(version)))
	}
	itself := burdock.GraphNamed("g")
	changed := func(a, b *burdock.Graph) string {
		s := memory()
		runTo(t, newApp(t, a, stored(s, numbers{})), burdock.StopDone)
		_, err := burdock.Resume(t.Context(), b, stored(s, numbers{}))
		wantIs(t, err, burdock.ErrGraphChanged)
		_, what, _ := strings.Cut(err.Error(), burdock.ErrGraphChanged.Error()+": ")
		what, _, _ = strings.Cut(what, "; run it with")
		return what
	}
	for _, c := range []struct {
		a, b *burdock.Graph
		want string
	}{
		{graph(itself, nil, "1"), graph(itself, nil, "2"), `node "map": version were "1" and are "2"`},
		{graph(itself, nil, ""), graph(plain, nil, ""), `in map: graph "g" was the one of that name around it and is a graph of its own`},
		{graph(itself, &burdock.MapOptions{Fallback: fall.Version("1")}, ""), graph(itself, &burdock.MapOptions{Fallback: fall}, ""), `in map: node "fall": version were "1" and are ""`},
		{graph(itself, &burdock.MapOptions{Fallback: fall}, ""), graph(itself, nil, ""), `in map: node "fall" is gone`},
	} {
		wantEqual(t, "what has changed", changed(c.a, c.b), c.want)
	}
}

// A drawing of a recursion ends where it begins again.
func TestMermaidOfARecursion(t *testing.T) {
	fall := burdock.Func("fall", func(context.Context, numbers) (total, error) { return total{}, nil })
	a := &adding{cut: halves, opts: &burdock.MapOptions{Fallback: fall}}
	want := `flowchart TD
    start(["start"])
    n1["look"]
    n2["add"]
    subgraph n3["split"]
        n4(["each state"])
        n6[["↺ sum"]]
        n7["fall"]
        n5(["reduce"])
    end
    stop(["end"])
    start --> n1
    n1 -->|"one item"| n2
    n1 --> n4
    n2 --> stop
    n5 --> stop
    n4 --> n6
    n6 --> n5
    n6 -.->|"on any error"| n7
    n7 --> n5
`
	if diff := cmp.Diff(want, a.graph().Mermaid()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s := memory()
	wantTotal(t, newApp(t, a.graph(), stored(s, upTo(2))), 2)
	got, err := burdock.MermaidOf(records(t, s, "app")[0].Description)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	// One that stands open is drawn too.
	if got := burdock.MustGraph("open", burdock.Node(a.split("sum"))).Mermaid(); !strings.Contains(got, `[["↺ sum"]]`) {
		t.Errorf("got\n%s", got)
	}
	for _, broken := range []string{`{"name":"g","reference":true}`, `{"name":"g","start":"a","nodes":[{"name":"a","branches":[{"name":"g","reference":true,"fallback":{"name":"f","routes":[{"to":"x"}]}}]}]}`} {
		if got, err := burdock.MermaidOf(json.RawMessage(broken)); err == nil {
			t.Errorf("got no error for %s, but\n%s", broken, got)
		}
	}
}

// A graph with many references is compiled once for each of them, not once for each way from one to another.
func TestManyReferences(t *testing.T) {
	var names []string
	const depth, width = 8, 6
	var g *burdock.Graph
	for i := range depth {
		names = append(names, string(rune('a'+depth-1-i)))
	}
	for i, name := range names { // the innermost first
		var nodes []*burdock.Action
		for _, around := range names[i:] {
			for j := range width {
				m := burdock.MapStates("map", burdock.GraphNamed(around), rest(justNumbers), sumOf[numbers], nil)
				nodes = append(nodes, m.Named(around+string(rune('0'+j))))
			}
		}
		if g != nil {
			nodes = append(nodes, burdock.MapStates("in", g, rest(justNumbers), sumOf[numbers], nil))
		}
		parts := []burdock.Part{burdock.Node(weigh, burdock.OnError(burdock.Is(errTest), nodes[0]))}
		for j, n := range nodes {
			if j+1 < len(nodes) {
				parts = append(parts, burdock.Node(n, burdock.OnError(burdock.AnyError, nodes[j+1])))
			} else {
				parts = append(parts, burdock.Node(n))
			}
		}
		g = burdock.MustGraph(name, parts...)
	}
	app := newApp(t, g.From(burdock.ByName("in")).Until(burdock.ByName("in")), stored(memory(), upTo(9)))
	got, err := burdock.Read[total](app.Run(t.Context(), burdock.Input("unit", 2)))
	if err != nil || got.Sum != 4 {
		t.Errorf("got %v, %v", got, err)
	}
}
