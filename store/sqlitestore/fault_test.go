package sqlitestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// thorough tests try everything and not a sample: BURDOCK_THOROUGH=1 go test -timeout 30m.
func thorough() bool { return os.Getenv("BURDOCK_THOROUGH") != "" }

// sampled is n of the numbers below total, or all of them in a thorough test; a failure names the seed.
func sampled(t *testing.T, n, total int) []int {
	t.Helper()
	seed := rand.Uint64()
	order := rand.New(rand.NewPCG(seed, 0)).Perm(total)
	if !thorough() && n < total {
		t.Logf("seed %d", seed)
		order = order[:n]
	}
	slices.Sort(order)
	return order
}

// fastDir is a folder in memory where there is one, for what looks at no sync.
func fastDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "burdock")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A scenario does one of everything that writes. What fails is tried again, as often as there are faults.
type scenario struct {
	t      *testing.T
	faults int
	store  *sqlitestore.Store
	claim  burdock.Claim
	acked  [][]burdock.Checkpoint
	failed [][]burdock.Checkpoint // never acknowledged
	posted bool
	pruned bool
	errs   []error
}

// try expects an operation to succeed, or to fail clearly and to succeed when the faults are over.
func (s *scenario) try(what string, f func() error) bool {
	for range s.faults + 1 {
		err := f()
		if err == nil {
			return true
		}
		s.errs = append(s.errs, err)
		if e, ok := errors.AsType[*sqlitestore.Error](err); !ok || e.Path == "" || e.Op == "" {
			s.t.Errorf("%s: got %v, want an *Error that names the file", what, err)
		}
	}
	s.t.Errorf("%s fails for ever", what)
	return false
}

func (s *scenario) save(store burdock.Journal, fence burdock.Fence, events []burdock.Event, batch ...burdock.Checkpoint) {
	s.t.Helper()
	if s.try("save", func() error { return store.SaveJournal(context.Background(), fence, batch, events) }) {
		s.acked = append(s.acked, batch)
	} else {
		s.failed = append(s.failed, batch)
	}
}

// run does it all, and closes the store.
func (s *scenario) run(path string, opts *sqlitestore.Options) {
	ctx := context.Background()
	if !s.try("open", func() (err error) {
		s.store, err = sqlitestore.Open(ctx, path, opts)
		return err
	}) {
		return
	}
	claim := func() (err error) {
		s.claim, err = s.store.Claim(ctx, "r")
		return err
	}
	if !s.try("claim", claim) {
		return
	}
	old := burdock.Fence{Root: "old", Epoch: 1}
	s.save(s.store, old, nil, step("old", 1, "x"))
	s.save(s.store, s.claim.Fence(), []burdock.Event{event("r", 0, 1)}, step("r", 0, "x"), branch(1), later(branch(1)))
	moved := later(later(branch(1)))
	moved.Index, moved.Graph, moved.Description = 9, "g2", []byte(`{"nodes":[]}`)
	snap := moved
	snap.Kind = burdock.KindSnapshot
	s.save(s.store, s.claim.Fence(), nil, moved, snap, branch(2))
	if err := s.store.Tracker(nil).Track(ctx, event("r", 1, 1)); err != nil {
		s.t.Error(err)
	}
	s.save(s.store.Relaxed().(burdock.Journal), s.claim.Fence(), []burdock.Event{event("r", 1, 2)}, step("r", 1, "y"))
	s.try("release", func() error { return s.claim.Release(ctx) })
	s.try("claim", claim)
	s.posted = s.try("post", func() error { return s.store.Post(ctx, cancellation("m", "r", "r")) })
	s.try("messages", func() error {
		for _, err := range s.store.Messages(ctx, "r") {
			if err != nil {
				return err
			}
		}
		return nil
	})
	used := step("r", 2, "z")
	used.Messages = []string{"m"}
	s.save(s.store, s.claim.Fence(), nil, used)
	s.pruned = s.try("prune", func() error {
		_, err := s.store.Prune(ctx, burdock.Prune{Keep: 1})
		return err
	})
	if _, err := s.store.Load(ctx, burdock.Ref{App: "r", Seq: 2}); err != nil {
		s.errs = append(s.errs, err)
	}
	s.errs = append(s.errs, s.store.Close())
}

