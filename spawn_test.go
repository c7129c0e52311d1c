package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// M19: a spawned child is a branch of the step: path, parent, index in the order of spawning, join in that of ending.
func TestM19_ChildrenAreBranchesOfTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newStore()
		var ids, paths []string
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			var words []string
			var all []*burdock.Handle
			for _, name := range []string{"ccc", "a", "/b"} {
				all = append(all, r.sayer(ctx, name))
			}
			for _, h := range all {
				ids, paths = append(ids, h.ID()), append(paths, h.Path())
				word, err := wordOf(h)
				if err != nil {
					return "", err
				}
				words = append(words, word)
			}
			return strings.Join(words, ""), nil
		})
		out := runTo(t, r.open(t, db), burdock.StopDone)
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "<ccc><a></b>")
		if want := []string{"app/lead#1/ccc", "app/lead#1/a", "app/lead#1/%2Fb"}; !cmp.Equal(paths, want) {
			t.Errorf("got paths %q, want %q", paths, want)
		}
		for i, key := range []string{"ccc", "a", "/b"} {
			cp := spawnedRecords(t, db)[key]
			got := fmt.Sprintln(cp.App == ids[i], cp.Path == paths[i], cp.Root, cp.Task, cp.Index, cp.Join, cp.Status)
			want := fmt.Sprintln(true, true, "app", "say", i, []int{3, 1, 2}[i], burdock.StatusCompleted)
			wantEqual(t, key, got, want)
		}
		if got := r.seen(burdock.EventBranchStarted); len(got) != 3 {
			t.Errorf("got %q, want three children that start", got)
		}
	})
}

// M19: what is wrong with a child is an error of Spawn, which names it; nothing has run.
func TestM19_WhatIsWrongIsAnErrorOfSpawn(t *testing.T) {
	type other struct {
		Yes int `input:"yes"`
	}
	type hidden struct {
		Yes string `input:"yes,secret"`
	}
	r := leading(nil)
	wrong := burdock.Func("wrong", func(context.Context, struct{ N chan int }) (burdock.None, error) { return burdock.None{}, nil })
	needsInt := burdock.Func("needs_int", func(context.Context, other) (burdock.None, error) { return burdock.None{}, nil })
	fits := burdock.Func("fits", func(context.Context, hidden) (burdock.None, error) { return burdock.None{}, nil })
	var unmade *burdock.Graph
	for name, test := range map[string]struct {
		key    string
		run    burdock.Runnable
		window any
		opts   *burdock.SpawnOptions
		want   string // "" for none
	}{
		"no key":          {"", r.say(), twigIn{}, nil, "its key has 0 bytes; a key has 1 to 4096"},
		"a long key":      {strings.Repeat("x", 4097), r.say(), twigIn{}, nil, "its key has 4097 bytes"},
		"the longest key": {strings.Repeat("x", 4096), idle("idle"), burdock.None{}, nil, ""},
		"nothing to run":  {"k", nil, twigIn{}, nil, "run is nil"},
		"a nil graph":     {"k", unmade, twigIn{}, nil, "run is nil"},
		"no window":       {"k", r.say(), nil, nil, "nil is no window"},
		"no struct":       {"k", r.say(), 7, nil, "int"},
		"a wrong action":  {"k", wrong, burdock.None{}, nil, `action "wrong"`},
		"a missing key":   {"k", r.say(), burdock.None{}, nil, `"name"`},
		"a key of two types": {"k", r.say(), struct {
			Name int `state:"name"`
		}{}, nil, `key "name"`},
		"a broken state":        {"k", r.say(), burdock.StateOf(3), nil, "StateOf"},
		"an unknown input":      {"k", r.say(), twigIn{}, &burdock.SpawnOptions{Given: burdock.Input("nope", 1)}, `input "nope"`},
		"a window's input":      {"k", r.say(), leadIn{"x"}, nil, `input "yes"`},
		"a negative Timeout":    {"k", r.say(), twigIn{}, &burdock.SpawnOptions{Timeout: -1}, "Timeout is -1ns"},
		"a wrong ID":            {"k", r.say(), twigIn{}, &burdock.SpawnOptions{ID: "a\nb"}, `child "k": its ID contains a control character`},
		"a wrong Cascade":       {"k", r.say(), twigIn{}, &burdock.SpawnOptions{Cascade: &burdock.Cascade{RestoreFrom: newStore()}}, "its Cascade"},
		"a store below none":    {"k", r.say(), twigIn{}, &burdock.SpawnOptions{Cascade: &burdock.Cascade{Store: newStore()}}, "memstore"},
		"an input of two types": {"k", needsInt, burdock.None{}, nil, `input "yes" is a string, but action "needs_int" declares it as int`},
		"a more secret input":   {"k", fits, burdock.None{}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := leading(func(ctx context.Context) (string, error) {
				h, err := burdock.Spawn(ctx, test.key, test.run, test.window, test.opts)
				if test.want == "" {
					if err != nil {
						t.Error(err)
						return "", err
					}
					_, err = h.Wait()
					return "", err
				}
				wantTexts(t, err, "burdock: Spawn of ", test.want)
				if h != nil {
					t.Error("got a handle beside the error")
				}
				return "", nil
			})
			runTo(t, r.open(t, nil), burdock.StopDone, burdock.Input("yes", "ok"))
		})
	}
}

