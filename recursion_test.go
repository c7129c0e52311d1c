package burdock_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/burdock-go/burdock"
)

func TestScratch(t *testing.T) {
	type num struct {
		N int `state:"n"`
	}
	dig := burdock.MapStates("dig", burdock.GraphNamed("hole"),
		func(_ context.Context, n num) iter.Seq2[num, error] { return burdock.Each([]int{n.N + 1}, func(i int) num { return num{i} }) },
		func(_ context.Context, _ num, rs *burdock.Results[num, num]) (out num, err error) {
			for r := range rs.OK() {
				out = r.Out
			}
			return out, nil
		}, nil)
	g := burdock.MustGraph("hole", burdock.Node(dig))
	s := memory()
	app := newApp(t, g, &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: s}, State: burdock.StateOf(num{}), MaxDepth: 100})
	_, err := app.Run(t.Context())
	fmt.Println(len(err.Error()), err.Error()[:300])
	size := 0
	for cp, err := range s.List(t.Context(), burdock.Query{Root: "app"}) {
		if err != nil {
			t.Fatal(err)
		}
		if cp.Error != nil {
			size += len(cp.Error.Text)
		}
	}
	fmt.Println(size)
	fmt.Println(g.Mermaid(), g.Hash())
}
