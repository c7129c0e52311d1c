package burdock_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

const (
	nKey    burdock.Key[int]      = "n"
	wordKey burdock.Key[string]   = "word"
	listKey burdock.Key[[]string] = "list"
)

func TestKeysReadAndChangeCopies(t *testing.T) {
	var empty burdock.State
	one := wordKey.Set(nKey.Set(empty, 1), "a")
	two := nKey.Set(one, 2)
	gone := nKey.Delete(two)
	for _, c := range []struct {
		name string
		s    burdock.State
		n    int
		has  bool
		keys []string
	}{
		{"empty", empty, 0, false, nil},
		{"one", one, 1, true, []string{"n", "word"}},
		{"two", two, 2, true, []string{"n", "word"}},
		{"gone", gone, 0, false, []string{"word"}},
	} {
		n, ok := nKey.Get(c.s)
		if n != c.n || ok != c.has || c.s.Has("n") != c.has {
			t.Errorf("%s: got %d, %v, want %d, %v", c.name, n, ok, c.n, c.has)
		}
		if keys := slices.Sorted(c.s.Keys()); !cmp.Equal(keys, c.keys) {
			t.Errorf("%s: got keys %q, want %q", c.name, keys, c.keys)
		}
	}
	if _, ok := burdock.Key[string]("n").Get(one); ok {
		t.Error("a key was read as another type")
	}
	for k := range one.Keys() {
		_ = k
		break // stops without a complaint
	}
}

