package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type colour struct{}

// named writes into a log when an attempt begins and ends.
func named(log *[]string, mu *sync.Mutex, name string) burdock.Middleware {
	say := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		*log = append(*log, s)
	}
	return func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			say(fmt.Sprint(name, "<", s.Action, s.Key))
			err := next(context.WithValue(ctx, colour{}, name), s)
			say(fmt.Sprint(name, ">", s.Action, s.Key))
			return err
		}
	}
}

// Middleware wraps each attempt, that of a map around those of its branches, the first outermost; the action gets the
// innermost context.
func TestMiddlewareWrapsEachAttempt(t *testing.T) {
	var log []string
	var mu sync.Mutex
	ask := burdock.Func("ask", func(ctx context.Context, in promptOnly) (told, error) {
		if burdock.Info(ctx).Attempt == 1 && in.Prompt == "again" {
			return told{}, errors.New("not yet")
		}
		return told{fmt.Sprint(ctx.Value(colour{}))}, nil
	}).With(burdock.Retry{Backoff: time.Nanosecond})
	g := mustGraph(t, "g", burdock.Node(tasksOf(burdock.Actions(ask), &burdock.MapOptions{Limit: 1}, burdock.Task[promptOnly]{Key: "1"}, burdock.Task[promptOnly]{Key: "2", State: promptOnly{"again"}})))
	for _, store := range []burdock.Store{nil, memstore.New()} {
		log = nil
		opts := &burdock.Options{Cascade: burdock.Cascade{Store: store, Middleware: []burdock.Middleware{named(&log, &mu, "a"), named(&log, &mu, "b")}}}
		got, err := burdock.Read[heard](runNew(t, g, opts))
		if want := []string{"ask 1 b", "ask 2 b"}; err != nil || !slices.Equal(got.Texts, want) {
			t.Errorf("got %q, %v, want %q", got.Texts, err, want)
		}
		want := "a<tasks b<tasks a<ask1 b<ask1 b>ask1 a>ask1 a<ask2 b<ask2 b>ask2 a>ask2 a<ask2 b<ask2 b>ask2 a>ask2 b>tasks a>tasks"
		if got := strings.Join(log, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Middleware sees the states around a step.
func TestMiddlewareSeesTheState(t *testing.T) {
	var seen []int
	look := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			n, _ := burdock.Key[int]("n").Get(s.Before())
			err := next(ctx, s)
			m, _ := burdock.Key[int]("n").Get(s.After())
			seen = append(seen, n, m)
			return err
		}
	}
	opts := &burdock.Options{State: burdock.StateOf(forkCount{}), Cascade: burdock.Cascade{Middleware: []burdock.Middleware{look}}}
	if _, err := runNew(t, forkSteps(t, 2), opts); err != nil || !slices.Equal(seen, []int{0, 1, 1, 2}) {
		t.Errorf("got %v, %v", seen, err)
	}
}

// A middleware can refuse: the attempt fails, the action is not called, and a branch is no exception.
func TestMiddlewareCanRefuseABranch(t *testing.T) {
	var calls atomic.Int64
	ask := burdock.Func("ask", func(_ context.Context, in promptOnly) (told, error) {
		calls.Add(1)
		return told{in.Prompt}, nil
	})
	refuse := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			if s.Key == "1" {
				return errBusy
			}
			return next(ctx, s)
		}
	}
	a := tasksOf(burdock.Actions(ask), &burdock.MapOptions{Failures: burdock.Collect}, burdock.Task[promptOnly]{State: promptOnly{"a"}}, burdock.Task[promptOnly]{}, burdock.Task[promptOnly]{State: promptOnly{"c"}})
	got, err := runTexts(t, a, &burdock.Options{Cascade: burdock.Cascade{Middleware: []burdock.Middleware{refuse}, Store: memstore.New()}})
	if want := []string{"ask 0 a", "ask 1 failed", "ask 2 c"}; err != nil || !slices.Equal(got, want) || calls.Load() != 2 {
		t.Errorf("got %q, %v after %d calls, want %q after 2", got, err, calls.Load(), want)
	}
}

