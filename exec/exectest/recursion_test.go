package exectest_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/exec/exectest"
	"github.com/burdock-go/burdock/store/memstore"
)

type floor struct {
	N int `state:"n"`
}

// stairs is a graph that runs itself one lower, down to zero.
func stairs() *burdock.Graph {
	look := burdock.Func("look", func(_ context.Context, f floor) (floor, error) { return f, nil })
	down := burdock.MapStates("down", burdock.GraphNamed("stairs"),
		func(_ context.Context, f floor) iter.Seq2[floor, error] {
			return burdock.Each([]int{f.N - 1}, func(n int) floor { return floor{n} })
		},
		func(_ context.Context, _ floor, rs *burdock.Results[floor, floor]) (up floor, err error) {
			for r := range rs.OK() {
				up.N = r.Out.N + 1
			}
			return up, rs.Err()
		}, nil)
	above := burdock.When("n > 0", func(f floor) bool { return f.N > 0 })
	return burdock.MustGraph("stairs", burdock.Node(look, above.Then(down)), burdock.Node(down))
}

// E3: a graph that runs itself is known to a worker by its name and hash like any other, at every depth, and depth counts
// on from the process that has handed a branch over.
func TestARecursionCrossesToItsWorkers(t *testing.T) {
	ex, err := exectest.Encoded(nil, stairs())
	if err != nil {
		t.Fatal(err)
	}
	run := func(store burdock.Store, n, depth int) (floor, error) {
		app, err := burdock.New(t.Context(), stairs(), &burdock.Options{
			ID: "app", State: burdock.StateOf(floor{n}), MaxDepth: depth, Cascade: burdock.Cascade{Store: store, Executor: ex},
		})
		if err != nil {
			t.Fatal(err)
		}
		return burdock.Read[floor](app.Run(t.Context()))
	}
	for _, store := range []burdock.Store{nil, memstore.New()} {
		before := ex.Runs()
		got, err := run(store, 12, 12)
		if err != nil || got.N != 12 || ex.Runs() != before+12 {
			t.Errorf("got %v, %v, after %d hand-overs", got, err, ex.Runs()-before)
		}
	}
	_, err = run(memstore.New(), 12, 5)
	if err == nil {
		t.Fatal("got no error")
	}
	if where := "app/down#2/0/down#2/0/down#2/0/down#2/0/down#2/0/down#2/0: step 1 (look)"; !strings.Contains(err.Error(), where) ||
		!strings.Contains(err.Error(), "depth 6, and Options.MaxDepth is 5") {
		t.Errorf("got %v, want it at %s", err, where)
	}
}
