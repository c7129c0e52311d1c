package burdock_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// retried is what the retry tests share: an action that fails the first times it is called.
type retried struct {
	failures int
	calls    int
	attempts []int
	at       []time.Time
	err      error
}

type retriedOut struct {
	N int `state:"n"`
}

func (r *retried) act(ctx context.Context, _ burdock.None) (retriedOut, error) {
	r.calls++
	r.attempts = append(r.attempts, burdock.Info(ctx).Attempt)
	r.at = append(r.at, time.Now())
	if r.calls <= r.failures {
		if r.err != nil {
			return retriedOut{}, r.err
		}
		return retriedOut{}, errors.New("not yet")
	}
	return retriedOut{r.calls}, nil
}

func (r *retried) graph(t *testing.T, p burdock.Retry) *burdock.Graph {
	t.Helper()
	g, err := burdock.NewGraph("retried", burdock.Node(burdock.Func("act", r.act).With(p)))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// R4: an action is tried again until it completes, under the same sequence number with the next attempt.
func TestRetryTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &retried{failures: 2}
		out, err := runNew(t, r.graph(t, burdock.Retry{Attempts: 3}), nil)
		if err != nil || r.calls != 3 || out.Seq != 1 {
			t.Fatalf("got %v after %d calls at step %d, want success at the third call of step 1", err, r.calls, out.Seq)
		}
		if got, want := r.attempts, []int{1, 2, 3}; !equalInts(got, want) {
			t.Errorf("got attempts %v, want %v", got, want)
		}
	})
}

func runNew(t *testing.T, g *burdock.Graph, opts *burdock.Options) (*burdock.Outcome, error) {
	t.Helper()
	app, err := burdock.New(t.Context(), g, opts)
	if err != nil {
		t.Fatal(err)
	}
	return app.Run(t.Context())
}

func equalInts(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// R4: the waits are drawn below a bound that doubles and never passes MaxBackoff.
func TestRetryWaitsWithinItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &retried{failures: 9}
		p := burdock.Retry{Attempts: 10, Backoff: time.Second, MaxBackoff: 5 * time.Second}
		if _, err := runNew(t, r.graph(t, p), nil); err != nil {
			t.Fatal(err)
		}
		waited := false
		for i := 1; i < len(r.at); i++ {
			got, bound := r.at[i].Sub(r.at[i-1]), min(time.Second<<(i-1), 5*time.Second)
			if got > bound {
				t.Errorf("wait %d is %v, want at most %v", i, got, bound)
			}
			waited = waited || got > 0
		}
		if !waited {
			t.Error("it never waited")
		}
	})
}

// R4: a spent budget fails the step; the next Run gives a fresh one and the attempt numbers go on.
func TestASpentBudgetIsRenewedByTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &retried{failures: 3}
		app, err := burdock.New(t.Context(), r.graph(t, burdock.Retry{Attempts: 2}), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Run(t.Context()); err == nil || r.calls != 2 {
			t.Fatalf("first run: got %v after %d calls, want a failure after 2", err, r.calls)
		}
		if _, err := app.Run(t.Context()); err != nil || !equalInts(r.attempts, []int{1, 2, 3, 4}) {
			t.Fatalf("second run: got %v with attempts %v, want success with attempts 1 to 4", err, r.attempts)
		}
	})
}

// R4: a cancelled attempt leaves the budget as it is, in the same process and in another.
func TestACancelledAttemptKeepsTheBudget(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			calls := 0
			act := burdock.Func("act", func(context.Context, burdock.None) (burdock.None, error) {
				if calls++; calls == 2 {
					cancel()
				}
				return burdock.None{}, errors.New("broken")
			}).With(burdock.Retry{Attempts: 3})
			g := burdock.MustGraph("g", burdock.Node(act))
			opts := &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: memstore.New()}}
			app, err := burdock.New(t.Context(), g, opts)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := app.Run(ctx); err == nil || out.Stop != burdock.StopCancelled {
				t.Fatalf("got %+v, %v, want it cancelled", out, err)
			}
			if restart {
				if app, err = burdock.Resume(t.Context(), g, opts); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := app.Run(t.Context()); err == nil || out.Stop != burdock.StopFailed || calls != 4 {
				t.Errorf("restart %v: got %+v, %v after %d calls, want the failure after the two attempts that were left", restart, out, err, calls)
			}
		})
	}
}

// R4: an error may say how long to wait, and the time for all attempts may be bounded, restarts included.
func TestRetryWaitsAsTheErrorAsksAndNoLongerThanItMay(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var at []time.Duration
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			act := burdock.Func("act", func(context.Context, burdock.None) (burdock.None, error) {
				at = append(at, time.Since(began))
				if len(at) == 2 && restart {
					time.AfterFunc(30*time.Second, cancel)
				}
				return burdock.None{}, errBusy
			}).With(burdock.Retry{
				Attempts: 100, MaxElapsed: 4 * time.Minute,
				Delay: func(err error) time.Duration {
					if errors.Is(err, errBusy) {
						return time.Minute
					}
					return 0
				},
			})
			g := burdock.MustGraph("g", burdock.Node(act))
			opts := opts2(memstore.New())
			app, err := burdock.New(t.Context(), g, opts)
			if err != nil {
				t.Fatal(err)
			}
			_, err = app.Run(ctx)
			if restart {
				_, err = resumed(t, g, opts.Cascade.Store).Run(t.Context())
			}
			want := []time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute}
			if !errors.Is(err, errBusy) || !slices.Equal(at, want) || time.Since(began) != 4*time.Minute {
				t.Errorf("restart %v: got %v with attempts at %v, want them at %v", restart, err, at, want)
			}
		})
	}
}

