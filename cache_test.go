package burdock_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// caching returns a rig over the names whose map has a cache in the store.
func caching(s burdock.Store, names ...string) *fanRig {
	r := rigOf(names...)
	r.opts = &burdock.MapOptions{Limit: 4, Cache: &burdock.Cache{Store: s}}
	return r
}

// entries returns the entries of a cache by the application that made them.
func entries(t *testing.T, s burdock.Store) map[string]burdock.Checkpoint {
	t.Helper()
	found := map[string]burdock.Checkpoint{}
	for cp, err := range s.List(t.Context(), burdock.Query{Roots: true, Project: burdock.CacheProject}) {
		if err != nil {
			t.Fatal(err)
		}
		found[cp.Origin.App] = cp
	}
	return found
}

// M18: an equal branch of another application, in another process and with another store, is answered without its
// action; what is kept is an application of its own that says where it comes from.
func TestM18_AnEqualBranchIsAnswered(t *testing.T) {
	for _, recorded := range []bool{false, true} {
		db := memory()
		first, again := burdock.Options{ID: "first"}, burdock.Options{ID: "again"}
		if recorded {
			first.Cascade.Store, again.Cascade.Store = memory(), db // that of the entries too
		}
		r := caching(db, "a", "b")
		words, err := r.runWith(t.Context(), t, &first)
		wantWords(t, words, err, "<a> <b>")
		wantEqual(t, "ran", r.takeStarted(), "a b")
		kept := entries(t, db)
		wantEqual(t, "entries", len(kept), 2)
		for made, cp := range kept {
			if cp.App != cp.Root || !strings.HasPrefix(cp.App, "cache-") || !cp.Done() || cp.Origin.Seq != 1 || len(cp.Delta) != 2 {
				t.Errorf("got entry %+v", cp)
			}
			if recorded {
				if branch, err := first.Cascade.Store.Load(t.Context(), cp.Origin); err != nil || branch.App != made || branch.Task != "say" {
					t.Errorf("the entry is of %s, which is %+v (%v)", made, branch, err)
				}
			}
		}
		r = caching(db, "b", "c", "a")
		words, err = r.runWith(t.Context(), t, &again)
		wantWords(t, words, err, "<b> <c> <a>")
		wantEqual(t, "ran again", r.takeStarted(), "c")
	}
}

