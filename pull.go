package burdock

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"runtime/debug"
)

// pulling is the context of the sequence.
func (v *visit) pulling() context.Context {
	if v.run.tree.tokens == nil {
		return v.ctx
	}
	return &pullContext{v.ctx, v}
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

// pull asks the sequence for the next branches. The last one that is wanted is taken here; those before it were taken
// where the sequence yielded them, see handfuls.
func (v *visit) pull(wanted int) (more bool, err error) {
	defer func() {
		v.wanted = 0 // also when the sequence has broken: it may have kept its yield
		if p := recover(); p != nil {
			more, err = false, &PanicError{Where: "states", Value: p, Stack: debug.Stack()}
		}
		if h := v.puller.Load(); h != nil && h.end() {
			v.run.tree.tokens <- struct{}{} // the branch, or whoever gives it back, has one of its own
		}
	}()
	v.wanted = wanted
	t, err, more := v.nextTask()
	switch {
	case v.broken != nil:
		return false, v.broken
	case (!more || err != nil) && v.ctx.Err() != nil:
		return false, outside{context.Cause(v.ctx)} // a sequence that heeds its context is not at its end
	case !more && err == nil:
		v.ended = true
		return false, nil
	case err != nil:
		return false, v.fault("states of ", err)
	case t.sub == nil: // all were taken
		return true, nil
	}
	_, err = v.add(t)
	return err == nil, err
}

// handfuls is the sequence with all but the last task of each turn taken out, as they come. To go back and forth between
// two goroutines for each task costs as much as the task.
func (v *visit) handfuls(seq iter.Seq2[task, error]) iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		seq(func(t task, err error) bool {
			if err != nil || v.wanted < 2 {
				return yield(t, err)
			}
			v.wanted, v.broken = v.addHere(t)
			return v.wanted > 0 || yield(task{}, nil)
		})
	}
}

// addHere is add on the goroutine of the sequence, which must not see a panic of the engine or of a key's methods.
func (v *visit) addHere(t task) (wanted int, err error) {
	defer func() {
		if p := recover(); p != nil {
			wanted, err = 0, &PanicError{Where: "states", Value: p, Stack: debug.Stack()}
		}
	}()
	return v.add(t)
}

// add makes a branch of a task. It returns how many more are wanted in this turn.
func (v *visit) add(t task) (wanted int, err error) {
	n := v.fan.Node()
	if n.Index >= v.par.opts.MaxBranches {
		return 0, v.fault("", fmt.Errorf("its sequence yields more than MaxBranches (%d) branches", v.par.opts.MaxBranches))
	}
	b := &n.B
	b.plan = v.node.branches[t.run]
	if err := b.init(v, n, t); err != nil {
		return 0, v.fault("", err)
	}
	if err := v.unique(b); err != nil {
		return 0, err
	}
	b.identify()
	if t.special != nil && t.special.id != "" {
		if err := v.named(b); err != nil {
			return 0, v.fault("", err)
		}
	}
	if err := v.match(n); err != nil {
		return 0, err
	}
	if n.Found {
		b.forget()
	}
	return v.fan.Add(n), nil
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
	back := make(chan struct{})
	p, how := apart(v.ctx, v.run.tree.grace, func() (p one) {
		defer close(back)
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
		go func() { // should it yield after all, it learns that no more is wanted, and ends
			defer func() { _ = recover() }()
			<-back
			v.stop()
		}()
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
