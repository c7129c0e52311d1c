// Simulation lets an illness go through a town, day by day, and draws how many are ill.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulation:", err)
		os.Exit(1)
	}
}

// run simulates, and draws what came of it.
func run(ctx context.Context, args []string, w io.Writer) (err error) {
	flags := flag.NewFlagSet("simulation", flag.ExitOnError)
	seed := flags.Uint64("seed", 1, "what all chances follow from")
	people := flags.Int("people", 400, "how many live in the town")
	caution := flags.Int("caution", 0, "so many ill friends make a person stay at home; 0 is never")
	limit := flags.Int("limit", 64, "how many people are simulated at once; the result is the same")
	db := flags.String("db", "", "keep the simulation in this SQLite `file`, so that it can go on after it was stopped")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *people < 1 {
		return errors.New("-people is positive")
	}
	r := rules{Seed: *seed, Caution: *caution, Contagious: 0.1, Recover: 0.15, Days: 365}
	opts := &burdock.Options{
		ID:    fmt.Sprintf("town-%d-%d-%d", *seed, *people, *caution),
		State: burdock.StateOf(newTown(r, *people)),
	}
	if *db != "" {
		store, err := sqlitestore.Open(ctx, *db, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		opts.Cascade.Store = store
	}
	got, err := simulate(ctx, *limit, opts)
	switch {
	case ctx.Err() != nil && *db != "":
		return fmt.Errorf("%w; the same command goes on", context.Cause(ctx))
	case err != nil:
		return err
	}
	got.draw(w)
	return nil
}

// A history is what is left when the simulation has ended.
type history struct {
	People []person `state:"people"`
	Ill    []int    `state:"ill"`
}

// simulate begins a simulation, or goes on with the one of that id that the store has.
func simulate(ctx context.Context, limit int, opts *burdock.Options) (history, error) {
	g, err := graph(limit)
	if err != nil {
		return history{}, err
	}
	app, err := burdock.Open(ctx, g, opts)
	if err != nil {
		return history{}, err
	}
	return burdock.Read[history](app.Run(ctx))
}

// The size of a chart, in characters.
const (
	width  = 72
	height = 12
)

// draw writes a chart of how many were ill, a column for each day or, of a long time, for several.
func (h history) draw(w io.Writer) {
	perColumn := (len(h.Ill) + width - 1) / width
	var columns []int
	for days := range slices.Chunk(h.Ill, perColumn) {
		columns = append(columns, slices.Max(days))
	}
	most := max(slices.Max(columns), 1)
	for row := height; row > 0; row-- {
		label := ""
		if row == height {
			label = fmt.Sprint(most)
		}
		bars := make([]byte, len(columns))
		for i, n := range columns {
			bars[i] = ' '
			if n*height > (row-1)*most {
				bars[i] = '#'
			}
		}
		fmt.Fprintf(w, "%5s |%s\n", label, strings.TrimRight(string(bars), " "))
	}
	fmt.Fprintf(w, "%5d +%s day %d\n", 0, strings.Repeat("-", len(columns)), len(h.Ill))
	spared := 0
	for _, p := range h.People {
		if p.Health == well {
			spared++
		}
	}
	fmt.Fprintf(w, "At most %d of %d people were ill at once, and %d never were.\n", most, len(h.People), spared)
}
