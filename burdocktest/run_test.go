package burdocktest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

func TestRunReadsTheResultOfAnAction(t *testing.T) {
	res := burdocktest.Run[answer](t, ask, question{Prompt: "why", Model: "m: "})
	if got, want := res.Out.Text, "m: WHY"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if res.Outcome.Stop != burdock.StopDone || res.Err != nil || len(res.Trace.Steps) != 2 {
		t.Errorf("got %+v, %v, %d steps", res.Outcome, res.Err, len(res.Trace.Steps))
	}
	if _, err := res.Store.Load(t.Context(), burdock.Ref{App: "test", Seq: 1}); err != nil {
		t.Error(err)
	}
}

func TestRunMakesACallForEachGiven(t *testing.T) {
	res := burdocktest.Run[approved](t, survey, prompts{[]string{"a", "bad"}},
		burdocktest.Given(), burdocktest.Given(approval{true}))
	if !res.Out.Done {
		t.Errorf("got %+v", res.Out)
	}
	wantFailure(t, func(t testing.TB) {
		burdocktest.Run[approved](t, survey, prompts{[]string{"bad"}}, burdocktest.Given(approval{true}), burdocktest.Given(approval{true}))
	}, "it stopped (done) in call 1, and there are inputs for 2")
}

func TestRunTellsWhatItWaitsFor(t *testing.T) {
	wantFailure(t, func(t testing.TB) { burdocktest.Run[approved](t, survey, prompts{[]string{"bad"}}) },
		"test waits before approve for yes")
	res := burdocktest.Run[burdock.None](t, survey, prompts{[]string{"bad"}})
	if res.Outcome.Stop != burdock.StopWaiting {
		t.Errorf("got %s, want it waiting", res.Outcome.Stop)
	}
}

func TestRunFailsTheTestUnlessItMayFail(t *testing.T) {
	wantFailure(t, func(t testing.TB) { burdocktest.Run[answer](t, ask, question{Prompt: "bad"}) }, "the model refused")
	wantFailure(t, func(t testing.TB) {
		burdocktest.Run[answer](t, ask, question{Prompt: "good"}, burdocktest.Fails())
	}, "it did not fail: done after ask")
	res := burdocktest.Run[answer](t, ask, question{Prompt: "bad"}, burdocktest.Fails(), burdocktest.Resumed())
	if !errors.Is(res.Err, errRefused) || res.Outcome.Stop != burdock.StopFailed {
		t.Errorf("got %v, %+v", res.Err, res.Outcome)
	}
}

func TestRunReportsWhatIsNoRun(t *testing.T) {
	bad := burdock.Func("bad", func(context.Context, struct{ Untagged int }) (burdock.None, error) { return burdock.None{}, nil })
	for text, test := range map[string]func(t testing.TB){
		"it is nil":    func(t testing.TB) { burdocktest.Run[answer](t, (*burdock.Action)(nil), nil) },
		"has no tag":   func(t testing.TB) { burdocktest.Run[answer](t, bad, nil) },
		"not a string": func(t testing.TB) { burdocktest.Run[answer](t, ask, "window") },
		"not a int":    func(t testing.TB) { burdocktest.Run[answer](t, ask, question{}, burdocktest.Given(1)) },
		"no action of graph": func(t testing.TB) {
			burdocktest.Run[answer](t, ask, question{Prompt: "x"}, burdocktest.Given(approval{}))
		},
		"runs in memory": func(t testing.TB) {
			burdocktest.Run[answer](t, ask, nil, burdocktest.With(burdock.Options{Cascade: burdock.Cascade{Store: &claimless{}}}))
		},
		"argument of its own": func(t testing.TB) {
			burdocktest.Run[answer](t, ask, nil, burdocktest.With(burdock.Options{State: burdock.StateOf(answer{})}))
		},
		"before anything":      func(t testing.TB) { burdocktest.Run[answer](t, ask, nil) },
		"nothing wrote it, or": func(t testing.TB) { burdocktest.Run[approved](t, ask, question{Prompt: "x"}) },
	} {
		wantFailure(t, test, text)
	}
}

type claimless struct{ burdock.Store }

// What the events say does not depend on which branch was faster.
func TestEventsAreInTheOrderOfTheTrace(t *testing.T) {
	var list []string
	for _, p := range []string{"a", "b", "c", "d", "e"} {
		list = append(list, p, p+p)
	}
	var first []string
	for range 5 {
		res := burdocktest.Run[digested](t, survey, prompts{list})
		var got []string
		for _, ev := range res.Events {
			got = append(got, string(ev.Kind)+" "+ev.Path)
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Fatalf("got  %q\nwant %q", got, first)
		}
	}
	if len(first) < 4*len(list) {
		t.Errorf("got %d events", len(first))
	}
}

func TestWithSetsOptionsOfTheApplication(t *testing.T) {
	seen := 0
	count := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			seen++
			return next(ctx, s)
		}
	}
	told := 0
	opts := burdock.Options{
		ID: "talk", Given: burdock.Given(struct {
			Model string `input:"model"`
		}{"m"}),
		Cascade: burdock.Cascade{
			Middleware: []burdock.Middleware{count},
			Tracker:    burdock.TrackerFunc(func(context.Context, burdock.Event) error { told++; return nil }),
		},
	}
	res := burdocktest.Run[answer](t, ask, question{Prompt: "x"}, burdocktest.With(opts), burdocktest.Checked(burdocktest.Strict))
	if res.Out.Text != "mX" || res.Trace.Path != "talk" || seen != 1 || told != len(res.Events) {
		t.Errorf("got %+v, %s, %d steps, %d of %d events", res.Out, res.Trace.Path, seen, told, len(res.Events))
	}
}

// In a bubble of testing/synctest, time is the bubble's.
func TestRunTakesNoTimeInABubble(t *testing.T) {
	slow := burdock.Func("slow", func(_ context.Context, q question) (answer, error) {
		time.Sleep(time.Hour)
		return answer{q.Prompt}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now() // once, killed before it was saved, resumed, and killed after it
		burdocktest.Run[answer](t, slow, question{Prompt: "x"}, burdocktest.Resumed(), watched, strictly)
		if got, want := time.Since(began), 4*time.Hour; got != want {
			t.Errorf("it took %v, want %v", got, want)
		}
	})
}
