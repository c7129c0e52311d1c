package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/burdock-go/burdock"
)

type page struct {
	Title string `state:"title"`
}

var errBusy = errors.New("the site is busy")

// A site answers from the third request on.
type site struct{ requests int }

func (s *site) fetch(ctx context.Context, _ burdock.None) (page, error) {
	s.requests++
	if s.requests < 3 {
		return page{}, errBusy
	}
	return page{fmt.Sprint("fetched at attempt ", burdock.Info(ctx).Attempt)}, nil
}

// Retry tries an action again, after waits that grow. What a killed process has spent of the budget stays spent.
func ExampleRetry() {
	ctx := context.Background()
	s := &site{}
	fetch := burdock.Func("fetch", s.fetch).With(burdock.Retry{
		Attempts: 5,
		Backoff:  time.Millisecond,
		If:       func(err error) bool { return errors.Is(err, errBusy) },
	})
	app, err := burdock.New(ctx, burdock.MustGraph("scrape", burdock.Node(fetch)), nil)
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[page](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Title)
	// Output: fetched at attempt 3
}
