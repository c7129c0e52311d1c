package burdock_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

type (
	said struct {
		Lines []string `state:"lines"`
	}
	says struct {
		Lines []string `state:"lines,append"`
	}
)

func saying(name string, lines ...string) *burdock.Action {
	return burdock.Func(name, func(context.Context, burdock.None) (says, error) { return says{lines}, nil })
}

// Design 1: append holds only new elements; the list has them all, and begins when it is absent.
func TestAppendedElementsJoinTheList(t *testing.T) {
	for _, c := range []struct {
		name  string
		start any
		said  [][]string
		want  []string
	}{
		{"absent", burdock.None{}, [][]string{{"a"}, {"b", "c"}}, []string{"a", "b", "c"}},
		{"given", said{[]string{"x"}}, [][]string{{"a"}}, []string{"x", "a"}},
		{"given nil", said{nil}, [][]string{{"a"}}, []string{"a"}},
		{"nothing on nothing", burdock.None{}, [][]string{nil}, []string{}},
		{"empty on nothing", burdock.None{}, [][]string{{}}, []string{}},
		{"nothing on something", said{[]string{"x"}}, [][]string{nil, {}}, []string{"x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var chain []*burdock.Action
			for i, lines := range c.said {
				chain = append(chain, saying(fmt.Sprint(i), lines...))
			}
			db := newStore()
			out := runTo(t, newApp(t, line(chain...), stored(db, c.start)), burdock.StopDone)
			got := view[said](t, out.State).Lines
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			again := must(t)(burdock.Resume(t.Context(), line(chain...), stored(db, nil)))
			if diff := cmp.Diff(got, view[said](t, again.State()).Lines); diff != "" {
				t.Errorf("after a restart (-want +got):\n%s", diff)
			}
		})
	}
}

// An append list with omitzero is not begun by nothing.
func TestAppendOmitsZero(t *testing.T) {
	type maybe struct {
		Lines []string `state:"lines,append,omitzero"`
	}
	out := runTo(t, newApp(t, line(writes[maybe]("quiet")), nil), burdock.StopDone)
	if out.State.Has("lines") {
		t.Error("nil was written although the field says omitzero")
	}
}

// Old versions of a list are never overwritten, whoever appends to them.
func TestVersionsOfAListAreNeverOverwritten(t *testing.T) {
	var states []burdock.State
	s := burdock.Append(burdock.State{}, listKey)
	for i := range 100 {
		states = append(states, s)
		s = burdock.Append(s, listKey, fmt.Sprint(i))
	}
	for i, old := range states {
		burdock.Append(old, listKey, "fork", "fork")
		branch := burdock.Append(burdock.Append(old, listKey, "x"), listKey, "y")
		got, _ := listKey.Get(branch)
		if len(got) != i+2 || got[i] != "x" || got[i+1] != "y" {
			t.Fatalf("got %q, want %d elements that end with x y", got, i+2)
		}
	}
	got, _ := listKey.Get(s)
	for i, v := range got {
		if v != fmt.Sprint(i) {
			t.Fatalf("element %d is %q: another version wrote over it", i, v)
		}
	}
}

// Who appends to what an action or a caller holds does not reach the list.
func TestAppendingToAViewDoesNotReachTheList(t *testing.T) {
	one := burdock.Append(burdock.State{}, listKey, "a")
	held, _ := listKey.Get(one)
	wantEqual(t, "capacity", cap(held), len(held))
	_ = append(held, "mine")
	two := burdock.Append(one, listKey, "b")
	_ = append(held, "mine too")
	got, _ := listKey.Get(two)
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q, want a b", got)
	}
	more := []string{"c"}
	three := burdock.Append(two, listKey, more...)
	more[0] = "changed"
	if got, _ := listKey.Get(three); got[2] != "c" {
		t.Errorf("got %q: the list shares memory with what was appended", got)
	}
}

