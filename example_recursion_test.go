package burdock_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"strings"

	"github.com/burdock-go/burdock"
)

// An errand may be one thing to do or many.
type (
	errand struct {
		Text string `state:"errand,key"`
	}
	errandParts struct {
		Parts []errand `state:"parts"`
	}
	errandDone struct {
		Report string `state:"report"`
	}
)

// partsOf stands for a model that says how to split an errand.
func partsOf(text string) (parts []errand) {
	for _, mark := range []string{"; ", ", ", " and "} {
		if strings.Contains(text, mark) {
			for part := range strings.SplitSeq(text, mark) {
				parts = append(parts, errand{part})
			}
			return parts
		}
	}
	return nil
}

// An agent that splits its errand until what is left is small, and hands each part to an agent like itself: what the
// branches run is the graph around them. Options.MaxDepth guards against an errand that never gets small.
func ExampleGraphNamed() {
	think := burdock.Func("think", func(_ context.Context, e errand) (errandParts, error) {
		return errandParts{partsOf(e.Text)}, nil
	})
	small := burdock.When("it is small", func(p errandParts) bool { return len(p.Parts) == 0 })
	do := burdock.Func("do", func(_ context.Context, e errand) (errandDone, error) { return errandDone{e.Text + " ✓"}, nil })
	delegate := burdock.MapStates("delegate", burdock.GraphNamed("agent"),
		func(_ context.Context, p errandParts) iter.Seq2[errand, error] {
			return burdock.Each(p.Parts, func(part errand) errand { return part })
		},
		func(_ context.Context, _ errandParts, rs *burdock.Results[errand, errandDone]) (errandDone, error) {
			var reports []string
			for r := range rs.OK() {
				reports = append(reports, r.Out.Report)
			}
			return errandDone{"(" + strings.Join(reports, " ") + ")"}, rs.Err()
		}, &burdock.MapOptions{Limit: 4})
	agent := burdock.MustGraph("agent",
		burdock.Node(think, small.Then(do), burdock.Then(delegate)),
		burdock.Node(do),
		burdock.Node(delegate),
	)

	ctx := context.Background()
	app, err := burdock.New(ctx, agent, &burdock.Options{
		State:    burdock.StateOf(errand{"pack shirts and shoes; book a train, a room and a table"}),
		MaxDepth: 10,
	})
	if err != nil {
		log.Fatal(err)
	}
	done, err := burdock.Read[errandDone](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Report)
	// Output:
	// ((pack shirts ✓ shoes ✓) (book a train ✓ (a room ✓ a table ✓)))
}
