package burdock

import (
	"context"
	"time"
)

// A Tracker is told what happens. Track is called in order for one branch and concurrently for different branches; it
// may slow a step and never changes its result: an error it returns, or a panic, is counted and logged, no more.
// The context is the step's own, detached from cancellation.
type Tracker interface {
	Track(ctx context.Context, e Event) error
}

// A TrackerFunc is a function that is told of events.
type TrackerFunc func(ctx context.Context, e Event) error

// Track calls f.
func (f TrackerFunc) Track(ctx context.Context, e Event) error { return f(ctx, e) }

// An EventKind says what an Event reports. The set is closed; later versions may add to it.
type EventKind string

// The kinds of events, with the fields that are set beside the common ones.
const (
	EventAppStarted    EventKind = "app_started"    // a Run, Steps or Events begins: Graph, GraphHash
	EventAppEnded      EventKind = "app_ended"      // it ends: Stop, Status, Error
	EventStepStarted   EventKind = "step_started"   // an attempt begins: Action, Attempt
	EventStepEnded     EventKind = "step_ended"     // an attempt ends: Status, Error, Started, Next
	EventBranchStarted EventKind = "branch_started" // a branch of a parallel step begins: Task, Key, Index, Parent
	EventBranchEnded   EventKind = "branch_ended"   // it ends: Status, Error, Started, Join
	EventRestored      EventKind = "restored"       // a branch's recorded result is used again, or with Name "cache" that of an equal branch: Status, Join
	EventWaiting       EventKind = "waiting"        // a required input has no source: Needs
	EventRetry         EventKind = "retry"          // an attempt failed and another follows: Error, Attempt
	EventSpanStarted   EventKind = "span_started"   // Span: Name, Span, ParentSpan
	EventSpanEnded     EventKind = "span_ended"     // its end: Name, Span, Started, Error
	EventAttr          EventKind = "attr"           // Attr: Name, Value, Span
	EventChunk         EventKind = "chunk"          // a streaming action's piece: Value
)

// An Event is one thing that happened in one application. Events of one application are ordered by (Seq, Attempt, N),
// never by Time.
type Event struct {
	Kind EventKind
	Time time.Time // UTC

	Root      string
	App       string
	Path      string
	Parent    Ref // of a branch: the parallel step that started it
	Project   string
	Partition string

	Seq     int64
	Attempt int
	N       int64 // 1, 2, ... within (App, Seq, Attempt)

	Action string
	Task   string
	Key    string
	Index  int64
	Join   int64

	Graph     string
	GraphHash string

	Status  Status
	Stop    Stop
	Next    string
	Error   string // text of the error
	Needs   []string
	Started time.Time // when what ends with this event began; zero if nobody heard of that

	Name       string
	Span       int64 // 1, 2, ... within (App, Seq, Attempt)
	ParentSpan int64
	Value      any // of an attribute or chunk; whoever stores it encodes it as JSON
}

// ChunkOf returns the piece that a streaming action emitted, if e reports one of type T.
func ChunkOf[T any](e Event) (T, bool) {
	v, ok := e.Value.(T)
	return v, ok && e.Kind == EventChunk
}
