package burdock_test

import (
	"context"
	"fmt"
	"log"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type (
	celsius struct {
		Degrees int `state:"degrees"`
	}
	kelvin struct {
		Kelvin float64 `state:"kelvin"`
	}
)

// thermostatV1 counts whole degrees.
func thermostatV1() *burdock.Graph {
	warm := burdock.Func("warm", func(_ context.Context, c celsius) (celsius, error) { return celsius{c.Degrees + 1}, nil })
	cool := burdock.Func("cool", func(_ context.Context, c celsius) (celsius, error) { return celsius{c.Degrees - 1}, nil })
	return burdock.MustGraph("thermostat", burdock.Chain(warm, cool))
}

// thermostatV2 has another key, another type and another node.
func thermostatV2() *burdock.Graph {
	warm := burdock.Func("warm", func(_ context.Context, k kelvin) (kelvin, error) { return kelvin{k.Kelvin + 0.5}, nil })
	settle := burdock.Func("settle", func(_ context.Context, k kelvin) (kelvin, error) { return k, nil })
	return burdock.MustGraph("thermostat", burdock.Chain(warm, settle))
}

// fromV1 says what a state and a position of thermostatV1 mean to thermostatV2.
func fromV1(_ context.Context, m *burdock.Migration) error {
	var was celsius
	if err := m.Decode(&was); err != nil {
		return err
	}
	delete(m.Values, "degrees")
	if m.Next == "cool" {
		m.Next = "settle"
	}
	return m.Encode(kelvin{float64(was.Degrees) + 273.15})
}

// An application that an earlier form of the program has recorded goes on in the later one.
func ExampleMigration() {
	ctx := context.Background()
	cascade := burdock.Cascade{Store: memstore.New()}
	old, err := burdock.New(ctx, thermostatV1(), &burdock.Options{ID: "hall", State: burdock.StateOf(celsius{20}), Cascade: cascade})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := old.Run(ctx, burdock.HaltAfter(burdock.ByName("warm"))); err != nil {
		log.Fatal(err)
	}
	app, err := burdock.Resume(ctx, thermostatV2(), &burdock.Options{ID: "hall", Cascade: cascade, Migrate: fromV1})
	if err != nil {
		log.Fatal(err)
	}
	out, err := app.Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	now, err := burdock.View[kelvin](out.State)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s at %.2f K\n", out.Action, now.Kelvin)
	// Output: settle at 294.15 K
}
