// Package memstore keeps checkpoints in memory. It is the reference for what a burdock.Store does, and the store of
// tests and of programs that want branches restored within one process.
//
// # The model
//
//	Store ─ roots ─ "run-7" ─ highest fence seen, the claim that holds it
//	      ├ apps ── "run-7" ─ steps     [0 1 2 3 …]   one immutable record per sequence number
//	      │                 └ snapshots [2 …]
//	      ├ visits ─ {run-7, 3} ─ the apps that this parallel step started
//	      └ inbox ── "run-7" ─ the messages that no step has used yet
//
// Save makes a deep copy of each checkpoint, swaps it in and never changes it afterwards. So List takes its pointers
// under the lock and yields without it: a listing shows one moment, and its loop may call the store or take a day.
//
// # Guarantees
//
//   - All of P1, P3, P4, P5 and I8 of the rules, within one process: package storetest runs against it.
//   - An owner lives until its claim is released. Nothing outlasts the process.
//   - The store starts no goroutine and holds its mutex for no longer than a batch takes to copy, so it may be used in
//     testing/synctest bubbles.
//
// In plain words: it does what the stores on disk do, but forgets everything when the process ends.
package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A Store is a burdock.Store in memory. It is safe for concurrent use. Make one with New.
type Store struct {
	mu     sync.Mutex
	roots  map[string]*root
	apps   map[string]*app
	visits map[burdock.Ref]map[string]*app
	graphs map[string][]byte            // descriptions by graph hash
	inbox  map[string][]burdock.Message // by root, in the order of posting
}

// New returns an empty store.
func New() *Store {
	return &Store{
		roots:  map[string]*root{},
		apps:   map[string]*app{},
		visits: map[burdock.Ref]map[string]*app{},
		graphs: map[string][]byte{},
		inbox:  map[string][]burdock.Message{},
	}
}

var _ burdock.Store = (*Store)(nil)

// A root is what the store knows about the right to advance one root application.
type root struct {
	fence burdock.Fence // the highest seen
	held  *claim        // nil while nobody holds it
}

// below reports whether f is older than g, both of one root.
func below(f, g burdock.Fence) bool {
	return f.Epoch < g.Epoch || f.Epoch == g.Epoch && f.Dispatch < g.Dispatch
}

func (s *Store) root(id string) *root {
	r := s.roots[id]
	if r == nil {
		r = &root{fence: burdock.Fence{Root: id}}
		s.roots[id] = r
	}
	return r
}

// Claim implements burdock.Store. The owner lives until it releases the claim. A ctx that is done makes it fail
// without a claim.
func (s *Store) Claim(ctx context.Context, id string) (burdock.Claim, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fmt.Errorf("memstore: claim: no root is named")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.root(id)
	if r.held != nil {
		return nil, fmt.Errorf("memstore: claim %q: held with epoch %d by this process: %w", id, r.held.fence.Epoch, burdock.ErrConflict)
	}
	r.fence = burdock.Fence{Root: id, Epoch: r.fence.Epoch + 1}
	r.held = &claim{store: s, fence: r.fence, lost: make(chan struct{})}
	return r.held, nil
}

// Live reports whether a living owner holds the root.
func (s *Store) Live(_ context.Context, id string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.roots[id]
	return r != nil && r.held != nil, nil
}

type claim struct {
	store *Store
	fence burdock.Fence
	lost  chan struct{}
	gone  bool // lost is closed; guarded by store.mu
}

func (c *claim) Fence() burdock.Fence  { return c.fence }
func (c *claim) Lost() <-chan struct{} { return c.lost }

func (c *claim) Release(context.Context) error {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if r := c.store.root(c.fence.Root); r.held == c {
		r.held = nil
	}
	return nil
}

// lose closes lost; the caller holds the store's mutex.
func (c *claim) lose() {
	if !c.gone {
		c.gone = true
		close(c.lost)
	}
}

// Save implements burdock.Store. It copies what it keeps. A ctx that is done before Save begins makes it fail with
// nothing written; later its end changes nothing.
func (s *Store) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := record.CheckBatch(fence, batch); err != nil {
		return fmt.Errorf("memstore: save: %w", err)
	}
	copies := make([]*burdock.Checkpoint, len(batch))
	for i := range batch {
		c, err := clone(&batch[i])
		if err != nil {
			return fmt.Errorf("memstore: save step %d of %q: %w", batch[i].Seq, batch[i].App, err)
		}
		copies[i] = c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(fence); err != nil {
		return err
	}
	now := time.Now()
	for _, c := range copies {
		s.put(c, now)
	}
	s.forgetMessages(fence.Root, copies)
	return nil
}

// admit refuses a stale fence and remembers a higher one; who holds the root with a lower one learns it.
func (s *Store) admit(fence burdock.Fence) error {
	r := s.root(fence.Root)
	if below(fence, r.fence) {
		return fmt.Errorf("memstore: save: epoch %d, dispatch %d of %q is below epoch %d, dispatch %d: %w",
			fence.Epoch, fence.Dispatch, fence.Root, r.fence.Epoch, r.fence.Dispatch, burdock.ErrConflict)
	}
	if r.held != nil && r.held.fence.Epoch < fence.Epoch {
		r.held.lose()
	}
	r.fence = fence
	return nil
}

// Load implements burdock.Store.
func (s *Store) Load(ctx context.Context, ref burdock.Ref) (burdock.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return burdock.Checkpoint{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[ref.App]; a != nil {
		if c := a.step(ref.Seq); c != nil {
			return *c, nil
		}
	}
	return burdock.Checkpoint{}, fmt.Errorf("memstore: load step %d of %q: %w", ref.Seq, ref.App, burdock.ErrNotFound)
}
