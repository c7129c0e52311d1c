package burdock_test

import (
	"context"
	"fmt"
	"log"

	"github.com/burdock-go/burdock"
)

// A window is a struct whose fields are bound to keys of the state. Both actions and the condition look at the state
// through this one.
type tally struct {
	Count int `state:"count"`
}

type summary struct {
	Text string `state:"text"`
}

// An action is an ordinary function: its argument is what it reads, its result is what it writes.
var increment = burdock.Func("increment", func(_ context.Context, t tally) (tally, error) {
	return tally{t.Count + 1}, nil
})

var report = burdock.Func("report", func(_ context.Context, t tally) (summary, error) {
	return summary{fmt.Sprintf("counted to %d", t.Count)}, nil
})

// The label of a condition is for people: it stands in the log, in drawings and in the store.
var belowTen = burdock.When("count < 10", func(t tally) bool { return t.Count < 10 })

// A loop with a condition. The routes of a node read like a switch: the first that matches wins, Then is the default,
// and a node without a matching route ends the application.
func ExampleNewGraph() {
	counter, err := burdock.NewGraph("counter",
		burdock.Node(increment, belowTen.Then(increment), burdock.Then(report)),
		burdock.Node(report),
	)
	if err != nil {
		log.Fatal(err) // everything that is wrong with the graph
	}
	ctx := context.Background()
	app, err := burdock.New(ctx, counter, &burdock.Options{State: burdock.StateOf(tally{Count: 7})})
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[summary](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Text)
	// Output: counted to 10
}
