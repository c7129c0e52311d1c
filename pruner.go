package burdock

import (
	"context"
	"time"
)

// A Pruner is a Store that can forget applications.
type Pruner interface {
	// Prune forgets the roots that p selects, each with all its descendants and their events, and says which they were.
	// A root goes whole or not at all, the one written longest ago first; what others read meanwhile is a root before
	// or after. Everything else stays as it is.
	//
	// It never forgets an application that a living owner has claimed, nor one that waits for an input, itself or in a
	// branch. One that changes while Prune looks at it stays too.
	//
	// The fence of a root outlives it and is raised: whoever slept since before can write nothing more into it, while
	// its id is free for another application.
	//
	// It fails if p selects nothing in particular. When ctx ends, or the store fails, it returns what was forgotten by
	// then beside the error.
	Prune(ctx context.Context, p Prune) (Pruned, error)
}

// A Prune selects root applications to be forgotten: those that all its fields select. At least one of Before, Keep,
// Status and Project is set.
type Prune struct {
	// Before selects what was last written before this moment, as Query.Before does. Zero means any.
	Before time.Time
	// Keep leaves out this many of those that the other fields select, the most recently written. They are counted
	// before it is asked which of them live or wait.
	Keep int
	// Status selects applications that stand so, in the words of record.AppStatus for one that nobody advances:
	// completed is one that nothing follows in, paused one between two steps, stale one in mid-step. Empty means any.
	Status []Status
	// Project selects the applications of one project. Empty means any.
	Project string
	// DryRun only says what would be forgotten.
	DryRun bool
}

// Pruned says what Prune has forgotten, or would forget.
type Pruned struct {
	Roots       []string // ids, the one written longest ago first
	Checkpoints int64
	Events      int64
	Bytes       int64 // of these, as Size counts them; a store on disk may keep the space for what comes
}

// A Sizer is a Store that can say how much it keeps of one application.
type Sizer interface {
	// Size counts what is kept of a root and all its descendants. It fails with ErrNotFound if there is nothing.
	Size(ctx context.Context, root string) (Size, error)
}

// A Size is how much a store keeps.
type Size struct {
	Apps        int64 // the root and its branches
	Checkpoints int64
	Events      int64
	Bytes       int64 // of encoded checkpoints and events, without what indexes and half-filled pages take
}
