package sqlitestore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// together saves n roots in one batch and returns their results.
func together(t *testing.T, s *sqlitestore.Store, n int) []error {
	t.Helper()
	resume := sqlitestore.Paused(t, s)
	errs := make([]chan error, n)
	for i := range errs {
		errs[i] = make(chan error, 1)
		root := fmt.Sprint("r", i)
		go func() {
			errs[i] <- s.Save(t.Context(), burdock.Fence{Root: root, Epoch: 1}, []burdock.Checkpoint{step(root, 1, "x")})
		}()
	}
	for sqlitestore.Waiting(s) < n {
		time.Sleep(time.Millisecond)
	}
	resume()
	results := make([]error, n)
	for i, c := range errs {
		results[i] = <-c
	}
	return results
}

func commits(t *testing.T, s *sqlitestore.Store) func() int64 {
	t.Helper()
	changes := func() int64 { return sqlitestore.Pragma(t, s, "data_version").(int64) }
	before := changes()
	return func() int64 { return changes() - before }
}

func TestP5_ConcurrentSavesShareOneCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s, watcher := open(t, path, nil), open(t, path, nil)
	count := commits(t, watcher)
	for i, err := range together(t, s, 20) {
		if err != nil {
			t.Errorf("save %d: %v", i, err)
		}
	}
	if got := count(); got != 1 {
		t.Errorf("20 saves took %d commits, want 1", got)
	}
}

func TestP7_DurabilityIsReadBack(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	for name, want := range map[string]any{"synchronous": int64(2), "journal_mode": "wal"} {
		if got := sqlitestore.Pragma(t, s, name); got != want {
			t.Errorf("PRAGMA %s: got %v, want %v", name, got, want)
		}
	}
}

func TestP5_ACommitOfUnknownOutcomeIsResolved(t *testing.T) {
	for _, after := range []bool{false, true} {
		s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
		sqlitestore.Break(t, s, "COMMIT", 1, after)
		for i, err := range together(t, s, 5) {
			if err != nil {
				t.Errorf("after %v: save %d: %v", after, i, err)
			}
			if _, err := s.Load(t.Context(), burdock.Ref{App: fmt.Sprint("r", i), Seq: 1}); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestP5_OneFailureOfABatchFailsOneSave(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	sqlitestore.Break(t, s, "COMMIT", 2, false) // the batch, and the first save alone
	failed := 0
	for i, err := range together(t, s, 5) {
		_, missing := s.Load(t.Context(), burdock.Ref{App: fmt.Sprint("r", i), Seq: 1})
		if (err == nil) != (missing == nil) {
			t.Errorf("save %d returned %v and loading it %v", i, err, missing)
		}
		if err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d saves failed, want 1", failed)
	}
}

func TestP6_AFailedSaveSavedAgainIsThere(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	sqlitestore.Break(t, s, "COMMIT", 2, false)
	fence, batch := burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x"), branch(1)}
	err := s.Save(t.Context(), fence, batch)
	if e, ok := errors.AsType[*sqlitestore.Error](err); !ok || e.Op != "save" {
		t.Fatalf("got %v, want an *Error of save", err)
	}
	if err := s.Save(t.Context(), fence, batch); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Load(t.Context(), batch[1].Ref()); err != nil || c.Parent.App != "r" {
		t.Errorf("got parent %q, error %v", c.Parent.App, err)
	}
}
