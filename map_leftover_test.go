package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/burdock-go/burdock"
)

// I6, M9: what a returned reduce does not need is cancelled in the store too, also if it is left from an earlier call or
// process and has not begun again in this one: nothing waits for an answer that nobody needs, and nothing seems to run.
func TestBranchesOfEarlierCallsThatReduceDoesNotNeedAreCancelled(t *testing.T) {
	var log notes
	inner := mapOver("inner", asking(&log), nil, twigKey{"?x"}, twigKey{"?y"})
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{b.Words[0]}, nil })
	outer := burdock.MapStates("outer", burdock.MustGraph("deep", burdock.Chain(inner, join)),
		func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
			return burdock.Each([]string{"a", "b", "c", "d", "e", "z"}, func(n string) twigKey { return twigKey{n} })
		}, burdock.First[twigOut, burdock.None, twigKey], &burdock.MapOptions{Limit: 1})
	g := burdock.MustGraph("g", burdock.Node(outer))

	for _, how := range []burdock.Status{burdock.StatusWaiting, burdock.StatusRunning, burdock.StatusCancelled, burdock.StatusFailed} {
		t.Run(string(how), func(t *testing.T) {
			store := memory()
			runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
			if how != burdock.StatusWaiting { // as a killed process leaves them behind, with others that wait below
				c, err := store.Claim(t.Context(), "app")
				if err != nil {
					t.Fatal(err)
				}
				for _, cp := range branchRecords(t, store, burdock.Ref{App: "app", Seq: 1}) {
					cp.Status, cp.Needs = how, nil
					if err := store.Save(t.Context(), c.Fence(), []burdock.Checkpoint{cp}); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone, burdock.Given(consent{true}))
			for cp, err := range store.List(t.Context(), burdock.Query{Root: "app", Latest: true}) {
				if err != nil || cp.Status == burdock.StatusWaiting || cp.Status == burdock.StatusRunning {
					t.Errorf("%s is %s at the end, %v", cp.Path, cp.Status, err)
				}
			}
		})
	}
}

// I6: below a branch whose failure is a result nothing waits any more, however deep it is.
func TestNothingWaitsBelowACollectedFailure(t *testing.T) {
	var log notes
	bad := burdock.Func("bad", func(context.Context, twigIn) (twigOut, error) { return twigOut{}, errors.New("no") })
	inner := func(name string, with burdock.Runnable) *burdock.Action {
		return burdock.MapActions(name, []burdock.Runnable{asking(&log), with},
			func(context.Context, burdock.None) (twigKey, error) { return twigKey{"?x"}, nil },
			func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
				return bunch{wordsOf(rs.OK())}, rs.Err()
			}, &burdock.MapOptions{Limit: 1})
	}
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{b.Words[0]}, nil })
	deeper := burdock.MustGraph("deeper", burdock.Chain(inner("lower", bad), join))
	outer := burdock.MapStates("outer", burdock.MustGraph("deep", burdock.Chain(inner("upper", deeper), join)),
		func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
			return burdock.Each([]string{"a", "b"}, func(n string) twigKey { return twigKey{n} })
		}, func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			return bunch{wordsOf(rs.All())}, nil
		}, &burdock.MapOptions{Failures: burdock.Collect})
	store := memory()
	runTo(t, newApp(t, burdock.MustGraph("g", burdock.Node(outer)), stored(store, nil)), burdock.StopDone)
	for cp, err := range store.List(t.Context(), burdock.Query{Root: "app", Latest: true}) {
		if err != nil || cp.Status == burdock.StatusWaiting || cp.Status == burdock.StatusRunning {
			t.Errorf("%s is %s at the end, %v", cp.Path, cp.Status, err)
		}
	}
}

// R1, R4: a step that is cancelled between two attempts, while it waits for the next, goes on with the number and the
// budget that it had.
func TestStepCancelledBetweenAttemptsKeepsThem(t *testing.T) {
	var attempts []int
	failing := make(chan bool)
	flaky := burdock.Func("flaky", func(ctx context.Context, _ twigIn) (twigOut, error) {
		if attempts = append(attempts, burdock.Info(ctx).Attempt); len(attempts) == 1 {
			defer close(failing)
		}
		if len(attempts) < 3 {
			return twigOut{}, errors.New("not yet")
		}
		return twigOut{"flaky"}, nil
	}).With(burdock.Retry{Attempts: 3, Backoff: 1 << 29, MaxBackoff: 1 << 29})
	broken := false
	other := burdock.Func("other", func(context.Context, twigIn) (twigOut, error) {
		<-failing
		if !broken {
			broken = true
			return twigOut{}, errors.New("no")
		}
		return twigOut{"other"}, nil
	})
	m := burdock.MapActions("fan", burdock.Actions(flaky, other),
		func(context.Context, burdock.None) (twigKey, error) { return twigKey{"x"}, nil },
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			return bunch{wordsOf(rs.OK())}, rs.Err()
		}, nil)
	g := burdock.MustGraph("g", burdock.Node(m))
	store := memory()
	if _, err := newApp(t, g, stored(store, nil)).Run(t.Context()); err == nil {
		t.Fatal("got no error, want that of the other")
	}
	runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
	wantEqual(t, "attempts", fmt.Sprint(attempts), "[1 2 3]")
}
