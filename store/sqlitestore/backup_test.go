package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// TestP5_ABackupTakenWhileSavingIsOneMoment takes copies while 4 goroutines save batches of two. Each copy has all that
// was acknowledged before it began, and nothing but whole batches.
func TestP5_ABackupTakenWhileSavingIsOneMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "test.db"), nil)
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	var acked [4]atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range int64(len(acked)) {
		wg.Go(func() {
			for n := int64(0); !stop.Load(); n++ {
				b := branch(w*1_000_000 + n)
				if err := s.Save(context.Background(), c.Fence(), []burdock.Checkpoint{b, later(b)}); err != nil {
					t.Error(err)
					return
				}
				acked[w].Store(n + 1)
			}
		})
	}
	for round := range 3 {
		var before [len(acked)]int64
		for w := range acked {
			before[w] = acked[w].Load()
		}
		copied := filepath.Join(dir, fmt.Sprintf("copy%d.db", round)) // beside the original, whose owner lives
		if err := s.Backup(t.Context(), copied); err != nil {
			t.Fatal(err)
		}
		checkCopy(t, copied, before[:])
	}
	stop.Store(true)
	wg.Wait()
}

func checkCopy(t *testing.T, path string, before []int64) {
	t.Helper()
	s := open(t, path, nil)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	found := map[int64]int{}
	for c, err := range s.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "r", Seq: 1}}) {
		if err != nil {
			t.Fatal(err)
		}
		found[c.Index]++
	}
	for i, n := range found {
		if before := i%1_000_000 - 1; n != 2 || before >= 0 && found[i-1] != 2 {
			t.Errorf("branch %d has %d of the 2 records of its batch, the one before it %d", i, n, found[i-1])
		}
	}
	for w, n := range before {
		for i := range n {
			if found[int64(w)*1_000_000+i] != 2 {
				t.Errorf("save %d of worker %d was acknowledged before the backup began and is missing", i, w)
			}
		}
	}
	if live, err := s.Live(t.Context(), "r"); err != nil || live {
		t.Errorf("Live in the copy: got %v, %v, want false", live, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	c, err := s.Claim(t.Context(), "r")
	if err != nil || c.Fence().Epoch != 2 {
		t.Errorf("got claim %v, error %v, want epoch 2", c, err)
	}
}

func TestABackupOverwritesNothingAndLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "test.db"), nil)
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), taken); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v, want ErrExist", err)
	}
	if got, err := os.ReadFile(taken); err != nil || string(got) != "mine" {
		t.Errorf("the file there now says %q, %v", got, err)
	}
	if err := s.Backup(t.Context(), filepath.Join(dir, "none", "copy")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: got error %v, want ErrNotExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, filepath.Join(dir, "late")); !errors.Is(err, context.Canceled) {
		t.Errorf("with a done context: got error %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 4 { // the database, its log and index, and the file that is not ours
		t.Errorf("got files %q, %v", left, err)
	}
}

func TestABackupOfAReadOnlyStoreCanBeOpened(t *testing.T) {
	path := saved(t)
	s := open(t, path, &sqlitestore.Options{ReadOnly: true})
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, copied, nil).Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil {
		t.Error(err)
	}
}

func TestABackupEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	s := open(t, filepath.Join(dir, "test.db"), nil)
	for i := range 8 {
		large(t, s, fmt.Sprint("r", i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if found, _ := filepath.Glob(filepath.Join(dir, "copy-partial-*")); len(found) > 0 {
				cancel()
			}
		}
	}()
	if err := s.Backup(ctx, filepath.Join(dir, "copy")); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "copy*")); err != nil || len(left) != 0 {
		t.Errorf("got files %q, %v, want none", left, err)
	}
}
