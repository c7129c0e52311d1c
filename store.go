package burdock

import (
	"context"
	"iter"
	"time"
)

// A Store keeps checkpoints and decides who may advance an application. Implementations are safe for concurrent use;
// package storetest is their conformance suite.
//
// What a Store returns may be shared: callers do not write to it. What Save is given belongs to the caller after Save
// returned, so a Store copies what it retains.
type Store interface {
	// Claim gives the caller the right to advance the application root and all its descendants. The claim's epoch is
	// one above that of any earlier claim of root. It fails with ErrConflict while a living owner holds root.
	Claim(ctx context.Context, root string) (Claim, error)

	// Save commits all of batch or nothing. When it returns nil, batch is durable: it survives the end of the process
	// and, unless the store says otherwise, of the machine. It fails with ErrConflict, and writes nothing, if the
	// store has seen a higher fence for the root, equal checkpoints included. Under a valid fence saving an equal
	// checkpoint again is no conflict. All of batch belongs to fence.Root. Save is not abandoned halfway when ctx ends.
	Save(ctx context.Context, fence Fence, batch []Checkpoint) error

	// Load returns one step's record, of KindStep. It fails with ErrNotFound if there is none. A Ref.Seq below zero
	// is the application's latest step.
	Load(ctx context.Context, ref Ref) (Checkpoint, error)

	// List yields the checkpoints that q selects, in the order that q names, reading them lazily. It stops at the
	// first error, which it yields.
	List(ctx context.Context, q Query) iter.Seq2[Checkpoint, error]
}

// A Claim is the right to advance one root. Release ends what renews it; after it the store has no goroutine for this
// root.
type Claim interface {
	// Fence is what every Save under this claim carries.
	Fence() Fence
	// Lost is closed when the store finds that the claim is no longer held, so that the tree can stop early.
	Lost() <-chan struct{}
	// Release gives the claim up. It is idempotent, and works also when ctx is already done.
	Release(ctx context.Context) error
}

// A Fence orders the owners of one root. A store refuses a Save whose fence is below the highest it has seen.
type Fence struct {
	Root     string
	Epoch    int64 // grows by one with each claim of the root
	Dispatch int64 // grows with each hand-over of a branch to an executor
}

// A Query selects checkpoints. Exactly one of App, Parent, Root and Roots is set; the other fields narrow it.
type Query struct {
	// App selects the checkpoints of one application by sequence number, a snapshot after its step.
	App string
	// Parent selects the checkpoints of all branches that one parallel step started, all of one branch together and
	// by sequence number; the branches by index, or with Join by join number.
	Parent Ref
	// Root selects the checkpoints of a root and all its descendants: those of one application together and by
	// sequence number, a parent before its branches.
	Root string
	// Roots selects the root applications, the most recently written first.
	Roots bool

	// Until, with App, leaves out checkpoints after this sequence number. Zero means no bound.
	Until int64
	// Rebuild, with App or Parent, leaves out what rebuilding the latest state (with Until: that state) does not need:
	// what stands before the last snapshot and touches no append list. The latest step record is always included,
	// and so is sequence 0.
	Rebuild bool
	// Latest leaves only the latest step record of each application. Roots implies it.
	Latest bool
	// Join, with Parent, orders branches by join number, those without one last, by index.
	Join bool

	// Project, Partition, Prefix (of the id) and Status, with Roots, narrow it by equality with the latest record.
	Project, Partition, Prefix string
	Status                     []Status
	// Before, with Roots, leaves out what was written at or after this moment, which is when the latest step ended or
	// else began; it is the cursor of a paged listing.
	Before time.Time
	// Limit bounds how many checkpoints, not applications, are yielded. Zero means all.
	Limit int
}
