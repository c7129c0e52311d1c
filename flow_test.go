package burdock_test

import (
	"context"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
)

type (
	xOut struct {
		X int `state:"x"`
	}
	xMaybe struct {
		X int `state:"x,omitzero"`
	}
	xGone struct {
		Gone bool `state:"x,delete"`
	}
	xOptional struct {
		X int `state:"x,optional"`
	}
	xList struct {
		X []int `state:"x"`
	}
	xAppend struct {
		X []int `state:"x,append"`
	}
)

func writes[W any](name string) *burdock.Action {
	return burdock.Func(name, func(context.Context, burdock.None) (w W, _ error) { return w, nil })
}

func reads[R any](name string) *burdock.Action { return reader[R]().Named(name) }

// Design 2: New reports a key that is read on some path before anything wrote it, with key, reader and path.
func TestKeysReadBeforeTheyAreWritten(t *testing.T) {
	start, put, use := idle("start"), writes[xOut]("put"), reads[xOut]("use")
	maybe, drop := writes[xMaybe]("maybe"), writes[xGone]("drop")
	node, then, onError := burdock.Node, burdock.Then, burdock.OnError
	readsX := burdock.When("x > 0", func(x xOut) bool { return x.X > 0 })
	opposite := burdock.Not(always)
	const by = `key "x" is read by action "use" before anything wrote it, on the path `
	for _, c := range []struct {
		name  string
		parts []burdock.Part
		want  string // "" if the graph is fine
	}{
		{"written", []burdock.Part{burdock.Chain(put, use)}, ""},
		{"nobody wrote it", []burdock.Part{burdock.Chain(start, use)}, by + "start → use; give it in Options.State, write it earlier or mark the field optional"},
		{"one path of two", []burdock.Part{node(start, always.Then(put), then(use)), node(put, then(use)), node(use)}, by + "start → use"},
		{"a loop", []burdock.Part{node(put, always.Then(drop), then(use)), node(drop, then(start)), node(start, then(use)), node(use)}, by + "put → drop → start → use"},
		{"a loop that writes", []burdock.Part{node(put, then(use)), node(use, always.Then(put))}, ""},
		{"deleted", []burdock.Part{burdock.Chain(put, drop, use)}, by + "put → drop → use"},
		{"maybe written", []burdock.Part{burdock.Chain(maybe, use)}, by + "maybe → use"},
		{"maybe written after written", []burdock.Part{burdock.Chain(put, maybe, use)}, ""},
		{"optional", []burdock.Part{burdock.Chain(start, reads[xOptional]("use"))}, ""},
		{"on an error edge", []burdock.Part{node(put, then(use), onError(burdock.AnyError, use)), node(use)}, by + "put → use"},
		{"on an error edge, written before", []burdock.Part{node(put, then(start)), node(start, then(use), onError(burdock.AnyError, use)), node(use)}, ""},
		{"on the edge of EveryNode", []burdock.Part{node(put, then(start)), node(start), node(use), burdock.EveryNode(onError(burdock.AnyError, use))}, by + "put → use"},
		{"by a condition", []burdock.Part{node(start, readsX.Then(put)), node(put)}, `key "x" is read by condition "x > 0" before anything wrote it, on the path start`},
		{"by a part of a condition", []burdock.Part{node(start, burdock.And(always, readsX).Then(put)), node(put)}, `key "x" is read by condition "always and x > 0"`},
		{"by a condition after the write", []burdock.Part{node(put, readsX.Then(start)), node(start)}, ""},
		{"by Eq", []burdock.Part{node(start, burdock.Eq(burdock.Key[int]("x"), 1).Then(put)), node(put)}, `key "x" is read by condition "x == 1"`},
		{"append makes a list", []burdock.Part{burdock.Chain(writes[xAppend]("append"), reads[xList]("use"))}, ""},
		{"routes that exclude each other", []burdock.Part{node(start, always.Then(put), opposite.Then(put)), node(put, then(use)), node(use)}, ""},
		{"a Raw action is trusted", []burdock.Part{burdock.Chain(burdock.Raw("raw", nil, burdock.ListOf(burdock.Key[int]("x")), pass), use)}, ""},
		{"a Raw action that fails is not", []burdock.Part{node(burdock.Raw("raw", nil, burdock.ListOf(burdock.Key[int]("x")), pass), onError(burdock.AnyError, use)), node(use)}, by + "raw → use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := burdock.NewGraph("g", c.parts...)
			if err == nil {
				_, err = burdock.New(t.Context(), g, nil)
			}
			switch {
			case c.want != "":
				wantTexts(t, err, c.want)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// The initial state counts, and so does where From starts and Until ends.
func TestTheFlowBeginsWithTheInitialState(t *testing.T) {
	put, use := writes[xOut]("put"), reads[xOut]("use")
	g := burdock.MustGraph("g", burdock.Chain(put, use))
	newApp(t, g.From(use), starting(xOut{1}))
	newApp(t, g.Until(put), nil)
	_, err := burdock.New(t.Context(), g.From(use), nil)
	wantTexts(t, err, `on the path use;`)
	_, err = burdock.New(t.Context(), g.From(use), &burdock.Options{State: burdock.Key[int]("x").Delete(burdock.StateOf(xOut{1}))})
	wantTexts(t, err, `on the path use;`)
}

// Each reader is reported once, however many paths lead to it.
func TestEachReaderIsReportedOnce(t *testing.T) {
	a, b, use := idle("a"), idle("b"), reads[xOut]("use")
	g := burdock.MustGraph("g", burdock.Node(a, always.Then(b), never.Then(use), burdock.Then(a)), burdock.Node(b, always.Then(a), burdock.Then(use)), burdock.Node(use, burdock.Then(a)))
	_, err := burdock.New(t.Context(), g, nil)
	wantTexts(t, err, "on the path a → use")
	if n := strings.Count(err.Error(), "is read by"); n != 1 {
		t.Errorf("got %d reports, want 1:\n%v", n, err)
	}
}

// What only the run can tell is an error of the step, not a zero value.
func TestAKeyThatIsGoneAtRunTimeFailsTheStep(t *testing.T) {
	raw := burdock.Raw("raw", nil, burdock.ListOf(burdock.Key[int]("x")), pass) // says that it writes x
	runFails(t, newApp(t, line(raw, reads[xOut]("use")), nil), `action "use" reads keys ["x"], which have no value`)
}

// A branch's graph is checked against its window and its result, and the path that shows it ends with "end".
func TestTheResultOfABranchIsWrittenOnEveryPath(t *testing.T) {
	branch := func(nodes ...burdock.Part) error {
		g := burdock.MustGraph("inner", nodes...)
		_, err := burdock.NewGraph("g", burdock.Node(burdock.Subgraph[burdock.None, xOut]("sub", g)))
		return err
	}
	start, put := idle("start"), writes[xOut]("put")
	err := branch(burdock.Node(start, always.Then(put)), burdock.Node(put))
	wantTexts(t, err, `key "x" is read by the result xOut of action "sub", but nothing wrote it on the path start → end`)
	for name, second := range map[string]*burdock.Condition{"negation": burdock.Not(always), "double negation": nil} {
		first := always
		if second == nil {
			first, second = burdock.Not(always), always
		}
		if err := branch(burdock.Node(start, first.Then(put), second.Then(put)), burdock.Node(put)); err != nil {
			t.Errorf("%s: a condition and its negation leave nothing over; got %v", name, err)
		}
	}
}
