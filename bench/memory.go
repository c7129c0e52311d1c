package main

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/burdock-go/burdock"
)

// How high the heap rises under a map whose reduce keeps nothing; keys are indices.
var memory = []budget{
	{
		name: "memory/100000", size: 100_000, rounds: 9, gauge: peak,
		versus: "the heap's peak under a map of 100,000 branches against errgroup.SetLimit(8) that adds up and keeps nothing",
		price:  price{more: 2 << 20},
		open: func(_ context.Context, size int) (pair, error) {
			ours, err := streamed(size)
			return pair{ours: ours, raw: func(ctx context.Context) error { return errgroupStreamed(ctx, size) }}, err
		},
	},
	{
		name: "memory/1000000", size: 1_000_000, rounds: 5, gauge: peak,
		versus: "the heap's peak under a map of 1,000,000 branches against that of 100,000, both ours",
		price:  price{more: 1 << 20},
		open: func(_ context.Context, size int) (pair, error) {
			ours, err := streamed(size)
			if err != nil {
				return pair{}, err
			}
			tenth, err := streamed(size / 10)
			return pair{ours: ours, raw: tenth}, err
		},
	},
}

func streamed(size int) (func(context.Context) error, error) {
	g, err := fanOut(burdock.Func("double", double), size, limit, addUp)
	return func(ctx context.Context) error { return runOnce(ctx, g, burdock.State{}) }, err
}

// errgroupStreamed adds the results up while branches run.
func errgroupStreamed(ctx context.Context, n int) error {
	var sum atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	for window := range items(n) {
		g.Go(func() error {
			r := new(record)
			err := branchWork(ctx, window, r)
			sum.Add(int64(r.out.Value))
			return err
		})
	}
	err := g.Wait()
	return sumIs(int(sum.Load()), n, err)
}
