package burdock

import (
	"context"
	"errors"
	"iter"
	"time"
)

// An Inbox is a Store that keeps messages for applications: answers to steps that wait, and requests to cancel. Anybody
// who can open the store may post one, without a claim and without the graph; the owner of the application takes it when
// it claims the application, and within a second while it runs. See Answer and Cancel.
//
// A message goes away with the commit of the step that used it: a Save forgets the messages that its checkpoints name in
// Checkpoint.Messages, and the answers to every step of which it saves a record that neither waits nor runs. So an owner
// that dies in between finds it again. The views of a Relaxer that is an Inbox are Inboxes too.
type Inbox interface {
	// Post keeps a message. It is durable when Post returns nil. An answer is refused with ErrNotWaiting unless the latest
	// step of m.To.App is m.To.Seq and recorded as waiting, and with ErrAnswered if there is another answer for that
	// step: of several at once exactly one is taken. Any message is refused with ErrNotFound if the store has no
	// application m.To.App, and with an error if that does not belong to m.Root. Posting a message of the same ID again
	// is no error and changes nothing. Post is not abandoned halfway when ctx ends, and never takes or disturbs a claim.
	Post(ctx context.Context, m Message) error
	// Messages yields the messages of a root that are not used, in the order in which they were posted. It stops at the
	// first error, which it yields.
	Messages(ctx context.Context, root string) iter.Seq2[Message, error]
}

// A Message is what an Inbox keeps.
type Message struct {
	ID     string        // unique in its root
	Root   string        // the application that a program runs
	To     Ref           // the step that is answered; of a cancellation only App counts
	Kind   MessageKind   // answer, cancel
	Inputs []InputRecord // of an answer, encoded
	Posted time.Time     // UTC
}

// A MessageKind says what a Message asks for.
type MessageKind string

// The kinds of messages.
const (
	MessageAnswer MessageKind = "answer" // Inputs for the step To
	MessageCancel MessageKind = "cancel" // end the application To.App
)

// Why a message is refused.
var (
	// ErrNotWaiting means that an answer is for a step that does not wait.
	ErrNotWaiting = errors.New("burdock: the step does not wait")
	// ErrAnswered means that the step has an answer already, which its owner has not used yet.
	ErrAnswered = errors.New("burdock: the step has been answered")
)
