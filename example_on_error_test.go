package burdock_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/burdock-go/burdock"
)

// throttled is an error type of some client.
type throttled struct{ Wait time.Duration }

func (e *throttled) Error() string { return fmt.Sprintf("too many requests, wait %v", e.Wait) }

type job struct {
	Text string `state:"text"`
}

// A handler reads what happened like any other input. The failed action has written nothing.
type throttledJob struct {
	Text    string          `state:"text"`
	Failure burdock.Failure `input:"failure"`
}

type translation struct {
	Text string `state:"translation"`
}

var large = burdock.Func("large", func(context.Context, job) (translation, error) {
	return translation{}, fmt.Errorf("large model: %w", &throttled{time.Minute})
})

var smaller = burdock.Func("smaller", func(_ context.Context, j throttledJob) (translation, error) {
	fmt.Println(j.Failure.Action, "failed with", j.Failure.Err())
	return translation{j.Text + " (roughly)"}, nil
})

// An error route is a route like the others: it stands with its node, has a label, and is recorded when it is taken.
// As asks for a type, Is for a sentinel, AnyError for all that an action can fail with.
func ExampleOnError() {
	translator := burdock.MustGraph("translator",
		burdock.Node(large, burdock.OnError(burdock.As[*throttled](), smaller)),
		burdock.Node(smaller),
	)
	ctx := context.Background()
	app, err := burdock.New(ctx, translator, &burdock.Options{ID: "run-7", State: burdock.StateOf(job{"Klette"})})
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[translation](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Text)
	// Output:
	// large failed with large model: too many requests, wait 1m0s
	// Klette (roughly)
}
