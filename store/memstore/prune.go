package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

var (
	_ burdock.Pruner = (*Store)(nil)
	_ burdock.Sizer  = (*Store)(nil)
)

// Prune implements burdock.Pruner, at one moment. Its space is the garbage collector's.
func (s *Store) Prune(ctx context.Context, p burdock.Prune) (done burdock.Pruned, err error) {
	if err := record.CheckPrune(p); err != nil {
		return done, fmt.Errorf("memstore: prune: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, root := range s.selectedRoots(p) {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		tree := s.tree(root)
		if s.alive(root) || slices.ContainsFunc(tree, (*app).waits) {
			continue
		}
		size, err := sizeOf(tree)
		if err != nil {
			return done, err
		}
		if !p.DryRun {
			s.forget(root, tree)
		}
		done.Roots = append(done.Roots, root)
		done.Checkpoints += size.Checkpoints
		done.Bytes += size.Bytes
	}
	return done, nil
}

// selectedRoots are the ids that p selects, the one written longest ago first.
func (s *Store) selectedRoots(p burdock.Prune) []string {
	var ids []string
	for _, a := range s.listed(burdock.Query{Roots: true, Project: p.Project, Before: p.Before}) {
		if record.Prunes(p, *a.latest()) {
			ids = append(ids, a.id)
		}
	}
	ids = ids[min(p.Keep, len(ids)):]
	slices.Reverse(ids)
	return ids
}

func (s *Store) alive(root string) bool {
	r := s.roots[root]
	return r != nil && r.held != nil
}

func (a *app) waits() bool {
	c := a.latest()
	return c != nil && c.Status == burdock.StatusWaiting
}

// forget drops a tree with its messages and raises its root's fence.
func (s *Store) forget(root string, tree []*app) {
	for _, a := range tree {
		delete(s.visits[a.parent], a.id)
		if len(s.visits[a.parent]) == 0 {
			delete(s.visits, a.parent)
		}
		delete(s.apps, a.id)
	}
	delete(s.inbox, root)
	r := s.root(root)
	r.fence = burdock.Fence{Root: root, Epoch: r.fence.Epoch + 1}
}

// Size implements burdock.Sizer. Bytes are those that the checkpoints would have as package record encodes them.
func (s *Store) Size(ctx context.Context, root string) (burdock.Size, error) {
	if err := ctx.Err(); err != nil {
		return burdock.Size{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tree := s.tree(root)
	if len(tree) == 0 {
		return burdock.Size{}, fmt.Errorf("memstore: size of %q: %w", root, burdock.ErrNotFound)
	}
	return sizeOf(tree)
}

func sizeOf(tree []*app) (size burdock.Size, err error) {
	var buf []byte
	for _, a := range tree {
		for _, c := range slices.Concat(a.steps, a.snapshots) {
			if buf, err = record.Append(buf[:0], c); err != nil {
				return size, err
			}
			size.Checkpoints++
			size.Bytes += int64(len(buf))
		}
	}
	size.Apps = int64(len(tree))
	return size, nil
}
