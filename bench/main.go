package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, budgets(), os.Args[1:], os.Stdout, os.Stderr))
}

// budgets is the table, in the order of the design's.
func budgets() []budget {
	return slices.Concat(steps, branches, memory, sleeps, chains, durable, groups, lists, besides, restores)
}

// Exit codes.
const (
	exitOK    = 0
	exitOver  = 1
	exitUsage = 2
)

// run is the program without its process.
func run(ctx context.Context, table []budget, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("run", "", "measure the budgets whose name matches this regular `expression`")
	count := flags.Int("count", 0, "measure this many `rounds` instead of each budget's own number")
	verbose := flags.Bool("v", false, "say what is compared with what, and how far the rounds lie apart")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	chosen, err := choose(table, *only, *count, flags.Args())
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitUsage
	}
	if err := measureAll(ctx, chosen, *verbose, stdout); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitOver
	}
	return exitOK
}

// choose returns the budgets that the flags ask for.
func choose(table []budget, only string, count int, rest []string) ([]budget, error) {
	re, err := regexp.Compile(only)
	switch {
	case err != nil:
		return nil, fmt.Errorf("-run: %w", err)
	case count < 0:
		return nil, fmt.Errorf("-count is %d; it is positive, or zero for each budget's own number", count)
	case len(rest) > 0:
		return nil, fmt.Errorf("unexpected argument %q; choose budgets with -run", rest[0])
	}
	var chosen []budget
	for _, b := range table {
		if count > 0 {
			b.rounds = count
		}
		if re.MatchString(b.name) {
			chosen = append(chosen, b)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-run %q matches no budget", only)
	}
	return chosen, nil
}

// line is the format of the table.
const line = "%-16s %-22s %-22s %6s  %-20s %s\n"

// errOver says that not every budget is kept.
var errOver = errors.New("over budget")

// measureAll prints one line for each budget as soon as it is measured. It goes on after a failure, so that one run shows
// everything.
func measureAll(ctx context.Context, table []budget, verbose bool, out io.Writer) error {
	fmt.Fprintf(out, line, "name", "ours", "raw", "ratio", "budget", "verdict")
	var errs []error
	for _, b := range table {
		r, err := b.measure(ctx)
		if err != nil {
			fmt.Fprintf(out, line, b.name, "", "", "", b.price.String(), "failed")
			errs = append(errs, fmt.Errorf("%s: %w", b.name, err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		verdict := "ok"
		if !b.price.kept(r) {
			verdict = "over"
			errs = append(errs, fmt.Errorf("%s: %w", b.name, errOver))
		}
		fmt.Fprintf(out, line, b.name, b.figure(r.ours), b.figure(r.raw), fmt.Sprintf("%.2f", r.ratio), b.price, verdict)
		if verbose {
			fmt.Fprintf(out, "    %s\n    %d rounds; %s\n", b.versus, b.rounds, r.spread)
		}
	}
	return errors.Join(errs...)
}
