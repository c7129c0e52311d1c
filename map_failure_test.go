package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// FailFast: siblings are cancelled with ErrSibling, and the MapError names all that failed, by path, and no other.
func TestM8_FailFastNamesAllThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s1", "x", "s5", "y")
		causes := map[string]error{}
		r.do = func(ctx context.Context, name string) (string, error) {
			if name == "x" || name == "y" {
				time.Sleep(2 * time.Second)
				return "", fmt.Errorf("no %s", name)
			}
			word, err := after(ctx, name)
			r.mu.Lock()
			causes[name] = err
			r.mu.Unlock()
			return word, err
		}
		_, err := r.runWith(t.Context(), t, &burdock.Options{ID: "run-7"})
		e, ok := errors.AsType[*burdock.MapError](err)
		if !ok {
			t.Fatalf("got %v, want a MapError", err)
		}
		var paths []string
		for _, b := range e.Branches {
			paths = append(paths, fmt.Sprintf("%s %s %d", b.Path, b.Key, b.Index))
			if _, ok := errors.AsType[*burdock.StepError](b.Err); !ok {
				t.Errorf("branch error %T, want a StepError", b.Err)
			}
		}
		// Both fail in the same instant; the second may have been cancelled by then.
		if got := strings.Join(paths, ", "); got != "run-7/fan#1/x x 1" && got != "run-7/fan#1/y y 3" &&
			got != "run-7/fan#1/x x 1, run-7/fan#1/y y 3" && got != "run-7/fan#1/y y 3, run-7/fan#1/x x 1" {
			t.Errorf("failed: %s", got)
		}
		if causes["s1"] != nil {
			t.Errorf("s1 had completed: %v", causes["s1"])
		}
		wantIs(t, causes["s5"], burdock.ErrSibling)
	})
}

func TestCollect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s3", "x", "s1", "y")
		r.opts = &burdock.MapOptions{Failures: burdock.Collect}
		r.do = after
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			words := wordsOf(rs.All())
			e, ok := errors.AsType[*burdock.MapError](rs.Err())
			if !ok || len(e.Branches) != 2 {
				t.Errorf("Err is %v, want a MapError of two", rs.Err())
			}
			return words, nil
		}
		got, err := r.run(t)
		wantWords(t, got, err, "s3 x! s1 y!")
	})
}

// What can go wrong in the functions of a map, with and without a token and with and without Grace: it is an error that
// names where, never the end of the process, and nothing is left.
func TestPanicsAndGoexit(t *testing.T) {
	boom := errors.New("boom")
	places := map[string]func(r *fanRig, bad func()){
		"action": func(r *fanRig, bad func()) {
			r.do = func(_ context.Context, name string) (string, error) {
				if name == "b01" {
					bad()
				}
				return name, nil
			}
		},
		"states, at once": func(r *fanRig, bad func()) {
			r.names = func(context.Context) iter.Seq2[string, error] { bad(); return nil }
		},
		"states": func(r *fanRig, bad func()) {
			r.names = func(context.Context) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) { _ = yield("b00", nil) && yield("b01", nil); bad() }
			}
		},
		"reduce": func(r *fanRig, bad func()) {
			r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
				for range rs.OK() {
					bad()
				}
				return nil, nil
			}
		},
		"reduce, at once": func(r *fanRig, bad func()) {
			r.reduce = func(context.Context, *twigResults) ([]string, error) { bad(); return nil, nil }
		},
	}
	ends := map[string]func(){"panic": func() { panic(boom) }, "goexit": runtime.Goexit}
	for place, prepare := range places {
		for end, bad := range ends {
			for _, o := range []burdock.Options{{}, {MaxConcurrency: 1}, {Grace: time.Minute}, {Cascade: burdock.Cascade{Store: memory()}}} {
				t.Run(fmt.Sprintf("%s/%s/%d%v", place, end, o.MaxConcurrency, o.Grace), func(t *testing.T) {
					for limit := range 3 {
						r := rigOf(numbered(5)...)
						r.opts = &burdock.MapOptions{Limit: limit}
						prepare(r, bad)
						o.ID = fmt.Sprint("run", limit)
						_, err := r.runWith(t.Context(), t, &o)
						p, ok := errors.AsType[*burdock.PanicError](err)
						if !ok {
							t.Fatalf("got %v, want a PanicError", err)
						}
						if where := strings.TrimPrefix(p.Where, "the "); !strings.HasPrefix(place, where) {
							t.Errorf("it happened in %q, says %q", place, p.Where)
						}
						want := boom
						if end == "goexit" {
							want = burdock.ErrGoexit
						}
						if p.Value != any(want) {
							t.Errorf("value %v", p.Value)
						}
					}
				})
			}
		}
	}
}

