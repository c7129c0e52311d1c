package burdock_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/burdock-go/burdock"
)

// R6: halts hold before and after nodes, by action, name and tag.
func TestHalts(t *testing.T) {
	var log notes
	a, b, c := noted("a", &log), noted("b", &log).Tag("x"), noted("c", &log).Tag("x")
	g := line(a, b, c)
	for _, x := range []struct {
		name  string
		opt   burdock.RunOption
		ran   []string // by each of the runs
		stops []burdock.Stop
	}{
		{"before", burdock.HaltBefore(b), []string{"a", "b c"}, []burdock.Stop{burdock.StopHaltedBefore, burdock.StopDone}},
		{"after", burdock.HaltAfter(b), []string{"a b", "c"}, []burdock.Stop{burdock.StopHaltedAfter, burdock.StopDone}},
		{"before the first", burdock.HaltBefore(a), []string{"", "a b c"}, []burdock.Stop{burdock.StopHaltedBefore, burdock.StopDone}},
		{"after the last", burdock.HaltAfter(c), []string{"a b c", ""}, []burdock.Stop{burdock.StopHaltedAfter, burdock.StopDone}},
		{"by name", burdock.HaltBefore(burdock.ByName("c")), []string{"a b", "c"}, []burdock.Stop{burdock.StopHaltedBefore, burdock.StopDone}},
		{"by tag", burdock.HaltBefore(burdock.Tag("x")), []string{"a", "b", "c"}, []burdock.Stop{burdock.StopHaltedBefore, burdock.StopHaltedBefore, burdock.StopDone}},
		{"after by tag", burdock.HaltAfter(burdock.Tag("x")), []string{"a b", "c", ""}, []burdock.Stop{burdock.StopHaltedAfter, burdock.StopHaltedAfter, burdock.StopDone}},
		{"several", burdock.HaltBefore(b, c), []string{"a", "b", "c"}, []burdock.Stop{burdock.StopHaltedBefore, burdock.StopHaltedBefore, burdock.StopDone}},
	} {
		t.Run(x.name, func(t *testing.T) {
			one := newApp(t, g, nil)
			db := newStore()
			for i := range x.ran {
				runTo(t, one, x.stops[i], x.opt)
				wantEqual(t, "one App ran", log.take(), x.ran[i])
				// Across processes: each run in an App of its own.
				runTo(t, openApp(t, g, stored(db, nil)), x.stops[i], x.opt)
				wantEqual(t, "an App of its own ran", log.take(), x.ran[i])
			}
		})
	}
}

// R6: the halt stands in the checkpoint before it and costs no commit of its own.
func TestAHaltCostsNoCommit(t *testing.T) {
	db := &faultyStore{Store: newStore()}
	app := newApp(t, line(idle("a"), idle("b")), stored(db, nil))
	out := runTo(t, app, burdock.StopHaltedBefore, burdock.HaltBefore(burdock.ByName("b")))
	if out.Next != "b" || out.Action != "a" || out.Seq != 1 {
		t.Errorf("got %+v", out)
	}
	wantEqual(t, "saves", db.saves, 1)
	wantEqual(t, "halted", records(t, db, "app")[1].Halted, "b")
}

// R6: a halt before the first step stands in sequence 0, which is then committed.
func TestAHaltBeforeTheFirstStepIsRecorded(t *testing.T) {
	db := newStore()
	runTo(t, newApp(t, line(adder("a", 1)), stored(db, number{5})), burdock.StopHaltedBefore, burdock.HaltBefore(burdock.ByName("a")))
	all := records(t, db, "app")
	if len(all) != 1 || all[0].Halted != "a" || all[0].Seq != 0 {
		t.Fatalf("got records %+v", all)
	}
	app := must(t)(burdock.Resume(t.Context(), line(adder("a", 1)), stored(db, nil)))
	wantEqual(t, "n", view[number](t, runTo(t, app, burdock.StopDone, burdock.HaltBefore(burdock.ByName("a"))).State).N, 6)
}

