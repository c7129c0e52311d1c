package burdock_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

var (
	never  = burdock.When("never", func(burdock.None) bool { return false })
	always = burdock.When("always", func(burdock.None) bool { return true })
)

// Design 2: NewGraph reports what is wrong, and how to mend it.
func TestEveryMistakeInAGraphIsReported(t *testing.T) {
	a, b := idle("a"), idle("b")
	type words struct {
		N string `state:"n"`
	}
	type intIn struct {
		X int `input:"x"`
	}
	type textIn struct {
		X string `input:"x"`
	}
	type inputCond struct {
		X int `input:"x"`
	}
	var nilCondition *burdock.Condition
	node := burdock.Node
	for _, c := range []struct {
		name  string
		parts []burdock.Part
		want  string
	}{
		{"nothing", nil, "it has no nodes; add one with Node"},
		{"nil part", []burdock.Part{node(a), nil}, "a nil part"},
		{"nil action", []burdock.Part{node(nil)}, "a node without an action"},
		{"nil action and no name", []burdock.Part{node(nil), node(idle(""))}, "its name is empty"},
		{"nil in a chain", []burdock.Part{burdock.Chain(a, nil)}, `node "a": a route to a nil action`},
		{"zero action", []burdock.Part{node(&burdock.Action{})}, "an action that no constructor made"},
		{"duplicate", []burdock.Part{node(a, burdock.Then(b)), node(b), node(idle("a"))}, `two nodes are named "a"; give one another name with Named`},
		{"unknown node", []burdock.Part{node(a, burdock.Then(b))}, `node "a": a route to "b", which is no node; add Node(b)`},
		{"unreachable", []burdock.Part{node(a), node(b)}, `node "b" cannot be reached from "a"`},
		{"after Then", []burdock.Part{node(a, burdock.Then(b), always.Then(b)), node(b)}, `node "a": a route stands after Then`},
		{"two Thens", []burdock.Part{node(a, burdock.Then(b), burdock.Then(b)), node(b)}, `node "a": a route stands after Then`},
		{"zero route", []burdock.Part{node(a, burdock.Route{})}, `node "a": a route to a nil action`},
		{"then nil", []burdock.Part{node(a, burdock.Then(nil))}, `node "a": a route to a nil action`},
		{"nil condition", []burdock.Part{node(a, nilCondition.Then(b)), node(b)}, `node "a": a nil condition`},
		{"not nil", []burdock.Part{node(a, burdock.Not(nil).Then(b)), node(b)}, "a nil condition"},
		{"nested nil", []burdock.Part{node(a, burdock.Not(burdock.And(always, nil)).Then(b)), node(b)}, "a nil condition"},
		{"empty and", []burdock.Part{node(a, burdock.And().Then(b)), node(b)}, "And and Or need at least one condition"},
		{"zero condition", []burdock.Part{node(a, new(burdock.Condition).Then(b)), node(b)}, "a condition that no function made"},
		{"nil question", []burdock.Part{node(a, burdock.When[burdock.None]("q", nil).Then(b)), node(b)}, `condition "q": its function is nil`},
		{"condition on no struct", []burdock.Part{node(a, burdock.When("q", func(int) bool { return true }).Then(b)), node(b)}, `condition "q": window int: a window is a struct`},
		{"condition on an input", []burdock.Part{node(a, burdock.When("q", func(inputCond) bool { return true }).Then(b)), node(b)}, `condition "q": window inputCond: field X has an input tag`},
		{"condition of another type", []burdock.Part{node(adder("a", 1), burdock.When("q", func(words) bool { return true }).Then(b)), node(b)}, `key "n" has two types: int of action "a", string of condition "q"`},
		{"Eq of another type", []burdock.Part{node(adder("a", 1), burdock.Eq(burdock.Key[string]("n"), "x").Then(b)), node(b)}, `key "n" has two types: int of action "a", string of condition "n == \"x\""`},
		{"two types", []burdock.Part{node(adder("a", 1), burdock.Then(whole[words]().Named("b"))), node(whole[words]().Named("b"))}, "two types"},
		{"two input types", []burdock.Part{node(reader[intIn]().Named("a")), node(reader[textIn]().Named("b"))}, `input "x" has two types: int of action "a", string of action "b"`},
		{"nil matcher", []burdock.Part{node(a, burdock.OnError(nil, b)), node(b)}, "OnError without a matcher"},
		{"Is nil", []burdock.Part{node(a, burdock.OnError(burdock.Is(nil), b)), node(b)}, "OnError without a matcher"},
		{"Match nil", []burdock.Part{node(a, burdock.OnError(burdock.Match("m", nil), b)), node(b)}, "OnError without a matcher"},
		{"zero matcher", []burdock.Part{node(a, burdock.OnError(new(burdock.Matcher), b)), node(b)}, "OnError without a matcher"},
		{"every Then", []burdock.Part{node(a), burdock.EveryNode(burdock.Then(a))}, "EveryNode takes error routes only"},
		{"nil sentinel", []burdock.Part{node(a), burdock.Sentinels(nil)}, "Sentinels: a nil error"},
		{"sentinels of one text", []burdock.Part{node(a), burdock.Sentinels(errors.New("x"), errors.New("x"))}, `Sentinels: two errors have the text "x"`},
		{"failure at the start", []burdock.Part{node(reader[failed]())}, `node "act" reads input "failure", but it is also where the graph starts`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := burdock.NewGraph("g", c.parts...)
			wantTexts(t, err, c.want)
			if g != nil {
				t.Error("got a graph beside the error")
			}
		})
	}
	_, err := burdock.NewGraph("")
	wantTexts(t, err, "its name is empty", "it has no nodes")
}

