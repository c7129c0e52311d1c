package burdock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

func messages(t *testing.T, s burdock.Inbox) int {
	t.Helper()
	n := 0
	for _, err := range s.Messages(t.Context(), "app") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func answerTo(t *testing.T, s burdock.Store, ref burdock.Ref, windows ...any) {
	t.Helper()
	if err := burdock.Answer(t.Context(), s, ref, windows...); err != nil {
		t.Fatal(err)
	}
}

// I8: an answer is data: whoever opens the store gives it, without the graph, and the next call takes it.
func TestI8_AnswerToTheRoot(t *testing.T) {
	for _, another := range []bool{false, true} {
		g := line(adder("a", 1), burdock.Func("decide", decide), idle("end"))
		store := memory()
		o := stored(store, number{1})
		app := newApp(t, g, o)
		out := runTo(t, app, burdock.StopWaiting)
		answerTo(t, store, out.Pending[0].Ref, goAhead{true, "ann"})
		wantEqual(t, "messages", messages(t, store), 1)
		if another {
			app = openApp(t, g, o)
		}
		out = runTo(t, app, burdock.StopDone)
		wantEqual(t, "by", view[decided](t, out.State).By, "ann")
		wantEqual(t, "messages", messages(t, store), 0)
		cp, err := store.Load(t.Context(), burdock.Ref{App: "app", Seq: 2})
		if err != nil || len(cp.Inputs) != 2 || len(cp.Messages) != 1 {
			t.Errorf("the record has inputs %v and messages %v (%v)", cp.Inputs, cp.Messages, err)
		}
	}
}

// asksWhileBusy fans out over names that ask, beside one that is busy until told otherwise.
func asksWhileBusy(log *notes, busy time.Duration, o *burdock.MapOptions, names ...string) *burdock.Graph {
	wait := burdock.Func("wait", func(ctx context.Context, in twigIn) (twigOut, error) {
		select {
		case <-time.After(busy):
			return twigOut{"slow"}, nil
		case <-ctx.Done():
			return twigOut{}, context.Cause(ctx)
		}
	})
	slow := burdock.MustGraph("slow", burdock.Chain(idle("ready"), wait))
	ask := asking(log)
	m := burdock.MapTasks("fan", burdock.Actions(ask, slow),
		func(context.Context, burdock.None) iter.Seq2[burdock.Task[twigKey], error] {
			return func(yield func(burdock.Task[twigKey], error) bool) {
				if !yield(burdock.Task[twigKey]{Run: slow, State: twigKey{"slow"}}, nil) {
					return
				}
				for _, n := range names {
					if !yield(burdock.Task[twigKey]{Run: ask, State: twigKey{n}}, nil) {
						return
					}
				}
			}
		},
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			return bunch{wordsOf(rs.All())}, nil
		}, o)
	return burdock.MustGraph("g", burdock.Node(m))
}

// waitingBelow returns the steps of the tree that wait, as any process can find them.
func waitingBelow(t *testing.T, s burdock.Store) []burdock.Checkpoint {
	t.Helper()
	var all []burdock.Checkpoint
	for cp, err := range s.List(context.Background(), burdock.Query{Root: "app", Latest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if cp.Status == burdock.StatusWaiting && len(cp.Needs) > 0 {
			all = append(all, cp)
		}
	}
	return all
}

// I5, I8: branches that wait are answered in any order while their owner runs, which takes an answer within a second.
func TestI8_AnsweredInAnyOrderWhileTheOwnerRuns(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			var log notes
			var names []string
			for _, n := range numbered(20) {
				names = append(names, "?"+n)
			}
			limit := 2 + int(seed%4)
			g := asksWhileBusy(&log, time.Hour, &burdock.MapOptions{Limit: limit}, names...)
			store := memory()
			ended := make(chan *burdock.Outcome)
			go func() { ended <- runTo(t, newApp(t, g, stored(store, nil)), burdock.StopDone) }()
			time.Sleep(time.Minute)
			waiting := waitingBelow(t, store)
			wantEqual(t, "waiting", len(waiting), 20)
			rnd := rand.New(rand.NewPCG(seed, 1))
			rnd.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
			for _, cp := range waiting {
				answerTo(t, store, cp.Ref(), consent{true})
				if rnd.IntN(2) == 0 {
					time.Sleep(time.Second)
					synctest.Wait()
					if now, err := store.Load(t.Context(), burdock.Ref{App: cp.App, Seq: -1}); err != nil || !now.Done() {
						t.Errorf("a second after its answer %s is %s", cp.Path, now.Status)
					}
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			wantEqual(t, "waiting", len(waitingBelow(t, store)), 0)
			wantEqual(t, "messages", messages(t, store), 0)
			out := <-ended
			want := []string{"slow"}
			for _, n := range names {
				want = append(want, n+"=true")
			}
			if got := view[bunch](t, out.State).Words; !slices.Equal(got, want) {
				t.Errorf("got %v", got)
			}
			wantEqual(t, "actions that ran", len(strings.Fields(log.take())), 40)
		})
	}
}

