package sqlitestore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

var forever = burdock.Prune{Before: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}

// large saves a root with 200 branches and their events, about 1 MB.
func large(t *testing.T, s *sqlitestore.Store, root string) {
	t.Helper()
	fence := burdock.Fence{Root: root, Epoch: 1}
	c := step(root, 1, "x")
	batch, events := []burdock.Checkpoint{c}, []burdock.Event(nil)
	for i := range int64(200) {
		b := step(root, 1, strings.Repeat("x", 5000))
		b.App, b.Parent, b.Index = fmt.Sprintf("%s.%d", root, i), c.Ref(), i
		e := event(b.App, 1, 1)
		e.Root = root
		batch, events = append(batch, b), append(events, e)
	}
	if err := s.SaveJournal(t.Context(), fence, batch, events); err != nil {
		t.Fatal(err)
	}
}

func TestPruneTakesEventsAlongAndTheFileShrinks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(fastDir(t), "test.db")
	s := open(t, path, nil)
	for i := range 4 {
		large(t, s, fmt.Sprint("r", i))
	}
	before := shut(t, path)
	size, err := s.Size(t.Context(), "r1")
	if err != nil || size.Apps != 201 || size.Checkpoints != 201 || size.Events != 200 {
		t.Errorf("got %+v, error %v, want 201 applications with 201 checkpoints and 200 events", size, err)
	}
	p := forever
	p.Keep = 1
	did, err := s.Prune(t.Context(), p)
	if err != nil || len(did.Roots) != 3 || did.Events != 600 || did.Bytes != 3*size.Bytes {
		t.Errorf("got %+v, error %v, want 3 roots with 600 events and 3 times %d bytes", did, err, size.Bytes)
	}
	if got := len(events(t, s, did.Roots[0]+".7", sqlitestore.Position{})); got != 0 {
		t.Errorf("%d events of what was forgotten are left", got)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if after := shut(t, path); after > before/3 {
		t.Errorf("the file has %d bytes after %d", after, before)
	}
}

// shut moves the log into the file, as the last Close does, and returns the size of the file.
func shut(t *testing.T, path string) int64 {
	t.Helper()
	sqlitestore.Execute(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestPruneKeepsWhatAnotherProcessAdvances(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path, nil)
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	p := start(t, "hold", path)
	p.line(t)
	if did, err := s.Prune(t.Context(), forever); err != nil || len(did.Roots) != 0 {
		t.Errorf("while a process has it: got %+v, error %v", did, err)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = p.finish()
	if did, err := s.Prune(t.Context(), forever); err != nil || !slices.Equal(did.Roots, []string{"r"}) {
		t.Errorf("after kill -9: got %+v, error %v", did, err)
	}
}

func TestPruneOfAReadOnlyStoreOnlySays(t *testing.T) {
	s := open(t, saved(t), &sqlitestore.Options{ReadOnly: true})
	if _, err := s.Prune(t.Context(), forever); !errors.Is(err, sqlitestore.ErrReadOnly) {
		t.Errorf("got error %v, want ErrReadOnly", err)
	}
	p := forever
	p.DryRun = true
	if did, err := s.Prune(t.Context(), p); err != nil || !slices.Equal(did.Roots, []string{"r"}) {
		t.Errorf("dry: got %+v, error %v", did, err)
	}
}

// TestAListingMeetsNoOtherApplicationWhereOneWasForgotten forgets what a listing is in the midst of and saves others.
func TestAListingMeetsNoOtherApplicationWhereOneWasForgotten(t *testing.T) {
	t.Parallel()
	for _, q := range []burdock.Query{{Root: "old"}, {Parent: burdock.Ref{App: "old", Seq: 1}}, {App: "old"}} {
		s := open(t, filepath.Join(fastDir(t), "test.db"), nil)
		large(t, s, "old")
		steps := []burdock.Checkpoint{}
		for i := range int64(600) { // more than a page
			steps = append(steps, step("old", 2+i, "x"))
		}
		if err := s.Save(t.Context(), burdock.Fence{Root: "old", Epoch: 1}, steps); err != nil {
			t.Fatal(err)
		}
		n := 0
		for c, err := range s.List(t.Context(), q) {
			if err != nil || c.Root != "old" {
				t.Fatalf("%+v: got %s of %s, error %v", q, c.App, c.Root, err)
			}
			if n++; n == 3 {
				if did, err := s.Prune(t.Context(), forever); err != nil || len(did.Roots) != 1 {
					t.Fatalf("got %+v, error %v", did, err)
				}
				large(t, s, "new")
			}
		}
		if n < 3 {
			t.Errorf("%+v: %d records", q, n)
		}
	}
}
