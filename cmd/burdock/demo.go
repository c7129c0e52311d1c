package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/examples/review"
	"github.com/burdock-go/burdock/store/sqlitestore"
	"github.com/burdock-go/burdock/track/progress"
)

// demo reviews a Git repository.
type demo struct {
	Path   string `arg:"" optional:"" help:"The repository, or anything in it. Defaults to the current directory."`
	Range  string `placeholder:"A..B" help:"Review the files changed between two commits. Defaults to all files of HEAD."`
	Limit  int    `placeholder:"N" help:"Files reviewed at once, and git processes. Defaults to ${limit}."`
	Report string `placeholder:"FILE" help:"Write the report to this file, when it is complete. Defaults to standard output."`
	Quiet  bool   `help:"No progress and no notes."`
	Resume bool   `help:"Go on with the newest unfinished review of the same repository and range."`
}

// Help is the text below the first line of the command's help.
func (*demo) Help() string {
	return `A review bot in a state machine: each file is a branch, each of its checks a branch of that, and every step is
saved before the next. Stop it with Ctrl-C or kill it, and --resume goes on: no file that was reviewed is reviewed
again. The report is Markdown; progress and notes go to standard error.`
}

// Validate is called by the parser.
func (c *demo) Validate() error {
	if c.Limit < 0 {
		return errors.New("--limit is 1 or more")
	}
	return nil
}

// Run is called by the parser.
func (c *demo) Run(ctx context.Context, p *program, db *database) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second signal kills
	// Writing to a closed pipe is then an error and does not end the program.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	slog.SetDefault(slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{ReplaceAttr: withoutTime})))

	out, err := c.output(p)
	if err != nil {
		return err
	}
	if err = c.review(ctx, p, db, out); err == nil {
		err = out.commit()
	}
	return errors.Join(err, out.abort())
}

// An output is where the report goes.
type output interface {
	io.Writer
	commit() error // it is complete
	abort() error  // it is not needed any more
}

func (c *demo) output(p *program) (output, error) {
	if c.Report == "" {
		return standardOutput{bufio.NewWriter(p.stdout)}, nil
	}
	return newReport(c.Report)
}

type standardOutput struct{ *bufio.Writer }

func (o standardOutput) commit() error { return unwritten(o.Flush()) }
func (o standardOutput) abort() error  { return nil }

// review runs the review bot with everything that it is given.
func (c *demo) review(ctx context.Context, p *program, db *database, out output) error {
	store, err := db.open(ctx, p)
	if err != nil {
		return err
	}
	begun := &begun{}
	job := review.Job{
		Path: c.Path, Range: c.Range, Limit: c.Limit, Resume: c.Resume, Report: out, Log: p.stderr, Reviewed: p.reviewed,
		Store: store, Tracker: burdock.Trackers(begun, store.Tracker(nil)),
	}
	if c.Quiet {
		job.Log = io.Discard
	} else {
		view := progress.New(p.stderr, nil)
		defer view.Close() //nolint:errcheck // where standard error cannot be written there is nobody to tell
		job.Tracker = burdock.Trackers(job.Tracker, view)
	}
	return errors.Join(p.stopped(ctx, store, begun, job.Run(ctx)), store.Close())
}

// withoutTime leaves the time out of what is logged to a terminal.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && groups == nil {
		return slog.Attr{}
	}
	return a
}

// A begun tracker knows the application that has begun last.
type begun struct{ root atomic.Pointer[string] }

// Track implements burdock.Tracker.
func (b *begun) Track(_ context.Context, e burdock.Event) error {
	if e.Kind == burdock.EventAppStarted && e.App == e.Root {
		b.root.Store(&e.App)
	}
	return nil
}

func (b *begun) id() string {
	if id := b.root.Load(); id != nil {
		return *id
	}
	return ""
}

// stopped says how to go on with what has begun and not ended.
func (p *program) stopped(ctx context.Context, store burdock.Store, begun *begun, err error) error {
	if err == nil {
		return nil
	}
	id := begun.id()
	last, lost := store.Load(context.WithoutCancel(ctx), burdock.Ref{App: id, Seq: -1})
	saved := lost == nil
	switch {
	case !saved && ctx.Err() != nil:
		return &problem{fmt.Sprintf("stopped before anything was saved: %v", context.Cause(ctx)), ""}
	case !saved:
		return err
	case last.Done(): // what is left to do is the report
		what, hint := explain(err)
		if hint == "" {
			hint = "the review is complete: burdock show " + quoted(id) + " --state tells what it has found; the same command reviews again"
		}
		return &problem{what, hint}
	case ctx.Err() != nil:
		return &problem{fmt.Sprintf("%s was stopped: %v", id, context.Cause(ctx)), "go on with it: " + p.again()}
	}
	what, hint := explain(err)
	if _, ok := errors.AsType[*sqlitestore.Error](err); ok {
		what = id + " was stopped: " + what
	}
	what, _, _ = strings.Cut(what, "; the same command with --resume")
	if errors.Is(err, sqlitestore.ErrFull) {
		hint = "free some space"
	}
	if hint != "" {
		hint += "; then "
	}
	return &problem{what, hint + "go on with it: " + p.again()}
}

// again is the command that resumes what this one began.
func (p *program) again() string {
	words := []string{"burdock"}
	resume := false
	for _, a := range p.args {
		resume = resume || a == "--resume"
		words = append(words, quoted(a))
	}
	if !resume {
		words = append(words, "--resume")
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell reads it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:@,+~^", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
