package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// telling returns an action that tells a model, if it was given one.
func telling(name string, log *notes) *burdock.Action {
	type in struct {
		Model string `input:"model,optional"`
	}
	return burdock.Func(name, func(_ context.Context, i in) (burdock.None, error) {
		log.add(name + "=" + i.Model)
		return burdock.None{}, nil
	})
}

// I1: Bind > window field of a branch > event > Options.Given.
func TestPrecedenceOfInputs(t *testing.T) {
	var log notes
	a := telling("a", &log)
	type sub struct {
		Model string `input:"model,optional"`
	}
	window := func(model string) *burdock.Action {
		return burdock.MapActions("m", burdock.Actions(a), func(context.Context, burdock.None) (sub, error) { return sub{model}, nil },
			burdock.List[burdock.None, sub, burdock.None](func([]burdock.None) burdock.None { return burdock.None{} }), nil)
	}
	given := &burdock.Options{Given: burdock.Input("model", "config")}
	event := burdock.Input("model", "event")
	for _, c := range []struct {
		name   string
		action *burdock.Action
		o      *burdock.Options
		opts   []burdock.RunOption
		want   string
	}{
		{"nothing", a, nil, nil, "a="},
		{"configuration", a, given, nil, "a=config"},
		{"event over configuration", a, given, []burdock.RunOption{event}, "a=event"},
		{"Bind over all", burdock.Subgraph[burdock.None, burdock.None]("s", line(a.Bind("model", "bound"), telling("b", &log))), given, []burdock.RunOption{event}, "a=bound b=event"},
		{"window over event", window("window"), given, []burdock.RunOption{event}, "a=window"},
		{"a zero field of a window is not given", window(""), given, []burdock.RunOption{event}, "a=event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			runTo(t, newApp(t, line(c.action), c.o), burdock.StopDone, c.opts...)
			wantEqual(t, "told", log.take(), c.want)
		})
	}
}

// I2: an event serves the first step that declares it, and no later one. What nobody used is in Outcome.Unused (I4).
func TestAnEventServesTheFirstStepThatDeclaresIt(t *testing.T) {
	var log notes
	g := line(idle("start"), telling("a", &log), telling("b", &log))
	out := runTo(t, newApp(t, g, nil), burdock.StopDone, burdock.Input("model", "x"))
	wantEqual(t, "told", log.take(), "a=x b=")
	if len(out.Unused) != 0 {
		t.Errorf("got unused %q", out.Unused)
	}
	app := newApp(t, g, nil)
	out = runTo(t, app, burdock.StopHaltedAfter, burdock.Input("model", "x"), burdock.HaltAfter(burdock.ByName("start")))
	if !cmp.Equal(out.Unused, []string{"model"}) {
		t.Errorf("got unused %q, want model", out.Unused)
	}
	runTo(t, app, burdock.StopDone)
	wantEqual(t, "an event of an earlier call", log.take(), "a= b=")
}

// Given takes windows; an optional field that is zero is not given, a required one is.
func TestGivenTakesWindows(t *testing.T) {
	type in struct {
		A string `input:"a"`
		B int    `input:"b"`
		C *int   `input:"c,optional"`
	}
	type part struct {
		A string `input:"a"`
		B int    `input:"b"`
	}
	type rest struct {
		C *int `input:"c,optional"`
	}
	got := ""
	act := burdock.Func("act", func(_ context.Context, i in) (burdock.None, error) {
		got = fmt.Sprintf("%q %d %v", i.A, i.B, i.C != nil)
		return burdock.None{}, nil
	})
	one := 1
	runTo(t, newApp(t, line(act), nil), burdock.StopDone, burdock.Given(part{}, rest{}))
	wantEqual(t, "given", got, `"" 0 false`)
	runTo(t, newApp(t, line(act), nil), burdock.StopDone, burdock.Given(part{"x", 2}), burdock.Given(rest{&one}))
	wantEqual(t, "given", got, `"x" 2 true`)
}

