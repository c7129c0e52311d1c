package burdock_test

import (
	"context"
	"fmt"
	"log"
	"maps"

	"github.com/burdock-go/burdock"
)

// A Key is typed access to one key of a state where there is no window.
const (
	form    burdock.Key[map[string]string] = "form"
	remarks burdock.Key[[]string]          = "remarks"
)

// The escape for what is known at run time only: a Raw action gets the state and returns it changed. It still declares
// what it reads and writes, and is held to it: the graph is checked like any other.
var fill = burdock.Raw("fill", burdock.ListOf(form), burdock.ListOf(form, remarks),
	func(_ context.Context, s burdock.State) (burdock.State, error) {
		fields, _ := form.Get(s)
		filled := maps.Clone(fields) // values are shared; a change is made to a copy
		for name, value := range filled {
			if value == "" {
				filled[name] = "unknown"
				s = burdock.Append(s, remarks, name+" was left empty")
			}
		}
		return form.Set(s, filled), nil
	})

func ExampleRaw() {
	ctx := context.Background()
	app, err := burdock.New(ctx, burdock.MustGraph("forms", burdock.Node(fill)), &burdock.Options{
		State: form.Set(burdock.State{}, map[string]string{"name": "Ada", "town": ""}),
	})
	if err != nil {
		log.Fatal(err)
	}
	out, err := app.Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fields, _ := form.Get(out.State)
	left, _ := remarks.Get(out.State)
	fmt.Println(fields, left)
	// Output: map[name:Ada town:unknown] [town was left empty]
}
