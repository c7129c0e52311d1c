package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// ls lists root applications.
type ls struct {
	Project string   `placeholder:"P" help:"Only applications of this project."`
	Status  []string `placeholder:"S" help:"Only those that stand so: running, waiting, completed, failed, cancelled, paused or stale."`
	Limit   int      `default:"20" placeholder:"N" help:"At most so many; 0 for all. Defaults to 20."`
	Sizes   bool     `help:"All sizes, however long it takes to count them."`
	JSON    bool     `name:"json" help:"One JSON object a line."`
}

// Help is the text below the first line of the command's help.
func (*ls) Help() string {
	return `The applications written to last come first. AT is the latest step and its action, or what it leads to. A paused
application is between two steps and nobody runs it; a stale one is in the middle of a step and its process has died.
TOOK is the time from its start to its latest step, pauses included. SIZE is what the steps and events of it and all
its branches take, without what the database file adds. Sizes that take long to count are left out without --sizes.
Entries of a Cache, which are applications too, are listed with --project burdock-cache only.`
}

// Validate is called by the parser.
func (c *ls) Validate() error {
	for _, s := range c.Status {
		if !slices.Contains(inspect.Statuses, burdock.Status(s)) {
			return fmt.Errorf("there is no status %q: name %s", s, list(inspect.Statuses))
		}
	}
	if c.Limit < 0 {
		return errors.New("--limit is 1 or more, or 0 for all")
	}
	return nil
}

func list(statuses []burdock.Status) string {
	names := make([]string, len(statuses))
	for i, s := range statuses {
		names[i] = string(s)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Run is called by the parser.
func (c *ls) Run(ctx context.Context, p *program, db *database) error {
	return db.reading(ctx, p, func(store *sqlitestore.Store) error {
		now := p.now()
		filter := inspect.Filter{Project: c.Project}
		for _, s := range c.Status {
			filter.Status = append(filter.Status, burdock.Status(s))
		}
		apps := inspect.Roots(ctx, store, filter, now)
		sizes := sizing{src: store, now: p.now, left: sizingTime, all: c.Sizes}
		table := term.Table{Right: []bool{6: true}}
		n := 0
		for a, err := range apps {
			if err != nil {
				return err
			}
			if n++; c.Limit > 0 && n > c.Limit {
				break
			}
			if err := sizes.add(ctx, a); err != nil {
				return err
			}
			if !c.JSON {
				lsRow(&table, a, now)
			} else if err := p.printJSON(a, ""); err != nil {
				return err
			}
		}
		if !c.JSON {
			if err := c.finish(p, &table, n); err != nil {
				return err
			}
		}
		sizes.tell(p)
		return nil
	})
}

// sizingTime bounds how long sizes are counted for a listing, which shall come at once: 1 µs for each record makes 10 ms
// for 200 applications of 60 records, and 150 ms for one of 20,000 branches.
const sizingTime = 500 * time.Millisecond

// A sizing counts the sizes of applications, one after the other, until the time for that is up.
type sizing struct {
	src  burdock.Sizer
	now  func() time.Time
	left time.Duration
	all  bool // however long it takes
	not  int  // how many have not been counted
}

// add counts one, unless the time is up.
func (s *sizing) add(ctx context.Context, a *inspect.App) error {
	if s.left <= 0 && !s.all {
		s.not++
		return nil
	}
	began := s.now()
	size, err := s.src.Size(ctx, a.ID)
	s.left -= s.now().Sub(began)
	if errors.Is(err, burdock.ErrNotFound) { // it was forgotten meanwhile
		return nil
	}
	a.Bytes = size.Bytes
	return err
}

// tell says how many sizes are missing.
func (s *sizing) tell(p *program) {
	if s.not > 0 {
		p.say(fmt.Sprintf("sizes not counted: %d; --sizes counts all", s.not), "")
	}
}

// finish prints the table and, for people, what is not in it.
func (c *ls) finish(p *program, table *term.Table, n int) error {
	if n == 0 {
		what := "no applications"
		if c.Project != "" || len(c.Status) > 0 {
			what = "no such applications"
		}
		p.say(what, "")
		return nil
	}
	if err := p.print(table.String()); err != nil {
		return err
	}
	if c.Limit > 0 && n > c.Limit {
		p.say("and others: --limit 0 lists all", "")
	}
	return nil
}

// lsRow adds an application's row, and below it what is special about it.
func lsRow(table *term.Table, a *inspect.App, now time.Time) {
	if table.Empty() {
		table.Add("ID", "STATUS", "GRAPH", "AT", "STARTED", "TOOK", "SIZE")
	}
	size := ""
	if a.Bytes > 0 {
		size = term.Bytes(int(a.Bytes))
	}
	table.Add(term.Escape(a.ID), string(a.Status), term.Escape(a.Graph), term.Escape(at(a)), term.Ago(now, a.Started), term.Duration(time.Duration(a.Took)), size)
	if a.Origin != nil {
		table.Note("    fork of " + term.Escape(stepOf(a.Origin)))
	}
	if a.Counts.Total() > 0 {
		table.Note("    " + counts(&a.Counts))
	}
	if len(a.Needs) > 0 {
		table.Note("    waits for " + term.Escape(strings.Join(a.Needs, ", ")))
	}
	if a.Error != "" && a.Status == burdock.StatusFailed {
		table.Note("    " + term.Line(a.Error, 76))
	}
}

// at says where an application stands: what ran last, or what comes next.
func at(a *inspect.App) string {
	if a.Action == "" && a.Next == "" { // a fork of what has ended
		return fmt.Sprint(a.Step)
	}
	if a.Action == "" || a.Next != "" && a.Status != burdock.StatusRunning {
		return fmt.Sprintf("%d → %s", a.Step, a.Next)
	}
	return fmt.Sprintf("%d %s", a.Step, a.Action)
}
