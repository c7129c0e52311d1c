package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(seed uint64, store burdock.Store, concurrency int) *burdock.Options {
	r := rules{Seed: seed, Caution: 3, Contagious: 0.15, Recover: 0.15, Days: 25}
	return &burdock.Options{
		ID: "town", State: burdock.StateOf(newTown(r, 40)),
		Cascade: burdock.Cascade{Store: store}, MaxConcurrency: concurrency,
	}
}

// alone is what comes of a seed when one person is simulated after the other.
func alone(t *testing.T, seed uint64) history {
	t.Helper()
	h, err := simulate(t.Context(), 1, options(seed, nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSameSeedGivesTheSameWhateverTheConcurrency(t *testing.T) {
	want := alone(t, 1)
	for _, limit := range []int{1, 64} {
		for _, concurrency := range []int{1, 0} {
			for name, store := range stores(t) {
				got, err := simulate(t.Context(), limit, options(1, store, concurrency))
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("Limit %d, MaxConcurrency %d, %s: error %v (-alone +got):\n%s", limit, concurrency, name, err, diff)
				}
			}
		}
	}
	if cmp.Equal(want, alone(t, 2)) {
		t.Error("two seeds give the same")
	}
}

func TestResumedInTheMiddleGivesTheSame(t *testing.T) {
	want := alone(t, 1)
	for _, limit := range []int{1, 64} {
		for name, store := range stores(t) {
			if store == nil {
				continue
			}
			cuts := 0
			for { // every 111 people it is stopped, in the middle of a day
				got, err := simulateUntil(t, 111, limit, options(1, store, 0))
				if errors.Is(err, context.Canceled) {
					limit = 65 - limit
					cuts++
					continue
				}
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%s: error %v (-undisturbed +got):\n%s", name, err, diff)
				}
				break
			}
			if cuts < 3 {
				t.Errorf("%s: stopped %d times, want some", name, cuts)
			}
		}
	}
}

// simulateUntil is cancelled after so many people have lived a day.
func simulateUntil(t *testing.T, people int64, limit int, opts *burdock.Options) (history, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lived atomic.Int64
	opts.Cascade.Middleware = []burdock.Middleware{func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			if s.Action == "live" && lived.Add(1) == people {
				cancel()
			}
			return next(ctx, s)
		}
	}}
	return simulate(ctx, limit, opts)
}

func stores(t *testing.T) map[string]burdock.Store {
	t.Helper()
	onDisk, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "town.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := onDisk.Close(); err != nil {
			t.Error(err)
		}
	})
	// No power cut is tested here, and a sync for each person would take minutes.
	return map[string]burdock.Store{"no store": nil, "memory": memstore.New(), "SQLite": onDisk.Relaxed()}
}

func TestProgramPrintsWhatItsReadmeShows(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```text\n")
	want, _, _ := strings.Cut(rest, "```")
	for _, limit := range []int{1, 64} {
		var out strings.Builder
		if err := run(t.Context(), []string{"-limit", fmt.Sprint(limit)}, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("-limit %d (-README +got):\n%s", limit, diff)
		}
	}
}

func TestChartFitsItsWidth(t *testing.T) {
	h := history{People: make([]person, 10)}
	for day := range 200 {
		h.Ill = append(h.Ill, day%10)
	}
	var out strings.Builder
	h.draw(&out)
	for line := range strings.Lines(out.String()) {
		if bars := strings.Count(line, "#"); bars > width {
			t.Errorf("a line of %d columns, want at most %d", bars, width)
		}
	}
	if !strings.Contains(out.String(), "    9 |") || !strings.Contains(out.String(), "- day 200\n") {
		t.Errorf("got\n%s", &out)
	}
}