// I6, I8: a visit that is suspended days ago goes on with the answers that have come, and waits for the others.
func TestI8_AnsweredAfterTheVisitWasSuspended(t *testing.T) {
	var log notes
	m := mapOver("fan", asking(&log), &burdock.MapOptions{Limit: 1}, twigKey{"?a"}, twigKey{"?b"}, twigKey{"?c"})
	g := burdock.MustGraph("g", burdock.Node(m))
	store := memory()
	out := runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
	wantEqual(t, "pending", len(out.Pending), 3)
	for _, i := range []int{2, 0, 1} {
		answerTo(t, store, out.Pending[i].Ref, consent{i != 0})
		next := runTo(t, openApp(t, g, stored(store, nil)), map[bool]burdock.Stop{true: burdock.StopDone, false: burdock.StopWaiting}[i == 1])
		if i == 1 {
			if got := strings.Join(view[bunch](t, next.State).Words, " "); got != "?a=false ?b=true ?c=true" {
				t.Errorf("got %s", got)
			}
		}
	}
	ran := strings.Fields(log.take())
	slices.Sort(ran)
	if got, want := strings.Join(ran, " "), "approve:?a approve:?b approve:?c begin:?a begin:?b begin:?c"; got != want {
		t.Errorf("ran %s, want each once: %s", got, want)
	}
	wantEqual(t, "messages", messages(t, store), 0)
}

// I8: an answer deep in a suspended branch runs that branch again while others keep the visit alive.
func TestI8_AnswerBelowASuspendedBranch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log notes
		inner := mapOver("inner", asking(&log), nil, twigKey{"?x"}, twigKey{"?y"}, twigKey{"z"})
		join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "+")}, nil })
		slow := burdock.Func("slow", func(ctx context.Context, _ twigIn) (twigOut, error) {
			time.Sleep(time.Hour)
			return twigOut{"slow"}, nil
		})
		outer := burdock.MapActions("outer", burdock.Actions(burdock.MustGraph("deep", burdock.Chain(inner, join)), slow),
			func(context.Context, burdock.None) (twigKey, error) { return twigKey{"n"}, nil },
			func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
				return bunch{wordsOf(rs.OK())}, nil
			}, nil)
		store := memory()
		ended := make(chan *burdock.Outcome)
		go func() {
			ended <- runTo(t, newApp(t, burdock.MustGraph("g", burdock.Node(outer)), stored(store, nil)), burdock.StopDone)
		}()
		for _, left := range []int{2, 1} {
			time.Sleep(time.Minute)
			waiting := waitingBelow(t, store)
			if len(waiting) != left {
				t.Fatalf("%d wait, want %d", len(waiting), left)
			}
			answerTo(t, store, waiting[0].Ref(), consent{true})
		}
		if got := strings.Join(view[bunch](t, (<-ended).State).Words, " "); got != "?x=true+?y=true+z slow" {
			t.Errorf("got %s", got)
		}
		ran := strings.Fields(log.take())
		slices.Sort(ran)
		if got, want := strings.Join(ran, " "), "approve:?x approve:?y begin:?x begin:?y begin:z say:z"; got != want {
			t.Errorf("ran %s, want %s", got, want)
		}
	})
}

