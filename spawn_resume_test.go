package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// M19: when the step runs again a completed child is done at once with its state, one that failed tries again, and one
// with another window is another child; what is not spawned again is superseded.
func TestM19_ChildrenAreFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newStore()
		first := true
		var ids [2][]string
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			try := 1
			if first {
				try = 0
			}
			flaky := doing("flaky", func(context.Context) error {
				if first {
					return errTest
				}
				return nil
			})
			good := r.sayer(ctx, "good")
			chain := burdock.MustGraph("chain", burdock.Chain(noted("one", &r.ran), noted("two", &r.ran), flaky))
			bad := spawnIt(ctx, "bad", chain, burdock.None{})
			window := spawnIt(ctx, "changed", r.say(), twigIn{strings.Repeat("n", 1+try)})
			ids[try] = []string{good.ID(), bad.ID(), window.ID()}
			if first {
				_, err := wordOf(r.sayer(ctx, "forgotten"))
				_, badErr := bad.Wait()
				return "", errors.Join(err, badErr)
			}
			select {
			case <-good.Done():
			default:
				t.Error("a child that has completed is not done at once")
			}
			word, err := wordOf(good)
			if err != nil {
				return "", err
			}
			if _, err := bad.Wait(); err != nil {
				return "", err
			}
			more, err := wordOf(window)
			return word + more, err
		})
		runFails(t, r.open(t, db), "test error")
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "bad:failed changed:completed forgotten:completed good:completed")
		ran := strings.Fields(r.ran.take())
		slices.Sort(ran)
		wantEqual(t, "ran", strings.Join(ran, " "), "forgotten good n one two")
		first = false
		r.seen()
		out := runTo(t, r.open(t, db), burdock.StopDone)
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "<good><nn>")
		wantEqual(t, "ran", r.ran.take(), "nn")
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "bad:completed changed+:completed changed:superseded forgotten:superseded good:completed")
		wantEqual(t, "restored", strings.Join(r.seen(burdock.EventRestored), " "), "good:restored:completed")
		if ids[0][0] != ids[1][0] || ids[0][1] != ids[1][1] || ids[0][2] == ids[1][2] {
			t.Errorf("got ids %q, want the third to differ", ids)
		}
	})
}

// M19: Retry runs the action again in one process; what has completed is found again there too.
func TestM19_RetryFindsChildrenAgain(t *testing.T) {
	for _, wait := range []time.Duration{time.Millisecond, time.Hour} { // the latter is recorded
		synctest.Test(t, func(t *testing.T) {
			db := newStore()
			var r *spawnRig
			r = leading(func(ctx context.Context) (string, error) {
				word, err := wordOf(r.sayer(ctx, "once"))
				if burdock.Info(ctx).Attempt < 3 {
					return "", errTest
				}
				return word, err
			})
			r.with = []burdock.Policy{burdock.Retry{Attempts: 3, Delay: func(error) time.Duration { return wait }}}
			out := runTo(t, r.open(t, db), burdock.StopDone)
			wantEqual(t, "word", view[leadOut](t, out.State).Word, "<once>")
			wantEqual(t, "ran", r.ran.take(), "once")
		})
	}
}

// Middleware that calls the action again finds its children again, and ends those of each call with it.
func TestM19_ASecondCallFindsChildrenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newStore()
		calls := 0
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			calls++
			h := r.sayer(ctx, "once")
			r.sayer(ctx, "slower")
			synctest.Wait()
			word, err := wordOf(h)
			if err == nil && calls == 1 {
				return "", errTest
			}
			return word, err
		})
		o := r.options(db)
		o.MaxConcurrency = 2
		o.Cascade.Middleware = []burdock.Middleware{func(next burdock.StepFunc) burdock.StepFunc {
			return func(ctx context.Context, s *burdock.StepCall) error {
				err := next(ctx, s)
				if s.Action == "lead" && errors.Is(err, errTest) { // its children are cancelled with that error
					err = next(ctx, s)
				}
				return err
			}
		}}
		out := runTo(t, openApp(t, r.graph(), o), burdock.StopDone)
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "<once>")
		ran := strings.Fields(r.ran.take())
		slices.Sort(ran)
		wantEqual(t, "ran", strings.Join(ran, " "), "once slower slower")
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "once:completed slower:cancelled")
	})
}

