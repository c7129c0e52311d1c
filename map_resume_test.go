package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// crashes calls run with a store that stops acknowledging at its n-th save, for n = 0, 1, ... until run needs no more
// saves than that. run returns whether it came to its end.
func crashes(t *testing.T, run func(t *testing.T, store *memstore.Store, f *frailStore) bool) {
	t.Helper()
	for n := 0; ; n++ {
		for _, lost := range []bool{false, true} {
			store := memory()
			f := frail(store, n)
			f.lost = lost
			if done := run(t, store, f); done {
				if n < 3 {
					t.Fatalf("only %d saves", n)
				}
				return
			}
		}
		if n > 1000 {
			t.Fatal("no end of saves")
		}
	}
}

// First-wins, then a kill at any moment before the step is saved: the winner is the same, and if it was known nothing is
// started again.
func TestM15_SameWinnerAfterCrash(t *testing.T) {
	crashes(t, func(t *testing.T, store *memstore.Store, f *frailStore) (ended bool) {
		synctest.Test(t, func(t *testing.T) {
			r := rigOf("s3", "s2", "s4", "s9")
			r.do, r.opts = after, &burdock.MapOptions{Limit: 3}
			decided := ""
			r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
				for x := range rs.AsDone() {
					decided = x.Out.Word
					return []string{x.Out.Word}, nil
				}
				return nil, rs.Err()
			}
			got, err := r.runWith(t.Context(), t, stored(f, nil))
			if err == nil {
				wantWords(t, got, err, "s2")
				ended = true
				return
			}
			if !isStoreError(err) {
				t.Fatalf("got %v", err)
			}
			first := decided
			r.takeStarted()
			// Whatever was faster the first time is slow now.
			r.do = func(ctx context.Context, name string) (string, error) {
				if name == "s2" {
					time.Sleep(time.Hour)
				}
				return after(ctx, name)
			}
			got, err = r.runWith(t.Context(), t, stored(store, nil))
			if err != nil {
				t.Fatal(err)
			}
			if first != "" && (got[0] != first || r.countStarted() > 0) {
				t.Errorf("reduce chose %s; after the crash %s, and %d branches have started", first, got[0], r.countStarted())
			}
		})
		return ended
	})
}

// Nothing acknowledged runs again, and the final state is the same, wherever the process dies.
func TestCrashAtEverySave(t *testing.T) {
	for _, nested := range []bool{false, true} {
		crashes(t, func(t *testing.T, store *memstore.Store, f *frailStore) (ended bool) {
			r := rigOf(numbered(5)...)
			r.opts = &burdock.MapOptions{Limit: 2, Failures: burdock.Collect}
			r.do = func(_ context.Context, name string) (string, error) {
				if name == "b03" {
					return "", errors.New("no")
				}
				return name, nil
			}
			r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) { return wordsOf(rs.All()), nil }
			g, want := r.graph(), "b00 b01 b02 b03! b04"
			if nested {
				outer := rigOf("x", "y")
				g = burdock.MustGraph("g", burdock.Node(outer.over(inBranch(r))))
				want = "[" + want + "] [" + want + "]"
			}
			app := newApp(t, g, stored(f, nil))
			got, err := burdock.Read[bunch](app.Run(t.Context()))
			if err == nil {
				wantWords(t, got.Words, err, want)
				return true
			}
			if !isStoreError(err) {
				t.Fatalf("got %v", err)
			}
			before := map[string]burdock.Checkpoint{}
			for _, cp := range tree(t, store, "app") {
				if cp.Kind == burdock.KindStep {
					before[cp.App] = cp
				}
			}
			acked := f.acked
			r.takeStarted()
			got, err = burdock.Read[bunch](openApp(t, g, stored(store, nil)).Run(t.Context()))
			wantWords(t, got.Words, err, want)
			for _, cp := range tree(t, store, "app") {
				if old := acked[cp.App]; old.Join != 0 && cp.Kind == burdock.KindStep && cp.Seq == old.Seq &&
					(cp.Join != old.Join || cp.Attempt != old.Attempt || cp.Fence != old.Fence) {
					t.Errorf("%s had ended, attempt %d with join %d, and has attempt %d with join %d", cp.Path, old.Attempt, old.Join, cp.Attempt, cp.Join)
				}
			}
			again := r.countStarted()
			leafs := 0
			for _, cp := range before {
				if cp.Action == "say" && cp.Join != 0 {
					leafs++
				}
			}
			total := 5
			if nested {
				total = 10
			}
			if again != total-leafs {
				t.Errorf("%d of %d branches were recorded, and %d ran again", leafs, total, again)
			}
			return false
		})
	}
}

