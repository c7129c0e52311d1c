package burdock

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// A nursery is what one call of an action's function has spawned.
//
//	Spawn ──▶ running ──▶ ended                        (Done is closed)
//	            │  ▲
//	            ▼  └─resume─┐
//	          suspended ────┤
//	            │           └─none runs, and it was asked for──▶ given up (Done is closed)
//	            └─its context has ended──▶ abandoned       (Done is closed)
//
// Its children are branches of a visit that has no sequence, no pool and no reduce: what makes a branch known, recorded
// and found again is the visit's, when it runs and what follows from its end is the nursery's.
type nursery struct {
	c     *stepContext
	turn  chan struct{} // a lock that is held over the store, which a mutex must not be: see package fan
	visit *visit        // nil before the first Spawn
	keys  map[string]bool
	live  sync.WaitGroup
	ended bool // nothing is spawned any more

	mu      sync.Mutex // guards what follows
	all     []*Handle
	running int
	readers []*subscription
	over    bool // nothing is resumed, given up or read any more
}

// nurseries are those of the calls that run. Few actions spawn, so a call has no room for one.
type nurseries struct {
	some atomic.Bool
	of   sync.Map // *stepContext → *nursery
}

var errSpawnLate = errors.New("the attempt of the action has ended")

// nurseryOf returns the nursery of the action whose context ctx is.
func nurseryOf(ctx context.Context) (*nursery, error) {
	c := stepOf(ctx)
	switch {
	case c == nil:
		return nil, errors.New("its context is not that of an action")
	case c.node.action.spec.par != nil:
		return nil, fmt.Errorf("%q is a parallel action, whose branches are those of its sequence", c.node.action.name)
	}
	all := &c.of.tree.nurseries
	all.some.Store(true)
	got, had := all.of.LoadOrStore(c, &nursery{c: c, turn: make(chan struct{}, 1), keys: map[string]bool{}})
	if c.over.Load() {
		if !had { // nobody else would take it out again
			all.of.Delete(c)
		}
		return nil, fmt.Errorf("%q: %w", c.node.action.name, errSpawnLate)
	}
	return got.(*nursery), nil
}

// runner returns who advances the application. It is asked while a step runs.
func (m *member) runner() *runner {
	if m.branch != nil {
		return m.branch.run
	}
	return m.tree.top
}

// spawn starts one child, or finds it again.
func (n *nursery) spawn(ctx context.Context, run Runnable, t task) (*Handle, error) {
	n.turn <- struct{}{}
	defer func() { <-n.turn }()
	switch {
	case n.ended:
		return nil, fmt.Errorf("%q: %w", n.c.node.action.name, errSpawnLate)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case n.keys[t.key]:
		return nil, errors.New("the key is used twice; keys are unique within an attempt")
	}
	if err := n.open(); err != nil {
		return nil, err
	}
	h := &Handle{of: n, done: make(chan struct{})}
	if err := n.bear(h, run, t); err != nil {
		return nil, err
	}
	n.keys[t.key] = true
	if h.node.Found {
		h.close(phaseEnded, endDone, nil)
	} else {
		h.enter(ctx)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, h)
	if !h.node.Found {
		h.runs()
	}
	return h, nil
}

// open prepares for the first child. The step is recorded as running before anything that it spawns, so that a restart
// finds the children and the inputs that they were given.
func (n *nursery) open() error {
	if n.visit != nil {
		return nil
	}
	r := n.c.of.runner()
	v := &visit{run: r, of: r.member, node: n.c.node, seq: n.c.seq, par: spawning, depth: r.depth() + 1, ctx: n.c, restored: true}
	v.id, v.inputs = r.identity(), r.cur.inputs
	v.given = sources{window: r.sources.window, events: r.sources.events.only(r.cur.given.used), config: r.sources.config}
	if err := v.equip(); err != nil {
		return err
	}
	if v.env.ledger != nil && r.revisit {
		_, last, err := v.read()
		if err != nil {
			return err
		}
		v.joins.Store(last)
	}
	if r.records() {
		if err := r.begun(); err != nil {
			return err
		}
		r.rerun = false
	}
	r.spawned = true
	n.visit = v
	if token := n.c.holder(); token != nil {
		token.lend() // for good: it has none again when the next action takes one
	}
	return nil
}

// bear makes a child and looks for what is recorded of it.
func (n *nursery) bear(h *Handle, run Runnable, t task) (err error) {
	v, b := n.visit, &h.node.B
	if b.plan, err = v.run.plan.spawned(run, reflect.TypeOf(t.sub).Elem()); err != nil {
		return err
	}
	if err := b.plan.fits(v.run.plan, &v.given); err != nil {
		return err
	}
	h.node.Index = int64(len(n.keys))
	if err := b.init(v, &h.node, t); err != nil {
		return err
	}
	b.identify()
	if t.special != nil && t.special.id != "" {
		if err := v.named(b); err != nil {
			return err
		}
	}
	return v.match(&h.node)
}

