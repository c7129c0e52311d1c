package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/burdock-go/burdock"
)

// Branches that wait, as those that call a model do. The figure is the time of the whole map.
var sleeps = []budget{
	{
		name: "sleep/even", size: 1_000, rounds: 11, gauge: elapsed,
		versus: "1,000 branches of 10 ms, limit 100, against errgroup.SetLimit(100)",
		price:  price{ratio: 1.03},
		open: openSleep(100, func(int) time.Duration {
			return 10 * time.Millisecond
		}),
	},
	{
		name: "sleep/mixed", size: 400, rounds: 11, gauge: elapsed,
		versus: "400 branches of 1 ms, every tenth of 30 ms, read in order through OK, limit 8, against errgroup.SetLimit(8)",
		price:  price{ratio: 1.05},
		open: openSleep(8, func(i int) time.Duration {
			if i%10 == 0 {
				return 30 * time.Millisecond
			}
			return time.Millisecond
		}),
	},
}

// openSleep compares n branches, each of which takes as long as its index says.
func openSleep(limit int, long func(i int) time.Duration) func(context.Context, int) (pair, error) {
	return func(_ context.Context, n int) (pair, error) {
		nap := func(ctx context.Context, i item) (doubled, error) {
			time.Sleep(long(i.N))
			return double(ctx, i)
		}
		g, err := fanOut(burdock.Func("nap", nap), n, limit, addUp)
		return pair{
			ours: func(ctx context.Context) error { return runOnce(ctx, g, burdock.State{}) },
			raw:  func(ctx context.Context) error { return errgroupNaps(ctx, n, limit, nap) },
		}, err
	}
}

func errgroupNaps(ctx context.Context, n, limit int, nap func(context.Context, item) (doubled, error)) error {
	outs := make([]doubled, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	i := 0
	for window := range items(n) {
		out := &outs[i]
		i++
		g.Go(func() (err error) {
			*out, err = nap(ctx, window)
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