// P6: in the same process the next Run goes on from what was acknowledged, too.
func TestP6_SameAppAfterStoreFailure(t *testing.T) {
	crashes(t, func(t *testing.T, store *memstore.Store, f *frailStore) bool {
		r := rigOf(numbered(4)...)
		r.opts = &burdock.MapOptions{Limit: 1}
		app := newApp(t, r.graph(), stored(f, nil))
		_, err := app.Run(t.Context())
		if err == nil {
			return true
		}
		known := 0
		for _, cp := range f.acked {
			if cp.Join != 0 {
				known++
			}
		}
		r.takeStarted()
		f.left = -1
		got, err := burdock.Read[bunch](app.Run(t.Context()))
		wantWords(t, got.Words, err, "<b00> <b01> <b02> <b03>")
		if n := r.countStarted(); n > 4-known {
			t.Errorf("%d of 4 branches were acknowledged, and %d ran again", known, n)
		}
		return false
	})
}

// stop runs the map until n branches have been acknowledged.
func (r *fanRig) stopAfter(t *testing.T, store burdock.Store, branches int) {
	t.Helper()
	o := stored(frail(store, branches+1), nil) // the beginning is one save
	if _, err := r.runWith(t.Context(), t, o); !isStoreError(err) {
		t.Fatalf("got %v, want a store error", err)
	}
	r.takeStarted()
}

// M15: on resume no branch starts before reduce asks for a result that is not restored. AsDone yields the restored ones
// first, by join number.
func TestM15_NothingStartsBeforeReduceAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s3", "s1", "s2", "s9", "s8")
		r.do, r.opts = after, &burdock.MapOptions{Limit: 5}
		store := memory()
		r.stopAfter(t, store, 2)
		var order []string
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			for x := range rs.AsDone() {
				synctest.Wait()
				order = append(order, fmt.Sprintf("%s(%d started)", x.Out.Word, r.countStarted()))
			}
			return order, nil
		}
		got, err := r.runWith(t.Context(), t, stored(store, nil))
		wantWords(t, got, err, "s1(0 started) s2(0 started) s3(3 started) s8(3 started) s9(3 started)")
	})
}

// M15: OK and All keep strict task order on resume.
func TestM15_TaskOrderOnResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s3", "s1", "s2", "s4")
		r.do, r.opts = after, &burdock.MapOptions{Limit: 4}
		store := memory()
		r.stopAfter(t, store, 2)
		got, err := r.runWith(t.Context(), t, stored(store, nil))
		wantWords(t, got, err, "s3 s1 s2 s4")
		wantEqual(t, "started", r.takeStarted(), "s3 s4")
	})
}

