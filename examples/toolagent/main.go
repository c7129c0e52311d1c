// Toolagent is an agent whose model decides which tools run, and which of them run at once. Each answer of the model and
// each tool call is a step of its own; with -db they are saved, and a run that was stopped goes on where it stood.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

const (
	duty     = "You buy for a workshop. Ask every shop before you order, and call tools at once where you can."
	question = "We need 3 lamps. Order them where they are cheapest."
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "toolagent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) (err error) {
	flags := flag.NewFlagSet("toolagent [question]", flag.ExitOnError)
	name := flags.String("model", "", "a `name` that the endpoint knows; without it a script plays the model, offline")
	url := flags.String("base-url", "", "the endpoint's `URL`; OpenAI's, or that of OPENAI_BASE_URL, unless given")
	stream := flags.Bool("stream", true, "have the endpoint send its answers token by token")
	timeout := flags.Duration("timeout", time.Minute, "how long the model may take for one attempt")
	db := flags.String("db", "", "a SQLite `file` in which the run is saved, and goes on")
	id := flags.String("id", "purchase", "the run's `name` in that file")
	if err := flags.Parse(args); err != nil {
		return err
	}

	out := &console{w: w}
	shops := &market{pace: 300 * time.Millisecond, say: out.line}
	buyer := &agent{model: script{pace: 40 * time.Millisecond}, tools: shops.tools(), timeout: *timeout}
	switch {
	case *name != "":
		buyer.model = connect(*name, *url, *stream)
	case *url != "" || flags.NArg() > 0:
		return errors.New("the script knows one question only; say with -model who is to answer")
	}
	graph, err := buyer.graph()
	if err != nil {
		return err
	}
	opts := &burdock.Options{
		ID: *id,
		State: burdock.StateOf(conversation{[]message{
			{Role: "system", Text: duty},
			{Role: "user", Text: cmp.Or(strings.Join(flags.Args(), " "), question)},
		}}),
		Cascade: burdock.Cascade{Tracker: out},
	}
	if *db != "" {
		store, failed := sqlitestore.Open(ctx, *db, nil)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		opts.Cascade = burdock.Cascade{Store: store, Tracker: burdock.Trackers(store.Tracker(nil), out)}
	}
	app, err := burdock.Open(ctx, graph, opts)
	if err != nil {
		return err
	}
	all, err := burdock.View[conversation](app.State()) // of a run that goes on, what was asked then
	if err != nil {
		return err
	}
	out.line("question: %s", all.Messages[1].Text)
	all, err = burdock.Read[conversation](app.Run(ctx))
	if err != nil {
		return err
	}
	out.line("answer: %s", all.last().Text)
	return nil
}
