package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type forkCount struct {
	N int `state:"n"`
}

// forkSteps adds one and writes a note, n times.
func forkSteps(t *testing.T, until int) *burdock.Graph {
	t.Helper()
	type out struct {
		N     int      `state:"n"`
		Notes []string `state:"notes,append"`
	}
	add := burdock.Func("add", func(_ context.Context, in forkCount) (out, error) {
		return out{in.N + 1, []string{fmt.Sprint("n was ", in.N)}}, nil
	})
	more := burdock.When("more to do", func(c forkCount) bool { return c.N < until })
	g, err := burdock.NewGraph("steps", burdock.Node(add, more.Then(add)))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// P9: a fork begins where a step ended, holds everything of it, and the origin stays as it was.
func TestP9_AForkBeginsWhereAStepEnded(t *testing.T) {
	store := memstore.New()
	opts := func(id string) *burdock.Options {
		return &burdock.Options{ID: id, State: burdock.StateOf(forkCount{}), Cascade: burdock.Cascade{Store: store}}
	}
	g := forkSteps(t, 5)
	origin, err := runNew(t, g, opts("origin"))
	if err != nil {
		t.Fatal(err)
	}
	fork, err := burdock.Fork(t.Context(), g, burdock.Ref{App: "origin", Seq: 2}, opts("fork"), burdock.Edit(forkCount{3}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), burdock.Ref{App: "fork", Seq: -1}); !errors.Is(err, burdock.ErrNotFound) {
		t.Errorf("before its first step: got %v, want nothing saved", err)
	}
	out, err := fork.Run(t.Context())
	if err != nil || out.Seq != 2 {
		t.Fatalf("got %+v, %v, want it done at its step 2", out, err)
	}
	want := []string{"n was 0", "n was 1", "n was 3", "n was 4"}
	if got, _ := burdock.Key[[]string]("notes").Get(out.State); !slices.Equal(got, want) {
		t.Errorf("got notes %q, want %q", got, want)
	}
	zero, err := store.Load(t.Context(), burdock.Ref{App: "fork", Seq: 0})
	if err != nil || zero.Origin != (burdock.Ref{App: "origin", Seq: 2}) || len(zero.Delta) != 2 {
		t.Errorf("got sequence 0 %+v, %v, want the whole state and its origin", zero, err)
	}
	again, err := burdock.Resume(t.Context(), g, opts("fork"))
	if err != nil || !again.State().Equal(out.State) {
		t.Errorf("resumed: got %v, %v, want the fork's state", again, err)
	}
	if kept, err := burdock.Resume(t.Context(), g, opts("origin")); err != nil || !kept.State().Equal(origin.State) {
		t.Errorf("the origin has changed: %v", err)
	}
}

// P9: Rerun restores the completed branches of a finished fan-out by copy and runs the named ones anew.
func TestP9_RerunRunsTheNamedBranchesAnew(t *testing.T) {
	type item struct {
		Key string `state:"item,key"`
	}
	type items struct {
		Keys []string `state:"items"`
	}
	type done struct {
		Text string `state:"text"`
	}
	type all struct {
		Texts []string `state:"texts"`
	}
	runs := map[string]int{}
	one := burdock.Func("one", func(_ context.Context, in item) (done, error) {
		runs[in.Key]++
		return done{fmt.Sprint(in.Key, runs[in.Key])}, nil
	})
	each := burdock.MapStates("each", one,
		func(_ context.Context, in items) iter.Seq2[item, error] {
			return burdock.Each(in.Keys, func(k string) item { return item{k} })
		},
		burdock.List[all, item, items](func(ds []done) (out all) {
			for _, d := range ds {
				out.Texts = append(out.Texts, d.Text)
			}
			return out
		}), &burdock.MapOptions{Limit: 1})
	g := burdock.MustGraph("fan", burdock.Node(each))
	store := memstore.New()
	opts := func(id string) *burdock.Options {
		return &burdock.Options{ID: id, State: burdock.StateOf(items{[]string{"a", "b", "c"}}), Cascade: burdock.Cascade{Store: store}}
	}
	if _, err := runNew(t, g, opts("origin")); err != nil {
		t.Fatal(err)
	}
	fork, err := burdock.Fork(t.Context(), g, burdock.Ref{App: "origin", Seq: 1}, opts("fork"), burdock.Rerun("b"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := burdock.Read[all](fork.Run(t.Context()))
	if want := []string{"a1", "b2", "c1"}; err != nil || !slices.Equal(got.Texts, want) {
		t.Errorf("got %q, %v, want %q", got.Texts, err, want)
	}
	for cp, err := range store.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "fork", Seq: 1}, Latest: true}) {
		if err != nil || cp.Root != "fork" || (cp.Key != "b") != (cp.Origin.App != "") {
			t.Errorf("got branch %s of root %s with origin %v, %v", cp.Path, cp.Root, cp.Origin, err)
		}
	}
	if _, err := burdock.Fork(t.Context(), g, burdock.Ref{App: "origin", Seq: 1}, opts("f2"), burdock.Rerun("z")); err == nil {
		t.Error("Rerun of a key that is not there: got no error")
	}
}

