// Counter is the smallest application: one action that runs until its condition no longer holds.
package main

import (
	"context"
	"fmt"

	"github.com/burdock-go/burdock"
)

type tally struct {
	Count int `state:"count"`
}

var increment = burdock.Func("increment", func(_ context.Context, t tally) (tally, error) {
	return tally{t.Count + 1}, nil
})

var belowTen = burdock.When("count < 10", func(t tally) bool { return t.Count < 10 })

var counter = burdock.MustGraph("counter", burdock.Node(increment, belowTen.Then(increment)))

func main() {
	app, err := burdock.New(context.Background(), counter, &burdock.Options{State: burdock.StateOf(tally{})})
	if err != nil {
		panic(err)
	}
	fmt.Println(burdock.Read[tally](app.Run(context.Background()))) // {10} <nil>
}
