package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/burdock-go/burdock"
)

// Branches beside a long list, to which they do not append. The figure is the time of the whole map.
var besides = []budget{
	{
		name: "beside/state", size: 100, rounds: 101, gauge: elapsed,
		versus: "a map of 100 branches in an application whose state has a list of 10,000 messages, against errgroup.SetLimit(8) with the same states by hand",
		price:  price{time: time.Millisecond},
		open:   openBeside(besideState),
	},
	{
		name: "beside/window", size: 100, rounds: 31, gauge: elapsed,
		versus: "the same when the window of each branch has the list, which its action reads",
		price:  price{time: time.Millisecond},
		open:   openBeside(besideWindow),
	},
}

// listLength is how long the list is beside which branches run.
const listLength = 10_000

// counted is the window of a branch that is given the list.
type counted struct {
	N        int       `state:"n"`
	Messages []message `state:"messages"`
}

func doubleCounted(_ context.Context, c counted) (doubled, error) {
	return doubled{2*c.N + len(c.Messages) - listLength}, nil
}

// openBeside runs a map again and again in one application whose state has the list. One run of ours is one map.
func openBeside(fanOut func(size int) *burdock.Action) func(context.Context, int) (pair, error) {
	return func(ctx context.Context, size int) (pair, error) {
		list := make([]message, listLength)
		for i := range list {
			list[i] = message{line200.Role, fmt.Sprintf("%s%d", line200.Text, i)}
		}
		a := fanOut(size)
		g, err := burdock.NewGraph("beside", burdock.Node(a, burdock.Then(a)))
		if err != nil {
			return pair{}, err
		}
		app, err := burdock.New(ctx, g, &burdock.Options{State: burdock.StateOf(heard{list})})
		if err != nil {
			return pair{}, err
		}
		step, stop := oneByOne(ctx, app)
		return pair{ours: step, raw: func(ctx context.Context) error { return errgroupBeside(ctx, list, size) }, close: stop}, nil
	}
}

// oneByOne returns a function that runs one step of an application that goes on.
func oneByOne(ctx context.Context, app *burdock.App) (step func(context.Context) error, stop func() error) {
	next, end := iter.Pull2(app.Steps(ctx))
	step = func(context.Context) error {
		switch _, err, more := next(); {
		case err != nil:
			return err
		case !more:
			return errors.New("the loop has ended")
		}
		return nil
	}
	return step, func() error { end(); return nil }
}

// besideState is a map whose branches do not get the list.
func besideState(size int) *burdock.Action {
	return burdock.MapStates("each", burdock.Func("double", double),
		func(context.Context, heard) iter.Seq2[item, error] { return without(items(size)) },
		func(_ context.Context, _ heard, rs *burdock.Results[item, doubled]) (t total, err error) {
			for r := range rs.OK() {
				t.Sum += r.Out.Value
			}
			return t, sumIs(t.Sum, size, rs.Err())
		}, &burdock.MapOptions{Limit: limit})
}

// besideWindow is a map whose branches get it.
func besideWindow(size int) *burdock.Action {
	return burdock.MapStates("each", burdock.Func("double", doubleCounted),
		func(_ context.Context, h heard) iter.Seq2[counted, error] {
			return func(yield func(counted, error) bool) {
				for i := range items(size) {
					if !yield(counted{i.N, h.Messages}, nil) {
						return
					}
				}
			}
		},
		func(_ context.Context, _ heard, rs *burdock.Results[counted, doubled]) (t total, err error) {
			for r := range rs.OK() {
				t.Sum += r.Out.Value
			}
			return t, sumIs(t.Sum, size, rs.Err())
		}, &burdock.MapOptions{Limit: limit})
}

// errgroupBeside gives each branch a state with the list.
func errgroupBeside(ctx context.Context, list []message, n int) error {
	outs := make([]doubled, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	for window := range items(n) {
		g.Go(func() error {
			state := make(slots, 3).with(0, window.N, list)
			out, err := doubleCounted(ctx, counted{get[int](state, 0), get[[]message](state, 1)})
			if err != nil {
				return err
			}
			state = state.with(2, out.Value)
			outs[window.N] = doubled{get[int](state, 2)}
			return nil
		})
	}
	err := g.Wait()
	var t total
	for _, o := range outs {
		t.Sum += o.Value
	}
	return sumIs(t.Sum, n, err)
}
