package main

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/burdock-go/burdock"
)

// limit is how many branches live at once wherever the budget does not say otherwise.
const limit = 8

// Branches whose action does nothing.
var branches = []budget{branch(1_000, 16), branch(10_000, 2), branch(100_000, 1)}

// branch is the budget for maps of n branches, of which one round runs several.
func branch(n, times int) budget {
	return budget{
		name: fmt.Sprintf("branch/%d", n), size: n, rounds: 31, gauge: elapsed,
		versus: "a map of branches that do nothing, limit 8, against errgroup.SetLimit(8) with the same states by hand",
		price:  price{ratio: 1.5},
		open: func(_ context.Context, size int) (pair, error) {
			g, err := fanOut(burdock.Func("double", double), size, limit, addUp)
			return pair{
				ops:  size * times,
				ours: repeat(times, func(ctx context.Context) error { return runOnce(ctx, g, burdock.State{}) }),
				raw:  repeat(times, func(ctx context.Context) error { return errgroupKept(ctx, size) }),
			}, err
		},
	}
}

func repeat(times int, f func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for range times {
			if err := f(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// item is the window that a branch begins with and its action reads.
type item struct {
	N int `state:"n"`
}

// doubled is what the action writes and reduce reads.
type doubled struct {
	Value int `state:"value"`
}

// total is what reduce writes.
type total struct {
	Sum int `state:"sum"`
}

func double(_ context.Context, i item) (doubled, error) { return doubled{2 * i.N}, nil }

// items is the sequence that both sides pull from.
func items(n int) iter.Seq[item] {
	return func(yield func(item) bool) {
		for i := range n {
			if !yield(item{i}) {
				return
			}
		}
	}
}

// without adds to each item the error that it has not.
func without(seq iter.Seq[item]) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for i := range seq {
			if !yield(i, nil) {
				return
			}
		}
	}
}

type reduce = func(context.Context, burdock.None, *burdock.Results[item, doubled]) (total, error)

func addUp(_ context.Context, _ burdock.None, rs *burdock.Results[item, doubled]) (t total, err error) {
	for r := range rs.OK() {
		t.Sum += r.Out.Value
	}
	return t, rs.Err()
}

// fanOut is a graph of one map over n items.
func fanOut(each burdock.Runnable, n, limit int, reduce reduce) (*burdock.Graph, error) {
	return burdock.NewGraph("fan_out", burdock.Node(burdock.MapStates("each", each,
		func(context.Context, burdock.None) iter.Seq2[item, error] { return without(items(n)) }, reduce,
		&burdock.MapOptions{Limit: limit, MaxBranches: int64(n)})))
}

// Places of the keys in a branch's state.
const (
	slotN = iota
	slotValue
	slotCount
)

// A record is what raw Go keeps of a branch until its result is used.
type record struct {
	state slots
	out   doubled
}

// branchWork is the state work of one branch: the window becomes a state, the action's input is read from it, what the
// action returns goes into a new state, and the result is read from that.
func branchWork(ctx context.Context, window item, r *record) error {
	r.state = make(slots, slotCount).with(slotN, window.N)
	out, err := double(ctx, item{get[int](r.state, slotN)})
	if err != nil {
		return err
	}
	r.state = r.state.with(slotValue, out.Value)
	r.out = doubled{get[int](r.state, slotValue)}
	return nil
}

// errgroupKept keeps every record and adds the results up in the order of the items.
func errgroupKept(ctx context.Context, n int) error {
	records := make([]record, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	i := 0
	for window := range items(n) {
		r := &records[i]
		i++
		g.Go(func() error { return branchWork(ctx, window, r) })
	}
	err := g.Wait()
	var t total
	for i := range records {
		t.Sum += records[i].out.Value
	}
	return sumIs(t.Sum, n, err)
}

// sumIs fails if the work was not done.
func sumIs(sum, n int, err error) error {
	if err == nil && sum != n*(n-1) {
		return fmt.Errorf("the sum is %d, not %d", sum, n*(n-1))
	}
	return err
}
