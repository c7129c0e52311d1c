package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
)

type modelIn struct {
	Name  string `state:"name"`
	Model string `input:"model,optional"`
}

func sayModel(name string) *burdock.Action {
	return burdock.Func(name, func(_ context.Context, in modelIn) (twigOut, error) {
		return twigOut{in.Name + "=" + in.Model}, nil
	})
}

// mapOver is a map of any windows over a branch whose result is a word.
func mapOver[Sub any](name string, branch burdock.Runnable, o *burdock.MapOptions, subs ...Sub) *burdock.Action {
	return burdock.MapStates(name, branch,
		func(context.Context, burdock.None) iter.Seq2[Sub, error] {
			return burdock.Each(subs, func(s Sub) Sub { return s })
		},
		func(_ context.Context, _ burdock.None, rs *burdock.Results[Sub, twigOut]) (bunch, error) {
			var words []string
			for r := range rs.OK() {
				words = append(words, r.Out.Word)
			}
			return bunch{words}, nil
		}, o)
}

type withModel struct {
	Name  string `state:"name,key"`
	Model string `input:"model"`
}

// I1: Bind > field of the branch's window > Given > Options.Given; a zero field is not given.
func TestI1_PrecedenceInBranches(t *testing.T) {
	given, config := burdock.Input("model", "given"), burdock.Input("model", "config")
	window := mapOver("fan", sayModel("say"), nil, withModel{"a", "own"}, withModel{"b", ""})
	tests := []struct {
		name   string
		m      *burdock.Action
		opts   []burdock.RunOption
		config burdock.Inputs
		want   string
	}{
		{"nothing", mapOver("fan", sayModel("say"), nil, twigKey{"a"}), nil, burdock.Inputs{}, "a="},
		{"config", mapOver("fan", sayModel("say"), nil, twigKey{"a"}), nil, config, "a=config"},
		{"given", mapOver("fan", sayModel("say"), nil, twigKey{"a"}, twigKey{"b"}), []burdock.RunOption{given}, config, "a=given b=given"},
		{"window", window, []burdock.RunOption{given}, config, "a=own b=given"},
		{"window over config", window, nil, config, "a=own b=config"},
		{"window alone", window, nil, burdock.Inputs{}, "a=own b="},
		{"Bind", mapOver("fan", sayModel("say").Bind("model", "bound"), nil, twigKey{"a"}), nil, burdock.Inputs{}, "a=bound"},
		{"Bind and a zero field", mapOver("fan", sayModel("say").Bind("model", "bound"), nil, withModel{"a", ""}), nil, burdock.Inputs{}, "a=bound"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t, burdock.MustGraph("g", burdock.Node(test.m)), &burdock.Options{Given: test.config})
			out, err := burdock.Read[bunch](app.Run(t.Context(), test.opts...))
			wantWords(t, out.Words, err, test.want)
		})
	}
	bad := mapOver("fan", sayModel("say").Bind("model", "bound"), nil, withModel{"a", "own"})
	_, err := newApp(t, burdock.MustGraph("g", burdock.Node(bad)), nil).Run(t.Context())
	wantTexts(t, err, `field Model of the window of branch 0: input "model" is bound by`, `bound by action "say"`)
}

