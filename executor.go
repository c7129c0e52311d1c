package burdock

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// An Executor runs one branch, here or elsewhere, and waits for it. An error means that it cannot tell how the branch
// ended, because its worker was lost: the core hands the branch over again, at most Redispatch times, and then the branch
// has failed. An Outcome says how it ended: StopDone, StopFailed, StopCancelled or StopWaiting. When ctx ends Execute
// cancels the branch and comes back.
//
// Order, limits, keys and policies are the core's; an Executor only says where. Whoever runs a branch saves it, through
// Branch.Store, and retries its actions; lost workers are the core's affair, and there is no third layer. Execute is
// called concurrently. Package exec/exectest is the conformance suite.
type Executor interface {
	Execute(ctx context.Context, b *Branch) (*Outcome, error)
}

// Local runs branches on goroutines of this process. It is what an application has that names no Executor.
var Local Executor = local{}

type local struct{}

func (local) Execute(ctx context.Context, b *Branch) (*Outcome, error) { return b.Run(ctx) }

// Redispatch is how often at most a branch is handed over again when its worker was lost.
const Redispatch = 3

// ErrUnknownGraph means that a worker does not have the graph of a branch, or has another form of it. The branch is handed
// over again: another worker may have it.
var ErrUnknownGraph = errors.New("burdock: the worker does not have this graph")

// errWithdrawn is what a worker is told that the core does not wait for any more.
var errWithdrawn = fmt.Errorf("the branch was handed over to another worker: %w", ErrConflict)

// errGivenUp is why a branch is cancelled that its executor has left running.
var errGivenUp = errors.New("burdock: the executor does not wait for the branch any more")

// errStaysHere means that no worker could find the graph of a branch: an action has spawned what is around it.
var errStaysHere = errors.New("burdock: it is below what an action has spawned, which no worker knows")

// A Branch is what an Executor runs: one application below a root.
type Branch struct {
	b   *branch
	ctx context.Context //nolint:containedctx // of the hand-over; it lives as long

	mu     sync.Mutex
	closed bool
	here   bool                    // it runs, or ran, in this process
	resume bool                    // its store has a record of it
	stop   context.CancelCauseFunc // of the run in this process
	ran    chan struct{}           // closed when that has come back

	begun map[string]begunAttempt // by application, what was told of and has not ended
}

// ID returns the branch's id.
func (b *Branch) ID() string { return b.b.identity() }

// Path returns its readable place.
func (b *Branch) Path() string { return b.b.path() }

// Task returns the name of the action or graph that the branch runs.
func (b *Branch) Task() string { return b.b.plan.name }

// Key returns the branch's key, which tells it from the others of its visit.
func (b *Branch) Key() string { return b.b.key() }

// Graph returns name and hash of the root's graph, which a worker must have.
func (b *Branch) Graph() (name, hash string) {
	g := b.b.tree.graph
	return g.name, g.Hash()
}

// Run runs the branch in this process, as Local does.
func (b *Branch) Run(ctx context.Context) (*Outcome, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !b.enter(stop) {
		return nil, errors.New("burdock: a Branch is run once, while its Executor waits for it")
	}
	defer close(b.ran)
	r := b.b.run
	end, err := onGoroutines(func(vanished bool) (ending, error) { return r.advance(ctx, nil, vanished) })
	r.release()
	if end == endFatal {
		return nil, err
	}
	return &Outcome{Stop: stops[end], Action: r.last, Seq: r.seq, State: r.state(), Pending: r.pending, Err: err}, nil
}

// enter reports whether the branch may be run in this process.
func (b *Branch) enter(stop context.CancelCauseFunc) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.here {
		return false
	}
	b.here, b.stop, b.ran = true, stop, make(chan struct{})
	return true
}

// onGoroutines runs f on a goroutine of its own, and again with vanished set on another where runtime.Goexit has taken
// one away.
func onGoroutines(f func(vanished bool) (ending, error)) (end ending, err error) {
	done := make(chan struct{})
	var host func(vanished bool)
	host = func(vanished bool) {
		returned := false
		defer func() {
			if returned {
				close(done)
			} else {
				go host(true)
			}
		}()
		end, err = f(vanished)
		returned = true
	}
	go host(false)
	<-done
	return end, err
}

// Store returns where the branch is saved, or nil if it is not: a Store that goes through this process, under its claim.
// It takes records of this branch and of those below it only, ignores the fence it is given, and refuses everything with
// ErrConflict once the branch was handed to another worker.
func (b *Branch) Store() Store {
	l := b.b.env().ledger
	if l == nil {
		return nil
	}
	return &proxyStore{b, l}
}

// Tracker returns who is told of the branch's events, loops over Events included, or nil.
func (b *Branch) Tracker() Tracker {
	if !b.b.listens() {
		return nil
	}
	return TrackerFunc(func(ctx context.Context, e Event) (err error) {
		sent, err := b.post(&e)
		if err != nil {
			return err
		}
		if t := b.b.env().tracker; t != nil {
			err = t.Track(ctx, e)
		}
		delivered(sent, nil)
		return err
	})
}

// withdraw ends what may be done with the branch. One that its executor has left running in this process is cancelled and
// waited for, as it has the runner.
func (b *Branch) withdraw() {
	b.mu.Lock()
	b.closed = true
	stop, ran := b.stop, b.ran
	b.mu.Unlock()
	if ran != nil {
		stop(errGivenUp)
		<-ran
	}
}

// post hands an event of the worker to those who read. It holds the branch's lock, so that what a lost worker tells comes
// before what the next one does.
func (b *Branch) post(e *Event) ([]*parcel, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errWithdrawn
	}
	switch e.Kind {
	case EventStepStarted:
		if b.begun == nil {
			b.begun = map[string]begunAttempt{}
		}
		b.begun[e.App] = begunAttempt{e.App, e.Path, e.Seq, e.Attempt}
	case EventStepEnded, EventWaiting: // it is recorded
		delete(b.begun, e.App)
	}
	sent, _ := b.b.tree.hub.post(&b.b.member, e, nil)
	return sent, nil
}