// I4: unknown names, other types and double gifts are errors before anything runs, all at once.
func TestWrongInputsAreErrorsBeforeAnythingRuns(t *testing.T) {
	type state struct {
		A string `state:"a"`
	}
	type untagged struct{ A string }
	ran := false
	act := askAction
	g := line(doing("first", func(context.Context) error { ran = true; return nil }), act, act.Named("bound").Bind("model", "m"))
	app := newApp(t, g, starting(prompted{"p"}))
	for _, c := range []struct {
		in   burdock.Inputs
		want string
	}{
		{burdock.Input("modelo", "x"), `Run: input "modelo": no action of graph "line" declares it; it has model`},
		{burdock.Input("failure", "x"), `input "failure": no action of graph "line" declares it`},
		{burdock.Input("model", 5), `input "model" of action "ask": a value of type int is no string`},
		{burdock.Input("model", nil), "nil is no string"},
		{burdock.Given(nil), "Given: nil is no window"},
		{burdock.Given(5), "Given: window int: a window is a struct"},
		{burdock.Given(state{}), "field A has a state tag, but values given from outside have input tags"},
		{burdock.Given(untagged{}), "field A has no tag"},
	} {
		_, err := app.Run(t.Context(), c.in)
		wantTexts(t, err, c.want)
	}
	_, err := app.Run(t.Context(), burdock.Input("model", "x"), burdock.Input("model", "y"), burdock.Input("other", 1))
	wantTexts(t, err, `input "model" is given twice`, `input "other"`)
	if ran {
		t.Error("something ran")
	}
	_, err = burdock.New(t.Context(), line(idle("a")), &burdock.Options{Given: burdock.Input("x", 1)})
	wantTexts(t, err, `Options.Given: input "x": no action of graph "line" declares it; it has none`)
}

// I2, I3: a step that failed or was cancelled has not used its event up: the next call gives it again, in this process
// and after a restart, unless it gives another value.
func TestAFailedStepGetsItsEventsAgain(t *testing.T) {
	for _, how := range []string{"failed", "cancelled"} {
		for _, where := range []string{"memory", "store", "restart"} {
			for _, value := range []string{"", "new"} {
				t.Run(how+" "+where+" "+value, func(t *testing.T) {
					var log notes
					ctx, cancel := context.WithCancel(t.Context())
					stop := func() error {
						if how == "cancelled" {
							cancel()
						}
						return errTest
					}
					a := burdock.Func("a", func(_ context.Context, in struct {
						Model string `input:"model"`
					},
					) (burdock.None, error) {
						log.add(in.Model)
						return burdock.None{}, stop()
					})
					g := line(a, telling("b", &log))
					o := &burdock.Options{ID: "app"}
					if where != "memory" {
						o = stored(newStore(), nil)
					}
					app := newApp(t, g, o)
					out, err := app.Run(ctx, burdock.Input("model", "old"))
					if err == nil || len(out.Unused) != 0 {
						t.Fatalf("got %+v, %v", out, err)
					}
					if where == "restart" {
						app = must(t)(burdock.Resume(t.Context(), g, o))
					}
					stop = func() error { return nil }
					var opts []burdock.RunOption
					want := "old old b="
					if value != "" {
						opts, want = append(opts, burdock.Input("model", value)), "old new b="
					}
					runTo(t, app, burdock.StopDone, opts...)
					wantEqual(t, "told", log.take(), want)
				})
			}
		}
	}
}

// I3: secret inputs are never written, tracked or shown, and must be given again after a restart only.
func TestSecretsAreNeverStored(t *testing.T) {
	type in struct {
		Token string `input:"token,secret"`
		Model string `input:"model"`
	}
	fail := true
	act := burdock.Func("act", func(_ context.Context, i in) (burdock.None, error) {
		if i.Token != "hunter2" || i.Model != "m" {
			t.Errorf("got %+v", i)
		}
		if fail {
			return burdock.None{}, errTest
		}
		return burdock.None{}, nil
	})
	var seen strings.Builder
	db := &faultyStore{Store: newStore(), onSave: func(batch []burdock.Checkpoint) { fmt.Fprintf(&seen, "%+v %s", batch, asJSON(batch)) }}
	o := stored(db, nil)
	o.Cascade.Tracker = trackFunc(func(_ context.Context, e burdock.Event) error { fmt.Fprintf(&seen, "%+v", e); return nil })
	app := newApp(t, line(act), o)
	_, err := app.Run(t.Context(), burdock.Input("token", "hunter2"), burdock.Input("model", "m"))
	wantIs(t, err, errTest)
	_, err = app.Run(t.Context()) // in one process both are still there
	wantIs(t, err, errTest)
	fail = false
	again := must(t)(burdock.Resume(t.Context(), line(act), o))
	out := runTo(t, again, burdock.StopWaiting)
	if !cmp.Equal(out.Pending[0].Needs, []string{"token"}) {
		t.Errorf("got needs %q, want the token only", out.Pending[0].Needs)
	}
	runTo(t, again, burdock.StopDone, burdock.Input("token", "hunter2"))
	_, err = newApp(t, line(act), nil).Run(t.Context(), burdock.Input("token", []byte("hunter2")))
	wantTexts(t, err, `input "token" of action "act": a value of type []uint8 is no string`)
	fmt.Fprint(&seen, err)
	if strings.Contains(seen.String(), "hunter2") {
		t.Errorf("the secret was shown:\n%s", seen.String())
	}
	if !strings.Contains(seen.String(), `"Name":"model"`) {
		t.Errorf("the other input was not recorded:\n%s", seen.String())
	}
}

