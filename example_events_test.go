package burdock_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"strings"

	"github.com/burdock-go/burdock"
)

type (
	request struct {
		Cities []string `state:"cities"`
	}
	visitor struct {
		City string `state:"city,key"`
	}
	guide struct {
		Text string `state:"guide"`
	}
)

// writeGuide emits each word of a guide when it has it, as a model does.
func writeGuide(_ context.Context, v visitor, emit func(string) error) (guide, error) {
	words := []string{"See", v.City, "first."}
	for _, word := range words {
		if err := emit(word); err != nil {
			return guide{}, err
		}
	}
	return guide{strings.Join(words, " ")}, nil
}

// All branches stream into one loop: Key says whose piece it is. Pieces of one branch come in their order, those of
// different branches as they happen. A slow loop slows the branches; leaving it pauses the application.
func ExampleApp_Events() {
	guides := burdock.MapStates("guides", burdock.Stream("write", writeGuide),
		func(_ context.Context, r request) iter.Seq2[visitor, error] {
			return burdock.Each(r.Cities, func(city string) visitor { return visitor{city} })
		},
		burdock.List[guide, visitor, request](func(gs []guide) guide { return guide{fmt.Sprint(len(gs), " guides")} }), nil)
	ctx := context.Background()
	app, err := burdock.New(ctx, burdock.MustGraph("travel", burdock.Node(guides)), &burdock.Options{
		State: burdock.StateOf(request{[]string{"Oslo", "Rome"}}),
	})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range app.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if word, ok := burdock.ChunkOf[string](e); ok {
			fmt.Printf("%s: %s\n", e.Key, word)
		}
	}
	fmt.Println(burdock.Read[guide](app.Outcome(), nil))
	// Unordered output:
	// Oslo: See
	// Oslo: Oslo
	// Oslo: first.
	// Rome: See
	// Rome: Rome
	// Rome: first.
	// {2 guides} <nil>
}
