package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// What the Python framework Burr, from which the idea of parallel actions comes, got wrong. Each defect has a test, of
// which some stand elsewhere, because they are tests of a rule first; docs/from_burr.md has the same list with reasons.
//
//	a child's id without the step's number     TestM12_SecondVisitRunsAnew, TestM12_Ids
//	a child's id without the action's name     TestM12_TwoMapsShareNoResults
//	index keys after the list has changed      TestM13_IndexKeysAfterChange, TestM13_ChangedSequence
//	inputs that leak to later steps            TestAnEventServesTheFirstStepThatDeclaresIt, TestI2_AnEventServesOneStepOfABranch
//	cancelled work saved as completed          TestCancellationEndsTheStepWithItsCause, TestM8_CancelledVisitIsNotCompleted,
//	                                           TestR2_WhatWasCancelledRunsAgain
//	siblings left running after a failure      TestM8_NoSiblingOutlivesTheRun, TestM8_FailFastNamesAllThatFailed
//	every other result lost with one failure   TestCollect, TestM16_AfterFailFast
//	reads not enforced                         TestRawSeesOnlyWhatItReads, TestRawIsHeldToWhatItDeclares,
//	                                           TestABranchBeginsWithItsWindowAlone
//	values silently turned into strings        TestATypeThatCannotBeSavedIsRefusedWithItsPath, TestMemoryAndDiskAgree
//	the whole state written at every step      TestAStepRecordsOnlyWhatItWrites, TestAnAppendIsRecordedAsItsNewElements
//	a fresh default pool at each nesting level TestM4_AnyNestingCompletes, TestLimitsAtRandom
//	resume running past an exit of a sub-graph TestACompletedBranchDoesNotRunPastItsExit
//	errors that replace one another            TestNoErrorReplacesAnother, TestM8_FailFastNamesAllThatFailed

// M12: two maps over the same items in one application share no branch, also when the application is killed at any save and
// resumed. Burr's ids were made of the parent's id and two indices, so the second map got the first one's saved results.
func TestM12_TwoMapsShareNoResults(t *testing.T) {
	type bunch2 struct {
		Words []string `state:"words2"`
	}
	say := func(word string) *burdock.Action {
		return burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{word + in.Name}, nil })
	}
	over := func(name, word string) *burdock.Action {
		return mapOver(name, say(word), &burdock.MapOptions{Limit: 1}, twigKey{"x"})
	}
	g := line(over("first", "1"), over("second", "2").Rename(burdock.Keys{"words": "words2"}))
	for left := 0; ; left++ {
		store := memory()
		_, err := newApp(t, g, stored(frail(store, left), nil)).Run(t.Context())
		out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
		wantEqual(t, "words of the first", strings.Join(view[bunch](t, out.State).Words, " "), "1x")
		wantEqual(t, "words of the second", strings.Join(view[bunch2](t, out.State).Words, " "), "2x")
		if a, b := idsOf(t, store, burdock.Ref{App: "app", Seq: 1})["x"], idsOf(t, store, burdock.Ref{App: "app", Seq: 2})["x"]; a == b {
			t.Errorf("both branches have the id %s", a)
		}
		if err == nil {
			break
		}
	}
}

// I2: an event that a map was given serves each branch once: the first step that declares it, no later one. Burr passed
// the inputs of a parallel action to every step of every branch.
func TestI2_AnEventServesOneStepOfABranch(t *testing.T) {
	type given struct {
		Model string `input:"model,optional"`
	}
	var log notes
	tell := func(name string) *burdock.Action {
		return burdock.Func(name, func(ctx context.Context, in given) (burdock.None, error) {
			log.add(burdock.Info(ctx).Key + "." + name + "=" + in.Model)
			return burdock.None{}, nil
		})
	}
	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	g := line(mapOver("fan", line(tell("a"), tell("b"), say), &burdock.MapOptions{Limit: 1}, twigKey{"x"}, twigKey{"y"}), tell("after"))
	runTo(t, newApp(t, g, nil), burdock.StopDone, burdock.Input("model", "m"))
	wantEqual(t, "told", log.take(), "x.a=m x.b= y.a=m y.b= .after=")
}

// R2: what was cancelled is recorded as that, in a branch as in the application, and runs again. A cancelled task of Burr
// was saved as completed with the state before it, so a resume passed it over.
func TestR2_WhatWasCancelledRunsAgain(t *testing.T) {
	store := memory()
	ctx, cancel := context.WithCancelCause(t.Context())
	r := rigOf("x")
	r.do = func(ctx context.Context, name string) (string, error) {
		if ctx.Done(); context.Cause(ctx) == nil {
			cancel(errTest)
			<-ctx.Done()
			return "", ctx.Err()
		}
		return name, nil
	}
	_, err := r.runWith(ctx, t, stored(store, nil))
	wantIs(t, err, errTest)
	wantEqual(t, "the step", latest(t, store, "app").Status, burdock.StatusCancelled)
	wantEqual(t, "the branch", statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})), "x:cancelled")
	r.do = nil
	got, err := r.runWith(t.Context(), t, stored(store, nil))
	wantWords(t, got, err, "<x>")
	wantEqual(t, "runs", r.takeStarted(), "x x")
}