// I8: two answers for one step: the first wins; what does not wait or does not fit is an error that helps.
func TestI8_AnswersThatAreRefused(t *testing.T) {
	var log notes
	m := mapOver("fan", asking(&log), nil, twigKey{"?a"}, twigKey{"b"}, twigKey{"?c"})
	g := burdock.MustGraph("g", burdock.Node(m))
	store := memory()
	out := runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
	ref := out.Pending[0].Ref
	type other struct {
		Name string `input:"name"`
	}
	type mistyped struct {
		Yes int `input:"yes"`
	}
	done := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["b"]
	for name, test := range map[string]struct {
		ref    burdock.Ref
		window any
		is     error
		texts  []string
	}{
		"unknown input": {ref, other{"x"}, nil, []string{`input "name"`, "does not declare it", "yes"}},
		"another type":  {ref, mistyped{1}, nil, []string{`input "yes"`, "int"}},
		"none":          {ref, struct{}{}, nil, []string{`input "yes" is missing`}},
		"a branch done": {done.Ref(), consent{true}, burdock.ErrNotWaiting, []string{"app/fan#1/?a at step 2 for yes", "app/fan#1/?c", "completed"}},
		"the map":       {burdock.Ref{App: "app", Seq: 1}, consent{true}, burdock.ErrNotWaiting, []string{"app/fan#1/?a at step 2 for yes"}},
		"no such step":  {burdock.Ref{App: "app", Seq: 9}, consent{true}, burdock.ErrNotFound, []string{"app"}},
		"no such app":   {burdock.Ref{App: "nobody", Seq: 1}, consent{true}, burdock.ErrNotFound, []string{"nobody"}},
	} {
		err := burdock.Answer(t.Context(), store, test.ref, test.window)
		if err == nil || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: got %v, want %v", name, err, test.is)
			continue
		}
		for _, text := range test.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", name, err, text)
			}
		}
	}
	answerTo(t, store, ref, burdock.Input("yes", json.RawMessage("true")))
	if err := burdock.Answer(t.Context(), store, ref, consent{false}); !errors.Is(err, burdock.ErrAnswered) {
		t.Errorf("a second answer: got %v", err)
	}
	if err := burdock.Answer(t.Context(), frail(store, 0), ref, consent{true}); err == nil || !strings.Contains(err.Error(), "takes no messages") {
		t.Errorf("a store without inbox: got %v", err)
	}
	out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopWaiting)
	answerTo(t, store, out.Pending[0].Ref, consent{true})
	out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
	if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "?a=true b ?c=true" {
		t.Errorf("got %s", got)
	}
}

// brittleInbox is a store that dies after some saves and whose inbox lives on.
type brittleInbox struct {
	*frailStore
	burdock.Inbox
}

// I8: a message goes away with the commit of the step that used it: whenever its owner dies, nothing answered is lost and
// nothing runs twice that was acknowledged.
func TestI8_AnswersSurviveCrashes(t *testing.T) {
	for left := range 7 {
		var log notes
		m := mapOver("fan", asking(&log), &burdock.MapOptions{Limit: 1}, twigKey{"a"}, twigKey{"?b"}, twigKey{"?c"})
		g := burdock.MustGraph("g", burdock.Node(m))
		store := memory()
		out := runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
		for _, p := range out.Pending {
			answerTo(t, store, p.Ref, consent{true})
		}
		log.take()
		f := frail(store, left)
		out, err := openApp(t, g, stored(brittleInbox{f, store}, nil)).Run(t.Context())
		if err != nil {
			out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
		}
		if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "a ?b=true ?c=true" {
			t.Errorf("after %d saves: got %s", left, got)
		}
		wantEqual(t, "messages", messages(t, store), 0)
		if n := len(strings.Fields(log.take())); n > 3 {
			t.Errorf("after %d saves: %d actions ran, want at most one more than two", left, n)
		}
	}
}

// I7: Pending lists every step that waits, beyond the thousand of the Outcome; each can be answered.
func TestI7_PendingBeyondAThousand(t *testing.T) {
	var log notes
	var keys []twigKey
	for i := range 1200 {
		keys = append(keys, twigKey{fmt.Sprintf("?%04d", i)})
	}
	g := burdock.MustGraph("g", burdock.Node(mapOver("fan", asking(&log), nil, keys...)))
	store := memory()
	app := newApp(t, g, stored(store, nil))
	out := runTo(t, app, burdock.StopWaiting)
	wantEqual(t, "in the outcome", len(out.Pending), 1000)
	n := 0
	for p, err := range app.Pending(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if got := view[twigIn](t, p.State).Name; p.Path != "app/fan#1/"+got || p.Needs[0] != "yes" {
			t.Errorf("%s needs %v in state %q", p.Path, p.Needs, got)
		}
		answerTo(t, store, p.Ref, consent{true})
		n++
	}
	wantEqual(t, "pending", n, 1200)
	out = runTo(t, app, burdock.StopDone)
	wantEqual(t, "words", len(view[bunch](t, out.State).Words), 1200)
}

