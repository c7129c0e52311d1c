package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// P8: a migration may change the type of a key and keep its name; the application can be read ever after.
func TestP8_AKeyMayChangeItsType(t *testing.T) {
	type v1 struct {
		N int `state:"n"`
	}
	type v1out struct {
		N   int      `state:"n"`
		Log []string `state:"log,append"`
	}
	type v2 struct {
		N string `state:"n"`
	}
	type v3out struct {
		Log []int `state:"log,append"`
	}
	old := func(list bool) *burdock.Graph {
		var a *burdock.Action
		if list {
			a = burdock.Func("count", func(_ context.Context, in v1) (v1out, error) { return v1out{in.N + 1, []string{"x"}}, nil })
		} else {
			a = burdock.Func("count", func(_ context.Context, in v1) (v1, error) { return v1{in.N + 1}, nil })
		}
		return burdock.MustGraph("g", burdock.Node(a, burdock.When("more", func(c v1) bool { return c.N < 4 }).Then(a)))
	}
	toString := func(_ context.Context, m *burdock.Migration) error {
		var was v1
		if err := m.Decode(&was); err != nil {
			return err
		}
		return m.Encode(v2{fmt.Sprint(was.N)})
	}
	toInts := func(_ context.Context, m *burdock.Migration) error {
		m.Values["log"] = []byte("[1,2]")
		return nil
	}
	sch2 := burdock.Func("count", func(_ context.Context, in v2) (v2, error) { return v2{in.N + "!"}, nil })
	sch3 := burdock.Func("count", func(_ context.Context, in v1) (v3out, error) { return v3out{[]int{in.N}}, nil })
	for name, c := range map[string]struct {
		old, now *burdock.Graph
		migrate  func(context.Context, *burdock.Migration) error
	}{
		"a plain key of the initial state": {old(false), line(sch2), toString},
		"a key beside a list":              {old(true), line(sch2), toString},
		"the elements of a list":           {old(true), line(sch3), toInts},
	} {
		t.Run(name, func(t *testing.T) {
			now := burdock.MustGraph("g", burdock.Node(c.now.Action("count")))
			store := memory()
			app := newApp(t, c.old, stored(store, v1{0}))
			for s, err := range app.Steps(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if s.Seq == 2 {
					break
				}
			}
			o := stored(store, nil)
			o.Migrate = c.migrate
			app = must(t)(burdock.Resume(t.Context(), now, o))
			out := runTo(t, app, burdock.StopDone)
			again, err := burdock.Resume(t.Context(), now, stored(store, nil))
			if err != nil || !again.State().Equal(out.State) {
				t.Errorf("after the migrated application has run, Resume: %v", err)
			}
		})
	}
}

// M16: a failure beyond what is tolerated is none that reduce gets after a crash.
func TestM16_ToleratedFailuresAreCountedOverCrashes(t *testing.T) {
	for _, n := range []int{0, 1} {
		crashes(t, func(t *testing.T, store *memstore.Store, f *frailStore) bool {
			r := rigOf("good", "bad1", "bad2")
			r.opts = &burdock.MapOptions{Failures: burdock.Tolerate(n), Limit: 1}
			r.do = func(_ context.Context, name string) (string, error) {
				if strings.HasPrefix(name, "bad") {
					return "", errTest
				}
				return name, nil
			}
			r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) { return wordsOf(rs.All()), nil }
			_, err := r.runWith(t.Context(), t, stored(f, nil))
			if !isStoreError(err) {
				if _, ok := errors.AsType[*burdock.MapError](err); !ok {
					t.Fatalf("%v", err)
				}
				return true
			}
			got, err := r.runWith(t.Context(), t, stored(store, nil))
			if err == nil {
				t.Errorf("Tolerate(%d), killed at save %d (took effect: %v): resumed, the visit completed with %q", n, f.saves, !f.lost, got)
			}
			return false
		})
	}
}

