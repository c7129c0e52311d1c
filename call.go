package burdock

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Run runs steps until the application ends, halts, waits for an input, fails or ctx ends. What a step wrote is
// committed before the next one begins.
//
// The error of a failed step is a *StepError; the application stands before that step, and the next Run tries it again.
// When ctx ends the running functions are cancelled and waited for; the error wraps context.Cause(ctx). A *StoreError
// means that something could not be saved or read, ErrConflict that somebody else advances the application. With any
// error the Outcome says where the application stands; it is nil only if nothing ran.
func (a *App) Run(ctx context.Context, opts ...RunOption) (*Outcome, error) {
	return a.call(ctx, opts, reader{})
}

// Steps runs like Run and yields each step of the root when it has ended and is committed. Leaving the loop pauses the
// application after that step. A step that ends the run with an error comes with that error; an error without a step
// comes with the zero Step.
func (a *App) Steps(ctx context.Context, opts ...RunOption) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		p := &pipe{steps: make(chan Step), more: make(chan bool), done: make(chan struct{})}
		ctx, cancel := context.WithCancelCause(ctx)
		var last error
		go func() {
			defer close(p.done)
			_, last = a.call(ctx, opts, reader{stepped: p.step})
		}()
		told := p.deliver(yield, func() { cancel(ErrPaused) })
		cancel(nil)
		if last != nil && told != nil && !errors.Is(told, last) && !errors.Is(last, ErrPaused) {
			yield(Step{}, last)
		}
	}
}

// A pipe hands steps from the goroutine that runs to the one that reads.
type pipe struct {
	steps chan Step
	more  chan bool
	done  chan struct{}
}

// step hands over one step and waits until the reader asks for the next.
func (p *pipe) step(s Step) bool {
	p.steps <- s
	return <-p.more
}

// errNothingTold says that the reader has been given no error.
var errNothingTold = errors.New("no error was told")

// deliver yields steps until the run has ended. It returns the error that the reader was given, errNothingTold if there
// was none, or nil if the reader has left. If yield panics the run is cancelled and waited for.
func (p *pipe) deliver(yield func(Step, error) bool, cancel func()) (told error) {
	waiting := false
	defer func() {
		cancel()
		if waiting {
			p.more <- false
		}
		for {
			select {
			case <-p.steps:
				p.more <- false
			case <-p.done:
				return
			}
		}
	}()
	told = errNothingTold
	for {
		select {
		case s := <-p.steps:
			waiting = true
			err := s.Err
			if s.Next != "" {
				err = nil // it was handled: the run goes on
			}
			if !yield(s, err) {
				return nil
			}
			waiting = false
			if err != nil {
				told = err
			}
			p.more <- true
		case <-p.done:
			return told
		}
	}
}

// A reader is who loops over a call; none is one that just waits for its end.
type reader struct {
	stepped func(Step) bool // told of each ended step; false pauses
	events  *subscription
}

// call is one Run, Steps or Events.
func (a *App) call(ctx context.Context, opts []RunOption, to reader) (_ *Outcome, err error) {
	if !a.busy.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("application %q runs already in this process: %w", a.tree.root, ErrConflict)
	}
	defer a.busy.Store(false)
	var o runOptions
	for _, opt := range opts {
		if opt == nil {
			return nil, errors.New("burdock: a nil RunOption")
		}
		opt.applyRun(&o)
	}
	h, err := a.graph.hooks(&o)
	events, inputErr := a.run.plan.check("Run", o.given...)
	answers, answerErr := a.answers(o.answers)
	if err := errors.Join(err, inputErr, answerErr); err != nil {
		return nil, err
	}
	h.reader, h.committed = to, a.commit
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	release, err := a.claim(ctx, cancel)
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(err, ErrConflict):
		return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case err != nil:
		return nil, err
	}
	defer func() {
		if failed := release(); failed != nil {
			err = errors.Join(err, failed)
		}
	}()
	a.tree.mail.reset()
	for ref, answer := range answers {
		a.tree.mail.put(ref, answer)
	}
	a.tree.mail.run(a.tree.root, cancel)
	return a.conduct(ctx, events, h)
}

