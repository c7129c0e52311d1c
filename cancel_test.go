package burdock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

var errStop = errors.New("stop it")

// When ctx ends the running function is cancelled and waited for; the error wraps the cause. R2: the step is cancelled.
func TestCancellationEndsTheStepWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, db := range []burdock.Store{nil, newStore()} {
			ctx, cancel := context.WithCancelCause(t.Context())
			handler := idle("handler")
			slow := burdock.Func("slow", func(ctx context.Context, s number) (number, error) {
				<-ctx.Done()
				time.Sleep(time.Minute) // cleaning up
				return number{7}, ctx.Err()
			})
			g := burdock.MustGraph("g", burdock.Node(adder("a", 1), burdock.Then(slow)), burdock.Node(slow, burdock.OnError(burdock.AnyError, handler)), burdock.Node(handler))
			o := starting(number{1})
			o.ID, o.Cascade.Store = "app", db
			app := newApp(t, g, o)
			time.AfterFunc(time.Hour, func() { cancel(errStop) })
			start := time.Now()
			out, err := app.Run(ctx)
			wantEqual(t, "took", time.Since(start), time.Hour+time.Minute)
			wantIs(t, err, errStop)
			if out.Stop != burdock.StopCancelled || out.Next != "slow" || out.Seq != 1 || out.Err == nil || view[number](t, out.State).N != 2 {
				t.Errorf("got %+v", out)
			}
			if db != nil {
				cp := records(t, db, "app")[2]
				if cp.Status != burdock.StatusCancelled || cp.Next != "" || cp.Error == nil || cp.Delta != nil {
					t.Errorf("got record %+v", cp)
				}
			}
			ended, cancel2 := context.WithTimeout(t.Context(), time.Second)
			out, err = app.Run(ended)
			cancel2()
			wantIs(t, err, context.DeadlineExceeded)
			wantTexts(t, err, "step 2 (slow), attempt 2")
			wantEqual(t, "stop", out.Stop, burdock.StopCancelled)
		}
	})
}

// R2: a nil error is completed, even if the context was cancelled meanwhile; the run then ends before the next step.
func TestACompletedStepIsCompletedAlthoughTheRunWasCancelled(t *testing.T) {
	for _, db := range []burdock.Store{nil, newStore()} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var log notes
		stop := burdock.Func("stop", func(_ context.Context, s number) (number, error) { cancel(errStop); return number{s.N + 1}, nil })
		g := line(stop, noted("after", &log))
		o := starting(number{1})
		o.ID, o.Cascade.Store = "app", db
		app := newApp(t, g, o)
		out, err := app.Run(ctx)
		wantIs(t, err, errStop)
		if out.Seq != 1 || out.Next != "after" || view[number](t, out.State).N != 2 || out.Stop != burdock.StopCancelled {
			t.Errorf("got %+v", out)
		}
		wantEqual(t, "ran", log.take(), "")
		if db != nil {
			wantEqual(t, "status", records(t, db, "app")[1].Status, burdock.StatusCompleted)
		}
		runTo(t, app, burdock.StopDone)
		wantEqual(t, "ran", log.take(), "after")
	}
}

// A context that has ended before the call runs nothing and says why.
func TestAContextThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	for _, o := range []*burdock.Options{{}, stored(newStore(), nil)} {
		var log notes
		app := newApp(t, line(noted("a", &log)), o)
		_, err := app.Run(ctx)
		wantIs(t, err, errStop)
		for _, err := range app.Steps(ctx) {
			wantIs(t, err, errStop)
		}
		wantEqual(t, "ran", log.take(), "")
		runTo(t, app, burdock.StopDone)
	}
}

// A deadline of the caller is a cancellation and no Timeout of the action.
func TestTheRunsDeadlineIsNoTimeoutOfTheAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := doing("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }).With(burdock.Timeout(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := newApp(t, line(slow), nil).Run(ctx)
		wantIs(t, err, context.DeadlineExceeded)
		if errors.Is(err, burdock.ErrTimeout) || out.Stop != burdock.StopCancelled {
			t.Errorf("got %v, %v", out.Stop, err)
		}
	})
}

// Leaving the loop while its body runs cancels nothing that is committed; values of ctx reach the action.
func TestTheContextsValuesReachTheAction(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	act := doing("act", func(ctx context.Context) error {
		if ctx.Value(key{}) != "value" {
			return errTest
		}
		return nil
	})
	for _, err := range newApp(t, line(act), &burdock.Options{Grace: time.Second}).Steps(ctx) {
		if err != nil {
			t.Error(err)
		}
	}
}

// MaxConcurrency of 1 lets a line of actions through, also when steps fail or wait.
func TestATokenIsAlwaysGivenBack(t *testing.T) {
	fail := errTest
	app := newApp(t, line(idle("a"), failing("bad", &fail), askAction), &burdock.Options{MaxConcurrency: 1, State: burdock.StateOf(prompted{"p"})})
	runFails(t, app, "test error")
	fail = nil
	runTo(t, app, burdock.StopWaiting)
	runTo(t, app, burdock.StopDone, burdock.Input("model", "m"))
}
