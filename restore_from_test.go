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

// A sowing is a map of 700 branches, of which one fails as long as fails is set.
type sowing struct {
	graph *burdock.Graph
	ran   int
	fails bool
}

type grown struct {
	Sum int `state:"sum"`
}

func sow(t *testing.T) *sowing {
	t.Helper()
	type seed struct {
		N int `state:"n"`
	}
	s := &sowing{fails: true}
	plant := burdock.Func("plant", func(_ context.Context, in seed) (grown, error) {
		s.ran++
		if s.fails && in.N == 699 {
			return grown{}, errors.New("not yet")
		}
		return grown{in.N}, nil
	})
	each := burdock.MapStates("each", plant, func(context.Context, burdock.None) iter.Seq2[seed, error] {
		return func(yield func(seed, error) bool) {
			for n := range 700 {
				if !yield(seed{n}, nil) {
					return
				}
			}
		}
	}, burdock.List[grown, seed, burdock.None](func(all []grown) (sum grown) {
		for _, g := range all {
			sum.Sum += g.Sum
		}
		return sum
	}), &burdock.MapOptions{Limit: 1})
	s.graph = mustGraph(t, "field", burdock.Node(each))
	return s
}

// P: an application that only RestoreFrom has goes on in the store, with all its branches, and stays as it was there.
func TestRestoreFrom(t *testing.T) {
	there, here := memstore.New(), memstore.New()
	s := sow(t)
	if _, err := runNew(t, s.graph, opts2(there)); err == nil {
		t.Fatal("the first run did not fail")
	}
	old := everything(t, there)
	s.fails, s.ran = false, 0
	opts := &burdock.Options{ID: "t", Cascade: burdock.Cascade{Store: here, RestoreFrom: there}}
	app, err := burdock.Resume(t.Context(), s.graph, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(everything(t, here)) > 0 {
		t.Error("Resume has written something")
	}
	got, err := burdock.Read[grown](app.Run(t.Context()))
	if err != nil || got.Sum != 699*700/2 || s.ran != 1 {
		t.Errorf("got %+v, %v after %d branches, want the sum after one", got, err, s.ran)
	}
	if !slices.Equal(everything(t, there), old) {
		t.Error("what it was restored from has changed")
	}
	again, err := burdock.Resume(t.Context(), s.graph, opts2(here))
	if err != nil || again.Outcome() != nil || !again.State().Equal(app.State()) {
		t.Errorf("resumed from the store alone: %v", err)
	}
}

// P: a copy that was interrupted begins again, and no branch that was paid for runs again.
func TestRestoreFromSurvivesAnInterruptedCopy(t *testing.T) {
	for ok := range 3 {
		there, here := memstore.New(), memstore.New()
		s := sow(t)
		if _, err := runNew(t, s.graph, opts2(there)); err == nil {
			t.Fatal("the first run did not fail")
		}
		s.fails, s.ran = false, 0
		cascade := burdock.Cascade{Store: &refusing{here, ok}, RestoreFrom: there}
		app, err := burdock.Open(t.Context(), s.graph, &burdock.Options{ID: "t", Cascade: cascade})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Run(t.Context()); !errors.Is(err, errRefused) || s.ran > 0 {
			t.Fatalf("after %d saves: got %v after %d branches, want the store's error", ok, err, s.ran)
		}
		cascade.Store = here
		if app, err = burdock.Open(t.Context(), s.graph, &burdock.Options{ID: "t", Cascade: cascade}); err != nil {
			t.Fatal(err)
		}
		if got, err := burdock.Read[grown](app.Run(t.Context())); err != nil || got.Sum != 699*700/2 || s.ran != 1 {
			t.Errorf("after %d saves: got %+v, %v after %d branches", ok, got, err, s.ran)
		}
	}
}

// P: what the store has comes first, New takes nothing from elsewhere, and Fork finds its origin there.
func TestRestoreFromIsAskedLast(t *testing.T) {
	there, here := memstore.New(), memstore.New()
	g := forkSteps(t, 5)
	begin := func(store burdock.Store, n int) *burdock.Options {
		return &burdock.Options{ID: "t", State: burdock.StateOf(forkCount{n}), Cascade: burdock.Cascade{Store: store}}
	}
	if _, err := runNew(t, g, begin(there, 0)); err != nil {
		t.Fatal(err)
	}
	opts := begin(here, 3)
	opts.Cascade.RestoreFrom = there
	out, err := runNew(t, g, opts)
	if err != nil || out.Seq != 2 {
		t.Errorf("New: got %+v, %v, want an application of its own", out, err)
	}
	app, err := burdock.Resume(t.Context(), g, opts)
	if err != nil {
		t.Fatal(err)
	}
	if notes, _ := burdock.Key[[]string]("notes").Get(app.State()); len(notes) != 2 {
		t.Errorf("Resume: got %q, want what the store has", notes)
	}
	opts = begin(memstore.New(), 0)
	opts.ID, opts.Cascade.RestoreFrom = "fork", there
	fork, err := burdock.Fork(t.Context(), g, burdock.Ref{App: "t", Seq: 4}, opts)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := fork.Run(t.Context()); err != nil || out.Seq != 1 {
		t.Errorf("Fork: got %+v, %v", out, err)
	}
	if _, err := burdock.New(t.Context(), g, &burdock.Options{State: burdock.StateOf(forkCount{}), Cascade: burdock.Cascade{RestoreFrom: there}}); err == nil {
		t.Error("RestoreFrom without a store: got no error")
	}
}

// everything is what a store has of the application "t", to be compared.
func everything(t *testing.T, store burdock.Store) []string {
	t.Helper()
	var all []string
	for cp, err := range store.List(t.Context(), burdock.Query{Root: "t"}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%+v", cp))
	}
	return all
}
