package sqlitestore_test

import (
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
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	paths := map[burdock.Store]string{}
	storetest.Run(t, func(t *testing.T) burdock.Store {
		path := filepath.Join(t.TempDir(), "folder", "test.db")
		s := open(t, path, nil)
		paths[s] = path
		return s
	}, &storetest.Options{Second: func(t *testing.T, s burdock.Store) burdock.Store {
		return open(t, paths[s], nil)
	}})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) burdock.Store { return open(b, filepath.Join(b.TempDir(), "bench.db"), nil) })
}
