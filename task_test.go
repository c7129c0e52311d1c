package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type (
	askedFor struct {
		Prompt string `state:"prompt"`
		Model  string `input:"model,optional"`
	}
	promptOnly struct {
		Prompt string `state:"prompt"`
	}
	told struct {
		Text string `state:"text"`
	}
	heard struct {
		Texts []string `state:"texts"`
	}

	taskResults = burdock.Results[promptOnly, told]
)

// tell repeats the prompt with the name of the model.
func tell(_ context.Context, in askedFor) (told, error) {
	if in.Prompt == "bad" {
		return told{}, errors.New("a bad prompt")
	}
	return told{in.Model + ":" + in.Prompt}, nil
}

// hear joins what was told, key by key.
func hear(_ context.Context, _ burdock.None, rs *taskResults) (h heard, err error) {
	for r := range rs.All() {
		text := r.Out.Text
		if r.Err != nil {
			text = "failed"
		}
		h.Texts = append(h.Texts, r.Action()+" "+r.Key()+" "+text)
	}
	return h, nil
}

// each yields items without errors.
func eachOf[T any](items ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func runTexts(t *testing.T, a *burdock.Action, opts *burdock.Options) ([]string, error) {
	t.Helper()
	got, err := burdock.Read[heard](runNew(t, mustGraph(t, "g", burdock.Node(a)), opts))
	return got.Texts, err
}

// M11: in a product each action runs over each state; the key is the action's name and the key of the state.
func TestM11_ProductsOfActionsAndStates(t *testing.T) {
	ask := burdock.Func("ask", tell)
	actions := burdock.Actions(ask.Named("gpt_4").Bind("model", "gpt-4"), ask.Named("o:1").Bind("model", "o1"))
	t.Run("by index", func(t *testing.T) {
		store := memstore.New()
		a := burdock.MapActionsAndStates("every_pair", actions,
			func(context.Context, burdock.None) iter.Seq2[promptOnly, error] {
				return eachOf(promptOnly{"a"}, promptOnly{"b"})
			},
			hear, nil)
		got, err := runTexts(t, a, &burdock.Options{ID: "run-7", Cascade: burdock.Cascade{Store: store}})
		want := []string{"gpt_4 gpt_4:0 gpt-4:a", "o:1 o%3A1:0 o1:a", "gpt_4 gpt_4:1 gpt-4:b", "o:1 o%3A1:1 o1:b"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		cp, err := store.Load(t.Context(), burdock.Ref{App: branchOf(t, store, "run-7", 3), Seq: -1})
		if err != nil || cp.Path != "run-7/every_pair#1/o%3A1:1" {
			t.Errorf("got path %q, %v", cp.Path, err)
		}
	})
	t.Run("by key", func(t *testing.T) {
		type keyed struct {
			Prompt string `state:"prompt,key"`
		}
		a := burdock.MapActionsAndStates("every_pair", actions,
			func(context.Context, burdock.None) iter.Seq2[keyed, error] { return eachOf(keyed{"a/"}, keyed{"b"}) },
			func(_ context.Context, _ burdock.None, rs *burdock.Results[keyed, told]) (h heard, err error) {
				for r := range rs.OK() {
					h.Texts = append(h.Texts, r.Key()+" "+r.Path())
				}
				return h, rs.Err()
			}, nil)
		got, err := runTexts(t, a, &burdock.Options{ID: "r"})
		want := []string{"gpt_4:a%2F r/every_pair#1/gpt_4:a%2F", "o%3A1:a%2F r/every_pair#1/o%3A1:a%2F", "gpt_4:b r/every_pair#1/gpt_4:b", "o%3A1:b r/every_pair#1/o%3A1:b"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	})
	t.Run("an error of the sequence", func(t *testing.T) {
		broken := errors.New("broken")
		a := burdock.MapActionsAndStates("every_pair", actions,
			func(context.Context, burdock.None) iter.Seq2[promptOnly, error] {
				return func(yield func(promptOnly, error) bool) {
					_ = yield(promptOnly{"a"}, nil) && yield(promptOnly{}, broken)
				}
			}, hear, &burdock.MapOptions{Failures: burdock.Collect})
		if _, err := runTexts(t, a, nil); !errors.Is(err, broken) {
			t.Errorf("got %v, want it", err)
		}
	})
}

// branchOf returns the id of a branch by its index in the first step.
func branchOf(t *testing.T, store burdock.Store, root string, index int64) string {
	t.Helper()
	for cp, err := range store.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: root, Seq: 1}, Latest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if cp.Index == index {
			return cp.App
		}
	}
	t.Fatalf("no branch %d", index)
	return ""
}

func tasksOf(uses []burdock.Runnable, opts *burdock.MapOptions, tasks ...burdock.Task[promptOnly]) *burdock.Action {
	return burdock.MapTasks("tasks", uses, func(context.Context, burdock.None) iter.Seq2[burdock.Task[promptOnly], error] {
		return eachOf(tasks...)
	}, hear, opts)
}

// Each task says what runs, with which state and inputs, under which key and id.
func TestMapTasks(t *testing.T) {
	ask := burdock.Func("ask", tell)
	shout := burdock.Func("shout", func(_ context.Context, in promptOnly) (told, error) { return told{strings.ToUpper(in.Prompt)}, nil })
	twice := mustGraph(t, "twice", burdock.Chain(shout, burdock.Func("again", func(_ context.Context, in told) (told, error) { return told{in.Text + in.Text}, nil })))
	store := memstore.New()
	a := tasksOf(burdock.Actions(ask, shout, twice), nil,
		burdock.Task[promptOnly]{Run: ask, State: promptOnly{"a"}, Given: burdock.Input("model", "m1")},
		burdock.Task[promptOnly]{Key: "second", Run: shout, State: promptOnly{"b"}},
		burdock.Task[promptOnly]{Run: twice, State: promptOnly{"c"}, ID: "my-own", Timeout: time.Hour},
		burdock.Task[promptOnly]{Key: "x/y", Run: ask, State: promptOnly{"d"}},
	)
	got, err := runTexts(t, a, &burdock.Options{ID: "r", Given: burdock.Input("model", "m0"), Cascade: burdock.Cascade{Store: store}})
	want := []string{"ask 0 m1:a", "shout second B", "twice 2 CC", "ask x/y m0:d"}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	if cp, err := store.Load(t.Context(), burdock.Ref{App: "my-own", Seq: -1}); err != nil || cp.Path != "r/tasks#1/2" || cp.Seq != 2 {
		t.Errorf("got %+v, %v, want the branch under its own id", cp, err)
	}
}

// What a task cannot mean is a clear error of the visit.
func TestWrongTasks(t *testing.T) {
	ask := burdock.Func("ask", tell)
	bound := ask.Named("bound").Bind("model", "m")
	stranger := burdock.Func("stranger", tell)
	store := memstore.New()
	if _, err := runNew(t, mustGraph(t, "g", burdock.Node(tasksOf(burdock.Actions(ask), nil, burdock.Task[promptOnly]{ID: "taken"}))), &burdock.Options{ID: "first", Cascade: burdock.Cascade{Store: store}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		uses  []burdock.Runnable
		tasks []burdock.Task[promptOnly]
		want  string
	}{
		"an action that is not used":  {burdock.Actions(ask, bound), []burdock.Task[promptOnly]{{Run: stranger}}, `"stranger", which MapTasks was not given; it was given ask, bound`},
		"a copy that differs":         {burdock.Actions(ask, bound), []burdock.Task[promptOnly]{{Run: ask.Bind("model", "m")}}, "their bindings differ"},
		"nothing to run":              {burdock.Actions(ask, bound), []burdock.Task[promptOnly]{{Key: "k"}}, `task "k": Run is nil, and there are 2`},
		"an input nobody declares":    {burdock.Actions(ask), []burdock.Task[promptOnly]{{Given: burdock.Input("other", "m")}}, `"other"`},
		"an input of another type":    {burdock.Actions(ask), []burdock.Task[promptOnly]{{Given: burdock.Input("model", 7)}}, `input "model"`},
		"an input that is bound":      {burdock.Actions(bound), []burdock.Task[promptOnly]{{Given: burdock.Input("model", "x")}}, `bound by action "bound"`},
		"two tasks of one key":        {burdock.Actions(ask), []burdock.Task[promptOnly]{{Key: "k"}, {Key: "k"}}, `the key "k"`},
		"a key that is too long":      {burdock.Actions(ask), []burdock.Task[promptOnly]{{Key: strings.Repeat("k", 5000)}}, "5000 bytes"},
		"two tasks of one id":         {burdock.Actions(ask), []burdock.Task[promptOnly]{{ID: "i"}, {ID: "i"}}, `the ID "i"`},
		"an id that cannot be one":    {burdock.Actions(ask), []burdock.Task[promptOnly]{{ID: "a\x00"}}, "control character"},
		"the id of another branch":    {burdock.Actions(ask), []burdock.Task[promptOnly]{{ID: "taken"}}, "first/tasks#1/0"},
		"the id of an application":    {burdock.Actions(ask), []burdock.Task[promptOnly]{{ID: "first"}}, `"first"`},
		"a window that no graph uses": {burdock.Actions(burdock.Func("none", func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, nil })), nil, `"text"`},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := burdock.NewGraph("g", burdock.Node(tasksOf(c.uses, &burdock.MapOptions{Failures: burdock.Collect}, c.tasks...)))
			if err == nil {
				_, err = runNew(t, g, &burdock.Options{Cascade: burdock.Cascade{Store: store}})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// An id that a task gave belongs to what it was given.
func TestAnIDBelongsToWhatTheTaskWasGiven(t *testing.T) {
	prompt := "bad"
	a := burdock.MapTasks("tasks", burdock.Actions(burdock.Func("ask", tell)),
		func(context.Context, burdock.None) iter.Seq2[burdock.Task[promptOnly], error] {
			return eachOf(burdock.Task[promptOnly]{ID: "i", State: promptOnly{prompt}})
		}, hear, nil)
	g := mustGraph(t, "g", burdock.Node(a))
	opts := opts2(memstore.New())
	if _, err := runNew(t, g, opts); err == nil {
		t.Fatal("the first run did not fail")
	}
	app := resumed(t, g, opts.Cascade.Store)
	if _, err := app.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "a bad prompt") {
		t.Errorf("with the same state: got %v, want the action to run again", err)
	}
	prompt = "good"
	if _, err := app.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `"i" was recorded with another State`) {
		t.Errorf("with another state: got %v, want an error that says why", err)
	}
}

// A task with an error has failed before it began: its action is not called, and neither Retry nor error routes are
// asked; the others go on as the policy says, and after a restart all is as it was.
func TestATaskThatCannotBegin(t *testing.T) {
	broken := errors.New("the tool call does not fit")
	var calls atomic.Int64
	ask := burdock.Func("ask", func(ctx context.Context, in askedFor) (told, error) {
		calls.Add(1)
		return tell(ctx, in)
	}).With(burdock.Retry{Attempts: 5})
	rescue := burdock.Func("rescue", func(context.Context, burdock.None) (told, error) { return told{"rescued"}, nil })
	fallback := burdock.Func("fallback", func(_ context.Context, in struct {
		Prompt  string          `state:"prompt"`
		Failure burdock.Failure `input:"failure"`
	},
	) (told, error) {
		return told{in.Prompt + " fell back: " + in.Failure.Text}, nil
	})
	routed := mustGraph(t, "routed", burdock.Node(ask, burdock.OnError(burdock.AnyError, rescue)), burdock.Node(rescue))
	tasks := []burdock.Task[promptOnly]{{Run: routed, State: promptOnly{"a"}}, {Run: routed, State: promptOnly{"b"}, Err: broken}, {Run: routed, State: promptOnly{"c"}}}
	for name, c := range map[string]struct {
		opts *burdock.MapOptions
		want []string
	}{
		"collect":    {&burdock.MapOptions{Failures: burdock.Collect}, []string{"routed 0 :a", "routed 1 failed", "routed 2 :c"}},
		"tolerate":   {&burdock.MapOptions{Failures: burdock.Tolerate(1)}, []string{"routed 0 :a", "routed 1 failed", "routed 2 :c"}},
		"intolerant": {&burdock.MapOptions{Failures: burdock.Tolerate(0)}, nil},
		"fail fast":  {nil, nil},
		"fallback":   {&burdock.MapOptions{Fallback: fallback}, []string{"routed 0 :a", "routed 1 b fell back: the tool call does not fit", "routed 2 :c"}},
	} {
		t.Run(name, func(t *testing.T) {
			calls.Store(0)
			store := memstore.New()
			g := mustGraph(t, "g", burdock.Node(tasksOf(burdock.Actions(routed), c.opts, tasks...)))
			got, err := burdock.Read[heard](runNew(t, g, opts2(store)))
			if c.want == nil {
				if !errors.Is(err, broken) {
					t.Errorf("got %v, want the task's error", err)
				}
				return
			}
			if err != nil || !slices.Equal(got.Texts, c.want) || calls.Load() != 2 {
				t.Errorf("got %q, %v after %d calls, want %q after 2", got.Texts, err, calls.Load(), c.want)
			}
		})
	}
}

// Fallback runs in a failed branch on its state; what it returns is the branch's result, and a restart finds it.
func TestFallback(t *testing.T) {
	type seen struct {
		Prompt  string          `state:"prompt"`
		Note    string          `state:"note,optional"`
		Failure burdock.Failure `input:"failure"`
	}
	type note struct {
		Note string `state:"note"`
	}
	broken := false
	fallback := burdock.Func("fallback", func(_ context.Context, in seen) (told, error) {
		if broken {
			return told{}, errors.New("the fallback is broken")
		}
		return told{fmt.Sprint(in.Prompt, in.Note, in.Failure.Action)}, nil
	})
	take := burdock.Func("take", func(_ context.Context, in promptOnly) (note, error) { return note{" noted "}, nil })
	g := mustGraph(t, "two", burdock.Chain(take, burdock.Func("ask", tell)))
	a := tasksOf(burdock.Actions(g), &burdock.MapOptions{Fallback: fallback}, burdock.Task[promptOnly]{State: promptOnly{"bad"}}, burdock.Task[promptOnly]{State: promptOnly{"good"}})
	want := []string{"two 0 bad noted ask", "two 1 :good"}
	store := memstore.New()
	got, err := runTexts(t, a, opts2(store))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	cp, err := store.Load(t.Context(), burdock.Ref{App: branchOf(t, store, "t", 0), Seq: 2})
	if err != nil || cp.Status != burdock.StatusFailed || cp.Next != "fallback" {
		t.Errorf("got %+v, %v, want the failed step with its way", cp, err)
	}
	broken = true
	if _, err := runTexts(t, a, nil); err == nil || !strings.Contains(err.Error(), "the fallback is broken") {
		t.Errorf("a fallback that fails: got %v", err)
	}
	_, err = burdock.NewGraph("g", burdock.Node(tasksOf(burdock.Actions(g), &burdock.MapOptions{Fallback: take.Named("ask")})))
	if err == nil || !strings.Contains(err.Error(), `two nodes are named "ask"`) {
		t.Errorf("a fallback of a node's name: got %v", err)
	}
}

// A task's Timeout bounds all that its branch does, its retries and waits included; its Fallback still runs.
func TestATaskMayTakeNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := burdock.Func("slow", func(ctx context.Context, in promptOnly) (told, error) {
			d, err := time.ParseDuration(in.Prompt)
			if err != nil {
				return told{}, err
			}
			select {
			case <-time.After(d):
				return told{in.Prompt}, nil
			case <-ctx.Done():
				return told{}, ctx.Err()
			}
		}).With(burdock.Retry{Attempts: 1000, Backoff: time.Hour, MaxBackoff: time.Hour})
		again := slow.Named("again")
		both := mustGraph(t, "both", burdock.Node(slow, burdock.OnError(burdock.AnyError, slow), burdock.Then(again)), burdock.Node(again))
		outer := burdock.Subgraph[promptOnly, told]("outer", both)
		tasks := []burdock.Task[promptOnly]{
			{State: promptOnly{"1s"}, Run: both, Timeout: time.Minute},
			{State: promptOnly{"50s"}, Run: both, Timeout: time.Minute},
			{State: promptOnly{"50s"}, Run: outer, Timeout: time.Minute},
			{State: promptOnly{"no duration"}, Run: both, Timeout: time.Minute},
			{State: promptOnly{"1h"}, Run: both},
		}
		fallback := burdock.Func("fallback", func(_ context.Context, in struct {
			Failure burdock.Failure `input:"failure"`
		},
		) (told, error) {
			if !errors.Is(in.Failure.Err(), burdock.ErrTimeout) {
				return told{}, in.Failure.Err()
			}
			return told{"late"}, nil
		})
		began := time.Now()
		got, err := runTexts(t, tasksOf(burdock.Actions(both, outer), &burdock.MapOptions{Failures: burdock.Collect}, tasks...), opts2(memstore.New()))
		want := []string{"both 0 1s", "both 1 failed", "outer 2 failed", "both 3 failed", "both 4 1h"}
		if err != nil || !slices.Equal(got, want) || time.Since(began) != 2*time.Hour {
			t.Errorf("got %q, %v after %v, want %q after 2h", got, err, time.Since(began), want)
		}
		got, err = runTexts(t, tasksOf(burdock.Actions(both, outer), &burdock.MapOptions{Fallback: fallback}, tasks...), nil)
		want = []string{"both 0 1s", "both 1 late", "outer 2 late", "both 3 late", "both 4 1h"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("with a fallback: got %q, %v, want %q", got, err, want)
		}
	})
}