// M13: a branch is found again when its graph declares its keys in another order.
func TestM13_TheOrderOfKeysInAGraphSaysNothing(t *testing.T) {
	type sub struct {
		A string `state:"a"`
		B string `state:"b"`
	}
	type in1 struct {
		A string `state:"a"`
		B string `state:"b"`
	}
	type in2 struct {
		B string `state:"b"`
		A string `state:"a"`
	}
	runs := 0
	fail := true
	one := func(a, b string) (told, error) {
		if b == "y" && fail {
			return told{}, errTest
		}
		runs++
		return told{a + b}, nil
	}
	mk := func(branch *burdock.Action) *burdock.Graph {
		return burdock.MustGraph("g", burdock.Node(burdock.MapStates("each", branch, func(context.Context, burdock.None) iter.Seq2[sub, error] {
			return eachOf(sub{"1", "x"}, sub{"2", "y"})
		}, burdock.List[bunch, sub, burdock.None](func(ts []told) (b bunch) {
			for _, x := range ts {
				b.Words = append(b.Words, x.Text)
			}
			return b
		}), &burdock.MapOptions{Limit: 1})))
	}
	g1 := mk(burdock.Func("one", func(_ context.Context, in in1) (told, error) { return one(in.A, in.B) }))
	g2 := mk(burdock.Func("one", func(_ context.Context, in in2) (told, error) { return one(in.A, in.B) }))
	store := memory()
	_, err := newApp(t, g1, stored(store, nil)).Run(t.Context())
	wantIs(t, err, errTest)
	fail = false
	o := stored(store, nil)
	o.AllowGraphChange = true
	runTo(t, must(t)(burdock.Resume(t.Context(), g2, o)), burdock.StopDone)
	if runs != 2 {
		t.Errorf("the completed branch ran again: %d runs", runs)
	}
}

// A panic of the action fails its step, also when a middleware recovers it.
func TestAMiddlewareThatRecoversHidesNoPanic(t *testing.T) {
	store := memory()
	act := burdock.Func("act", func(context.Context, number) (leafNote, error) { panic("oh") })
	m := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			defer func() { _ = recover() }() // it logs
			return next(ctx, s)
		}
	}
	o := stored(store, number{7})
	o.Cascade.Middleware = []burdock.Middleware{m}
	app := newApp(t, line(act), o)
	out, err := app.Run(t.Context())
	t.Logf("out %+v err %v", out, err)
	cp := latest(t, store, "app")
	t.Logf("record: %s %s seq %d delta %v", cp.Action, cp.Status, cp.Seq, cp.Delta)
	if err == nil || out.Stop == burdock.StopDone || cp.Status == burdock.StatusCompleted {
		t.Errorf("a panicked action was recorded as %s; has n: %v", cp.Status, out.State.Has("n"))
	}
}

// R3: an attempt does not end while a middleware still runs it on a goroutine of its own.
func TestAnAttemptWaitsForItsNext(t *testing.T) {
	late, gone := make(chan struct{}), make(chan struct{})
	act := burdock.Func("act", func(_ context.Context, in promptOnly) (told, error) {
		if in.Prompt == "slow" {
			select {
			case <-late:
			case <-time.After(200 * time.Millisecond): // where an attempt waits for its next
			}
		}
		return told{"the answer to " + in.Prompt}, nil
	})
	m := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			switch s.Key {
			case "0":
				done := make(chan error, 1)
				go func() { defer close(gone); done <- next(ctx, s) }()
				select {
				case err := <-done:
					return err
				case <-time.After(20 * time.Millisecond):
					return errors.New("timeout")
				}
			case "1":
				err := next(ctx, s)
				close(late) // the slow one returns now, while this one looks at its result
				<-gone
				return err
			}
			return next(ctx, s)
		}
	}
	a := tasksOf(burdock.Actions(act), &burdock.MapOptions{Limit: 1, Failures: burdock.Collect}, burdock.Task[promptOnly]{State: promptOnly{"slow"}}, burdock.Task[promptOnly]{State: promptOnly{"b"}})
	got, err := runTexts(t, a, &burdock.Options{Cascade: burdock.Cascade{Middleware: []burdock.Middleware{m}, Store: memory()}})
	if want := []string{"act 0 failed", "act 1 the answer to b"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// M4: what a goroutine of a sequence has lent in one pull is not taken for a loan of the next.
func TestM4_ALoanOfOnePullIsNotThatOfTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lent, over := make(chan struct{}), make(chan struct{})
		var borrower sync.WaitGroup
		act := burdock.Func("act", func(_ context.Context, in forkCount) (forkCount, error) { return in, nil })
		each := burdock.MapStates("each", act, func(ctx context.Context, _ burdock.None) iter.Seq2[forkCount, error] {
			return func(yield func(forkCount, error) bool) {
				borrower.Go(func() { burdock.Unslotted(ctx, func() { close(lent); <-over }) })
				<-lent
				_ = yield(forkCount{0}, nil) && yield(forkCount{1}, nil)
			}
		}, burdock.List[forkCount, forkCount, burdock.None](func(all []forkCount) forkCount { return forkCount{len(all)} }), nil)
		app := newApp(t, burdock.MustGraph("g", burdock.Node(each)), &burdock.Options{MaxConcurrency: 1})
		if _, err := app.Run(t.Context()); err != nil {
			t.Error(err)
		}
		close(over)
		borrower.Wait()
	})
}

