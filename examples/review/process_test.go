//go:build unix

package review

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTwoProcessesReviewIntoOneDatabase(t *testing.T) {
	t.Parallel()
	one, two := small(t), medium(t)
	for range 3 {
		c := newCrash(t, one.Dir)
		ends := make([]*end, 4)
		var wg sync.WaitGroup
		for i := range ends {
			p := &crash{t: t, repo: []string{one.Dir, two.Dir}[i%2], dir: t.TempDir(), args: []string{"-db", c.file("burdock.db")}}
			wg.Go(func() { ends[i] = p.run() })
		}
		wg.Wait()
		for i, e := range ends {
			if e.err != nil {
				t.Fatalf("%v\n%s", e.err, e.said)
			}
			if diff := cmp.Diff(ends[i%2].report, e.report); diff != "" {
				t.Errorf("report (-first +second):\n%s", diff)
			}
		}
		all := reviews(t, openDatabase(t, c.file("burdock.db")))
		if len(all) != 4 || strings.Contains(strings.Join(all, " "), "unfinished") {
			t.Errorf("got the reviews %q, want 4 that are done", all)
		}
	}
}

func TestReviewThatRunsInAnotherProcessIsNotTakenOver(t *testing.T) {
	t.Parallel()
	g := small(t)
	c := newCrash(t, g.Dir)
	db := openDatabase(t, c.file("burdock.db"))
	reached, release := make(chan bool), make(chan bool)
	j := Job{Path: g.Dir, Store: &observed{Store: db, acked: func(n int) {
		if n == 3 {
			close(reached)
			<-release
		}
	}}}
	first := make(chan ran)
	go func() { first <- runJob(t.Context(), j) }()
	<-reached

	e := c.run("-resume")
	for _, want := range []string{"is being reviewed", "another process " + strconv.Itoa(os.Getpid()), "wait until that has ended", "without --resume"} {
		if e.err == nil || !strings.Contains(e.said, want) {
			t.Errorf("got %v, said %q, want it to say %q", e.err, e.said, want)
		}
	}
	if strings.Contains(e.said, "goes on with it") {
		t.Errorf("said %q, but the same command again fails again", e.said)
	}
	other := c.finish()
	if !strings.Contains(other.said, "-1 is unfinished; --resume goes on with it.\nStarting ") || !strings.Contains(other.said, "-2.\n") {
		t.Errorf("said %q, want a second review", other.said)
	}
	close(release)
	if r := <-first; r.err != nil || r.report != other.report {
		t.Errorf("got %v and the same report %v, want the first review undisturbed", r.err, r.report == other.report)
	}
}
