package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/burdock-go/burdock"
)

// looping counts n up to ten and then reports.
func looping() *burdock.Graph {
	inc, report := adder("increment", 1), idle("report")
	below := burdock.When("n < 10", func(s number) bool { return s.N < 10 })
	return burdock.MustGraph("counter", burdock.Node(inc, below.Then(inc), burdock.Then(report)), burdock.Node(report))
}

// R1: sequence numbers are 1, 2, 3...; 0 is the beginning.
func TestSequenceNumbers(t *testing.T) {
	db := newStore()
	app := newApp(t, looping(), stored(db, number{7}))
	out := runTo(t, app, burdock.StopDone)
	type row struct {
		Seq     int64
		Attempt int
		Action  string
		Status  burdock.Status
		Next    string
		Route   string
	}
	var got []row
	for _, cp := range records(t, db, "app") {
		got = append(got, row{cp.Seq, cp.Attempt, cp.Action, cp.Status, cp.Next, cp.Route})
	}
	want := []row{
		{0, 0, "", burdock.StatusCompleted, "increment", ""},
		{1, 1, "increment", burdock.StatusCompleted, "increment", "n < 10"},
		{2, 1, "increment", burdock.StatusCompleted, "increment", "n < 10"},
		{3, 1, "increment", burdock.StatusCompleted, "report", ""},
		{4, 1, "report", burdock.StatusCompleted, "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if out.Seq != 4 || out.Action != "report" || out.Next != "" || out.Err != nil || out != app.Outcome() {
		t.Errorf("got outcome %+v", out)
	}
}

// P2: what a record holds.
func TestWhatARecordHolds(t *testing.T) {
	type in struct {
		N     int    `state:"n"`
		Model string `input:"model"`
		Token string `input:"token,secret"`
		Why   string `input:"why,optional"`
	}
	type out struct {
		N    int      `state:"n"`
		Gone bool     `state:"old,delete"`
		Log  []string `state:"log,append"`
	}
	type start struct {
		N   int `state:"n"`
		Old int `state:"old"`
	}
	act := burdock.Func("act", func(_ context.Context, i in) (out, error) { return out{i.N + 1, true, []string{i.Model}}, nil })
	end := idle("end")
	g := burdock.MustGraph("g", burdock.Node(act, always.Then(end)), burdock.Node(end))
	db := newStore()
	o := stored(db, start{1, 2})
	o.ID, o.Project, o.Partition = "run/7", "proj", "part"
	runTo(t, newApp(t, g, o), burdock.StopDone, burdock.Input("model", "m"), burdock.Input("token", "hunter2"))
	got := records(t, db, "run/7")
	base := burdock.Checkpoint{
		Root: "run/7", App: "run/7", Path: "run%2F7", Project: "proj", Partition: "part", Graph: "g", GraphHash: g.Hash(),
		Kind: burdock.KindStep, Status: burdock.StatusCompleted, Fence: burdock.Fence{Root: "run/7", Epoch: 1},
	}
	zero, one, two := base, base, base
	zero.Next, zero.Delta = "act", burdock.Delta{{Key: "n", Op: burdock.OpSet, Value: []byte("1")}, {Key: "old", Op: burdock.OpSet, Value: []byte("2")}}
	one.Seq, one.Attempt, one.Action, one.Next, one.Route, one.Lists = 1, 1, "act", "end", "always", true
	one.Delta = burdock.Delta{{Key: "n", Op: burdock.OpSet, Value: []byte("2")}, {Key: "old", Op: burdock.OpDelete}, {Key: "log", Op: burdock.OpAppend, Value: []byte(`["m"]`)}}
	one.Inputs = []burdock.InputRecord{{Name: "model", Value: []byte(`"m"`), Source: "given"}}
	two.Seq, two.Attempt, two.Action = 2, 1, "end"
	diff := cmp.Diff([]burdock.Checkpoint{zero, one, two}, got, cmpopts.IgnoreFields(burdock.Checkpoint{}, "Started", "Ended", "Description"), cmpopts.EquateEmpty())
	if diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	for _, cp := range got {
		if cp.Started.IsZero() || cp.Ended.Before(cp.Started) {
			t.Errorf("step %d: got times %v to %v", cp.Seq, cp.Started, cp.Ended)
		}
		if (cp.Seq == 0) != (len(cp.Description) > 0) {
			t.Errorf("step %d: got a description of %d bytes; it stands in sequence 0", cp.Seq, len(cp.Description))
		}
	}
}

// Design 3: Steps yields each step when it is committed, with the state after it.
func TestStepsYieldsEachStepOnceItIsCommitted(t *testing.T) {
	db := newStore()
	app := newApp(t, looping(), stored(db, number{8}))
	var got []string
	for step, err := range app.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		latest, err := db.Load(t.Context(), burdock.Ref{App: "app", Seq: -1})
		if err != nil || latest.Seq != step.Seq {
			t.Errorf("step %d: the store has %d, %v", step.Seq, latest.Seq, err)
		}
		if !app.State().Equal(step.State) {
			t.Errorf("step %d: App.State is not the last committed state", step.Seq)
		}
		got = append(got, fmt.Sprintf("%v → %q %d", step, step.Next, view[number](t, step.State).N))
	}
	want := []string{`1 increment: completed → "increment" 9`, `2 increment: completed → "report" 10`, `3 report: completed → "" 10`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	for step, err := range app.Steps(t.Context()) {
		t.Errorf("an application that is done yields step %v, %v", step, err)
	}
}

// R7: break in Steps pauses after that step, and the next call goes on.
func TestBreakPausesAfterThatStep(t *testing.T) {
	for _, o := range []*burdock.Options{starting(number{5}), stored(newStore(), number{5})} {
		app := newApp(t, looping(), o)
		out := firstStep(t, app)
		if out.Stop != burdock.StopPaused || out.Seq != 1 || out.Next != "increment" || out.Err != nil {
			t.Errorf("got outcome %+v, want paused after step 1", out)
		}
		_, err := burdock.Read[number](out, nil)
		wantTexts(t, err, "the application is not done: paused, next is increment")
		wantEqual(t, "n", view[number](t, runTo(t, app, burdock.StopDone).State).N, 10)
	}
	app := newApp(t, line(idle("only")), nil)
	wantEqual(t, "stop after the last step", firstStep(t, app).Stop, burdock.StopDone)
}

// A panic or runtime.Goexit in the body of the loop leaves nothing running and the application usable.
func TestThePanicOfALoopBodyPassesThrough(t *testing.T) {
	app := newApp(t, looping(), starting(number{}))
	func() {
		defer func() { wantEqual(t, "recovered", fmt.Sprint(recover()), "mine") }()
		for _, err := range app.Steps(t.Context()) {
			panic(errors.Join(err, errors.New("mine")))
		}
	}()
	gone := make(chan bool)
	go func() {
		defer close(gone)
		for _, err := range app.Steps(t.Context()) {
			if err == nil {
				exit()
			}
		}
	}()
	<-gone
	out := runTo(t, app, burdock.StopDone)
	wantEqual(t, "seq", out.Seq, 11)
}

func TestStepsEndsWithTheErrorOfTheRun(t *testing.T) {
	bad := doing("bad", func(context.Context) error { return errTest })
	app := newApp(t, line(idle("good"), bad), nil)
	var got []string
	for step, err := range app.Steps(t.Context()) {
		got = append(got, fmt.Sprintf("%d %s %v", step.Seq, step.Status, errors.Is(err, errTest)))
	}
	if want := []string{"1 completed false", "2 failed true"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var last error
	n := 0
	for step, err := range app.Steps(t.Context(), burdock.Input("nobody", 1)) {
		if step.Seq != 0 || step.Action != "" {
			t.Errorf("got step %v, want the zero step", step)
		}
		last, n = err, n+1
	}
	wantTexts(t, last, `input "nobody"`)
	wantEqual(t, "yields", n, 1)
	for _, err := range app.Steps(t.Context(), burdock.Input("nobody", 1)) {
		wantTexts(t, err, `input "nobody"`)
		break
	}
}

// R10: an App serves one call at a time; a second returns ErrConflict and nothing has run.
func TestASecondCallConflicts(t *testing.T) {
	for _, o := range []*burdock.Options{{ID: "app"}, stored(newStore(), nil)} {
		var app *burdock.App
		ran := 0
		act := doing("act", func(ctx context.Context) error {
			ran++
			out, err := app.Run(ctx)
			if out != nil {
				t.Errorf("got outcome %+v", out)
			}
			wantIs(t, err, burdock.ErrConflict)
			for _, err := range app.Steps(ctx) {
				wantIs(t, err, burdock.ErrConflict)
			}
			return nil
		})
		app = newApp(t, line(act), o)
		runTo(t, app, burdock.StopDone)
		wantEqual(t, "runs", ran, 1)
	}
}

// R10: two Apps of one application in one process conflict too, and the loser may go on later.
func TestTwoAppsOfOneApplicationConflict(t *testing.T) {
	db := newStore()
	g := line(idle("a"), idle("b"), idle("c"))
	one := newApp(t, g, stored(db, nil))
	two := openApp(t, g, stored(db, nil))
	for _, failed := range one.Steps(t.Context()) {
		out, err := two.Run(t.Context())
		if out != nil || failed != nil {
			t.Errorf("got outcome %+v, %v", out, failed)
		}
		wantIs(t, err, burdock.ErrConflict)
		break
	}
	out := runTo(t, two, burdock.StopDone)
	wantEqual(t, "seq", out.Seq, 3)
	wantEqual(t, "steps of the first", len(records(t, db, "app")), 4)
	out = runTo(t, one, burdock.StopDone)
	wantEqual(t, "seq the first App knows", out.Seq, 3)
	wantEqual(t, "records", len(records(t, db, "app")), 4)
}

// An application inside an action of another, and Steps inside Steps.
func TestApplicationsNest(t *testing.T) {
	inner := looping()
	act := burdock.Func("act", func(ctx context.Context, s number) (number, error) {
		app, err := burdock.New(ctx, inner, starting(s))
		if err != nil {
			return number{}, err
		}
		return burdock.Read[number](app.Run(ctx))
	})
	n := 0
	outer := newApp(t, line(act, adder("more", 1)), starting(number{3}))
	for step, err := range outer.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range newApp(t, inner, starting(view[number](t, step.State))).Steps(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
	}
	wantEqual(t, "inner steps", n, 4)
}

// Design 3: Read gives a value or an error that says why there is none.
func TestRead(t *testing.T) {
	app := newApp(t, line(adder("a", 1), adder("b", 1)), starting(number{}))
	got, err := burdock.Read[number](app.Run(t.Context(), burdock.HaltAfter(burdock.ByName("a"))))
	if err != nil || got.N != 1 {
		t.Errorf("after a: got %v, %v, want 1", got, err)
	}
	_, err = burdock.Read[number](app.Run(t.Context(), burdock.HaltBefore(burdock.ByName("b"))))
	wantTexts(t, err, "the application is not done: halted_before, next is b")
	_, err = burdock.Read[number](nil, nil)
	wantTexts(t, err, "no outcome")
	_, err = burdock.Read[number](nil, errTest)
	wantIs(t, err, errTest)
	_, err = burdock.Read[number](newApp(t, line(askAction), starting(prompted{})).Run(t.Context()))
	wantTexts(t, err, "waits before ask for model; give it with Given")
}

func TestARunOfWhatIsDoneDoesNothing(t *testing.T) {
	db := newStore()
	app := newApp(t, line(adder("a", 1)), stored(db, number{}))
	runTo(t, app, burdock.StopDone)
	out := runTo(t, app, burdock.StopDone)
	wantEqual(t, "seq", out.Seq, 1)
	wantEqual(t, "n", view[number](t, out.State).N, 1)
	wantEqual(t, "records", len(records(t, db, "app")), 2)
}

// The state of an App may be read at any time, and is the last committed one.
func TestStateWhileRunning(t *testing.T) {
	var app *burdock.App
	var seen []int
	look := func(name string) *burdock.Action {
		return burdock.Func(name, func(_ context.Context, s number) (number, error) {
			seen = append(seen, view[number](t, app.State()).N)
			return number{s.N + 1}, nil
		})
	}
	app = newApp(t, line(look("a"), look("b"), look("c")), starting(number{}))
	runTo(t, app, burdock.StopDone)
	if !slices.Equal(seen, []int{0, 1, 2}) {
		t.Errorf("got %v, want 0 1 2", seen)
	}
}

func TestANilOptionIsAnError(t *testing.T) {
	app := newApp(t, line(idle("a")), nil)
	_, err := app.Run(t.Context(), nil)
	wantTexts(t, err, "a nil RunOption")
	runTo(t, app, burdock.StopDone)
}

// M12: a path escapes what has a meaning in paths, so that reading it back is exact.
func FuzzThePathOfARootIsExact(f *testing.F) {
	for _, id := range []string{"run-7", "a/b#c:d~e%", "%2F", "ü ", "\u0085", "x\u2028"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		db := newStore()
		app, err := burdock.New(t.Context(), line(idle("a")), &burdock.Options{ID: id, Cascade: burdock.Cascade{Store: db}})
		if err != nil || id == "" {
			t.Skip()
		}
		runTo(t, app, burdock.StopDone)
		path := records(t, db, id)[0].Path
		if got, err := url.PathUnescape(path); err != nil || got != id || strings.ContainsAny(path, "/#:~") || strings.ContainsFunc(path, unicode.IsControl) {
			t.Errorf("id %q has path %q, which reads back as %q, %v", id, path, got, err)
		}
	})
}