// Tolerate hands up to n failures to reduce; one more ends the visit.
func TestTolerate(t *testing.T) {
	ask := burdock.Func("ask", tell)
	var tasks []burdock.Task[promptOnly]
	for i := range 9 {
		tasks = append(tasks, burdock.Task[promptOnly]{State: promptOnly{[]string{"good", "bad", "good"}[i%3]}})
	}
	for n := range 5 {
		got, err := runTexts(t, tasksOf(burdock.Actions(ask), &burdock.MapOptions{Failures: burdock.Tolerate(n), Limit: 1}, tasks...), nil)
		if n >= 3 {
			if err != nil || len(got) != 9 {
				t.Errorf("Tolerate(%d) of 3 failures: got %q, %v, want all", n, got, err)
			}
			continue
		}
		if failed, ok := errors.AsType[*burdock.MapError](err); !ok || len(failed.Branches) != n+1 {
			t.Errorf("Tolerate(%d) of 3 failures: got %v, want %d of them", n, err, n+1)
		}
	}
	_, err := burdock.NewGraph("g", burdock.Node(tasksOf(burdock.Actions(ask), &burdock.MapOptions{Failures: burdock.Tolerate(-1)})))
	if err == nil || !strings.Contains(err.Error(), "Tolerate(-1)") {
		t.Errorf("got %v", err)
	}
}

