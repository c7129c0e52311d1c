package review

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock/examples/review/internal/gittest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		cleanUp()
		os.Exit(code)
	}))
}

// cleanUp removes what tests share.
var cleanUp = func() {}

// checkAll runs every step of a review of one file, as the graph does.
func checkAll(ctx context.Context, c *Checks, s Subject) (FileReview, error) {
	look, err := c.Inspect(ctx, s)
	findings, notes := look.Findings, look.Notes
	for _, check := range []func(context.Context, Subject) (Result, error){
		c.Functions, c.Docs, c.DroppedErrors, c.Todos, c.LongLines, c.Indentation,
	} {
		if err != nil {
			return FileReview{}, err
		}
		var r Result
		r, err = check(ctx, s)
		findings, notes = append(findings, r.Findings...), append(notes, r.Notes...)
	}
	var verdicts []Verdict
	for _, f := range findings {
		verdicts = append(verdicts, Judge(f))
	}
	return Score(s.File.Path, verdicts, notes), err
}

// reviewAll reviews a range with 8 files at a time.
func reviewAll(ctx context.Context, repo *Repo, rng string, opts *ChecksOptions) (s Snapshot, r Ranking, files []FileReview, err error) {
	if s, err = repo.Snapshot(ctx, rng); err != nil {
		return s, r, nil, err
	}
	c := NewChecks(repo, opts)
	defer c.Close()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	subjects := make(chan Subject)
	for range 8 {
		wg.Go(func() {
			for subject := range subjects {
				f, err := checkAll(ctx, c, subject)
				mu.Lock()
				r.Add(f)
				files = append(files, f)
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	for subject := range Subjects(s) {
		subjects <- subject
	}
	close(subjects)
	wg.Wait()
	slices.SortFunc(files, func(a, b FileReview) int { return slices.Compare([]byte(a.Path), []byte(b.Path)) })
	return s, r, files, errors.Join(errs...)
}

// reviewOf reviews HEAD of a test's repository.
func reviewOf(t *testing.T, g *gittest.Repo, rng string) (Snapshot, Ranking, map[string]FileReview) {
	t.Helper()
	repo, err := Open(t.Context(), g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	s, r, files, err := reviewAll(t.Context(), repo, rng, nil)
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]FileReview{}
	for _, f := range files {
		byPath[f.Path] = f
	}
	return s, r, byPath
}
