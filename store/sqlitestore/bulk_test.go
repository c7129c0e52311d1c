package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// mixed is a batch of n applications below one root, in which records are new, replaced at once, replaced later, and
// followed by snapshots.
func mixed(n int64, status burdock.Status) []burdock.Checkpoint {
	var all []burdock.Checkpoint
	for i := range n {
		for seq := range int64(4) {
			c := branch(i)
			c.Seq, c.Status = seq, status
			if all = append(all, c); (i+seq)%3 == 0 {
				c.Status = burdock.StatusFailed
				all = append(all, c)
			}
			if c.Seq == 2 {
				c.Kind = burdock.KindSnapshot
				all = append(all, c)
			}
		}
	}
	return all
}

func TestP1_OfManyRecordsInOneBatchTheLastOfEachIdentityStands(t *testing.T) {
	for n := range int64(23) {
		s, ref := open(t, filepath.Join(t.TempDir(), "test.db"), nil), memstore.New()
		fence := burdock.Fence{Root: "r", Epoch: 1}
		for _, status := range []burdock.Status{burdock.StatusRunning, burdock.StatusCompleted} {
			for _, store := range []burdock.Store{s, ref} {
				if err := store.Save(t.Context(), fence, append(mixed(n, status), step("r", 1, "x"))); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff(all(t, ref), all(t, s)); diff != "" {
			t.Errorf("%d applications: memstore and sqlitestore differ:\n%s", n, diff)
		}
	}
}

// all reads the tree of root r.
func all(t *testing.T, s burdock.Store) (list []burdock.Checkpoint) {
	t.Helper()
	for c, err := range s.List(t.Context(), burdock.Query{Root: "r"}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func TestP1_ARecordReplacesWhatAnotherStoreWroteMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	one, two := open(t, path, nil), open(t, path, nil)
	fence := burdock.Fence{Root: "r", Epoch: 1}
	for i, s := range []*sqlitestore.Store{one, two, one, two} {
		c := step("r", int64(1+i/2), fmt.Sprint(i))
		if err := s.Save(t.Context(), fence, []burdock.Checkpoint{c}); err != nil {
			t.Fatal(err)
		}
		got, err := one.Load(t.Context(), c.Ref())
		if diff := cmp.Diff(c, got); diff != "" || err != nil {
			t.Errorf("save %d is read as something else, error %v:\n%s", i, err, diff)
		}
	}
}

func TestP5_AfterAFailedCommitItsRecordsAreWrittenAgain(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	fence, batch := burdock.Fence{Root: "r", Epoch: 1}, mixed(5, burdock.StatusCompleted)
	sqlitestore.Break(t, s, "COMMIT", 1, true) // it has taken effect
	if err := s.Save(t.Context(), fence, batch); err != nil {
		t.Error(err)
	}
	sqlitestore.Break(t, s, "COMMIT", 2, false)
	if err := s.Save(t.Context(), fence, mixed(9, burdock.StatusFailed)); err == nil {
		t.Error("a save that cannot commit succeeds")
	}
	ref := memstore.New()
	if err := ref.Save(t.Context(), fence, batch); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all(t, ref), all(t, s)); diff != "" {
		t.Errorf("what was acknowledged is not what is there:\n%s", diff)
	}
}

func TestP5_ApplicationsThatAreKnownAfterAllAreWrittenWithTheRestOfTheirBatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	one, two := open(t, path, nil), open(t, path, nil)
	fence, ref := burdock.Fence{Root: "r", Epoch: 1}, memstore.New()
	saves := []struct {
		s *sqlitestore.Store
		n int64
	}{{one, 3}, {two, 20}, {one, 40}}
	for _, save := range saves { // each begins branches again that another store has begun
		for _, s := range []burdock.Store{save.s, ref} {
			if err := s.Save(t.Context(), fence, mixed(save.n, burdock.StatusCompleted)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(all(t, ref), all(t, two)); diff != "" {
		t.Errorf("memstore and sqlitestore differ:\n%s", diff)
	}
	if err := one.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
