package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

type overloaded struct{ After time.Duration }

func (e *overloaded) Error() string { return fmt.Sprintf("throttled for %v", e.After) }

// failing returns an action whose error is chosen by the caller.
func failing(name string, err *error) *burdock.Action {
	return doing(name, func(context.Context) error { return *err })
}

// R5: OnError routes are asked in order, the first match wins; without one the step has failed.
func TestErrorRoutes(t *testing.T) {
	var err error
	var log notes
	bad := failing("bad", &err)
	is, as, match, other := noted("is", &log), noted("as", &log), noted("match", &log), noted("other", &log)
	g := burdock.MustGraph("g",
		burdock.Node(bad, burdock.Then(other),
			burdock.OnError(burdock.Is(errTest), is),
			burdock.OnError(burdock.As[*overloaded](), as),
			burdock.OnError(burdock.Match("temporary", func(err error) bool { return err.Error() != "" && errors.Is(err, context.DeadlineExceeded) }), match)),
		burdock.Node(is), burdock.Node(as), burdock.Node(match), burdock.Node(other))
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "other"},
		{errTest, "is"},
		{fmt.Errorf("wrapped: %w", errTest), "is"},
		{&overloaded{time.Second}, "as"},
		{errors.Join(&overloaded{}, errTest), "is"},
		{context.DeadlineExceeded, "match"}, // an action's own, not the run's
		{context.Canceled, ""},
		{errors.New("unknown"), ""},
	} {
		t.Run(fmt.Sprint(c.err), func(t *testing.T) {
			err = c.err
			out, got := newApp(t, g, nil).Run(t.Context())
			wantEqual(t, "ran", log.take(), c.want)
			if c.want != "" {
				if got != nil {
					t.Error(got)
				}
				return
			}
			wantIs(t, got, c.err)
			if out.Stop != burdock.StopFailed || out.Next != "bad" || out.Err == nil {
				t.Errorf("got %+v", out)
			}
		})
	}
}

// R5: the failed step is committed as failed with the route taken, and the handler is the next step.
func TestAFailedStepIsCommittedWithItsRoute(t *testing.T) {
	err := fmt.Errorf("no: %w", errTest)
	bad, h := failing("bad", &err), reads[failed]("handler")
	g := burdock.MustGraph("g", burdock.Node(bad, burdock.OnError(burdock.Is(errTest), h)), burdock.Node(h), burdock.Sentinels(errTest))
	db := newStore()
	runTo(t, newApp(t, g, stored(db, nil)), burdock.StopDone)
	cp := records(t, db, "app")[1]
	if cp.Status != burdock.StatusFailed || cp.Next != "handler" || cp.Route != "on error test error" || cp.Attempt != 1 || cp.Delta != nil {
		t.Errorf("got %+v", cp)
	}
	f := cp.Error
	if f == nil || f.Action != "bad" || f.Seq != 1 || f.Attempt != 1 || f.Text != "no: test error" ||
		f.Type != "*fmt.wrapError" || !cmp.Equal(f.Sentinels, []string{"test error"}) {
		t.Errorf("got failure %+v", f)
	}
}