// Many may append to one version at once; each gets its own.
func TestConcurrentAppendsToOneVersion(t *testing.T) {
	base := burdock.Append(burdock.State{}, listKey, "a", "b", "c")
	done := make(chan []string)
	for i := range 16 {
		go func() {
			s := base
			for range 50 {
				s = burdock.Append(s, listKey, fmt.Sprint(i))
			}
			got, _ := listKey.Get(s)
			done <- got
		}()
	}
	for range 16 {
		got := <-done
		if len(got) != 53 || slices.Contains(slices.Compact(slices.Clone(got[3:])), "a") || len(slices.Compact(slices.Clone(got[3:]))) != 1 {
			t.Errorf("got %q, want a b c and 50 of one kind", got)
		}
	}
}

// Appending n elements one by one copies O(n) elements in all.
func TestAppendingIsLinear(t *testing.T) {
	const n = 4096
	s, moved := burdock.State{}, 0
	var at *string
	for range n {
		s = burdock.Append(s, listKey, "x")
		got, _ := listKey.Get(s)
		if p := unsafe.SliceData(got); p != at {
			at, moved = p, moved+len(got)
		}
	}
	if moved > 3*n {
		t.Errorf("got %d elements copied for %d appends, want at most %d", moved, n, 3*n)
	}
}

// P1: an append is recorded as its new elements only.
func TestAnAppendIsRecordedAsItsNewElements(t *testing.T) {
	db := newStore()
	runTo(t, newApp(t, line(saying("a", "x", "y"), saying("b", "z"), saying("c")), stored(db, said{[]string{"w"}})), burdock.StopDone)
	var got []string
	for _, cp := range records(t, db, "app") {
		for _, c := range cp.Delta {
			got = append(got, fmt.Sprintf("%d %s %s %v", cp.Seq, c.Op, c.Value, cp.Lists))
		}
	}
	want := []string{`0 set ["w"] true`, `1 append ["x","y"] true`, `2 append ["z"] true`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// A Raw action appends like any other; what it does to one key is one change.
func TestRawChangesOfOneKeyAreOneChange(t *testing.T) {
	raw := func(name string, f func(burdock.State) burdock.State) *burdock.Action {
		return burdock.Raw(name, burdock.ListOf(listKey), burdock.ListOf(listKey, nKey), func(_ context.Context, s burdock.State) (burdock.State, error) {
			return f(s), nil
		})
	}
	add := func(s burdock.State, more ...string) burdock.State { return burdock.Append(s, listKey, more...) }
	for _, c := range []struct {
		name, want string
		list       []string
		f          func(burdock.State) burdock.State
	}{
		{"append append", `append ["a","b"]`, []string{"w", "a", "b"}, func(s burdock.State) burdock.State { return add(add(s, "a"), "b") }},
		{"append nothing", `append ["a"]`, []string{"w", "a"}, func(s burdock.State) burdock.State { return add(add(add(s), "a")) }},
		{"set append", `set ["a","b"]`, []string{"a", "b"}, func(s burdock.State) burdock.State { return add(listKey.Set(s, []string{"a"}), "b") }},
		{"set nil append", `set ["b"]`, []string{"b"}, func(s burdock.State) burdock.State { return add(listKey.Set(s, nil), "b") }},
		{"append set", `set ["b"]`, []string{"b"}, func(s burdock.State) burdock.State { return listKey.Set(add(s, "a"), []string{"b"}) }},
		{"delete append", `set ["b"]`, []string{"b"}, func(s burdock.State) burdock.State { return add(listKey.Delete(s), "b") }},
		{"append delete", `delete `, nil, func(s burdock.State) burdock.State { return listKey.Delete(add(s, "b")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			type start struct {
				List []string `state:"list"`
			}
			db, g := newStore(), line(raw("raw", c.f))
			out := runTo(t, newApp(t, g, stored(db, start{[]string{"w"}})), burdock.StopDone)
			cp := records(t, db, "app")[1]
			if len(cp.Delta) != 1 || string(cp.Delta[0].Op)+" "+string(cp.Delta[0].Value) != c.want {
				t.Errorf("got delta %s, want %s", cp.Delta, c.want)
			}
			again := must(t)(burdock.Resume(t.Context(), g, stored(db, nil)))
			for _, s := range []burdock.State{out.State, again.State()} {
				got, ok := listKey.Get(s)
				if ok != (c.list != nil) || !slices.Equal(got, c.list) {
					t.Errorf("got %q, want %q", got, c.list)
				}
			}
		})
	}
}
