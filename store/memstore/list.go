package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// List implements burdock.Store. It yields the records as they stood when the loop began. It stops at the first
// error, and with ctx's error when ctx is done.
func (s *Store) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	return func(yield func(burdock.Checkpoint, error) bool) {
		if err := record.CheckQuery(q); err != nil {
			yield(burdock.Checkpoint{}, fmt.Errorf("memstore: list: %w", err))
			return
		}
		for i, c := range s.selected(q) {
			if err := ctx.Err(); err != nil {
				yield(burdock.Checkpoint{}, err)
				return
			}
			if q.Limit > 0 && i >= q.Limit || !yield(*c, nil) {
				return
			}
		}
	}
}

// selected collects pointers to immutable records under the lock.
func (s *Store) selected(q burdock.Query) []*burdock.Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*burdock.Checkpoint
	for _, a := range s.order(q) {
		if q.Latest || q.Roots {
			if steps := upTo(a.steps, bound(q)); len(steps) > 0 {
				found = append(found, steps[len(steps)-1])
			}
			continue
		}
		found = append(found, a.records(q)...)
	}
	return found
}

// bound is the last sequence number that q asks for.
func bound(q burdock.Query) int64 {
	if q.Until > 0 {
		return q.Until
	}
	return math.MaxInt64
}

// order names the applications of q in the order in which they are listed.
func (s *Store) order(q burdock.Query) []*app {
	switch {
	case q.App != "":
		if a := s.apps[q.App]; a != nil {
			return []*app{a}
		}
		return nil
	case q.Parent.App != "":
		return s.branches(q.Parent, q.Join)
	case q.Root != "":
		return s.tree(q.Root)
	}
	return s.listed(q)
}

func (s *Store) branches(visit burdock.Ref, join bool) []*app {
	return slices.SortedFunc(maps.Values(s.visits[visit]), func(a, b *app) int {
		if join {
			if c := cmp.Compare(a.joined(), b.joined()); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.id, b.id))
	})
}

// joined is the join number of the latest step; what has none sorts last.
func (a *app) joined() int64 {
	if c := a.latest(); c != nil && c.Join != 0 {
		return c.Join
	}
	return math.MaxInt64
}

// tree lists a root's applications depth first. A branch whose parent has no record yet begins a tree of its own.
func (s *Store) tree(root string) []*app {
	children := map[string][]*app{}
	var tops []*app
	for _, a := range s.apps {
		if a.rootID() != root {
			continue
		}
		if p := s.apps[a.parent.App]; p == nil || a.id == root {
			tops = append(tops, a)
		} else {
			children[a.parent.App] = append(children[a.parent.App], a)
		}
	}
	var list []*app
	var walk func([]*app)
	walk = func(level []*app) {
		slices.SortFunc(level, func(a, b *app) int {
			return cmp.Or(cmp.Compare(a.parent.Seq, b.parent.Seq), cmp.Compare(a.index, b.index), cmp.Compare(a.id, b.id))
		})
		for _, a := range level {
			list = append(list, a)
			walk(children[a.id])
		}
	}
	walk(tops)
	return list
}

func (a *app) rootID() string {
	if c := a.latest(); c != nil {
		return c.Root
	}
	return a.snapshots[len(a.snapshots)-1].Root
}

// listed are the root applications that q's fields name, the most recently written first.
func (s *Store) listed(q burdock.Query) []*app {
	var list []*app
	for _, a := range s.apps {
		if c := a.latest(); c != nil && c.App == c.Root && matches(q, a, c) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *app) int {
		return cmp.Or(b.written.Compare(a.written), cmp.Compare(a.id, b.id))
	})
	return list
}

func matches(q burdock.Query, a *app, c *burdock.Checkpoint) bool {
	return (q.Project == "" || q.Project == c.Project) &&
		(q.Partition == "" || q.Partition == c.Partition) &&
		strings.HasPrefix(c.App, q.Prefix) &&
		(len(q.Status) == 0 || slices.Contains(q.Status, c.Status)) &&
		(q.Before.IsZero() || a.written.Before(q.Before))
}

// records are the app's records that q asks for, a snapshot after its step.
func (a *app) records(q burdock.Query) []*burdock.Checkpoint {
	steps, snapshots := upTo(a.steps, bound(q)), upTo(a.snapshots, bound(q))
	if q.Rebuild {
		return rebuild(steps, snapshots)
	}
	merged := make([]*burdock.Checkpoint, 0, len(steps)+len(snapshots))
	for _, c := range steps {
		for len(snapshots) > 0 && snapshots[0].Seq < c.Seq {
			merged, snapshots = append(merged, snapshots[0]), snapshots[1:]
		}
		merged = append(merged, c)
	}
	return append(merged, snapshots...)
}

func upTo(list []*burdock.Checkpoint, seq int64) []*burdock.Checkpoint {
	i, found := slices.BinarySearchFunc(list, seq, bySeq)
	if found {
		i++
	}
	return list[:i]
}

// rebuild leaves out older snapshots, and the steps up to the last one that touch no append list.
func rebuild(steps, snapshots []*burdock.Checkpoint) []*burdock.Checkpoint {
	if len(snapshots) == 0 {
		return slices.Clone(steps)
	}
	snap := snapshots[len(snapshots)-1]
	var list []*burdock.Checkpoint
	for i, c := range steps {
		if snap != nil && c.Seq > snap.Seq {
			list, snap = append(list, snap), nil
		}
		if snap == nil || c.Lists || c.Seq == 0 || i == len(steps)-1 {
			list = append(list, c)
		}
	}
	if snap != nil {
		list = append(list, snap)
	}
	return list
}