// An input that the enclosing action keeps secret is not written by a child that does not.
func TestM19_ASecretStaysOne(t *testing.T) {
	r := leading(nil)
	secretive := burdock.Func("lead", func(ctx context.Context, _ struct {
		Yes string `input:"yes,secret"`
	},
	) (burdock.None, error) {
		_, err := burdock.Spawn(ctx, "k", r.ask(), burdock.None{}, nil)
		wantTexts(t, err, `input "yes" is secret, but action "ask" does not declare it so`)
		return burdock.None{}, nil
	})
	runTo(t, newApp(t, line(secretive), stored(newStore(), nil)), burdock.StopDone, burdock.Input("yes", "word"))
}

// M19: a key used twice in one attempt is an error, also one of a child that has ended.
func TestM19_AKeyIsUsedOnce(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		r := leading(func(ctx context.Context) (string, error) {
			if _, err := spawnIt(ctx, "k", idle("idle"), burdock.None{}).Wait(); err != nil {
				return "", err
			}
			_, err := burdock.Spawn(ctx, "k", adder("add", 1), number{1}, nil)
			wantTexts(t, err, `burdock: Spawn of "k"`, "the key is used twice")
			return "", nil
		})
		runTo(t, r.open(t, db), burdock.StopDone)
	})
}

// Spawn belongs to an action that runs: elsewhere it is an error that says where.
func TestM19_SpawnBelongsToARunningAction(t *testing.T) {
	try := func(ctx context.Context, want string) {
		t.Helper()
		_, err := burdock.Spawn(ctx, "k", idle("idle"), burdock.None{}, nil)
		wantTexts(t, err, want)
	}
	try(t.Context(), "its context is not that of an action")
	rig := rigOf("a")
	rig.names = func(ctx context.Context) iter.Seq2[string, error] {
		try(ctx, `"fan" is a parallel action`)
		return eachName("a")
	}
	rig.reduce = func(ctx context.Context, rs *twigResults) ([]string, error) {
		try(ctx, `"fan" is a parallel action`)
		return wordsOf(rs.OK()), rs.Err()
	}
	got, err := rig.run(t)
	wantWords(t, got, err, "<a>")

	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		var kept context.Context
		r := leading(func(ctx context.Context) (string, error) {
			if kept == nil {
				kept = ctx
				return "", errTest
			}
			try(kept, `"lead": the attempt of the action has ended`)
			return "", nil
		})
		r.with = []burdock.Policy{burdock.Retry{Attempts: 2, Backoff: time.Nanosecond}}
		runTo(t, r.open(t, db), burdock.StopDone)
		try(kept, `"lead": the attempt of the action has ended`)
	})
}

