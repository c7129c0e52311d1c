package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
			wantEqual(t, "unfinished", unfinished(t, store), "")
		})
	}
}

// unfinished returns the paths of what seems to run or to wait.
func unfinished(t *testing.T, store burdock.Store) (paths string) {
	t.Helper()
	for cp, err := range store.List(t.Context(), burdock.Query{Root: "app", Latest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if cp.Status == burdock.StatusWaiting || cp.Status == burdock.StatusRunning {
			paths += " " + cp.Path
		}
	}
	return paths
}

// I6: below a branch whose failure is a result nothing waits any more, however deep it is and wherever it ran.
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
	for _, policy := range []burdock.FailurePolicy{burdock.Collect, burdock.Tolerate(2)} {
		outer := burdock.MapStates("outer", burdock.MustGraph("deep", burdock.Chain(inner("upper", deeper), join)),
			func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
				return burdock.Each([]string{"a", "b"}, func(n string) twigKey { return twigKey{n} })
			}, func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
				return bunch{wordsOf(rs.All())}, nil
			}, &burdock.MapOptions{Failures: policy})
		g := burdock.MustGraph("g", burdock.Node(outer))
		worker := elsewhere(t, g)
		lost := executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
			_, err := worker.Execute(ctx, b)
			return nil, errors.Join(err, errors.New("its worker is lost"))
		})
		for where, ex := range map[string]burdock.Executor{"here": nil, "elsewhere": worker, "lost": lost} {
			store := memory()
			o := stored(store, nil)
			o.Cascade.Executor = ex
			runTo(t, newApp(t, g, o), burdock.StopDone)
			wantEqual(t, where+": unfinished", unfinished(t, store), "")
		}
	}
}

// I6, I8: the same of a branch that somebody has cancelled alone in the midst of a parallel step, or between two attempts
// of one, wherever it runs and whether its worker says so or is lost with it.
func TestNothingWaitsBelowACancelledBranch(t *testing.T) {
	for _, where := range []string{"here", "elsewhere", "lost"} {
		for _, retried := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var log notes
				slow := burdock.Func("slow", func(ctx context.Context, _ twigIn) (twigOut, error) {
					if retried {
						time.Sleep(time.Second)
						return twigOut{}, errors.New("not yet")
					}
					<-ctx.Done()
					return twigOut{}, ctx.Err()
				})
				upper := burdock.MapActions("upper", burdock.Actions(asking(&log), slow),
					func(context.Context, burdock.None) (twigKey, error) { return twigKey{"?x"}, nil },
					func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
						return bunch{wordsOf(rs.OK())}, rs.Err()
					}, nil).With(burdock.Retry{Attempts: 2, Backoff: 1000 * time.Hour, MaxBackoff: 1000 * time.Hour})
				join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{b.Words[0]}, nil })
				g := line(burdock.MapStates("outer", burdock.MustGraph("deep", burdock.Chain(upper, join)),
					func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
						return burdock.Each([]string{"a"}, func(n string) twigKey { return twigKey{n} })
					}, func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
						return bunch{wordsOf(rs.All())}, nil
					}, &burdock.MapOptions{Failures: burdock.Collect}))
				store := memory()
				o := stored(store, nil)
				if worker := elsewhere(t, g); where != "here" {
					o.Cascade.Executor = executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
						out, err := worker.Execute(ctx, b)
						if where == "lost" && ctx.Err() != nil {
							return nil, ctx.Err()
						}
						return out, err
					})
				}
				go func() {
					time.Sleep(time.Minute)
					cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["a"]
					if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: cp.App}); err != nil {
						t.Error(err)
					}
				}()
				out := runTo(t, newApp(t, g, o), burdock.StopDone)
				name := fmt.Sprintf("%s, retried %v: ", where, retried)
				wantEqual(t, name+"words", strings.Join(view[bunch](t, out.State).Words, " "), "a!")
				wantEqual(t, name+"unfinished", unfinished(t, store), "")
				wantEqual(t, name+"messages", messages(t, store), 0)
			})
		}
	}
}

// I6, M19: nor below a spawned child that has failed, when its action has done without it. Until then it may run again.
func TestNothingWaitsBelowASpawnedFailure(t *testing.T) {
	for _, away := range []bool{false, true} {
		var log notes
		bad := burdock.Func("bad", func(context.Context, twigIn) (twigOut, error) { return twigOut{}, errors.New("no") })
		upper := burdock.MapActions("upper", []burdock.Runnable{asking(&log), bad},
			func(context.Context, burdock.None) (twigKey, error) { return twigKey{"?x"}, nil },
			func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
				return bunch{wordsOf(rs.OK())}, rs.Err()
			}, &burdock.MapOptions{Limit: 1})
		deep := burdock.MustGraph("deep", burdock.Chain(upper, idle("end")))
		bears := false
		lead := burdock.Func("lead", func(ctx context.Context, _ burdock.None) (twigOut, error) {
			h, err := burdock.Spawn(ctx, "child", deep, twigKey{"?x"}, nil)
			if err == nil {
				_, err = h.Wait()
			}
			if err == nil || !bears {
				return twigOut{}, err
			}
			return twigOut{"without"}, nil
		})
		g := line(mapOver("fan", lead, nil, twigKey{"a"}))
		store := memory()
		o := stored(store, nil)
		if away {
			o.Cascade.Executor = elsewhere(t, g)
		}
		runFails(t, openApp(t, g, o), "no")
		wantEqual(t, "waiting", strings.Contains(unfinished(t, store), "/child/upper#1/asking:?x"), true)
		bears = true
		runTo(t, openApp(t, g, o), burdock.StopDone)
		wantEqual(t, "unfinished", unfinished(t, store), "")
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
