package burdock

import (
	"context"
	"iter"
)

// Events runs like Run and yields what happens, while it happens, in the application and all its branches, down to the
// last: the beginnings and ends of attempts and branches, spans, attributes, and the chunks of streaming actions. What a
// tracker would be told, the loop is told, branches under NoTracker included.
//
// Event.Path, Key and Action say whose event it is. Those of one application come in the order of (Seq, Attempt, N);
// those of different branches are interleaved as they happen. The end of a step comes after its checkpoint is committed.
// After an EventRetry another attempt begins, so what was shown of the chunks of this one is to be dropped.
//
// The last event is the EventAppEnded of the application. It comes with the error that Run would return, when the call
// is over: Outcome says how it came back, and another call may begin. An error without an event comes with the
// zero Event: the application has not begun to run.
//
// Leaving the loop pauses the application, and so does a panic of its body. Actions that run are cancelled with cause
// ErrPaused and waited for; when the loop has been left none of its goroutines is. What is committed stays, an action that
// returned nil nevertheless included, and the next Run, Steps or Events goes on from there. Outcome says StopPaused, or how
// the run has ended if it came to its end before it could be stopped.
//
// There is no buffer between the two sides: whoever tells something waits until the loop takes it. A loop that is slow
// slows those who have something to tell. Meanwhile no Timeout runs, neither of the waiting action nor of the steps and
// tasks around it: they measure actions. An emit that waits keeps its token of Options.MaxConcurrency; if it were lent, a
// stream would stand in line behind a whole other action after each of its chunks. When the context of an action ends
// while it waits, emit returns with the cause; its chunk is yielded all the same.
func (a *App) Events(ctx context.Context, opts ...RunOption) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		s := a.tree.hub.newSubscription(nil)
		done := make(chan struct{})
		var failed error
		go func() {
			defer close(done)
			_, failed = a.call(ctx, opts, reader{events: s})
		}()
		defer func() {
			s.pause(cancel)
			<-done
		}()
		for e, ok := s.next(done); ok; e, ok = s.next(done) {
			if e.Kind == EventAppEnded && e.App == e.Root {
				<-done // what is left of the call is not the reader's
				yield(e, failed)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if failed != nil {
			yield(Event{}, failed)
		}
	}
}

// pause ends the loop and cancels what still runs. The order matters: an emit that is let go finds its context ended, and
// a run that ends finds out why.
func (s *subscription) pause(cancel context.CancelCauseFunc) {
	s.paused.Store(true)
	cancel(ErrPaused)
	s.leave()
}

// left reports whether the reader has left while the run that ctx belongs to went on, and so has ended it.
func (s *subscription) left(ctx context.Context) bool {
	return s != nil && s.paused.Load() && context.Cause(ctx) == ErrPaused //nolint:errorlint // It is passed on as it is.
}