// InputFor answers one step of this process's own run; what nobody uses is listed.
func TestI1_InputForOneStep(t *testing.T) {
	for _, inStore := range []bool{true, false} {
		var log notes
		m := mapOver("fan", asking(&log), nil, twigKey{"?a"}, twigKey{"?b"})
		g := burdock.MustGraph("g", burdock.Node(m))
		o := &burdock.Options{ID: "app"}
		if inStore {
			o = stored(memory(), nil)
		}
		app := newApp(t, g, o)
		out := runTo(t, app, burdock.StopWaiting)
		a, b := out.Pending[0].Ref, out.Pending[1].Ref
		out = runTo(t, app, burdock.StopDone, burdock.InputFor(a, consent{true}), burdock.InputFor(b, consent{false}),
			burdock.InputFor(burdock.Ref{App: "nobody", Seq: 3}, consent{true}))
		if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "?a=true ?b=false" {
			t.Errorf("got %s", got)
		}
		if got := strings.Join(out.Unused, " "); got != "yes" {
			t.Errorf("unused %q", got)
		}
	}
}

// I8: Cancel ends a root that runs, within a second; the next call goes on.
func TestI8_CancelARoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log notes
		g := asksWhileBusy(&log, time.Hour, nil, "a", "?b")
		store := memory()
		app := newApp(t, g, stored(store, nil))
		go func() {
			time.Sleep(time.Minute)
			if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: "app"}); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		out, err := app.Run(t.Context())
		if !errors.Is(err, burdock.ErrCancelled) || out.Stop != burdock.StopCancelled || time.Since(began) > time.Minute+time.Second {
			t.Errorf("got %v, %v after %v", out, err, time.Since(began))
		}
		wantEqual(t, "messages", messages(t, store), 0)
		runTo(t, app, burdock.StopWaiting)
		// Nobody runs it: the next call is cancelled before it does anything, and the one after it is not.
		if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: "app"}); err != nil {
			t.Fatal(err)
		}
		if _, err := openApp(t, g, stored(store, nil)).Run(t.Context(), burdock.Given(consent{true})); !errors.Is(err, burdock.ErrCancelled) {
			t.Errorf("got %v", err)
		}
		wantEqual(t, "messages", messages(t, store), 0)
		out = runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone, burdock.Given(consent{true}))
		if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "slow a ?b=true" {
			t.Errorf("got %s", got)
		}
		if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: "app"}); !errors.Is(err, burdock.ErrNotWaiting) {
			t.Errorf("cancel of what has ended: %v", err)
		}
	})
}

