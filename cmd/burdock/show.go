package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// show shows one application.
type show struct {
	ID       string `arg:"" help:"An application's id, the beginning of one, a branch's id or path; @N behind it is --step N."`
	Step     *int64 `placeholder:"N" help:"One step in full: inputs, changes, the whole error. Step 0 is the beginning."`
	Branches *int   `placeholder:"N" help:"List the first N branches of each group. Defaults to 5 of those that failed or wait."`
	State    bool   `help:"The whole state, values not shortened; with --step that after the step."`
	JSON     bool   `name:"json" help:"One JSON object with everything."`
}

// Help is the text below the first line of the command's help.
func (*show) Help() string {
	return `The branches of a parallel step are grouped by what they ran and how they stand; MIN, MEDIAN and MAX are the time
that they spent in their steps. A branch is an application too: give its path to see what it did.`
}

// Validate is called by the parser.
func (c *show) Validate() error {
	switch {
	case c.Step != nil && *c.Step < 0:
		return errors.New("--step is 0 or more")
	case c.Branches != nil && *c.Branches < 0:
		return errors.New("--branches is 0 or more")
	}
	return nil
}

// defaultTroubled is how many branches of a group that failed or waits are listed unless asked for.
const defaultTroubled = 5

// Run is called by the parser.
func (c *show) Run(ctx context.Context, p *program, db *database) error {
	return db.reading(ctx, p, func(store *sqlitestore.Store) error {
		latest, step, err := findStep(ctx, store, c.ID, c.Step)
		if err != nil {
			return err
		}
		c.Step = step
		s := &showing{show: c, ctx: ctx, program: p, store: store, view: inspect.View{Now: p.now(), Troubled: defaultTroubled}}
		if c.Branches != nil {
			s.view.Troubled, s.view.Others = *c.Branches, *c.Branches
		}
		if s.app, err = inspect.Open(ctx, store, latest, s.view.Now); err != nil {
			return err
		}
		switch {
		case c.JSON && c.Step != nil:
			return s.stepJSON()
		case c.JSON:
			return s.json()
		case c.Step != nil:
			return s.oneStep()
		}
		return s.all()
	})
}

// json prints everything.
func (s *showing) json() error {
	out := struct {
		*inspect.App
		Steps []*inspect.Step `json:"steps"`
		State inspect.State   `json:"state"`
	}{App: s.app, Steps: []*inspect.Step{}}
	for step, err := range s.app.Steps(s.ctx, s.store, 1, s.view) {
		if err != nil {
			return err
		}
		out.Steps = append(out.Steps, step)
	}
	var err error
	if out.State, err = inspect.StateAt(s.ctx, s.store, s.app.ID, -1); err != nil {
		return err
	}
	return s.program.printJSON(out, "  ")
}

// stepJSON prints one step and the state after it.
func (s *showing) stepJSON() error {
	step, err := s.findStep()
	if err != nil {
		return err
	}
	state, err := inspect.StateAt(s.ctx, s.store, s.app.ID, step.Seq)
	if err != nil {
		return err
	}
	return s.program.printJSON(struct {
		App string `json:"id"`
		*inspect.Step
		State inspect.State `json:"state"`
	}{s.app.ID, step, state}, "  ")
}

func (s *showing) findStep() (*inspect.Step, error) {
	step, err := s.app.OneStep(s.ctx, s.store, *s.show.Step, s.view)
	if errors.Is(err, burdock.ErrNotFound) {
		return nil, &problem{fmt.Sprintf("%s has no step %d", s.app.ID, *s.show.Step), "burdock show " + quoted(s.app.ID) + " lists its steps"}
	}
	return step, err
}