// M18: window, inputs, bindings, versions, entry, exits and structure of the graph make a branch another one; a secret,
// the name of the map and the key do not.
func TestM18_WhatMakesABranchAnother(t *testing.T) {
	type (
		in struct {
			N      int    `state:"n"`
			Model  string `input:"model"`
			Token  string `input:"token,secret,optional"`
			Region string `input:"region,optional"`
		}
		sub struct {
			N int `state:"n"`
		}
		out struct {
			Text string `state:"text"`
		}
		all struct {
			Texts []string `state:"texts"`
		}
	)
	var ran atomic.Int64
	ask := burdock.Func("ask", func(_ context.Context, i in) (out, error) {
		ran.Add(1)
		return out{fmt.Sprint(i.N, i.Model)}, nil
	})
	after := idle("after")
	graph := burdock.MustGraph("two", burdock.Chain(ask, after))
	type run struct {
		name   string
		branch burdock.Runnable
		n      int
		given  burdock.Inputs
		event  burdock.Inputs
	}
	model := burdock.Input("model", "m")
	base := run{name: "fan", branch: ask, n: 1, given: model}
	db := memory()
	do := func(r run) {
		t.Helper()
		m := burdock.MapTasks(r.name, []burdock.Runnable{r.branch}, func(context.Context, burdock.None) iter.Seq2[burdock.Task[sub], error] {
			return burdock.Each([]string{"key of " + r.name}, func(key string) burdock.Task[sub] {
				return burdock.Task[sub]{Key: key, Run: r.branch, State: sub{r.n}}
			})
		}, burdock.List[all, sub, burdock.None](func(o []out) (a all) {
			for _, x := range o {
				a.Texts = append(a.Texts, x.Text)
			}
			return a
		}), &burdock.MapOptions{Cache: &burdock.Cache{Store: db}})
		got, err := burdock.Read[all](newApp(t, line(m), &burdock.Options{Given: r.given}).Run(t.Context(), r.event))
		if err != nil || len(got.Texts) != 1 || !strings.HasPrefix(got.Texts[0], fmt.Sprint(r.n)) {
			t.Fatalf("got %v, %v", got.Texts, err)
		}
	}
	change := func(f func(*run)) run {
		r := base
		f(&r)
		return r
	}
	for _, c := range []struct {
		what string
		run  run
		hit  bool
	}{
		{"the first", base, false},
		{"the same", base, true},
		{"another map and key", change(func(r *run) { r.name = "other" }), true},
		{"the same input as an event", change(func(r *run) { r.given, r.event = burdock.Inputs{}, model }), true},
		{"a secret", change(func(r *run) { r.event = burdock.Input("token", "x") }), true},
		{"window", change(func(r *run) { r.n = 2 }), false},
		{"input", change(func(r *run) { r.given = burdock.Input("model", "M") }), false},
		{"one more input", change(func(r *run) { r.event = burdock.Input("region", "x") }), false},
		{"binding", change(func(r *run) { r.branch, r.given = ask.Bind("model", "m"), burdock.Inputs{} }), false},
		{"another binding", change(func(r *run) { r.branch, r.given = ask.Bind("model", "M"), burdock.Inputs{} }), false},
		{"version", change(func(r *run) { r.branch = ask.Version("2") }), false},
		{"name", change(func(r *run) { r.branch = ask.Named("ask_2") }), false},
		{"graph", change(func(r *run) { r.branch = graph }), false},
		{"entry and exits", change(func(r *run) { r.branch = graph.From(ask).Until(ask) }), false},
		{"version within a graph", change(func(r *run) { r.branch = burdock.MustGraph("two", burdock.Chain(ask, after.Version("2"))) }), false},
		{"the same graph made again", change(func(r *run) { r.branch = burdock.MustGraph("two", burdock.Chain(ask, after)) }), true},
	} {
		ran.Store(0)
		do(c.run)
		if hit := ran.Load() == 0; hit != c.hit {
			t.Errorf("%s: got hit %v, want %v", c.what, hit, c.hit)
		}
	}
}

// M18: only a branch that has completed is kept: none that failed, nor one whose Fallback stood in; a task with Err is
// not looked up.
func TestM18_OnlyCompletedBranchesAreKept(t *testing.T) {
	db := memory()
	r := caching(db, "bad", "good")
	r.opts.Failures = burdock.Collect
	r.do = func(_ context.Context, name string) (string, error) {
		if name == "bad" {
			return "", errTest
		}
		return name, nil
	}
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) { return wordsOf(rs.All()), nil }
	for _, ran := range []string{"bad good", "bad"} {
		words, err := r.run(t)
		wantWords(t, words, err, "bad! good")
		wantEqual(t, "ran", r.takeStarted(), ran)
	}
	r.opts.Fallback = burdock.Func("fallback", func(context.Context, burdock.None) (twigOut, error) { return twigOut{"sorry"}, nil })
	for _, ran := range []string{"bad good", "bad"} {
		words, err := r.run(t)
		wantWords(t, words, err, "sorry good")
		wantEqual(t, "ran", r.takeStarted(), ran)
	}
	wantEqual(t, "entries", len(entries(t, db)), 2) // of good, with and without a Fallback in its graph

	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	var with error
	m := burdock.MapTasks("tasks", burdock.Actions(say), func(context.Context, burdock.None) iter.Seq2[burdock.Task[twigKey], error] {
		return burdock.Each([]string{"x"}, func(n string) burdock.Task[twigKey] {
			return burdock.Task[twigKey]{Run: say, State: twigKey{n}, Err: with}
		})
	}, burdock.List[bunch, twigKey, burdock.None](func([]twigOut) bunch { return bunch{} }), &burdock.MapOptions{Cache: r.opts.Cache})
	runTo(t, newApp(t, line(m), nil), burdock.StopDone)
	with = errDisk
	_, err := newApp(t, line(m), nil).Run(t.Context())
	wantIs(t, err, errDisk)
}