// An action that spawns nothing any more supersedes what it has spawned before; an unfinished one does not stay so.
func TestM19_WhatIsNotSpawnedAgainIsSuperseded(t *testing.T) {
	for _, restart := range []bool{false, true} {
		db := newStore()
		first := true
		r := leading(nil)
		r.lead = func(ctx context.Context) (string, error) {
			if !first {
				return "alone", nil
			}
			spawnIt(ctx, "waits", r.ask(), burdock.None{})
			if _, err := spawnIt(ctx, "done", idle("idle"), burdock.None{}).Wait(); err != nil {
				return "", err
			}
			return "", errTest
		}
		app := r.open(t, db)
		runFails(t, app, "test error")
		first = false
		if restart {
			app = r.open(t, db)
		}
		runTo(t, app, burdock.StopDone)
		for key, cp := range spawnedRecords(t, db) {
			if cp.Status != burdock.StatusSuperseded {
				t.Errorf("restart %v: %s is %s", restart, key, cp.Status)
			}
		}
	}
}

// An error route leaves the children of the failed step behind for good, those that an earlier process has too.
func TestM19_AnErrorRouteLeavesNothingUnfinished(t *testing.T) {
	for _, restart := range []bool{false, true} {
		db := newStore()
		routed := false
		r := leading(nil)
		r.lead = func(ctx context.Context) (string, error) {
			if routed {
				return "", errTest
			}
			h := spawnIt(ctx, "waits", r.ask(), burdock.None{})
			if _, err := h.Wait(); !errors.Is(err, burdock.ErrSuspended) {
				t.Errorf("got %v, want ErrSuspended", err)
			}
			return "", errStop
		}
		after := idle("after")
		lead := r.leader()
		g := burdock.MustGraph("g", burdock.Node(lead, burdock.OnError(burdock.Is(errTest), after)), burdock.Node(after))
		app := openApp(t, g, r.options(db))
		runFails(t, app, "stop it")
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "waits:waiting")
		routed = true
		if restart {
			app = openApp(t, g, r.options(db))
		}
		runTo(t, app, burdock.StopDone)
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "waits:cancelled")
	}
}

// work is an application whose action spawns three children, one of which spawns and one fans out, and takes what two of
// them say.
func work(r *spawnRig) func(ctx context.Context) (string, error) {
	step := func(name string) *burdock.Action {
		return burdock.Func(name, func(ctx context.Context, s number) (number, error) {
			r.ran.add(burdock.Info(ctx).Path + ":" + name)
			select {
			case <-time.After(time.Second):
				return number{s.N + 1}, nil
			case <-ctx.Done():
				return number{}, context.Cause(ctx)
			}
		})
	}
	chain := burdock.MustGraph("chain", burdock.Chain(step("one"), step("two"), step("three")))
	nested := burdock.Func("nested", func(ctx context.Context, s number) (number, error) {
		return burdock.Read[number](spawnIt(ctx, "below", chain, s).Wait())
	})
	fans := rigOf("x", "y")
	fans.do = func(ctx context.Context, name string) (string, error) {
		r.ran.add(burdock.Info(ctx).Path + ":say")
		return after(ctx, "s2")
	}
	graph := fans.graph()
	return func(ctx context.Context) (string, error) {
		a := spawnIt(ctx, "chain", chain, number{10})
		b := spawnIt(ctx, "nested", nested, number{20})
		c := spawnIt(ctx, "fan", graph, burdock.None{})
		x, err := burdock.Read[number](a.Wait())
		if err != nil {
			return "", err
		}
		y, err := burdock.Read[number](b.Wait())
		if err != nil {
			return "", err
		}
		z, err := burdock.Read[bunch](c.Wait())
		return fmt.Sprint(x.N, y.N, z.Words), err
	}
}

