package sqlitestore_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

var update = flag.Bool("update", false, "make the fixture of this schema version, which must not be there yet")

// TestEveryEarlierSchemaIsReadAndWritten opens a copy of what each version of this package wrote: it reads as it did
// then, and can be written.
func TestEveryEarlierSchemaIsReadAndWritten(t *testing.T) {
	if *update {
		makeFixture(t)
	}
	for version := 1; version <= sqlitestore.SchemaVersion; version++ {
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			name := filepath.Join("testdata", fmt.Sprintf("schema%d", version))
			want, err := os.ReadFile(name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(fastDir(t), "test.db")
			copyFile(t, name+".db", path)
			s := open(t, path, &sqlitestore.Options{Check: true})
			got, err := everythingIn(t.Context(), s)
			if err != nil || got != string(want) {
				t.Fatalf("got error %v and\n%s\nwant\n%s", err, got, want)
			}
			c, err := s.Claim(t.Context(), "run-0")
			if err != nil || c.Fence().Epoch != 2 {
				t.Fatalf("got claim %v, error %v, want epoch 2", c, err)
			}
			if err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{step("run-0", 99, "later")}); err != nil {
				t.Fatal(err)
			}
			if err := s.Post(t.Context(), cancellation("another", "run-1", "run-1")); err != nil {
				t.Fatal(err)
			}
			after, err := everythingIn(t.Context(), s)
			if err != nil || strings.Count(after, "\n") != strings.Count(got, "\n")+3 {
				t.Errorf("after one more step and message there are %d lines of %d, error %v", strings.Count(after, "\n"), strings.Count(got, "\n"), err)
			}
		})
	}
}

// makeFixture writes a database of today's schema and what is in it.
func makeFixture(t *testing.T) {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	for n := range int64(6) {
		if err := saveSome(t.Context(), s, n); err != nil {
			t.Fatal(err)
		}
	}
	snap := step("run-0", 0, "all")
	snap.Kind = burdock.KindSnapshot
	moved := branch(1)
	moved.Root, moved.App, moved.Parent, moved.Index = "run-0", "run-0.0.1", burdock.Ref{App: "run-0", Seq: 0}, 7
	failed := step("run-1", 9, "")
	failed.Status, failed.Project, failed.Partition = burdock.StatusFailed, "p", "q"
	for _, c := range []burdock.Checkpoint{snap, later(later(moved)), failed} {
		if err := s.Save(t.Context(), burdock.Fence{Root: c.Root, Epoch: 1}, []burdock.Checkpoint{c}); err != nil {
			t.Fatal(err)
		}
	}
	waits := waiting(step("run-1", 10, ""))
	if err := s.Save(t.Context(), burdock.Fence{Root: "run-1", Epoch: 1}, []burdock.Checkpoint{waits}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []burdock.Message{cancellation("c", "run-0", moved.App), answerTo("m", waits), cancellation("c", "run-1", "run-1")} {
		if err := s.Post(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	text, err := everythingIn(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("testdata", fmt.Sprintf("schema%d", sqlitestore.SchemaVersion))
	if err := s.Backup(t.Context(), name+".db"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+".txt", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