func firstOf[T any](all []T) (first T) {
	for _, first = range all {
		break
	}
	return first
}

// M18: a branch that was answered on its way is not kept, nor is one above it: the key does not say what the answer was.
func TestM18_AnAnswerIsNotKept(t *testing.T) {
	for _, nested := range []bool{false, true} {
		for _, recorded := range []bool{false, true} {
			db, cache := memory(), memory()
			opts := &burdock.MapOptions{Cache: &burdock.Cache{Store: cache}}
			list := burdock.List[decided, number, number](firstOf[decided])
			var branch burdock.Runnable = burdock.Func("decide", decide)
			if nested {
				branch = burdock.MapActions[number, number]("inner", burdock.Actions(branch), nil, list, opts)
			}
			g := line(burdock.MapActions[number, number]("outer", burdock.Actions(branch), nil, list, opts))
			o := &burdock.Options{ID: "app", State: burdock.StateOf(number{1})}
			if recorded {
				o.Cascade.Store = db
			}
			app := newApp(t, g, o)
			out := runTo(t, app, burdock.StopWaiting)
			out = runTo(t, app, burdock.StopDone, burdock.InputFor(out.Pending[0].Ref, goAhead{true, "ann"}))
			wantEqual(t, "by", view[decided](t, out.State).By, "ann")
			if n := len(entries(t, cache)); n != 0 {
				t.Errorf("nested %v, recorded %v: got %d entries, want none", nested, recorded, n)
			}
			out = runTo(t, newApp(t, g, &burdock.Options{State: burdock.StateOf(number{1})}), burdock.StopDone, burdock.Given(goAhead{true, "bob"}))
			wantEqual(t, "by", view[decided](t, out.State).By, "bob")
		}
	}
}

// M18: an answer that a message brings while the branches beside it run counts as one too.
func TestM18_AnAnswerByMessageIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, cache := memory(), memory()
		opts := &burdock.MapOptions{Cache: &burdock.Cache{Store: cache}}
		list := burdock.List[decided, number, number](firstOf[decided])
		slow := burdock.Func("slow", func(context.Context, number) (decided, error) {
			time.Sleep(time.Minute)
			return decided{"slow"}, nil
		})
		inner := burdock.MapActions[number, number]("inner", burdock.Actions(burdock.Func("decide", decide), slow), nil, list, opts)
		g := line(burdock.MapActions[number, number]("outer", burdock.Actions(inner), nil, list, opts))
		app := newApp(t, g, stored(db, number{1}))
		go func() {
			time.Sleep(time.Second)
			for cp, err := range db.List(t.Context(), burdock.Query{Root: "app", Latest: true}) {
				if err == nil && cp.Status == burdock.StatusWaiting {
					answerTo(t, db, cp.Ref(), goAhead{true, "ann"})
				}
			}
		}()
		out := runTo(t, app, burdock.StopDone)
		wantEqual(t, "by", view[decided](t, out.State).By, "ann")
		wantEqual(t, "entries", len(entries(t, cache)), 1) // of slow
	})
}

// M18: an entry older than MaxAge is none, and is replaced by what runs then.
func TestM18_MaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := caching(memory(), "a")
		r.opts.Cache.MaxAge = time.Hour
		for _, c := range []struct {
			sleep time.Duration
			ran   string
		}{{0, "a"}, {time.Hour, ""}, {time.Second, "a"}, {time.Hour, ""}} {
			time.Sleep(c.sleep)
			words, err := r.run(t)
			wantWords(t, words, err, "<a>")
			wantEqual(t, "ran", r.takeStarted(), c.ran)
		}
		r.opts.Cache.MaxAge = 0
		time.Sleep(1e6 * time.Hour)
		_, err := r.run(t)
		wantEqual(t, "ran without a bound", r.takeStarted(), "")
		wantIs(t, err, nil)
	})
}