// M14: join numbers are 1, 2, ...; the order of AsDone is theirs, and it is the same after a restore.
func TestM14_JoinNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s3", "s1", "s2", "s5", "s6")
		r.do, r.opts = after, &burdock.MapOptions{Limit: 3}
		var order []string
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			order = wordsOf(rs.AsDone())
			return order, nil
		}
		joins := func(store burdock.Store) string {
			all := make([]string, 6)
			for key, cp := range branchRecords(t, store, burdock.Ref{App: "app", Seq: 1}) {
				if cp.Join > 0 {
					all[cp.Join] = key
				}
			}
			return strings.Trim(strings.Join(all, " "), " ")
		}
		store := memory()
		if _, err := r.runWith(t.Context(), t, stored(store, nil)); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "joins", joins(store), strings.Join(order, " "))
		whole := joins(store)
		for n := range 5 {
			store := memory()
			r.stopAfter(t, store, n)
			if got := joins(store); !strings.HasPrefix(whole, got) {
				t.Errorf("after %d: joins %q, want the beginning of %q", n, got, whole)
			}
			before := joins(store)
			if _, err := r.runWith(t.Context(), t, stored(store, nil)); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(order, " "); !strings.HasPrefix(got, before) || got != joins(store) {
				t.Errorf("AsDone gave %q, joins are %q, restored were %q", got, joins(store), before)
			}
		}
	})
}

// M13: a branch whose window has changed is another one and runs; what did not change is found again, also in another
// order; what the sequence no longer yields is superseded and never reaches reduce, and is found again if it comes back.
func TestM13_ChangedSequence(t *testing.T) {
	type item struct {
		Name string `state:"name,key"`
		V    int    `state:"v"`
	}
	var ran notes
	var subs []item
	kill := ""
	say := burdock.Func("say", func(_ context.Context, in struct {
		Name string `state:"name"`
		V    int    `state:"v"`
	},
	) (twigOut, error) {
		ran.add(in.Name)
		if in.Name == kill {
			return twigOut{}, errors.New("killed")
		}
		return twigOut{fmt.Sprint(in.Name, in.V)}, nil
	})
	m := burdock.MapStates("fan", say,
		func(context.Context, burdock.None) iter.Seq2[item, error] {
			return burdock.Each(subs, func(s item) item { return s })
		},
		func(_ context.Context, _ burdock.None, rs *burdock.Results[item, twigOut]) (bunch, error) {
			var words []string
			for r := range rs.OK() {
				words = append(words, r.Out.Word)
			}
			return bunch{words}, nil
		}, &burdock.MapOptions{Limit: 1})
	g := burdock.MustGraph("g", burdock.Node(m))
	begun := func() *memstore.Store {
		subs, kill = []item{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}}, "d"
		store := memory()
		runFails(t, newApp(t, g, stored(store, nil)), "killed")
		kill = ""
		ran.take()
		return store
	}
	tests := []struct {
		name string
		then []item
		ran  string
		want string
		are  string
	}{
		{
			"the same",
			[]item{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}},
			"d e", "a1 b1 c1 d1 e1",
			"a:completed b:completed c:completed d:completed e:completed",
		},
		{
			"one changed",
			[]item{{"a", 1}, {"b", 2}, {"c", 1}},
			"b", "a1 b2 c1",
			"a:completed b+:completed b:superseded c:completed d:superseded",
		},
		{
			"another order",
			[]item{{"c", 1}, {"a", 1}, {"d", 1}, {"b", 1}},
			"d", "c1 a1 d1 b1",
			"a:completed b:completed c:completed d:completed",
		},
		{
			"one removed",
			[]item{{"a", 1}, {"c", 1}},
			"", "a1 c1",
			"a:completed b:superseded c:completed d:superseded",
		},
		{
			"many before",
			[]item{{"v", 1}, {"w", 1}, {"x", 1}, {"y", 1}, {"z", 1}, {"b", 1}},
			"v w x y z", "v1 w1 x1 y1 z1 b1",
			"a:superseded b:completed c:superseded d:superseded v:completed w:completed x:completed y:completed z:completed",
		},
		{
			"many before one that failed",
			[]item{{"v", 1}, {"w", 1}, {"x", 1}, {"y", 1}, {"z", 1}, {"d", 1}},
			"v w x y z d", "v1 w1 x1 y1 z1 d1",
			"a:superseded b:superseded c:superseded d:completed v:completed w:completed x:completed y:completed z:completed",
		},
		{"none", nil, "", "", "a:superseded b:superseded c:superseded d:superseded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := begun()
			subs = test.then
			out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
			wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), test.want)
			wantEqual(t, "ran", ran.take(), test.ran)
			got := statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1}))
			// Which of two records of one key comes first is up to their ids.
			got = strings.Replace(got, "b+:superseded b:completed", "b+:completed b:superseded", 1)
			wantEqual(t, "statuses", got, test.are)
		})
	}
	t.Run("removed, and back again", func(t *testing.T) {
		store := begun()
		subs, kill = []item{{"x", 1}, {"c", 1}}, "x"
		runFails(t, openApp(t, g, stored(store, nil)), "killed")
		wantEqual(t, "statuses", statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})),
			"a:superseded b:superseded c:completed d:superseded x:failed")
		subs, kill = []item{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}, ""
		ran.take()
		out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
		wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "a1 b1 c1 d1")
		wantEqual(t, "ran", ran.take(), "d")
		wantEqual(t, "statuses", statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})),
			"a:completed b:completed c:completed d:completed x:superseded")
	})
}

