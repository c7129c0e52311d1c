package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
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
	quiet := &sqlitestore.Options{Log: slog.New(slog.DiscardHandler)}
	var stores sync.Map // by tracker
	storetest.Run(t, func(t *testing.T) burdock.Store {
		return open(t, filepath.Join(t.TempDir(), "folder", "test.db"), quiet)
	}, &storetest.Options{
		Parallel: true,
		Second: func(t *testing.T, s burdock.Store) burdock.Store {
			return open(t, sqlitestore.Path(s.(*sqlitestore.Store)), quiet)
		},
		Tracker: func(_ *testing.T, s burdock.Store) burdock.Tracker {
			tr := s.(*sqlitestore.Store).Tracker(nil)
			stores.Store(tr, s)
			return tr
		},
		Events: func(t *testing.T, tr burdock.Tracker, app string) []burdock.Event {
			if err := tr.(*sqlitestore.Tracker).Flush(t.Context()); err != nil {
				t.Error(err)
			}
			s, _ := stores.Load(tr)
			return events(t, s.(*sqlitestore.Store), app, sqlitestore.Position{})
		},
	})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) burdock.Store { return open(b, filepath.Join(b.TempDir(), "bench.db"), nil) })
}