// M18: equal branches at once both run, or one with SingleFlight.
func TestM18_EqualBranchesAtOnce(t *testing.T) {
	type n struct {
		N int `state:"n"`
	}
	for _, single := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var ran atomic.Int64
			a := burdock.Func("a", func(context.Context, n) (n, error) {
				ran.Add(1)
				time.Sleep(time.Second)
				return n{7}, nil
			})
			list := burdock.List[n, n, burdock.None](func(all []n) (sum n) {
				for _, x := range all {
					sum.N += x.N
				}
				return sum
			})
			m := burdock.MapStates("m", a, func(context.Context, burdock.None) iter.Seq2[n, error] {
				return burdock.Each(make([]int, 8), func(int) n { return n{1} })
			}, list, &burdock.MapOptions{Cache: &burdock.Cache{Store: memory(), SingleFlight: single}})
			out := runTo(t, newApp(t, line(m), nil), burdock.StopDone)
			wantEqual(t, "sum", view[n](t, out.State).N, 56)
			if want := map[bool]int64{false: 8, true: 1}[single]; ran.Load() != want {
				t.Errorf("SingleFlight %v: %d ran, want %d", single, ran.Load(), want)
			}
		})
	}
}

// twins are n branches of one map that are equal, keyed by their place.
func twins(n int, a *burdock.Action, opts *burdock.MapOptions, reduce func(context.Context, burdock.None, *burdock.Results[number, number]) (number, error)) *burdock.Action {
	return burdock.MapStates("twins", a, func(context.Context, burdock.None) iter.Seq2[number, error] {
		return burdock.Each(make([]int, n), func(int) number { return number{1} })
	}, reduce, opts)
}

// M18: those that wait for a flight run themselves if it fails, hold no token meanwhile, and obey cancellation.
func TestM18_WaitingForAFlight(t *testing.T) {
	counted := func(_ context.Context, _ burdock.None, rs *burdock.Results[number, number]) (number, error) {
		n := number{}
		for r := range rs.All() {
			if r.Err == nil {
				n.N++
			}
		}
		return n, nil
	}
	t.Run("fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ran atomic.Int64
			a := burdock.Func("a", func(_ context.Context, n number) (number, error) {
				first := ran.Add(1) == 1
				if time.Sleep(time.Second); first {
					return n, errTest
				}
				return number{2}, nil
			})
			o := &burdock.MapOptions{Failures: burdock.Collect, Cache: &burdock.Cache{Store: memory(), SingleFlight: true}}
			out := runTo(t, newApp(t, line(twins(3, a, o, counted)), nil), burdock.StopDone)
			wantEqual(t, "completed", view[number](t, out.State).N, 2)
			wantEqual(t, "ran", ran.Load(), 3)
		})
	})
	t.Run("vanishes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ran atomic.Int64
			a := burdock.Func("a", func(_ context.Context, n number) (number, error) {
				if first := ran.Add(1) == 1; first {
					time.Sleep(time.Second)
					exit()
				}
				return n, nil
			})
			o := &burdock.MapOptions{Failures: burdock.Collect, Cache: &burdock.Cache{Store: memory(), SingleFlight: true}}
			out := runTo(t, newApp(t, line(twins(3, a, o, counted)), nil), burdock.StopDone)
			wantEqual(t, "completed", view[number](t, out.State).N, 2)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cache := &burdock.Cache{Store: memory(), SingleFlight: true}
			stubborn := burdock.Func("a", func(context.Context, number) (number, error) {
				time.Sleep(time.Hour)
				return number{2}, nil
			})
			m := twins(1, stubborn, &burdock.MapOptions{Cache: cache}, counted)
			leader, follower := newApp(t, line(m), nil), newApp(t, line(m), nil)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				runTo(t, leader, burdock.StopDone)
			}()
			synctest.Wait()
			began := time.Now()
			_, err := follower.Run(ctx)
			wantIs(t, err, context.DeadlineExceeded)
			wantEqual(t, "it waited", time.Since(began), time.Minute)
			<-ended
		})
	})
	t.Run("beside others with one token", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cache := &burdock.Cache{Store: memory(), SingleFlight: true}
			slow := burdock.Func("a", func(context.Context, number) (number, error) {
				time.Sleep(time.Hour)
				return number{2}, nil
			})
			quick := burdock.Func("quick", func(context.Context, number) (number, error) { return number{3}, nil })
			leader := newApp(t, line(twins(1, slow, &burdock.MapOptions{Cache: cache}, counted)), nil)
			both := burdock.MapActions("both", burdock.Actions(slow, quick),
				func(context.Context, burdock.None) (number, error) { return number{1}, nil },
				func(_ context.Context, _ burdock.None, rs *burdock.Results[number, number]) (number, error) {
					for r := range rs.AsDone() {
						return r.Out, nil
					}
					return number{}, rs.Err()
				}, &burdock.MapOptions{Cache: cache})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				runTo(t, leader, burdock.StopDone)
			}()
			synctest.Wait()
			began := time.Now()
			out := runTo(t, newApp(t, line(both), &burdock.Options{MaxConcurrency: 1}), burdock.StopDone)
			wantEqual(t, "first", view[number](t, out.State).N, 3)
			wantEqual(t, "it took", time.Since(began), 0)
			<-ended
		})
	})
}

