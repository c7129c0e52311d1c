package burdock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// CacheProject is the project of the entries of a Cache in its store. `burdock ls` shows them only if it is asked for this
// project, and Prune by project and age forgets them.
const CacheProject = "burdock-cache"

// A Cache answers branches of maps from what an equal branch came to earlier, in this application or another. Branches
// are equal if all of these are: the hash of their graph, versions, entry and exits included, the window that they begin
// with, the bindings of their actions, and the inputs that are known when they begin, except secret ones. What a hash
// cannot see, such as a prompt, a client or a middleware, is named by Action.Version.
//
//	lookup ──hit──▶ the entry's state is the branch's: no action is called
//	   └──miss──▶ the branch runs ──completed──▶ its state is kept
//
// Only a branch that has completed is kept: none that failed, that waited or was answered on its way, and none whose
// Fallback stood in. Nothing is looked up for a branch that finds records of its own, nor for a Task with Err. A branch
// that the cache answers is recorded like any other, so that a resume finds the same answer whatever has become of the
// cache, and EventRestored with the Name "cache" tells of it.
//
// An entry is an application of its own in Store, of the project CacheProject: one completed record, whose Delta is the
// branch's final state and whose Origin is the branch that made it. So every Store will do, that of the application too.
//
// The cache never fails a branch. What goes wrong with it is logged with Options.Logger, and the branch runs.
//
// In plain words: equal work is done once where that is possible, and done again where it is not. Not promised: that it
// is never done twice.
//
// One Cache may serve many maps. It is not copied once it is used.
type Cache struct {
	// Store keeps the entries. It is required.
	Store Store
	// MaxAge is how old an entry may be that answers a branch. Defaults to any age.
	MaxAge time.Duration
	// SingleFlight lets one run of equal branches that begin at once, in this process and in all maps that share the
	// Cache. The others wait for it, without a token of Options.MaxConcurrency, and run themselves if it does not complete.
	// A branch that the running one needs itself does not wait. Defaults to false: all run.
	SingleFlight bool

	flights map[string]*flight // by key; guarded by flying
}

// check reports what is wrong with the cache of a map.
func (c *Cache) check(a *Action) {
	switch {
	case c == nil:
	case c.Store == nil || c.Store == NoStore:
		a.failed("MapOptions.Cache has no Store, so it could keep nothing")
	case c.MaxAge < 0:
		a.failed("Cache.MaxAge is %v; it is positive, or zero for any age", c.MaxAge)
	}
}

// An inquiry is what a branch asks its cache, and what it owes it.
type inquiry struct {
	key      string
	flight   *flight // that the branch leads
	over     bool    // nothing is kept
	entry    *Checkpoint
	answered atomic.Bool // somebody has answered a step of the branch, or below it, which its key does not say
}

// cached advances a branch of a map that has a cache.
func (v *visit) cached(ctx context.Context, b *branch, vanished bool) (end ending, err error) {
	hit := false
	if b.fresh() {
		hit, end, err = v.consult(ctx, b)
	}
	if !hit {
		end, err = v.proceed(ctx, b, vanished)
	}
	if b.run.asks != nil {
		v.conclude(ctx, b, end)
	}
	return end, err
}

// fresh reports whether the branch begins: it has asked nothing and has no record.
func (b *branch) fresh() bool {
	r := b.run
	return r.asks == nil && !r.born && r.seq == 0 && r.attempt == 0 && (b.special == nil || b.special.err == nil)
}

// consult looks for an answer, without a token. It reports false, with a token again, if the branch has to run.
func (v *visit) consult(ctx context.Context, b *branch) (ended bool, end ending, err error) {
	r := b.run
	r.asks = &inquiry{over: true}
	r.release()
	if err := guarded("a cache", func() error {
		r.asks.key = b.cacheKey()
		return nil
	}); err != nil {
		v.uncached(b, "key", err)
	} else if entry := v.find(ctx, b); entry != nil && ctx.Err() == nil {
		if hit, end, err := v.answer(ctx, b, entry); hit {
			return true, end, err
		}
	}
	if ctx.Err() != nil || r.tree.tokens != nil && !r.tree.takeToken(ctx) {
		end, err = r.interrupted(ctx)
		return true, end, err
	}
	r.holds = r.tree.tokens != nil
	return false, endDone, nil
}

// cacheKey hashes what equal branches have in common. The fingerprint leaves out inputs that came after the step around
// the branch had begun; here they count.
func (b *branch) cacheKey() string {
	o := &b.run.opening
	var given string
	if b.watched != nil {
		given = b.watched.print
	} else {
		given = b.fingerprint(o)
	}
	all := appendParts(nil, "1", b.plan.hash(), given)
	for _, name := range b.plan.plan.inputNames() {
		u := b.plan.plan.inputs[name]
		v, event, ok := o.inputs.find(name)
		if !ok || u.secret || !event || !b.visit.answered(name) {
			continue
		}
		data, err := u.codec.Encode(v)
		if err != nil {
			data = fmt.Append(nil, err)
		}
		all = appendParts(all, name, string(data))
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:16])
}