type failed struct {
	Failure burdock.Failure `input:"failure"`
}

func TestAFailureIsRequiredOnErrorRoutesOnly(t *testing.T) {
	h := reader[failed]().Named("handler")
	_, err := burdock.NewGraph("g", burdock.Node(idle("a"), burdock.OnError(burdock.AnyError, h), burdock.Then(h)), burdock.Node(h))
	wantTexts(t, err, `node "handler" reads input "failure", but it is also what follows "a", where nothing has failed; mark the field optional`)
	if _, err := burdock.NewGraph("g", burdock.Node(idle("a"), burdock.OnError(burdock.AnyError, h)), burdock.Node(h)); err != nil {
		t.Error(err)
	}
}

// Design 2: everything that is wrong is reported at once.
func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	type bad struct {
		V any `state:"v"`
		W int
	}
	a := whole[bad]().Named("a").Bind("x", 1).Rename(burdock.Keys{"q": "r"}).Tag("")
	_, err := burdock.NewGraph("g\n",
		burdock.Node(a, burdock.Then(idle("nowhere")), always.Then(nil)),
		burdock.Node(idle("lost")), burdock.Node(nil), nil, burdock.Sentinels(nil))
	wantTexts(t, err, "contains a control character", "an interface", "field W has no tag", `Bind("x")`, `Rename("q")`, "an empty tag",
		`"nowhere", which is no node`, "stands after Then", "a nil action", `"lost" cannot be reached`, "a node without an action", "a nil part", "a nil error")
	n := len(strings.Split(err.Error(), "\n"))
	if n < 12 {
		t.Errorf("got %d lines, want one for each mistake:\n%v", n, err)
	}
}

func TestMustGraphPanics(t *testing.T) {
	defer func() {
		if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), "it has no nodes") {
			t.Errorf("got %v, want NewGraph's error", err)
		}
	}()
	burdock.MustGraph("g")
}

// A graph that nobody made is an error and no crash.
func TestAGraphThatNobodyMadeIsRefused(t *testing.T) {
	for _, g := range []*burdock.Graph{nil, {}} {
		_, err := burdock.New(t.Context(), g, nil)
		wantTexts(t, err, "the graph is nil, or was not made by NewGraph")
	}
	wantEqual(t, "hash", new(burdock.Graph).Hash(), "")
}

// Design 2: the first node is the start, the routes are asked like a switch, none means the end.
func TestRoutesAreASwitch(t *testing.T) {
	var log notes
	a, b, c := noted("a", &log), noted("b", &log), noted("c", &log)
	g := burdock.MustGraph("g",
		burdock.Node(a, never.Then(c), always.Then(b), burdock.Then(c)),
		burdock.Node(c),
		burdock.Node(b, never.Then(c)))
	out := runTo(t, newApp(t, g, nil), burdock.StopDone)
	wantEqual(t, "ran", log.take(), "a b")
	wantEqual(t, "next", out.Next, "")
}