// M18: branches below one that others wait for share their work with those below another, with one token.
func TestM18_FlightsBelowFlights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := &burdock.Cache{Store: memory(), SingleFlight: true}
		list := burdock.List[number, number, number](firstOf[number])
		var ran atomic.Int64
		leaf := func(name string) *burdock.Action {
			return burdock.Func(name, func(_ context.Context, n number) (number, error) {
				ran.Add(1)
				time.Sleep(time.Second)
				return n, nil
			})
		}
		x, y := leaf("x"), leaf("y")
		around := func(name string, first, second *burdock.Action) *burdock.Graph {
			one := burdock.MapActions[number, number](name+"_1", burdock.Actions(first), nil, list, &burdock.MapOptions{Cache: cache})
			two := burdock.MapActions[number, number](name+"_2", burdock.Actions(second), nil, list, &burdock.MapOptions{Cache: cache})
			return burdock.MustGraph(name, burdock.Chain(one, two))
		}
		m := burdock.MapActions[number, number]("top", []burdock.Runnable{around("p", x, y), around("q", y, x)}, nil, list, &burdock.MapOptions{Cache: cache})
		runTo(t, newApp(t, line(m), &burdock.Options{MaxConcurrency: 1, State: burdock.StateOf(number{1})}), burdock.StopDone)
		wantEqual(t, "leaves that ran", ran.Load(), 2)
	})
}

// M15, M18: what the cache has answered is recorded with the branch: after a crash at any save and after the entries are
// too old, or gone, the same answer is found again.
func TestM18_ACachedAnswerSurvivesItsEntry(t *testing.T) {
	for kill := 1; ; kill++ {
		done := false
		synctest.Test(t, func(t *testing.T) {
			cache, db := memory(), memory()
			r := caching(cache, "a", "b", "c")
			r.opts.Limit, r.opts.Cache.MaxAge = 1, time.Hour
			word := "old"
			r.do = func(_ context.Context, name string) (string, error) { return name + word, nil }
			words, err := r.run(t)
			wantWords(t, words, err, "aold bold cold")
			r.takeStarted()

			word = "new"
			dying := frail(db, kill)
			o := &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: dying}}
			if _, err = r.runWith(t.Context(), t, o); err == nil {
				done = true
				return
			}
			wantEqual(t, "ran", r.takeStarted(), "")
			answered := statuses(branchRecords(t, db, burdock.Ref{App: "app", Seq: 1}))
			time.Sleep(2 * time.Hour)
			o.Cascade.Store = db
			words, err = r.runWith(t.Context(), t, o)
			var want, ran []string
			for _, n := range []string{"a", "b", "c"} {
				if strings.Contains(answered, n+":completed") {
					want = append(want, n+"old")
				} else {
					want, ran = append(want, n+"new"), append(ran, n)
				}
			}
			wantWords(t, words, err, strings.Join(want, " "))
			wantEqual(t, "ran after the crash", r.takeStarted(), strings.Join(ran, " "))
		})
		if done {
			if kill < 4 {
				t.Errorf("it was over after %d saves", kill)
			}
			return
		}
	}
}