// reap ends what the attempt has spawned. If it has completed without spawning anything, what earlier attempts have left
// in the store is superseded.
func (r *runner) reap(res *result) {
	a := r.cur.att
	a.reap(res)
	if !r.spawned || a.reaped || res.err != nil || !r.records() || r.tree.failed() != nil {
		return
	}
	v := &visit{run: r, of: r.member, node: a.node, seq: a.seq, par: spawning, ctx: context.WithoutCancel(a.ctx)}
	v.id = r.identity()
	if res.err = v.equip(); res.err != nil || v.env.ledger == nil {
		return
	}
	if _, _, res.err = v.read(); res.err == nil && len(v.recorded) > 0 {
		r.rerun = false
		res.err = v.remark(true)
	}
}

// reap ends what one call of the attempt's function has spawned.
func (a *attempt) reap(res *result) {
	c := a.step()
	if c == nil {
		return
	}
	c.over.Store(true)
	all := &a.run.tree.nurseries
	if !all.some.Load() {
		return
	}
	if n, ok := all.of.Load(c); ok {
		n.(*nursery).end(a, res)
		all.of.Delete(c)
	}
}

// end cancels what still runs and waits for it. It holds the turn all the while: a function that Grace has left behind
// may end its own call at the same moment as the engine does.
func (n *nursery) end(a *attempt, res *result) {
	n.turn <- struct{}{}
	defer func() { <-n.turn }()
	if n.ended {
		return
	}
	n.ended = true
	if n.visit == nil {
		return
	}
	cause := n.cause(res)
	n.mu.Lock()
	n.over = true
	for _, s := range n.readers { // a child must not wait for one while it is waited for
		s.leave()
	}
	for _, h := range n.all {
		h.stop(cause)
	}
	n.mu.Unlock()
	n.live.Wait()
	n.visit.run.revisit, a.reaped = true, true // should the step have to run again
	waiting := n.waiting()
	switch {
	case n.visit.run.tree.failed() != nil:
	case len(waiting) > 0 && n.c.Err() == nil && suspends(res.err):
		n.visit.run.pending = waiting
		*res = result{err: errWaiting}
	case res.err == nil:
		res.err = n.tidy()
	}
	for _, h := range n.all {
		h.left(cause)
	}
}

// subscribe begins to tell of a child and everything below it. It returns nil when the action has returned.
func (n *nursery) subscribe(child *member) *subscription {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return nil
	}
	h := &child.tree.hub
	s := h.newSubscription(child)
	h.add(s)
	n.readers = append(n.readers, s)
	return s
}

// unsubscribe ends what subscribe has begun.
func (n *nursery) unsubscribe(s *subscription) {
	s.leave()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.readers = slices.DeleteFunc(n.readers, func(other *subscription) bool { return other == s })
}

// after is context.AfterFunc whose goroutine the nursery waits for.
func (n *nursery) after(ctx context.Context, f func()) (stop func() bool) {
	n.live.Add(1)
	unset := context.AfterFunc(ctx, func() {
		defer n.live.Done()
		f()
	})
	return func() bool {
		stopped := unset()
		if stopped {
			n.live.Done()
		}
		return stopped
	}
}

// cause is why what still runs is cancelled.
func (n *nursery) cause(res *result) error {
	switch {
	case n.c.Err() != nil:
		return context.Cause(n.c)
	case res.err == nil:
		return ErrNotNeeded
	}
	return res.err
}

// suspends reports whether an action wants to wait, as the error that it has returned says. Its methods are the user's.
func suspends(err error) (yes bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, ErrSuspended)
}

// waiting returns what the children wait for.
func (n *nursery) waiting() []Pending {
	var all []Pending
	for _, h := range n.all {
		if h.waits() {
			left := h.node.B.run.pending
			all = append(all, left[:min(maxPending-len(all), len(left))]...)
		}
	}
	return all
}

// tidy writes what an action that has returned leaves behind, as visit.tidy does.
func (n *nursery) tidy() error {
	v := n.visit
	for _, h := range n.all {
		b := &h.node.B
		if h.waits() || h.phase == phaseAbandoned {
			b.fate = fateCancelled
			b.tell(v.ctx)
		}
		if b.fate == fateCancelled && b.records() {
			if err := v.cancelLeft(&h.node); err != nil {
				return err
			}
		}
	}
	if v.env.ledger == nil && len(v.marks) == 0 {
		return nil
	}
	return v.remark(true)
}

// quiet gives up on the children that wait and that the action has asked for, once no other runs. The caller has locked.
func (n *nursery) quiet() {
	if n.running > 0 || n.over {
		return
	}
	for _, h := range n.all {
		if h.phase == phaseSuspended && h.asked {
			h.giveUp()
		}
	}
}

// resume goes on with the spawned child that waits at a step, or has a branch that does. give hands the child what was
// answered, while nobody advances it. It reports false if there is no such child, or none any more.
func (t *tree) resume(ref Ref, give func(*runner)) (resumed bool) {
	t.nurseries.of.Range(func(_, n any) bool {
		resumed = n.(*nursery).resume(ref, give)
		return !resumed
	})
	return resumed
}

func (n *nursery) resume(ref Ref, give func(*runner)) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.all {
		if !n.over && h.phase == phaseSuspended && h.waitsAt(ref) && h.gone() {
			give(h.node.B.run)
			h.runs()
			return true
		}
	}
	return false
}

// only returns the named ones.
func (v values) only(names []string) values {
	if len(names) == len(v) {
		return v
	}
	few := values{}
	for _, name := range names {
		if value, ok := v[name]; ok {
			few[name] = value
		}
	}
	return few
}
