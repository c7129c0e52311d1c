package burdock

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/burdock-go/burdock/internal/bind"
	"github.com/burdock-go/burdock/internal/fan"
)

// A branch is one sub-application of a visit.
//
// It lives as long as its result, and results may wait in thousands for their turn, so what only a running branch needs
// is its runner's. A node with its branch has 192 bytes; with all of it inside it had 384, and a branch that does nothing
// took a third longer.
type branch struct {
	member
	run     *runner           // until it has ended
	node    *fan.Node[branch] // that this branch is in
	plan    *branchPlan
	in      any    // *Sub, the window it begins with
	out     any    // a *Res
	named   string // the key, unless it is the index; of several parts it is the form of a path
	err     *BranchError
	special *special // of a task that says more than most
	joined  bool     // named has several parts
	fate    fate
}

// A fate is the status of a branch, in one byte.
type fate uint8

const (
	fateNone fate = iota
	fateCompleted
	fateFailed
	fateCancelled
	fateWaiting
	fateSkipped
)

func (f fate) status() Status {
	return [...]Status{"", StatusCompleted, StatusFailed, StatusCancelled, StatusWaiting, StatusSkipped}[f]
}

// maxKey is the length in bytes that a key may have.
const maxKey = 4096

// init prepares the branch for a task of the visit.
func (b *branch) init(v *visit, n *fan.Node[branch], t task) error {
	b.node, b.in, b.named, b.special = n, t.sub, t.key, t.special
	b.tree, b.visit, b.branch = v.run.tree, v, b
	if b.special != nil || b.plan.plan.graph.executor != nil {
		if err := b.equip(); err != nil {
			return err
		}
	}
	r := runners.Get().(*runner)
	r.opening.around = v.run.vals
	if err := b.begin(&r.opening); err != nil {
		return err
	}
	r.opening.around = nil
	b.run = r
	r.member, r.has, r.plan, r.next = &b.member, b.env(), b.plan.plan, b.plan.plan.start
	r.doubtful = b.special != nil || b.tooDeep()
	r.sch, r.vals, r.sources = r.opening.sch, r.opening.vals, *r.opening.inputs
	if len(b.plan.keys) > 0 || v.par.kind == "map_tasks" {
		return b.initKey(t)
	}
	return nil
}