// Options.Given serves all steps, is never stored and must be given again.
func TestConfigurationIsNeverStored(t *testing.T) {
	db := newStore()
	o := stored(db, prompted{"p"})
	o.Given = burdock.Input("model", "configured")
	g := line(askAction, askAction.Named("again"))
	runTo(t, newApp(t, g, o), burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("ask")))
	for _, cp := range records(t, db, "app") {
		if len(cp.Inputs) != 0 {
			t.Errorf("got inputs %s", asJSON(cp.Inputs))
		}
	}
	o.Given = burdock.Inputs{}
	runTo(t, must(t)(burdock.Resume(t.Context(), g, o)), burdock.StopWaiting)
}

// I2: an error route leads to a step that may use the event that the failed step did not use up, after a restart too.
func TestAHandlerMayUseTheEventOfTheFailedStep(t *testing.T) {
	type in struct {
		Model   string          `input:"model"`
		Failure burdock.Failure `input:"failure"`
	}
	bad := burdock.Func("bad", func(context.Context, asked) (answered, error) { return answered{}, errTest })
	h := burdock.Func("handler", func(_ context.Context, i in) (answered, error) {
		return answered{i.Model + " after " + i.Failure.Action}, nil
	})
	g := burdock.MustGraph("g", burdock.Node(bad, burdock.OnError(burdock.AnyError, h)), burdock.Node(h))
	for _, where := range []string{"one run", "memory", "restart"} {
		o := stored(newStore(), prompted{"p"})
		if where == "memory" {
			o.Cascade.Store = nil
		}
		app := newApp(t, g, o)
		opts := []burdock.RunOption{burdock.Input("model", "m")}
		if where != "one run" {
			runTo(t, app, burdock.StopHaltedBefore, append(opts, burdock.HaltBefore(h))...)
			opts = nil
		}
		if where == "restart" {
			app = must(t)(burdock.Resume(t.Context(), g, o))
		}
		out := runTo(t, app, burdock.StopDone, opts...)
		wantEqual(t, where, view[answered](t, out.State).Text, "m after bad")
	}
}

// I3: a running step that the process died in keeps its events: another value is an error, the same one is none.
func TestAnInterruptedStepKeepsItsEvents(t *testing.T) {
	ask := askAction.Named("inner")
	type in struct {
		Prompt string `state:"prompt"`
	}
	g := line(burdock.Subgraph[in, answered]("sub", ask))
	db := newStore()
	runTo(t, newApp(t, g, stored(db, prompted{"p"})), burdock.StopDone, burdock.Input("model", "m"))
	// What the process would have left had it died in the parallel step: its record as running.
	all := records(t, db, "app")
	all[1].Status, all[1].Delta, all[1].Ended = burdock.StatusRunning, nil, all[0].RetryAt
	dead := func() *burdock.App {
		return must(t)(burdock.Resume(t.Context(), g, stored(copiedTo(t, all), nil)))
	}
	_, err := dead().Run(t.Context(), burdock.Input("model", "other"))
	wantTexts(t, err, `input "model": the step that was interrupted was given another value, which stands; resume without giving it`)
	for _, opts := range [][]burdock.RunOption{nil, {burdock.Input("model", "m")}} {
		out := runTo(t, dead(), burdock.StopDone, opts...)
		wantEqual(t, "text", view[answered](t, out.State).Text, "m on p")
	}
}

// A tracker or store that sees no value of an input is told none by an error either.
func TestErrorsOfInputsDoNotShowValues(t *testing.T) {
	_, err := newApp(t, line(askAction), starting(prompted{})).Run(t.Context(), burdock.Input("model", []string{"secret text"}))
	if err == nil || strings.Contains(err.Error(), "secret text") {
		t.Errorf("got %v, want an error without the value", err)
	}
	if errors.Is(err, errTest) {
		t.Error("unreachable")
	}
}
