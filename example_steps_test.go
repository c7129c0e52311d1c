package burdock_test

import (
	"context"
	"fmt"
	"log"

	"github.com/burdock-go/burdock"
)

type water struct {
	Celsius int `state:"celsius"`
}

// Steps runs like Run and yields every step when it is committed. Leaving the loop pauses the application: it stands
// after that step, and the next Run or Steps goes on from there.
func ExampleApp_Steps() {
	heat := burdock.Func("heat", func(_ context.Context, w water) (water, error) {
		return water{w.Celsius + 30}, nil
	})
	pour := burdock.Func("pour", func(_ context.Context, w water) (water, error) {
		return w, nil
	})
	cold := burdock.When("below 90 °C", func(w water) bool { return w.Celsius < 90 })
	kettle := burdock.MustGraph("kettle",
		burdock.Node(heat, cold.Then(heat), burdock.Then(pour)),
		burdock.Node(pour),
	)
	ctx := context.Background()
	app, err := burdock.New(ctx, kettle, &burdock.Options{State: burdock.StateOf(water{20})})
	if err != nil {
		log.Fatal(err)
	}
	for step, err := range app.Steps(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		w, err := burdock.View[water](step.State)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(step, "at", w.Celsius, "°C, next is", step.Next)
		if w.Celsius > 60 {
			break
		}
	}
	out, err := app.Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Stop, "after", out.Action, "with step", out.Seq)
	// Output:
	// 1 heat: completed at 50 °C, next is heat
	// 2 heat: completed at 80 °C, next is heat
	// done after pour with step 4
}