// find returns the entry of an equal branch, or nil. With SingleFlight it waits for one that runs.
func (v *visit) find(ctx context.Context, b *branch) *Checkpoint {
	c, q := v.par.opts.Cache, b.run.asks
	q.over = false
	if !c.SingleFlight {
		return v.load(ctx, b)
	}
	above := b.flightsAbove()
	f, leads := c.join(q.key, above)
	switch {
	case leads:
		q.flight = f
	case f != nil:
		defer f.leave(above)
		return f.wait(ctx, b)
	}
	return v.load(ctx, b)
}

// load reads the entry of the branch's key, unless it is too old.
func (v *visit) load(ctx context.Context, b *branch) *Checkpoint {
	c := v.par.opts.Cache
	id := entryID(b.run.asks.key)
	var cp Checkpoint
	err := guarded("a cache", func() (err error) {
		cp, err = c.Store.Load(ctx, Ref{App: id, Seq: 0})
		return err
	})
	switch {
	case errors.Is(err, ErrNotFound) || err != nil && ctx.Err() != nil:
		return nil
	case err == nil && (cp.Project != CacheProject || !cp.Done()):
		err = fmt.Errorf("application %q is no entry of a cache", id)
	case err == nil && c.MaxAge > 0 && time.Since(cp.Ended) > c.MaxAge:
		return nil
	}
	if err != nil {
		v.uncached(b, "lookup", err)
		return nil
	}
	return &cp
}

func entryID(key string) string { return "cache-" + key }

// answer ends the branch with the state of an entry. It reports false if the entry does not fit the branch.
func (v *visit) answer(ctx context.Context, b *branch, entry *Checkpoint) (hit bool, end ending, err error) {
	r := b.run
	rec := &record{}
	rec.add(*entry)
	sch, vals, out := r.sch, r.vals, any(nil)
	if err := guarded("a cache", func() (err error) {
		if sch, vals, err = rec.state(r.sch); err == nil {
			out, err = b.collect(vals)
		}
		return err
	}); err != nil {
		v.uncached(b, "lookup", err)
		return false, endDone, nil
	}
	r.asks.over, r.asks.entry = true, entry
	r.count()
	join := r.join(true)
	if r.records() {
		cp := r.cacheStep(entry)
		cp.Join = join
		r.cur.ctx = ctx
		batch, err := r.preceding()
		if err == nil {
			_, err = r.commitEnded(nil, append(batch, cp))
		}
		if err != nil {
			return true, endFatal, err
		}
	}
	r.emitApp(ctx, EventRestored, func(e *Event) {
		e.Action, e.Name, e.Status, e.Join = "", "cache", StatusCompleted, join
	})
	r.sch, r.vals, b.out = sch, vals, out
	r.seq, r.attempt, r.last, r.next = 1, 0, "", nil
	return true, endDone, nil
}

// cacheStep is the record of the step that an entry stands for: it leads from the state that the branch begins with to the
// entry's. No action has run in it.
func (r *runner) cacheStep(entry *Checkpoint) Checkpoint {
	cp := r.blank()
	cp.Seq, cp.Attempt, cp.Status, cp.Origin, cp.Lists = r.seq+1, r.attempt, StatusCompleted, entry.Origin, entry.Lists
	cp.Started = now()
	cp.Ended = cp.Started
	kept := map[string]bool{}
	for _, c := range entry.Delta {
		kept[c.Key] = true
	}
	for i, s := range r.vals {
		if k := &r.sch.keys[i]; s.set() && !kept[k.name] {
			cp.Delta = append(cp.Delta, Change{Key: k.name, Op: OpDelete})
			cp.Lists = cp.Lists || k.list
		}
	}
	cp.Delta = append(cp.Delta, entry.Delta...)
	return cp
}

// conclude keeps what the branch has come to, and lets those go on that wait for it.
func (v *visit) conclude(ctx context.Context, b *branch, end ending) {
	r := b.run
	q := r.asks
	if end == endDone && !q.over && !q.answered.Load() && !r.fellBack() {
		v.keep(ctx, b)
	}
	q.over = true
	if q.flight != nil {
		v.par.opts.Cache.land(q.key, q.flight, q.entry)
		q.flight = nil
	}
	if end != endWaiting { // one that waits comes again, and asks nothing then
		r.asks = nil
	}
}

// fellBack reports whether the Fallback of the map was the last step.
func (r *runner) fellBack() bool {
	n := r.plan.named(r.last)
	return n != nil && n.fallback
}

// keep writes the entry of a branch that has completed. Like any save it is not abandoned when ctx ends. Another owner of
// the entry is about to write the same.
func (v *visit) keep(ctx context.Context, b *branch) {
	q, store := b.run.asks, v.par.opts.Cache.Store
	err := guarded("a cache", func() error {
		entry, err := b.entry(q.key)
		if err != nil {
			return err
		}
		q.entry = &entry
		return saveAlone(context.WithoutCancel(ctx), store, entry)
	})
	if err != nil && !errors.Is(err, ErrConflict) {
		v.uncached(b, "keep", err)
	}
}

