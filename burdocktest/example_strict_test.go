package burdocktest_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

// A colour is written as #rrggbb, and whoever wrote UnmarshalText took only two of its parts.
type colour struct{ R, G, B uint8 }

func (c colour) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "#%02x%02x%02x", c.R, c.G, c.B), nil
}

func (c *colour) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(strings.TrimPrefix(string(text), "#"), "%02x%02x", &c.R, &c.G)
	return err
}

type palette struct {
	Colours map[string]colour `state:"colours"`
}

// A type with marshalers vouches for itself. Strict looks at its values.
func ExampleStrict() {
	paint := burdock.Func("paint", func(context.Context, burdock.None) (palette, error) {
		return palette{map[string]colour{"sea": {0, 119, 190}}}, nil
	})
	var t console // the *testing.T of a test
	app, err := burdock.New(context.Background(), burdock.MustGraph("art", burdock.Node(paint)), &burdock.Options{
		ID: "art", Cascade: burdock.Cascade{Middleware: []burdock.Middleware{burdocktest.Strict(t)}},
	})
	if err != nil {
		panic(err)
	}
	if _, err := app.Run(context.Background()); err != nil {
		panic(err)
	}
	// Output:
	// burdocktest: Strict: paint (art, step 1) wrote key "colours", which does not come back from a store as it was, at ["sea"].B: it was 190 and comes back 0
}