// M8: a Rate that calls runtime.Goexit is an error, not the end of the sequence.
func TestM8_ARateThatVanishesIsNoEnd(t *testing.T) {
	r := rigOf("a", "b", "c", "d")
	r.opts = &burdock.MapOptions{Limit: 1, Rate: &exitLimiter{}}
	got, err := r.run(t)
	if err == nil {
		t.Errorf("the map completed with %q of 4 branches", got)
	}
}

// A goroutine that outlives its branch may ask who it was.
func TestWhatABranchLeavesBehindReadsNoRunner(t *testing.T) {
	type long struct {
		List []int `state:"list"`
	}
	var left sync.WaitGroup
	act := burdock.Func("act", func(ctx context.Context, in long) (burdock.None, error) {
		left.Go(func() {
			for range 200 {
				_ = burdock.Info(ctx).App
			}
		})
		return burdock.None{}, nil
	})
	fan := burdock.MapStates("fan", act, func(_ context.Context, in long) iter.Seq2[long, error] { return eachOf(in, in) },
		burdock.List[burdock.None, long, long](func([]burdock.None) burdock.None { return burdock.None{} }), nil)
	add := burdock.Func("add", func(_ context.Context, in number) (number, error) { return number{in.N + 1}, nil })
	g := burdock.MustGraph("g", burdock.Node(fan, burdock.Then(add)), burdock.Node(add, burdock.When("more", func(n number) bool { return n.N < 100 }).Then(add)))
	app := newApp(t, g, starting(struct {
		N    int   `state:"n"`
		List []int `state:"list"`
	}{0, make([]int, 100)}))
	runTo(t, app, burdock.StopDone)
	left.Wait()
}

// M11: a task may not be called what another one is called by its position.
func TestM11_AKeyIsNoOtherTasksIndex(t *testing.T) {
	ask := burdock.Func("ask", tell)
	store := memory()
	a := tasksOf(burdock.Actions(ask), &burdock.MapOptions{Limit: 1}, burdock.Task[promptOnly]{Key: "1", State: promptOnly{"a"}}, burdock.Task[promptOnly]{State: promptOnly{"a"}})
	got, err := runTexts(t, a, stored(store, nil))
	if err == nil {
		ids := map[string]bool{}
		for cp, err := range store.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "app", Seq: 1}}) {
			if err != nil {
				t.Fatal(err)
			}
			ids[cp.App] = true
		}
		t.Errorf("got %q: two branches of one key, and %d ids for 2 branches", got, len(ids))
	}
}

// P8: an input that was recorded with another type is forgotten.
func TestP8_AnInputOfAnotherTypeIsGivenAnew(t *testing.T) {
	type in1 struct {
		X int `input:"x"`
	}
	type in2 struct {
		X string `input:"x"`
	}
	a1 := burdock.Func("a", func(context.Context, in1) (burdock.None, error) { return burdock.None{}, errTest })
	a2 := burdock.Func("a", func(context.Context, in2) (burdock.None, error) { return burdock.None{}, nil })
	store := memory()
	_, err := newApp(t, line(a1), stored(store, nil)).Run(t.Context(), burdock.Input("x", 7))
	wantIs(t, err, errTest)
	o := stored(store, nil)
	o.AllowGraphChange = true
	app, err := burdock.Resume(t.Context(), line(a2), o)
	if err != nil {
		t.Log("Resume says so:", err)
		return
	}
	out, err := app.Run(t.Context(), burdock.Input("x", "seven"))
	if err != nil {
		t.Errorf("with the new input given: %+v, %v", out, err)
	}
}

// An exitLimiter calls runtime.Goexit at its third branch.
type exitLimiter struct{ n int }

func (l *exitLimiter) Wait(context.Context) error {
	if l.n++; l.n == 3 {
		exit()
	}
	return nil
}

type leafNote struct {
	M int `state:"m"`
}