// A metronome lets one branch begin each second.
type metronome struct {
	next  time.Time
	fails error
}

func (m *metronome) Wait(ctx context.Context) error {
	if m.fails != nil {
		return m.fails
	}
	if now := time.Now(); m.next.Before(now) {
		m.next = now
	}
	wait := time.Until(m.next)
	m.next = m.next.Add(time.Second)
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// M2: the Rate is waited for before a branch is drawn, and not for what is restored.
func TestM2_Rate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := true
		ask := burdock.Func("ask", func(ctx context.Context, in askedFor) (told, error) {
			if in.Prompt == "last" && fails {
				return told{}, errors.New("not yet")
			}
			return tell(ctx, in)
		})
		var tasks []burdock.Task[promptOnly]
		for i := range 10 {
			tasks = append(tasks, burdock.Task[promptOnly]{State: promptOnly{fmt.Sprint(i)}})
		}
		tasks = append(tasks, burdock.Task[promptOnly]{State: promptOnly{"last"}})
		m := &metronome{}
		g := mustGraph(t, "g", burdock.Node(tasksOf(burdock.Actions(ask), &burdock.MapOptions{Rate: m}, tasks...)))
		store := memstore.New()
		began := time.Now()
		if _, err := runNew(t, g, opts2(store)); err == nil {
			t.Fatal("the first run did not fail")
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("11 branches took %v, want 10s", took)
		}
		fails, m.next, began = false, time.Time{}, time.Now()
		if out, err := resumed(t, g, store).Run(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("resumed: got %+v, %v after %v, want only one to wait", out, err, time.Since(began))
		}
		m.fails = errors.New("no moment will do")
		if _, err := runNew(t, g, &burdock.Options{}); !errors.Is(err, m.fails) {
			t.Errorf("a rate that fails: got %v", err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 1500*time.Millisecond, errBusy)
		defer cancel()
		m.fails = nil
		app, err := burdock.New(t.Context(), g, nil)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := app.Run(ctx); !errors.Is(err, errBusy) || out.Stop != burdock.StopCancelled {
			t.Errorf("cancelled while it waits: got %+v, %v", out, err)
		}
	})
}

// M12: the id of a branch is made of the application's also where only its task names a tracker.
func TestM12_ATaskThatAloneIsTrackedHasAnIDOfItsApplication(t *testing.T) {
	ids := map[string]bool{}
	for _, id := range []string{"one", "other"} {
		tracked := &burdock.Cascade{Tracker: trackFunc(func(_ context.Context, e burdock.Event) error { ids[e.App] = true; return nil })}
		tasks := burdock.MapTasks("tasks", burdock.Actions(idle("idle")),
			func(context.Context, burdock.None) iter.Seq2[burdock.Task[burdock.None], error] {
				return burdock.Each([]string{"k"}, func(key string) burdock.Task[burdock.None] {
					return burdock.Task[burdock.None]{Key: key, Cascade: tracked}
				})
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[burdock.None, burdock.None]) (burdock.None, error) {
				for range rs.OK() {
				}
				return burdock.None{}, rs.Err()
			}, nil)
		runTo(t, newApp(t, line(tasks), &burdock.Options{ID: id}), burdock.StopDone)
	}
	wantEqual(t, "ids", len(ids), 2)
}
