package burdock_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/burdock-go/burdock"
)

// A question is read from the state; the model that answers it comes from outside and is no part of the state.
type question struct {
	Prompt string `state:"prompt"`
	Model  string `input:"model"`
}

// Clients and databases arrive as the receiver of a method, and actions are made of method values.
type client struct {
	prices map[string]int // of a model's answer, in cents
}

func (c client) ask(_ context.Context, q question) (answer, error) {
	price, ok := c.prices[q.Model]
	if !ok {
		return answer{}, fmt.Errorf("no model %q", q.Model)
	}
	return answer{fmt.Sprintf("%s, for %d cents", strings.Repeat(q.Prompt, 2), price)}, nil
}

type comparison struct {
	Prompt string `state:"prompt"`
}

// Graph makes three copies of one action, each with a name and a constant of its own, and runs them at once.
func (c client) Graph() (*burdock.Graph, error) {
	ask := burdock.Func("ask", c.ask)
	compare := burdock.MapActions("compare",
		burdock.Actions(
			ask.Named("small").Bind("model", "model-s"),
			ask.Named("large").Bind("model", "model-l"),
			ask.Named("huge").Bind("model", "model-xl"),
		),
		nil, // every branch begins with what compare reads
		func(_ context.Context, _ comparison, rs *burdock.Results[comparison, answer]) (d digest, err error) {
			for r := range rs.OK() {
				d.Answers = append(d.Answers, r.Action()+": "+r.Out.Text)
			}
			return d, nil
		}, nil)
	return burdock.NewGraph("comparison", burdock.Node(compare))
}

// Many actions over one state at once.
func ExampleMapActions() {
	graph, err := client{map[string]int{"model-s": 1, "model-l": 5, "model-xl": 60}}.Graph()
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	app, err := burdock.New(ctx, graph, &burdock.Options{State: burdock.StateOf(comparison{"ho"})})
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[digest](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Join(got.Answers, "\n"))
	// Output:
	// small: hoho, for 1 cents
	// large: hoho, for 5 cents
	// huge: hoho, for 60 cents
}
