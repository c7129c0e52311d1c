package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
)

// MapActions: copies of one action with other bindings over one state; nil takes In itself.
func TestMapActionsOfBoundCopies(t *testing.T) {
	say := sayModel("say")
	copies := burdock.Actions(say.Named("gpt_4").Bind("model", "gpt-4"), say.Named("o1").Bind("model", "o1"), say)
	m := burdock.MapActions("compare", copies, nil,
		func(_ context.Context, _ nameState, rs *burdock.Results[nameState, twigOut]) (bunch, error) {
			var words []string
			for r := range rs.OK() {
				words = append(words, r.Action()+":"+r.Out.Word)
			}
			return bunch{words}, nil
		}, nil)
	app := newApp(t, burdock.MustGraph("g", burdock.Node(m)), starting(nameState{"x"}))
	out, err := burdock.Read[bunch](app.Run(t.Context(), burdock.Input("model", "given")))
	wantWords(t, out.Words, err, "gpt_4:x=gpt-4 o1:x=o1 say:x=given")
}

// An error or a panic of MapActions' state function fails the step.
func TestMapActionsStateFails(t *testing.T) {
	broken := errors.New("broken")
	for _, bad := range []func() error{func() error { return broken }, func() error { panic(broken) }} {
		m := burdock.MapActions("m", burdock.Actions(idle("a"), idle("b")),
			func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, bad() },
			func(_ context.Context, _ burdock.None, rs *burdock.Results[burdock.None, burdock.None]) (burdock.None, error) {
				for range rs.All() {
				}
				return burdock.None{}, nil
			}, &burdock.MapOptions{Failures: burdock.Collect})
		_, err := newApp(t, burdock.MustGraph("g", burdock.Node(m)), nil).Run(t.Context())
		wantIs(t, err, broken)
	}
}

// Subgraph: only In goes in and only Out comes out; it has an application of its own, and its error is the step's.
func TestSubgraph(t *testing.T) {
	type secret struct {
		Hidden string `state:"hidden"`
	}
	inner := burdock.MustGraph("inner", burdock.Chain(
		burdock.Func("scribble", func(context.Context, nameState) (secret, error) { return secret{"inside"}, nil }),
		burdock.Func("say", func(_ context.Context, in nameState) (twigOut, error) {
			if in.Name == "bad" {
				return twigOut{}, errors.New("no")
			}
			return twigOut{"<" + in.Name + ">"}, nil
		})))
	g := burdock.MustGraph("g", burdock.Node(burdock.Subgraph[nameState, twigOut]("sub", inner)))
	type beginning struct {
		Name   string `state:"name"`
		Hidden string `state:"hidden"`
	}
	store := memory()
	out := runTo(t, newApp(t, g, stored(store, beginning{"x", "outside"})), burdock.StopDone)
	wantEqual(t, "word", view[twigOut](t, out.State).Word, "<x>")
	wantEqual(t, "hidden", view[secret](t, out.State).Hidden, "outside")
	sub := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["sub"]
	wantEqual(t, "path", sub.Path, "app/sub#1/sub")
	wantEqual(t, "seq", sub.Seq, int64(2))
	if zero := records(t, store, sub.App)[0]; len(zero.Delta) != 1 || zero.Delta[0].Key != "name" {
		t.Errorf("it begins with %+v", zero.Delta)
	}
	_, err := newApp(t, g, &burdock.Options{ID: "app", State: burdock.StateOf(beginning{"bad", ""})}).Run(t.Context())
	wantTexts(t, err, "app/sub#1/sub: step 2 (say), attempt 1: no")
	if _, ok := errors.AsType[*burdock.MapError](err); ok {
		t.Errorf("a sub-graph's error comes as a MapError: %v", err)
	}
}

// Subgraphs in subgraphs, with MaxConcurrency 1.
func TestSubgraphsNest(t *testing.T) {
	var r burdock.Runnable = burdock.Func("say", func(_ context.Context, in nameState) (twigOut, error) {
		return twigOut{in.Name}, nil
	})
	for i := range 30 {
		r = burdock.Subgraph[nameState, twigOut](fmt.Sprint("level", i), r)
	}
	o := stored(memory(), nameState{"deep"})
	o.MaxConcurrency = 1
	out := runTo(t, newApp(t, burdock.MustGraph("g", burdock.Node(r.(*burdock.Action))), o), burdock.StopDone)
	wantEqual(t, "word", view[twigOut](t, out.State).Word, "deep")
}

