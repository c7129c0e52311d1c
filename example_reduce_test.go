package burdock_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/burdock-go/burdock"
)

type (
	household struct {
		Name string `state:"household,key"`
	}
	vote struct {
		Yes bool `state:"yes"`
	}
	verdict struct {
		Accepted bool `state:"accepted"`
	}
)

// majority is the reduce function of some parallel action. A vote that was not cast counts as no vote.
func majority(_ context.Context, _ burdock.None, rs *burdock.Results[household, vote]) (verdict, error) {
	yes, cast := 0, 0
	for r := range rs.OK() {
		cast++
		if r.Out.Yes {
			yes++
		}
	}
	if cast == 0 {
		return verdict{}, errors.Join(errors.New("nobody voted"), rs.Err())
	}
	return verdict{2*yes > cast}, nil
}

// A reduce function is tested like any function: ResultsOf makes what it reads, without a graph or a run.
func ExampleResultsOf() {
	voted := func(name string, yes bool) burdock.Result[household, vote] {
		return burdock.ResultOf(name, "ask", household{name}, vote{yes}, nil)
	}
	absent := func(name string) burdock.Result[household, vote] {
		return burdock.ResultOf(name, "ask", household{name}, vote{}, errors.New("nobody is at home"))
	}
	ctx := context.Background()
	fmt.Println(majority(ctx, burdock.None{}, burdock.ResultsOf(voted("Ash", true), absent("Birch"))))
	fmt.Println(majority(ctx, burdock.None{}, burdock.ResultsOf(voted("Ash", true), voted("Birch", false))))
	_, err := majority(ctx, burdock.None{}, burdock.ResultsOf(absent("Ash")))
	fmt.Println(err)
	// Output:
	// {true} <nil>
	// {false} <nil>
	// nobody voted
	// 1 branch of test failed; test/ask#1/Ash: nobody is at home
}