// A context that has ended starts nothing.
func TestM19_AContextThatHasEndedStartsNothing(t *testing.T) {
	r := leading(func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		_, err := burdock.Spawn(ctx, "k", idle("idle"), burdock.None{}, nil)
		wantIs(t, err, errStop)
		return "", nil
	})
	runTo(t, r.open(t, nil), burdock.StopDone)
}

// M19: what still runs when the action returns, however it does, is cancelled with the cause and awaited before the step
// is committed; a child that nobody needs any more is recorded as cancelled.
func TestM19_ChildrenEndWithTheirAction(t *testing.T) {
	for name, test := range map[string]struct {
		returns func(ctx context.Context) error
		cause   error
		stop    burdock.Stop
		text    string
	}{
		"nil":     {func(context.Context) error { return nil }, burdock.ErrNotNeeded, burdock.StopDone, ""},
		"error":   {func(context.Context) error { return errTest }, errTest, burdock.StopFailed, "test error"},
		"panic":   {func(context.Context) error { panic(errTest) }, errTest, burdock.StopFailed, "the action panicked"},
		"goexit":  {func(context.Context) error { exit(); return nil }, burdock.ErrGoexit, burdock.StopFailed, "runtime.Goexit"},
		"timeout": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, burdock.ErrTimeout, burdock.StopFailed, "Timeout"},
		"cancel":  {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, errStop, burdock.StopCancelled, "stop it"},
	} {
		t.Run(name, func(t *testing.T) {
			inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					var cause error
					ended := false
					slow := doing("slow", func(ctx context.Context) error {
						<-ctx.Done()
						cause = context.Cause(ctx)
						time.Sleep(time.Minute) // cleaning up
						ended = true
						return ctx.Err()
					})
					var h *burdock.Handle
					r := leading(func(ctx context.Context) (string, error) {
						h = spawnIt(ctx, "slow", slow, burdock.None{})
						synctest.Wait()
						return "", test.returns(ctx)
					})
					o := r.options(db)
					o.Cascade.Tracker = trackFunc(func(_ context.Context, e burdock.Event) error {
						if e.Kind == burdock.EventStepEnded && e.App == "app" && e.Seq == 1 && !ended {
							t.Error("the step has ended before its child")
						}
						return nil
					})
					switch name {
					case "timeout":
						r.with = []burdock.Policy{burdock.Timeout(time.Hour)}
					case "cancel":
						time.AfterFunc(time.Hour, func() { cancel(errStop) })
					}
					out, err := openApp(t, r.graph(), o).Run(ctx)
					wantEqual(t, "stop", out.Stop, test.stop)
					if test.text != "" {
						wantTexts(t, err, test.text)
					}
					if !errors.Is(cause, test.cause) {
						t.Errorf("got cause %v, want %v", cause, test.cause)
					}
					got, err := h.Wait()
					wantIs(t, err, test.cause)
					wantEqual(t, "stop of the child", got.Stop, burdock.StopCancelled)
					wantIs(t, got.Err, test.cause)
					if db != nil {
						wantEqual(t, "records", statuses(spawnedRecords(t, db)), "slow:cancelled")
					}
				})
			})
		})
	}
}

