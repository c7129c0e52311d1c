package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// listed names the roots that a query selects, each with how it stands.
func listed(t *testing.T, s burdock.Store, q burdock.Query) (roots []string) {
	t.Helper()
	q.Roots = true
	for c, err := range s.List(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, fmt.Sprint(c.App, " ", c.Seq, " ", c.Status))
	}
	return roots
}

// standsAs expects root a to be listed at step seq, before b, which waits, by every query that narrows the listing.
func standsAs(t *testing.T, s burdock.Store, seq int) {
	t.Helper()
	a, b := fmt.Sprint("a ", seq, " completed"), "b 2 waiting"
	for _, test := range []struct {
		q    burdock.Query
		want []string
	}{
		{burdock.Query{}, []string{a, b}},
		{burdock.Query{Limit: 1}, []string{a}},
		{burdock.Query{Project: "p"}, []string{a, b}},
		{burdock.Query{Project: "q"}, nil},
		{burdock.Query{Status: []burdock.Status{burdock.StatusWaiting}}, []string{b}},
		{burdock.Query{Status: []burdock.Status{burdock.StatusCompleted}}, []string{a}},
		{burdock.Query{Before: second(3)}, []string{b}},
	} {
		if got := listed(t, s, test.q); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %q, want %q", test.q, got, test.want)
		}
	}
	if err := s.(*sqlitestore.Store).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func second(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC) }

// saves saves steps of a root under a claim.
func saves(t *testing.T, s burdock.Store, c burdock.Claim, steps ...burdock.Checkpoint) {
	t.Helper()
	for _, cp := range steps {
		cp.Project = "p"
		if err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{cp}); err != nil {
			t.Fatal(err)
		}
	}
}

func claimed(t *testing.T, s burdock.Store, root string) burdock.Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func released(t *testing.T, c burdock.Claim) {
	t.Helper()
	if err := c.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestAHeldRootIsListedAsItStands looks at listings while owners write no rows for them, after one of them died, and
// after others took over and released.
func TestAHeldRootIsListedAsItStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	first, watcher := open(t, path, nil), open(t, path, &sqlitestore.Options{ReadOnly: true})
	a, b := claimed(t, first, "a"), claimed(t, first, "b")
	saves(t, first, a, step("a", 0, ""), step("a", 1, ""))
	waiting := step("b", 2, "")
	waiting.Status = burdock.StatusWaiting
	saves(t, first, b, step("b", 0, ""), step("b", 1, ""), waiting)
	saves(t, first, a, step("a", 2, ""), step("a", 3, ""))
	standsAs(t, first, 3)
	standsAs(t, watcher, 3)
	released(t, b)
	standsAs(t, watcher, 3)
	if err := first.Close(); err != nil { // a is not released
		t.Fatal(err)
	}
	standsAs(t, watcher, 3)

	next := open(t, path, nil)
	released(t, claimed(t, next, "a"))
	standsAs(t, watcher, 3)
	a = claimed(t, next, "a")
	saves(t, next, a, step("a", 4, ""))
	standsAs(t, watcher, 4)
	again := step("a", 3, "") // an earlier step, once more
	saves(t, next, a, again)
	standsAs(t, watcher, 4)
	released(t, a)
	standsAs(t, watcher, 4)
}

// TestARecordWithOddTimesIsListedWhenItWasSaved saves a record whose columns do not say when it was written, between and
// behind others whose columns do.
func TestARecordWithOddTimesIsListedWhenItWasSaved(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	expect := func(want ...string) {
		t.Helper()
		if got := listed(t, s, burdock.Query{}); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	a, b := claimed(t, s, "a"), claimed(t, s, "b")
	timeless := step("b", 1, "")
	timeless.Started, timeless.Ended = time.Time{}, time.Time{}
	saves(t, s, a, step("a", 0, ""), step("a", 1, ""), step("a", 2, ""))
	saves(t, s, b, step("b", 0, ""), timeless)
	expect("b 1 completed", "a 2 completed")
	saves(t, s, b, step("b", 2, ""), step("b", 3, ""))
	saves(t, s, a, step("a", 3, ""), step("a", 4, ""))
	expect("a 4 completed", "b 3 completed")
	saves(t, s, b, timeless) // an earlier step, once more
	expect("a 4 completed", "b 3 completed")
	released(t, a)
	released(t, b)
	expect("a 4 completed", "b 3 completed")
}

// TestReleaseLeavesNothingToLookUp asks for rows that leave to a record how their root stands: a listing takes longer
// for each.
func TestReleaseLeavesNothingToLookUp(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	for i := range 3 {
		c := claimed(t, s, "r")
		saves(t, s, c, step("r", int64(2*i), ""), step("r", int64(2*i)+1, ""))
		if got := sqlitestore.Unsettled(t, s); got != int64(1) {
			t.Errorf("before Release: got %d rows, want 1", got)
		}
		released(t, c)
		if got := sqlitestore.Unsettled(t, s); got != int64(0) {
			t.Errorf("after Release: got %d rows, want 0", got)
		}
	}
}