const worked = "13 23 [s2 s2]"

// M19: kill at any save, whether it was written or not: the word is the same, and no child's step whose record was
// acknowledged runs again.
func TestM19_KilledAtAnySave(t *testing.T) {
	crashes(t, func(t *testing.T, store *memstore.Store, f *frailStore) (ended bool) {
		synctest.Test(t, func(t *testing.T) {
			r := &spawnRig{}
			r.lead = work(r)
			out, err := burdock.Read[leadOut](openApp(t, r.graph(), stored(f, nil)).Run(t.Context()))
			if err == nil {
				wantEqual(t, "word", out.Word, worked)
				ended = true
				return
			}
			if !isStoreError(err) {
				t.Fatalf("got %v, want a StoreError", err)
			}
			r.ran.take()
			acked := f.acked
			next := runTo(t, openApp(t, r.graph(), stored(store, nil)), burdock.StopDone)
			wantEqual(t, "word", view[leadOut](t, next.State).Word, worked)
			order := []string{"", "one", "two", "three"}
			for ran := range strings.FieldsSeq(r.ran.take()) {
				path, name, _ := strings.Cut(ran, ":")
				for _, cp := range acked {
					if cp.Path == path && cp.Status == burdock.StatusCompleted && (cp.Done() || slices.Index(order, name) <= int(cp.Seq)) {
						t.Errorf("%s runs again although step %d of it was acknowledged", ran, cp.Seq)
					}
				}
			}
		})
		return ended
	})
}

// M19: cancel at any event and go on, in this process or the next one: the word is the same and what has completed does
// not run again. No goroutine is left.
func TestM19_CancelledAnywhere(t *testing.T) {
	for _, restart := range []bool{false, true} {
		for n, ended := 1, false; !ended; n++ {
			synctest.Test(t, func(t *testing.T) {
				db := newStore()
				r := &spawnRig{}
				r.lead = work(r)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				count := counted{}
				o := r.options(db)
				o.Cascade.Tracker = trackFunc(func(context.Context, burdock.Event) error {
					if count.add(1) == n {
						cancel(errStop)
					}
					return nil
				})
				app := openApp(t, r.graph(), o)
				_, err := app.Run(ctx)
				if ended = count.get() < n; ended {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err != nil && !errors.Is(err, errStop) {
					t.Fatalf("event %d: got %v, want the cause", n, err)
				}
				done := map[string]bool{}
				for key, cp := range spawnedRecords(t, db) {
					done["app/lead#1/"+key] = cp.Done()
				}
				r.ran.take()
				if restart {
					app = openApp(t, r.graph(), o)
				}
				out := runTo(t, app, burdock.StopDone)
				wantEqual(t, fmt.Sprint("word after event ", n), view[leadOut](t, out.State).Word, worked)
				for ran := range strings.FieldsSeq(r.ran.take()) {
					if path, _, _ := strings.Cut(ran, ":"); done[path] {
						t.Errorf("event %d: %s runs again", n, ran)
					}
				}
				for cp := range allBelow(t, db, burdock.Ref{App: "app", Seq: 1}) {
					if cp.Status != burdock.StatusCompleted {
						t.Errorf("event %d: %s is left %s", n, cp.Path, cp.Status)
					}
				}
			})
			if n > 1000 {
				t.Fatal("no end of events")
			}
		}
	}
}

// allBelow yields the latest record of everything below a step.
func allBelow(t *testing.T, db burdock.Store, ref burdock.Ref) func(func(burdock.Checkpoint) bool) {
	return func(yield func(burdock.Checkpoint) bool) {
		for cp, err := range db.List(context.Background(), burdock.Query{Parent: ref, Latest: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(cp) {
				return
			}
			for seq := range cp.Seq {
				for below := range allBelow(t, db, burdock.Ref{App: cp.App, Seq: seq + 1}) {
					if !yield(below) {
						return
					}
				}
			}
		}
	}
}

// The same first child wins after a restart: AsDone by hand.
func TestM19_FirstWinsByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newStore()
		fail := true
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			a, b := r.sayer(ctx, "slow"), r.sayer(ctx, "q")
			var won *burdock.Handle
			select {
			case <-a.Done():
				won = a
			case <-b.Done():
				won = b
			}
			if fail {
				return "", errTest
			}
			return wordOf(won)
		})
		runFails(t, r.open(t, db), "test error")
		fail = false
		r.ran.take()
		out := runTo(t, r.open(t, db), burdock.StopDone)
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "<q>")
		wantEqual(t, "records", statuses(spawnedRecords(t, db)), "q:completed slow:cancelled")
	})
}