// Wait returns what App.Run would; the failure of a child is no failure of the step.
func TestM19_WaitReturnsWhatRunWould(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		r := leading(func(ctx context.Context) (string, error) {
			bad := doing("bad", func(context.Context) error { return errTest })
			gone := doing("gone", func(context.Context) error { exit(); return nil })
			two := burdock.MustGraph("two", burdock.Chain(adder("one", 1), adder("two", 1), bad))
			done := spawnIt(ctx, "done", burdock.MustGraph("pair", burdock.Chain(adder("one", 1), adder("two", 1))), number{5})
			failed := spawnIt(ctx, "failed", two, number{5})
			vanished := spawnIt(ctx, "gone", gone, burdock.State{})
			out, err := done.Wait()
			if err != nil || out.Stop != burdock.StopDone || out.Action != "two" || out.Seq != 2 || out.Next != "" || view[number](t, out.State).N != 7 {
				t.Errorf("got %+v, %v", out, err)
			}
			again, _ := done.Wait()
			wantEqual(t, "a second Wait", again, out)
			out, err = failed.Wait()
			step, ok := errors.AsType[*burdock.StepError](err)
			if !ok || step.Path != failed.Path() || step.Seq != 3 || !errors.Is(err, errTest) {
				t.Errorf("got %v, want a StepError of the child", err)
			}
			if out.Stop != burdock.StopFailed || out.Action != "two" || out.Next != "bad" || view[number](t, out.State).N != 7 || !errors.Is(out.Err, errTest) {
				t.Errorf("got %+v", out)
			}
			_, err = vanished.Wait()
			wantIs(t, err, burdock.ErrGoexit)
			return "fine", nil
		})
		out := runTo(t, r.open(t, db), burdock.StopDone)
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "fine")
		if db != nil {
			wantEqual(t, "records", statuses(spawnedRecords(t, db)), "done:completed failed:failed gone:failed")
		}
	})
}

// Cancel ends one child with its cause, and no other.
func TestM19_CancelEndsOneChild(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			var r *spawnRig
			r = leading(func(ctx context.Context) (string, error) {
				a, b := r.sayer(ctx, "long"), r.sayer(ctx, "b")
				inner, cancel := context.WithCancelCause(ctx)
				c := r.sayer(inner, "other")
				synctest.Wait() // one that has not begun is not recorded
				a.Cancel(errStop)
				cancel(errTest)
				_, err := wordOf(a)
				wantIs(t, err, errStop)
				_, err = wordOf(c)
				wantIs(t, err, errTest)
				word, err := wordOf(b)
				b.Cancel(errStop) // it has ended
				again, _ := b.Wait()
				wantEqual(t, "stop", again.Stop, burdock.StopDone)
				return word, err
			})
			out := runTo(t, r.open(t, db), burdock.StopDone)
			wantEqual(t, "word", view[leadOut](t, out.State).Word, "<b>")
			if db != nil {
				wantEqual(t, "records", statuses(spawnedRecords(t, db)), "b:completed long:cancelled other:cancelled")
			}
		})
	})
}

// A child whose context outlives the step ends with the step's context all the same.
func TestM19_AChildDoesNotOutliveItsStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			return wordOf(r.sayer(context.WithoutCancel(ctx), strings.Repeat("x", 100)))
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errStop)
		defer cancel()
		_, err := r.open(t, newStore()).Run(ctx)
		wantIs(t, err, errStop)
	})
}

// M4: from its first Spawn until it returns an action holds no token, so any nesting completes with one; whoever comes
// next has to get it back.
func TestM4_SpawnersHoldNoToken(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			var live, most counted
			leaf := doing("leaf", func(context.Context) error {
				most.raise(live.add(1))
				time.Sleep(time.Second)
				live.add(-1)
				return nil
			})
			var nest func(depth int) *burdock.Action
			nest = func(depth int) *burdock.Action {
				if depth == 0 {
					return leaf
				}
				return doing(fmt.Sprintf("nest%d", depth), func(ctx context.Context) error {
					var all []*burdock.Handle
					for i := range 3 {
						burdock.Unslotted(ctx, func() { time.Sleep(time.Millisecond) })
						all = append(all, spawnIt(ctx, fmt.Sprint(i), nest(depth-1), burdock.None{}))
					}
					burdock.Unslotted(ctx, func() { time.Sleep(time.Millisecond) })
					for _, h := range all {
						if _, err := h.Wait(); err != nil {
							return err
						}
					}
					return nil
				})
			}
			o := &burdock.Options{ID: "app", MaxConcurrency: 1, Cascade: burdock.Cascade{Store: db}}
			runTo(t, newApp(t, line(nest(3), leaf, nest(1)), o), burdock.StopDone)
			wantEqual(t, "leaves at once", most.get(), 1)
		})
	})
}

