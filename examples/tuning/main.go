// Tuning searches for the learner and the settings that tell penguins apart best.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/burdock-go/burdock"
)

func main() {
	enough := flag.Float64("enough", 0.99, "the accuracy at which the search ends")
	seed := flag.Uint64("seed", 1, "the order of the penguins")
	flag.Parse()
	if err := run(context.Background(), *seed, *enough, runtime.GOMAXPROCS(0), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tuning:", err)
		os.Exit(1)
	}
}

// run searches, and writes what it has found. The folds of all candidates share the processors.
func run(ctx context.Context, seed uint64, enough float64, processors int, w io.Writer) error {
	l, err := newLab(seed)
	if err != nil {
		return err
	}
	graph, err := l.Graph()
	if err != nil {
		return err
	}
	app, err := burdock.New(ctx, graph, &burdock.Options{State: burdock.StateOf(goal{enough}), MaxConcurrency: processors})
	if err != nil {
		return err
	}
	type report struct {
		Trials []trial `state:"trials"`
		Best   trial   `state:"best"`
		Proof  score   `state:"proof"`
	}
	got, err := burdock.Read[report](app.Run(ctx))
	if err != nil {
		return err
	}
	for _, t := range got.Trials {
		fmt.Fprintf(w, "%-32s %v\n", t.Name, t.Score)
	}
	fmt.Fprintf(w, "%d of %d candidates were not needed.\n", len(candidates())-len(got.Trials), len(candidates()))
	fmt.Fprintf(w, "The best is %s. Of penguins that it has never seen it knows %v.\n", got.Best.Name, got.Proof)
	return nil
}
