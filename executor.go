package burdock

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"strings"
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

// A proxyStore is a branch's store as its worker sees it.
type proxyStore struct {
	b *Branch
	l *ledger
}

func (p *proxyStore) Claim(context.Context, string) (Claim, error) {
	return nil, fmt.Errorf("a worker has no claim of its own: %w", ErrConflict)
}

// Save holds the branch's lock, so that what a lost worker saves comes before or not at all.
func (p *proxyStore) Save(ctx context.Context, _ Fence, batch []Checkpoint) error {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	if p.b.closed {
		return errWithdrawn
	}
	id, path := p.b.b.identity(), p.b.b.path()
	for i := range batch {
		if cp := &batch[i]; cp.App != id && !strings.HasPrefix(cp.Path, path+"/") || cp.Root != p.b.b.tree.root {
			return fmt.Errorf("the worker of %s may not write a record of %s", path, cp.Path)
		}
	}
	return p.l.save(ctx, batch)
}

func (p *proxyStore) Load(ctx context.Context, ref Ref) (Checkpoint, error) {
	if err := p.l.flush(ctx); err != nil {
		return Checkpoint{}, err
	}
	cp, err := p.l.store.Load(ctx, ref)
	p.unread(ctx, "load", ref.App, err)
	return cp, err
}

// unread stops the tree when its store cannot be read, as it does for a branch that runs here. A worker that is lost
// together with its connection has a context that ends.
func (p *proxyStore) unread(ctx context.Context, op, app string, err error) {
	if err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
		p.l.tree.fail(&StoreError{Op: op, App: app, Err: err})
	}
}

func (p *proxyStore) List(ctx context.Context, q Query) iter.Seq2[Checkpoint, error] {
	return func(yield func(Checkpoint, error) bool) {
		if err := p.l.flush(ctx); err != nil {
			yield(Checkpoint{}, err)
			return
		}
		for cp, err := range p.l.store.List(ctx, q) {
			p.unread(ctx, "list", p.b.ID(), err)
			if !yield(cp, err) {
				return
			}
		}
	}
}

// handOver runs a branch by an Executor.
func (v *visit) handOver(ctx context.Context, b *branch, ex Executor) (ending, error) {
	r := b.run
	defer r.release() // a branch elsewhere counts as one here
	for dispatch := 1; ; dispatch++ {
		br := &Branch{b: b, ctx: ctx, resume: r.born || dispatch > 1}
		out, err := execute(ctx, ex, br)
		br.withdraw()
		if out == nil || err != nil {
			r.tree.lost.add(br.begun)
		}
		if fatal := r.tree.failed(); fatal != nil {
			return endFatal, fatal
		}
		if err == nil && out != nil {
			end, failed := v.adopt(ctx, br, out)
			if end != endDone || failed == nil || !errors.Is(failed, errMisfit) {
				return end, failed
			}
			return v.unable(ctx, b, failed)
		}
		if err == nil {
			err = errors.New("the executor returned neither an Outcome nor an error")
		}
		if err := v.reread(b, br); err != nil { // first of all: what is written from here on stands behind what the worker has saved
			return endFatal, err
		}
		switch {
		case r.next == nil: // only the news of its end was lost
			return v.adopt(ctx, br, &Outcome{Stop: StopDone, Action: r.last, Seq: r.seq, State: r.state()})
		case isLeak(err):
			return v.unable(ctx, b, err)
		case ctx.Err() != nil:
			return r.interrupted(ctx)
		case errors.Is(err, errStaysHere):
			return r.advance(ctx, nil, false)
		case dispatch > Redispatch:
			return v.unable(ctx, b, fmt.Errorf("handed over %d times without an end: %w", dispatch, err))
		}
	}
}

// execute calls the executor, which is somebody else's function. When ctx has ended it waits for it no longer than
// Options.Grace.
func execute(ctx context.Context, ex Executor, br *Branch) (*Outcome, error) {
	type ended struct {
		out *Outcome
		err error
	}
	call := func() (e ended) {
		defer func() {
			if v := recover(); v != nil {
				e = ended{nil, &PanicError{Where: "the executor", Value: v, Stack: debug.Stack()}}
			}
		}()
		e.out, e.err = ex.Execute(ctx, br)
		return e
	}
	waits, grace := ctx, br.b.tree.grace
	if grace <= 0 {
		waits = context.WithoutCancel(ctx)
	}
	e, how := apart(waits, grace, call)
	switch how {
	case vanished:
		return nil, goexit("the executor")
	case leaked:
		r := br.b.run
		return nil, &LeakError{Path: r.path(), Action: r.next.action.name + " (its executor)", Cause: context.Cause(ctx)}
	}
	return e.out, e.err
}

// isLeak reports whether the executor itself was left behind.
func isLeak(err error) bool {
	_, yes := err.(*LeakError) //nolint:errorlint // Not one that it has returned: that is the end of a worker.
	return yes
}

// errMisfit marks an outcome that cannot be one of the branch.
var errMisfit = errors.New("the executor's outcome does not fit the branch")

