package record_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A walker goes down a number, and notes where it has been in a list.
type (
	level struct {
		N int `state:"n"`
	}
	seenOne struct {
		Seen []int `state:"seen,append"`
	}
	seenAll struct {
		Seen []int `state:"seen"`
	}
)

// walker is a graph with one in it that leads back. Each of its graphs has a list.
func walker(fallback *burdock.Action) *burdock.Graph {
	note := burdock.Func("note", func(_ context.Context, l level) (seenOne, error) { return seenOne{[]int{l.N}}, nil })
	down := func(name string, run burdock.Runnable, by int, opts *burdock.MapOptions) *burdock.Action {
		return burdock.MapStates(name, run,
			func(_ context.Context, l level) iter.Seq2[level, error] {
				return burdock.Each([]int{l.N - by}, func(n int) level { return level{n} })
			},
			func(_ context.Context, _ level, rs *burdock.Results[level, seenAll]) (s seenOne, err error) {
				for r := range rs.OK() {
					s.Seen = append(s.Seen, r.Out.Seen...)
				}
				return s, rs.Err()
			}, opts)
	}
	deeper := burdock.When("n > 0", func(l level) bool { return l.N > 0 })
	back := down("back", burdock.GraphNamed("outer"), 1, &burdock.MapOptions{Fallback: fallback})
	inner := burdock.MustGraph("inner", burdock.Node(note, deeper.Then(back)), burdock.Node(back))
	into := down("into", inner, 0, nil)
	return burdock.MustGraph("outer", burdock.Node(note, deeper.Then(into)), burdock.Node(into))
}

// branchesOf are the branches that the origin has run, by path.
func branchesOf(t *testing.T, o *origin) map[string]burdock.Checkpoint {
	t.Helper()
	found := map[string]burdock.Checkpoint{}
	for _, c := range listed(t, o.store(t, originID), burdock.Query{Root: originID, Latest: true}) {
		if c.Parent.App != "" {
			found[c.Path] = c
		}
	}
	return found
}

// A branch that runs a graph around it is forked like any other, at every depth: its description is that of the graph.
func TestForkOfABranchThatRunsTheGraphAroundIt(t *testing.T) {
	o := &origin{graph: walker(nil), state: burdock.StateOf(level{3})}
	forked := 0
	for path, c := range branchesOf(t, o) {
		if c.Graph != "outer" {
			continue
		}
		t.Run(path, func(t *testing.T) {
			for seq := range c.Seq + 1 {
				o.same(t, burdock.Ref{App: c.App, Seq: seq}, nil, &record.ForkOptions{})
			}
		})
		forked++
	}
	if forked != 3 {
		t.Errorf("got %d branches, want 3", forked)
	}
}

// What a reference has beside the graph that it refers to is part of the description of a fork, and what From and Until
// have made of the graph around it is not.
func TestForkDescribesAReferenceAsItsBranchRunsIt(t *testing.T) {
	fall := burdock.Func("fall", func(context.Context, level) (seenOne, error) { return seenOne{}, nil })
	g := walker(fall)
	o := &origin{graph: g.From(burdock.ByName("into")).Until(burdock.ByName("into")), state: burdock.StateOf(level{3})}
	for path, c := range branchesOf(t, o) {
		store := o.store(t, originID)
		if _, err := record.Fork(t.Context(), store, burdock.Ref{App: c.App, Seq: 1}, &record.ForkOptions{ID: "fork"}); err != nil {
			t.Fatal(err)
		}
		zero, err := store.Load(t.Context(), burdock.Ref{App: "fork", Seq: 0})
		if err != nil {
			t.Fatal(err)
		}
		lists := slices.ContainsFunc(zero.Delta, func(c burdock.Change) bool { return c.Key == "seen" }) && zero.Lists
		got, err := burdock.MermaidOf(zero.Description)
		if err != nil || !lists {
			t.Errorf("%s: got %v, a list: %v", path, err, lists)
		}
		want := map[string][]string{
			"outer": {`start --> n1`, `n1["note"]`, `-.->|"on any error"|`, `["fall"]`},
			"inner": {`start --> n1`, `n1["note"]`, `[["↺ outer"]]`, `["fall"]`},
		}
		for _, text := range want[c.Graph] {
			if !strings.Contains(got, text) {
				t.Errorf("%s: got\n%s\nwant in it %s", path, got, text)
			}
		}
	}
}
