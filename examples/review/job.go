package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/burdock-go/burdock"
)

// A Job is one review from the command line: the repository, what of it, and where everything goes.
type Job struct {
	Path   string // of the repository, or anything in it; "" is the current directory
	Range  string // a revision, A..B, or "" for all files of HEAD
	Limit  int    // files at once, and git children; 0 is DefaultLimit
	Resume bool   // go on with the newest unfinished review of this repository and range

	Store   burdock.Store
	Tracker burdock.Tracker // told of everything; may be nil
	Report  io.Writer       // the report, in Markdown
	Log     io.Writer       // notes to people

	// Reviewed is told the path of each file that this run has reviewed, before that is saved. It may be nil.
	Reviewed func(path string)
}

// DefaultLimit is how many files are reviewed at once.
const DefaultLimit = 8

// project names reviews in the store.
const project = "review"

// Run reviews, and writes the report when it is complete. When ctx ends it stops cleanly; what is acknowledged is kept,
// and a Job with Resume goes on. Its errors say what to do.
func (j *Job) Run(ctx context.Context) error {
	if j.Limit < 0 {
		return fmt.Errorf("limit %d: give a positive number", j.Limit)
	}
	if j.Limit == 0 {
		j.Limit = DefaultLimit
	}
	repo, err := Open(ctx, j.Path)
	if err != nil {
		return err
	}
	head, err := repo.Resolve(ctx, j.Range)
	if err != nil {
		return err
	}
	checks := NewChecks(repo, &ChecksOptions{Limit: j.Limit})
	defer checks.Close()
	b := &bot{repo: repo, checks: checks, limit: j.Limit, done: j.Reviewed}
	g, err := b.graph()
	if err != nil {
		return err
	}
	app, begun, err := j.open(ctx, g, repo, head)
	if err != nil {
		return err
	}
	return j.finish(ctx, app, begun)
}

// open resumes the newest unfinished review, or begins one. The inputs it returns are what a new one begins with.
func (j *Job) open(ctx context.Context, g *burdock.Graph, repo *Repo, head Snapshot) (*opened, burdock.Inputs, error) {
	prefix := idPrefix(repo.Root(), j.Range)
	old, last, err := j.known(ctx, prefix, head.Commit)
	if err != nil {
		return nil, burdock.Inputs{}, err
	}
	count := &counter{}
	opts := &burdock.Options{
		ID: prefix + head.Commit[:8] + "-" + strconv.Itoa(last+1), Project: project,
		Cascade: burdock.Cascade{Store: j.Store, Tracker: burdock.Trackers(count, j.Tracker)},
	}
	if j.Resume && old != "" {
		opts.ID = old
		fmt.Fprintf(j.Log, "Resuming %s.\n", old)
		app, err := burdock.Resume(ctx, g, opts)
		return &opened{app, count, true}, burdock.Inputs{}, err
	}
	switch {
	case old != "":
		fmt.Fprintf(j.Log, "%s is unfinished; --resume goes on with it. Starting %s.\n", old, opts.ID)
	case j.Resume:
		fmt.Fprintf(j.Log, "No unfinished review of this repository and range. Starting %s.\n", opts.ID)
	default:
		fmt.Fprintf(j.Log, "Starting %s.\n", opts.ID)
	}
	app, err := burdock.New(ctx, g, opts)
	return &opened{app, count, false}, burdock.Given(start{head}), err
}

// An opened review is ready to run.
type opened struct {
	app     *burdock.App
	count   *counter
	resumed bool
}

// finish runs the application to its end and writes the report.
func (j *Job) finish(ctx context.Context, o *opened, begun burdock.Inputs) error {
	out, err := o.app.Run(ctx, begun)
	if err == nil && out.Stop != burdock.StopDone {
		err = fmt.Errorf("it has stopped: %s", out.Stop)
	}
	if o.resumed {
		fmt.Fprintf(j.Log, "%d files restored, %d reviewed.\n", o.count.restored.Load(), o.count.ran.Load())
	}
	if err != nil {
		return j.interrupted(ctx, o, err)
	}
	final, err := burdock.View[struct {
		Snapshot Snapshot `state:"snapshot"`
		Ranking  Ranking  `state:"ranking"`
	}](out.State)
	if err != nil {
		return err
	}
	if err := WriteReport(j.Report, final.Snapshot, final.Ranking); err != nil {
		return fmt.Errorf("write the report of %s: %w", o.app.ID(), err)
	}
	return nil
}

// interrupted says how to go on.
func (j *Job) interrupted(ctx context.Context, o *opened, err error) error {
	id := o.app.ID()
	switch failed, isMap := errors.AsType[*burdock.MapError](err); {
	case ctx.Err() != nil:
		return fmt.Errorf("%s was stopped (%w); the same command with --resume goes on with it", id, context.Cause(ctx))
	case isMap:
		first := failed.Branches[0]
		return fmt.Errorf("%s: %d files could not be reviewed, the first is %s: %w; the same command with --resume tries them again",
			id, len(failed.Branches), first.Key, first.Err)
	}
	return fmt.Errorf("%s: %w; the same command with --resume goes on with it", id, err)
}

// idPrefix is what the ids of all reviews of one repository and range begin with.
func idPrefix(root, rng string) string {
	sum := sha256.Sum256([]byte(root + "\x00" + rng))
	return "review-" + hex.EncodeToString(sum[:4]) + "-"
}

// known returns the newest unfinished review that begins with prefix, if there is one, and the highest counter of the
// reviews of a commit.
func (j *Job) known(ctx context.Context, prefix, commit string) (unfinished string, last int, err error) {
	for cp, err := range j.Store.List(ctx, burdock.Query{Roots: true, Project: project, Prefix: prefix}) {
		if err != nil {
			return "", 0, fmt.Errorf("list the reviews so far: %w", err)
		}
		if unfinished == "" && !cp.Done() {
			unfinished = cp.App
		}
		if number, ok := strings.CutPrefix(cp.App, prefix+commit[:8]+"-"); ok {
			if n, err := strconv.Atoi(number); err == nil {
				last = max(last, n)
			}
		}
	}
	return unfinished, last, nil
}

// A counter counts the files that were restored and that ran.
type counter struct {
	restored, ran atomic.Int64
}

// Track counts the ends of the root's own branches.
func (c *counter) Track(_ context.Context, e burdock.Event) error {
	if e.Parent.App != e.Root || e.Status != burdock.StatusCompleted {
		return nil
	}
	switch e.Kind {
	case burdock.EventRestored:
		c.restored.Add(1)
	case burdock.EventBranchEnded:
		c.ran.Add(1)
	}
	return nil
}