// From and Until make other branches of one graph.
func TestFromUntilAsBranches(t *testing.T) {
	type trace struct {
		Steps []string `state:"steps,append"`
	}
	type seen struct {
		Steps []string `state:"steps,optional"`
	}
	step := func(name string) *burdock.Action {
		return burdock.Func(name, func(context.Context, burdock.None) (trace, error) { return trace{[]string{name}}, nil })
	}
	whole := burdock.MustGraph("whole", burdock.Chain(step("a"), step("b"), step("c"), step("d")))
	for want, g := range map[string]*burdock.Graph{
		"a b c d": whole,
		"b c":     whole.From(burdock.ByName("b")).Until(burdock.ByName("c")),
		"d":       whole.From(burdock.ByName("d")),
		"a":       whole.Until(burdock.ByName("a")),
	} {
		m := burdock.MapStates("m", g,
			func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
				return burdock.Each([]string{"x", "y"}, func(n string) twigKey { return twigKey{n} })
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[twigKey, seen]) (bunch, error) {
				var words []string
				for r := range rs.OK() {
					words = append(words, strings.Join(r.Out.Steps, " "))
				}
				return bunch{words}, nil
			}, nil)
		store := memory()
		f := frail(store, 3)
		root := burdock.MustGraph("g", burdock.Node(m))
		_, _ = newApp(t, root, stored(f, nil)).Run(t.Context())
		out := runTo(t, openApp(t, root, stored(store, nil)), burdock.StopDone)
		wantEqual(t, "steps", strings.Join(view[bunch](t, out.State).Words, "|"), want+"|"+want)
	}
}

// Sub = State: the branch begins with any state, whose values are normalized and checked like everything written.
func TestSubIsState(t *testing.T) {
	type moment struct {
		At time.Time `state:"at"`
	}
	type both struct {
		Name string    `state:"name"`
		At   time.Time `state:"at"`
		More []string  `state:"more"`
	}
	at := time.Now()
	mapOf := func(states ...burdock.State) *burdock.Graph {
		look := burdock.Func("look", func(_ context.Context, in nameState) (twigOut, error) { return twigOut{in.Name}, nil })
		return burdock.MustGraph("g", burdock.Node(burdock.MapStates("m", look,
			func(context.Context, burdock.None) iter.Seq2[burdock.State, error] {
				return burdock.Each(states, func(s burdock.State) burdock.State { return s })
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[burdock.State, both]) (bunch, error) {
				var words []string
				for r := range rs.OK() {
					if strings.Contains(r.Out.At.String(), "m=+") || !r.Out.At.Equal(at) {
						t.Errorf("the time is %v, want %v without its monotonic clock", r.Out.At, at)
					}
					words = append(words, fmt.Sprint(r.Out.Name, len(r.Out.More), r.Key()))
				}
				return bunch{words}, nil
			}, nil)))
	}
	a, b := burdock.StateOf(both{"a", at, []string{"x"}}), burdock.StateOf(both{"b", at, nil})
	for _, store := range []burdock.Store{nil, memory()} {
		out := runTo(t, newApp(t, mapOf(a, b), stored(store, nil)), burdock.StopDone)
		wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "a10 b01")
	}
	if got, _ := a.Has("word"), a.Has("name"); got {
		t.Error("the state that was given has changed")
	}
	_, err := newApp(t, mapOf(burdock.StateOf(moment{at})), nil).Run(t.Context())
	wantTexts(t, err, `result both reads key "more"`, "which the branch neither begins with nor writes")
	_, err = newApp(t, mapOf(burdock.State{}), nil).Run(t.Context())
	wantTexts(t, err, "result both reads key")
	_, err = newApp(t, mapOf(burdock.StateOf(both{"\xff", at, nil})), nil).Run(t.Context())
	wantTexts(t, err, `key "name" of the state of branch 0`, "UTF-8")
}