// I1: a field of a branch's window serves all steps of the branch and all branches below it.
func TestI1_WindowServesEverythingBelow(t *testing.T) {
	inner := mapOver("inner", burdock.MustGraph("leafs", burdock.Chain(sayModel("one"), sayModel("two"))), nil, twigKey{"x"}, twigKey{"y"})
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "+")}, nil })
	branch := burdock.MustGraph("branch", burdock.Chain(sayModel("first"), inner, join, sayModel("last")))
	outer := mapOver("outer", branch, nil, withModel{"a", "m1"}, withModel{"b", "m2"})
	for _, o := range []*burdock.Options{nil, stored(memory(), nil)} {
		app := newApp(t, burdock.MustGraph("g", burdock.Node(outer)), o)
		out, err := burdock.Read[bunch](app.Run(t.Context()))
		wantWords(t, out.Words, err, "a=m1 b=m2")
	}
	// A window further in adds to it and hides what it names.
	type lang struct {
		Name string `state:"name,key"`
		Lang string `input:"lang"`
	}
	leaf := burdock.Func("leaf", func(_ context.Context, in struct {
		Name  string `state:"name"`
		Model string `input:"model"`
		Lang  string `input:"lang"`
	},
	) (twigOut, error) {
		return twigOut{in.Name + "=" + in.Model + "," + in.Lang}, nil
	})
	deep := burdock.MustGraph("deep", burdock.Chain(mapOver("inner", leaf, nil, lang{"x", "en"}, lang{"y", "de"}), join))
	app := newApp(t, burdock.MustGraph("g", burdock.Node(mapOver("outer", deep, nil, withModel{"a", "m1"}))), nil)
	got, err := burdock.Read[bunch](app.Run(t.Context()))
	wantWords(t, got.Words, err, "x=m1,en+y=m1,de")

	// The same by Given instead: an event serves the first step that declares it.
	type required struct {
		Model string `input:"model"`
	}
	var seen []string
	note := func(name string) *burdock.Action {
		return burdock.Func(name, func(_ context.Context, in modelIn) (twigOut, error) {
			seen = append(seen, name+"="+in.Model)
			return twigOut{}, nil
		})
	}
	m := mapOver("m", burdock.MustGraph("two", burdock.Chain(note("one"), note("two"))), &burdock.MapOptions{Limit: 1}, twigKey{"a"}, twigKey{"b"})
	g := burdock.MustGraph("g", burdock.Chain(m, note("later")))
	app = newApp(t, g, starting(struct {
		Name string `state:"name"`
	}{"root"}))
	out, err := app.Run(t.Context(), burdock.Given(required{"event"}))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"one=event", "two=", "one=event", "two=", "later="}; !slices.Equal(seen, want) {
		t.Errorf("I2: got %v, want %v", seen, want)
	}
	if len(out.Unused) != 0 {
		t.Errorf("unused: %v", out.Unused)
	}
}

// I4: an input of a window that no action of the branch declares is an error of the graph.
func TestI4_WindowInputNobodyDeclares(t *testing.T) {
	type wrong struct {
		Name  string `state:"name,key"`
		Model int    `input:"model"`
	}
	_, err := burdock.NewGraph("g", burdock.Node(mapOver("m", idle("b"), nil, withModel{})))
	wantTexts(t, err, `the window of branch "b" gives input "model", which no action of it declares`)
	_, err = burdock.NewGraph("g", burdock.Node(mapOver("m", sayModel("b"), nil, wrong{})))
	wantTexts(t, err, `gives input "model" as int, but action "b" declares it as string`)
}

type consent struct {
	Yes bool `input:"yes"`
}

// asking says its word, or asks for consent if the name begins with ?.
func asking(log *notes) *burdock.Graph {
	type in struct {
		Name string `state:"name"`
	}
	type asked struct {
		Name string `state:"name"`
		Yes  bool   `input:"yes"`
	}
	begin := burdock.Func("begin", func(_ context.Context, i in) (burdock.None, error) {
		log.add("begin:" + i.Name)
		return burdock.None{}, nil
	})
	approve := burdock.Func("approve", func(_ context.Context, i asked) (twigOut, error) {
		log.add("approve:" + i.Name)
		return twigOut{fmt.Sprintf("%s=%v", i.Name, i.Yes)}, nil
	})
	say := burdock.Func("say", func(_ context.Context, i in) (twigOut, error) {
		log.add("say:" + i.Name)
		return twigOut{i.Name}, nil
	})
	asks := burdock.When("it asks", func(i in) bool { return strings.HasPrefix(i.Name, "?") })
	return burdock.MustGraph("asking",
		burdock.Node(begin, asks.Then(approve), burdock.Then(say)), burdock.Node(approve), burdock.Node(say))
}