// M13: a branch that waits, is no longer yielded and comes back waits again.
func TestM13_WaitingBranchComesBack(t *testing.T) {
	var log notes
	list := []string{"?a", "?b"}
	m := burdock.MapStates("fan", asking(&log),
		func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
			return burdock.Each(list, func(n string) twigKey { return twigKey{n} })
		},
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			return bunch{wordsOf(rs.OK())}, nil
		}, nil)
	g := burdock.MustGraph("g", burdock.Node(m))
	store := memory()
	parent := burdock.Ref{App: "app", Seq: 1}
	runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
	list = list[1:]
	runTo(t, openApp(t, g, stored(store, nil)), burdock.StopWaiting)
	wantEqual(t, "statuses", statuses(branchRecords(t, store, parent)), "?a:superseded ?b:waiting")
	list = []string{"?a", "?b"}
	log.take()
	out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopWaiting)
	wantEqual(t, "pending", len(out.Pending), 2)
	out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone, burdock.Given(consent{true}))
	wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "?a=true ?b=true")
	ran := strings.Fields(log.take())
	slices.Sort(ran)
	wantEqual(t, "ran", strings.Join(ran, " "), "approve:?a approve:?b")
}

// M14: a result reaches reduce only when the branch's last record is acknowledged.
func TestM14_ResultsAreSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		r := rigOf("s1", "s2", "s3", "bad", "s1 too")
		r.do, r.opts = after, &burdock.MapOptions{Failures: burdock.Collect}
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			for x := range rs.All() {
				cp, err := store.Load(t.Context(), burdock.Ref{App: x.ID(), Seq: 1})
				if err != nil || cp.Join == 0 || cp.Status == burdock.StatusRunning {
					t.Errorf("%s is delivered, its record is %s with join %d (%v)", x.Key(), cp.Status, cp.Join, err)
				}
			}
			return nil, nil
		}
		if _, err := r.runWith(t.Context(), t, stored(slowStore{store}, nil)); err != nil {
			t.Error(err)
		}
	})
}