// M18: no failure of the cache's store fails a branch: an error, a panic, runtime.Goexit, an entry that is none. It is
// logged; a conflict is not.
func TestM18_AFailingCacheFailsNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		store func(burdock.Store) burdock.Store
		logs  int
	}{
		{"load", func(s burdock.Store) burdock.Store { return &faultyStore{Store: s, load: errDisk} }, 4},
		{"claim", func(s burdock.Store) burdock.Store { return &faultyStore{Store: s, claim: errDisk} }, 4},
		{"save", func(s burdock.Store) burdock.Store { return frail(s, 0) }, 4},
		{"conflict", func(s burdock.Store) burdock.Store { return &faultyStore{Store: s, claim: burdock.ErrConflict} }, 0},
		{"panic", func(s burdock.Store) burdock.Store {
			return &faultyStore{Store: s, onSave: func([]burdock.Checkpoint) { panic("no") }}
		}, 4},
		{"Goexit", func(s burdock.Store) burdock.Store {
			return &faultyStore{Store: s, onSave: func([]burdock.Checkpoint) { exit() }}
		}, 4},
		{"foreign entry", func(s burdock.Store) burdock.Store {
			return &faultyStore{Store: s, onSave: func(b []burdock.Checkpoint) { b[0].Project = "mine" }}
		}, 2},
		{"broken entry", func(s burdock.Store) burdock.Store {
			return &faultyStore{Store: s, onSave: func(b []burdock.Checkpoint) {
				b[0].Delta = burdock.Delta{{Key: "word", Op: burdock.OpSet, Value: []byte(`7`)}}
			}}
		}, 2},
	} {
		for _, single := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %v", c.name, single), func(t *testing.T) {
				var log bytes.Buffer
				r := caching(c.store(memory()), "a", "b")
				r.opts.Limit, r.opts.Cache.SingleFlight = 1, single
				for range 2 {
					o := &burdock.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), MaxConcurrency: 1}
					words, err := r.runWith(t.Context(), t, o)
					wantWords(t, words, err, "<a> <b>")
					if c.name != "load" {
						wantEqual(t, "ran", r.takeStarted(), "a b")
					}
				}
				if n := strings.Count(log.String(), "a cache failed"); n != c.logs {
					t.Errorf("got %d lines, want %d:\n%s", n, c.logs, log.String())
				}
			})
		}
	}
}

