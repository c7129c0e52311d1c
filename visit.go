package burdock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
func (a *attempt) visit(ctx context.Context, par *parallel, pull func(context.Context) pulled,
	reduce func(context.Context, feed) (reflect.Value, error),
) (reflect.Value, error) {
	v := &visit{run: a.run, of: a.run.member, node: a.node, seq: a.seq, par: par, depth: a.run.depth() + 1, rerun: a.run.rerun}
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	v.given, v.inputs = a.run.sources, a.run.cur.inputs
	if err := v.equip(); err != nil {
		return reflect.Value{}, err
	}
	if a.run.observed() || v.env.observed() {
		v.id = a.run.identity()
	}
	v.fan = fan.New(v.config())
	a.where = "states"
	seq := pull(v.pulling())
	v.next, v.stop = seq.next, seq.stop
	cancelled := context.AfterFunc(ctx, func() { v.fan.Stop(outside{context.Cause(ctx)}) })
	defer v.close(cancelled)
	if err := v.restore(); err != nil {
		v.fan.Stop(err)
		return reflect.Value{}, fromOutside(err)
	}
	a.where = "reduce"
	out, err := v.reduce(reduce)
	return v.end(out, err)
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

// pulling is the context of the sequence.
func (v *visit) pulling() context.Context {
	if v.run.tree.tokens == nil {
		return v.ctx
	}
	return &pullContext{v.ctx, v}
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

// await waits for the rate, whose Wait is somebody else's function.
func (v *visit) await(rate Limiter) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Where: "MapOptions.Rate", Value: p, Stack: debug.Stack()}
		}
	}()
	switch err := rate.Wait(v.ctx); {
	case err == nil:
		return nil
	case v.ctx.Err() != nil:
		return outside{context.Cause(v.ctx)}
	default:
		return v.fault("the Rate of ", err)
	}
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

// pull fills in the next branch.
func (v *visit) pull(n *fan.Node[branch]) (more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			more, err = false, &PanicError{Where: "states", Value: p, Stack: debug.Stack()}
		}
		if h := v.puller.Load(); h != nil && h.end() {
			v.run.tree.tokens <- struct{}{} // the branch, or whoever gives it back, has one of its own
		}
	}()
	t, err, more := v.nextTask()
	switch {
	case (!more || err != nil) && v.ctx.Err() != nil:
		return false, outside{context.Cause(v.ctx)} // a sequence that heeds its context is not at its end
	case !more && err == nil:
		v.ended = true
		return false, nil
	case err != nil:
		return false, v.fault("states of ", err)
	case n.Index >= v.par.opts.MaxBranches:
		return false, v.fault("", fmt.Errorf("its sequence yields more than MaxBranches (%d) branches", v.par.opts.MaxBranches))
	}
	b := &n.B
	b.plan = v.node.branches[t.run]
	if err := b.init(v, n, t); err != nil {
		return false, v.fault("", err)
	}
	if err := v.unique(b); err != nil {
		return false, err
	}
	b.identify()
	if t.special != nil && t.special.id != "" {
		if err := v.named(b); err != nil {
			return false, v.fault("", err)
		}
	}
	if err := v.match(n); err != nil {
		return false, err
	}
	if n.Found {
		b.forget()
	}
	return true, nil
}

// fault names the action in the error of its sequence.
func (v *visit) fault(of string, err error) error {
	return fmt.Errorf("%saction %q: %w", of, v.node.action.name, err)
}

// nextTask asks the sequence, and leaves it behind if it ignores its cancellation for longer than Grace.
func (v *visit) nextTask() (t task, err error, more bool) {
	if v.run.tree.grace <= 0 {
		return v.next()
	}
	return v.nextApart()
}

func (v *visit) nextApart() (t task, err error, more bool) {
	type one struct {
		t    task
		err  error
		more bool
	}
	p, how := apart(v.ctx, v.run.tree.grace, func() (p one) {
		defer func() {
			if value := recover(); value != nil {
				p = one{err: &PanicError{Where: "states", Value: value, Stack: debug.Stack()}}
			}
		}()
		p.t, p.err, p.more = v.next()
		return p
	})
	switch how {
	case leaked:
		v.lost = v.leak("states")
		return t, v.lost, false
	case vanished:
		return t, &PanicError{Where: "states", Value: ErrGoexit}, false
	}
	return p.t, p.err, p.more
}