// Retry of a map runs only what did not complete again, also when the process dies during the wait.
func TestR4_RetryOfMap(t *testing.T) {
	for _, test := range []struct {
		name  string
		o     func() *burdock.Options
		again string
	}{
		{"store", func() *burdock.Options { return stored(memory(), nil) }, "b02 b03"},
		{"no store", func() *burdock.Options { return &burdock.Options{} }, "b00 b01 b02 b03"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rigOf(numbered(4)...)
				r.opts = &burdock.MapOptions{Limit: 1}
				failed := false
				r.do = func(_ context.Context, name string) (string, error) {
					if name == "b02" && !failed {
						failed = true
						wantEqual(t, "started", r.takeStarted(), "b00 b01 b02")
						return "", errors.New("once")
					}
					return name, nil
				}
				g := burdock.MustGraph("g", burdock.Node(r.action().With(burdock.Retry{Attempts: 2})))
				out := runTo(t, newApp(t, g, test.o()), burdock.StopDone)
				wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "b00 b01 b02 b03")
				wantEqual(t, "started again", r.takeStarted(), test.again)
			})
		})
	}
	t.Run("killed while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := rigOf(numbered(3)...)
			fail := true
			r.opts = &burdock.MapOptions{Limit: 1, Failures: burdock.Collect}
			r.do = func(_ context.Context, name string) (string, error) {
				if name == "b01" && fail {
					return "", errors.New("no")
				}
				return name, nil
			}
			r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) { return wordsOf(rs.OK()), rs.Err() }
			g := burdock.MustGraph("g", burdock.Node(r.action().With(burdock.Retry{Attempts: 2, Backoff: 1000 * time.Hour, MaxBackoff: 1000 * time.Hour})))
			store := memory()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			waiting := make(chan []burdock.Checkpoint, 1)
			time.AfterFunc(time.Second/2, func() { waiting <- tree(t, store, "app") })
			if _, err := newApp(t, g, stored(store, nil)).Run(ctx); err == nil {
				t.Fatal("no error")
			}
			fail = false
			r.takeStarted()
			out := runTo(t, openApp(t, g, stored(copiedTo(t, <-waiting), nil)), burdock.StopDone)
			wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "b00 b01 b02")
			wantEqual(t, "started again", r.takeStarted(), "b01")
		})
	})
}

// M13: with index keys no result ever reaches another item when the list changes. Burr gave it to another.
func TestM13_IndexKeysAfterChange(t *testing.T) {
	type item struct {
		V string `state:"v"`
	}
	var ran notes
	list := []string{"p", "q", "r"}
	fail := true
	say := burdock.Func("say", func(_ context.Context, in item) (twigOut, error) {
		ran.add(in.V)
		if in.V == "r" && fail {
			return twigOut{}, errors.New("no")
		}
		return twigOut{"of " + in.V}, nil
	})
	m := burdock.MapStates("fan", say,
		func(context.Context, burdock.None) iter.Seq2[item, error] {
			return burdock.Each(list, func(v string) item { return item{v} })
		},
		func(_ context.Context, _ burdock.None, rs *burdock.Results[item, twigOut]) (bunch, error) {
			var words []string
			for r := range rs.OK() {
				words = append(words, r.In.V+" "+r.Out.Word)
			}
			return bunch{words}, nil
		}, &burdock.MapOptions{Limit: 1})
	g := burdock.MustGraph("g", burdock.Node(m))
	store := memory()
	runFails(t, newApp(t, g, stored(store, nil)), "no")
	ran.take()
	list, fail = []string{"q", "r"}, false
	out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
	wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, ", "), "q of q, r of r")
	wantEqual(t, "ran", ran.take(), "q r")
}

// M16: under Collect a failure is a result and is restored after a crash; when the step is recorded failed, its failed
// branches run again, also when that attempt is interrupted in its turn.
func TestM16_FailuresAsResults(t *testing.T) {
	var ran notes
	fail, reject := true, false
	r := rigOf("a", "x", "b")
	r.opts = &burdock.MapOptions{Limit: 1, Failures: burdock.Collect}
	r.do = func(_ context.Context, name string) (string, error) {
		ran.add(name)
		if name == "x" && fail {
			return "", errKilled
		}
		return name, nil
	}
	rejected := errors.New("rejected")
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		words := wordsOf(rs.All())
		if reject {
			return nil, rejected
		}
		return words, nil
	}
	store := memory()
	r.stopAfter(t, store, 2) // a and x are recorded
	ran.take()
	fail = false
	got, err := r.runWith(t.Context(), t, stored(store, nil))
	wantWords(t, got, err, "a x! b")
	wantEqual(t, "ran", ran.take(), "b")

	for n := range 6 {
		fail, reject = true, true
		store = memory()
		_, err = r.runWith(t.Context(), t, stored(store, nil))
		wantIs(t, err, rejected)
		ran.take()
		fail, reject = false, false
		_, err := r.runWith(t.Context(), t, stored(frail(store, n), nil))
		first := ran.take()
		if err == nil {
			wantEqual(t, "ran", first, "x")
			break
		}
		got, err := r.runWith(t.Context(), t, stored(store, nil))
		wantWords(t, got, err, "a x b")
		if second := ran.take(); n < 2 && second != "x" || n >= 2 && second != "" {
			t.Errorf("after %d saves: ran %q, then %q", n, first, second)
		}
	}
}

