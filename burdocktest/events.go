package burdocktest

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/burdock-go/burdock"
)

// events keeps what a tracker is told.
type events struct {
	mu  sync.Mutex
	all []burdock.Event
}

// Track implements burdock.Tracker.
func (e *events) Track(_ context.Context, ev burdock.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
	return nil
}

// sorted returns events in an order that does not depend on time: their applications as in the trace, and for each by
// step, attempt and number.
func sorted(all []burdock.Event, trace *Trace) []burdock.Event {
	rank := map[string]int{}
	trace.each(func(tr *Trace) { rank[tr.Path] = len(rank) + 1 })
	return slices.SortedStableFunc(slices.Values(all), func(a, b burdock.Event) int {
		return cmp.Or(cmp.Compare(rank[a.Path], rank[b.Path]), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Attempt, b.Attempt), cmp.Compare(a.N, b.N))
	})
}