// R5: the handler gets the live error, and after a restart one that Is the registered sentinels.
func TestTheHandlerGetsTheFailure(t *testing.T) {
	errOther := errors.New("not registered")
	err := fmt.Errorf("no: %w, %w", errTest, errOther)
	var got burdock.Failure
	fail := errTest
	h := burdock.Func("handler", func(_ context.Context, in failed) (burdock.None, error) {
		got = in.Failure
		return burdock.None{}, fail
	})
	bad := failing("bad", &err)
	g := burdock.MustGraph("g", burdock.Node(idle("start"), burdock.Then(bad)), burdock.Node(bad, burdock.OnError(burdock.AnyError, h)), burdock.Node(h), burdock.Sentinels(errTest))
	check := func(what string, live bool) {
		t.Helper()
		if got.Action != "bad" || got.Seq != 2 || got.Text != "no: test error, not registered" || got.Err() == nil || got.IsZero() {
			t.Errorf("%s: got %+v, %v", what, got, got.Err())
		}
		if !errors.Is(got.Err(), errTest) || errors.Is(got.Err(), errOther) != live {
			t.Errorf("%s: got error %v", what, got.Err())
		}
		got = burdock.Failure{}
	}
	o := stored(newStore(), nil)
	app := newApp(t, g, o)
	runTo(t, app, burdock.StopHaltedBefore, burdock.HaltBefore(h))
	resumed := func() *burdock.App { return must(t)(burdock.Resume(t.Context(), g, o)) }
	fresh := resumed()
	runFails(t, app, "step 3 (handler)")
	check("in the same process", true)
	runFails(t, app, "step 3 (handler), attempt 2")
	check("again in the same process", true)
	runFails(t, fresh, "step 3 (handler), attempt 3")
	check("after a restart", false)
	fail = nil
	runTo(t, resumed(), burdock.StopDone) // the handler itself has failed before
	check("after another restart", false)
}

// A failure is nobody's after its handler has completed.
func TestAFailureIsHandledOnce(t *testing.T) {
	type optional struct {
		Failure burdock.Failure `input:"failure,optional"`
	}
	var got []bool
	h := burdock.Func("handler", func(_ context.Context, in optional) (burdock.None, error) {
		got = append(got, in.Failure.IsZero() && in.Failure.Err() == nil)
		return burdock.None{}, nil
	})
	bad := failing("bad", &errTest)
	g := burdock.MustGraph("g", burdock.Node(h.Named("first"), burdock.Then(bad)),
		burdock.Node(bad, burdock.OnError(burdock.AnyError, h)), burdock.Node(h, burdock.Then(h.Named("last"))), burdock.Node(h.Named("last")))
	runTo(t, newApp(t, g, nil), burdock.StopDone)
	if !cmp.Equal(got, []bool{true, false, true}) {
		t.Errorf("got zero failures %v, want only the second not", got)
	}
}

// R5: error routes see panics, runtime.Goexit and the action's own Timeout.
func TestErrorRoutesSeePanicsAndTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			do   func(context.Context) error
			want *burdock.Matcher
		}{
			"panic":   {func(context.Context) error { panic(errTest) }, burdock.As[*burdock.PanicError]()},
			"error":   {func(context.Context) error { panic(errTest) }, burdock.Is(errTest)},
			"goexit":  {func(context.Context) error { exit(); return nil }, burdock.Is(burdock.ErrGoexit)},
			"step":    {func(context.Context) error { return errTest }, burdock.As[*burdock.StepError]()},
			"timeout": {func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, burdock.Is(burdock.ErrTimeout)},
			"late":    {func(ctx context.Context) error { <-ctx.Done(); return errTest }, burdock.Is(context.DeadlineExceeded)},
		} {
			bad, h := doing("bad", c.do).With(burdock.Timeout(time.Minute)), reads[failed]("handler")
			g := burdock.MustGraph("g", burdock.Node(bad, burdock.OnError(c.want, h)), burdock.Node(h))
			out, err := newApp(t, g, nil).Run(t.Context())
			if err != nil || out.Action != "handler" {
				t.Errorf("%s: got %+v, %v", name, out, err)
			}
		}
	})
}

