package main

import (
	"context"
	"time"

	"github.com/burdock-go/burdock"
)

// Steps of a loop without a store: an action with a condition back to itself.
var steps = []budget{
	{
		name: "step/1 key", size: 50_000, rounds: 31, gauge: elapsed,
		versus: "a step of a loop against a for loop that makes the same states by hand",
		price:  price{time: 500 * time.Nanosecond, allocs: 4},
		open:   openStep1,
	},
	{
		name: "step/5 keys", size: 50_000, rounds: 31, gauge: elapsed,
		versus: "the same with five keys of different types, all read and all written",
		price:  price{time: 1000 * time.Nanosecond, allocs: 5},
		open:   openStep5,
	},
}

// counter is the window of the first loop.
type counter struct {
	N int `state:"n"`
}

func count(_ context.Context, c counter) (counter, error) { return counter{c.N + 1}, nil }

// profile is the window of the second.
type profile struct {
	N      int      `state:"n"`
	Name   string   `state:"name"`
	Score  float64  `state:"score"`
	Active bool     `state:"active"`
	Tags   []string `state:"tags"`
}

func update(_ context.Context, p profile) (profile, error) {
	p.N++
	p.Score += 0.5
	p.Active = !p.Active
	return p, nil
}

var someone = profile{Name: "Ada", Tags: []string{"a", "b"}}

func openStep1(_ context.Context, size int) (pair, error) {
	ours, err := loop(burdock.Func("count", count), burdock.StateOf(counter{}), size)
	return pair{ops: size, ours: ours, raw: func(ctx context.Context) error {
		state := slots{0}
		for more := true; more; more = get[int](state, 0) < size {
			out, err := count(ctx, counter{get[int](state, 0)})
			if err != nil {
				return err
			}
			state = state.with(0, out.N)
		}
		return nil
	}}, err
}

func openStep5(_ context.Context, size int) (pair, error) {
	ours, err := loop(burdock.Func("update", update), burdock.StateOf(someone), size)
	return pair{ops: size, ours: ours, raw: func(ctx context.Context) error {
		state := slots{0, someone.Name, someone.Score, someone.Active, someone.Tags}
		for more := true; more; more = get[int](state, 0) < size {
			out, err := update(ctx, profile{
				get[int](state, 0), get[string](state, 1), get[float64](state, 2), get[bool](state, 3), get[[]string](state, 4),
			})
			if err != nil {
				return err
			}
			state = state.with(0, out.N, out.Name, out.Score, out.Active, out.Tags)
		}
		return nil
	}}, err
}

// loop returns a function that runs the action size times in an application of its own.
func loop(a *burdock.Action, initial burdock.State, size int) (func(context.Context) error, error) {
	more := burdock.When("n < size", func(c counter) bool { return c.N < size })
	g, err := burdock.NewGraph("loop", burdock.Node(a, more.Then(a)))
	return func(ctx context.Context) error {
		return runOnce(ctx, g, initial)
	}, err
}

// runOnce runs a graph as a new application.
func runOnce(ctx context.Context, g *burdock.Graph, initial burdock.State) error {
	app, err := burdock.New(ctx, g, &burdock.Options{State: initial})
	if err != nil {
		return err
	}
	_, err = app.Run(ctx)
	return err
}