// M16: after FailFast the next Run runs failed, cancelled and unstarted branches again and restores the completed.
func TestM16_AfterFailFast(t *testing.T) {
	for _, another := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := memory()
			fail := true
			r := rigOf("s1", "x", "s9", "s2", "s3")
			r.opts = &burdock.MapOptions{Limit: 3}
			r.do = func(ctx context.Context, name string) (string, error) {
				if name == "x" {
					time.Sleep(2500 * time.Millisecond)
					if fail {
						return "", errors.New("no")
					}
					return "x", nil
				}
				return after(ctx, name)
			}
			app := newApp(t, r.graph(), stored(store, nil))
			if _, err := app.Run(t.Context()); err == nil {
				t.Fatal("no error")
			}
			wantEqual(t, "started", r.takeStarted(), "s1 s2 s9 x")
			wantEqual(t, "statuses", statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})),
				"s1:completed s2:cancelled s9:cancelled x:failed")
			fail = false
			if another {
				app = openApp(t, r.graph(), stored(store, nil))
			}
			out := runTo(t, app, burdock.StopDone)
			wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "s1 x s9 s2 s3")
			wantEqual(t, "started", r.takeStarted(), "s2 s3 s9 x")
			cp, err := store.Load(t.Context(), burdock.Ref{App: "app", Seq: 1})
			if err != nil || cp.Attempt != 2 {
				t.Errorf("attempt %d, want 2 (%v)", cp.Attempt, err)
			}
		})
	}
}

// A branch of several steps goes on where it stood.
func TestBranchGoesOnInTheMiddle(t *testing.T) {
	var log notes
	step := func(name string) *burdock.Action {
		return burdock.Func(name, func(_ context.Context, in twigIn) (burdock.None, error) {
			log.add(name + ":" + in.Name)
			return burdock.None{}, nil
		})
	}
	last := burdock.Func("last", func(_ context.Context, in twigIn) (twigOut, error) {
		log.add("last:" + in.Name)
		return twigOut{in.Name}, nil
	})
	g := burdock.MustGraph("g", burdock.Node(mapOver("fan", burdock.MustGraph("b", burdock.Chain(step("one"), step("two"), last)),
		&burdock.MapOptions{Limit: 1}, twigKey{"a"}, twigKey{"b"})))
	const all = "one:a two:a last:a one:b two:b last:b"
	for n := range 7 {
		store := memory()
		_, err := newApp(t, g, stored(frail(store, n), nil)).Run(t.Context())
		if !isStoreError(err) {
			t.Fatalf("%d saves: %v", n, err)
		}
		log.take()
		out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
		wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "a b")
		steps := strings.Fields(all)
		if got, want := log.take(), strings.Join(steps[max(0, n-1):], " "); got != want {
			t.Errorf("after %d saves: ran %q, want %q", n, got, want)
		}
	}
}

