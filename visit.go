package burdock

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/burdock-go/burdock/internal/fan"
)

// A visit is one step of a parallel action: it pulls tasks, runs branches and feeds reduce.
//
//	states ──pull──▶ fan ──run──▶ branch (a runner) ──result──▶ feed ──▶ reduce
//
// It ends in one of three ways: reduce returns (what still runs is cancelled with ErrNotNeeded), it is stopped early
// (a failure, a cancellation, a broken sequence) or it is suspended because all that is left waits for inputs. In the
// last two what reduce returns is discarded.
type visit struct {
	run    *runner // of the parallel step
	of     *member // the same application, also when it has ended
	node   *planNode
	seq    int64
	id     string // of the application that run advances, if records or events need it
	par    *parallel
	depth  int             // of its branches
	ctx    context.Context //nolint:containedctx // of all branches; it lives as long as the visit
	cancel context.CancelCauseFunc
	fan    *fan.Fan[branch]
	next   func() (task, error, bool)
	stop   func()
	wanted int           // tasks that the turn in which the sequence is pulled has room for
	broken error         // why a task that the sequence yielded was not taken
	env    *env          // of the branches
	given  sources       // the inputs that branches begin with
	inputs []InputRecord // what the step is recorded with
	rerun  bool          // failed branches run again: an earlier attempt was recorded as failed or cancelled
	ended  bool          // the sequence needs no telling that no more is wanted
	lost   error         // the sequence is stuck in a call that Grace left behind

	seeds    [2]maphash.Seed
	keys     map[[2]uint64]struct{}
	ids      map[string]struct{}    // that tasks have given
	recorded map[string]*record     // that the sequence has not yielded yet
	marks    []mark                 // that matching has changed and nobody has saved yet
	beyond   int64                  // the join number of the first failure that the policy did not hand to reduce
	restored bool                   // branches may run
	puller   atomic.Pointer[holder] // of the token that a pull is done with

	over  atomic.Bool  // reduce has returned
	joins atomic.Int64 // the last join number of a visit without a fan: of what an action spawns

	mu      sync.Mutex
	fails   []failedBranch
	pending map[*branch][]Pending
}

// visit runs a parallel action.
func (a *attempt) visit(ctx context.Context, par *parallel, pull func(context.Context) iter.Seq2[task, error],
	reduce func(context.Context, feed) (any, error),
) (any, error) {
	v := &visit{run: a.run, of: a.run.member, node: a.node, seq: a.seq, par: par, depth: a.run.depth() + 1, rerun: a.run.rerun}
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	v.given, v.inputs = a.run.sources, a.run.cur.inputs
	if err := v.equip(); err != nil {
		return nil, err
	}
	if a.run.observed() || v.env.observed() {
		v.id = a.run.identity()
	}
	v.fan = fan.New(v.config())
	a.where = "states"
	seq := pull(v.pulling())
	if v.run.tree.grace <= 0 { // what is left behind must not add a branch some day, nor look whether it may
		seq = v.handfuls(seq)
	}
	v.next, v.stop = iter.Pull2(seq)
	cancelled := context.AfterFunc(ctx, func() { v.fan.Stop(outside{context.Cause(ctx)}) })
	defer v.close(cancelled)
	if err := v.restore(); err != nil {
		v.fan.Stop(err)
		return nil, fromOutside(err)
	}
	a.where = "reduce"
	return v.end(v.reduce(reduce))
}

// equip finds out what the branches have, and claims the root in their store if that is not the step's own.
func (v *visit) equip() (err error) {
	own := v.run.env()
	if v.env, err = v.run.tree.branchesOf(own, v.node, v.run.branch == nil && v.run.tree.guest == nil); err != nil {
		return err // New has found all of these; a graph may still be used in another place
	}
	if l := v.env.ledger; l != nil && l != own.ledger {
		return l.claimed(v.ctx)
	}
	return nil
}

// known returns the id of the application that the visit belongs to. One that nobody was told of when it began has none yet.
func (v *visit) known() string {
	if v.id == "" {
		return v.of.identity()
	}
	return v.id
}

func (v *visit) config() fan.Config[branch] {
	c := fan.Config[branch]{
		Limit: v.par.opts.Limit, Buffer: v.par.opts.Buffer, MaxWaiting: v.par.opts.MaxWaiting,
		Pull: v.pull, Run: v.runBranch,
		Stopped:  func(cause error) { v.cancel(fromOutside(cause)) },
		Vanished: func() error { return &PanicError{Where: "states", Value: ErrGoexit} },
	}
	if rate := v.par.opts.Rate; rate != nil {
		c.Await = func() error { return v.await(rate) }
	}
	if t := v.run.tree; t.tokens != nil {
		c.Take = func() bool {
			if !t.takeToken(v.ctx) {
				return v.interrupted()
			}
			v.puller.Store(&holder{tree: t, holds: true}) // one for each pull: what an earlier one has lent is that one's
			return true
		}
		c.Give = t.giveToken
	}
	return c
}

// interrupted stops the fan because the step's context has ended, before anything that ended with it can look like a
// result or the end of the sequence. It returns false.
func (v *visit) interrupted() bool {
	v.fan.Stop(outside{context.Cause(v.ctx)})
	return false
}

// outside is the cause of a fan that stops because the step's context has ended. That cause may be ErrSibling or
// ErrNotNeeded too, of a visit around this one, but it is no end that this visit has come to by itself.
type outside struct{ error }

// fromOutside takes the mark off.
func fromOutside(cause error) error {
	if o, ok := cause.(outside); ok { //nolint:errorlint // The mark is never wrapped.
		return o.error
	}
	return cause
}