func TestStatesAreEqualByTheirValues(t *testing.T) {
	type ab struct {
		A int   `state:"a"`
		B []int `state:"b"`
	}
	s := burdock.StateOf(ab{1, []int{2}})
	same := burdock.Key[int]("a").Set(burdock.Key[[]int]("b").Set(burdock.State{}, []int{2}), 1)
	for _, c := range []struct {
		name string
		a, b burdock.State
		want bool
	}{
		{"same", s, same, true},
		{"same the other way", same, s, true},
		{"a key less", s, burdock.Key[int]("a").Delete(s), false},
		{"a key more", burdock.Key[int]("a").Delete(s), s, false},
		{"another value", s, burdock.StateOf(ab{1, []int{3}}), false},
		{"another type", burdock.Key[int64]("a").Set(burdock.State{}, 1), burdock.Key[int]("a").Set(burdock.State{}, 1), false},
		{"empty", burdock.State{}, burdock.State{}, true},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestViewNamesEverythingThatIsMissing(t *testing.T) {
	type start struct {
		N int `state:"n"`
	}
	type window struct {
		N string `state:"n"`
		M int    `state:"m"`
		O int    `state:"o,optional"`
		P int
	}
	_, err := burdock.View[window](burdock.StateOf(start{1}))
	wantTexts(t, err, `key "n" is a int, but field N is a string`, `key "m" of field M has no value`, "field P has no tag")
	_, err = burdock.View[start](nKey.Set(wordKey.Set(burdock.State{}, "x"), 1))
	if err != nil {
		t.Error(err)
	}
	_, err = burdock.View[start](burdock.Key[string]("n").Set(burdock.StateOf(start{1}), "x"))
	wantTexts(t, err, `key "n" is a int, not a string`)
	_, err = burdock.View[start](burdock.StateOf(5))
	wantTexts(t, err, "StateOf: window int: a window is a struct")
	for range 3 { // errors do not pile up in what is shared
		_, err = burdock.View[window](burdock.State{})
	}
	wantEqual(t, "errors", len(err.Error()), len(func() string { _, e := burdock.View[window](burdock.State{}); return e.Error() }()))
}

func TestStateOfOmitsZeroFieldsThatSaySo(t *testing.T) {
	type start struct {
		A int `state:"a,omitzero"`
		B int `state:"b"`
	}
	if got := slices.Collect(burdock.StateOf(start{}).Keys()); !cmp.Equal(got, []string{"b"}) {
		t.Errorf("got keys %q, want b", got)
	}
}

// Design 1: slices come with cap = len, so no two who append share memory. Arrays and structs that hold slices too.
func TestNoTwoHoldersShareAnAppend(t *testing.T) {
	type doc struct {
		Lines []string
		Pair  [2][]int
	}
	type window struct {
		List []string `state:"list"`
		Doc  doc      `state:"doc"`
		In   []string `input:"in"`
		B    []string `input:"bound"`
	}
	roomy := func() []string { return append(make([]string, 0, 10), "a") }
	fat := func() doc { return doc{roomy(), [2][]int{make([]int, 1, 9), nil}} }
	caps := func(w window) []int {
		return []int{cap(w.List), cap(w.Doc.Lines), cap(w.Doc.Pair[0]), cap(w.In), cap(w.B)}
	}
	type out struct {
		List []string `state:"list"`
		Doc  doc      `state:"doc"`
	}
	var got [][]int
	look := burdock.Func("look", func(_ context.Context, w window) (out, error) {
		got = append(got, caps(w))
		return out{roomy(), fat()}, nil
	}).Bind("bound", roomy())
	start := burdock.StateOf(out{roomy(), fat()})
	set := burdock.Key[doc]("doc").Set(burdock.Key[[]string]("list").Set(burdock.State{}, roomy()), fat())
	for _, s := range []burdock.State{start, set} {
		runTo(t, newApp(t, line(look, look.Named("again")), &burdock.Options{State: s, Given: burdock.Input("in", roomy())}), burdock.StopDone)
	}
	for _, c := range got {
		if !cmp.Equal(c, []int{1, 1, 1, 1, 1}) {
			t.Errorf("got capacities %v, want the lengths, all 1", c)
		}
	}
	final, _ := burdock.View[out](burdock.StateOf(out{roomy(), fat()}))
	wantEqual(t, "capacity in a View", cap(final.List), 1)
}

// What StateOf was given stays the caller's: its slice header is not changed.
func TestStateOfDoesNotChangeItsArgument(t *testing.T) {
	type start struct {
		L []int `state:"l"`
	}
	w := start{make([]int, 1, 5)}
	burdock.StateOf(w)
	wantEqual(t, "capacity", cap(w.L), 5)
}

// An action's copy of a value is its own: assigning to the window's fields changes nobody's state.
func TestAnActionCannotChangeTheStateByAssigning(t *testing.T) {
	sly := burdock.Func("sly", func(_ context.Context, s number) (burdock.None, error) { s.N = 9; return burdock.None{}, nil })
	wantEqual(t, "n", view[number](t, runTo(t, newApp(t, line(sly), starting(number{1})), burdock.StopDone).State).N, 1)
}

// Keys that the graph does not use are carried along, saved and found again.
func TestKeysThatTheGraphDoesNotUse(t *testing.T) {
	type start struct {
		N     int            `state:"n"`
		Extra map[string]int `state:"extra"`
	}
	db := newStore()
	g := line(adder("a", 1), adder("b", 1))
	app := newApp(t, g, stored(db, start{1, map[string]int{"x": 1}}))
	out := runTo(t, app, burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("a")))
	if got := view[start](t, out.State).Extra; !maps.Equal(got, map[string]int{"x": 1}) {
		t.Errorf("got %v, want x: 1", got)
	}
	typed := must(t)(burdock.Resume(t.Context(), g, stored(db, start{})))
	if got := view[start](t, typed.State()); got.N != 2 || got.Extra["x"] != 1 {
		t.Errorf("got %+v, want what was saved and not what Resume was given", got)
	}
	untyped := must(t)(burdock.Resume(t.Context(), g, stored(db, nil)))
	if !untyped.State().Has("extra") {
		t.Error("a key that the graph does not use was lost")
	}
	type wrong struct {
		Extra string `state:"extra"`
	}
	_, err := burdock.Resume(t.Context(), g, stored(db, wrong{}))
	wantTexts(t, err, `key "extra"`)
}

// A key that the graph only deletes has the type that Options.State gives it, and may be of none after a restart.
func TestAKeyThatIsOnlyDeleted(t *testing.T) {
	type start struct {
		N int    `state:"n"`
		X string `state:"x"`
	}
	g := line(adder("a", 1), writes[xGone]("keep"), adder("b", 1), burdock.Func("drop", func(context.Context, burdock.None) (xGone, error) { return xGone{true}, nil }))
	db := newStore()
	runTo(t, newApp(t, g, stored(db, start{1, "x"})), burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("keep")))
	for _, o := range []*burdock.Options{stored(copyOf(t, db, "app"), nil), stored(copyOf(t, db, "app"), start{})} {
		app := must(t)(burdock.Resume(t.Context(), g, o))
		if !app.State().Has("x") {
			t.Error("the key was lost")
		}
		out := runTo(t, app, burdock.StopDone)
		if out.State.Has("x") || view[number](t, out.State).N != 3 {
			t.Errorf("got keys %q", slices.Collect(out.State.Keys()))
		}
	}
}