// A branch's own append list and its other values come back as they were; M17: the parent's list is not touched.
func TestM17_ListsOfBranches(t *testing.T) {
	type log struct {
		Lines []string `state:"lines"`
	}
	type more struct {
		Lines []string `state:"lines,append"`
	}
	type start struct {
		Name  string   `state:"name,key"`
		Lines []string `state:"lines"`
	}
	add := func(name string) *burdock.Action {
		return burdock.Func(name, func(_ context.Context, in twigIn) (more, error) {
			return more{[]string{name + ":" + in.Name}}, nil
		})
	}
	fill := burdock.Func("fill", func(context.Context, burdock.None) (more, error) { return more{[]string{"p1", "p2"}}, nil })
	m := burdock.MapStates("fan", burdock.MustGraph("b", burdock.Chain(add("one"), add("two"))),
		func(_ context.Context, in log) iter.Seq2[start, error] {
			return burdock.Each([]string{"a", "b", "c"}, func(n string) start { return start{n, in.Lines} })
		},
		func(_ context.Context, in log, rs *burdock.Results[start, log]) (bunch, error) {
			b := bunch{[]string{"parent has " + strings.Join(in.Lines, ",")}}
			for r := range rs.OK() {
				b.Words = append(b.Words, strings.Join(r.Out.Lines, ","))
			}
			return b, nil
		}, &burdock.MapOptions{Limit: 2})
	g := burdock.MustGraph("g", burdock.Chain(fill, m))
	want := "parent has p1,p2|p1,p2,one:a,two:a|p1,p2,one:b,two:b|p1,p2,one:c,two:c"
	crashes(t, func(t *testing.T, store *memstore.Store, f *frailStore) bool {
		out, err := newApp(t, g, stored(f, nil)).Run(t.Context())
		done := err == nil
		if !done {
			out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
		}
		wantEqual(t, "lists", strings.Join(view[bunch](t, out.State).Words, "|"), want)
		wantEqual(t, "the parent's list", strings.Join(view[log](t, out.State).Lines, ","), "p1,p2")
		return done
	})
}

// An error of the sequence keeps what has finished.
func TestM1_SequenceErrorKeepsWhatFinished(t *testing.T) {
	broken := errors.New("broken")
	r := &fanRig{opts: &burdock.MapOptions{Limit: 1}}
	fail := true
	r.names = func(context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for i, n := range numbered(5) {
				if i == 3 && fail {
					yield("", broken)
					return
				}
				if !yield(n, nil) {
					return
				}
			}
		}
	}
	store := memory()
	_, err := r.runWith(t.Context(), t, stored(store, nil))
	wantIs(t, err, broken)
	r.takeStarted()
	fail = false
	got, err := r.runWith(t.Context(), t, stored(store, nil))
	wantWords(t, got, err, "<b00> <b01> <b02> <b03> <b04>")
	wantEqual(t, "started", r.takeStarted(), "b03 b04")
	// Broken again while matching.
	store = memory()
	r.stopAfter(t, store, 4)
	fail = true
	_, err = r.runWith(t.Context(), t, stored(store, nil))
	wantIs(t, err, broken)
	if n := r.countStarted(); n != 0 {
		t.Errorf("%d branches have started", n)
	}
}

// EventRestored tells of branches that are found again.
func TestRestoredEvents(t *testing.T) {
	r := rigOf(numbered(4)...)
	r.opts = &burdock.MapOptions{Limit: 1}
	store := memory()
	r.stopAfter(t, store, 2)
	o := stored(store, nil)
	o.Cascade.Tracker = r
	if _, err := r.runWith(t.Context(), t, o); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range r.events {
		if e.Kind == burdock.EventRestored || e.Kind == burdock.EventBranchStarted {
			got = append(got, string(e.Kind)+":"+e.Key)
		}
	}
	slices.Sort(got)
	want := fmt.Sprintf("%[1]s:b02 %[1]s:b03 %[2]s:b00 %[2]s:b01", burdock.EventBranchStarted, burdock.EventRestored)
	wantEqual(t, "events", strings.Join(got, " "), want)
}