// I5, M19: a child whose input nobody gave waits, and does so while others run; when none does, its action is told, waits
// with it, and the run says what is needed. The next one that gives it runs the action again; the others are restored.
func TestI5_AChildWaits(t *testing.T) {
	for _, where := range []string{"memory", "store", "restart"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var db burdock.Store
				if where != "memory" {
					db = newStore()
				}
				var r *spawnRig
				r = leading(func(ctx context.Context) (string, error) {
					begin := time.Now()
					person, slow := spawnIt(ctx, "person", r.ask(), burdock.None{}), r.sayer(ctx, "five5")
					synctest.Wait()
					word, err := wordOf(person)
					if errors.Is(err, burdock.ErrSuspended) {
						if burdock.Info(ctx).Attempt == 1 || db == nil {
							wantEqual(t, "open for", time.Since(begin), 5*time.Second)
						}
						wantTexts(t, err, "app/lead#1/person waits before ask for yes")
						out, _ := person.Wait()
						if out.Stop != burdock.StopWaiting || len(out.Pending) != 1 || out.Next != "ask" {
							t.Errorf("got %+v", out)
						}
					}
					if err != nil {
						return "", fmt.Errorf("the person: %w", err)
					}
					other, err := wordOf(slow)
					return word + other, err
				})
				r.with = []burdock.Policy{burdock.Retry{Attempts: 3}} // waiting is no failure
				app := r.open(t, db)
				out := runTo(t, app, burdock.StopWaiting)
				p := out.Pending[0]
				if len(out.Pending) != 1 || p.Path != "app/lead#1/person" || p.Action != "ask" || !cmp.Equal(p.Needs, []string{"yes"}) || out.Next != "lead" {
					t.Errorf("got %+v", out)
				}
				wantEqual(t, "ran", r.ran.take(), "five5")
				if db != nil {
					wantEqual(t, "records", statuses(spawnedRecords(t, db)), "five5:completed person:waiting")
					wantEqual(t, "step", records(t, db, "app")[1].Status, burdock.StatusWaiting)
				}
				if where == "restart" {
					app = r.open(t, db)
				}
				runTo(t, app, burdock.StopWaiting) // without it nothing changes
				want := "ask"
				if where == "memory" {
					want = "five5 ask"
					r.ran.take()
				}
				out = runTo(t, app, burdock.StopDone, burdock.Input("yes", "go"))
				wantEqual(t, "word", view[leadOut](t, out.State).Word, "yes:go<five5>")
				ran := strings.Fields(r.ran.take())
				slices.Sort(ran)
				wants := strings.Fields(want)
				slices.Sort(wants)
				if !cmp.Equal(ran, wants) {
					t.Errorf("got %q, want %q", ran, wants)
				}
				if db != nil {
					wantEqual(t, "records", statuses(spawnedRecords(t, db)), "five5:completed person:completed")
				}
			})
		})
	}
}

