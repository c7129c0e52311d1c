// Planners is a race of planners that shows how far each has come: the branches of one parallel action stream their
// partial plans, and one loop over all events draws a line for each.
//
//	go run ./planners           # in the folder examples
//	go run ./planners -plain    # one line per event, as when the output is no terminal
//
// It needs no model and no network: the plans are in the program, and the planners take their time over them.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/burdock-go/burdock"
)

func main() {
	plain := flag.Bool("plain", false, "write one line per event, also to a terminal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *plain || !isTerminal(os.Stdout)); err != nil {
		fmt.Fprintf(os.Stderr, "planners: %v\n", err)
		os.Exit(1)
	}
}

// isTerminal reports whether lines of a file can be drawn again.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// run is the program without its process.
func run(ctx context.Context, out io.Writer, plain bool) error {
	app, err := burdock.New(ctx, trip, &burdock.Options{State: burdock.StateOf(wish{City: "Vienna"})})
	if err != nil {
		return err
	}
	b := newBoard(out, plain)
	for e, err := range app.Events(ctx) {
		if err != nil {
			return err
		}
		b.show(e)
	}
	won, err := burdock.Read[choice](app.Outcome(), nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\n%s has the cheapest plan, for %d euros: %s.\n", won.Planner, won.Euros, won.Text)
	return err
}