// joined gives a branch that ends its place among the results.
func (v *visit) joined(n *fan.Node[branch]) int64 {
	if v.fan == nil {
		n.Join = v.joins.Add(1)
		return n.Join
	}
	return v.fan.Joined(n)
}

// A failedBranch is what a MapError will say of a branch.
type failedBranch struct {
	join int64
	err  *BranchError
}

// failed counts a failed branch and ends the visit if its policy says so. A reduce that has returned wins.
func (v *visit) failed(b *branch) {
	if v.par.opts.Failures.ends(v.count(b, b.node.Join)) {
		v.fan.Stop(ErrSibling)
	}
}

// count returns how many branches have failed.
func (v *visit) count(b *branch, join int64) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fails = append(v.fails, failedBranch{join, b.err})
	return len(v.fails)
}

// reduce runs the user's function, and leaves it behind if it ignores its cancellation for longer than Grace.
func (v *visit) reduce(f func(context.Context, feed) (any, error)) (any, error) {
	defer v.over.Store(true)
	type reduced struct {
		out any
		err error
	}
	call := func() (r reduced) {
		defer func() {
			if p := recover(); p != nil {
				r.err = &PanicError{Where: "reduce", Value: p, Stack: debug.Stack()}
			}
		}()
		r.out, r.err = f(v.ctx, v)
		return r
	}
	if v.run.tree.grace <= 0 {
		r := call()
		return r.out, r.err
	}
	r, how := apart(v.ctx, v.run.tree.grace, call)
	switch how {
	case leaked:
		return r.out, v.leak("reduce")
	case vanished:
		return r.out, &PanicError{Where: "reduce", Value: ErrGoexit}
	}
	return r.out, r.err
}

// end says what the visit came to.
func (v *visit) end(out any, err error) (any, error) {
	drained := v.fan.Exhausted()
	if v.ctx.Err() != nil {
		v.interrupted()
	}
	v.fan.Stop(ErrNotNeeded)
	v.fan.Close(nil)
	v.stopSequence()
	if fatal := v.run.tree.failed(); fatal != nil {
		return out, fatal
	}
	switch cause := v.fan.Cause(); {
	case errors.Is(cause, ErrNotNeeded) && err == nil:
		return out, v.tidy(drained)
	case errors.Is(cause, ErrNotNeeded):
		return out, err
	case errors.Is(cause, ErrSuspended) && !isBroken(err):
		v.run.pending = v.pendings()
		return out, errWaiting
	case errors.Is(cause, ErrSibling):
		cause = v.mapError()
		fallthrough
	default:
		errs := append([]error{fromOutside(cause)}, v.leaks()...)
		if isBroken(err) {
			errs = append(errs, err)
		}
		return out, oneOrJoined(errs)
	}
}

// isBroken reports whether reduce has panicked or was left behind, which must not vanish with what it returned.
func isBroken(err error) bool {
	switch err.(type) { //nolint:errorlint // Only reduce's own end counts, not that of a branch which it returned.
	case *PanicError, *LeakError:
		return true
	}
	return false
}

// oneOrJoined joins errors, and leaves a single one as it is.
func oneOrJoined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// leaks returns the errors of branches and of a sequence that Grace has left behind.
func (v *visit) leaks() []error {
	var errs []error
	if v.lost != nil {
		errs = append(errs, v.lost)
	}
	if errors.Is(v.fan.Cause(), ErrSibling) {
		return errs // the MapError names the branches
	}
	for _, f := range v.fails {
		if leak, ok := errors.AsType[*LeakError](f.err); ok {
			errs = append(errs, leak)
		}
	}
	return errs
}

// tidy writes what a visit whose reduce has returned leaves behind: records of branches that are of no use any more,
// and branches that wait for what nobody needs, or that a killed process left in the midst of a step, or failed or
// cancelled with others that wait below. A function that Grace left behind does not undo what reduce returned.
func (v *visit) tidy(drained bool) error {
	for _, err := range v.leaks() {
		v.run.tree.logger.Warn("burdock: a function was left behind", slog.Any("error", err))
	}
	for n := range v.fan.Rest {
		if n.Suspended() || n.Skipped() && n.B.run.unfinished() {
			n.B.fate = fateCancelled
			n.B.tell(v.ctx)
		}
		if n.B.records() && (n.B.fate == fateCancelled || n.Skipped() && n.B.run.status != "") {
			if err := v.cancelLeft(n); err != nil {
				return err
			}
		}
	}
	if v.env.ledger == nil && len(v.marks) == 0 {
		return nil
	}
	return v.remark(drained)
}

// mapError names the branches that have failed, in the order in which they did.
func (v *visit) mapError() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.fails) == 0 {
		return nil
	}
	slices.SortStableFunc(v.fails, func(a, b failedBranch) int { return cmp.Compare(a.join, b.join) })
	if v.par.kind == "subgraph" {
		return v.fails[0].err.Err
	}
	e := &MapError{Action: v.node.action.name, Branches: make([]*BranchError, len(v.fails))}
	for i, f := range v.fails {
		e.Branches[i] = f.err
	}
	return e
}

// close leaves nothing behind, also when reduce panicked or called runtime.Goexit.
func (v *visit) close(cancelled func() bool) {
	v.fan.Stop(ErrNotNeeded)
	v.fan.Close(nil)
	cancelled()
	v.stopSequence()
	for n := range v.fan.Rest {
		if n.Skipped() && n.B.fate == fateNone {
			n.B.fate = fateSkipped
			n.B.tell(v.ctx)
		}
	}
	v.cancel(ErrNotNeeded)
	v.run.revisit = true // should the step have to run again
}

// leak is the error of a function of the visit that Grace has left behind.
func (v *visit) leak(which string) error {
	return &LeakError{Path: v.run.path(), Action: v.node.action.name + " (" + which + ")", Cause: context.Cause(v.ctx)}
}