// counted is a number that many may change.
type counted struct {
	mu sync.Mutex
	n  int
}

func (c *counted) add(by int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += by
	return c.n
}

func (c *counted) raise(to int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = max(c.n, to)
}

func (c *counted) get() int { return c.add(0) }

// A thousand children of one action, spawned by goroutines of it, each with its own index and join number. A handle that
// nobody reads blocks nothing.
func TestM19_AThousandChildren(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		add := adder("add", 1)
		r := leading(func(ctx context.Context) (string, error) {
			var spawners sync.WaitGroup
			var sum counted
			for w := range 10 {
				spawners.Go(func() {
					for i := range 100 {
						h := spawnIt(ctx, fmt.Sprint(w, ":", i), add, number{w*100 + i})
						if i%2 == 0 {
							continue // nobody reads it
						}
						out, err := burdock.Read[number](h.Wait())
						if err != nil {
							t.Error(err)
						}
						sum.add(out.N)
					}
				})
			}
			spawners.Wait()
			return fmt.Sprint(sum.get()), nil
		})
		out := runTo(t, r.open(t, db), burdock.StopDone)
		wantEqual(t, "sum", view[leadOut](t, out.State).Word, "250500")
		if db == nil {
			return
		}
		indexes, joins := map[int64]bool{}, map[int64]bool{}
		for _, cp := range spawnedRecords(t, db) {
			indexes[cp.Index] = true
			if cp.Join != 0 {
				joins[cp.Join] = true
			}
		}
		if len(indexes) < 500 || len(joins) < 500 || joins[0] {
			t.Errorf("got %d indexes and %d join numbers", len(indexes), len(joins))
		}
	})
}

// A child may fan out, and what it and its branches have is what the application has: middleware, tracker, store.
func TestM19_ChildrenHaveWhatTheApplicationHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newStore()
		var log notes
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			inner := rigOf("x", "y")
			out, err := spawnIt(ctx, "fan", inner.graph(), burdock.None{}).Wait()
			if err != nil {
				return "", err
			}
			own := &burdock.SpawnOptions{Cascade: &burdock.Cascade{Store: burdock.NoStore, Tracker: burdock.NoTracker, Middleware: []burdock.Middleware{}}}
			h, err := burdock.Spawn(ctx, "bare", r.say(), twigIn{"z"}, own)
			if err != nil {
				return "", err
			}
			word, err := wordOf(h)
			return strings.Join(view[bunch](t, out.State).Words, "") + word, err
		})
		o := r.options(db)
		o.Cascade.Middleware = []burdock.Middleware{func(next burdock.StepFunc) burdock.StepFunc {
			return func(ctx context.Context, s *burdock.StepCall) error {
				err := next(ctx, s)
				log.add(s.Path + "!" + s.Action)
				return err
			}
		}}
		out := runTo(t, openApp(t, r.graph(), o), burdock.StopDone)
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "<x><y><z>")
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "fan:completed")
		got := log.take()
		for _, want := range []string{"app/lead#1/fan/fan#1/x!say", "app/lead#1/fan/fan#1/y!say", "app/lead#1/fan!fan", "app!lead", "app!after"} {
			if !strings.Contains(got, want) {
				t.Errorf("got %s, want in it %s", got, want)
			}
		}
		if strings.Contains(got, "bare") {
			t.Errorf("got %s, want nothing of the bare child", got)
		}
		ended := r.seen(burdock.EventBranchEnded)
		slices.Sort(ended)
		wantEqual(t, "ended", strings.Join(ended, " "), "fan:branch_ended:completed x:branch_ended:completed y:branch_ended:completed")
	})
}