// The sequence's clean-up may panic, exit its goroutine or go on yielding: too late to matter, and nothing is left.
func TestSequenceCleanup(t *testing.T) {
	for name, out := range map[string]func(func(string, error) bool){
		"panic":  func(func(string, error) bool) { panic("late") },
		"goexit": func(func(string, error) bool) { runtime.Goexit() },
		"yields": func(yield func(string, error) bool) { yield("more", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			r := &fanRig{opts: &burdock.MapOptions{Limit: 1, Buffer: 2}}
			r.names = func(context.Context) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for i := 0; yield(fmt.Sprint(i), nil); i++ {
					}
					out(yield)
				}
			}
			r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
				for x := range rs.OK() {
					return []string{x.Out.Word}, nil
				}
				return nil, rs.Err()
			}
			got, err := r.run(t)
			wantWords(t, got, err, "<0>")
		})
	}
}

// M8: a panic of a reduce whose loop was ended early does not hide why it was ended, nor vanish.
func TestM8_PanicOfReduceAfterFailure(t *testing.T) {
	broken := errors.New("broken")
	r := rigOf("a")
	r.do = func(context.Context, string) (string, error) { return "", broken }
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		words := wordsOf(rs.OK())
		return words[:1], nil
	}
	_, err := r.run(t)
	wantIs(t, err, broken)
	if _, ok := errors.AsType[*burdock.PanicError](err); !ok {
		t.Errorf("the panic has vanished: %v", err)
	}
}

// An error that reduce returns although nothing else went wrong is the step's.
func TestReduceErrorFailsStep(t *testing.T) {
	mine := errors.New("mine")
	r := rigOf("a", "b")
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) { return wordsOf(rs.OK()), mine }
	_, err := r.run(t)
	wantIs(t, err, mine)
	if e, ok := errors.AsType[*burdock.StepError](err); !ok || e.Action != "fan" {
		t.Errorf("got %v", err)
	}
}

// M8, R2: a cancelled visit is never completed with what had come so far, however quickly reduce returns it. Burr saved
// cancelled work as completed.
func TestM8_CancelledVisitIsNotCompleted(t *testing.T) {
	stop := errors.New("stop")
	for i := range 500 {
		ctx, cancel := context.WithCancelCause(t.Context())
		r := rigOf(numbered(6)...)
		r.opts = &burdock.MapOptions{Limit: 1 + i%3, Failures: burdock.Collect}
		r.do = func(ctx context.Context, name string) (string, error) {
			if name == fmt.Sprintf("b0%d", i%6) {
				cancel(stop)
				return "", ctx.Err()
			}
			return name, nil
		}
		var told error
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			words := wordsOf(rs.All())
			told = rs.Err()
			return words, nil
		}
		store := memory()
		_, err := r.runWith(ctx, t, stored(store, nil))
		wantIs(t, err, stop)
		wantIs(t, told, stop)
		if cp, _ := store.Load(t.Context(), burdock.Ref{App: "app", Seq: 1}); cp.Status != burdock.StatusCancelled {
			t.Fatalf("round %d: the step is recorded as %q", i, cp.Status)
		}
	}
}

// The same when everything has started and the sequence is at its end, or when reduce itself looks at its context.
func TestM8_CancelledWithEverythingStarted(t *testing.T) {
	stop := errors.New("stop")
	for i := range 500 {
		ctx, cancel := context.WithCancelCause(t.Context())
		r := rigOf(numbered(4)...)
		r.opts = &burdock.MapOptions{Failures: burdock.Collect}
		var all sync.WaitGroup
		all.Add(4)
		r.do = func(ctx context.Context, name string) (string, error) {
			all.Done()
			all.Wait()
			cancel(stop)
			if name == "b00" {
				return name, nil
			}
			return "", context.Cause(ctx)
		}
		var told error
		r.reduce = func(ctx context.Context, rs *twigResults) ([]string, error) {
			if i%2 == 0 {
				<-ctx.Done()
				told = stop
				return []string{"partial"}, nil
			}
			words := wordsOf(rs.AsDone())
			told = rs.Err()
			return words, nil
		}
		got, err := r.runWith(ctx, t, &burdock.Options{})
		if err == nil {
			t.Fatalf("round %d: a cancelled visit has completed with %v", i, got)
		}
		wantIs(t, err, stop)
		wantIs(t, told, stop)
	}
}

