package burdock_test

import (
	"context"
	"fmt"
	"log"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type (
	passage struct {
		Text string `state:"text"`
	}
	tone struct {
		Tone string `state:"tone"`
		Text string `state:"text"`
	}
)

func outline(_ context.Context, t tone) (passage, error) {
	return passage{"a " + t.Tone + " outline"}, nil
}

func writeUp(_ context.Context, t tone) (passage, error) {
	return passage{t.Text + ", written up in a " + t.Tone + " tone"}, nil
}

// A fork goes on from a step of another application, here with another tone for the second step. The first step is not
// run again, and the origin stays as it is.
func ExampleFork() {
	ctx := context.Background()
	graph := burdock.MustGraph("essay", burdock.Chain(burdock.Func("outline", outline), burdock.Func("write", writeUp)))
	cascade := burdock.Cascade{Store: memstore.New()}
	app, err := burdock.New(ctx, graph, &burdock.Options{ID: "essay", State: burdock.StateOf(tone{Tone: "dry"}), Cascade: cascade})
	if err != nil {
		log.Fatal(err)
	}
	first, err := burdock.Read[passage](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fork, err := burdock.Fork(ctx, graph, burdock.Ref{App: "essay", Seq: 1}, &burdock.Options{ID: "bolder", Cascade: cascade},
		burdock.Edit(struct {
			Tone string `state:"tone"`
		}{"bold"}))
	if err != nil {
		log.Fatal(err)
	}
	second, err := burdock.Read[passage](fork.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Text)
	fmt.Println(second.Text)
	// Output:
	// a dry outline, written up in a dry tone
	// a dry outline, written up in a bold tone
}
