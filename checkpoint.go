package burdock

import (
	"encoding/json"
	"time"
)

// A Ref names one step of one application. A Seq below zero means the latest step.
type Ref struct {
	App string
	Seq int64
}

// A Status says how a step, or the application whose last step it is, stands.
type Status string

// The statuses of a step. The last two belong to branches only.
const (
	StatusRunning    Status = "running"    // begun, not ended; also what a killed process leaves behind
	StatusCompleted  Status = "completed"  // its function returned a nil error
	StatusFailed     Status = "failed"     // its function returned an error, panicked or leaked
	StatusCancelled  Status = "cancelled"  // its attempt was cancelled from outside before it completed
	StatusWaiting    Status = "waiting"    // a required input has no source
	StatusSkipped    Status = "skipped"    // pulled, but the visit ended before the branch started
	StatusSuperseded Status = "superseded" // recorded, but the sequence no longer yields it
)

// A CheckpointKind tells a step's record from a snapshot of the state after it.
type CheckpointKind string

const (
	// KindStep is the record of one step with the changes it made.
	KindStep CheckpointKind = "step"
	// KindSnapshot holds every key but append lists, so that rebuilding a state need not read older deltas.
	KindSnapshot CheckpointKind = "snapshot"
)

// A Checkpoint is what a Store keeps of one step. It is identified by (App, Seq, Kind); a later record of the same
// identity replaces the earlier one and its Delta. The state after step n is the last snapshot at or before n, plus the
// deltas of completed steps after it up to n, plus the append lists, which live in deltas only.
//
// Sequence 0 is the application's beginning: its Delta holds the initial state.
type Checkpoint struct {
	Root      string // id of the application that a program runs
	App       string // id of the application or branch that this step belongs to
	Parent    Ref    // the parallel step that started the branch; zero for a root
	Path      string // readable place of a branch, such as run-7/every_pair#3/gpt_4:0; the id for a root
	Project   string
	Partition string

	Graph       string          // the graph's name
	GraphHash   string          // Graph.Hash, what Resume compares
	Description json.RawMessage // the graph described, on sequence 0 of roots; a store may keep one copy per GraphHash

	Seq         int64
	Kind        CheckpointKind
	Attempt     int    // 1, 2, ... within this sequence number; 0 at sequence 0
	Action      string // what ran; "" at sequence 0, and where a Cache answered
	Task        string // the name of the branch's action or graph in its map; "" for a root
	Key         string // the branch's key; "" for a root
	Index       int64  // the branch's position in its sequence
	Fingerprint string // hash of what the branch was given; "" for a root
	Join        int64  // 1, 2, ... in the order in which branches of one visit ended; 0 while unended

	Fence    Fence
	Status   Status
	Next     string        // the action that runs next; "" after the last step
	Route    string        // label of the route taken
	Halted   string        // the action before which the last call stopped
	RetryAt  time.Time     // no attempt before this moment
	Spent    int           // failed attempts of the step that its Retry has counted so far
	Tried    time.Time     // when the first of these began; zero if there are none
	Inputs   []InputRecord // event inputs this step was given, without secrets
	Messages []string      // ids of the inbox messages this step used
	Origin   Ref           // what a fork began from, and on a later step whose result a Cache gave
	Delta    Delta         // what the step changed; empty unless Status is StatusCompleted, Kind is KindSnapshot or Seq is 0
	Lists    bool          // Delta touches an append list, so rebuilding needs this record also when a later snapshot exists
	Error    *Failure      // why the step failed or was cancelled
	Needs    []string      // required inputs without a source, when Status is StatusWaiting
	Started  time.Time     // UTC
	Ended    time.Time     // UTC; zero while running

	// Unknown holds fields that a later version wrote, by their stored names. They are kept when a record is copied.
	Unknown map[string]json.RawMessage
}

// Done reports whether the record is the last of its application: a completed step that no action follows.
func (c *Checkpoint) Done() bool { return c.Status == StatusCompleted && c.Next == "" }

// Ref returns the step that c records.
func (c *Checkpoint) Ref() Ref { return Ref{App: c.App, Seq: c.Seq} }

// An InputRecord is one recorded event input.
type InputRecord struct {
	Name   string
	Value  json.RawMessage
	Source string // "given" or "answer"
}

// An Op is the kind of one Change.
type Op string

// The ways in which a step changes a key.
const (
	OpSet    Op = "set"    // the value replaces whatever was there
	OpAppend Op = "append" // the value is a JSON array of the new elements
	OpDelete Op = "delete" // the key is gone
)

// A Change is what a step did to one key.
type Change struct {
	Key   string
	Op    Op
	Value json.RawMessage // nil for OpDelete
}

// A Delta is everything that one step changed, at most one Change per key.
type Delta []Change