// adopt takes over how the branch ended elsewhere.
func (v *visit) adopt(ctx context.Context, br *Branch, out *Outcome) (ending, error) {
	b, r := br.b, br.b.run
	if !br.here {
		if err := r.arrive(out); err != nil {
			return endDone, fmt.Errorf("%w: %w", errMisfit, err)
		}
	}
	switch out.Stop {
	case StopDone:
		if b.out == nil {
			var err error
			if b.out, err = b.collect(r.vals); err != nil {
				return endDone, fmt.Errorf("%w: %w", errMisfit, err)
			}
		}
		return endDone, v.stamp(ctx, b)
	case StopFailed:
		return v.fell(ctx, b, out)
	case StopWaiting:
		if len(out.Pending) == 0 {
			return endDone, fmt.Errorf("%w: it waits and does not say for what", errMisfit)
		}
		if !br.here {
			if err := v.reread(b, br); err != nil {
				return endFatal, err
			}
		}
		r.pending, r.status, r.revisit = out.Pending, StatusWaiting, true
		return endWaiting, nil
	case StopCancelled:
		switch {
		case r.cancelled():
			return v.calledOff(ctx, br, out)
		case ctx.Err() != nil:
			return endCancelled, out.Err
		}
		return v.fell(ctx, b, out)
	}
	return endDone, fmt.Errorf("%w: a branch does not stop as %q", errMisfit, out.Stop)
}

// fell ends a branch that has failed elsewhere.
func (v *visit) fell(ctx context.Context, b *branch, out *Outcome) (ending, error) {
	if err := v.stamp(ctx, b); err != nil {
		return endFatal, err
	}
	if out.Err == nil {
		return endFailed, b.run.wrap(errors.New("the executor does not say why it failed"))
	}
	return endFailed, out.Err
}

// calledOff ends a branch that a message has cancelled while it ran elsewhere, where nobody knows of the message.
func (v *visit) calledOff(ctx context.Context, br *Branch, out *Outcome) (ending, error) {
	b, r := br.b, br.b.run
	if !br.here {
		if err := v.reread(b, br); err != nil {
			return endFatal, err
		}
	}
	if r.status != StatusCancelled || out.Err == nil { // it was between two steps
		return r.interrupted(ctx)
	}
	if err := v.stamp(ctx, b); err != nil {
		return endFatal, err
	}
	return endCancelled, out.Err
}

// stamp commits the join number of a branch whose last record was written elsewhere, or in an earlier process.
func (v *visit) stamp(ctx context.Context, b *branch) error {
	if !b.records() {
		return nil
	}
	l := b.env().ledger
	cp, err := l.latest(context.WithoutCancel(ctx), b.watched.id)
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%s: the executor has not saved it: %w", b.path(), err)
	case err != nil || cp.Join != 0:
		return err
	}
	cp.Join, cp.Messages = v.fan.Joined(b.node), append(cp.Messages, b.run.messages...)
	batch, err := b.run.unneeded(ctx, nil, cp)
	if err != nil {
		return err
	}
	return l.save(ctx, batch)
}

// unable ends a branch that no worker could run.
func (v *visit) unable(ctx context.Context, b *branch, why error) (ending, error) {
	r := b.run
	err := r.wrap(why)
	if r.next == nil || !r.records() {
		return endFailed, err
	}
	r.cur.node, r.cur.ctx, r.cur.started, r.cur.inputs = r.next, ctx, now(), r.recalled
	r.count()
	cp := r.checkpoint(StatusFailed)
	cp.Error, cp.Join = newFailure(err, r.next.action.name, r.seq+1, r.attempt, r.plan.sentinels), r.join(true)
	batch, failed := r.unneeded(ctx, nil, cp)
	if failed == nil {
		failed = r.commit(ctx, nil, batch...)
	}
	if failed != nil {
		return endFatal, failed
	}
	return endFailed, err
}

// restart puts a branch that nobody saves at its beginning.
func (r *runner) restart(br *Branch) error {
	if !br.here {
		return nil
	}
	r.course = course{member: r.member, has: r.has, plan: r.plan, next: r.plan.start, holds: r.holds, deadline: r.deadline, doubtful: r.doubtful}
	r.sch, r.vals, r.sources = r.opening.sch, r.opening.vals, *r.opening.inputs
	return nil
}

// reread puts the branch where its worker has left it.
func (v *visit) reread(b *branch, br *Branch) error {
	r := b.run
	if !r.records() {
		return r.restart(br)
	}
	if err := b.env().ledger.flush(v.ctx); err != nil {
		return err
	}
	rec, err := readRecord(context.WithoutCancel(v.ctx), b.env().ledger.store, b.watched.id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		r.tree.fail(err)
		return err
	}
	if r.sch, r.vals, err = rec.state(r.sch); err != nil {
		return err
	}
	if err := r.position(rec); err != nil {
		return err
	}
	return r.recall(r.recalled, r.status == StatusRunning)
}