// Design 2: From and Until cut a graph down, for a run of a part (Burr's RunnableGraph).
func TestFromAndUntil(t *testing.T) {
	var log notes
	a, b, c, d := noted("a", &log), noted("b", &log).Tag("mid"), noted("c", &log), noted("d", &log)
	g := burdock.MustGraph("g", burdock.Chain(a, b, c, d))
	for _, x := range []struct {
		g    *burdock.Graph
		want string
	}{
		{g, "a b c d"},
		{g.From(c), "c d"},
		{g.Until(b), "a b"},
		{g.Until(c, b), "a b"},
		{g.From(burdock.Tag("mid")).Until(burdock.ByName("c")), "b c"},
		{g.Until(c).From(b).Until(d), "b c d"},
		{g.From(d).Until(a), "d"},
	} {
		out := runTo(t, newApp(t, x.g, nil), burdock.StopDone)
		wantEqual(t, "ran", log.take(), x.want)
		wantEqual(t, "next", out.Next, "")
	}
	for _, x := range []struct {
		g    *burdock.Graph
		want []string
	}{
		{g.From(idle("z")), []string{"From(z) names 0 nodes; it names one"}},
		{g.From(nil), []string{"names 0 nodes"}},
		{g.From((*burdock.Action)(nil)), []string{"names 0 nodes"}},
		{g.Until(burdock.Tag("z")), []string{"Until(tag z) names no node"}},
		{g.From(burdock.ByName("y")).Until(burdock.ByName("z")), []string{"From(y)", "Until(z)"}},
		{g.Replace(idle("z")), []string{"Replace: no node of that name"}},
		{g.Replace(nil), []string{"Replace: no node of that name"}},
		{g.Replace(&burdock.Action{}), []string{"Replace: no node of that name"}},
		{g.Replace((&burdock.Action{}).Named("a")), []string{"no constructor made"}},
	} {
		_, err := burdock.New(t.Context(), x.g, nil)
		wantTexts(t, err, x.want...)
	}
}

// I4: an input that only unreachable actions declare is nobody's.
func TestFromAndUntilForgetTheInputsOfWhatTheyCutOff(t *testing.T) {
	a, b := askAction.Named("a").Bind("model", "m"), askAction.Named("b")
	g := burdock.MustGraph("g", burdock.Chain(a, b))
	_, err := newApp(t, g.Until(a), starting(prompted{"p"})).Run(t.Context(), burdock.Input("model", "x"))
	wantTexts(t, err, `input "model" is bound by action "a"`)
	runTo(t, newApp(t, g.From(b), starting(prompted{"p"})), burdock.StopDone, burdock.Input("model", "x"))
}

// Design 2: Replace puts a fake in a node's place, wherever routes lead to it.
func TestReplaceRunsTheFake(t *testing.T) {
	var log notes
	a, b := noted("a", &log), noted("b", &log)
	g := burdock.MustGraph("g", burdock.Node(a, burdock.Then(b), burdock.OnError(burdock.AnyError, b)), burdock.Node(b))
	fake := doing("b", func(context.Context) error { log.add("fake"); return nil })
	runTo(t, newApp(t, g.Replace(fake), nil), burdock.StopDone)
	wantEqual(t, "ran", log.take(), "a fake")
	runTo(t, newApp(t, g, nil), burdock.StopDone)
	wantEqual(t, "the original ran", log.take(), "a b")
	runTo(t, newApp(t, g.Until(b).Replace(fake).From(b), nil), burdock.StopDone)
	wantEqual(t, "ran", log.take(), "fake")
}

func TestGraphTellsItsNodes(t *testing.T) {
	a := idle("a")
	g := line(a)
	if g.Action("a") != a || g.Action("b") != nil || g.Name() != "line" {
		t.Errorf("got %v, %v and name %q", g.Action("a"), g.Action("b"), g.Name())
	}
}

