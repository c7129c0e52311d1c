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
type branch struct {
	member
	run    *runner           // until it has ended
	node   *fan.Node[branch] // that this branch is in
	plan   *branchPlan
	sch    *schema       // of its initial state
	sub    reflect.Value // the window it begins with
	given  []slot        // its initial state
	few    [2]slot       // given, if it is not longer: one allocation less
	known  *sources      // its inputs when it began
	named  string        // the key, unless it is the index; of several parts it is the form of a path
	joined bool          // named has several parts
	index  int64
	print  string  // fingerprint, computed only for who is recorded or tracked
	result *[]load // the plan's, or resolved for a State
	out    any     // a *Res
	err    error
	status Status
	began  int64 // in nanoseconds since 1970, for who is tracked
}

// maxKey is the length in bytes that a key may have.
const maxKey = 4096

// init prepares the branch for a task of the visit.
func (b *branch) init(v *visit, n *fan.Node[branch], t task) error {
	b.node, b.index, b.sub = n, n.Index, t.sub
	b.plan = v.node.branches[t.run]
	b.tree, b.member.plan, b.visit, b.branch = v.run.tree, b.plan.plan, v, b
	b.sch = b.plan.sch
	b.result = &b.plan.result
	b.known = &v.given
	if b.plan.begin == nil {
		if err := b.beginState(); err != nil {
			return err
		}
	} else if err := b.beginWindow(); err != nil {
		return err
	}
	b.run = runners.Get().(*runner)
	b.run.member, b.run.sch, b.run.vals, b.run.next, b.run.sources = &b.member, b.sch, b.given, b.plan.plan.start, *b.known
	b.named = t.key
	if len(b.plan.keys) > 0 {
		return b.initKey(t)
	}
	return nil
}

// beginWindow makes the initial state of the fields of a window.
func (b *branch) beginWindow() error {
	if n := len(b.plan.sch.keys); n <= len(b.few) {
		b.given = b.few[:n:n]
	} else {
		b.given = make([]slot, n)
	}
	for i := range b.plan.begin {
		s := &b.plan.begin[i]
		v := s.field.Value(b.sub)
		if s.field.OmitZero && v.IsZero() {
			continue
		}
		v, err := s.codec.Normalize(v)
		if err == nil {
			err = s.codec.Valid(v)
		}
		if err != nil {
			return b.refuse(s.field, err)
		}
		clip(v)
		b.given[s.slot] = slot{v: v}
	}
	if len(b.plan.inputs) > 0 {
		return b.beginInputs()
	}
	return nil
}

func (b *branch) refuse(f *bind.Field, err error) error {
	return fmt.Errorf("field %s of the window of branch %d: %w", f.Go, b.index, err)
}

// beginInputs takes the inputs that the window gives.
func (b *branch) beginInputs() error {
	own := false // a window of the branch's own hides that of the branch around it
	for i := range b.plan.inputs {
		in := &b.plan.inputs[i]
		v := in.field.Value(b.sub)
		if v.IsZero() {
			continue
		}
		if who := b.plan.plan.bound[in.field.Name]; who != "" {
			return b.refuse(in.field, fmt.Errorf("input %q is bound by %s; leave one of them out", in.field.Name, who))
		}
		if !own {
			b.known, own = &sources{window: b.known.window.copied(), events: b.known.events, config: b.known.config}, true
		}
		b.known.window[in.field.Name] = v
	}
	return nil
}

// beginState makes the initial state of a State that the user made.
func (b *branch) beginState() error {
	s := *b.sub.Addr().Interface().(*State)
	if s.err != nil {
		return s.err
	}
	if s.sch == nil {
		s.sch = newSchema()
	}
	sch, err := b.plan.plan.extended(s.sch)
	if err != nil {
		return fmt.Errorf("the state of branch %d: %w", b.index, err)
	}
	b.sch, b.given = sch, s.in(sch).copied()
	for i := range b.given {
		g := &b.given[i]
		if !g.set() {
			continue
		}
		if g.v, err = sch.keys[i].codec.Normalize(g.v); err == nil {
			err = sch.keys[i].codec.Valid(g.v)
		}
		if err != nil {
			return fmt.Errorf("key %q of the state of branch %d: %w", sch.keys[i].name, b.index, err)
		}
		g.tail = nil
	}
	result, err := resultOf(b.visit.par.res, sch)
	b.result = &result
	return err
}

