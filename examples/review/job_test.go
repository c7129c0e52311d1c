package review

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// database opens a database of the test's own.
func database(t *testing.T) *sqlitestore.Store {
	t.Helper()
	return openDatabase(t, filepath.Join(t.TempDir(), "burdock.db"))
}

func openDatabase(t *testing.T, path string) *sqlitestore.Store {
	t.Helper()
	db, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// A ran is what a Job has written.
type ran struct {
	report, log string
	err         error
}

// runJob runs a Job and collects what it writes.
func runJob(ctx context.Context, j Job) ran {
	var report, log bytes.Buffer
	j.Report, j.Log = &report, &log
	err := j.Run(ctx)
	return ran{report.String(), log.String(), err}
}

// complete is runJob for a Job that must succeed.
func complete(t *testing.T, j Job) ran {
	t.Helper()
	r := runJob(t.Context(), j)
	if r.err != nil {
		t.Fatalf("%v\n%s", r.err, r.log)
	}
	return r
}

var errEnough = errors.New("enough")

// stopAfter runs a Job and ends its context when k files have been acknowledged.
func stopAfter(t *testing.T, k int, j Job) ran {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	j.Store = &observed{Store: j.Store, acked: func(n int) {
		if n == k {
			cancel(errEnough)
		}
	}}
	r := runJob(ctx, j)
	if !errors.Is(r.err, errEnough) || !strings.Contains(r.err.Error(), "--resume goes on with it") {
		t.Fatalf("got %v, want it stopped and how to go on", r.err)
	}
	return r
}

// An observed store tells how many files have been acknowledged.
type observed struct {
	burdock.Store
	acked func(n int)

	mu sync.Mutex
	n  int
}

func (o *observed) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	err := o.Store.Save(ctx, fence, batch)
	for _, cp := range batch {
		if err == nil && cp.Parent.App == cp.Root && cp.Kind == burdock.KindStep && cp.Done() {
			o.mu.Lock()
			o.n++
			o.acked(o.n)
			o.mu.Unlock()
		}
	}
	return err
}

// reviews are the ids of all reviews in a store and how they stand, in the order of ids.
func reviews(t *testing.T, s burdock.Store) (all []string) {
	t.Helper()
	for cp, err := range s.List(t.Context(), burdock.Query{Roots: true}) {
		if err != nil {
			t.Fatal(err)
		}
		how := "unfinished"
		if cp.Done() {
			how = "done"
		}
		all = append(all, cp.App+" "+how)
	}
	slices.Sort(all)
	return all
}

func TestReportIsTheSameForEveryLimitAndStore(t *testing.T) {
	t.Parallel()
	g := medium(t)
	db := database(t)
	want := complete(t, Job{Path: g.Dir, Store: memstore.New()}).report
	for _, limit := range []int{1, 32} {
		r := complete(t, Job{Path: g.Dir, Store: db, Tracker: db.Tracker(nil), Limit: limit})
		if diff := cmp.Diff(want, r.report); diff != "" {
			t.Errorf("limit %d (-in memory +in SQLite):\n%s", limit, diff)
		}
	}
}

