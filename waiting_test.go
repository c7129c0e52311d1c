package burdock_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

type goAhead struct {
	Yes bool   `input:"yes"`
	Who string `input:"who"`
}

type decided struct {
	By string `state:"by"`
}

func decide(_ context.Context, a goAhead) (decided, error) {
	if !a.Yes {
		return decided{"nobody"}, nil
	}
	return decided{a.Who}, nil
}

// I5: an action waits when a required input has no source, with the names of all of them; I7: Outcome.Pending.
func TestAnActionWaitsForItsInputs(t *testing.T) {
	for _, where := range []string{"memory", "store", "restart"} {
		t.Run(where, func(t *testing.T) {
			g := line(adder("a", 1), burdock.Func("decide", decide), idle("end"))
			o := stored(newStore(), number{1})
			if where == "memory" {
				o.Cascade.Store = nil
			}
			app := newApp(t, g, o)
			again := func() *burdock.App {
				if where == "restart" {
					app = must(t)(burdock.Resume(t.Context(), g, o))
				}
				return app
			}
			out := runTo(t, app, burdock.StopWaiting)
			p := out.Pending[0]
			if p.Ref != (burdock.Ref{App: "app", Seq: 2}) || p.Path != "app" || p.Action != "decide" || !cmp.Equal(p.Needs, []string{"yes", "who"}) {
				t.Errorf("got %+v", p)
			}
			wantEqual(t, "state of what waits", view[number](t, p.State).N, 2)
			if out.Next != "decide" || out.Action != "a" || out.Seq != 1 || out.Err != nil {
				t.Errorf("got %+v", out)
			}
			out = runTo(t, again(), burdock.StopWaiting, burdock.Input("who", "ann"))
			if !cmp.Equal(out.Pending[0].Needs, []string{"yes"}) || len(out.Unused) != 0 {
				t.Errorf("got needs %q, unused %q, want yes: who was given", out.Pending[0].Needs, out.Unused)
			}
			out = runTo(t, again(), burdock.StopDone, burdock.Input("yes", true))
			wantEqual(t, "by", view[decided](t, out.State).By, "ann")
		})
	}
}

// R1: a step that waits keeps its number; when it runs it is the next attempt of it. Its record is replaced.
func TestAWaitingStepKeepsItsNumber(t *testing.T) {
	db := newStore()
	app := newApp(t, line(burdock.Func("decide", decide)), stored(db, nil))
	runTo(t, app, burdock.StopWaiting)
	cp := records(t, db, "app")[1]
	if cp.Status != burdock.StatusWaiting || cp.Attempt != 1 || cp.Action != "decide" || !cmp.Equal(cp.Needs, []string{"yes", "who"}) || cp.Next != "" {
		t.Errorf("got %+v", cp)
	}
	runTo(t, app, burdock.StopDone, burdock.Given(goAhead{true, "ann"}))
	all := records(t, db, "app")
	if cp := all[len(all)-1]; len(all) != 2 || cp.Status != burdock.StatusCompleted || cp.Attempt != 2 || cp.Needs != nil {
		t.Errorf("got %d records, the last %+v", len(all), cp)
	}
}

// I7: App.Pending iterates over what waits.
func TestPendingIteratesOverWhatWaits(t *testing.T) {
	app := newApp(t, line(burdock.Func("decide", decide)), nil)
	count := func() (n int) {
		for p, err := range app.Pending(t.Context()) {
			if err != nil || p.Action != "decide" {
				t.Errorf("got %+v, %v", p, err)
			}
			n++
		}
		return n
	}
	wantEqual(t, "before a run", count(), 0)
	runTo(t, app, burdock.StopWaiting)
	wantEqual(t, "waiting", count(), 1)
	for _, err := range app.Pending(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range app.Pending(ctx) {
		wantIs(t, err, context.Canceled)
	}
	runTo(t, app, burdock.StopDone, burdock.Given(goAhead{}))
	wantEqual(t, "after", count(), 0)
}

// Waiting is no failure: no error route is taken, and Steps ends without an error.
func TestWaitingTakesNoErrorRoute(t *testing.T) {
	d, h := burdock.Func("decide", decide), idle("handler")
	g := burdock.MustGraph("g", burdock.Node(d, burdock.OnError(burdock.AnyError, h)), burdock.Node(h))
	app := newApp(t, g, nil)
	for step, err := range app.Steps(t.Context()) {
		t.Errorf("got %v, %v", step, err)
	}
	wantEqual(t, "stop", app.Outcome().Stop, burdock.StopWaiting)
}

// A step with an optional input does not wait.
func TestOptionalInputsAreNotWaitedFor(t *testing.T) {
	var log notes
	runTo(t, newApp(t, line(telling("a", &log)), nil), burdock.StopDone)
}

// A chatbot: one event per turn, over and over, in one application.
func TestAConversation(t *testing.T) {
	type turn struct {
		Line string `input:"line"`
	}
	hear := burdock.Func("hear", func(_ context.Context, in turn) (says, error) { return says{[]string{in.Line}}, nil })
	g := burdock.MustGraph("chat", burdock.Node(hear, burdock.Then(hear)))
	db := newStore()
	for _, text := range []string{"a", "b", "c"} {
		app := openApp(t, g, stored(db, nil))
		out := runTo(t, app, burdock.StopWaiting, burdock.Given(turn{text}))
		if got := view[said](t, out.State).Lines; got[len(got)-1] != text {
			t.Errorf("got %q, want it to end with %q", got, text)
		}
	}
	app := openApp(t, g, stored(db, nil))
	if got := view[said](t, app.State()).Lines; !cmp.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %q", got)
	}
}