// verify opens the database without faults. Everything that was acknowledged is there, of everything else all or
// nothing, each event once.
func (s *scenario) verify(path string) {
	s.t.Helper()
	store, err := sqlitestore.Open(context.Background(), path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(s.t.Context()); err != nil {
		s.t.Error(err)
	}
	stored := map[string][]byte{}
	for _, root := range []string{"r", "old"} {
		for c, err := range store.List(s.t.Context(), burdock.Query{Root: root}) {
			if err != nil {
				s.t.Fatal(err)
			}
			stored[identity(c)] = encoded(c)
		}
	}
	for i, batch := range slices.Concat(s.acked, s.failed) {
		found := 0
		for _, c := range batch {
			if bytes.Equal(stored[identity(c)], encoded(c)) {
				found++
			}
		}
		switch root, acked := batch[0].Root, i < len(s.acked); {
		case root == "old" && s.pruned && found > 0:
			s.t.Error("what was forgotten is there")
		case root == "old" && s.pruned:
		case acked && found < len(batch):
			s.t.Errorf("%d of %d records of batch %d are there, which was acknowledged", found, len(batch), i)
		case found != 0 && found < len(batch):
			s.t.Errorf("%d of %d records of batch %d are there", found, len(batch), i)
		}
	}
	used := stored[identity(step("r", 2, ""))] != nil
	if n := len(kept(s.t, store, "r")); used && n > 0 || s.posted && !used && n == 0 || n > 1 {
		s.t.Errorf("%d messages are kept; posted: %v, used: %v", n, s.posted, used)
	}
	var got []string
	for e, err := range store.Events(s.t.Context(), "r", sqlitestore.Position{}) {
		if err != nil {
			s.t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Seq, e.N))
	}
	if s.faults > 1 { // a Save that failed twice and was called again may have written its events before
		got = slices.Compact(got)
	}
	if want := []string{"0 1", "1 1", "1 2"}; len(s.failed) == 0 && !slices.Equal(got, want) {
		s.t.Errorf("got events %q, want %q", got, want)
	}
	c, err := store.Claim(s.t.Context(), "r")
	if err != nil {
		s.t.Fatal(err)
	}
	if err := store.Save(s.t.Context(), c.Fence(), []burdock.Checkpoint{step("r", 3, "after")}); err != nil {
		s.t.Error(err)
	}
}

func identity(c burdock.Checkpoint) string { return fmt.Sprint(c.App, " ", c.Seq, " ", c.Kind) }

func encoded(c burdock.Checkpoint) []byte {
	data, err := record.Marshal(c)
	if err != nil {
		panic(err) // nobody could have stored it
	}
	return data
}

var quiet = sqlitestore.Options{BusyTimeout: 3 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}

// TestP6_WhateverStatementFailsNothingAcknowledgedIsLost lets each statement of a scenario fail, alone or with those that
// follow, with each code, before and after it took effect: those that open the database, those of claims, saves, events
// and Prune, and COMMIT.
func TestP6_WhateverStatementFailsNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	none := &sqlitestore.Faults{}
	whole := &scenario{t: t}
	path := filepath.Join(fastDir(t), "test.db")
	whole.run(path, none.Options(quiet))
	whole.verify(path)
	if err := errors.Join(whole.errs...); err != nil {
		t.Fatalf("without faults: %v", err)
	}
	codes := []int{sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR | 4<<8, sqlite3.SQLITE_BUSY}
	all, statements := none.All(), map[string]bool{}
	var faults []*sqlitestore.Faults
	for _, i := range sampled(t, 30, len(all)*len(codes)*4) {
		n, kind := i%len(all), i/len(all)
		faults = append(faults, &sqlitestore.Faults{At: n + 1, Times: 1 + kind%2*4, After: kind/2%2 == 1, Code: codes[kind/4]})
	}
	for i, statement := range all { // those whose outcome decides what the next ones mean
		if slices.Contains([]string{"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "PRAGMA synchronous = NORMAL"}, statement) {
			faults = append(faults, &sqlitestore.Faults{At: i + 1, Times: 1, After: true, Code: sqlite3.SQLITE_IOERR})
		}
	}
	for _, f := range faults {
		t.Run(fmt.Sprintf("statement %d code %d after %v times %d", f.At, f.Code, f.After, f.Times), func(t *testing.T) {
			path := filepath.Join(fastDir(t), "test.db")
			s := &scenario{t: t, faults: f.Times}
			s.run(path, f.Options(quiet))
			s.verify(path)
			if t.Failed() {
				t.Logf("it failed in %q; errors: %v", f.Hits(), s.errs)
			}
		})
		for _, hit := range f.Hits() {
			statements[hit] = true
		}
	}
	t.Logf("%d statements in all, %d different ones have failed", len(all), len(statements))
}