// unique refuses a key that an earlier branch of the visit has. Keys are remembered by two hashes of 64 bits.
func (v *visit) unique(b *branch) error {
	tasks := v.par.kind == "map_tasks"
	if len(b.plan.keys) == 0 && !tasks {
		return nil
	}
	if v.keys == nil {
		v.keys = map[[2]uint64]struct{}{}
		v.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	text := b.key()
	if !tasks { // two tasks of one key would have one path, whatever they run
		text = b.plan.name + "\x00" + text
	}
	h := [2]uint64{maphash.String(v.seeds[0], text), maphash.String(v.seeds[1], text)}
	if _, dup := v.keys[h]; dup {
		return fmt.Errorf("action %q: two branches have the key %.200q; keys are unique within a visit", v.node.action.name, b.key())
	}
	v.keys[h] = struct{}{}
	return nil
}

// named checks the id that a task has given its branch.
func (v *visit) named(b *branch) error {
	id := b.special.id
	if why := badID(id); why != "" {
		return fmt.Errorf("%s: its ID %s", b.called(), why)
	}
	if v.ids == nil {
		v.ids = map[string]struct{}{}
	}
	if _, twice := v.ids[id]; twice {
		return fmt.Errorf("%s: another one has the ID %q too", b.called(), id)
	}
	v.ids[id] = struct{}{}
	if !b.records() {
		return nil
	}
	cp, err := b.env().ledger.latest(v.ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case cp.Parent != Ref{App: v.id, Seq: v.seq}:
		return fmt.Errorf("%s: its ID %q is that of %s; an ID is unique in the store", b.called(), id, cp.Path)
	case cp.Fingerprint != b.watched.print || cp.Task != b.plan.name || cp.Key != b.key():
		return fmt.Errorf("%s: its ID %q was recorded with another State, Given or key; give it another ID", b.called(), id)
	}
	return nil
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
func (v *visit) reduce(f func(context.Context, feed) (reflect.Value, error)) (reflect.Value, error) {
	defer v.over.Store(true)
	type reduced struct {
		out reflect.Value
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

// How a function on a goroutine of its own has ended.
type manner uint8

const (
	returned manner = iota
	leaked          // it has not, and is left behind
	vanished        // it called runtime.Goexit
)

// apart runs f on a goroutine of its own. When ctx has ended it waits for f no longer than grace.
func apart[T any](ctx context.Context, grace time.Duration, f func() T) (out T, how manner) {
	done := make(chan T, 1)
	go func() {
		defer close(done)
		done <- f()
	}()
	select {
	case out, ok := <-done:
		return out, ended(ok)
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case out, ok := <-done:
		return out, ended(ok)
	case <-timer.C:
		return out, leaked
	}
}

func ended(ok bool) manner {
	if ok {
		return returned
	}
	return vanished
}

// end says what the visit came to.
func (v *visit) end(out reflect.Value, err error) (reflect.Value, error) {
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
// and branches that wait for what nobody needs, or that a killed process left in the midst of a step. A function that Grace left behind does not undo what reduce returned.
func (v *visit) tidy(drained bool) error {
	for _, err := range v.leaks() {
		v.run.tree.logger.Warn("burdock: a function was left behind", slog.Any("error", err))
	}
	for n := range v.fan.Rest {
		if n.Suspended() || n.Skipped() && n.B.run.unfinished() {
			n.B.fate = fateCancelled
			n.B.tell(v.ctx)
		}
		if n.B.records() && n.B.fate == fateCancelled {
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

// maxPending is how many pending steps an Outcome lists.
const maxPending = 1000

// suspend ends the visit because all that is left waits. It reports true if messages have come that change that.
func (v *visit) suspend() (goOn bool) {
	if err := v.run.tree.fetch(context.WithoutCancel(v.ctx)); err != nil {
		v.run.tree.fail(err)
		return false
	}
	return !v.fan.Suspend(ErrSuspended) && v.fan.Cause() == nil
}

// waits takes over what a suspended branch waits for, until an answer comes.
func (v *visit) waits(b *branch) {
	v.pend(b)
	if b.run.has.inbox || v.run.tree.mail.some.Load() {
		n, pending := b.node, b.run.pending
		v.run.tree.mail.suspend(b.identity(), pending, func() {
			v.resumed(b)
			v.fan.Resume(n)
		})
	}
}

// resumed takes back what a branch has waited for.
func (v *visit) resumed(b *branch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.pending, b)
}

// pend notes what a branch waits for.
func (v *visit) pend(b *branch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pending == nil {
		v.pending = map[*branch][]Pending{}
	}
	v.pending[b] = b.run.pending
}

// pendings returns the first steps that wait, in the order of the branches.
func (v *visit) pendings() []Pending {
	v.mu.Lock()
	defer v.mu.Unlock()
	waiting := slices.SortedFunc(maps.Keys(v.pending), func(a, b *branch) int { return cmp.Compare(a.node.Index, b.node.Index) })
	var all []Pending
	for _, b := range waiting {
		room := maxPending - len(all)
		all = append(all, v.pending[b][:min(room, len(v.pending[b]))]...)
	}
	return all
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

// stopSequence tells the sequence that no more is wanted. It does so on a goroutine of its own, as what the sequence
// does on its way out is its own affair: a panic or runtime.Goexit is too late to matter.
func (v *visit) stopSequence() {
	if v.ended || v.lost != nil {
		return
	}
	v.ended = true
	out := func() (none struct{}) {
		defer func() { _ = recover() }()
		v.stop()
		return none
	}
	if v.run.tree.grace <= 0 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			out()
		}()
		<-done
		return
	}
	if _, how := apart(v.ctx, v.run.tree.grace, out); how == leaked {
		v.lost = v.leak("states")
	}
}

// leak is the error of a function of the visit that Grace has left behind.
func (v *visit) leak(which string) error {
	return &LeakError{Path: v.run.path(), Action: v.node.action.name + " (" + which + ")", Cause: context.Cause(v.ctx)}
}

// answered reports whether an event came after the step began. What a branch is known by does not change with it.
func (v *visit) answered(input string) bool {
	for i := range v.inputs {
		if v.inputs[i].Name == input {
			return v.inputs[i].Source == sourceAnswer
		}
	}
	return false
}

// How an event reached the step that used it.
const (
	sourceGiven  = "given"
	sourceAnswer = "answer" // after the step had begun
)

// source says how an event reaches the next step. One that an earlier attempt had keeps its word. One that comes to a
// parallel step which was interrupted, or waits, answers those branches that wait for it. So does one that comes to a
// step that failed, unless a branch that has ended could have made use of it.
func (r *runner) source(use *inputUse) string {
	for i := range r.recalled {
		if r.recalled[i].Name == use.name {
			return r.recalled[i].Source
		}
	}
	begun := r.revisit && (r.next.action.spec.par != nil || r.spawned)
	if begun && (!use.optional || r.status == StatusRunning || r.status == StatusWaiting) {
		return sourceAnswer
	}
	return sourceGiven
}
