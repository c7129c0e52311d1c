package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// R10: New, Open and Resume write nothing; New wants no such application, Resume wants one, Open takes both.
func TestTheWaysToBegin(t *testing.T) {
	db := &faultyStore{Store: newStore()}
	g := line(adder("a", 1), adder("b", 1))
	_, err := burdock.Resume(t.Context(), g, stored(db, number{}))
	wantIs(t, err, burdock.ErrNotFound)
	app := newApp(t, g, stored(db, number{1}))
	other := newApp(t, g, stored(db, number{2}))
	opened := openApp(t, g, stored(db, number{3}))
	wantEqual(t, "saves", db.saves, 0)
	runTo(t, app, burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("a")))

	_, err = burdock.New(t.Context(), g, stored(db, number{}))
	wantIs(t, err, burdock.ErrExists)
	for range 2 { // an App that New made stays refused
		out, err := other.Run(t.Context())
		wantIs(t, err, burdock.ErrExists)
		if out != nil {
			t.Errorf("got outcome %+v", out)
		}
	}
	resumed := must(t)(burdock.Resume(t.Context(), g, stored(db, nil)))
	wantEqual(t, "n", view[number](t, resumed.State()).N, 2)
	wantEqual(t, "n", view[number](t, openApp(t, g, stored(db, number{9})).State()).N, 2)
	out := runTo(t, opened, burdock.StopDone) // opened before there was one
	wantEqual(t, "n", view[number](t, out.State).N, 3)
	wantEqual(t, "records", len(records(t, db, "app")), 3)
	wantEqual(t, "n", view[number](t, runTo(t, resumed, burdock.StopDone).State).N, 3)
}

