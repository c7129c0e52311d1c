//go:build unix

package review

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock/examples/review/internal/gittest"
)

// What a review of the standard library may take.
const (
	maxDuration = 90 * time.Second
	maxMemory   = 500 << 10 // KiB resident, without children
)

// TestStandardLibraryAsAJob reviews a commit made from GOROOT/src in a process, once undisturbed and once killed in the
// middle. It takes some minutes:
//
//	REVIEW_GOROOT=1 go test -run TestStandardLibraryAsAJob -v -timeout 30m .
func TestStandardLibraryAsAJob(t *testing.T) {
	g := standardLibrary(t)
	c := newCrash(t, g.Dir)
	start := time.Now()
	e := c.finish()
	took := time.Since(start)
	t.Logf("undisturbed: %v, %d MB resident", took.Round(time.Millisecond), e.usage.Maxrss>>10)
	if took > maxDuration {
		t.Errorf("it took %v, want at most %v", took, maxDuration)
	}
	if runtime.GOOS == "linux" && e.usage.Maxrss > maxMemory { // elsewhere the unit is another
		t.Errorf("it had %d KiB resident, want at most %d", e.usage.Maxrss, maxMemory)
	}
	files := checkStored(t, g, c, e.report)
	checkVerdicts(t, files)

	again := newCrash(t, g.Dir)
	again.mustDie("-after-ack", strconv.Itoa(len(files)/2))
	last := again.finish("-resume")
	restored, ran := last.counts(t)
	t.Logf("killed in the middle: %d files restored, %d reviewed", restored, ran)
	if restored < len(files)/2 || restored+ran != len(files) {
		t.Errorf("got %d files restored and %d reviewed, want %d together", restored, ran, len(files))
	}
	again.check(e.report, last.report, len(files))
}

// checkStored compares what the review has saved and reported with independent counts.
func checkStored(t *testing.T, g *gittest.Repo, c *crash, report string) []FileReview {
	t.Helper()
	db := openDatabase(t, c.file("burdock.db"))
	files := storedReviews(t, db, strings.TrimSuffix(reviews(t, db)[0], " done"))
	repo, err := Open(t.Context(), c.repo)
	if err != nil {
		t.Fatal(err)
	}
	s, err := repo.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	compareCounts(t, g, s, files)
	clean, findings := 0, 0
	for _, f := range files {
		if findings += len(f.Verdicts); len(f.Verdicts) == 0 {
			clean++
		}
	}
	if want := fmt.Sprintf("\n%d files, %d without findings. %d findings.\n", len(files), clean, findings); !strings.Contains(report, want) {
		t.Errorf("the report lacks %q:\n%.500s", want, report)
	}
	return files
}

// TestRangeOfThisRepository reviews what this repository's last commit has changed.
func TestRangeOfThisRepository(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	g := small(t) // lends its git
	if out, err := g.Try("-C", here, "rev-parse", "--verify", "--quiet", "HEAD~1"); err != nil {
		t.Skipf("skipped: this is no repository with two commits, as in a shallow clone: %v %s", err, out)
	}
	git := func(args ...string) string { return g.Git(append([]string{"-C", here}, args...)...) }
	changed := strings.Count(git("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=d", "HEAD~1", "HEAD"), "\x00")
	e := newCrash(t, here, "-range", "HEAD~1..HEAD").finish()
	plural := "files"
	if changed == 1 {
		plural = "file"
	}
	for _, want := range []string{
		fmt.Sprintf("\n%d %s, ", changed, plural), "Commit `" + git("rev-parse", "HEAD") + "`", "since commit `" + git("rev-parse", "HEAD~1") + "`",
	} {
		if !strings.Contains(e.report, want) {
			t.Errorf("the report lacks %q:\n%.500s", want, e.report)
		}
	}
}
