package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// reply gives a step that waits its inputs.
type reply struct {
	ID     string   `arg:"" help:"An application's id, the beginning of one, a branch's id or path."`
	Inputs []string `arg:"" optional:"" sep:"none" name:"name=json" help:"An input and its value. Without any, what waits is listed."`
}

// Help is the text below the first line of the command's help.
func (*reply) Help() string {
	return `The answer goes to the step that waits: that of the application or branch, or the only one that waits below it. Who runs
the application takes it within a second; if nobody does, the next program that goes on with it. The first answer counts.

Without inputs it lists the steps that wait, each with its path and what it needs.`
}

// Validate is called by the parser.
func (c *reply) Validate() error {
	_, err := c.given()
	return err
}

// given are the inputs of the command line.
func (c *reply) given() (burdock.Inputs, error) {
	var all burdock.Inputs
	var seen []string
	for _, in := range c.Inputs {
		name, value, found := strings.Cut(in, "=")
		switch {
		case !found || name == "":
			return all, fmt.Errorf("%s: an input is written NAME=JSON", in)
		case slices.Contains(seen, name):
			return all, fmt.Errorf("the input %s is given twice", name)
		case !json.Valid([]byte(value)):
			text, _ := json.Marshal(value) // a string can be encoded
			return all, fmt.Errorf("%s: the value is no JSON; a text is written %s", in, quoted(name+"="+string(text)))
		}
		seen = append(seen, name)
		all = all.And(burdock.Input(name, json.RawMessage(value)))
	}
	return all, nil
}

// Run is called by the parser.
func (c *reply) Run(ctx context.Context, p *program, db *database) error {
	if len(c.Inputs) == 0 {
		return db.reading(ctx, p, func(store *sqlitestore.Store) error { return c.list(ctx, p, store) })
	}
	return db.writing(ctx, p, func(store *sqlitestore.Store) error {
		at, err := c.waiting(ctx, store)
		if err != nil {
			return err
		}
		in, err := c.given()
		if err != nil {
			return err
		}
		err = burdock.Answer(ctx, store, at.Ref(), in)
		switch {
		case errors.Is(err, burdock.ErrAnswered):
			return &problem{at.Path + " has been answered already", "who runs it takes the answer; burdock show " + quoted(at.Root) + " tells when"}
		case err != nil:
			return &problem{strings.TrimPrefix(err.Error(), "burdock: Answer: "), "burdock answer " + quoted(c.ID) + " lists what waits"}
		}
		p.say(fmt.Sprintf("%s at step %d (%s) is answered", at.Path, at.Seq, at.Action), "")
		return nil
	})
}

// waiting finds the step that is answered: the named one, or the only one below it that waits.
func (c *reply) waiting(ctx context.Context, store *sqlitestore.Store) (burdock.Checkpoint, error) {
	named, err := find(ctx, store, c.ID)
	if err != nil || named.Status == burdock.StatusWaiting && len(named.Needs) > 0 {
		return named, err
	}
	all, err := below(ctx, store, named)
	switch {
	case err != nil:
		return named, err
	case len(all) == 0:
		return named, &problem{fmt.Sprintf("nothing of %s waits; it is %s", named.Path, named.Status), ""}
	case len(all) > 1:
		return named, &problem{fmt.Sprintf("%d steps of %s wait", len(all), named.Path), "name one of them by its path: burdock answer " + quoted(c.ID) + " lists them"}
	}
	return all[0], nil
}

// below returns the steps that wait in an application and its branches.
func below(ctx context.Context, store *sqlitestore.Store, of burdock.Checkpoint) ([]burdock.Checkpoint, error) {
	var all []burdock.Checkpoint
	for cp, err := range store.List(ctx, burdock.Query{Root: of.Root, Latest: true}) {
		if err != nil {
			return nil, err
		}
		inside := cp.App == of.App || strings.HasPrefix(cp.Path, of.Path+"/")
		if inside && cp.Status == burdock.StatusWaiting && len(cp.Needs) > 0 {
			all = append(all, cp)
		}
	}
	return all, nil
}

// list prints what waits.
func (c *reply) list(ctx context.Context, p *program, store *sqlitestore.Store) error {
	named, err := find(ctx, store, c.ID)
	if err != nil {
		return err
	}
	all, err := below(ctx, store, named)
	if err != nil {
		return err
	}
	var out strings.Builder
	for _, cp := range all {
		fmt.Fprintf(&out, "%s  step %d  %s  needs %s\n", term.Escape(cp.Path), cp.Seq, term.Escape(cp.Action), term.Escape(strings.Join(cp.Needs, ", ")))
	}
	if len(all) == 0 {
		p.say("nothing of "+named.Path+" waits", "")
	}
	return p.print(out.String())
}

// ending asks to end an application.
type ending struct {
	ID string `arg:"" help:"An application's id, the beginning of one, a branch's id or path."`
}

// Help is the text below the first line of the command's help.
func (*ending) Help() string {
	return `Who runs the application ends it within a second; if nobody does, the next call that goes on with it ends at once. What is
saved stays, and a later call goes on. A branch that is cancelled alone has failed for the step around it.`
}

// Run is called by the parser.
func (c *ending) Run(ctx context.Context, p *program, db *database) error {
	return db.writing(ctx, p, func(store *sqlitestore.Store) error {
		at, err := find(ctx, store, c.ID)
		if err != nil {
			return err
		}
		err = burdock.Cancel(ctx, store, at.Ref())
		switch {
		case errors.Is(err, burdock.ErrNotWaiting):
			return &problem{at.Path + " has ended", ""}
		case err != nil:
			return err
		}
		p.say(at.Path+" will be cancelled", "")
		return nil
	})
}
