package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
	"github.com/burdock-go/burdock/store/storetest"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("BURDOCK_CHILD"); mode != "" {
		if err := child(mode); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// open opens a database that is closed, and found whole, when the test ends.
func open(t testing.TB, path string, opts *sqlitestore.Options) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if info, err := os.Stat(path); err == nil && info.Size() < 1<<20 { // larger ones take too long
			if err := s.Check(context.Background()); err != nil && !errors.Is(err, sqlitestore.ErrClosed) {
				t.Errorf("Check: %v", err)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) burdock.Store {
		return open(t, filepath.Join(t.TempDir(), "folder", "test.db"), nil)
	}, &storetest.Options{Parallel: true, Second: func(t *testing.T, s burdock.Store) burdock.Store {
		return open(t, sqlitestore.Path(s.(*sqlitestore.Store)), nil)
	}})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) burdock.Store { return open(b, filepath.Join(b.TempDir(), "bench.db"), nil) })
}
