package burdock_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type (
	contest struct {
		Prompt string `state:"prompt"`
		Good   string `input:"good,optional"` // for the child that asks a person
	}
	entry struct {
		Prompt string `state:"prompt"`
	}
	prize struct {
		Text string `state:"text"`
	}
	refereeIn struct {
		Good string `input:"good"`
	}
)

var (
	hare = burdock.Func("hare", func(_ context.Context, e entry) (prize, error) {
		fmt.Println("the hare runs")
		return prize{"first on " + e.Prompt}, nil
	})
	tortoise = burdock.Func("tortoise", func(ctx context.Context, _ entry) (prize, error) {
		<-ctx.Done() // it would take a day
		return prize{}, context.Cause(ctx)
	})
	referee = burdock.Func("referee", func(_ context.Context, v refereeIn) (prize, error) { return prize{v.Good}, nil })
)

// race lets two agents run while a person decides. The slower agent is cancelled; without the person's word the race waits.
func race(ctx context.Context, c contest) (prize, error) {
	a, err1 := burdock.Spawn(ctx, "hare", hare, entry{c.Prompt}, nil)
	b, err2 := burdock.Spawn(ctx, "tortoise", tortoise, entry{c.Prompt}, nil)
	person, err3 := burdock.Spawn(ctx, "referee", referee, burdock.None{}, nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return prize{}, err
	}
	first, other := a, b
	select {
	case <-a.Done():
	case <-b.Done():
		first, other = b, a
	}
	other.Cancel(burdock.ErrNotNeeded)
	word, err := burdock.Read[prize](person.Wait())
	if err != nil {
		return prize{}, err
	}
	won, err := burdock.Read[prize](first.Wait())
	return prize{won.Text + ": " + word.Text}, err
}

// Two agents race while a person decides. What has ended is not run again when the person's word comes, here after a
// restart.
func ExampleSpawn() {
	ctx, graph := context.Background(), burdock.MustGraph("contest", burdock.Node(burdock.Func("race", race)))
	opts := &burdock.Options{ID: "run-7", State: burdock.StateOf(entry{"the moon"}), Cascade: burdock.Cascade{Store: memstore.New()}}
	for _, given := range []burdock.Inputs{{}, burdock.Given(refereeIn{"well done"})} {
		app, err := burdock.Open(ctx, graph, opts)
		if err != nil {
			fmt.Println(err)
			return
		}
		out, err := app.Run(ctx, given)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, p := range out.Pending {
			fmt.Println(p.Path, "needs", p.Needs)
		}
		if won, err := burdock.Read[prize](out, err); err == nil {
			fmt.Println(won.Text)
		}
	}
	// Output:
	// the hare runs
	// run-7/race#1/referee needs [good]
	// first on the moon: well done
}