// I6: what waits when its action has returned is cancelled like any other, and so is one that is cancelled by hand while it
// waits, or whose context ends.
func TestI6_NobodyNeedsAChildThatWaits(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			handles := map[string]*burdock.Handle{}
			r := leading(nil)
			r.lead = func(ctx context.Context) (string, error) {
				inner, cancel := context.WithCancelCause(ctx)
				for name, c := range map[string]context.Context{"unread": ctx, "cancelled": ctx, "ended": inner, "told": ctx} {
					handles[name] = spawnIt(c, name, r.ask(), burdock.None{})
				}
				busy := r.sayer(ctx, "b")
				synctest.Wait()
				handles["cancelled"].Cancel(errStop)
				cancel(errTest)
				_, err := handles["cancelled"].Wait()
				wantIs(t, err, errStop)
				_, err = handles["ended"].Wait()
				wantIs(t, err, errTest)
				_, err = handles["told"].Wait()
				wantIs(t, err, burdock.ErrSuspended)
				return wordOf(busy)
			}
			runTo(t, r.open(t, db), burdock.StopDone)
			_, err := handles["unread"].Wait()
			wantIs(t, err, burdock.ErrNotNeeded)
			if db != nil {
				wantEqual(t, "records", statuses(spawnedRecords(t, db)), "b:completed cancelled:cancelled ended:cancelled told:cancelled unread:cancelled")
				var cancelled int
				for _, e := range r.seen(burdock.EventBranchEnded) {
					if strings.HasSuffix(e, ":cancelled") {
						cancelled++
					}
				}
				wantEqual(t, "told of", cancelled, 4)
			}
		})
	})
}

// A failure wins over waiting, and an action that says it waits while nothing does has failed.
func TestI6_AnActionWaitsOnlyWithItsChildren(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		r := leading(nil)
		failing := true
		r.lead = func(ctx context.Context) (string, error) {
			_, err := spawnIt(ctx, "k", r.ask(), burdock.None{}).Wait()
			if failing {
				return "", errTest
			}
			return "", err
		}
		app := r.open(t, db)
		runFails(t, app, "test error")
		failing = false
		out := runTo(t, app, burdock.StopWaiting)
		wantEqual(t, "pending", len(out.Pending), 1)

		alone := leading(func(context.Context) (string, error) { return "", burdock.ErrSuspended })
		runFails(t, newApp(t, alone.graph(), nil), "every unfinished branch waits")
	})
}

// A branch of a map may spawn a child that waits, and then the map waits; the answer reaches it there.
func TestI6_ABranchWaitsWithItsChild(t *testing.T) {
	db := newStore()
	r := leading(nil)
	rig := rigOf("a", "b")
	lead := burdock.Func("lead", func(ctx context.Context, in struct {
		Name string `state:"name"`
		Yes  string `input:"yes,optional"`
	},
	) (twigOut, error) {
		if in.Name == "b" {
			return twigOut{"<b>"}, nil
		}
		word, err := wordOf(spawnIt(ctx, "person", r.ask(), burdock.None{}))
		return twigOut{word}, err
	})
	g := burdock.MustGraph("g", burdock.Node(rig.over(lead)))
	out := runTo(t, openApp(t, g, stored(db, nil)), burdock.StopWaiting)
	if len(out.Pending) != 1 || out.Pending[0].Path != "app/fan#1/a/lead#1/person" {
		t.Errorf("got %+v", out.Pending)
	}
	out = runTo(t, openApp(t, g, stored(db, nil)), burdock.StopDone, burdock.Input("yes", "go"))
	wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, ""), "yes:go<b>")
}

