package burdock

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A tree is what a root and all its descendants share while they run.
type tree struct {
	root      string
	graph     *Graph // the root's
	guest     *guest // of a worker's tree: what its top is in the tree that it was handed over from
	project   string
	partition string
	env       *env                // of the application itself
	branches  *Cascade            // what its branches have instead
	at        map[string]*Cascade // what the branches of parallel actions of these names have instead
	durable   Durability          // of all that is saved
	logger    *slog.Logger
	grace     time.Duration
	maxDepth  int
	config    values
	tokens    chan struct{} // one slot per action function that may run; nil: no bound
	lenders   lenders
	hub       hub // of those who read events
	nurseries nurseries
	lost      lostAttempts
	top       *runner      // of the application itself, while a call runs
	dropped   atomic.Int64 // events that the tracker refused
	exits     atomic.Bool  // a tracker has called runtime.Goexit

	stopped atomic.Bool // fatal is set: asked after every step, so not under a lock that all branches share

	mu      sync.Mutex
	cancel  context.CancelCauseFunc // of the call that runs
	fatal   error                   // a StoreError or ErrConflict: nothing more may be written
	ledgers []*ledger               // that of the application itself first

	mail mailbox
}

// fail stops the whole tree: its right to write, or the means, is gone.
func (t *tree) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fatal == nil {
		t.fatal = err
		t.stopped.Store(true)
		if t.cancel != nil {
			t.cancel(err)
		}
	}
}

// failed returns why the tree was stopped, or nil.
func (t *tree) failed() error {
	if !t.stopped.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fatal
}

// begin prepares the tree for one call.
func (t *tree) begin(cancel context.CancelCauseFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel, t.fatal = cancel, nil
	t.stopped.Store(false)
}

// takeToken waits for the right to run an action function.
func (t *tree) takeToken(ctx context.Context) bool {
	select {
	case t.tokens <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *tree) giveToken() { <-t.tokens }

// now is the time of records and events.
func now() time.Time { return time.Now().UTC() }