// A sequence that heeds its context and just ends is not taken for one that is complete; nor is its error the cause.
func TestM8_CancelledSequenceIsNotItsEnd(t *testing.T) {
	stop := errors.New("stop")
	for _, says := range []error{nil, context.Canceled} {
		ctx, cancel := context.WithCancelCause(t.Context())
		r := &fanRig{}
		r.names = func(ctx context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				yield("a", nil)
				cancel(stop)
				<-ctx.Done()
				if says != nil {
					yield("", says)
				}
			}
		}
		_, err := r.runWith(ctx, t, &burdock.Options{})
		wantIs(t, err, stop)
		if errors.Is(err, context.Canceled) {
			t.Errorf("the sequence's error is told: %v", err)
		}
	}
}

// Grace: whatever ignores its cancellation is left behind and named.
func TestGraceLeavesBehind(t *testing.T) {
	stop := errors.New("stop")
	tests := []struct {
		name    string
		prepare func(r *fanRig, block func())
		want    string
	}{
		{"a branch", func(r *fanRig, block func()) {
			r.do = func(_ context.Context, name string) (string, error) {
				if name == "b01" {
					block()
				}
				return name, nil
			}
		}, "run-7/fan#1/b01: say"},
		{"states", func(r *fanRig, block func()) {
			r.names = func(context.Context) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					yield("b00", nil)
					block()
				}
			}
		}, "run-7: fan (states)"},
		{"the end of states", func(r *fanRig, block func()) {
			r.names = func(context.Context) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for i := 0; yield(fmt.Sprint(i), nil); i++ {
					}
					block()
				}
			}
			r.do = func(ctx context.Context, _ string) (string, error) { <-ctx.Done(); return "", ctx.Err() }
			r.opts = &burdock.MapOptions{Limit: 1}
		}, "run-7: fan (states)"},
		{"reduce", func(r *fanRig, block func()) {
			r.reduce = func(context.Context, *twigResults) ([]string, error) { block(); return nil, nil }
		}, "run-7: fan (reduce)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(stop) })
				release := make(chan struct{})
				r := rigOf(numbered(3)...)
				test.prepare(r, func() { <-release })
				begin := time.Now()
				_, err := r.runWith(ctx, t, &burdock.Options{ID: "run-7", Grace: time.Second})
				if took := time.Since(begin); took > time.Minute+3*time.Second {
					t.Errorf("it took %v", took)
				}
				wantIs(t, err, stop)
				if _, ok := errors.AsType[*burdock.LeakError](err); !ok {
					t.Errorf("got %v, want a LeakError", err)
				}
				wantTexts(t, err, test.want+" ignores its cancellation")
				close(release)
				synctest.Wait()
			})
		})
	}
}

// M9 with Grace: a loser that ignores its cancellation does not undo what reduce has returned.
func TestM9_StubbornLoser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := rigOf("a", "stubborn")
		r.do = func(_ context.Context, name string) (string, error) {
			if name != "a" {
				<-release
			}
			return name, nil
		}
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			for x := range rs.AsDone() {
				return []string{x.Out.Word}, nil
			}
			return nil, rs.Err()
		}
		got, err := r.runWith(t.Context(), t, &burdock.Options{Grace: time.Second, Logger: slog.New(slog.DiscardHandler)})
		wantWords(t, got, err, "a")
		close(release)
		synctest.Wait()
	})
}

// What a function that Grace has left behind still returns goes nowhere, while other branches run on.
func TestLeftBehindWhileOthersRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var left sync.WaitGroup
		left.Add(1)
		say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) {
			switch in.Name {
			case "b00":
				defer left.Done()
				<-release
				return twigOut{"late"}, nil
			case "b50":
				close(release)
				left.Wait()
			}
			return twigOut{in.Name}, nil
		}).With(burdock.Timeout(time.Second))
		r := rigOf(numbered(99)...)
		r.opts = &burdock.MapOptions{Limit: 1, Failures: burdock.Collect}
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) { return wordsOf(rs.All()), nil }
		g := burdock.MustGraph("g", burdock.Node(r.over(say)))
		o := stored(memory(), nil)
		o.Grace, o.Logger = time.Second, slog.New(slog.DiscardHandler)
		o.Cascade.Tracker = trackOnly{}
		out := runTo(t, newApp(t, g, o), burdock.StopDone)
		words := view[bunch](t, out.State).Words
		if words[0] != "b00!" || slices.Contains(words, "late") || words[98] != "b98" {
			t.Errorf("got %v", words)
		}
	})
}

