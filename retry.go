package burdock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Retry runs an action again when an attempt has failed. Give it to Action.With. Attempts of one step never overlap.
//
// Between two attempts it waits a random time between zero and a bound that doubles with each failure (exponential
// backoff with full jitter); meanwhile the action holds no place of MaxConcurrency. Retrying a parallel action runs
// only its failed, cancelled and unstarted branches again. The budget goes on after a restart in the middle of it; a
// step recorded as failed has spent it, and the next Run gives a fresh one. Attempt numbers go on in any case.
type Retry struct {
	// Attempts is how often the action may be tried, the first time included. Defaults to 3.
	Attempts int
	// Backoff bounds the first wait; the bound doubles with each failure. Defaults to 100 ms.
	Backoff time.Duration
	// MaxBackoff bounds every wait but that of Delay. Defaults to 30 s.
	MaxBackoff time.Duration
	// MaxElapsed bounds the time from the beginning of the first attempt to that of the last; a wait that would end
	// later is not begun, and the step fails. Restarts are part of it. Defaults to no bound.
	MaxElapsed time.Duration
	// Delay returns how long an error asks to wait, such as the Retry-After of a service, or zero. The wait is then
	// exactly that. Defaults to the backoff for every error.
	Delay func(error) time.Duration
	// If says which errors are worth another attempt. Defaults to all that an error route could take but *PanicError
	// and *LeakError. Cancellation of the run, conflicts and store errors are never retried.
	If func(error) bool
}

// The defaults of Retry.
const (
	defaultAttempts   = 3
	defaultBackoff    = 100 * time.Millisecond
	defaultMaxBackoff = 30 * time.Second
)

func (p Retry) apply(a *Action) error {
	switch {
	case p.Attempts < 0:
		return fmt.Errorf("Retry.Attempts is %d; it is positive, or zero for the default", p.Attempts)
	case p.Backoff < 0:
		return fmt.Errorf("Retry.Backoff is %v; it is positive, or zero for the default", p.Backoff)
	case p.MaxBackoff < 0:
		return fmt.Errorf("Retry.MaxBackoff is %v; it is positive, or zero for the default", p.MaxBackoff)
	case p.MaxElapsed < 0:
		return fmt.Errorf("Retry.MaxElapsed is %v; it is positive, or zero for no bound", p.MaxElapsed)
	case a.retry != nil:
		return errors.New("two Retries")
	}
	if p.Attempts == 0 {
		p.Attempts = defaultAttempts
	}
	if p.Backoff == 0 {
		p.Backoff = defaultBackoff
	}
	if p.MaxBackoff == 0 {
		p.MaxBackoff = defaultMaxBackoff
	}
	a.retry = &p
	return nil
}

// worth reports whether another attempt may help.
func (p *Retry) worth(err error) bool {
	if p.If != nil {
		return p.If(err)
	}
	_, panicked := errors.AsType[*PanicError](err)
	_, leaked := errors.AsType[*LeakError](err)
	return !panicked && !leaked
}

// wait draws the time before the next attempt when spent ones have failed.
func (p *Retry) wait(spent int) time.Duration {
	bound := p.MaxBackoff
	if doublings := spent - 1; doublings < 32 && p.Backoff<<doublings>>doublings == p.Backoff {
		bound = min(bound, p.Backoff<<doublings)
	}
	return time.Duration(rand.Int64N(int64(bound) + 1))
}

// recordedWait is the wait from which on a failed attempt is recorded before it.
const recordedWait = time.Second

// retries reports whether a failed attempt is followed by another, and after which wait.
func (r *runner) retries(res *result) (wait time.Duration, yes bool) {
	p := r.cur.node.action.retry
	if p == nil || r.cur.unrouted || res.leaked || r.spent+1 >= p.Attempts || r.cur.ctx.Err() != nil || r.faulty(r.cur.node) {
		return 0, false
	}
	if wait, yes = p.ask(res.err, r.spent+1); !yes || p.MaxElapsed == 0 {
		return wait, yes
	}
	return wait, now().Add(wait).Sub(r.firstTried()) <= p.MaxElapsed
}

// firstTried is when the first attempt began that the budget counts, the one that has just failed included.
func (r *runner) firstTried() time.Time {
	if r.spent > 0 {
		return r.tried
	}
	return r.cur.started
}

// ask asks the policy whether to try again, and after which wait. Its functions are the user's: a panic in one means no.
func (p *Retry) ask(err error, spent int) (wait time.Duration, yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	if !p.worth(err) {
		return 0, false
	}
	if p.Delay != nil {
		if wait := p.Delay(err); wait > 0 {
			return wait, true
		}
	}
	return p.wait(spent), true
}

// again arranges for another attempt of the failed step after a wait. A long wait is recorded first, so that a restart
// waits for the rest of it.
func (r *runner) again(res *result, wait time.Duration) error {
	err := r.wrap(res.err)
	r.tried = r.firstTried()
	r.spent++
	r.retryAt = now().Add(wait)
	if r.listens() {
		e := r.event(EventRetry)
		e.Status, e.Error, e.Started = StatusFailed, validUTF8(err.Error()), r.cur.started
		r.track(r.cur.ctx, e)
	}
	r.keep()
	r.rerun, r.revisit = r.cur.node.action.spec.par != nil, true
	if !r.records() || wait <= recordedWait {
		return nil
	}
	cp := r.checkpoint(StatusRunning)
	cp.RetryAt, cp.Error = r.retryAt, newFailure(err, r.cur.node.action.name, r.seq+1, r.attempt, r.plan.sentinels)
	return r.commit(r.cur.ctx, nil, cp)
}

// backoff waits until the next attempt may begin. It reports whether the run goes on.
func (r *runner) backoff(ctx context.Context) bool {
	if r.retryAt.IsZero() {
		return true
	}
	wait := time.Until(r.retryAt)
	if r.timed() {
		wait = min(wait, r.left()) // then it fails
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		r.retryAt = time.Time{}
		return true
	case <-ctx.Done():
		return false
	}
}