// I8: Cancel ends one branch, whether it runs or waits; to its visit it is a failed one, also after a crash.
func TestI8_CancelABranch(t *testing.T) {
	for name, test := range map[string]struct {
		key    string
		policy burdock.FailurePolicy
		want   string
	}{
		"runs, Collect":  {"slow", burdock.Collect, "slow! a ?b=true"},
		"waits, Collect": {"?b", burdock.Collect, "slow a ?b!"},
		"runs, FailFast": {"slow", burdock.FailFast, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log notes
				g := asksWhileBusy(&log, time.Hour, &burdock.MapOptions{Failures: test.policy}, "a", "?b")
				store := memory()
				app := newApp(t, g, stored(store, nil))
				go func() {
					time.Sleep(time.Minute)
					cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})[test.key]
					if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: cp.App}); err != nil {
						t.Error(err)
					}
				}()
				var opts []burdock.RunOption
				if test.key == "slow" {
					opts = append(opts, burdock.Given(consent{true}))
				}
				began := time.Now()
				out, err := app.Run(t.Context(), opts...)
				if test.key == "slow" && time.Since(began) > time.Minute+time.Second {
					t.Errorf("it came back after %v", time.Since(began))
				}
				wantEqual(t, "messages", messages(t, store), 0)
				if test.want == "" {
					var m *burdock.MapError
					if !errors.As(err, &m) || !errors.Is(err, burdock.ErrCancelled) || out.Stop != burdock.StopFailed {
						t.Errorf("got %v, %v", out, err)
					}
					return
				}
				if got := strings.Join(view[bunch](t, out.State).Words, " "); err != nil || got != test.want {
					t.Errorf("got %s, %v, want %s", got, err, test.want)
				}
				cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})[test.key]
				if cp.Status != burdock.StatusCancelled || cp.Join == 0 || len(cp.Messages) != 1 {
					t.Errorf("its record is %s, join %d, messages %v", cp.Status, cp.Join, cp.Messages)
				}
				// The parent's last commit is lost: the cancellation is found again like any result.
				var before []burdock.Checkpoint
				for _, cp := range tree(t, store, "app") {
					if cp.App == "app" && cp.Seq == 1 {
						cp.Status, cp.Delta, cp.Next, cp.Ended = burdock.StatusRunning, nil, "", time.Time{}
					}
					before = append(before, cp)
				}
				log.take()
				out = runTo(t, openApp(t, g, stored(copiedTo(t, before), nil)), burdock.StopDone)
				if got := strings.Join(view[bunch](t, out.State).Words, " "); got != test.want || log.take() != "" {
					t.Errorf("after a crash: got %s, want %s", got, test.want)
				}
			})
		})
	}
}

func cancelAt(t *testing.T, s burdock.Store, ref burdock.Ref) {
	t.Helper()
	if err := burdock.Cancel(t.Context(), s, ref); err != nil {
		t.Fatal(err)
	}
}

// I8: two people cancel one application; one call is cancelled, and no message is left for the next.
func TestI8_CancelTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log notes
		g := asksWhileBusy(&log, time.Second, &burdock.MapOptions{Failures: burdock.Collect}, "?a", "?b")
		store := memory()
		runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
		branch := waitingBelow(t, store)[0]
		for _, ref := range []burdock.Ref{{App: "app"}, {App: "app"}} {
			cancelAt(t, store, ref)
		}
		if _, err := openApp(t, g, stored(store, nil)).Run(t.Context()); !errors.Is(err, burdock.ErrCancelled) {
			t.Errorf("got %v", err)
		}
		wantEqual(t, "messages", messages(t, store), 0)
		for range 2 {
			cancelAt(t, store, branch.Ref())
		}
		runTo(t, openApp(t, g, stored(store, nil)), burdock.StopWaiting)
		wantEqual(t, "messages", messages(t, store), 0)
	})
}

// I8: a cancellation that comes when its branch has ended changes nothing: what waits beside it, and around it, is not run
// again for it.
func TestI8_ACancellationThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log notes
		inner := mapOver("inner", asking(&log), &burdock.MapOptions{Failures: burdock.Collect}, twigKey{"?x"}, twigKey{"?y"})
		join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "+")}, nil })
		outer := burdock.MapActions("outer", burdock.Actions(burdock.MustGraph("deep", burdock.Chain(inner, join))),
			func(context.Context, burdock.None) (twigKey, error) { return twigKey{"n"}, nil },
			func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
				return bunch{wordsOf(rs.All())}, nil
			}, nil)
		g := burdock.MustGraph("g", burdock.Node(outer))
		store := memory()
		runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
		waiting := waitingBelow(t, store)
		cancelAt(t, store, waiting[0].Ref())
		runTo(t, openApp(t, g, stored(store, nil)), burdock.StopWaiting)
		cancelAt(t, store, waiting[0].Ref())
		runTo(t, openApp(t, g, stored(store, nil)), burdock.StopWaiting)
		answerTo(t, store, waiting[1].Ref(), consent{true})
		out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
		if got := strings.Join(view[bunch](t, out.State).Words, " "); !strings.Contains(got, "?y=true") {
			t.Errorf("got %s", got)
		}
	})
}