// initKey reads the key out of the window's key fields, or takes the task's.
func (b *branch) initKey(t task) error {
	var parts []string
	switch {
	case b.visit.par.product:
		parts = append(parts, b.plan.name)
	case len(t.key) > maxKey:
		return fmt.Errorf("branch %d has a key of %d bytes (%.40q...); a key has 1 to %d", b.node.Index, len(t.key), t.key, maxKey)
	case t.key != "":
		parts = append(parts, t.key)
	}
	window := reflect.ValueOf(b.in).Elem()
	for _, f := range b.plan.keys {
		text, err := bind.KeyText(f.Value(window))
		switch {
		case err != nil:
			return fmt.Errorf("field %s of branch %d: %w", f.Go, b.node.Index, err)
		case text == "" || len(text) > maxKey:
			return fmt.Errorf("field %s of branch %d is a key of %d bytes (%.40q); a key has 1 to %d", f.Go, b.node.Index, len(text), text, maxKey)
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return nil
	}
	b.named = parts[0]
	if b.joined = len(parts) > 1; b.joined {
		for i, p := range parts {
			parts[i] = escapePath(p)
		}
		b.named = strings.Join(parts, ":")
	}
	if len(b.named) > maxKey {
		return fmt.Errorf("branch %d has a key of %d bytes (%.40q...); a key has 1 to %d", b.node.Index, len(b.named), b.named, maxKey)
	}
	return nil
}

// key returns the branch's key: what its task or its key fields say, else the index; in a product the action's name and
// that of its state.
func (b *branch) key() string {
	switch {
	case b.named != "":
		return b.named
	case b.visit.par.product:
		return escapePath(b.plan.name) + ":" + strconv.FormatInt(b.node.Index/int64(len(b.visit.par.tasks)), 10)
	}
	return strconv.FormatInt(b.node.Index, 10)
}

// noun is what the branch is to who made it.
func (b *branch) noun() string {
	if b.visit.par == spawning {
		return "child"
	}
	return "task"
}

// called names the branch in errors about what was said of it.
func (b *branch) called() string { return fmt.Sprintf("%s %.40q", b.noun(), b.key()) }

// collect reads what reduce will be given out of the branch's final state.
func (b *branch) collect(vals []slot) (any, error) {
	l := loader{*b.run.opening.result, vals}
	res, complete := b.visit.par.collect(l)
	if !complete {
		return nil, b.incomplete(l.missing())
	}
	return res, nil
}

func (b *branch) incomplete(missing []string) error {
	return fmt.Errorf("the result %s reads keys %q, which have no value at the end of branch %q", windowName(b.visit.par.res), missing, b.plan.name)
}

// identify computes what records and events of the branch need.
func (b *branch) identify() {
	if !b.run.observed() {
		return
	}
	w := &watched{print: b.fingerprint(&b.run.opening)}
	if b.special != nil {
		w.id = b.special.id
	}
	if w.id == "" {
		w.id = branchID(b.visit.known(), b.visit.seq, b.plan.name, b.key(), w.print)
	}
	b.watched = w
}

// overdue reports whether the Timeout of the branch's task is over.
func (r *runner) overdue() bool { return r.timed() && r.left() <= 0 }

// fault is why the application cannot go on although no function of it has failed.
func (r *runner) fault() error {
	switch {
	case r.branch != nil:
		return r.branch.fault()
	case r.overdue(): // a worker's: everything else was asked before the branch was handed over
		return late("task", r.tree.guest.Timeout)
	}
	return nil
}

func late(noun string, d time.Duration) error {
	return fmt.Errorf("%w: the %s had %v", ErrTimeout, noun, d)
}

// fault is why the branch cannot go on although no function of it has failed: its task says so, or it is too deep.
func (b *branch) fault() error {
	switch {
	case b.special != nil && b.special.err != nil:
		return b.special.err
	case b.run.overdue():
		return late(b.noun(), b.special.timeout)
	case b.tooDeep():
		return fmt.Errorf("%w: this one has depth %d, and Options.MaxDepth is %d", ErrTooDeep, b.visit.depth, b.tree.maxDepth)
	}
	return nil
}

// runBranch is the body of a worker: it runs a branch to its end, or until it waits.
func (v *visit) runBranch(n *fan.Node[branch], vanished bool) (finished bool) {
	b := &n.B
	r := b.run
	if !vanished {
		if r.holds = r.tree.tokens != nil; !r.retryAt.IsZero() {
			r.release() // it waits first
		}
		b.starts(v.ctx)
	}
	ctx := v.ctx
	inbox := r.has.inbox
	if inbox {
		ctx = b.cancellable(ctx, vanished)
	}
	var end ending
	var err error
	if v.par.opts.Cache == nil && r.has.executor == nil && r.next != nil { // the shortest way for what is most
		end, err = r.advance(ctx, nil, vanished)
	} else {
		end, err = v.advance(ctx, b, vanished)
	}
	r.release()
	if inbox {
		b.watched.cancel(nil)
		r.tree.mail.end(b.watched.id)
	}
	return v.settle(b, end, err)
}

// advance runs the branch to where it stops, unless the map's cache knows that.
func (v *visit) advance(ctx context.Context, b *branch, vanished bool) (ending, error) {
	if v.par.opts.Cache == nil {
		return v.proceed(ctx, b, vanished)
	}
	return v.cached(ctx, b, vanished)
}

// proceed runs the branch to where it stops: here, or where its executor says. A branch whose task says that it cannot
// begin, or that has ended in an earlier process, needs none.
func (v *visit) proceed(ctx context.Context, b *branch, vanished bool) (ending, error) {
	r := b.run
	switch ex := r.has.executor; {
	case r.next == nil:
		return endDone, v.stamp(ctx, b)
	case ex == nil || vanished || b.fault() != nil:
		return r.advance(ctx, nil, vanished)
	default:
		return v.handOver(ctx, b, ex)
	}
}

// cancellable returns the context of a branch that a message may cancel alone.
func (b *branch) cancellable(ctx context.Context, vanished bool) context.Context {
	w := b.watched
	if vanished && w.cancel != nil { // else the tracker took the goroutine when it was told of the beginning
		return w.ctx
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	b.tree.mail.run(w.id, w.cancel)
	return w.ctx
}

// starts tells of the branch that begins to run.
func (b *branch) starts(ctx context.Context) {
	if b.run.listens() {
		b.noted().began = time.Now().UnixNano()
		b.run.emitApp(ctx, EventBranchStarted, nil)
	}
	if b.special != nil && b.special.timeout > 0 {
		b.run.deadline = b.active().Add(b.special.timeout)
	}
}

// settle hands the end of a branch to the visit. It reports false for one that waits.
func (v *visit) settle(b *branch, end ending, err error) (finished bool) {
	b.ends(v.ctx, end, err)
	switch end {
	case endWaiting:
		v.waits(b)
		return false
	case endFailed:
		v.failed(b)
	case endFatal:
		v.fan.Stop(err)
	case endCancelled:
		if v.ctx.Err() == nil && b.run.cancelled() { // somebody has cancelled it alone
			b.tree.mail.forget(b.watched.id)
			v.failed(b)
		} else {
			v.interrupted()
		}
	}
	if b.fate != fateCancelled { // the visit's end asks where a cancelled one stands
		b.forget()
	}
	return true
}

// ends tells of the branch that has come to an end, or waits.
func (b *branch) ends(ctx context.Context, end ending, err error) {
	switch end {
	case endDone:
		b.fate = fateCompleted
	case endWaiting:
		b.fate = fateWaiting
	case endFailed:
		b.fate = fateFailed
	default:
		b.fate = fateCancelled
	}
	if err != nil {
		b.err = &BranchError{Path: b.path(), Key: b.key(), Index: b.node.Index, Err: err}
	}
	if b.run.listens() {
		b.tell(ctx)
	}
}

// tell emits the event of the branch's end.
func (b *branch) tell(ctx context.Context) {
	if !b.listens() {
		return
	}
	b.run.emitApp(ctx, EventBranchEnded, func(e *Event) {
		e.Status, e.Join = b.fate.status(), b.node.Join
		if began := b.noted().began; began != 0 {
			e.Started = time.Unix(0, began).UTC()
		}
		if b.err != nil {
			e.Error = validUTF8(b.err.Error())
		}
	})
}

// forget drops what an ended branch needs no more, since its result may wait long for its turn.
func (b *branch) forget() {
	r := b.run
	b.run = nil
	if b.tree.grace == 0 { // otherwise a function that was left behind may still use it
		r.course = course{}
		r.cur.node, r.cur.att, r.cur.matching = nil, nil, nil
		runners.Put(r)
	}
}