// resultOf resolves the result window in the schema of a state that was not known when the graph was made.
func resultOf(res reflect.Type, sch *schema) ([]load, error) {
	w, _ := bind.Of(res, bind.Result)
	var out []load
	for i := range w.Fields {
		f := &w.Fields[i]
		slot, ok := sch.index[f.Name]
		switch {
		case ok && sch.keys[slot].typ != f.Type:
			return nil, fmt.Errorf("result %s reads key %q as %s, but it is %s", windowName(res), f.Name, f.Type, sch.keys[slot].typ)
		case ok:
			out = append(out, load{f, slot, f.Optional})
		case !f.Optional:
			return nil, fmt.Errorf("result %s reads key %q, which the branch neither begins with nor writes", windowName(res), f.Name)
		}
	}
	return out, nil
}

// initKey reads the key out of the window's key fields, or takes the task's.
func (b *branch) initKey(t task) error {
	var parts []string
	if t.key != "" {
		parts = append(parts, t.key)
	}
	for _, f := range b.plan.keys {
		text, err := bind.KeyText(f.Value(b.sub))
		switch {
		case err != nil:
			return fmt.Errorf("field %s of branch %d: %w", f.Go, b.index, err)
		case text == "" || len(text) > maxKey:
			return fmt.Errorf("field %s of branch %d is a key of %d bytes (%.40q); a key has 1 to %d", f.Go, b.index, len(text), text, maxKey)
		}
		parts = append(parts, text)
	}
	b.named = parts[0]
	if b.joined = len(parts) > 1; b.joined {
		for i, p := range parts {
			parts[i] = escapePath(p)
		}
		b.named = strings.Join(parts, ":")
	}
	if len(b.named) > maxKey {
		return fmt.Errorf("branch %d has a key of %d bytes (%.40q...); a key has 1 to %d", b.index, len(b.named), b.named, maxKey)
	}
	return nil
}

// key returns the branch's key: the key fields or the action's name, else the index.
func (b *branch) key() string {
	if b.named == "" {
		return strconv.FormatInt(b.index, 10)
	}
	return b.named
}

// collect reads what reduce will be given out of the branch's final state.
func (b *branch) collect(vals []slot) (any, error) {
	l := loader{*b.result, vals}
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
	if b.records() || b.listens() {
		b.print = b.fingerprint()
		b.id = branchID(b.visit.id, b.visit.seq, b.plan.name, b.key(), b.print)
	}
}

// runBranch is the body of a worker: it runs a branch to its end, or until it waits.
func (v *visit) runBranch(n *fan.Node[branch], vanished bool) (finished bool) {
	b := &n.B
	r := b.run
	if !vanished {
		if r.holds = r.tree.tokens != nil; !r.retryAt.IsZero() {
			r.release() // it waits first
		}
		if r.listens() {
			b.began = time.Now().UnixNano()
			r.emitApp(v.ctx, EventBranchStarted, nil)
		}
	}
	end, err := r.advance(v.ctx, nil, vanished)
	r.release()
	return v.settle(b, end, err)
}

// settle hands the end of a branch to the visit. It reports false for one that waits.
func (v *visit) settle(b *branch, end ending, err error) (finished bool) {
	switch end {
	case endDone:
		b.status = StatusCompleted
	case endWaiting:
		b.status = StatusWaiting
	case endFailed:
		b.status = StatusFailed
	default:
		b.status = StatusCancelled
	}
	if err != nil {
		b.err = &BranchError{Path: b.path(), Key: b.key(), Index: b.index, Err: err}
	}
	b.tell(v.ctx)
	switch end {
	case endWaiting:
		v.waits(b)
		return false
	case endFailed:
		v.failed(b)
	case endFatal:
		v.fan.Stop(err)
	default:
		if b.status == StatusCancelled {
			v.interrupted()
		}
	}
	if b.status != StatusCancelled { // the visit's end asks where a cancelled one stands
		b.forget()
	}
	return true
}

// tell emits the event of the branch's end.
func (b *branch) tell(ctx context.Context) {
	if !b.listens() {
		return
	}
	b.run.emitApp(ctx, EventBranchEnded, func(e *Event) {
		e.Status, e.Started, e.Join = b.status, time.Unix(0, b.began).UTC(), b.node.Join
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
		clear(r.scratch)
		*r = runner{scratch: r.scratch[:0]}
		runners.Put(r)
	}
}
