package burdocktest_test

import (
	"context"
	"slices"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

type scores struct {
	Scores []int `state:"scores"`
}

type median struct {
	Median int `state:"median"`
}

// An action sorts the slice that it was given. The state before the step has another order from then on.
func ExampleImmutable() {
	middle := burdock.Func("middle", func(_ context.Context, s scores) (median, error) {
		slices.Sort(s.Scores) // slices.Sorted(slices.Values(s.Scores)) makes a new one
		return median{s.Scores[len(s.Scores)/2]}, nil
	})
	tail := burdock.Func("tail", func(_ context.Context, s scores) (scores, error) { return scores{s.Scores[1:]}, nil })
	graph := burdock.MustGraph("statistics", burdock.Chain(middle, tail))

	var t console // the *testing.T of a test
	burdocktest.Run[median](t, graph, scores{[]int{3, 1, 2}}, burdocktest.Checked(burdocktest.Immutable))
	// Output:
	// burdocktest: Immutable: key "scores" at [0] was 3 and is 1: it was written to while middle (test, step 1) ran; it is of what test began with
	// burdocktest: Immutable: key "scores" at [1] was 1 and is 2: it was written to while middle (test, step 1) ran; it is of what test began with
	// burdocktest: Immutable: key "scores" at [2] was 2 and is 3: it was written to while middle (test, step 1) ran; it is of what test began with
}
