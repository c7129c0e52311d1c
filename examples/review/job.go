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
	checks := NewChecks(repo, &ChecksOptions{Limit: j.Limit})
	defer checks.Close()
	b := &bot{repo: repo, checks: checks, limit: j.Limit, done: j.Reviewed}
	g, err := b.graph()
	if err != nil {
		return err
	}
	prefix := idPrefix(repo.Root(), j.Range)
	old, err := j.known(ctx, prefix)
	if err != nil {
		return err
	}
	if j.Resume && old.unfinished != "" {
		return j.resume(ctx, g, old.unfinished)
	}
	head, err := repo.Resolve(ctx, j.Range)
	if err != nil {
		return err
	}
	if err := j.announce(old.unfinished); err != nil {
		return err
	}
	return j.start(ctx, g, prefix+head.Commit[:8]+"-", old.ids, burdock.Given(start{head}))
}

// resume goes on with a review. It asks nothing of the range: that was done when the review began.
func (j *Job) resume(ctx context.Context, g *burdock.Graph, id string) error {
	fmt.Fprintf(j.Log, "Resuming %s.\n", id)
	count := &counter{}
	app, err := burdock.Resume(ctx, g, j.options(id, count))
	if err != nil {
		return fmt.Errorf("%s: %w; the same command without --resume starts another review", id, err)
	}
	out, err := app.Run(ctx)
	if out != nil {
		fmt.Fprintf(j.Log, "%d files restored, %d reviewed.\n", count.restored.Load(), count.ran.Load())
	}
	return j.finish(ctx, id, out, err)
}

// announce names the review that a new one leaves unfinished.
func (j *Job) announce(unfinished string) (err error) {
	switch {
	case unfinished != "":
		_, err = fmt.Fprintf(j.Log, "%s is unfinished; --resume goes on with it.\n", unfinished)
	case j.Resume:
		_, err = fmt.Fprintln(j.Log, "No unfinished review of this repository and range.")
	}
	return err
}

// maxTaken is how many numbers a new review finds taken before it gives up.
const maxTaken = 100

// start begins a review under the first free number. One that is in no listing can be taken all the same: by a process
// that has saved nothing yet, and never will if it was killed.
func (j *Job) start(ctx context.Context, g *burdock.Graph, stem string, ids []string, head burdock.Inputs) error {
	last := lastNumber(stem, ids)
	for n := last + 1; ; n++ {
		id := stem + strconv.Itoa(n)
		out, err := j.begin(ctx, g, id, head)
		taken := errors.Is(err, burdock.ErrExists) || errors.Is(err, burdock.ErrConflict)
		if out != nil || !taken || n == last+maxTaken {
			return j.finish(ctx, id, out, err)
		}
		fmt.Fprintf(j.Log, "%s was claimed by another process.\n", id)
	}
}

// begin runs a new review. The outcome is nil if nothing ran.
func (j *Job) begin(ctx context.Context, g *burdock.Graph, id string, head burdock.Inputs) (*burdock.Outcome, error) {
	app, err := burdock.New(ctx, g, j.options(id, nil))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(j.Log, "Starting %s.\n", id)
	return app.Run(ctx, head)
}

func (j *Job) options(id string, count *counter) *burdock.Options {
	o := &burdock.Options{ID: id, Project: project, Cascade: burdock.Cascade{Store: j.Store, Tracker: j.Tracker}}
	if count != nil {
		o.Cascade.Tracker = burdock.Trackers(count, j.Tracker)
	}
	return o
}

// finish writes the report of a run that is done, and says of any other how to go on.
func (j *Job) finish(ctx context.Context, id string, out *burdock.Outcome, err error) error {
	if err == nil && out.Stop != burdock.StopDone {
		err = fmt.Errorf("it has stopped: %s", out.Stop)
	}
	if err != nil {
		return interrupted(ctx, id, out, err)
	}
	final, err := burdock.View[struct {
		Snapshot Snapshot `state:"snapshot"`
		Ranking  Ranking  `state:"ranking"`
	}](out.State)
	if err != nil {
		return err
	}
	if err := WriteReport(j.Report, final.Snapshot, final.Ranking); err != nil {
		return fmt.Errorf("write the report of %s: %w", id, err)
	}
	return nil
}

// interrupted says how to go on.
func interrupted(ctx context.Context, id string, out *burdock.Outcome, err error) error {
	switch failed, isMap := errors.AsType[*burdock.MapError](err); {
	case ctx.Err() != nil:
		return fmt.Errorf("%s was stopped (%w); the same command with --resume goes on with it", id, context.Cause(ctx))
	case isMap:
		first := failed.Branches[0]
		return fmt.Errorf("%s: %d files could not be reviewed, the first is %s: %w; the same command with --resume tries them again",
			id, len(failed.Branches), first.Key, first.Err)
	case out == nil && errors.Is(err, burdock.ErrConflict):
		return fmt.Errorf("%s is being reviewed: %w; wait until that has ended, or start another review without --resume", id, err)
	}
	return fmt.Errorf("%s: %w; the same command with --resume goes on with it", id, err)
}

// idPrefix is what the ids of all reviews of one repository and range begin with.
func idPrefix(root, rng string) string {
	sum := sha256.Sum256([]byte(root + "\x00" + rng))
	return "review-" + hex.EncodeToString(sum[:4]) + "-"
}

// An earlier is what the store has of one repository and range.
type earlier struct {
	unfinished string   // id of the newest review that is not done, or ""
	ids        []string // of all
}

// known lists the reviews whose ids begin with prefix.
func (j *Job) known(ctx context.Context, prefix string) (old earlier, err error) {
	for cp, err := range j.Store.List(ctx, burdock.Query{Roots: true, Project: project, Prefix: prefix}) {
		if err != nil {
			return old, fmt.Errorf("list the reviews so far: %w", err)
		}
		if old.unfinished == "" && !cp.Done() {
			old.unfinished = cp.App
		}
		old.ids = append(old.ids, cp.App)
	}
	return old, nil
}

// lastNumber returns the highest number behind stem, or zero.
func lastNumber(stem string, ids []string) (last int) {
	for _, id := range ids {
		if number, ok := strings.CutPrefix(id, stem); ok {
			if n, err := strconv.Atoi(number); err == nil {
				last = max(last, n)
			}
		}
	}
	return last
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