// R4: a Delay that panics, or asks for nothing, is no reason to wait for ever.
func TestADelayThatSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			delay func(error) time.Duration
			calls int
		}{
			"zero":     {func(error) time.Duration { return 0 }, 3},
			"negative": {func(error) time.Duration { return -time.Hour }, 3},
			"a panic":  {func(error) time.Duration { panic("no") }, 1},
		} {
			calls := 0
			act := burdock.Func("act", func(context.Context, burdock.None) (burdock.None, error) {
				calls++
				return burdock.None{}, errBusy
			}).With(burdock.Retry{Delay: c.delay})
			if _, err := runNew(t, burdock.MustGraph("g", burdock.Node(act)), nil); !errors.Is(err, errBusy) || calls != c.calls {
				t.Errorf("%s: got %v after %d calls, want %d", name, err, calls, c.calls)
			}
		}
	})
}

// R4: by default panics are not retried, and If decides otherwise.
func TestWhatIsRetried(t *testing.T) {
	stop := errors.New("stop")
	for name, c := range map[string]struct {
		policy burdock.Retry
		act    func(context.Context, burdock.None) (burdock.None, error)
		calls  int
	}{
		"an error":        {burdock.Retry{}, func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, stop }, 3},
		"a panic":         {burdock.Retry{}, func(context.Context, burdock.None) (burdock.None, error) { panic("no") }, 1},
		"not said by If":  {burdock.Retry{If: func(err error) bool { return !errors.Is(err, stop) }}, func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, stop }, 1},
		"a panic, by If":  {burdock.Retry{If: func(error) bool { return true }}, func(context.Context, burdock.None) (burdock.None, error) { panic("no") }, 3},
		"an If that dies": {burdock.Retry{If: func(error) bool { panic("no") }}, func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, stop }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				a := burdock.Func("act", func(ctx context.Context, in burdock.None) (burdock.None, error) {
					calls++
					return c.act(ctx, in)
				}).With(c.policy)
				if _, err := runNew(t, burdock.MustGraph("g", burdock.Node(a)), nil); err == nil {
					t.Error("got no error")
				}
				if calls != c.calls {
					t.Errorf("got %d calls, want %d", calls, c.calls)
				}
			})
		})
	}
}

// R4: a failed attempt is recorded before a long wait, and a restart waits for the rest of it with the rest of the budget.
func TestRetryGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		r := &retried{failures: 100}
		g := r.graph(t, burdock.Retry{Attempts: 4, Backoff: 24 * time.Hour, MaxBackoff: 24 * time.Hour})
		opts := &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: store}}
		app, err := burdock.New(t.Context(), g, opts)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Millisecond)
			cancel()
		}()
		if _, err := app.Run(ctx); !errors.Is(err, context.Canceled) || r.calls != 1 {
			t.Fatalf("first run: got %v after %d calls, want it cancelled in the first wait", err, r.calls)
		}
		cp, err := store.Load(t.Context(), burdock.Ref{App: "app", Seq: -1})
		if err != nil || cp.RetryAt.IsZero() || cp.Spent != 1 || cp.Error == nil {
			t.Fatalf("got record %+v, %v, want one with RetryAt, Spent 1 and the error", cp, err)
		}
		again, err := burdock.Resume(t.Context(), g, opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Run(t.Context()); err == nil || r.calls != 4 {
			t.Fatalf("resumed: got %v after %d calls in all, want a failure after 4", err, r.calls)
		}
		if r.at[1].Before(cp.RetryAt) {
			t.Errorf("the second attempt began at %v, before RetryAt %v", r.at[1], cp.RetryAt)
		}
	})
}

// R4: retrying a parallel action runs only its failed branches again.
func TestRetryOfAMapRunsOnlyWhatFailed(t *testing.T) {
	type item struct {
		N int `state:"item,key"`
	}
	type sum struct {
		Sum int `state:"sum"`
	}
	synctest.Test(t, func(t *testing.T) {
		calls := map[int]int{}
		one := burdock.Func("one", func(_ context.Context, in item) (retriedOut, error) {
			calls[in.N]++
			if in.N == 2 && calls[2] < 3 {
				return retriedOut{}, errors.New("not yet")
			}
			return retriedOut(in), nil
		})
		all := burdock.MapStates("all", one,
			func(context.Context, burdock.None) iter.Seq2[item, error] {
				return burdock.Each([]int{1, 2, 3}, func(n int) item { return item{n} })
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[item, retriedOut]) (out sum, err error) {
				for r := range rs.OK() {
					out.Sum += r.Out.N
				}
				return out, rs.Err()
			}, &burdock.MapOptions{Limit: 1, Failures: burdock.Collect}).With(burdock.Retry{Attempts: 5})
		got, err := burdock.Read[sum](runNew(t, burdock.MustGraph("g", burdock.Node(all)),
			&burdock.Options{Cascade: burdock.Cascade{Store: memstore.New()}}))
		if err != nil || got.Sum != 6 {
			t.Fatalf("got %v, %v, want 6", got, err)
		}
		if calls[1] != 1 || calls[2] != 3 || calls[3] != 1 {
			t.Errorf("got calls %v, want 1, 3 and 1", calls)
		}
	})
}