// What is wrong with a map is told by NewGraph, all at once and by name.
func TestBadMaps(t *testing.T) {
	states := func(context.Context, burdock.None) iter.Seq2[twigKey, error] { return nil }
	reduce := func(context.Context, burdock.None, *twigResults) (bunch, error) { return bunch{}, nil }
	say := burdock.Func("say", func(context.Context, twigIn) (twigOut, error) { return twigOut{}, nil })
	other := burdock.Func("say", func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, nil })
	actions := func(rs ...burdock.Runnable) *burdock.Action {
		return burdock.MapActions("m", rs, func(context.Context, burdock.None) (twigKey, error) { return twigKey{}, nil }, reduce, nil)
	}
	with := func(o burdock.MapOptions) *burdock.Action { return burdock.MapStates("m", say, states, reduce, &o) }
	for name, test := range map[string]struct {
		m    *burdock.Action
		want []string
	}{
		"no states":    {burdock.MapStates("m", say, nil, reduce, nil), []string{`action "m": its function is nil`}},
		"no reduce":    {burdock.MapStates[burdock.None, twigKey, twigOut, bunch]("m", say, states, nil, nil), []string{`action "m": its function is nil`}},
		"no action":    {burdock.MapStates("m", nil, states, reduce, nil), []string{`action "m": one of the actions to run is nil`}},
		"nil action":   {actions(say, (*burdock.Action)(nil)), []string{`one of the actions to run is nil`}},
		"nil graph":    {actions((*burdock.Graph)(nil)), []string{`one of the actions to run is nil`}},
		"none at all":  {actions(), []string{`action "m": it has no actions to run`}},
		"one name":     {actions(say, say), []string{`two of the actions to run are named "say"`}},
		"both wrong":   {actions(say, other), []string{`two of the actions to run are named "say"`, "result twigOut"}},
		"Limit":        {with(burdock.MapOptions{Limit: -2}), []string{"MapOptions.Limit is -2"}},
		"Buffer":       {with(burdock.MapOptions{Buffer: -1}), []string{"MapOptions.Buffer is -1"}},
		"MaxBranches":  {with(burdock.MapOptions{MaxBranches: -1}), []string{"MapOptions.MaxBranches is -1"}},
		"MaxWaiting":   {with(burdock.MapOptions{MaxWaiting: -1}), []string{"MapOptions.MaxWaiting is -1"}},
		"result":       {burdock.MapStates("m", idle("b"), states, reduce, nil), []string{`action "m": result twigOut reads key "word", which branch "b" neither begins with nor writes`}},
		"reads":        {burdock.MapStates("m", sayOther(), states, reduce, nil), []string{`branch "say_other"`, `"other"`}},
		"without In":   {burdock.MapActions[burdock.None, twigKey]("m", burdock.Actions(say), nil, reduce, nil), []string{"without a state function its branches begin with In"}},
		"nil sub":      {burdock.Subgraph[burdock.None, burdock.None]("m", nil), []string{"one of the actions to run is nil"}},
		"bound twice":  {actions(say.Named("a").Bind("model", "x")), []string{`Bind("model")`}},
		"Bind on map":  {with(burdock.MapOptions{}).Bind("model", "x"), []string{`Bind("model")`}},
		"until nobody": {actions(burdock.MustGraph("say", burdock.Chain(say)).Until(burdock.ByName("x"))), []string{"Until(x) names no node"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := burdock.NewGraph("g", burdock.Node(test.m))
			wantTexts(t, err, test.want...)
		})
	}
}

func sayOther() *burdock.Action {
	return burdock.Func("say_other", func(context.Context, struct {
		Other string `state:"other"`
	},
	) (twigOut, error) {
		return twigOut{}, nil
	})
}