// A child that waits goes on in this process when its answer comes, and only while its action has not given it up.
func TestM19_AnswerWhileOthersRun(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			var app *burdock.App
			var ref burdock.Ref
			r := leading(nil)
			r.lead = func(ctx context.Context) (string, error) {
				pair := burdock.MustGraph("pair", burdock.Chain(idle("first"), r.ask()))
				person, slow := spawnIt(ctx, "person", pair, burdock.None{}), r.sayer(ctx, "slower")
				ref = burdock.Ref{App: person.ID(), Seq: 2}
				time.AfterFunc(3*time.Second, func() {
					wantEqual(t, "another step", app.ResumeSpawned(burdock.Ref{App: person.ID(), Seq: 3}, "yes", "no"), false)
					wantEqual(t, "resumed", app.ResumeSpawned(ref, "yes", "late"), true)
					wantEqual(t, "resumed twice", app.ResumeSpawned(ref, "yes", "later"), false)
				})
				begin := time.Now()
				word, err := wordOf(person)
				wantEqual(t, "took", time.Since(begin), 3*time.Second)
				if err != nil {
					return "", err
				}
				other, err := wordOf(slow)
				return word + other, err
			}
			app = r.open(t, db)
			out := runTo(t, app, burdock.StopDone)
			wantEqual(t, "word", view[leadOut](t, out.State).Word, "yes:late<slower>")
			wantEqual(t, "resumed after the end", app.ResumeSpawned(ref, "yes", "later"), false)
		})
	})
}

// I3: a child does not run anew because of an answer to another; one that was given an event from the beginning keeps it
// over a restart, and another value is another child's.
func TestM13_FingerprintsOfChildrenAndEvents(t *testing.T) {
	db := newStore()
	r := leading(nil)
	fails := true
	r.lead = func(ctx context.Context) (string, error) {
		word, err := wordOf(spawnIt(ctx, "k", r.ask(), burdock.None{}))
		if fails {
			return "", errTest
		}
		return word, err
	}
	run := func(stop burdock.Stop, opts ...burdock.RunOption) string {
		out, _ := r.open(t, db).Run(t.Context(), opts...)
		if out.Stop != stop {
			t.Fatalf("got %s, want %s", out.Stop, stop)
		}
		word, _ := burdock.View[leadOut](out.State)
		return word.Word
	}
	run(burdock.StopFailed, burdock.Input("yes", "one"))
	wantEqual(t, "ran", r.ran.take(), "ask")
	run(burdock.StopFailed) // the recorded event
	wantEqual(t, "ran", r.ran.take(), "")
	fails = false
	wantEqual(t, "word", run(burdock.StopDone, burdock.Input("yes", "two")), "yes:two")
	wantEqual(t, "ran", r.ran.take(), "ask")
	wantEqual(t, "records", statuses(spawnedRecords(t, db)), "k+:completed k:superseded")
}

// OnHalt and Relaxed keep what is spawned like everything else.
func TestM19_ChildrenUnderOtherDurabilities(t *testing.T) {
	for _, d := range []burdock.Durability{burdock.OnHalt, burdock.Relaxed} {
		synctest.Test(t, func(t *testing.T) {
			db := newStore()
			r := &spawnRig{}
			do := work(r)
			fail := true
			r.lead = func(ctx context.Context) (string, error) {
				word, err := do(ctx)
				if fail {
					return "", errTest
				}
				return word, err
			}
			o := r.options(db)
			o.Durability = d
			runFails(t, openApp(t, r.graph(), o), "test error")
			fail = false
			r.ran.take()
			out := runTo(t, openApp(t, r.graph(), o), burdock.StopDone)
			wantEqual(t, "word", view[leadOut](t, out.State).Word, worked)
			wantEqual(t, "ran again", r.ran.take(), "")
		})
	}
}