// R8: a matcher that panics or calls runtime.Goexit takes no route, and neither error is lost.
func TestAMatcherThatPanicsTakesNoRoute(t *testing.T) {
	for name, c := range map[string]struct {
		pred func(error) bool
		want string
	}{
		"panic":  {func(error) bool { panic("matching") }, "a matcher panicked: matching"},
		"goexit": {func(error) bool { exit(); return true }, "a matcher called runtime.Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			bad, h := failing("bad", &errTest).With(burdock.Timeout(time.Hour)), idle("handler")
			g := burdock.MustGraph("g", burdock.Node(bad, burdock.OnError(burdock.Match("m", c.pred), h), burdock.OnError(burdock.AnyError, h)), burdock.Node(h))
			db := newStore()
			out := runFails(t, newApp(t, g, stored(db, nil)), "test error", c.want)
			err := out.Err
			wantIs(t, err, errTest)
			if errors.Is(err, burdock.ErrTimeout) || out.Stop != burdock.StopFailed {
				t.Errorf("got %v, %v", out.Stop, err)
			}
			wantEqual(t, "status", records(t, db, "app")[1].Status, burdock.StatusFailed)
		})
	}
}

// R1: a step that failed keeps its number; when it runs again it is the next attempt, in this process or another.
func TestAttemptsCountUpAcrossProcesses(t *testing.T) {
	bad := failing("bad", &errTest)
	db := newStore()
	o := stored(db, nil)
	app := newApp(t, line(idle("a"), bad), o)
	runFails(t, app, "step 2 (bad), attempt 1")
	runFails(t, app, "step 2 (bad), attempt 2")
	app = must(t)(burdock.Resume(t.Context(), line(idle("a"), bad), o))
	err := runFails(t, app, "app: step 2 (bad), attempt 3: test error").Err
	step, ok := errors.AsType[*burdock.StepError](err)
	if !ok || step.Seq != 2 || step.Attempt != 3 || step.Action != "bad" || step.Path != "app" || !errors.Is(step.Err, errTest) {
		t.Errorf("got %+v", step)
	}
	wantEqual(t, "records", len(records(t, db, "app")), 3)
}

// A failed step has written nothing.
func TestAFailedStepHasWrittenNothing(t *testing.T) {
	bad := burdock.Func("bad", func(context.Context, number) (number, error) { return number{99}, errTest })
	for _, o := range []*burdock.Options{starting(number{1}), stored(newStore(), number{1})} {
		out := runFails(t, newApp(t, line(bad), o), "test error")
		wantEqual(t, "n", view[number](t, out.State).N, 1)
	}
}

// R3: a function that ignores its Timeout is waited for.
func TestAFunctionThatIgnoresItsTimeoutIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := doing("slow", func(ctx context.Context) error {
			time.Sleep(time.Hour)
			return ctx.Err()
		}).With(burdock.Timeout(time.Minute))
		start := time.Now()
		err := runFails(t, newApp(t, line(slow), nil), "the action's Timeout is over (1m0s)").Err
		wantIs(t, err, burdock.ErrTimeout)
		wantIs(t, err, context.DeadlineExceeded)
		wantEqual(t, "waited", time.Since(start), time.Hour)
	})
}

// R2: what the function returned decides: nil is completed although the Timeout was over.
func TestNilAfterTheTimeoutIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := doing("slow", func(ctx context.Context) error {
			<-ctx.Done()
			wantIs(t, context.Cause(ctx), burdock.ErrTimeout)
			return nil
		}).With(burdock.Timeout(time.Minute))
		runTo(t, newApp(t, line(slow), nil), burdock.StopDone)
	})
}

// A Failure survives JSON, as it may be written to the state.
func TestAFailureCanBeAValueOfTheState(t *testing.T) {
	type kept struct {
		F burdock.Failure `state:"f"`
	}
	bad := failing("bad", &errTest)
	h := burdock.Func("handler", func(_ context.Context, in failed) (kept, error) { return kept{in.Failure}, nil })
	g := burdock.MustGraph("g", burdock.Node(bad, burdock.OnError(burdock.AnyError, h)), burdock.Node(h))
	db := newStore()
	runTo(t, newApp(t, g, stored(db, nil)), burdock.StopDone)
	got := view[kept](t, must(t)(burdock.Resume(t.Context(), g, stored(db, nil))).State()).F
	if got.Action != "bad" || got.Err() == nil {
		t.Errorf("got %+v", got)
	}
}