// Options.Branches and Options.At hold for what an action spawns.
func TestM20_OverridesHoldForChildren(t *testing.T) {
	for _, o := range []*burdock.Options{
		{Branches: &burdock.Cascade{Store: burdock.NoStore}},
		{At: map[string]*burdock.Cascade{"lead": {Store: burdock.NoStore}}},
	} {
		db := newStore()
		runs := 0
		r := leading(func(ctx context.Context) (string, error) {
			_, err := spawnIt(ctx, "k", doing("count", func(context.Context) error { runs++; return nil }), burdock.None{}).Wait()
			if runs == 1 {
				return "", errTest
			}
			return "", err
		})
		o.ID, o.Cascade.Store = "app", db
		app := openApp(t, r.graph(), o)
		runFails(t, app, "test error")
		runTo(t, app, burdock.StopDone)
		wantEqual(t, "runs", runs, 2)
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "")
	}
}

// SpawnOptions.Timeout bounds a child with its retries, and Given is for it alone.
func TestM19_OptionsOfAChild(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			var r *spawnRig
			r = leading(func(ctx context.Context) (string, error) {
				begin := time.Now()
				h, err := burdock.Spawn(ctx, "slow", r.say(), twigIn{"twelve bytes"}, &burdock.SpawnOptions{Timeout: 5 * time.Second})
				if err != nil {
					return "", err
				}
				_, err = h.Wait()
				wantIs(t, err, burdock.ErrTimeout)
				wantTexts(t, err, "the child had 5s")
				wantEqual(t, "took", time.Since(begin), 5*time.Second)
				given, err := burdock.Spawn(ctx, "given", r.ask(), burdock.None{}, &burdock.SpawnOptions{Given: burdock.Input("yes", "mine"), ID: "my-child"})
				if err != nil {
					return "", err
				}
				wantEqual(t, "id", given.ID(), "my-child")
				window := spawnIt(ctx, "window", r.ask(), yesIn{"window's"})
				one, err := wordOf(given)
				if err != nil {
					return "", err
				}
				two, err := wordOf(window)
				return one + " " + two, err
			})
			out := runTo(t, r.open(t, db), burdock.StopDone, burdock.Input("yes", "everybody's"))
			wantEqual(t, "word", view[leadOut](t, out.State).Word, "yes:mine yes:window's")
		})
	})
}

// Configuration reaches a child, and so does an event that its action was given; an event of another action does not.
func TestM19_InputsOfAChild(t *testing.T) {
	r := leading(nil)
	var words []string
	spawner := func(name string, in bool) *burdock.Action {
		lead := func(ctx context.Context) error {
			h := spawnIt(ctx, "k", r.ask(), burdock.None{})
			word, err := wordOf(h)
			if errors.Is(err, burdock.ErrSuspended) {
				word, err = "none", nil
			}
			words = append(words, word)
			return err
		}
		if !in {
			return doing(name, lead)
		}
		return burdock.Func(name, func(ctx context.Context, _ leadIn) (burdock.None, error) { return burdock.None{}, lead(ctx) })
	}
	g := line(spawner("before", false), spawner("declares", true), spawner("behind", true))
	runTo(t, newApp(t, g, nil), burdock.StopDone, burdock.Input("yes", "event"))
	runTo(t, newApp(t, g, &burdock.Options{Given: burdock.Input("yes", "config")}), burdock.StopDone)
	if want := []string{"none", "yes:event", "none", "yes:config", "yes:config", "yes:config"}; !cmp.Equal(words, want) {
		t.Errorf("got %q, want %q", words, want)
	}
}

// What is spawned is no part of Graph.Hash, and no runnable that is made anew each time fills the memory.
func TestM19_WhatIsSpawnedIsMadeAtAnyTime(t *testing.T) {
	r := leading(func(ctx context.Context) (string, error) {
		for i := range 600 {
			h := spawnIt(ctx, fmt.Sprint(i), adder(fmt.Sprintf("add%d", i), i), number{1})
			if out, err := burdock.Read[number](h.Wait()); err != nil || out.N != 1+i {
				return "", fmt.Errorf("got %v, %w", out, err)
			}
		}
		return "", nil
	})
	hash := r.graph().Hash()
	runTo(t, r.open(t, nil), burdock.StopDone)
	wantEqual(t, "hash", r.graph().Hash(), hash)
}