func pendingPaths(out *burdock.Outcome) string {
	var all []string
	for _, p := range out.Pending {
		all = append(all, fmt.Sprintf("%s %s %v %d", p.Path, p.Action, p.Needs, p.Ref.Seq))
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// I5, I6, I7: branches that lack an input wait, the others go on; the next Run with the input finishes, in the same
// process or another one, and what has completed does not run again.
func TestI5_BranchesWait(t *testing.T) {
	for _, another := range []bool{false, true} {
		for _, order := range []string{"OK", "AsDone"} {
			t.Run(fmt.Sprint(order, another), func(t *testing.T) {
				var log notes
				m := burdock.MapStates("fan", asking(&log),
					func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
						return burdock.Each([]string{"a", "?b", "c", "?d"}, func(n string) twigKey { return twigKey{n} })
					},
					func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
						words := wordsOf(map[string]func() iter.Seq[burdock.Result[twigKey, twigOut]]{"OK": rs.OK, "AsDone": rs.AsDone}[order]())
						if err := rs.Err(); err != nil && !errors.Is(err, burdock.ErrSuspended) {
							t.Errorf("Err is %v", err)
						}
						slices.Sort(words)
						return bunch{words}, nil
					}, &burdock.MapOptions{Limit: 2})
				g := burdock.MustGraph("g", burdock.Node(m))
				store := memory()
				app := newApp(t, g, stored(store, nil))
				out := runTo(t, app, burdock.StopWaiting)
				if got, want := pendingPaths(out), "app/fan#1/?b approve [yes] 2; app/fan#1/?d approve [yes] 2"; got != want {
					t.Errorf("pending %s, want %s", got, want)
				}
				if got, want := statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})), "?b:waiting ?d:waiting a:completed c:completed"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if cp, _ := store.Load(t.Context(), burdock.Ref{App: "app", Seq: 1}); cp.Status != burdock.StatusWaiting {
					t.Errorf("the step is %s", cp.Status)
				}
				ids := idsOf(t, store, burdock.Ref{App: "app", Seq: 1})
				log.take()
				// A run without the input waits again.
				if another {
					app = openApp(t, g, stored(store, nil))
				}
				out = runTo(t, app, burdock.StopWaiting)
				if len(out.Pending) != 2 || log.take() != "" {
					t.Errorf("the second run: %d pending, and something ran", len(out.Pending))
				}
				if another {
					app = openApp(t, g, stored(store, nil))
				}
				out = runTo(t, app, burdock.StopDone, burdock.Given(consent{true}))
				if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "?b=true ?d=true a c" {
					t.Errorf("got %s", got)
				}
				ran := strings.Fields(log.take())
				slices.Sort(ran)
				if got := strings.Join(ran, " "); got != "approve:?b approve:?d" {
					t.Errorf("then ran %s", got)
				}
				after := idsOf(t, store, burdock.Ref{App: "app", Seq: 1})
				for key, id := range ids {
					if after[key] != id || len(after) != len(ids) {
						t.Errorf("branch %s had the id %s and has %s", key, id, after[key])
					}
				}
			})
		}
	}
}

// I5 with a crash between the answer and the end: the answer is recorded, what had begun keeps its id.
func TestI3_AnswerSurvivesCrash(t *testing.T) {
	var log notes
	m := mapOver("fan", asking(&log), &burdock.MapOptions{Limit: 1}, twigKey{"a"}, twigKey{"?b"}, twigKey{"?c"})
	g := burdock.MustGraph("g", burdock.Node(m))
	for left := range 6 {
		store := memory()
		runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
		log.take()
		f := frail(store, left)
		out, err := openApp(t, g, stored(f, nil)).Run(t.Context(), burdock.Given(consent{true}))
		if err == nil && left < 4 {
			t.Fatalf("%d saves were enough: %v", left, out)
		}
		var opts []burdock.RunOption
		if left == 0 {
			opts = append(opts, burdock.Given(consent{true})) // the first was never recorded
		}
		final := out
		if err != nil {
			final = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone, opts...)
		}
		if got := strings.Join(view[bunch](t, final.State).Words, " "); got != "a ?b=true ?c=true" {
			t.Errorf("after %d saves: got %s", left, got)
		}
		if n := len(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})); n != 3 {
			t.Errorf("after %d saves: %d branches, want 3", left, n)
		}
		for line := range strings.FieldsSeq(log.take()) {
			if strings.HasPrefix(line, "begin:") || strings.HasPrefix(line, "say:") {
				t.Errorf("after %d saves: %s ran again", left, line)
			}
		}
	}
}

