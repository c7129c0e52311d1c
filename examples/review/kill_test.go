//go:build unix

package review

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"
)

// TestKilledReviewGivesTheSameReport kills reviews with SIGKILL after their k-th acknowledged file, some of them again
// while they resume. REVIEW_KILLS is the number of rounds, 30 if it is not set.
func TestKilledReviewGivesTheSameReport(t *testing.T) {
	rounds := 30
	if s := os.Getenv("REVIEW_KILLS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatalf("REVIEW_KILLS: %v", err)
		}
	}
	g := seeded(t)
	undisturbed := newCrash(t, g.Dir)
	want := undisturbed.finish().report
	files := len(undisturbed.lines("acks"))
	undisturbed.checkOnce(files)
	for _, limit := range []string{"1", "2", "32"} {
		if diff := cmp.Diff(want, newCrash(t, g.Dir, "-limit", limit).finish().report); diff != "" {
			t.Errorf("limit %s (-8 +%s):\n%s", limit, limit, diff)
		}
	}

	var mu sync.Mutex
	var restored []int
	t.Run("rounds", func(t *testing.T) {
		for i := range rounds {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(uint64(i), 9))
				n := killRound(newCrash(t, g.Dir), r, files, want)
				mu.Lock()
				defer mu.Unlock()
				restored = append(restored, n)
			})
		}
	})
	slices.Sort(restored)
	t.Logf("%d files, restored by round: %v", files, restored)
	some := 0
	for _, n := range restored {
		if 0 < n && n < files {
			some++
		}
	}
	if some < rounds*25/30 {
		t.Errorf("got %d rounds of %d that restored some files and not all", some, rounds)
	}
}

// killRound kills a review once or twice, lets it finish and returns how many files the last process restored.
func killRound(c *crash, r *rand.Rand, files int, want string) (restored int) {
	c.t.Helper()
	limit := func() string { return []string{"1", "2", "8", "32"}[r.IntN(4)] }
	c.mustDie("-after-ack", strconv.Itoa(1+r.IntN(files)), "-limit", limit())
	acked := len(c.lines("acks"))
	if left := files - acked; r.IntN(3) == 0 && left > 1 {
		c.mustDie("-resume", "-after-ack", strconv.Itoa(1+r.IntN(left/2)), "-limit", limit())
		acked = len(c.lines("acks"))
	}
	e := c.finish("-resume", "-limit", limit())
	restored, ran := e.counts(c.t)
	if restored+ran != files || restored < acked {
		c.t.Errorf("got %d files restored and %d reviewed, want %d together and at least %d restored", restored, ran, files, acked)
	}
	c.check(want, e.report, files)
	return restored
}

// mustDie is run for a process that a signal ends.
func (c *crash) mustDie(args ...string) {
	c.t.Helper()
	if e := c.run(args...); !e.killed() {
		c.t.Fatalf("process %d %q: got %v, want it killed\n%s", c.processes, args, e.err, e.said)
	}
}

// check compares the report, and looks at what the processes have left behind.
func (c *crash) check(want, report string, files int) {
	c.t.Helper()
	if diff := cmp.Diff(want, report); diff != "" {
		c.t.Errorf("report (-undisturbed +resumed):\n%s", diff)
	}
	c.checkOnce(files)
	db, err := sql.Open("sqlite", "file:"+c.file("burdock.db"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	said := ""
	if err := db.QueryRowContext(c.t.Context(), "PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		c.t.Errorf("integrity_check: got %q, %v", said, err)
	}
}

func TestSignalledReviewStopsAndSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	whole := newCrash(t, g.Dir)
	want := whole.finish().report
	files := len(whole.lines("acks"))
	for i, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			c := newCrash(t, g.Dir, "-signal", strconv.Itoa(int(sig)))
			for _, args := range [][]string{{"-after-ack", strconv.Itoa(70 + 300*i)}, {"-resume", "-after-ack", "40"}} {
				e := c.run(args...)
				if e.killed() || e.err == nil || !strings.Contains(e.said, "was stopped ("+sig.String()) || !strings.Contains(e.said, "--resume goes on") {
					t.Fatalf("got %v, said %q", e.err, e.said)
				}
			}
			acked := len(c.lines("acks"))
			e := c.finish("-resume")
			if restored, ran := e.counts(t); restored != acked || ran != files-acked {
				t.Errorf("got %d files restored and %d reviewed, want %d and %d", restored, ran, acked, files-acked)
			}
			c.check(want, e.report, files)
		})
	}
}

// The moments before the first file is acknowledged: nothing saved yet, the list of files, the first branches.
func TestReviewEndedBeforeItsFirstFileCanBeResumed(t *testing.T) {
	t.Parallel()
	g := small(t)
	want := newCrash(t, g.Dir).finish().report
	for save := 1; save <= 4; save++ {
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			for _, then := range [][]string{{"-resume"}, {}} {
				c := newCrash(t, g.Dir)
				if e := c.run("-before-save", strconv.Itoa(save), "-signal", strconv.Itoa(int(sig))); e.err == nil {
					t.Fatalf("save %d, %v: it ended undisturbed", save, sig)
				}
				if e := c.finish(then...); e.report != want {
					t.Errorf("save %d, %v, then %v: got the report %q", save, sig, then, e.report)
				}
			}
		}
	}
}

func TestFileTooLargeForTheDiskStopsTheReviewWithTheWayOut(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	whole := newCrash(t, g.Dir)
	want := whole.finish().report
	files := len(whole.lines("acks"))
	c := newCrash(t, g.Dir)
	outOfSpace(t, c.run("-file-size", "3000000"), c.file("burdock.db"))
	outOfSpace(t, c.run("-file-size", "5000000", "-resume"), c.file("burdock.db"))
	afterOutOfSpace(c, want, files)
}

// outOfSpace checks how a process has ended whose database could not grow.
func outOfSpace(t *testing.T, e *end, db string) {
	t.Helper()
	if e.err == nil || e.killed() {
		t.Fatalf("got %v, want a failure\n%s", e.err, e.said)
	}
	for _, want := range []string{db, "free some space", "--resume goes on with it"} {
		if !strings.Contains(e.said, want) {
			t.Errorf("got %q, want it to name %q", e.said, want)
		}
	}
}

// afterOutOfSpace resumes when there is room again.
func afterOutOfSpace(c *crash, want string, files int) {
	c.t.Helper()
	acked := len(c.lines("acks"))
	if acked == 0 || acked == files {
		c.t.Fatalf("got %d of %d files acknowledged, want the disk full in between", acked, files)
	}
	e := c.finish("-resume")
	if restored, _ := e.counts(c.t); restored < acked {
		c.t.Errorf("got %d files restored, want at least %d", restored, acked)
	}
	c.check(want, e.report, files)
}