// A child's own ID is found again, and belongs to what the child was given.
func TestM12_AChildsOwnID(t *testing.T) {
	db := newStore()
	r := leading(nil)
	name, key := "a", "k"
	r.lead = func(ctx context.Context) (string, error) {
		h, err := burdock.Spawn(ctx, key, burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) {
			r.ran.add(in.Name)
			return twigOut{in.Name}, nil
		}), twigIn{name}, &burdock.SpawnOptions{ID: "mine"})
		if err != nil {
			return "", err
		}
		if _, err := h.Wait(); err != nil {
			return "", err
		}
		return "", errTest
	}
	app := r.open(t, db)
	runFails(t, app, "test error")
	runFails(t, app, "test error")
	wantEqual(t, "ran", r.ran.take(), "a")
	name = "b"
	runFails(t, app, `its ID "mine" was recorded with another State, Given or key`)
}

// I7: what a child waits for below it is named, and all of it is the step's.
func TestI7_AChildWaitsForManyBelowIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := leading(nil)
		rig := rigOf(numbered(7)...)
		graph := burdock.MustGraph("asking", burdock.Node(rig.over(r.ask())))
		r.lead = func(ctx context.Context) (string, error) {
			all := spawnIt(ctx, "all", graph, burdock.None{})
			one := spawnIt(ctx, "one", r.ask(), burdock.None{})
			out, err := all.Wait()
			if err != nil {
				wantTexts(t, err, "app/lead#1/all/fan#1/b0", "waits before ask for yes; ", "and 2 more")
				wantEqual(t, "pending of the child", len(out.Pending), 7)
				return "", err
			}
			word, err := wordOf(one)
			return strings.Join(view[bunch](t, out.State).Words, "") + word, err
		}
		db := newStore()
		unread := burdock.Func("unread", func(context.Context, struct {
			No string `input:"no,optional"`
		},
		) (burdock.None, error) {
			return burdock.None{}, nil
		})
		g := line(r.leader(), unread)
		out := runTo(t, openApp(t, g, stored(db, nil)), burdock.StopWaiting)
		wantEqual(t, "pending", len(out.Pending), 8)
		out = runTo(t, openApp(t, g, stored(db, nil)), burdock.StopDone, burdock.Input("yes", "1"), burdock.Input("no", "2"))
		wantEqual(t, "word", view[leadOut](t, out.State).Word, strings.Repeat("yes:1", 8))
	})
}

// I8: Cancel ends a child, whether it runs or waits.
func TestI8_CancelASpawnedChild(t *testing.T) {
	for _, waits := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			db := memory()
			r := leading(nil)
			r.lead = func(ctx context.Context) (string, error) {
				chain := burdock.MustGraph("chain", burdock.Chain(idle("one"), r.ask()))
				window := any(burdock.None{})
				if !waits {
					chain = burdock.MustGraph("chain", burdock.Chain(idle("one"), r.say()))
					window = twigIn{strings.Repeat("x", 3600)}
				}
				h := spawnIt(ctx, "child", chain, window)
				slow := spawnIt(ctx, "slow", r.say(), twigIn{strings.Repeat("y", 120)})
				_, err := wordOf(slow)
				_, childErr := h.Wait()
				if !errors.Is(childErr, burdock.ErrCancelled) {
					t.Errorf("got %v", childErr)
				}
				return "ok", err
			}
			go func() {
				time.Sleep(time.Minute)
				cp := spawnedRecords(t, db)["child"]
				if err := burdock.Cancel(t.Context(), db, burdock.Ref{App: cp.App}); err != nil {
					t.Error(err)
				}
			}()
			began := time.Now()
			runTo(t, r.open(t, db), burdock.StopDone)
			if took := time.Since(began); took > 3*time.Minute {
				t.Errorf("it took %v", took)
			}
			cp := spawnedRecords(t, db)["child"]
			if cp.Status != burdock.StatusCancelled || len(cp.Messages) != 1 {
				t.Errorf("its record is %s, messages %v", cp.Status, cp.Messages)
			}
			wantEqual(t, "messages", messages(t, db), 0)
		})
	}
}