// I8, M9: a reduce that returns early leaves behind a branch that was cancelled in an earlier call.
func TestI8_AnEarlyReturnBesideACancelledBranch(t *testing.T) {
	var log notes
	r := rigOf("?x", "?y", "?z")
	r.opts = &burdock.MapOptions{Failures: burdock.Collect}
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		for res := range rs.AsDone() {
			return []string{res.Out.Word}, nil
		}
		return nil, rs.Err()
	}
	g := line(r.over(asking(&log)))
	store := memory()
	runTo(t, newApp(t, g, stored(store, nil)), burdock.StopWaiting)
	waiting := waitingBelow(t, store)
	cancelAt(t, store, waiting[1].Ref())
	app := openApp(t, g, stored(store, nil))
	runTo(t, app, burdock.StopWaiting)
	answerTo(t, store, waiting[0].Ref(), consent{true})
	out := runTo(t, app, burdock.StopDone)
	if got := strings.Join(view[bunch](t, out.State).Words, " "); got != "?x=true" {
		t.Errorf("got %s", got)
	}
	wantEqual(t, "messages", messages(t, store), 0)
}

// I3, R1: the record of a branch that a message cancels between two steps has neither inputs nor times of the first one.
func TestI8_CancelledBetweenTwoSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type given struct {
			Name string `state:"name"`
			Hint string `input:"hint,optional"`
		}
		store := memory()
		use := burdock.Func("use", func(_ context.Context, in given) (twigOut, error) {
			time.Sleep(time.Minute) // it does not heed its context
			return twigOut{in.Name}, nil
		})
		three := burdock.MustGraph("three", burdock.Chain(idle("first"), use, idle("third")))
		g := burdock.MustGraph("g", burdock.Node(mapOver("fan", three, &burdock.MapOptions{Failures: burdock.Collect}, twigKey{"b"})))
		go func() {
			time.Sleep(time.Second)
			cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["b"]
			if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: cp.App}); err != nil {
				t.Error(err)
			}
		}()
		runTo(t, newApp(t, g, stored(store, nil)), burdock.StopDone, burdock.Input("hint", "h"))
		cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["b"]
		if cp.Seq != 3 || cp.Status != burdock.StatusCancelled || len(cp.Inputs) != 0 || cp.Started.Before(cp.Ended) {
			t.Errorf("got step %d %s with inputs %v from %v to %v", cp.Seq, cp.Status, cp.Inputs, cp.Started, cp.Ended)
		}
	})
}

// I8, M20: a branch whose store is not that of the application around it is answered in its own. What its graph declares
// is written elsewhere, so the owner finds out what does not fit; a secret is refused if the window says that it is one.
func TestI8_AnswerInTheStoreOfBranches(t *testing.T) {
	type askIn struct {
		Name string `state:"name"`
		Yes  bool   `input:"yes"`
	}
	ask := burdock.Func("ask", func(_ context.Context, in askIn) (twigOut, error) {
		return twigOut{fmt.Sprint(in.Name, in.Yes)}, nil
	})
	deep := burdock.MustGraph("deep", burdock.Chain(mapOver("inner", ask, nil, twigKey{"b"}),
		burdock.Func("join", func(_ context.Context, in bunch) (twigOut, error) { return twigOut{strings.Join(in.Words, "")}, nil })))
	g := line(mapOver("wide", ask, nil, twigKey{"a"}), mapOver("nested", deep, nil, twigKey{"c"}))
	store, branches := memory(), memory()
	o := stored(store, nil)
	o.Logger = slog.New(slog.DiscardHandler)
	o.Branches = &burdock.Cascade{Store: branches}
	app := openApp(t, g, o)
	type yes struct {
		Yes bool `input:"yes"`
	}
	ref := runTo(t, app, burdock.StopWaiting).Pending[0].Ref
	err := burdock.Answer(t.Context(), branches, ref, struct {
		Yes bool `input:"yes,secret"`
	}{true})
	wantTexts(t, err, `input "yes" is secret`)
	answerTo(t, branches, ref, burdock.Input("yes", "perhaps"))
	out := runTo(t, openApp(t, g, o), burdock.StopWaiting)
	wantEqual(t, "pending", out.Pending[0].Ref, ref)
	answerTo(t, branches, ref, yes{true})
	app = openApp(t, g, o)
	ref = runTo(t, app, burdock.StopWaiting).Pending[0].Ref
	answerTo(t, branches, ref, yes{true})
	out = runTo(t, app, burdock.StopDone)
	wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, ""), "btrue")
	wantEqual(t, "messages", messages(t, branches)+messages(t, store), 0)
}
