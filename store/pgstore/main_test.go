package pgstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
	"github.com/burdock-go/burdock/store/pgstore/internal/pgtest"
	"github.com/burdock-go/burdock/store/storetest"
)

// shared is the server of all tests; each test has a schema of its own.
var shared pgtest.Shared

func TestMain(m *testing.M) {
	if mode := os.Getenv("BURDOCK_CHILD"); mode != "" {
		if err := child(mode); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}), goleak.IgnoreAnyFunction("github.com/burdock-go/burdock/store/pgstore/internal/pgtest.(*Server).Start.func1"))
}

var schemas atomic.Int64

// fresh names a schema that nobody has used.
func fresh() string { return fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Add(1)) }

// open opens a store that is closed when the test ends.
func open(t testing.TB, dsn string, opts *pgstore.Options) *pgstore.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), dsn, opts)
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

// admin runs a statement beside the store.
func admin(t testing.TB, statement string, args ...any) {
	t.Helper()
	c := connect(t)
	if _, err := c.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// connect opens a connection beside the store that is closed when the test ends.
func connect(t testing.TB) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), shared.Get(t).DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	return c
}

func TestStore(t *testing.T) {
	server := shared.Get(t)
	used, stores := map[burdock.Store]string{}, map[burdock.Tracker]*pgstore.Store{}
	storetest.Run(t, func(t *testing.T) burdock.Store {
		schema := fresh()
		s := open(t, server.DSN(), &pgstore.Options{Schema: schema, Log: slog.New(slog.DiscardHandler)})
		used[s] = schema
		return s
	}, &storetest.Options{
		Second: func(t *testing.T, s burdock.Store) burdock.Store {
			return open(t, server.DSN(), &pgstore.Options{Schema: used[s]})
		},
		Tracker: func(_ *testing.T, s burdock.Store) burdock.Tracker {
			tr := s.(*pgstore.Store).Tracker(nil)
			stores[tr] = s.(*pgstore.Store)
			return tr
		},
		Events: func(t *testing.T, tr burdock.Tracker, app string) []burdock.Event {
			if err := tr.(*pgstore.Tracker).Flush(t.Context()); err != nil {
				t.Error(err)
			}
			return events(t, stores[tr], app, pgstore.Position{})
		},
	})
}

func BenchmarkStore(b *testing.B) {
	server := shared.Get(b)
	storetest.Benchmark(b, func(b *testing.B) burdock.Store {
		return open(b, server.DSN(), &pgstore.Options{Schema: fresh()})
	})
}