// A states function that returns no sequence at all is an error of the step, not the end of the process.
func TestNilSequence(t *testing.T) {
	r := &fanRig{names: func(context.Context) iter.Seq2[string, error] { return nil }}
	_, err := r.run(t)
	if _, ok := errors.AsType[*burdock.PanicError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// No branches at all: reduce runs and finds nothing.
func TestNoBranches(t *testing.T) {
	for _, store := range []burdock.Store{nil, memory()} {
		r := rigOf()
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			return append(wordsOf(rs.OK()), "end"), rs.Err()
		}
		got, err := r.runWith(t.Context(), t, stored(store, nil))
		wantWords(t, got, err, "end")
	}
}

// A timeout of a map cancels its branches; the step fails with ErrTimeout.
func TestTimeoutOfMap(t *testing.T) {
	r := rigOf("s1", "s9")
	r.do = func(ctx context.Context, name string) (string, error) {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	g := burdock.MustGraph("g", burdock.Node(r.action().With(burdock.Timeout(10*time.Millisecond))))
	store := memory()
	_, err := newApp(t, g, stored(store, nil)).Run(t.Context())
	wantIs(t, err, burdock.ErrTimeout)
	wantEqual(t, "statuses", statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})), "s1:cancelled s9:cancelled")
}

// Info tells a branch who it is.
func TestInfoOfBranch(t *testing.T) {
	r := rigOf("a", "b")
	var mu notes
	r.do = func(ctx context.Context, name string) (string, error) {
		i := burdock.Info(ctx)
		mu.add(fmt.Sprint(i.Root, " ", i.Path, " ", i.Seq, i.Attempt, " ", i.Action, " ", i.Key, i.Index, len(i.App), len(i.IdempotencyKey())))
		return name, nil
	}
	r.opts = &burdock.MapOptions{Limit: 1}
	if _, err := r.runWith(t.Context(), t, &burdock.Options{ID: "app"}); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "infos", mu.take(), "app app/fan#1/a 1 1 say a0 26 32 app app/fan#1/b 1 1 say b1 26 32")
}

// The events of a map's branches: each that started ends, each in its own order; skipped ones are told too.
func TestEventsOfBranches(t *testing.T) {
	r := rigOf(numbered(6)...)
	r.opts = &burdock.MapOptions{Limit: 2}
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		for x := range rs.AsDone() {
			return []string{x.Out.Word}, nil
		}
		return nil, rs.Err()
	}
	o := stored(memory(), nil)
	o.Cascade.Tracker = r
	if _, err := r.runWith(t.Context(), t, o); err != nil {
		t.Fatal(err)
	}
	begun, ended := map[string]int{}, map[string]int{}
	for _, e := range r.events {
		switch e.Kind {
		case burdock.EventBranchStarted:
			begun[e.App]++
		case burdock.EventBranchEnded:
			ended[e.App]++
			if e.Status == burdock.StatusSkipped {
				begun[e.App]++
			}
			if !slices.Contains([]burdock.Status{
				burdock.StatusCompleted, burdock.StatusCancelled, burdock.StatusSkipped,
			}, e.Status) {
				t.Errorf("%s ended as %s", e.Path, e.Status)
			}
		}
	}
	for app, n := range begun {
		if n != 1 || ended[app] != 1 {
			t.Errorf("branch %s began %d times and ended %d times", app, n, ended[app])
		}
	}
}

// A goroutine that an action leaves running keeps asking after its own step, whatever the branch's memory is used for
// since. What it still reports is refused.
func TestGoroutineThatOutlivesItsBranch(t *testing.T) {
	for _, store := range []burdock.Store{nil, memory()} {
		r := rigOf(numbered(99)...)
		r.opts = &burdock.MapOptions{Limit: 4}
		over := make(chan struct{})
		var left sync.WaitGroup
		r.do = func(ctx context.Context, name string) (string, error) {
			left.Go(func() {
				for {
					if i := burdock.Info(ctx); i.Key != name || i.Action != "say" || i.Path != "app/fan#1/"+name || len(i.App) != 26 {
						t.Errorf("the step of %s says it is %+v", name, i)
						return
					}
					burdock.Attr(ctx, "late", name)
					_, end := burdock.Span(ctx, "late")
					end(nil)
					select {
					case <-over:
						return
					default:
						runtime.Gosched()
					}
				}
			})
			return name, nil
		}
		o := stored(store, nil)
		o.Cascade.Tracker = trackOnly{}
		_, err := r.runWith(t.Context(), t, o)
		close(over)
		left.Wait()
		if err != nil {
			t.Error(err)
		}
	}
}

type trackOnly struct{}

func (trackOnly) Track(context.Context, burdock.Event) error { return nil }