// M18: a graph as a branch comes to the same state whether it runs or is answered, its deleted keys and lists included; its
// record leads there from what the branch began with.
func TestM18_SubGraphs(t *testing.T) {
	type (
		begin struct {
			Draft string   `state:"draft"`
			Log   []string `state:"log"`
		}
		noted struct {
			Log []string `state:"log,append"`
		}
		drop struct {
			Draft bool   `state:"draft,delete"`
			Final string `state:"final"`
		}
		end struct {
			Log   []string `state:"log"`
			Final string   `state:"final"`
		}
		ends struct {
			Ends []end `state:"ends"`
		}
	)
	var ran atomic.Int64
	g := burdock.MustGraph("g", burdock.Chain(
		burdock.Func("note", func(_ context.Context, b begin) (noted, error) {
			ran.Add(1)
			return noted{[]string{"about " + b.Draft}}, nil
		}),
		burdock.Func("finish", func(context.Context, burdock.None) (drop, error) { return drop{true, "done"}, nil }),
	))
	cache := &burdock.Cache{Store: memory()}
	m := burdock.MapStates("m", g, func(context.Context, burdock.None) iter.Seq2[begin, error] {
		return burdock.Each([]string{"x", "y"}, func(d string) begin { return begin{d, []string{"first"}} })
	}, burdock.List[ends, begin, burdock.None](func(all []end) ends { return ends{all} }), &burdock.MapOptions{Cache: cache})
	var got [3]ends
	db := memory()
	for i := range got {
		var err error
		o := &burdock.Options{}
		if i == 2 {
			o = &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: db}}
		}
		if got[i], err = burdock.Read[ends](newApp(t, line(m), o).Run(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	wantEqual(t, "ran", ran.Load(), 2)
	for i := range got {
		if diff := cmp.Diff(got[0], got[i]); diff != "" {
			t.Errorf("answered (-ran +got):\n%s", diff)
		}
	}
	for _, cp := range branchRecords(t, db, burdock.Ref{App: "app", Seq: 1}) {
		if !cp.Done() || cp.Seq != 1 || cp.Join == 0 || cp.Origin.App == "" || !cp.Lists || cp.Action != "" {
			t.Errorf("got record %+v", cp)
		}
		fork, err := burdock.Fork(t.Context(), g, cp.Ref(), &burdock.Options{Cascade: burdock.Cascade{Store: db}})
		if err != nil {
			t.Fatal(err)
		}
		if keys := slices.Sorted(fork.State().Keys()); !slices.Equal(keys, []string{"final", "log"}) {
			t.Errorf("the record leads to keys %v", keys)
		}
	}
}

// M18: EventRestored tells of an answer, between the branch's beginning and its end; no middleware is called.
func TestM18_EventsOfAnAnswer(t *testing.T) {
	db := memory()
	r := caching(db, "a")
	calls := 0
	count := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			if s.Action == "say" {
				calls++
			}
			return next(ctx, s)
		}
	}
	if _, err := r.run(t); err != nil {
		t.Fatal(err)
	}
	for _, store := range []burdock.Store{nil, memory()} {
		r.events = nil
		_, err := r.runWith(t.Context(), t, &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: store, Tracker: r, Middleware: []burdock.Middleware{count}}})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, e := range r.events {
			if e.Key != "" {
				told = append(told, fmt.Sprintf("%s %d.%d.%d %s %s %d", e.Kind, e.Seq, e.Attempt, e.N, e.Name, e.Status, e.Join))
			}
		}
		want := []string{"branch_started 1.1.1   0", "restored 1.1.2 cache completed 1", "branch_ended 2.0.3  completed 1"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	wantEqual(t, "calls", calls, 0)
}

// M18: a branch that an executor would run is looked up before, and kept after, by the parent.
func TestM18_Executors(t *testing.T) {
	var handed atomic.Int64
	r := caching(memory(), "a", "b")
	r.opts.Branches = &burdock.Cascade{Executor: executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
		handed.Add(1)
		return b.Run(ctx)
	})}
	for _, want := range []int64{2, 2} {
		words, err := r.runWith(t.Context(), t, &burdock.Options{MaxConcurrency: 1})
		wantWords(t, words, err, "<a> <b>")
		wantEqual(t, "handed over", handed.Load(), want)
	}
}

type executorFunc func(context.Context, *burdock.Branch) (*burdock.Outcome, error)

func (f executorFunc) Execute(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
	return f(ctx, b)
}

// A cache without a store, or with a negative age, is found by NewGraph.
func TestWrongCachesAreRefused(t *testing.T) {
	for _, c := range []*burdock.Cache{{}, {Store: burdock.NoStore}, {Store: memory(), MaxAge: -1}} {
		r := rigOf("a")
		r.opts = &burdock.MapOptions{Cache: c}
		if _, err := burdock.NewGraph("g", burdock.Node(r.action())); err == nil || !strings.Contains(err.Error(), "Cache") {
			t.Errorf("got %v", err)
		}
	}
}