func TestIDsNameRepositoryRangeAndCommit(t *testing.T) {
	t.Parallel()
	g := small(t)
	db := memstore.New()
	for _, rng := range []string{"", "", "HEAD", "main"} {
		complete(t, Job{Path: filepath.Join(g.Dir, "a.go"), Range: rng, Store: db})
	}
	commit := g.Git("rev-parse", "HEAD")
	root, err := filepath.EvalSymlinks(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	id := func(rng string, n int) string {
		return fmt.Sprintf("review-%x-%s-%d done", sha256.Sum256([]byte(root+"\x00"+rng)), commit[:8], n)
	}
	want := []string{id("", 1), id("", 2), id("HEAD", 1), id("main", 1)}
	short := regexp.MustCompile(`^(review-[0-9a-f]{8})[0-9a-f]*`)
	for i := range want {
		want[i] = short.ReplaceAllString(want[i], "$1")
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, reviews(t, db)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestResumedReviewSaysHowManyFilesItRestored(t *testing.T) {
	t.Parallel()
	g := medium(t)
	db := database(t)
	j := Job{Path: g.Dir, Store: db, Tracker: db.Tracker(nil)}
	want := complete(t, j).report
	files := len(strings.Split(g.Git("ls-files", "-z"), "\x00")) - 1
	j.Limit = 8
	stopAfter(t, 20, j)
	j.Resume, j.Limit = true, 1
	again := stopAfter(t, 10, j)
	id := regexp.MustCompile(`(?m)^Resuming (review-\S+-2)\.$`).FindStringSubmatch(again.log)
	if id == nil {
		t.Fatalf("got %q, want it to name the second review", again.log)
	}
	restored, now := 0, 0
	if _, err := fmt.Sscanf(strings.SplitN(again.log, "\n", 2)[1], "%d files restored, %d reviewed.", &restored, &now); err != nil || restored < 20 || now < 10 {
		t.Errorf("got %q, want at least 20 files restored and 10 reviewed: %v", again.log, err)
	}
	j.Limit = 32
	last := complete(t, j)
	if diff := cmp.Diff(want, last.report); diff != "" {
		t.Errorf("report (-undisturbed +resumed):\n%s", diff)
	}
	if want := fmt.Sprintf("Resuming %s.\n%d files restored, %d reviewed.\n", id[1], restored+now, files-restored-now); last.log != want {
		t.Errorf("got %q, want %q", last.log, want)
	}
	if r := complete(t, j); !strings.HasPrefix(r.log, "No unfinished review of this repository and range.\nStarting "+strings.TrimSuffix(id[1], "2")+"3.\n") {
		t.Errorf("got %q, want a third review, as none is unfinished", r.log)
	}
}

func TestUnfinishedReviewIsNamedAndLeftAlone(t *testing.T) {
	t.Parallel()
	g := small(t)
	db := memstore.New()
	j := Job{Path: g.Dir, Store: db}
	stopAfter(t, 3, j)
	first := strings.TrimSuffix(reviews(t, db)[0], " unfinished")
	stem := strings.TrimSuffix(first, "1")
	r := complete(t, j)
	if want := fmt.Sprintf("%s is unfinished; --resume goes on with it.\nStarting %s2.\n", first, stem); r.log != want {
		t.Errorf("got %q, want %q", r.log, want)
	}
	if diff := cmp.Diff([]string{first + " unfinished", stem + "2 done"}, reviews(t, db)); diff != "" {
		t.Errorf("reviews (-want +got):\n%s", diff)
	}
	stopAfter(t, 5, j)
	j.Resume = true
	for _, n := range []string{"3", "1"} { // the newest first
		if again := complete(t, j); again.report != r.report || !strings.HasPrefix(again.log, "Resuming "+stem+n+".\n") {
			t.Errorf("got %q and the same report %v, want review %s resumed", again.log, again.report == r.report, n)
		}
	}
}

func TestReviewsOfOtherRepositoriesAndRangesAreNotResumed(t *testing.T) {
	t.Parallel()
	g, other := small(t), small(t)
	db := memstore.New()
	stopAfter(t, 3, Job{Path: g.Dir, Store: db})
	for _, j := range []Job{{Path: other.Dir}, {Path: g.Dir, Range: "HEAD"}} {
		j.Store, j.Resume = db, true
		if r := complete(t, j); !strings.HasPrefix(r.log, "No unfinished review") {
			t.Errorf("%s %q: got %q", j.Path, j.Range, r.log)
		}
	}
}

func TestNothingIsAskedOfHEADAfterTheFirstStep(t *testing.T) {
	t.Parallel()
	for _, rng := range []string{"", "topic", "v1..topic"} {
		g := small(t)
		g.Git("tag", "v1", "HEAD")
		g.Write(map[string]string{"t3.txt": "FIXME\n", "new.go": "package small\n"})
		g.Commit()
		g.Git("branch", "topic")
		j := Job{Path: g.Dir, Range: rng, Store: memstore.New(), Limit: 1}
		want := complete(t, j).report
		stopAfter(t, 1, j)

		g.Write(map[string]string{"a.go": "package small // TODO\n", "t1.txt": "nothing\n", "more.txt": "FIXME\n"})
		g.Git("rm", "-q", "--cached", "t5.txt")
		g.Commit()
		g.Git("branch", "-D", "topic")
		g.Git("tag", "-d", "v1")
		j.Resume = true
		if diff := cmp.Diff(want, complete(t, j).report); diff != "" {
			t.Errorf("range %q (-before +after a commit on top):\n%s", rng, diff)
		}
	}
}

func TestRangeReviewsWhatChangedBetweenTwoCommits(t *testing.T) {
	t.Parallel()
	g := small(t)
	first := g.Git("rev-parse", "HEAD")
	g.Write(map[string]string{"t3.txt": "FIXME\nTODO\n", "new.go": "package small\n\nfunc h() { f() }\n"})
	g.Commit()
	r := complete(t, Job{Path: g.Dir, Range: "HEAD~1..HEAD", Store: memstore.New()})
	for _, want := range []string{"2 files, 0 without findings. 3 findings.", "since commit `" + first + "`", "`t3.txt:1`", "`t3.txt:2`"} {
		if !strings.Contains(r.report, want) {
			t.Errorf("the report lacks %q:\n%s", want, r.report)
		}
	}
	if r := complete(t, Job{Path: g.Dir, Range: "HEAD..HEAD", Store: memstore.New()}); !strings.Contains(r.report, "\n0 files") {
		t.Errorf("got %s, want no files", r.report)
	}
}

func TestStateHoldsNoFileContents(t *testing.T) {
	t.Parallel()
	g := medium(t)
	path := filepath.Join(t.TempDir(), "burdock.db")
	db := openDatabase(t, path)
	complete(t, Job{Path: g.Dir, Store: db, Tracker: db.Tracker(nil)})
	root := strings.TrimSuffix(reviews(t, db)[0], " done")
	records, largest := 0, 0
	for cp, err := range db.List(t.Context(), burdock.Query{Root: root}) {
		if err != nil {
			t.Fatal(err)
		}
		records++
		size := 0
		for _, c := range cp.Delta {
			size += len(c.Value)
			if bytes.Contains(c.Value, []byte(marker)) {
				t.Errorf("%s, step %d: key %q holds file contents", cp.Path, cp.Seq, c.Key)
			}
		}
		if cp.App != root {
			largest = max(largest, size)
		}
	}
	if largest > 20_000 {
		t.Errorf("a step of a file has saved %d bytes", largest)
	}
	t.Logf("%d records, the largest of a file has %d bytes", records, largest)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte("p5/f5.go")) || bytes.Contains(raw, []byte(marker)) {
		t.Error("the database has no paths, or contents of files")
	}
}