// R10: New's first claim finding an epoch above 1 is ErrExists if anything was saved since New looked; an id that was
// only claimed is free, see docs/design.md.
func TestAClaimOfAnotherMakesNewFailOnceItHasSaved(t *testing.T) {
	db := newStore()
	app, late := newApp(t, line(idle("a")), stored(db, nil)), newApp(t, line(idle("a")), stored(db, nil))
	claim, err := db.Claim(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.Run(t.Context())
	wantIs(t, err, burdock.ErrConflict)
	if err := claim.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	runTo(t, app, burdock.StopDone)
	for range 2 {
		_, err = late.Run(t.Context())
		wantIs(t, err, burdock.ErrExists)
	}
	runTo(t, openApp(t, line(idle("a")), stored(db, nil)), burdock.StopDone)
}

func TestResumeNeedsAStoreAndAnID(t *testing.T) {
	g := line(idle("a"))
	for _, o := range []*burdock.Options{nil, {}, {ID: "x"}, {Cascade: burdock.Cascade{Store: newStore()}}} {
		_, err := burdock.Resume(t.Context(), g, o)
		wantTexts(t, err, "Resume needs Options.ID and Options.Cascade.Store")
	}
	runTo(t, openApp(t, g, nil), burdock.StopDone) // Open without a store is New
}

// A store that cannot be read fails whoever begins, with a StoreError.
func TestAStoreThatCannotBeRead(t *testing.T) {
	db := &faultyStore{Store: newStore(), load: errTest}
	g := line(idle("a"))
	for name, begin := range map[string]func(context.Context, *burdock.Graph, *burdock.Options) (*burdock.App, error){
		"New": burdock.New, "Open": burdock.Open, "Resume": burdock.Resume,
	} {
		app, err := begin(t.Context(), g, stored(db, nil))
		wantIs(t, err, errTest)
		if e, ok := errors.AsType[*burdock.StoreError](err); !ok || e.Op != "load" || e.App != "app" || app != nil {
			t.Errorf("%s: got %v, %v, want a StoreError of load", name, app, err)
		}
	}
}

// P8: another graph is refused, and the differences are named.
func TestAChangedGraphIsRefused(t *testing.T) {
	inner := func(v string) *burdock.Action {
		return burdock.Subgraph[burdock.None, burdock.None]("sub", line(idle("deep").Version(v), idle("deeper")))
	}
	a, b := adder("a", 1), idle("b")
	part := func(p ...burdock.Part) *burdock.Graph { return burdock.MustGraph("g", p...) }
	node, then := burdock.Node, burdock.Then
	sub1, sub2 := inner("1"), inner("2")
	base := part(node(a, always.Then(b)), node(b, then(sub1)), node(sub1))
	aVersion := a.Version("2")
	extra := idle("extra")
	type in struct {
		X int `input:"x,optional"`
	}
	withInput := burdock.Func("b", func(context.Context, in) (burdock.None, error) { return burdock.None{}, nil })
	db := newStore()
	o := stored(db, number{1})
	runTo(t, newApp(t, base, o), burdock.StopHaltedAfter, burdock.HaltAfter(a))
	for _, c := range []struct {
		name string
		g    *burdock.Graph
		want []string
	}{
		{"name", burdock.MustGraph("h", node(a, always.Then(b)), node(b, then(sub1)), node(sub1)), []string{`its name was "g" and is "h"`}},
		{"start", base.From(b), []string{`it started at "a" and starts at "b"`}},
		{"exit", base.Until(b), []string{`node "b": exit`, "false", "true"}},
		{"more", part(node(a, always.Then(b)), node(b, then(sub1)), node(sub1, then(extra)), node(extra)), []string{`node "sub": routes were null and are [{"to":"extra"}]`, `node "extra" is new`}},
		{"fewer", part(node(a, always.Then(b)), node(b)), []string{`node "b": routes were [{"to":"sub"}] and are null`, `node "sub" is gone`}},
		{"routes", part(node(a, never.Then(b)), node(b, then(sub1)), node(sub1)), []string{`[{"label":"always","to":"b"}] and are [{"label":"never","to":"b"}]`}},
		{"version", part(node(aVersion, always.Then(b)), node(b, then(sub1)), node(sub1)), []string{`node "a": version were "" and are "2"`}},
		{"inputs", part(node(a, always.Then(withInput)), node(withInput, then(sub1)), node(sub1)), []string{`node "b": inputs were null and are [{"name":"x","type":"int","mode":"optional"}]`}},
		{"branch", part(node(a, always.Then(b)), node(b, then(sub2)), node(sub2)), []string{`in sub: node "deep": version were "1" and are "2"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, begin := range []func(context.Context, *burdock.Graph, *burdock.Options) (*burdock.App, error){burdock.Resume, burdock.Open} {
				_, err := begin(t.Context(), c.g, o)
				wantIs(t, err, burdock.ErrGraphChanged)
				wantTexts(t, err, append(c.want, `application "app"`)...)
			}
		})
	}
	runTo(t, must(t)(burdock.Resume(t.Context(), base, o)), burdock.StopDone)
}

// machine makes a graph of random actions on a number, a list and a key that comes and goes. It ends after some steps.
func machine(r *rand.Rand, steps int) *burdock.Graph {
	type full struct {
		N     int      `state:"n"`
		Seen  []string `state:"seen"`
		Extra string   `state:"extra,optional"`
	}
	type out struct {
		N     int      `state:"n"`
		Seen  []string `state:"seen,append"`
		Extra string   `state:"extra,omitzero"`
	}
	type drop struct {
		N     int  `state:"n"`
		Extra bool `state:"extra,delete"`
	}
	type reset struct {
		N    int      `state:"n"`
		Seen []string `state:"seen"`
	}
	type broken struct {
		N       int             `state:"n"`
		Failure burdock.Failure `input:"failure,optional"`
	}
	var actions []*burdock.Action
	for i := range 3 + r.IntN(4) {
		name, k := fmt.Sprintf("node%d", i), r.IntN(100)
		switch r.IntN(5) {
		case 0, 1:
			actions = append(actions, burdock.Func(name, func(_ context.Context, s full) (out, error) {
				return out{s.N + 1, []string{name, fmt.Sprint(len(s.Seen), len(s.Extra))}[:s.N%3%2+1], strings.Repeat("x", (s.N+k)%3*40)}, nil
			}))
		case 2:
			actions = append(actions, burdock.Func(name, func(_ context.Context, s full) (drop, error) { return drop{s.N + 1, (s.N+k)%2 == 0}, nil }))
		case 3:
			actions = append(actions, burdock.Func(name, func(_ context.Context, s full) (reset, error) {
				return reset{s.N + 1, append(s.Seen[:len(s.Seen)/2:len(s.Seen)/2], name)}, nil
			}))
		case 4:
			actions = append(actions, burdock.Func(name, func(_ context.Context, s broken) (number, error) {
				if s.Failure.IsZero() && (s.N+k)%2 == 0 {
					return number{}, errTest
				}
				return number{s.N + 1}, nil
			}))
		}
	}
	var parts []burdock.Part
	over := burdock.When("over", func(s number) bool { return s.N >= steps })
	end := idle("end")
	for i, a := range actions {
		pick := func() *burdock.Action { return actions[r.IntN(len(actions))] }
		m := 2 + r.IntN(3)
		cond := burdock.When(fmt.Sprintf("n mod %d", m), func(s number) bool { return s.N%m == 0 })
		next := actions[(i+1)%len(actions)] // so that every node is reached
		parts = append(parts, burdock.Node(a, over.Then(end), cond.Then(pick()), burdock.Then(next), burdock.OnError(burdock.Is(errTest), next)))
	}
	return burdock.MustGraph("machine", append(parts, burdock.Node(end))...)
}

// Resume from any checkpoint gives the same final state, the same steps and the same record; P1.
func TestResumeFromAnyCheckpointGivesTheSameFinalState(t *testing.T) {
	type start struct {
		N    int      `state:"n"`
		Seen []string `state:"seen"`
	}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := machine(rand.New(rand.NewPCG(seed, 1)), 30)
			db := newStore()
			want := runTo(t, newApp(t, g, stored(db, start{0, nil})), burdock.StopDone)
			if memory := runTo(t, newApp(t, g, starting(start{0, nil})), burdock.StopDone); !memory.State.Equal(want.State) {
				t.Fatal("with and without a store the final states differ")
			}
			all := records(t, db, "app")
			for n := range all {
				if n+1 < len(all) && all[n+1].Kind == burdock.KindSnapshot {
					continue // saved together with its step
				}
				part := copiedTo(t, all[:n+1])
				app := must(t)(burdock.Resume(t.Context(), g, stored(part, nil)))
				got := runTo(t, app, burdock.StopDone)
				if !got.State.Equal(want.State) || got.Seq != want.Seq {
					t.Fatalf("from record %d: got %v at %d, want %v at %d", n, got.State, got.Seq, want.State, want.Seq)
				}
				if diff := cmp.Diff(trail(all), trail(records(t, part, "app"))); diff != "" {
					t.Fatalf("from record %d: steps (-want +got):\n%s", n, diff)
				}
			}
		})
	}
}

// trail is what a record says of each step but when it was.
func trail(cps []burdock.Checkpoint) []string {
	var out []string
	for _, cp := range cps {
		if cp.Kind == burdock.KindStep {
			out = append(out, fmt.Sprintf("%d.%d %s %s → %s (%s) %s", cp.Seq, cp.Attempt, cp.Action, cp.Status, cp.Next, cp.Route, asJSON(cp.Delta)))
		}
	}
	return out
}

// A run that is broken off and resumed after every single step ends like one that is not.
func TestAppsOfOneStepEach(t *testing.T) {
	type start struct {
		N    int      `state:"n"`
		Seen []string `state:"seen"`
	}
	for seed := range uint64(4) {
		g := machine(rand.New(rand.NewPCG(seed, 1)), 30)
		whole, steps := newStore(), newStore()
		want := runTo(t, newApp(t, g, stored(whole, start{})), burdock.StopDone)
		var out *burdock.Outcome
		for out == nil || out.Stop != burdock.StopDone {
			app := openApp(t, g, stored(steps, start{}))
			out = firstStep(t, app)
		}
		if !out.State.Equal(want.State) {
			t.Errorf("seed %d: the final states differ", seed)
		}
		if diff := cmp.Diff(trail(records(t, whole, "app")), trail(records(t, steps, "app"))); diff != "" {
			t.Errorf("seed %d: steps (-want +got):\n%s", seed, diff)
		}
	}
}

// P1: snapshots hold every key but append lists, are written when the deltas since the last one outweigh max(its size,
// 4 KiB), and the state is rebuilt from the last one.
func TestSnapshots(t *testing.T) {
	type start struct {
		N    int    `state:"n"`
		Text string `state:"text"`
		Old  string `state:"old"`
	}
	type out struct {
		N    int      `state:"n"`
		Text string   `state:"text"`
		Log  []string `state:"log,append"`
		Old  bool     `state:"old,delete"`
	}
	type all struct {
		N    int      `state:"n"`
		Text string   `state:"text"`
		Log  []string `state:"log"`
	}
	act := burdock.Func("act", func(_ context.Context, s number) (out, error) {
		return out{s.N + 1, strings.Repeat("x", 500+s.N), []string{fmt.Sprint(s.N)}, s.N == 20}, nil
	})
	g := burdock.MustGraph("g", burdock.Node(act, burdock.When("n < 100", func(s number) bool { return s.N < 100 }).Then(act)))
	db := newStore()
	want := runTo(t, newApp(t, g, stored(db, start{Old: "old"})), burdock.StopDone).State
	snapshots, since := 0, 0
	for _, cp := range records(t, db, "app") {
		for _, c := range cp.Delta {
			if cp.Kind == burdock.KindStep && cp.Seq > 0 && c.Op != burdock.OpAppend {
				since += len(c.Value) + len(c.Key)
			}
			if cp.Kind == burdock.KindSnapshot && (c.Key == "log" || c.Op != burdock.OpSet || c.Key == "old" && cp.Seq > 20) {
				t.Errorf("snapshot %d holds %s %s", cp.Seq, c.Op, c.Key)
			}
		}
		if cp.Kind == burdock.KindSnapshot {
			if since < 4096 || since > 4096+700 {
				t.Errorf("snapshot %d after %d bytes", cp.Seq, since)
			}
			snapshots, since = snapshots+1, 0
		}
	}
	if snapshots < 9 || snapshots > 15 {
		t.Errorf("got %d snapshots of 100 steps with 500 bytes each, want about 12", snapshots)
	}
	app := must(t)(burdock.Resume(t.Context(), g, stored(db, nil)))
	if !app.State().Equal(want) || len(view[all](t, app.State()).Log) != 100 || app.State().Has("old") {
		t.Error("the rebuilt state differs")
	}
	// From a store that has only what rebuilding needs.
	var kept []burdock.Checkpoint
	for cp, err := range db.List(t.Context(), burdock.Query{App: "app", Rebuild: true}) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, cp)
	}
	again := must(t)(burdock.Resume(t.Context(), g, stored(copiedTo(t, kept), nil)))
	if !again.State().Equal(want) {
		t.Error("the state rebuilt from what Rebuild yields differs")
	}
}

// P1: snapshots with keys of which this program knows no type.
func TestSnapshotsKeepKeysOfNoType(t *testing.T) {
	type start struct {
		N     int      `state:"n"`
		Alien []string `state:"alien"`
	}
	act := burdock.Func("act", func(_ context.Context, s number) (struct {
		N    int    `state:"n"`
		Text string `state:"text"`
	}, error,
	) {
		return struct {
			N    int    `state:"n"`
			Text string `state:"text"`
		}{s.N + 1, strings.Repeat("x", 3000)}, nil
	})
	g := burdock.MustGraph("g", burdock.Node(act, burdock.When("n < 10", func(s number) bool { return s.N < 10 }).Then(act)))
	db := newStore()
	firstStep(t, newApp(t, g, stored(db, start{Alien: []string{"x"}})))
	runTo(t, must(t)(burdock.Resume(t.Context(), g, stored(db, nil))), burdock.StopDone)
	app := must(t)(burdock.Resume(t.Context(), g, stored(db, start{})))
	if got := view[start](t, app.State()); got.N != 10 || !slices.Equal(got.Alien, []string{"x"}) {
		t.Errorf("got %+v", got)
	}
	if !slices.ContainsFunc(records(t, db, "app"), func(cp burdock.Checkpoint) bool { return cp.Kind == burdock.KindSnapshot }) {
		t.Error("there was no snapshot; the test tests nothing")
	}
}

// P1: a later record of one sequence number replaces the earlier.
func TestALaterRecordReplacesTheEarlier(t *testing.T) {
	fail := errTest
	act := burdock.Func("act", func(_ context.Context, s number) (number, error) { return number{s.N + 1}, fail })
	db := newStore()
	app := newApp(t, line(act), stored(db, number{1}))
	runFails(t, app, "test error")
	runFails(t, app, "test error")
	fail = nil
	runTo(t, app, burdock.StopDone)
	if got := trail(records(t, db, "app")); len(got) != 2 || !strings.HasPrefix(got[1], "1.3 act completed") {
		t.Errorf("got %q", got)
	}
	wantEqual(t, "n", view[number](t, must(t)(burdock.Resume(t.Context(), line(act), stored(db, nil))).State()).N, 2)
}