// R6: a run does not pass a HaltBefore unless the last one stopped right there.
func TestHaltBeforeHoldsUnlessTheLastCallHaltedThere(t *testing.T) {
	fail := true
	a := idle("a")
	b := doing("b", func(context.Context) error {
		if fail {
			return errTest
		}
		return nil
	})
	for _, apart := range []bool{false, true} {
		fail = true
		db := newStore()
		app := newApp(t, line(a, b), stored(db, nil))
		next := func() *burdock.App {
			if apart {
				app = openApp(t, line(a, b), stored(db, nil))
			}
			return app
		}
		before := burdock.HaltBefore(b)
		runTo(t, next(), burdock.StopHaltedAfter, burdock.HaltAfter(a))
		runTo(t, next(), burdock.StopHaltedBefore, before) // the last call halted after a, not before b
		_, err := next().Run(t.Context(), before)
		wantIs(t, err, errTest)                            // passes, and b fails
		runTo(t, next(), burdock.StopHaltedBefore, before) // the last call failed
		fail = false
		runTo(t, next(), burdock.StopDone, before)
	}
}

// R6: a halt after a step wins over one before the next.
func TestHaltAfterWinsOverHaltBefore(t *testing.T) {
	app := newApp(t, line(idle("a"), idle("b")), nil)
	both := []burdock.RunOption{burdock.HaltAfter(burdock.ByName("a")), burdock.HaltBefore(burdock.ByName("b"))}
	runTo(t, app, burdock.StopHaltedAfter, both...)
	runTo(t, app, burdock.StopHaltedBefore, both...)
	runTo(t, app, burdock.StopDone, both...)
}

// R6: a step that fails into its error route has run, and its handler may be halted before.
func TestHaltsOnErrorRoutes(t *testing.T) {
	bad, h := doing("bad", func(context.Context) error { return errTest }), reads[failed]("handler")
	g := burdock.MustGraph("g", burdock.Node(bad, burdock.OnError(burdock.AnyError, h)), burdock.Node(h))
	for _, opt := range []burdock.RunOption{burdock.HaltAfter(bad), burdock.HaltBefore(h)} {
		for _, db := range []burdock.Store{nil, newStore()} {
			o := &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: db}}
			app := newApp(t, g, o)
			out, err := app.Run(t.Context(), opt)
			if err != nil || out.Next != "handler" {
				t.Fatalf("got %+v, %v", out, err)
			}
			if db != nil {
				app = must(t)(burdock.Resume(t.Context(), g, o))
			}
			runTo(t, app, burdock.StopDone)
		}
	}
}

// R6: naming a node that exists only in a branch graph is an error that points to Until.
func TestHaltsMatchNodesOfTheRootOnly(t *testing.T) {
	inner := burdock.MustGraph("inner", burdock.Chain(idle("deep"), idle("deeper").Tag("below")))
	sub := burdock.MapStates("map", inner,
		func(context.Context, burdock.None) iter.Seq2[burdock.None, error] { return nil },
		burdock.List[burdock.None, burdock.None, burdock.None](func([]burdock.None) burdock.None { return burdock.None{} }), nil)
	var log notes
	app := newApp(t, line(noted("a", &log), burdock.Subgraph[burdock.None, burdock.None]("outer", line(sub))), nil)
	for _, c := range []struct {
		opt  burdock.RunOption
		want string
	}{
		{burdock.HaltBefore(burdock.ByName("deep")), "HaltBefore(deep): it is a node of a branch graph; halts stop the root only, use Until on the branch's graph"},
		{burdock.HaltAfter(burdock.Tag("below")), "HaltAfter(tag below): it is a node of a branch graph"},
		{burdock.HaltBefore(burdock.ByName("nowhere")), `HaltBefore(nowhere) names no node of graph "line"`},
		{burdock.HaltBefore(burdock.Tag("none")), `HaltBefore(tag none) names no node`},
		{burdock.HaltAfter(nil), "names no node"},
		{burdock.HaltAfter((*burdock.Action)(nil)), "names no node"},
	} {
		out, err := app.Run(t.Context(), c.opt, burdock.Input("nobody", 1))
		wantTexts(t, err, c.want, `input "nobody"`) // all at once
		if out != nil || log.take() != "" {
			t.Error("something ran")
		}
	}
}

// A halt that could not be saved has not happened.
func TestAHaltThatCannotBeSavedHoldsAgain(t *testing.T) {
	db := &faultyStore{Store: newStore()}
	app := newApp(t, line(idle("a"), idle("b")), stored(db, nil))
	before := burdock.HaltBefore(burdock.ByName("b"))
	runTo(t, app, burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("a")))
	db.refuse(db.saves+1, errors.New("disk full"))
	_, err := app.Run(t.Context(), before)
	wantTexts(t, err, "store: save app: disk full")
	runTo(t, app, burdock.StopHaltedBefore, before)
	runTo(t, app, burdock.StopDone, before)
}
