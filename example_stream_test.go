package burdock_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/burdock-go/burdock"
)

type topic struct {
	Name string `state:"topic"`
}

type poem struct {
	Text string `state:"poem"`
}

// recite emits every word as soon as it has it, as a model emits tokens, and returns the whole poem like any other
// action. An error of emit means that nobody wants more: return it.
var recite = burdock.Stream("recite", func(_ context.Context, t topic, emit func(word string) error) (poem, error) {
	words := []string{"The", t.Name, "sticks", "to", "everything."}
	for _, word := range words {
		if err := emit(word); err != nil {
			return poem{}, err
		}
	}
	return poem{strings.Join(words, " ")}, nil
})

// A wordPrinter is a Tracker that looks for words and passes over all other events.
type wordPrinter struct{}

func (wordPrinter) Track(_ context.Context, e burdock.Event) error {
	if word, ok := burdock.ChunkOf[string](e); ok {
		fmt.Println(e.Action+":", word)
	}
	return nil
}

// What a streaming action emits reaches whoever listens at once; what it returns is committed when it is done.
func ExampleStream() {
	ctx := context.Background()
	app, err := burdock.New(ctx, burdock.MustGraph("poet", burdock.Node(recite)), &burdock.Options{
		State:   burdock.StateOf(topic{"burdock"}),
		Cascade: burdock.Cascade{Tracker: wordPrinter{}},
	})
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[poem](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Text)
	// Output:
	// recite: The
	// recite: burdock
	// recite: sticks
	// recite: to
	// recite: everything.
	// The burdock sticks to everything.
}