// P9: a copied branch has all its records, and a fork that ends before its first step is found with its copies and with
// the inputs that the step was given.
func TestP9_AForkIsFoundWithAllThatItBeginsWith(t *testing.T) {
	type item struct {
		Key string `state:"item,key"`
	}
	type noted struct {
		Note string `state:"note"`
	}
	type both struct {
		Key  string `state:"item"`
		Note string `state:"note"`
		Word string `input:"word"`
	}
	runs := map[string]int{}
	note := burdock.Func("note", func(_ context.Context, in item) (noted, error) {
		runs[in.Key]++
		return noted{"of " + in.Key}, nil
	})
	join := burdock.Func("join", func(_ context.Context, in both) (told, error) {
		return told{fmt.Sprint(in.Key, " ", in.Note, " ", in.Word, " ", runs[in.Key])}, nil
	})
	branch := mustGraph(t, "branch", burdock.Chain(note, join))
	each := burdock.MapStates("each", branch,
		func(context.Context, burdock.None) iter.Seq2[item, error] { return eachOf(item{"a"}, item{"b"}) },
		func(_ context.Context, _ burdock.None, rs *burdock.Results[item, told]) (h heard, err error) {
			for r := range rs.OK() {
				h.Texts = append(h.Texts, r.Out.Text)
			}
			return h, rs.Err()
		}, &burdock.MapOptions{Limit: 1})
	g := mustGraph(t, "g", burdock.Node(each))
	store := memstore.New()
	cascade := burdock.Cascade{Store: store}
	origin, err := burdock.New(t.Context(), g, &burdock.Options{ID: "origin", Cascade: cascade})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := origin.Run(t.Context(), burdock.Input("word", "w")); err != nil {
		t.Fatal(err)
	}
	fork, err := burdock.Fork(t.Context(), g, burdock.Ref{App: "origin", Seq: 1}, &burdock.Options{ID: "fork", Cascade: cascade}, burdock.Rerun("b"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := fork.Run(t.Context(), burdock.HaltBefore(burdock.ByName("each"))); err != nil || out.Stop != burdock.StopHaltedBefore {
		t.Fatalf("got %+v, %v, want it halted with nothing but its beginning", out, err)
	}
	again, err := burdock.Resume(t.Context(), g, &burdock.Options{ID: "fork", Cascade: cascade})
	if err != nil {
		t.Fatal(err)
	}
	got, err := burdock.Read[heard](again.Run(t.Context()))
	if want := []string{"a of a w 1", "b of b w 2"}; err != nil || !slices.Equal(got.Texts, want) {
		t.Errorf("got %q, %v, want %q", got.Texts, err, want)
	}
}

// P9: a fork of a branch is a root of its own.
func TestP9_ABranchCanBeForked(t *testing.T) {
	type job struct {
		N int `state:"n"`
	}
	inner := forkSteps(t, 3)
	outer := burdock.MapStates("outer", inner,
		func(context.Context, burdock.None) iter.Seq2[job, error] {
			return burdock.Each([]int{0}, func(n int) job { return job{n} })
		},
		burdock.List[burdock.None, job, burdock.None](func([]forkCount) burdock.None { return burdock.None{} }), nil)
	store := memstore.New()
	cascade := burdock.Cascade{Store: store}
	if _, err := runNew(t, burdock.MustGraph("root", burdock.Node(outer)), &burdock.Options{ID: "root", Cascade: cascade}); err != nil {
		t.Fatal(err)
	}
	var branch string
	for cp, err := range store.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "root", Seq: 1}, Latest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		branch = cp.App
	}
	fork, err := burdock.Fork(t.Context(), inner, burdock.Ref{App: branch, Seq: 1}, &burdock.Options{ID: "fork", Cascade: cascade})
	if err != nil {
		t.Fatal(err)
	}
	got, err := burdock.Read[forkCount](fork.Run(t.Context()))
	if err != nil || got.N != 3 {
		t.Errorf("got %+v, %v, want 3", got, err)
	}
}

// P9: what cannot be forked is a clear error.
func TestP9_WrongForks(t *testing.T) {
	store := memstore.New()
	opts := func(id string) *burdock.Options {
		return &burdock.Options{ID: id, State: burdock.StateOf(forkCount{}), Cascade: burdock.Cascade{Store: store}}
	}
	g := forkSteps(t, 2)
	if _, err := runNew(t, g, opts("origin")); err != nil {
		t.Fatal(err)
	}
	other := burdock.MustGraph("other", burdock.Node(burdock.Func("x", func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, nil })))
	for name, c := range map[string]struct {
		g    *burdock.Graph
		ref  burdock.Ref
		opts *burdock.Options
		fork []burdock.ForkOption
		want error
	}{
		"no such step":    {g, burdock.Ref{App: "origin", Seq: 9}, opts("f"), nil, burdock.ErrNotFound},
		"its own id":      {g, burdock.Ref{App: "origin", Seq: 1}, opts("origin"), nil, burdock.ErrExists},
		"another graph":   {other, burdock.Ref{App: "origin", Seq: 1}, opts("f"), nil, burdock.ErrGraphChanged},
		"no store":        {g, burdock.Ref{App: "origin", Seq: 1}, &burdock.Options{ID: "f"}, nil, nil},
		"rerun of no map": {g, burdock.Ref{App: "origin", Seq: 1}, opts("f"), []burdock.ForkOption{burdock.Rerun("k")}, nil},
		"edit to a new type": {g, burdock.Ref{App: "origin", Seq: 1}, opts("f"), []burdock.ForkOption{burdock.Edit(struct {
			N string `state:"n"`
		}{"x"})}, nil},
	} {
		if _, err := burdock.Fork(t.Context(), c.g, c.ref, c.opts, c.fork...); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want an error that is %v", name, err, c.want)
		}
	}
}
