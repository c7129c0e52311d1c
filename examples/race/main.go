// Race lets two models answer at once while a person decides whether the first answer will do. Models and person are
// scripted, so it needs no network and prints the same each time.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type (
	request struct {
		Prompt string `state:"prompt"`
		Good   bool   `input:"good,optional"` // for the child that asks the person
	}
	prompt struct {
		Prompt string `state:"prompt"`
	}
	answer struct {
		Text string `state:"text"`
	}
	verdict struct {
		Good bool `input:"good"`
	}
	decision struct {
		Good bool `state:"good"`
	}
)

// A model is a service that answers, and counts what it is asked. A slow one never comes to an end in the time of this
// program: it has to be cancelled.
type model struct {
	name, text string
	slow       bool

	mu    sync.Mutex
	calls int
}

func (m *model) ask(ctx context.Context, _ prompt) (answer, error) {
	m.mu.Lock()
	m.calls++
	m.mu.Unlock()
	if m.slow {
		<-ctx.Done()
		return answer{}, context.Cause(ctx)
	}
	return answer{m.name + ": " + m.text}, nil
}

// desk is what the application needs: two models.
type desk struct{ swift, sage *model }

// graph has one action. What that starts is no part of the graph: it is decided while it runs.
func (d *desk) graph() (*burdock.Graph, error) {
	return burdock.NewGraph("race", burdock.Node(burdock.Func("race", d.race)))
}

// race asks both models and the person at once and takes the first answer that a model has, if the person agrees.
func (d *desk) race(ctx context.Context, r request) (answer, error) {
	swift, err1 := burdock.Spawn(ctx, "swift", burdock.Func("ask", d.swift.ask), prompt{r.Prompt}, nil)
	sage, err2 := burdock.Spawn(ctx, "sage", burdock.Func("ask", d.sage.ask), prompt{r.Prompt}, nil)
	person, err3 := burdock.Spawn(ctx, "person", burdock.Func("decide", decide), burdock.None{}, nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return answer{}, err
	}
	first, other := swift, sage
	select {
	case <-swift.Done():
	case <-sage.Done():
		first, other = sage, swift
	}
	other.Cancel(burdock.ErrNotNeeded) // nobody pays for it while the person thinks
	said, err := burdock.Read[decision](person.Wait())
	switch {
	case err != nil:
		return answer{}, err // it waits, and so does the race
	case !said.Good:
		return answer{"nobody has won"}, nil
	}
	return burdock.Read[answer](first.Wait())
}

func decide(_ context.Context, v verdict) (decision, error) { return decision(v), nil }

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run holds two races over one prompt. The person likes the first result and not the second.
func run(ctx context.Context) error {
	cascade := burdock.Cascade{Store: memstore.New()}
	for i, says := range []verdict{{true}, {false}} {
		d := &desk{
			swift: &model{name: "swift", text: "42"},
			sage:  &model{name: "sage", text: "it depends", slow: true},
		}
		opts := &burdock.Options{ID: fmt.Sprintf("race-%d", i+1), State: burdock.StateOf(prompt{"What is the answer?"}), Cascade: cascade}
		if err := d.hold(ctx, opts, says); err != nil {
			return err
		}
	}
	return nil
}

// hold runs one race until it waits for the person, and then, as a process that is started later would, to its end.
func (d *desk) hold(ctx context.Context, opts *burdock.Options, says verdict) error {
	graph, err := d.graph()
	if err != nil {
		return err
	}
	app, err := burdock.Open(ctx, graph, opts)
	if err != nil {
		return err
	}
	out, err := app.Run(ctx)
	if err != nil {
		return err
	}
	for _, p := range out.Pending {
		fmt.Println(p.Path, "waits for", p.Needs)
	}
	if app, err = burdock.Resume(ctx, graph, opts); err != nil {
		return err
	}
	won, err := burdock.Read[answer](app.Run(ctx, burdock.Given(says)))
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s (swift was asked %d time)\n", opts.ID, won.Text, d.swift.calls)
	return nil
}