// A graph serves any number of applications at once.
func TestOneGraphServesManyApplications(t *testing.T) {
	g := line(adder("a", 1), adder("b", 10))
	done := make(chan int)
	for i := range 8 {
		go func() {
			app, err := burdock.New(t.Context(), g, starting(number{i * 100}))
			if err != nil {
				t.Error(err)
			}
			got, err := burdock.Read[number](app.Run(t.Context()))
			if err != nil {
				t.Error(err)
			}
			done <- got.N
		}()
	}
	sum := 0
	for range 8 {
		sum += <-done
	}
	wantEqual(t, "sum", sum, 8*11+2800)
}

// New reports what is wrong with graph and options together.
func TestNewReportsAllAtOnce(t *testing.T) {
	type out struct {
		Missing int `state:"missing"`
		Other   int `state:"other"`
	}
	g := line(whole[out](), askAction)
	_, err := burdock.New(t.Context(), g, &burdock.Options{ID: "x", Given: burdock.Input("modelo", 1)})
	wantTexts(t, err, `input "modelo"`, `key "missing"`, `key "other"`, `key "prompt"`)
	_, err = burdock.New(t.Context(), g.From(burdock.ByName("z")), &burdock.Options{
		ID: strings.Repeat("x", 201), MaxConcurrency: -1, Grace: -1, State: burdock.StateOf(5),
	})
	wantTexts(t, err, "From(z)", "Options.ID has 201 bytes; it has 1 to 200", "Options.MaxConcurrency is -1", "Options.Grace is -1ns", "Options.State: StateOf")
}

// R10: 1 to 200 bytes, no control characters.
func TestIDs(t *testing.T) {
	for id, want := range map[string]string{
		"run/7":                  "",
		strings.Repeat("x", 200): "",
		"a\tb":                   "contains a control character",
		"\xff":                   "is not valid UTF-8",
	} {
		app, err := burdock.New(t.Context(), line(idle("a")), &burdock.Options{ID: id})
		if want != "" {
			wantTexts(t, err, want)
		} else if err != nil || app.ID() != id {
			t.Errorf("id %q: got %v", id, err)
		}
	}
	a, b := newApp(t, line(idle("a")), nil), newApp(t, line(idle("a")), nil)
	if a.ID() == b.ID() || a.ID() == "" {
		t.Errorf("got ids %q and %q, want two of their own", a.ID(), b.ID())
	}
}

// Options.State: a value that cannot be saved is refused, with the key.
func TestInitialStateIsChecked(t *testing.T) {
	type wrong struct {
		N string `state:"n"`
	}
	type face struct {
		V any `state:"v"`
	}
	type text struct {
		T string `state:"t"`
	}
	type in struct {
		X int `input:"x"`
	}
	for _, c := range []struct {
		state burdock.State
		want  string
	}{
		{burdock.StateOf(nil), "StateOf: nil is no window"},
		{burdock.StateOf(&number{}), "a window is a struct whose fields have state or input tags, not a ptr"},
		{burdock.StateOf(wrong{}), `Options.State: key "n" is a string, but graph "line" uses it as a int`},
		{burdock.StateOf(face{}), "v: an interface is written without its dynamic type"},
		{burdock.StateOf(text{"\xff"}), `Options.State: key "t": a string is not valid UTF-8`},
		{burdock.StateOf(in{5}), `field X of window in is input "x", which is no part of a state; give it with Given`},
		{burdock.Key[int]("").Set(burdock.State{}, 1), `key "": its name is empty`},
		{burdock.Key[string]("n").Set(burdock.StateOf(number{1}), "x"), `key "n" is a int, not a string`},
	} {
		_, err := burdock.New(t.Context(), line(adder("a", 1)), &burdock.Options{State: c.state})
		wantTexts(t, err, c.want)
	}
	if _, err := burdock.New(t.Context(), line(idle("a")), starting(in{})); err != nil {
		t.Errorf("an input field that is zero is not given; got %v", err)
	}
}

func TestActionsAndGraphsAreRunnable(t *testing.T) {
	for _, r := range burdock.Actions(idle("a"), line(idle("a"))) {
		if !cmp.Equal(r.Name(), "a") && !cmp.Equal(r.Name(), "line") {
			t.Errorf("got name %q", r.Name())
		}
	}
}
