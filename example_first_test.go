package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/burdock-go/burdock"
)

type route struct {
	To   string `state:"to"`
	Path string `state:"path,optional"`
}

// searchForever ends when its context does, with a cause that says why: burdock.ErrNotNeeded if another branch has won.
func searchForever(ctx context.Context, r route) (route, error) {
	<-ctx.Done()
	return r, context.Cause(ctx)
}

// The first good answer wins. First takes the first branch that completes and cancels the others, and with Collect a
// branch that fails does not end the race. The step ends when the losers have ended: no goroutine is left behind.
func ExampleFirst() {
	race := burdock.MapActions("race",
		burdock.Actions(
			burdock.Func("broken", func(context.Context, route) (route, error) {
				return route{}, errors.New("no map")
			}),
			burdock.Func("quick", func(_ context.Context, r route) (route, error) {
				return route{r.To, "over the hill to " + r.To}, nil
			}),
			burdock.Func("slow", searchForever),
		),
		nil, burdock.First[route, route, route], &burdock.MapOptions{Failures: burdock.Collect})

	ctx := context.Background()
	app, err := burdock.New(ctx, burdock.MustGraph("navigator", burdock.Node(race)), &burdock.Options{
		State: burdock.StateOf(route{To: "town"}),
	})
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[route](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Path)
	// Output: over the hill to town
}