// I3: a step that was running keeps its recorded inputs: another value is an error. One that was recorded failed takes
// the new value, and its branches are restored only where the fingerprint matches.
func TestI3_ReplacedInput(t *testing.T) {
	r := rigOf()
	fail := true
	var ran notes
	plain := burdock.Func("plain", func(context.Context, twigIn) (twigOut, error) { ran.add("plain"); return twigOut{"p"}, nil })
	modelled := burdock.Func("modelled", func(_ context.Context, in modelIn) (twigOut, error) {
		ran.add("modelled:" + in.Model)
		return twigOut{in.Model}, nil
	})
	failing := burdock.Func("failing", func(context.Context, twigIn) (twigOut, error) {
		ran.add("failing")
		if fail {
			return twigOut{}, errors.New("no")
		}
		return twigOut{"f"}, nil
	})
	m := burdock.MapActions("fan", burdock.Actions(plain, modelled, failing),
		func(context.Context, burdock.None) (twigKey, error) { return twigKey{"x"}, nil },
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			words := wordsOf(rs.OK())
			return bunch{words}, rs.Err()
		}, &burdock.MapOptions{Failures: burdock.Collect, Limit: 1})
	_ = r
	g := burdock.MustGraph("g", burdock.Node(m))
	store := memory()
	if _, err := newApp(t, g, stored(store, nil)).Run(t.Context(), burdock.Input("model", "m1")); err == nil {
		t.Fatal("no failure")
	}
	ran.take()
	fail = false
	for _, test := range []struct {
		opts []burdock.RunOption
		ran  string
		want string
	}{
		{nil, "failing", "p m1 f"},
		{[]burdock.RunOption{burdock.Input("model", "m1")}, "failing", "p m1 f"},
		{[]burdock.RunOption{burdock.Input("model", "m2")}, "modelled:m2 failing", "p m2 f"},
	} {
		copied := copiedTo(t, tree(t, store, "app"))
		app := openApp(t, g, stored(copied, nil))
		out := runTo(t, app, burdock.StopDone, test.opts...)
		if got := strings.Join(view[bunch](t, out.State).Words, " "); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		wantEqual(t, "ran", ran.take(), test.ran)
	}

	// In mid-run instead: the process dies after the first branch.
	fail = true
	store = memory()
	if _, err := newApp(t, g, stored(frail(store, 2), nil)).Run(t.Context(), burdock.Input("model", "m1")); !isStoreError(err) {
		t.Fatalf("got %v", err)
	}
	fail = false
	_, err := openApp(t, g, stored(store, nil)).Run(t.Context(), burdock.Input("model", "m2"))
	wantTexts(t, err, `input "model"`, "was given another value")
	ran.take()
	out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
	if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "p m1 f" {
		t.Errorf("got %s", got)
	}
	wantEqual(t, "ran", ran.take(), "modelled:m1 failing")
}

// tree returns all records of a root and its descendants.
func tree(t *testing.T, s burdock.Store, root string) []burdock.Checkpoint {
	t.Helper()
	var all []burdock.Checkpoint
	for cp, err := range s.List(t.Context(), burdock.Query{Root: root}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cp)
	}
	return all
}

// I6: failure wins over waiting, and a reduce that has returned too: then the waiting branches are cancelled.
func TestI6_WhatWinsOverWaiting(t *testing.T) {
	var log notes
	store := memory()
	first := burdock.MapStates("fan", asking(&log),
		func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
			return burdock.Each([]string{"?b", "a"}, func(n string) twigKey { return twigKey{n} })
		}, burdock.First[twigOut, burdock.None, twigKey], &burdock.MapOptions{Limit: 1})
	out := runTo(t, newApp(t, burdock.MustGraph("g", burdock.Node(first)), stored(store, nil)), burdock.StopDone)
	wantEqual(t, "word", view[twigOut](t, out.State).Word, "a")
	if got, want := statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})), "?b:cancelled a:completed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	store = memory()
	bad := burdock.Func("bad", func(context.Context, twigIn) (twigOut, error) { return twigOut{}, errors.New("no") })
	m := burdock.MapActions("fan", burdock.Actions(asking(&log), bad),
		func(context.Context, burdock.None) (twigKey, error) { return twigKey{"?x"}, nil },
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			return bunch{wordsOf(rs.OK())}, nil
		},
		&burdock.MapOptions{Limit: 1})
	_, err := newApp(t, burdock.MustGraph("g", burdock.Node(m)), stored(store, nil)).Run(t.Context())
	if _, ok := errors.AsType[*burdock.MapError](err); !ok {
		t.Errorf("got %v, want a MapError", err)
	}
}