// Whatever a middleware does, a step that has not completed is not recorded as completed.
func TestWhatAMiddlewareReturns(t *testing.T) {
	broken := errors.New("broken")
	var kept burdock.StepFunc
	var call *burdock.StepCall
	for name, c := range map[string]struct {
		do    func(next burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error
		fails bool // the action
		want  string
		text  string
		calls int
	}{
		"nil without next":     {func(burdock.StepFunc, context.Context, *burdock.StepCall) error { return nil }, false, "without calling next", "", 0},
		"its own error":        {func(n burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error { _ = n(ctx, s); return broken }, false, "broken", "", 1},
		"nil for an error":     {func(n burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error { _ = n(ctx, s); return nil }, true, "no answer", "", 1},
		"another for an error": {func(n burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error { _ = n(ctx, s); return broken }, true, "broken", "", 1},
		"next twice": {func(n burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error {
			return errors.Join(n(ctx, s), n(ctx, s))
		}, false, "", "2", 2},
		"a panic":            {func(burdock.StepFunc, context.Context, *burdock.StepCall) error { panic("oh") }, false, "a middleware", "", 0},
		"a panic after next": {func(n burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error { _ = n(ctx, s); panic("oh") }, false, "a middleware", "", 1},
		"Goexit":             {func(burdock.StepFunc, context.Context, *burdock.StepCall) error { runtime.Goexit(); return nil }, false, "a middleware", "", 0},
		"next kept for later": {func(n burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error {
			kept, call = n, s
			return n(ctx, s)
		}, false, "", "1", 1},
		"a context that is done": {func(n burdock.StepFunc, ctx context.Context, s *burdock.StepCall) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return n(ctx, s)
		}, false, "context canceled", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			act := burdock.Func("act", func(ctx context.Context, _ burdock.None) (told, error) {
				calls++
				if c.fails {
					return told{}, errors.New("no answer")
				}
				return told{fmt.Sprint(calls)}, ctx.Err()
			})
			m := func(next burdock.StepFunc) burdock.StepFunc {
				return func(ctx context.Context, s *burdock.StepCall) error { return c.do(next, ctx, s) }
			}
			app, err := burdock.New(t.Context(), mustGraph(t, "g", burdock.Node(act)), &burdock.Options{Cascade: burdock.Cascade{Middleware: []burdock.Middleware{m}, Store: memstore.New()}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := app.Run(t.Context())
			got, _ := burdock.Key[string]("text").Get(app.State())
			switch {
			case calls != c.calls || got != c.text:
				t.Errorf("got %q after %d calls, want %q after %d", got, calls, c.text, c.calls)
			case c.want == "" && (err != nil || out.Stop != burdock.StopDone):
				t.Errorf("got %+v, %v, want it done", out, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || out.Stop != burdock.StopFailed):
				t.Errorf("got %+v, %v, want a failure with %q", out, err, c.want)
			}
		})
	}
	if err := kept(t.Context(), call); err == nil {
		t.Error("next runs after its attempt has ended")
	}
	if _, err := burdock.New(t.Context(), forkSteps(t, 1), &burdock.Options{State: burdock.StateOf(forkCount{}), Cascade: burdock.Cascade{Middleware: []burdock.Middleware{nil}}}); err == nil {
		t.Error("a nil middleware: got no error")
	}
}

// A step whose branches wait goes on waiting, and a Timeout is the attempt's, whatever context a middleware makes.
func TestMiddlewareLeavesWaitingAndTimeoutsAlone(t *testing.T) {
	swallow := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			if err := next(context.WithoutCancel(ctx), s); err != nil {
				return fmt.Errorf("wrapped: %w", err)
			}
			return nil
		}
	}
	cascade := burdock.Cascade{Middleware: []burdock.Middleware{swallow}, Store: memstore.New()}
	needs := burdock.Func("needs", func(_ context.Context, in struct {
		Word string `input:"word"`
	},
	) (told, error) {
		return told{in.Word}, nil
	})
	app, err := burdock.New(t.Context(), mustGraph(t, "g", burdock.Node(tasksOf(burdock.Actions(needs), nil, burdock.Task[promptOnly]{}))), &burdock.Options{Cascade: cascade})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := app.Run(t.Context()); err != nil || out.Stop != burdock.StopWaiting {
		t.Errorf("got %+v, %v, want it waiting", out, err)
	}
	if out, err := app.Run(t.Context(), burdock.Input("word", "w")); err != nil || out.Stop != burdock.StopDone {
		t.Errorf("answered: got %+v, %v, want it done", out, err)
	}
	synctest.Test(t, func(t *testing.T) {
		slow := burdock.Func("slow", func(context.Context, burdock.None) (burdock.None, error) {
			time.Sleep(time.Minute)
			return burdock.None{}, errors.New("too late")
		}).With(burdock.Timeout(time.Second))
		_, err := runNew(t, mustGraph(t, "g", burdock.Node(slow)), &burdock.Options{Cascade: burdock.Cascade{Middleware: []burdock.Middleware{swallow}}})
		if !errors.Is(err, burdock.ErrTimeout) {
			t.Errorf("got %v, want the Timeout", err)
		}
	})
}
