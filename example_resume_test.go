package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type (
	parcels struct {
		Towns []string `state:"towns"`
	}
	parcel struct {
		Town string `state:"town,key"`
	}
	delivered struct {
		Count int `state:"delivered"`
	}
)

// A courier delivers parcels. While the bridge is closed it does not get to Northtown.
type courier struct{ bridgeClosed bool }

func (c courier) deliver(_ context.Context, p parcel) (burdock.None, error) {
	if c.bridgeClosed && p.Town == "Northtown" {
		return burdock.None{}, errors.New("the bridge is closed")
	}
	fmt.Println("delivered to", p.Town)
	return burdock.None{}, nil
}

func (c courier) Graph() (*burdock.Graph, error) {
	round := burdock.MapStates("round", burdock.Func("deliver", c.deliver),
		func(_ context.Context, p parcels) iter.Seq2[parcel, error] {
			return burdock.Each(p.Towns, func(town string) parcel { return parcel{town} })
		},
		func(_ context.Context, _ parcels, rs *burdock.Results[parcel, burdock.None]) (d delivered, err error) {
			for range rs.OK() {
				d.Count++
			}
			return d, rs.Err()
		},
		&burdock.MapOptions{Limit: 1, Failures: burdock.Collect})
	return burdock.NewGraph("courier", burdock.Node(round))
}

// Whatever was acknowledged is never done twice. The first run fails in one branch of three; the second, in another
// process if the store is on disk, runs that branch alone.
func ExampleOpen() {
	ctx := context.Background()
	store := memstore.New() // sqlitestore survives the process
	for _, closed := range []bool{true, false} {
		graph, err := courier{bridgeClosed: closed}.Graph()
		if err != nil {
			log.Fatal(err)
		}
		app, err := burdock.Open(ctx, graph, &burdock.Options{
			ID:      "monday",
			State:   burdock.StateOf(parcels{[]string{"Southtown", "Northtown", "Westtown"}}), // if there is none
			Cascade: burdock.Cascade{Store: store},
		})
		if err != nil {
			log.Fatal(err)
		}
		got, err := burdock.Read[delivered](app.Run(ctx))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("delivered in all:", got.Count)
	}
	// Output:
	// delivered to Southtown
	// delivered to Westtown
	// monday: step 1 (round), attempt 1: 1 branch of round failed; monday/round#1/Northtown: step 1 (deliver), attempt 1: the bridge is closed
	// delivered to Northtown
	// delivered in all: 3
}