// I6 in a map within a map: the branch around a waiting branch waits, and so on up to the root.
func TestI6_NestedWaiting(t *testing.T) {
	var log notes
	inner := mapOver("inner", asking(&log), nil, twigKey{"?x"}, twigKey{"y"})
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "+")}, nil })
	quick := burdock.Func("quick", func(context.Context, twigIn) (twigOut, error) { log.add("quick"); return twigOut{"q"}, nil })
	outer := burdock.MapActions("outer", burdock.Actions(burdock.MustGraph("deep", burdock.Chain(inner, join)), quick),
		func(context.Context, burdock.None) (twigKey, error) { return twigKey{"n"}, nil },
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			return bunch{wordsOf(rs.OK())}, nil
		}, nil)
	g := burdock.MustGraph("g", burdock.Node(outer))
	store := memory()
	out := runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
	if got := pendingPaths(out); got != "app/outer#1/deep:n/inner#1/?x approve [yes] 2" {
		t.Errorf("pending %s", got)
	}
	if got := statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})); got != "deep:n:waiting quick:n:completed" {
		t.Errorf("got %s", got)
	}
	log.take()
	out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone, burdock.Given(consent{true}))
	if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "?x=true+y q" {
		t.Errorf("got %s", got)
	}
	wantEqual(t, "ran", log.take(), "approve:?x")

	// Instead reduce does not need it: everything that waits below is cancelled.
	store = memory()
	any1 := burdock.MapActions("outer", burdock.Actions(burdock.MustGraph("deep", burdock.Chain(inner, join)), quick),
		func(context.Context, burdock.None) (twigKey, error) { return twigKey{"n"}, nil },
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			for r := range rs.AsDone() {
				if r.Action() == "quick" {
					return bunch{[]string{r.Out.Word}}, nil
				}
			}
			return bunch{}, rs.Err()
		}, &burdock.MapOptions{Limit: 1})
	runTo(t, newApp(t, burdock.MustGraph("g", burdock.Node(any1)), stored(store, nil)), burdock.StopDone)
	for _, cp := range tree(t, store, "app") {
		if cp.Status == burdock.StatusWaiting {
			t.Errorf("%s still waits", cp.Path)
		}
	}
}

// I6: MaxWaiting and a full Buffer suspend a visit too.
func TestI6_NoneCanStart(t *testing.T) {
	for name, test := range map[string]struct {
		opts    burdock.MapOptions
		pending int
	}{
		"MaxWaiting": {burdock.MapOptions{Limit: 1, MaxWaiting: 3}, 3},
		"exhausted":  {burdock.MapOptions{Limit: 2}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			var log notes
			var names []twigKey
			for _, n := range numbered(10) {
				names = append(names, twigKey{"?" + n})
			}
			g := burdock.MustGraph("g", burdock.Node(mapOver("fan", asking(&log), &test.opts, names...)))
			store := memory()
			out := runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
			if len(out.Pending) != test.pending {
				t.Errorf("%d pending, want %d", len(out.Pending), test.pending)
			}
			out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone, burdock.Given(consent{true}))
			if n := len(view[bunch](t, out.State).Words); n != 10 {
				t.Errorf("%d results", n)
			}
		})
	}
	var log notes
	g := burdock.MustGraph("g", burdock.Node(mapOver("fan", asking(&log), &burdock.MapOptions{Limit: 1, Buffer: 2},
		twigKey{"?a"}, twigKey{"b"}, twigKey{"c"}, twigKey{"d"}, twigKey{"?e"}, twigKey{"f"})))
	store := memory()
	out := runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
	if got := pendingPaths(out); got != "app/fan#1/?a approve [yes] 2" {
		t.Errorf("pending %s", got)
	}
	log.take()
	out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone, burdock.Given(consent{true}))
	if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "?a=true b c d ?e=true f" {
		t.Errorf("got %s", got)
	}
	if ran := log.take(); strings.Contains(ran, "b ") || strings.Contains(ran, "begin:?a") {
		t.Errorf("ran again: %s", ran)
	}
}

// Without a store a waiting visit begins again with the next Run.
func TestI5_WithoutStore(t *testing.T) {
	var log notes
	g := burdock.MustGraph("g", burdock.Node(mapOver("fan", asking(&log), nil, twigKey{"a"}, twigKey{"?b"})))
	app := newApp(t, g, nil)
	out := runTo(t, app, burdock.StopWaiting)
	if len(out.Pending) != 1 {
		t.Errorf("%d pending", len(out.Pending))
	}
	out = runTo(t, app, burdock.StopDone, burdock.Given(consent{true}))
	if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "a ?b=true" {
		t.Errorf("got %s", got)
	}
}
