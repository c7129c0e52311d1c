package burdock_test

import (
	"context"
	"testing"

	"github.com/burdock-go/burdock"
)

func TestConditionsAndTheirLabels(t *testing.T) {
	below := burdock.When("n < 10", func(s number) bool { return s.N < 10 })
	even := burdock.When("even", func(s number) bool { return s.N%2 == 0 })
	panics := burdock.When("panics", func(number) bool { panic("asked") })
	type mood string
	for _, c := range []struct {
		cond  *burdock.Condition
		label string
		holds bool
	}{
		{below, "n < 10", true},
		{even, "even", false},
		{burdock.Not(even), "not (even)", true},
		{burdock.And(below, even), "n < 10 and even", false},
		{burdock.Or(below, even), "(n < 10 or even)", true},
		{burdock.Or(below, panics), "(n < 10 or panics)", true},
		{burdock.And(even, panics), "even and panics", false},
		{burdock.Not(burdock.Or(even, burdock.Not(below))), "not ((even or not (n < 10)))", true},
		{burdock.Eq(burdock.Key[int]("n"), 7), "n == 7", true},
		{burdock.Eq(burdock.Key[int]("n"), 8), "n == 8", false},
		{burdock.Eq(burdock.Key[mood]("mood"), "good"), "mood == good", true},
		{burdock.Eq(burdock.Key[string]("with \"quotes\""), "x"), "with \"quotes\" == \"x\"", true},
		{burdock.And(below), "n < 10", true},
	} {
		t.Run(c.label, func(t *testing.T) {
			wantEqual(t, "label", c.cond.Label(), c.label)
			type start struct {
				N int    `state:"n"`
				M mood   `state:"mood"`
				Q string `state:"with \"quotes\""`
			}
			yes := idle("yes")
			g := burdock.MustGraph("g", burdock.Node(idle("a"), c.cond.Then(yes)), burdock.Node(yes))
			out := runTo(t, newApp(t, g, starting(start{7, "good", "x"})), burdock.StopDone)
			wantEqual(t, "holds", out.Action == "yes", c.holds)
		})
	}
}

// A condition sees what the action before it wrote.
func TestConditionsSeeTheNewState(t *testing.T) {
	a := adder("a", 1)
	g := burdock.MustGraph("g", burdock.Node(a, burdock.When("n < 5", func(s number) bool { return s.N < 5 }).Then(a)))
	out := runTo(t, newApp(t, g, starting(number{})), burdock.StopDone)
	wantEqual(t, "n", view[number](t, out.State).N, 5)
	wantEqual(t, "seq", out.Seq, 5)
}

// What a condition gets is a copy: it cannot change the state.
func TestConditionsCannotChangeTheState(t *testing.T) {
	a := adder("a", 1)
	sly := burdock.When("sly", func(s number) bool { s.N = 100; return false })
	g := burdock.MustGraph("g", burdock.Node(a, sly.Then(a)))
	wantEqual(t, "n", view[number](t, runTo(t, newApp(t, g, starting(number{})), burdock.StopDone).State).N, 1)
}

// R8: a condition that panics or calls runtime.Goexit fails the step that asked it, which then has written nothing.
func TestAConditionThatPanicsFailsTheStep(t *testing.T) {
	boom := burdock.When("boom", func(burdock.None) bool { panic("asked") })
	a := adder("a", 1)
	g := burdock.MustGraph("g", burdock.Node(a, burdock.And(always, boom).Then(a)))
	out := runFails(t, newApp(t, g, starting(number{})), "step 1 (a)", `condition "always and boom" panicked: asked`)
	wantEqual(t, "n", view[number](t, out.State).N, 0)
	gone := burdock.When("gone", func(burdock.None) bool { exit(); return true })
	g = burdock.MustGraph("g", burdock.Node(a, gone.Then(a)))
	runFails(t, newApp(t, g, starting(number{})), `condition "gone" called runtime.Goexit`)
}

// EveryNode adds error routes to all nodes, after their own, but none from a handler to itself.
func TestEveryNode(t *testing.T) {
	var log notes
	bad := func(name string) *burdock.Action {
		return doing(name, func(context.Context) error { log.add(name); return errTest })
	}
	a, own, rest := bad("a"), bad("own"), bad("rest")
	g := burdock.MustGraph("g",
		burdock.Node(a, burdock.OnError(burdock.Is(errTest), own)),
		burdock.Node(own), burdock.Node(rest),
		burdock.EveryNode(burdock.OnError(burdock.AnyError, rest)))
	runFails(t, newApp(t, g, nil), "step 3 (rest)")
	wantEqual(t, "ran", log.take(), "a own rest")
}