// Codecs and sentinels of the enclosing graph are those of what its actions spawn.
func TestM19_ChildrenInheritCodecsAndSentinels(t *testing.T) {
	type odd struct {
		F *foreign `state:"f"`
	}
	r := leading(func(ctx context.Context) (string, error) {
		h := spawnIt(ctx, "k", burdock.Func("odd", func(_ context.Context, o odd) (odd, error) { return odd{&foreign{o.F.n + 1}}, nil }), odd{&foreign{4}})
		out, err := burdock.Read[odd](h.Wait())
		if err != nil {
			return "", err
		}
		return fmt.Sprint(out.F.n), nil
	})
	g := burdock.MustGraph("g", burdock.Node(r.leader()), burdock.Codec[*foreign]{
		Encode: func(f *foreign) ([]byte, error) { return fmt.Append(nil, f.n), nil },
		Decode: func(data []byte) (*foreign, error) {
			f := new(foreign)
			_, err := fmt.Sscan(string(data), &f.n)
			return f, err
		},
	})
	out := runTo(t, newApp(t, g, stored(newStore(), nil)), burdock.StopDone)
	wantEqual(t, "word", view[leadOut](t, out.State).Word, "5")
}

type foreign struct{ n int }

// R9: under Grace a child that ignores its cancellation is left behind and named, and so is an action; what that one
// spawns later is refused.
func TestR9_GraceAndChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan bool)
		late := make(chan error, 1)
		deaf := doing("deaf", func(context.Context) error { <-release; return nil })
		handle := make(chan *burdock.Handle, 1)
		r := leading(func(ctx context.Context) (string, error) {
			handle <- spawnIt(ctx, "deaf", deaf, burdock.None{})
			<-release
			_, err := burdock.Spawn(ctx, "late", deaf, burdock.None{}, nil)
			late <- err
			return "", nil
		})
		r.with = []burdock.Policy{burdock.Timeout(time.Minute)}
		o := r.options(newStore())
		o.Grace = time.Second
		begin := time.Now()
		_, err := openApp(t, r.graph(), o).Run(t.Context())
		if _, ok := errors.AsType[*burdock.LeakError](err); !ok {
			t.Errorf("got %v, want a LeakError", err)
		}
		if took := time.Since(begin); took > time.Minute+2*time.Second {
			t.Errorf("it took %v", took)
		}
		_, err = (<-handle).Wait()
		if leak, ok := errors.AsType[*burdock.LeakError](err); !ok || leak.Path != "app/lead#1/deaf" {
			t.Errorf("got %v, want a LeakError of the child", err)
		}
		close(release)
		wantTexts(t, <-late, "the attempt of the action has ended")
		synctest.Wait()
	})
}

// Options.MaxDepth bounds a recursion through Spawn like any other.
func TestMaxDepthBoundsARecursionOfSpawn(t *testing.T) {
	var act *burdock.Action
	var deepest atomic.Int64
	act = burdock.Func("act", func(ctx context.Context, in number) (number, error) {
		deepest.Store(max(deepest.Load(), int64(in.N)))
		if in.N > 20 {
			return in, nil
		}
		h, err := burdock.Spawn(ctx, "deeper", act, number{in.N + 1}, nil)
		if err != nil {
			return in, err
		}
		_, err = h.Wait()
		return in, err
	})
	_, err := newApp(t, line(act), &burdock.Options{MaxDepth: 5, State: burdock.StateOf(number{})}).Run(t.Context())
	wantIs(t, err, burdock.ErrTooDeep)
	wantEqual(t, "deepest", deepest.Load(), 5)
}
