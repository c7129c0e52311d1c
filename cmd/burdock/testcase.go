package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// testcase writes a Go test from a recorded step.
type testcase struct {
	ID      string `arg:"" help:"An application's id, the beginning of one, a branch's id or path; @N behind it is --step N."`
	Step    *int64 `placeholder:"N" help:"The step. Defaults to the latest."`
	Graph   string `placeholder:"EXPR" help:"The graph or action as a Go expression, such as survey.Graph(). Defaults to a place where the test names it."`
	Import  string `placeholder:"PATH" help:"The import path of the package that the graph is of. Defaults to none."`
	Package string `placeholder:"NAME" help:"The test's package. Defaults to the one in the folder of FILE, or in the working directory."`
	Out     string `short:"o" placeholder:"FILE" help:"Write to this file, which must not be there yet. Defaults to standard output."`
}

// Help is the text below the first line of the command's help.
func (*testcase) Help() string {
	return `The test runs the step again, on the state before it and with its inputs, and fails if what it writes, the action that
follows, or the error is another. It needs the graph: name it in the test, or here with --graph and --import. Nothing
else has to be filled in, unless the step had inputs that are not recorded: secret ones, those of configuration, and
those that a branch was begun with. The test says which the action may want.

A parallel step runs its branches again. What they call must be there, or be replaced by a fake (Graph.Replace).`
}

// Validate is called by the parser.
func (c *testcase) Validate() error {
	if c.Step != nil && *c.Step < 1 {
		return errors.New("--step is 1 or more")
	}
	return (&source{graph: c.Graph, imported: c.Import, pkg: c.Package}).check()
}

// Run is called by the parser.
func (c *testcase) Run(ctx context.Context, p *program, db *database) error {
	return db.reading(ctx, p, func(store *sqlitestore.Store) error {
		latest, step, err := findStep(ctx, store, c.ID, c.Step)
		if err != nil {
			return err
		}
		c.Step = step
		s, err := c.recorded(ctx, store, latest)
		if err != nil {
			return err
		}
		if s.pkg == "" {
			s.pkg = packageAt(c.Out, latest.Graph)
		}
		text, err := s.write()
		if err != nil {
			return err
		}
		if c.Out == "" {
			return p.print(text)
		}
		if err := create(c.Out, text); err != nil {
			return err
		}
		hint := "name the graph in it, and run go test -run " + s.name()
		if c.Graph != "" {
			hint = "go test -run " + s.name()
		}
		p.say("wrote "+c.Out, hint)
		return nil
	})
}

// recorded reads everything that the test is made of.
func (c *testcase) recorded(ctx context.Context, store inspect.Source, latest burdock.Checkpoint) (*source, error) {
	s := &source{graph: c.Graph, imported: c.Import, pkg: c.Package, step: latest}
	if c.Step != nil {
		var err error
		if s.step, err = loadStep(ctx, store, latest, *c.Step); err != nil {
			return nil, err
		}
	}
	if why := untestable(&s.step); why != "" {
		return nil, &problem{
			fmt.Sprintf("step %d of %s %s", s.step.Seq, latest.App, why),
			"name a step that has completed or failed with --step; burdock show " + quoted(latest.App) + " lists them",
		}
	}
	var err error
	if s.before, err = inspect.StateAt(ctx, store, latest.App, s.step.Seq-1); err != nil {
		return nil, &problem{
			fmt.Sprintf("the state before step %d of %s cannot be written as JSON: %v", s.step.Seq, latest.App, err), "",
		}
	}
	previous, err := store.Load(ctx, burdock.Ref{App: latest.App, Seq: s.step.Seq - 1})
	switch {
	case err == nil && previous.Error != nil && previous.Next == s.step.Action:
		s.handles = previous.Error
	case err != nil && !errors.Is(err, burdock.ErrNotFound):
		return nil, err
	}
	s.described, err = describedAction(ctx, store, &s.step)
	return s, err
}

// untestable says why no test can be made of a step, "" if one can.
func untestable(c *burdock.Checkpoint) string {
	switch {
	case c.Seq == 0:
		return "is its beginning, which ran nothing"
	case c.Status != burdock.StatusCompleted && c.Status != burdock.StatusFailed:
		return "is " + string(c.Status)
	}
	return ""
}

// An actionDescription is what the stored description of a graph says of one node.
type actionDescription struct {
	Name     string             `json:"name"`
	Kind     string             `json:"kind"`
	Inputs   []inputDescription `json:"inputs"`
	Bound    []string           `json:"bound"`
	Branches []struct {
		Nodes []actionDescription `json:"nodes"`
	} `json:"branches"`
}

type inputDescription struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

// describedAction is what is known of the step's action; nothing if the graph was not saved.
func describedAction(ctx context.Context, src inspect.Source, step *burdock.Checkpoint) (a actionDescription, err error) {
	text, err := inspect.Description(ctx, src, *step)
	if errors.Is(err, burdock.ErrNotFound) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	var d struct {
		Nodes []actionDescription `json:"nodes"`
	}
	if json.Unmarshal(text, &d) != nil {
		return a, nil // of a later version
	}
	for _, n := range d.Nodes {
		if n.Name == step.Action {
			return n, nil
		}
	}
	return a, nil
}

// create writes a file that is not there yet.
func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // it shows what only its owner could read in the database
	if errors.Is(err, fs.ErrExist) {
		return &problem{"there is a file " + path + " already", "name another with --out, or leave it out to get the test on standard output"}
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		err = file.Err
	}
	if err != nil {
		return &problem{fmt.Sprintf("cannot write the test to %s: %v", path, err), "name another file with --out, or leave it out to get the test on standard output"}
	}
	return nil
}