// conduct runs the application under its claim.
func (a *App) conduct(ctx context.Context, events values, h *hooks) (*Outcome, error) {
	if h.events != nil {
		a.tree.hub.add(h.events)
		defer a.tree.hub.remove(h.events)
	}
	r := a.run
	r.sources = sources{events: events, config: a.tree.config}
	r.pending, a.given = nil, events
	if err := a.tree.flush(ctx); err != nil {
		return a.finished(endFatal, err), err
	}
	if err := errors.Join(a.takeOver(ctx), a.rewrite(ctx), a.tree.fetch(ctx)); err != nil {
		return a.finished(endFatal, err), err
	}
	defer a.tree.watch(ctx)()
	switch more, err := a.settle(ctx, h); {
	case err != nil:
		return a.finished(endFatal, err), err
	case !more:
		return a.finished(endPaused, nil), nil
	}
	if err := r.recall(r.recalled, r.status == StatusRunning); err != nil {
		return nil, err
	}
	for name, v := range r.kept {
		if !r.sources.events.has(name) {
			r.sources.events = r.sources.events.with(name, v)
		}
	}
	r.emitApp(ctx, EventAppStarted, nil)
	end, err := a.drive(ctx, h)
	if end == endCancelled && h.events.left(ctx) {
		end, err = endPaused, nil
	}
	if failed := a.tree.flush(ctx); failed != nil {
		end, err = endFatal, errors.Join(err, failed)
	}
	out := a.finished(end, err)
	r.emitApp(ctx, EventAppEnded, func(e *Event) {
		e.Stop = out.Stop
		if err != nil {
			e.Error = validUTF8(err.Error())
		}
	})
	return out, err
}

// settle saves the step that the store did not take when it ended, and tells of it now. more is false if the reader of
// Steps leaves after it.
func (a *App) settle(ctx context.Context, h *hooks) (more bool, err error) {
	r := a.run
	if len(r.unsaved) == 0 {
		return true, nil
	}
	owed, after := r.owed, r.after
	if err := r.commit(ctx, owed); err != nil {
		return false, err
	}
	r.told(ctx, owed)
	r.owed, r.after = nil, nil
	step, passed := after()
	a.commit()
	return !passed || h.tell(step) || r.next == nil, nil
}

// drive advances the root on a goroutine of its own, which runtime.Goexit may end and another one replace.
func (a *App) drive(ctx context.Context, h *hooks) (end ending, err error) {
	a.tree.top = a.run
	end, err = onGoroutines(func(vanished bool) (ending, error) { return a.run.advance(ctx, h, vanished) })
	a.run.release()
	return end, err
}

// finished makes the outcome of a call.
func (a *App) finished(end ending, err error) *Outcome {
	r := a.run
	if end != endFatal {
		a.commit()
	}
	out := r.outcome(end, err)
	out.State = a.State()
	for _, name := range slices.Sorted(maps.Keys(a.given)) {
		if r.sources.events.has(name) && !r.kept.has(name) {
			out.Unused = append(out.Unused, name)
		}
	}
	out.Unused = append(out.Unused, a.tree.mail.unused()...)
	if end == endHalted && r.halted == "" {
		out.Stop = StopHaltedAfter
	}
	a.mu.Lock()
	a.outcome = out
	a.mu.Unlock()
	return out
}

// outcome says how the runner came back.
func (r *runner) outcome(end ending, err error) *Outcome {
	out := &Outcome{Stop: stops[end], Action: r.last, Seq: r.seq, Err: err, State: r.state()}
	if r.next != nil {
		out.Next = r.next.action.name
	}
	if end == endWaiting {
		out.Pending = r.pending
	}
	return out
}

var stops = map[ending]Stop{
	endDone: StopDone, endFailed: StopFailed, endCancelled: StopCancelled, endWaiting: StopWaiting,
	endHalted: StopHaltedBefore, endPaused: StopPaused, endFatal: StopCancelled,
}

// claim takes the right to advance the application, and reads it again if somebody else has advanced it since.
func (a *App) claim(ctx context.Context, cancel context.CancelCauseFunc) (release func() error, err error) {
	t := a.tree
	t.begin(cancel)
	release = func() error { return t.release(ctx) }
	l := t.env.ledger
	if l == nil {
		return release, nil
	}
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	if err := a.follow(ctx, l.fence.Epoch); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// follow makes sure that what this App knows is what the store has. Until it is, the epoch is not taken over.
func (a *App) follow(ctx context.Context, epoch int64) error {
	err := a.upToDate(ctx, epoch)
	if err == nil {
		a.epoch = epoch
	}
	return err
}

func (a *App) upToDate(ctx context.Context, epoch int64) error {
	switch {
	case a.epoch > 0 && epoch == a.epoch+1:
		return nil
	case a.fresh && epoch == 1:
		a.fresh = false
		return nil
	case a.fresh: // somebody claimed the id; what counts is whether anything was saved
		if err := a.absent(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		a.fresh = false
		return nil
	}
	a.tree.discard() // another owner goes on from what was saved
	err := a.reload(ctx)
	if errors.Is(err, ErrNotFound) && !a.run.born {
		return nil
	}
	return err
}
