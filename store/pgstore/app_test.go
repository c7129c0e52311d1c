package pgstore_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
)

type (
	work struct {
		Items int `state:"items"`
	}
	item struct {
		Number int `state:"number,key"`
	}
	result struct {
		Sum int `state:"sum"`
	}
)

// The branches of a fan-out that was cut off in one store are restored in another one, and only the rest runs.
func TestAnApplicationGoesOnInAnotherStore(t *testing.T) {
	dsn, opts := shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()}
	const items = 200
	var runs, limit atomic.Int64
	limit.Store(items / 2)
	double := burdock.Func("double", func(_ context.Context, it item) (item, error) {
		if runs.Add(1) > limit.Load() {
			return it, errors.New("enough for today")
		}
		return item{2 * it.Number}, nil
	})
	graph := burdock.MustGraph("doubling", burdock.Node(burdock.MapStates("all", double,
		func(_ context.Context, w work) iter.Seq2[item, error] {
			return burdock.Each(slices.Collect(numbers(w.Items)), func(n int) item { return item{n} })
		},
		func(_ context.Context, _ work, rs *burdock.Results[item, item]) (r result, err error) {
			for it := range rs.OK() {
				r.Sum += it.Out.Number
			}
			return r, rs.Err()
		}, &burdock.MapOptions{Limit: 16, Failures: burdock.Collect})))
	run := func() (result, error) {
		s := open(t, dsn, opts)
		app, err := burdock.Open(t.Context(), graph, &burdock.Options{
			ID: "doubling-1", State: burdock.StateOf(work{items}), Cascade: burdock.Cascade{Store: s, Tracker: s.Tracker(nil)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return burdock.Read[result](app.Run(t.Context()))
	}
	if _, err := run(); err == nil {
		t.Fatal("the first run did not fail")
	}
	before := runs.Load()
	limit.Store(1 << 40)
	got, err := run()
	if err != nil || got.Sum != items*(items-1) {
		t.Errorf("got sum %d, error %v, want %d", got.Sum, err, items*(items-1))
	}
	if ran := runs.Load() - before; ran != items/2 {
		t.Errorf("%d branches ran again, want the %d that had failed", ran, items/2)
	}
	s := open(t, dsn, opts)
	if got := len(events(t, s, "doubling-1", pgstore.Position{})); got == 0 {
		t.Error("there are no events")
	}
	if size, err := s.Size(t.Context(), "doubling-1"); err != nil || size.Apps != items+1 {
		t.Errorf("got %+v, error %v, want %d applications", size, err, items+1)
	}
}

func numbers(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
