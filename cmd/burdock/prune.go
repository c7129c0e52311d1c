package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// prune forgets applications.
type prune struct {
	Before  string   `placeholder:"WHEN" help:"Only those last written before this: an age such as 30d, 12h or 2w, or a moment such as 2026-01-31 or 2026-01-31T18:00."`
	Keep    *int     `placeholder:"N" help:"Keep the N of the selected ones that were written last."`
	Status  []string `placeholder:"S" help:"Only those that stand so: completed, failed, cancelled, paused or stale."`
	Project string   `placeholder:"P" help:"Only applications of this project."`
	DryRun  bool     `help:"Only say what would be forgotten."`
	Quiet   bool     `help:"Say nothing."`
	JSON    bool     `name:"json" help:"One JSON object with what was forgotten."`
}

// Help is the text below the first line of the command's help.
func (*prune) Help() string {
	return `It forgets root applications with all their branches and events, those that all of the flags select, and asks
nothing: see with --dry-run first. At least one of --before, --keep, --status and --project is given. What runs or waits
for an input is never forgotten. What is paused, stale or failed can no longer be resumed afterwards. Forks stay when
their origin goes.

The ids go to standard output, the one written longest ago first.`
}

// forgettable are the statuses that can be named: what runs or waits stays.
var forgettable = []burdock.Status{
	burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusCancelled, record.StatusPaused, record.StatusStale,
}

// Validate is called by the parser.
func (c *prune) Validate() error {
	for _, s := range c.Status {
		switch {
		case slices.Contains(forgettable, burdock.Status(s)):
		case slices.Contains(inspect.Statuses, burdock.Status(s)):
			return fmt.Errorf("what is %s is never forgotten: name %s", s, list(forgettable))
		default:
			return fmt.Errorf("there is no status %q: name %s", s, list(forgettable))
		}
	}
	switch {
	case c.Before == "" && c.Keep == nil && len(c.Status) == 0 && c.Project == "":
		return errors.New("say what to forget: --before, --keep, --status or --project")
	case c.Keep != nil && *c.Keep < 1:
		return errors.New("--keep is 1 or more")
	case c.Quiet && c.JSON:
		return errors.New("--quiet and --json exclude each other")
	}
	_, err := moment(c.Before, time.Time{})
	return err
}

// Run is called by the parser.
func (c *prune) Run(ctx context.Context, p *program, db *database) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second signal kills
	what := burdock.Prune{Project: c.Project, DryRun: c.DryRun}
	var err error
	if what.Before, err = moment(c.Before, p.now()); err != nil {
		return err
	}
	if what.Before.After(p.now()) {
		return &problem{"--before " + c.Before + " is in the future", "leave --before out to select applications of any age"}
	}
	if c.Keep != nil {
		what.Keep = *c.Keep
	}
	for _, s := range c.Status {
		what.Status = append(what.Status, burdock.Status(s))
	}
	return db.writing(ctx, p, func(store *sqlitestore.Store) error {
		done, err := store.Prune(ctx, what)
		if err != nil && ctx.Err() != nil {
			err = &problem{fmt.Sprintf("stopped: %v", context.Cause(ctx)), ""}
		}
		if err != nil && len(done.Roots) == 0 {
			return err
		}
		return errors.Join(err, c.tell(p, &done))
	})
}

// tell says what was forgotten.
func (c *prune) tell(p *program, done *burdock.Pruned) error {
	switch {
	case c.Quiet:
		return nil
	case c.JSON:
		return p.printJSON(struct {
			Roots       []string `json:"roots"`
			Checkpoints int64    `json:"checkpoints"`
			Events      int64    `json:"events"`
			Bytes       int64    `json:"bytes"`
			DryRun      bool     `json:"dry_run,omitempty"`
		}{append([]string{}, done.Roots...), done.Checkpoints, done.Events, done.Bytes, c.DryRun}, "  ")
	case len(done.Roots) == 0:
		p.say("nothing to forget", "")
		return nil
	}
	var ids strings.Builder
	for _, id := range done.Roots {
		ids.WriteString(term.Escape(id) + "\n")
	}
	if err := p.print(ids.String()); err != nil {
		return err
	}
	verb, apps := "forgot", "applications"
	if c.DryRun {
		verb = "would forget"
	}
	if len(done.Roots) == 1 {
		apps = "application"
	}
	p.say(fmt.Sprintf("%s %s %s: %s checkpoints, %s events, %s", verb, term.Number(int64(len(done.Roots))), apps,
		term.Number(done.Checkpoints), term.Number(done.Events), term.Bytes(int(done.Bytes))), "")
	return nil
}

// moment reads an age before now, or a moment in the local time zone. The empty text is the zero moment.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	age, err := ageOf(text)
	if err != nil || age < 0 {
		return time.Time{}, fmt.Errorf("--before %s: it is an age such as 30d, 12h or 2w, or a moment such as 2026-01-31 or 2026-01-31T18:00", text)
	}
	return now.Add(-age), nil
}

// ageOf reads a duration, in days or weeks too.
func ageOf(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	for unit, length := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseUint(number, 10, 32)
			age := time.Duration(n) * length
			if err == nil && age/length != time.Duration(n) {
				err = strconv.ErrRange
			}
			return age, err
		}
	}
	return time.ParseDuration(text)
}