// entry is the branch's final state as an application of its own: a fork of its last step.
func (b *branch) entry(key string) (Checkpoint, error) {
	r, id := b.run, entryID(key)
	cp := Checkpoint{
		Root: id, App: id, Path: id, Project: CacheProject, Kind: KindStep, Status: StatusCompleted,
		Graph: r.plan.graph.name, GraphHash: r.plan.graph.Hash(), Origin: Ref{App: b.identity(), Seq: r.seq}, Started: now(),
	}
	cp.Ended = cp.Started
	if cp.GraphHash != "" {
		cp.Description = r.plan.graph.hashed().text
	}
	for i, s := range r.vals {
		cp.Lists = cp.Lists || s.set() && r.sch.keys[i].list
	}
	var err error
	cp.Delta, err = encodeState(r.sch, r.vals)
	return cp, err
}

// saveAlone saves the one record of an application that nobody advances.
func saveAlone(ctx context.Context, store Store, cp Checkpoint) (err error) {
	claim, err := store.Claim(ctx, cp.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, claim.Release(ctx)) }() // also when Save panics, else it is renewed for ever
	cp.Fence = claim.Fence()
	return store.Save(ctx, cp.Fence, []Checkpoint{cp})
}

// uncached tells of a failure of the cache, which is none of the branch.
func (v *visit) uncached(b *branch, op string, err error) {
	v.run.tree.logger.Warn("burdock: a cache failed", slog.String("op", op), slog.String("branch", b.path()), slog.Any("error", err))
}

// guarded runs functions of the user in a place where neither a panic of theirs nor runtime.Goexit ends the branch.
func guarded(where string, f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = &PanicError{Where: where, Value: ErrGoexit}
		defer func() {
			if v := recover(); v != nil {
				err = &PanicError{Where: where, Value: v, Stack: debug.Stack()}
			}
		}()
		err = f()
	}()
	<-done
	return err
}

// answeredBelow notes that the application has been given an answer: what it, and what is above it, comes to is no answer
// for others.
func (m *member) answeredBelow() {
	for ; m.branch != nil; m = m.visit.of {
		if q := m.branch.run.asks; q != nil {
			q.answered.Store(true)
		}
	}
}

// A flight is a branch that runs while equal ones wait for it.
type flight struct {
	done  chan struct{}
	entry *Checkpoint     // once done: what the branch has come to, or nil
	needs map[*flight]int // flights that branches below this one wait for, and how many do
}

// flying guards the flights of all caches: branches of two caches may need each other.
var flying sync.Mutex

// join returns the flight of the key, to be led or to be waited for; nil if waiting for it could never end, because it
// needs one of those above the branch that asks.
func (c *Cache) join(key string, above []*flight) (f *flight, leads bool) {
	flying.Lock()
	defer flying.Unlock()
	f = c.flights[key]
	if f == nil {
		if c.flights == nil {
			c.flights = map[string]*flight{}
		}
		f = &flight{done: make(chan struct{}), needs: map[*flight]int{}}
		c.flights[key] = f
		return f, true
	}
	reached := map[*flight]bool{}
	f.reach(reached)
	for _, g := range above {
		if reached[g] {
			return nil, false
		}
	}
	for _, g := range above {
		g.needs[f]++
	}
	return f, false
}

// reach collects the flights without whose end this one does not end, itself included.
func (f *flight) reach(reached map[*flight]bool) {
	if reached[f] {
		return
	}
	reached[f] = true
	for g := range f.needs {
		g.reach(reached)
	}
}

// leave ends the wait that join began.
func (f *flight) leave(above []*flight) {
	flying.Lock()
	defer flying.Unlock()
	for _, g := range above {
		if g.needs[f]--; g.needs[f] == 0 {
			delete(g.needs, f)
		}
	}
}

// wait returns what the flight has come to, or nil if it has not completed or the branch cannot wait longer.
func (f *flight) wait(ctx context.Context, b *branch) *Checkpoint {
	var late <-chan time.Time
	if b.special != nil && b.special.timeout > 0 {
		timer := time.NewTimer(time.Until(b.run.deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-f.done:
		return f.entry
	case <-ctx.Done():
	case <-late:
	}
	return nil
}

// land ends the flight.
func (c *Cache) land(key string, f *flight, entry *Checkpoint) {
	flying.Lock()
	defer flying.Unlock()
	delete(c.flights, key)
	f.entry = entry
	close(f.done)
}

// flightsAbove are those that the applications above the branch lead.
func (b *branch) flightsAbove() []*flight {
	var above []*flight
	for m := b.visit.of; m.branch != nil; m = m.visit.of {
		if q := m.branch.run.asks; q != nil && q.flight != nil {
			above = append(above, q.flight)
		}
	}
	return above
}
