package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// fork makes a new application from a step of another.
type fork struct {
	Origin string   `arg:"" name:"id" help:"An application's id, the beginning of one, a branch's id or path. With @N behind it, its step N instead of the latest."`
	ID     string   `name:"id" placeholder:"NEW" help:"The fork's id. Defaults to the origin's with -fork-1 behind it, or the next number that is free."`
	Set    []string `sep:"none" placeholder:"KEY=JSON" help:"Begin with another value of a key, a list as a whole. May be repeated."`
	Rerun  []string `sep:"none" placeholder:"KEY" help:"Begin before the step, which has branches: the one with this key runs anew, other completed ones are copied. May be repeated."`
}

// Help is the text below the first line of the command's help.
func (*fork) Help() string {
	return `The fork begins where the step ended, with the whole state of that moment; a step that has not completed runs again.
It needs nothing of the origin later and changes nothing of it. A program that has the graph goes on with the fork by
its id, with burdock.Resume.

The new id goes to standard output.`
}

// Validate is called by the parser.
func (c *fork) Validate() error {
	_, err := c.values()
	return err
}

// values are the values of --set by key.
func (c *fork) values() (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	for _, set := range c.Set {
		key, value, found := strings.Cut(set, "=")
		_, twice := values[key]
		switch {
		case !found || key == "":
			return nil, fmt.Errorf("--set %s: it is written KEY=JSON", set)
		case twice:
			return nil, fmt.Errorf("--set names the key %s twice", key)
		case !json.Valid([]byte(value)):
			text, _ := json.Marshal(value) // a string can be encoded
			return nil, fmt.Errorf("--set %s: the value is no JSON; a text is written %s", set, quoted(key+"="+string(text)))
		}
		values[key] = json.RawMessage(value)
	}
	return values, nil
}

// Run is called by the parser.
func (c *fork) Run(ctx context.Context, p *program, db *database) error {
	return db.writing(ctx, p, func(store *sqlitestore.Store) error {
		at, err := c.origin(ctx, store)
		if err != nil {
			return err
		}
		values, err := c.values()
		if err != nil {
			return err
		}
		id, err := record.Fork(ctx, store, at.Ref(), &record.ForkOptions{ID: c.ID, Set: values, Rerun: c.Rerun})
		if err != nil {
			return c.unforked(&at, err)
		}
		zero, err := store.Load(ctx, burdock.Ref{App: id, Seq: 0})
		if err != nil {
			return err
		}
		if err := p.print(term.Escape(id) + "\n"); err != nil {
			return err
		}
		c.tell(p, &at, &zero)
		return nil
	})
}

// origin finds the step that is forked.
func (c *fork) origin(ctx context.Context, store *sqlitestore.Store) (burdock.Checkpoint, error) {
	latest, step, err := findStep(ctx, store, c.Origin, nil)
	if err != nil || step == nil {
		return latest, err
	}
	return loadStep(ctx, store, latest, *step)
}

// unforked says why there is no fork.
func (c *fork) unforked(at *burdock.Checkpoint, err error) error {
	if _, ok := errors.AsType[*sqlitestore.Error](err); ok {
		return err
	}
	if errors.Is(err, burdock.ErrExists) {
		return &problem{"there is an application " + c.ID + " already", "name another with --id, or leave it out"}
	}
	if inner := errors.Unwrap(err); inner != nil { // without what the command line says anyway
		err = inner
	}
	return &problem{fmt.Sprintf("cannot fork %s at step %d: %v", at.App, at.Seq, err), ""}
}

// tell says where the fork begins, and how to go on with it.
func (c *fork) tell(p *program, at, zero *burdock.Checkpoint) {
	before := len(c.Rerun) > 0 || zero.Next != at.Next // what has not completed leads nowhere
	text := zero.App + " begins "
	switch {
	case before:
		text += fmt.Sprintf("before step %d (%s) of %s, which runs again", at.Seq, at.Action, at.App)
	case at.Seq == 0:
		text += "where " + at.App + " began"
	default:
		text += fmt.Sprintf("after step %d (%s) of %s", at.Seq, at.Action, at.App)
	}
	if zero.Next == "" {
		p.say(text+", and has ended like it", "")
		return
	}
	p.say(text+"; next is "+zero.Next, fmt.Sprintf("go on with it in a program that has graph %q: burdock.Resume with Options.ID %q", zero.Graph, zero.App))
}
