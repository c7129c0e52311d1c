package burdock

import "context"

// A Durability says what an acknowledged step survives.
type Durability string

// The durabilities of an application.
const (
	// Durable steps survive the end of the process and of the machine. It is the default.
	Durable Durability = "durable"
	// Relaxed steps survive the end of the process. After a power cut the application and its branches go back
	// together to an earlier moment, never to a mixture. The store must be a Relaxer.
	Relaxed Durability = "relaxed"
	// OnHalt steps are kept in memory and saved in one batch when the call on the App comes back, whatever the
	// reason. A process that dies before loses what it did since the call began.
	OnHalt Durability = "on_halt"
	// Volatile is what StepInfo.Durable says of an application without a store. It is no option.
	Volatile Durability = "volatile"
)

// A Relaxer is a Store that can acknowledge before the machine's disk has the data.
type Relaxer interface {
	// Relaxed returns a view of the same store whose Save returns when the end of the process can lose nothing any
	// more. What a view saved is ordered before whatever the store saves later: a power cut loses a tail.
	Relaxed() Store
}

// A Journal is a Store that commits events with the checkpoint they belong to, so that what is watched and what is
// saved never disagree.
type Journal interface {
	// Journals reports whether t writes its events to where the store keeps its checkpoints.
	Journals(t Tracker) bool
	// SaveJournal is Save of batch together with events: all or nothing. An event that cannot be stored is dropped,
	// counted and logged as Track would, and does not make it fail.
	SaveJournal(ctx context.Context, fence Fence, batch []Checkpoint, events []Event) error
}
