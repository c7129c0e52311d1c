// Package storetest is the conformance suite of burdock.Store. A new store needs nothing more to be right:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) burdock.Store { return mystore.Open(t.TempDir()) }, nil)
//	}
//
// Each subtest is named after the rule it checks, as numbered in the project's rules: P1 identity and replacement, P2
// what a record holds, P3 claims, P4 fences, P5 batches, P7 relaxed saves, I8 inboxes, T1 journals, and L for the orders
// and filters of List. Those of the optional burdock.Pruner, Sizer, Relaxer, Inbox and Journal are skipped for a store
// that is none. Run it with -race.
//
// What it cannot check, and a store's own tests must: that what Save acknowledged survives the end of the process or
// of the machine, and what happens when the disk is full.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// Options tell Run what else a store can do.
type Options struct {
	// Second opens another store on what s keeps, as a second process would, while s stays open. Defaults to nil:
	// what needs two is skipped.
	Second func(t *testing.T, s burdock.Store) burdock.Store
	// Tracker returns the tracker of s, and Events what it has been given of one application, after writing what waits,
	// in order. Both are called concurrently if Parallel is set. Default to nil: what a journal writes is not checked.
	Tracker func(t *testing.T, s burdock.Store) burdock.Tracker
	Events  func(t *testing.T, tr burdock.Tracker, app string) []burdock.Event
	// Parallel runs the checks at the same time, as far as go test -parallel allows; open and Second are called
	// concurrently. Defaults to one after another.
	Parallel bool
}

// Run checks the store that open returns, a fresh one for each subtest. open registers its own clean-up with t. A nil
// opts is fine.
func Run(t *testing.T, open func(t *testing.T) burdock.Store, opts *Options) {
	if opts == nil {
		opts = &Options{}
	}
	for _, group := range groups {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				if opts.Parallel {
					t.Parallel()
				}
				c.run(&suite{T: t, Store: open(t), opts: opts})
			})
		}
	}
}

var groups = [][]check{identityChecks, valueChecks, batchChecks, claimChecks, listChecks, rootsChecks, concurrencyChecks, pruneChecks, journalChecks, relaxedChecks, inboxChecks, inboxSaveChecks, takenOverChecks}

// A check is one subtest; its name begins with the rule it checks.
type check struct {
	name string
	run  func(s *suite)
}

// A suite is one fresh store under test.
type suite struct {
	*testing.T
	burdock.Store
	opts *Options
}

// second is another store on the same backing; without one the check is skipped.
func (s *suite) second() burdock.Store {
	s.Helper()
	if s.opts.Second == nil {
		s.Skip("skipped: Options.Second is nil, so this store is checked alone")
	}
	return s.opts.Second(s.T, s.Store)
}

// epoch is when the suite's steps happen.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// step is a completed step of the root application id.
func step(id string, seq int64, next string, delta ...burdock.Change) burdock.Checkpoint {
	return burdock.Checkpoint{
		Root: id, App: id, Path: id, Graph: "g", GraphHash: "h1", Seq: seq, Kind: burdock.KindStep, Attempt: 1,
		Action: fmt.Sprintf("a%d", seq), Fence: burdock.Fence{Root: id, Epoch: 1}, Status: burdock.StatusCompleted, Next: next, Delta: delta,
		Started: epoch.Add(time.Duration(seq) * time.Second), Ended: epoch.Add(time.Duration(seq)*time.Second + time.Millisecond),
	}
}

// branch is a step of the index-th branch of a visit.
func branch(root string, parent burdock.Ref, index, seq int64) burdock.Checkpoint {
	c := step(root, seq, "")
	c.App = fmt.Sprintf("%s.%d.%d", parent.App, parent.Seq, index)
	c.Parent, c.Index, c.Key, c.Task = parent, index, fmt.Sprint(index), "work"
	c.Path = fmt.Sprintf("%s/map#%d/%d", parent.App, parent.Seq, index)
	c.Fingerprint = fmt.Sprintf("f%d", index)
	return c
}

func snapshot(c burdock.Checkpoint) burdock.Checkpoint {
	c.Kind, c.Delta = burdock.KindSnapshot, burdock.Delta{set("all", "{}")}
	return c
}

func set(key, value string) burdock.Change {
	return burdock.Change{Key: key, Op: burdock.OpSet, Value: []byte(value)}
}

func grow(key, value string) burdock.Change {
	return burdock.Change{Key: key, Op: burdock.OpAppend, Value: []byte(value)}
}

func (s *suite) claim(root string) burdock.Claim {
	s.Helper()
	c, err := s.Claim(s.Context(), root)
	if err != nil {
		s.Fatalf("Claim(%q): %v", root, err)
	}
	return c
}

func (s *suite) release(c burdock.Claim) {
	s.Helper()
	if err := c.Release(s.Context()); err != nil {
		s.Fatalf("Release: %v", err)
	}
}

// save claims nothing: epoch 1 is what a first claim would have given.
func (s *suite) save(batch ...burdock.Checkpoint) {
	s.Helper()
	if err := s.Save(s.Context(), burdock.Fence{Root: batch[0].Root, Epoch: 1}, batch); err != nil {
		s.Fatalf("Save: %v", err)
	}
}

func (s *suite) load(app string, seq int64) burdock.Checkpoint {
	s.Helper()
	c, err := s.Load(s.Context(), burdock.Ref{App: app, Seq: seq})
	if err != nil {
		s.Fatalf("Load(%q, %d): %v", app, seq, err)
	}
	return c
}

func (s *suite) missing(app string, seq int64) {
	s.Helper()
	if c, err := s.Load(s.Context(), burdock.Ref{App: app, Seq: seq}); !errors.Is(err, burdock.ErrNotFound) {
		s.Fatalf("Load(%q, %d): got seq %d, error %v, want ErrNotFound", app, seq, c.Seq, err)
	}
}

func (s *suite) all(q burdock.Query) []burdock.Checkpoint {
	s.Helper()
	list, err := collect(s.List(s.Context(), q))
	if err != nil {
		s.Fatalf("List(%+v): %v", q, err)
	}
	return list
}

func collect(seq iter.Seq2[burdock.Checkpoint, error]) (list []burdock.Checkpoint, err error) {
	for c, err := range seq {
		if err != nil {
			return list, err
		}
		list = append(list, c)
	}
	return list, nil
}

// same compares two records as they are stored: every field, nil and empty told apart.
func (s *suite) same(got, want burdock.Checkpoint) {
	s.Helper()
	g, err := record.Marshal(got)
	if err != nil {
		s.Fatalf("what came back cannot be encoded: %v", err)
	}
	w, err := record.Marshal(want)
	if err != nil {
		s.Fatalf("what was saved cannot be encoded: %v", err)
	}
	if !bytes.Equal(g, w) {
		s.Fatalf("got  %s\nwant %s", g, w)
	}
}

// names writes records as "app seq" or "app seq s" for a snapshot.
func names(list []burdock.Checkpoint) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = fmt.Sprintf("%s %d", c.App, c.Seq)
		if c.Kind == burdock.KindSnapshot {
			out[i] += " s"
		}
	}
	return out
}

func (s *suite) lists(q burdock.Query, want ...string) {
	s.Helper()
	if got := names(s.all(q)); !slices.Equal(got, want) {
		s.Errorf("List(%+v):\ngot  %q\nwant %q", q, got, want)
	}
}

func (s *suite) conflict(err error) {
	s.Helper()
	if !errors.Is(err, burdock.ErrConflict) {
		s.Fatalf("got error %v, want ErrConflict", err)
	}
}

func done() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
