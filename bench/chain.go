package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/burdock-go/burdock"
)

// A branch that is a graph.
var chains = []budget{{
	name: "chain/3 steps", size: 20_000, rounds: 31, gauge: elapsed,
	versus: "branches of three steps, limit 8, against goroutines of errgroup.SetLimit(8) that call the three functions and keep no state",
	price:  price{ratio: 4},
	open: func(_ context.Context, size int) (pair, error) {
		three, err := threeSteps()
		if err != nil {
			return pair{}, err
		}
		g, err := fanOut(three, size, limit, addUp)
		return pair{
			ops:  size,
			ours: func(ctx context.Context) error { return runOnce(ctx, g, burdock.State{}) },
			raw:  func(ctx context.Context) error { return errgroupCalls(ctx, size) },
		}, err
	},
}}

func threeSteps() (*burdock.Graph, error) {
	return burdock.NewGraph("three", burdock.Chain(
		burdock.Func("double", double), burdock.Func("raise", raise), burdock.Func("lower", lower)))
}

// raised is what the second of the three actions writes and the third reads.
type raised struct {
	Value int `state:"raised"`
}

func raise(_ context.Context, d doubled) (raised, error) { return raised{d.Value + 1}, nil }
func lower(_ context.Context, r raised) (doubled, error) { return doubled{r.Value - 1}, nil }

func errgroupCalls(ctx context.Context, n int) error {
	outs := make([]doubled, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	i := 0
	for window := range items(n) {
		out := &outs[i]
		i++
		g.Go(func() error {
			d, err := double(ctx, window)
			if err != nil {
				return err
			}
			r, err := raise(ctx, d)
			if err != nil {
				return err
			}
			*out, err = lower(ctx, r)
			return err
		})
	}
	err := g.Wait()
	var t total
	for _, o := range outs {
		t.Sum += o.Value
	}
	return sumIs(t.Sum, n, err)
}