// M8: when Run returns the failure of one branch, its siblings have been cancelled and have ended, however long that took
// them. In async Burr they ran on, and wrote to the tracker and the store of a step that had failed.
func TestM8_NoSiblingOutlivesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		r := rigOf("bad", "a", "b", "c")
		r.do = func(ctx context.Context, name string) (string, error) {
			if name == "bad" {
				time.Sleep(time.Second)
				return "", errTest
			}
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			time.Sleep(time.Hour) // it cleans up
			return "", context.Cause(ctx)
		}
		store := memory()
		_, err := r.runWith(t.Context(), t, stored(store, nil))
		wantIs(t, err, errTest)
		wantEqual(t, "branches that run when Run has returned", running.Load(), 0)
		before := len(records(t, store, "app"))
		time.Sleep(24 * time.Hour)
		wantEqual(t, "records a day later", len(records(t, store, "app")), before)
	})
}

// A branch begins with exactly the window it is given. In Burr a branch began with what was yielded, in practice a copy of
// the parent's whole state, and an action saw all of it, whatever reads it had declared.
func TestABranchBeginsWithItsWindowAlone(t *testing.T) {
	type all struct {
		Secret string `state:"secret"`
	}
	var seen notes
	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	o := stored(memory(), all{"s"})
	o.Cascade.Middleware = []burdock.Middleware{func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			seen.add(s.Action + ":" + strings.Join(slices.Sorted(s.Before().Keys()), ","))
			return next(ctx, s)
		}
	}}
	runTo(t, newApp(t, line(mapOver("fan", say, nil, twigKey{"x"})), o), burdock.StopDone)
	wantEqual(t, "keys", seen.take(), "fan:secret say:name")
	cp, err := o.Cascade.Store.Load(t.Context(), burdock.Ref{App: idsOf(t, o.Cascade.Store, burdock.Ref{App: "app", Seq: 1})["x"], Seq: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cp.Delta {
		if c.Key == "secret" {
			t.Error("the branch has recorded a key of its parent")
		}
	}
}

// A step's record has what the step wrote. Burr saved the whole state after every step: a long chat history was stored
// once for each message.
func TestAStepRecordsOnlyWhatItWrites(t *testing.T) {
	type state struct {
		Big string `state:"big"`
		N   int    `state:"n"`
	}
	store := memory()
	add := adder("add", 1)
	g := burdock.MustGraph("g", burdock.Node(add, burdock.When("n < 100", func(s number) bool { return s.N < 100 }).Then(add)))
	runTo(t, newApp(t, g, stored(store, state{Big: strings.Repeat("x", 10_000)})), burdock.StopDone)
	steps := 0
	for _, cp := range records(t, store, "app") {
		if cp.Kind != burdock.KindStep || cp.Seq == 0 {
			continue
		}
		steps++
		if len(cp.Delta) != 1 || cp.Delta[0].Key != "n" {
			t.Errorf("step %d has recorded %v, want n alone", cp.Seq, cp.Delta)
		}
	}
	wantEqual(t, "steps", steps, 100)
}

// A branch whose graph ends at an exit with routes stays completed there when its siblings are resumed. Burr asked for the
// next action of the saved state, found one and ran the branch past its exit, with another result.
func TestACompletedBranchDoesNotRunPastItsExit(t *testing.T) {
	var ran notes
	fail := true
	do := func(name string) *burdock.Action {
		return burdock.Func(name, func(ctx context.Context, in twigIn) (twigOut, error) {
			ran.add(in.Name + "." + name)
			if in.Name == "y" && name == "b" && fail {
				return twigOut{}, errTest
			}
			return twigOut{name}, nil
		})
	}
	a, b := do("a"), do("b")
	round := burdock.MustGraph("round", burdock.Node(a, burdock.Then(b)), burdock.Node(b, burdock.Then(a)))
	g := line(mapOver("fan", round.Until(b), &burdock.MapOptions{Limit: 1}, twigKey{"x"}, twigKey{"y"}))
	store := memory()
	runFails(t, newApp(t, g, stored(store, nil)), errTest.Error())
	wantEqual(t, "ran at first", ran.take(), "x.a x.b y.a y.b")
	fail = false
	out := runTo(t, openApp(t, g, stored(store, nil)), burdock.StopDone)
	wantEqual(t, "ran after the resume", ran.take(), "y.b")
	wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "b b")
}

// All failures of a visit are in its error, each with its path, together with what reduce says, and neither a tracker nor a
// middleware that fails takes the place of any. In Burr the first exception hid the others, and one of a hook hid that.
func TestNoErrorReplacesAnother(t *testing.T) {
	own, hook := errors.New("reduce is not content"), errors.New("a hook")
	errs := map[string]error{"a": errors.New("no a"), "b": errors.New("no b"), "c": errors.New("no c")}
	r := rigOf("a", "b", "c")
	r.opts = &burdock.MapOptions{Failures: burdock.Collect}
	r.do = func(_ context.Context, name string) (string, error) { return "", errs[name] }
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		n := 0
		for range rs.All() {
			n++
		}
		return nil, errors.Join(fmt.Errorf("%w: %d failed", own, n), rs.Err())
	}
	_, err := r.runWith(t.Context(), t, &burdock.Options{
		ID: "app",
		Cascade: burdock.Cascade{
			Tracker: trackFunc(func(context.Context, burdock.Event) error { return errors.New("the tracker") }),
			Middleware: []burdock.Middleware{func(next burdock.StepFunc) burdock.StepFunc {
				return func(ctx context.Context, s *burdock.StepCall) error {
					if err := next(ctx, s); err != nil {
						return errors.Join(err, hook)
					}
					return nil
				}
			}},
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	for _, want := range []error{own, hook, errs["a"], errs["b"], errs["c"]} {
		wantIs(t, err, want)
	}
	if err != nil && strings.Contains(err.Error(), "the tracker") {
		t.Errorf("got %v", err)
	}
	wantTexts(t, err, "app/fan#1/a", "app/fan#1/b", "app/fan#1/c")
}
