package record_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/memstore"
)

// originID is the id of what is forked. Some of its characters are escaped in paths.
const originID = "run/1%"

// An origin is what is forked in the tests: its graph has originID, and so do its forks.
type origin struct {
	graph *burdock.Graph
	inner *burdock.Graph // of a branch that is forked
	state burdock.State
	run   []burdock.RunOption // of the origin
	fork  []burdock.RunOption // of its forks
}

// store returns a store in which the origin has run. Whatever it came to is recorded.
func (o *origin) store(t *testing.T, id string) *memstore.Store {
	t.Helper()
	store := memstore.New()
	app, err := burdock.New(t.Context(), o.graph, o.options(store, id))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = app.Run(t.Context(), o.run...)
	return store
}

func (o *origin) options(store burdock.Store, id string) *burdock.Options {
	return &burdock.Options{ID: id, Project: "p", Partition: "t", State: o.state, Cascade: burdock.Cascade{Store: store}}
}

// same forks a step with burdock.Fork and with record.Fork, each in a store of its own that holds the same origin, and
// compares what comes of both forks.
func (o *origin) same(t *testing.T, ref burdock.Ref, edit any, opts *record.ForkOptions) {
	t.Helper()
	ctx := t.Context()
	store := o.store(t, originID)
	other := copyOf(t, store)
	if opts == nil {
		opts = &record.ForkOptions{}
	}
	opts.ID = "fork/é\u200b#1~:"

	var options []burdock.ForkOption
	if edit != nil {
		options = append(options, burdock.Edit(edit))
	}
	if opts.Rerun != nil {
		options = append(options, burdock.Rerun(opts.Rerun...))
	}
	g := o.graph
	if o.inner != nil {
		g = o.inner
	}
	typed, err := burdock.Fork(ctx, g, ref, o.options(store, opts.ID), options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Fork(ctx, other, ref, opts); err != nil {
		t.Fatal(err)
	}
	plain, err := burdock.Resume(ctx, g, o.options(other, opts.ID))
	if err != nil {
		t.Fatal(err)
	}
	if !plain.State().Equal(typed.State()) {
		t.Errorf("before they run the states differ: %s", stateOf(t, other, opts.ID))
	}
	want, wantErr := typed.Run(ctx, o.fork...)
	got, gotErr := plain.Run(ctx, o.fork...)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || got.Stop != want.Stop || got.Seq != want.Seq || !slices.Equal(got.Unused, want.Unused) {
		t.Errorf("got %s at %d, unused %q, error %v\nwant %s at %d, unused %q, error %v",
			got.Stop, got.Seq, got.Unused, gotErr, want.Stop, want.Seq, want.Unused, wantErr)
	}
	if !got.State.Equal(want.State) {
		t.Errorf("the final states differ: %s", stateOf(t, other, opts.ID))
	}
	if want.Stop == burdock.StopDone && want.Seq == 0 { // burdock.Fork saves with the first step
		return
	}
	if d := cmp.Diff(recordsOf(t, store, opts.ID), recordsOf(t, other, opts.ID), equal); d != "" {
		t.Errorf("records, -burdock.Fork +record.Fork:\n%s", d)
	}
}

// copyOf returns a store that holds the same records.
func copyOf(t *testing.T, from *memstore.Store) *memstore.Store {
	t.Helper()
	to := memstore.New()
	for root, err := range from.List(t.Context(), burdock.Query{Roots: true}) {
		if err != nil {
			t.Fatal(err)
		}
		claim, err := to.Claim(t.Context(), root.App)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.Save(t.Context(), claim.Fence(), listed(t, from, burdock.Query{Root: root.App})); err != nil {
			t.Fatal(err)
		}
		if err := claim.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func listed(t *testing.T, store burdock.Store, q burdock.Query) []burdock.Checkpoint {
	t.Helper()
	var cs []burdock.Checkpoint
	for c, err := range store.List(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	return cs
}

// recordsOf are the records of a root and its branches without what no two runs share, deltas by key.
func recordsOf(t *testing.T, store burdock.Store, root string) []burdock.Checkpoint {
	t.Helper()
	cs := listed(t, store, burdock.Query{Root: root})
	for i := range cs {
		c := &cs[i]
		c.Started, c.Ended, c.Fence = time.Time{}, time.Time{}, burdock.Fence{}
		c.Delta = slices.SortedFunc(slices.Values(c.Delta), func(a, b burdock.Change) int { return strings.Compare(a.Key, b.Key) })
	}
	return cs
}

// stateOf is the state of an application as JSON.
func stateOf(t *testing.T, store burdock.Store, app string) string {
	t.Helper()
	var vals record.Values
	for _, c := range listed(t, store, burdock.Query{App: app}) {
		vals.Add(c)
	}
	state := map[string]json.RawMessage{}
	for _, key := range vals.Keys() {
		value, err := vals.JSON(key)
		if err != nil {
			t.Fatal(err)
		}
		state[key] = value
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type (
	count struct {
		N int `state:"n"`
	}
	counted struct {
		N     int      `state:"n"`
		Notes []string `state:"notes,append"`
		Odd   bool     `state:"odd,omitzero"`
		Drop  bool     `state:"start,delete"`
	}
)

var (
	add = burdock.Func("add", func(_ context.Context, in count) (counted, error) {
		return counted{in.N + 1, []string{fmt.Sprint("<", in.N, ">")}, in.N%2 == 0, in.N == 2}, nil
	})
	belowFive = burdock.When("n < 5", func(c count) bool { return c.N < 5 })

	// counting counts to five and notes each number.
	counting = &origin{
		graph: burdock.MustGraph("counting", burdock.Node(add, belowFive.Then(add))),
		state: burdock.StateOf(struct {
			N     int             `state:"n"`
			Start string          `state:"start"`
			Extra map[string]int  `state:"extra"` // no action uses it
			Raw   json.RawMessage `state:"raw"`
		}{0, "x", map[string]int{"b": 1, "a": 2}, json.RawMessage(`{"z":1,"a":[]}`)}),
	}
)

// P9: the fork of any step, made without the graph, goes on like the one that is made with it.
func TestP9_AForkWithoutTheGraphIsLikeOneWithIt(t *testing.T) {
	for seq := int64(-1); seq <= 5; seq++ {
		t.Run(fmt.Sprint("step ", seq), func(t *testing.T) {
			counting.same(t, burdock.Ref{App: originID, Seq: seq}, nil, nil)
		})
	}
	t.Run("other values", func(t *testing.T) {
		counting.same(t, burdock.Ref{App: originID, Seq: 4}, struct {
			N     int      `state:"n"`
			Notes []string `state:"notes"`
		}{1, []string{"a"}}, &record.ForkOptions{Set: map[string]json.RawMessage{"n": json.RawMessage(" 1 "), "notes": json.RawMessage(`[ "a" ]`)}})
	})
}

type (
	order struct {
		N      int    `state:"n"`
		Amount int    `input:"amount"`
		Note   string `input:"note,optional"`
	}
	bill struct {
		Bill string `state:"bill"`
	}
	excuse struct {
		N       int             `state:"n"`
		Failure burdock.Failure `input:"failure"`
		Amount  int             `input:"amount,optional"`
		Sure    bool            `input:"sure"`
	}
)

var (
	errSoldOut = errors.New("sold out")

	placeOrder = burdock.Func("order", func(_ context.Context, in order) (bill, error) {
		if in.N > 0 {
			return bill{fmt.Sprint(in.Amount, in.Note)}, nil
		}
		return bill{}, fmt.Errorf("%d pieces: %w", in.Amount, errSoldOut)
	})
	apologize = burdock.Func("excuse", func(_ context.Context, in excuse) (bill, error) {
		if in.N < 0 {
			return bill{}, errors.New("no excuse")
		}
		return bill{fmt.Sprint(in.Failure.Text, in.Failure.Seq, errors.Is(in.Failure.Err(), errSoldOut), in.Amount, in.Sure)}, nil
	})

	// ordering fails at once; what handles the failure waits for an input and shares another with what failed.
	ordering = &origin{
		graph: burdock.MustGraph("ordering", burdock.Sentinels(errSoldOut),
			burdock.Node(placeOrder, burdock.OnError(burdock.Is(errSoldOut), apologize)), burdock.Node(apologize)),
		state: burdock.StateOf(count{}),
		run:   []burdock.RunOption{burdock.Input("amount", 7)},
	}
)

// P9, I2: failures that the next step handles, and inputs that a step was recorded with, come along.
func TestP9_AForkKeepsFailureAndInputs(t *testing.T) {
	sure := burdock.Input("sure", true)
	for name, c := range map[string]struct {
		seq  int64
		n    int // of the origin
		run  []burdock.RunOption
		fork []burdock.RunOption
	}{
		"a handled failure":                  {seq: 1, fork: []burdock.RunOption{sure}},
		"a handler that waits":               {seq: 2, fork: []burdock.RunOption{sure}},
		"a handler that waits on":            {seq: 2},
		"another value for a kept input":     {seq: 1, fork: []burdock.RunOption{sure, burdock.Input("amount", 8)}},
		"a handler that failed":              {seq: 2, n: -1, run: []burdock.RunOption{sure}},
		"a handler that failed, other input": {seq: 2, n: -1, run: []burdock.RunOption{sure}, fork: []burdock.RunOption{burdock.Input("sure", false)}},
		"what has completed":                 {seq: 1, n: 1, run: []burdock.RunOption{burdock.Input("note", "!")}},
		"the beginning":                      {seq: 0, n: 1, fork: []burdock.RunOption{burdock.Input("amount", 3)}},
	} {
		t.Run(name, func(t *testing.T) {
			o := *ordering
			o.state, o.run, o.fork = burdock.StateOf(count{c.n}), append(slices.Clone(o.run), c.run...), c.fork
			o.same(t, burdock.Ref{App: originID, Seq: c.seq}, nil, nil)
		})
	}
}

type (
	unstyled struct {
		Words []string `state:"words"`
	}
	styleKey struct {
		Word string `state:"word,key"`
	}
	styleIn struct {
		Word  string `state:"word"`
		Style string `input:"style"`
	}
	styled struct {
		Text string `state:"text"`
	}
	styledAll struct {
		Texts []string `state:"texts"`
	}
)

// styling runs a graph for each word, or one action alone. calls counts the styled words.
func styling(calls map[string]int, alone bool) *origin {
	style := burdock.Func("style", func(_ context.Context, in styleIn) (styled, error) {
		calls[in.Word]++
		return styled{in.Style + in.Word}, nil
	})
	finish := burdock.Func("finish", func(_ context.Context, in styled) (burdock.None, error) {
		if strings.HasSuffix(in.Text, "bad") {
			return burdock.None{}, errors.New("too bad")
		}
		return burdock.None{}, nil
	})
	one := burdock.Runnable(burdock.MustGraph("one", burdock.Chain(style, finish)))
	if alone {
		one = style
	}
	each := burdock.MapStates("each/word", one,
		func(_ context.Context, in unstyled) iter.Seq2[styleKey, error] {
			return burdock.Each(in.Words, func(w string) styleKey { return styleKey{w} })
		},
		func(_ context.Context, _ unstyled, rs *burdock.Results[styleKey, styled]) (out styledAll, err error) {
			for r := range rs.OK() {
				out.Texts = append(out.Texts, r.Out.Text)
			}
			return out, nil
		}, &burdock.MapOptions{Limit: 1, Failures: burdock.Collect})
	return &origin{
		graph: burdock.MustGraph("styling", burdock.Node(each)),
		state: burdock.StateOf(unstyled{[]string{"a", "b:c", "bad"}}),
		run:   []burdock.RunOption{burdock.Input("style", "~")},
	}
}

// P9: a fork before a parallel step begins with copies of its completed branches under the ids that it looks for, and
// with the inputs that the step was given.
func TestP9_AForkRunsTheNamedBranchesAnew(t *testing.T) {
	calls := map[string]int{}
	o := styling(calls, false)
	store := o.store(t, originID)
	id, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{Rerun: []string{"b:c"}})
	if err != nil {
		t.Fatal(err)
	}
	if id != originID+"-fork-1" {
		t.Errorf("got id %q, want that of the origin with a number", id)
	}
	app, err := burdock.Resume(t.Context(), o.graph, o.options(store, id))
	if err != nil {
		t.Fatal(err)
	}
	got, err := burdock.Read[styledAll](app.Run(t.Context()))
	if want := []string{"~a", "~b:c"}; err != nil || !slices.Equal(got.Texts, want) {
		t.Errorf("got %q, %v, want %q", got.Texts, err, want)
	}
	if d := cmp.Diff(map[string]int{"a": 1, "b:c": 2, "bad": 2}, calls); d != "" {
		t.Errorf("calls: %s", d)
	}
	origins := map[string]burdock.Checkpoint{}
	for _, c := range recordsOf(t, store, originID) {
		origins[c.Key+fmt.Sprint(c.Seq)] = c
	}
	copied := 0
	for _, c := range recordsOf(t, store, id) {
		want := origins[c.Key+fmt.Sprint(c.Seq)]
		if (c.Key == "a") != (c.Origin.App != "" && c.Parent.App != "") {
			t.Errorf("%s, step %d: got origin %v", c.Path, c.Seq, c.Origin)
		}
		if c.Key == "a" {
			copied++
			want.Root, want.App, want.Parent.App, want.Path, want.Origin = id, c.App, id, strings.Replace(want.Path, "run%2F1%25", "run%2F1%25-fork-1", 1), want.Ref()
			if d := cmp.Diff(want, c, equal); d != "" {
				t.Errorf("a copied record, -want +got:\n%s", d)
			}
		}
	}
	if copied != 3 {
		t.Errorf("got %d copied records of branch a, want its 3", copied)
	}
}

// P9: a fork of a branch is a root, and knows its part of the graph.
func TestP9_AForkOfABranchIsARoot(t *testing.T) {
	o := styling(map[string]int{}, false)
	branch := ""
	for _, c := range listed(t, o.store(t, originID), burdock.Query{Parent: burdock.Ref{App: originID, Seq: 1}, Latest: true}) {
		if c.Key == "bad" {
			branch = c.App
		}
	}
	o.inner = burdock.MustGraph("one", burdock.Chain(
		burdock.Func("style", func(context.Context, styleIn) (styled, error) { return styled{"again"}, nil }),
		burdock.Func("finish", func(context.Context, styled) (burdock.None, error) { return burdock.None{}, nil })))
	o.fork = []burdock.RunOption{burdock.Input("style", "^")}
	for seq := int64(-1); seq <= 2; seq++ {
		o.same(t, burdock.Ref{App: branch, Seq: seq}, nil, nil)
	}
}

// P9, I2: with copied branches and recorded inputs both forks go on alike.
func TestP9_RerunWithoutTheGraphIsLikeThatWithIt(t *testing.T) {
	calls := map[string]int{}
	o := styling(calls, true)
	for name, rerun := range map[string][]string{"some": {"bad", "a"}, "one": {"b:c"}, "none": {}} {
		t.Run(name, func(t *testing.T) {
			clear(calls)
			o.same(t, burdock.Ref{App: originID, Seq: 1}, nil, &record.ForkOptions{Rerun: rerun})
			for _, key := range []string{"a", "b:c", "bad"} {
				want := 1
				if slices.Contains(rerun, key) {
					want = 3 // the origin, and each of its forks
				}
				if calls[key] != want {
					t.Errorf("%s: got %d calls, want %d", key, calls[key], want)
				}
			}
		})
	}
	t.Run("another word", func(t *testing.T) {
		o.same(t, burdock.Ref{App: originID, Seq: 1}, unstyled{[]string{"bad", "new"}}, &record.ForkOptions{
			Rerun: []string{"bad"}, Set: map[string]json.RawMessage{"words": json.RawMessage(`["bad","new"]`)},
		})
	})
	t.Run("another style", func(t *testing.T) {
		o.fork = []burdock.RunOption{burdock.Input("style", "#")}
		o.same(t, burdock.Ref{App: originID, Seq: 1}, nil, &record.ForkOptions{Rerun: []string{"a"}})
	})
}

// P9: a step that a killed process left behind runs again in the fork, and what it was given comes along.
func TestP9_AForkOfAnUnfinishedStepRunsItAgain(t *testing.T) {
	o := styling(map[string]int{}, true)
	store := o.store(t, originID)
	claim, err := store.Claim(t.Context(), originID)
	if err != nil {
		t.Fatal(err)
	}
	c, err := store.Load(t.Context(), burdock.Ref{App: originID, Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	c.Fence, c.Status, c.Ended, c.Delta, c.Next = claim.Fence(), burdock.StatusRunning, time.Time{}, nil, ""
	if err := store.Save(t.Context(), claim.Fence(), []burdock.Checkpoint{c}); err != nil {
		t.Fatal(err)
	}
	id, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: -1}, nil) // its owner lives
	if err != nil {
		t.Fatal(err)
	}
	app, err := burdock.Resume(t.Context(), o.graph, o.options(store, id))
	if err != nil {
		t.Fatal(err)
	}
	got, err := burdock.Read[styledAll](app.Run(t.Context()))
	if want := []string{"~a", "~b:c", "~bad"}; err != nil || !slices.Equal(got.Texts, want) {
		t.Errorf("got %q, %v, want %q", got.Texts, err, want)
	}
}

// P1: snapshots, and what Raw actions do to keys of any sort, change nothing of what a fork begins with.
func TestP9_AForkAfterSnapshots(t *testing.T) {
	type blob struct {
		Blob string `state:"blob"`
	}
	const (
		n    burdock.Key[int]      = "n"
		raw  burdock.Key[[]string] = "raw"
		gone burdock.Key[[]int]    = "gone"
	)
	grow := burdock.Func("grow", func(_ context.Context, in count) (blob, error) {
		return blob{strings.Repeat(fmt.Sprint(in.N), 3000)}, nil
	})
	change := burdock.Raw("change", burdock.ListOf(n, raw, gone), burdock.ListOf(n, raw, gone), func(_ context.Context, s burdock.State) (burdock.State, error) {
		i, _ := n.Get(s)
		s = burdock.Append(n.Set(s, i+1), raw, fmt.Sprint(i))
		if i%3 == 0 {
			return gone.Delete(s), nil
		}
		return burdock.Append(s, gone, i, i), nil
	})
	o := &origin{
		graph: burdock.MustGraph("growing", burdock.Node(grow, burdock.Then(change)),
			burdock.Node(change, burdock.When("n < 8", func(c count) bool { return c.N < 8 }).Then(grow))),
		state: burdock.StateOf(count{}),
	}
	store := o.store(t, originID)
	if !slices.ContainsFunc(listed(t, store, burdock.Query{App: originID}), func(c burdock.Checkpoint) bool { return c.Kind == burdock.KindSnapshot }) {
		t.Fatal("the origin has no snapshots")
	}
	for seq := range int64(16) {
		id, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: seq}, nil)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := burdock.Resume(t.Context(), o.graph, o.options(store, id))
		if err != nil {
			t.Fatal(err)
		}
		typed, err := burdock.Fork(t.Context(), o.graph, burdock.Ref{App: originID, Seq: seq}, o.options(store, "typed"))
		if err != nil {
			t.Fatal(err)
		}
		if !plain.State().Equal(typed.State()) {
			t.Errorf("step %d: got %s", seq, stateOf(t, store, id))
		}
	}
}