// Cancellation from outside at any moment: everything saved stays, the statuses are right, and going on gives the same
// final state.
func TestCancelledAtAnyMoment(t *testing.T) {
	stop := errors.New("stop")
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			names := []string{"s1", "s2", "s3", "s4", "s5", "s6", "s7"}
			rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			store := memory()
			done := map[string]int{}
			r := rigOf(names...)
			r.opts = &burdock.MapOptions{Limit: 1 + rnd.IntN(3)}
			r.do = func(ctx context.Context, name string) (string, error) {
				word, err := after(ctx, name)
				if err == nil {
					r.mu.Lock()
					done[name]++
					r.mu.Unlock()
				}
				return word, err
			}
			for {
				ctx, cancel := context.WithCancelCause(t.Context())
				timer := time.AfterFunc(time.Duration(rnd.IntN(20_000))*time.Millisecond, func() { cancel(stop) })
				got, err := r.runWith(ctx, t, stored(store, nil))
				timer.Stop()
				if err == nil {
					if !slices.Equal(got, names) {
						t.Fatalf("seed %d: got %v, want %v", seed, got, names)
					}
					break
				}
				wantIs(t, err, stop)
				if strings.Contains(statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})), "failed") {
					t.Fatalf("seed %d: a cancelled branch is recorded as failed", seed)
				}
			}
			for name, n := range done {
				if n != 1 {
					t.Errorf("seed %d: %s has completed %d times", seed, name, n)
				}
			}
		})
	}
}

// Two maps in one another: what fails deep below is named by its whole path, and everybody else is cancelled.
func TestNestedFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := rigOf("s9", "bad")
		inner.do = func(ctx context.Context, name string) (string, error) {
			if name == "bad" {
				time.Sleep(time.Second)
				return "", errors.New("no")
			}
			return after(ctx, name)
		}
		outer := rigOf("x", "y")
		g := burdock.MustGraph("fans", burdock.Node(outer.over(inBranch(inner))))
		begin := time.Now()
		_, err := newApp(t, g, &burdock.Options{ID: "run"}).Run(t.Context())
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %v", took)
		}
		wantTexts(t, err, "/fan#1/bad: step 1 (say), attempt 1: no")
		var sb *burdock.BranchError
		if !errors.As(err, &sb) || !strings.HasPrefix(sb.Path, "run/fan#1/") {
			t.Errorf("got %v", err)
		}
	})
}

// inBranch makes a map the body of a branch: it ends with one word, all of its words joined.
func inBranch(r *fanRig) *burdock.Graph {
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) {
		return twigOut{"[" + strings.Join(b.Words, " ") + "]"}, nil
	})
	return burdock.MustGraph("inner", burdock.Chain(r.action(), join))
}

// A MapError meets the error routes of its step.
func TestMapErrorTakesErrorRoute(t *testing.T) {
	broken := errors.New("broken")
	r := rigOf("a")
	r.do = func(context.Context, string) (string, error) { return "", broken }
	type failureIn struct {
		Failure burdock.Failure `input:"failure"`
	}
	var mu sync.Mutex
	var seen error
	handle := burdock.Func("handle", func(_ context.Context, in failureIn) (bunch, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = in.Failure.Err()
		return bunch{[]string{"handled"}}, nil
	})
	g := burdock.MustGraph("g",
		burdock.Node(r.action(), burdock.OnError(burdock.As[*burdock.MapError](), handle)),
		burdock.Node(handle))
	out, err := burdock.Read[bunch](newApp(t, g, nil).Run(t.Context()))
	wantWords(t, out.Words, err, "handled")
	wantIs(t, seen, broken)
}

// The error of a branch says once where the branch is.
func TestABranchErrorNamesItsPathOnce(t *testing.T) {
	a := tasksOf(burdock.Actions(burdock.Func("ask", tell)), &burdock.MapOptions{Failures: burdock.FailFast},
		burdock.Task[promptOnly]{Key: "k", State: promptOnly{"bad"}})
	_, err := runNew(t, mustGraph(t, "g", burdock.Node(a)), &burdock.Options{ID: "r"})
	failed, ok := errors.AsType[*burdock.BranchError](err)
	if want := "r/tasks#1/k: step 1 (ask), attempt 1: a bad prompt"; !ok || failed.Error() != want {
		t.Errorf("got %v, want %q", failed, want)
	}
}
