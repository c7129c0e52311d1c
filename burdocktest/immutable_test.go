package burdocktest_test

import (
	"context"
	"encoding/json"
	"iter"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
	"github.com/burdock-go/burdock/store/memstore"
)

type item struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

type shelf struct {
	Items  []item           `state:"items"`
	Prices map[string]int   `state:"prices"`
	First  *item            `state:"first"`
	Sum    *big.Int         `state:"sum"`
	Bytes  []byte           `state:"bytes"`
	Nested map[string][]int `state:"nested"`
	Raw    json.RawMessage  `state:"raw"`
	Pair   [2][]int         `state:"pair"`
	Worth  worth            `state:"worth"`
}

// A worth says by a marshaler what stands behind a pointer of its own.
type worth struct{ cents *big.Int }

func (w worth) MarshalJSON() ([]byte, error) { return w.cents.MarshalJSON() }
func (w *worth) UnmarshalJSON(data []byte) error {
	w.cents = new(big.Int)
	return w.cents.UnmarshalJSON(data)
}

func full() shelf {
	return shelf{
		Items:  []item{{"b", []string{"x"}}, {"a", []string{"y", "z"}}},
		Prices: map[string]int{"a": 1},
		First:  &item{"b", []string{}},
		Sum:    big.NewInt(7),
		Bytes:  []byte("abc"),
		Nested: map[string][]int{"k": {1, 2}},
		Raw:    json.RawMessage(`[1]`),
		Pair:   [2][]int{{1}, {2}},
		Worth:  worth{big.NewInt(100)},
	}
}

type sum struct {
	N int `state:"n"`
}

// doing is an action that reads the shelf.
func doing(name string, f func(s shelf)) *burdock.Action {
	return burdock.Func(name, func(_ context.Context, s shelf) (sum, error) {
		f(s)
		return sum{len(s.Items)}, nil
	})
}

var watched = burdocktest.Checked(burdocktest.Immutable)

func TestImmutableNamesStepKeyPlaceAndValues(t *testing.T) {
	look := doing("look", func(shelf) {})
	for name, c := range map[string]struct {
		write func(s shelf)
		want  string
	}{
		"an element's field": {func(s shelf) { s.Items[1].Name = "changed" }, `key "items" at [1].Name was "a" and is "changed"`},
		"sorted": {func(s shelf) {
			slices.SortFunc(s.Items, func(a, b item) int { return strings.Compare(a.Name, b.Name) })
		}, `key "items" at [0].Name was "b" and is "a"`},
		"a slice in an element": {func(s shelf) { s.Items[1].Tags[0] = "w" }, `key "items" at [1].Tags[0] was "y" and is "w"`},
		"another slice":         {func(s shelf) { s.Items[1].Tags = nil }, `key "items" at [1].Tags was ["y","z"] and is null`},
		"an entry":              {func(s shelf) { s.Prices["a"] = 2 }, `key "prices" at ["a"] was 1 and is 2`},
		"a new entry":           {func(s shelf) { s.Prices["b"] = 3 }, `key "prices" at ["b"] was nothing and is 3`},
		"no entry":              {func(s shelf) { delete(s.Prices, "a") }, `key "prices" at ["a"] was 1 and is nothing`},
		"behind a pointer":      {func(s shelf) { s.First.Name = "c" }, `key "first" at .Name was "b" and is "c"`},
		"a big number":          {func(s shelf) { s.Sum.Add(s.Sum, s.Sum) }, `key "sum" was 7 and is 14`},
		"a byte":                {func(s shelf) { s.Bytes[0] = 'x' }, `key "bytes" was "abc" and is "xbc"`},
		"a list in a map":       {func(s shelf) { s.Nested["k"][1] = 9 }, `key "nested" at ["k"][1] was 2 and is 9`},
		"raw JSON":              {func(s shelf) { s.Raw[1] = '2' }, `key "raw" was [1] and is [2]`},
		"in an array":           {func(s shelf) { s.Pair[1][0] = 5 }, `key "pair" at [1][0] was 2 and is 5`},
		"of a marshaler":        {func(s shelf) { s.Worth.cents.SetInt64(1) }, `key "worth" was 100 and is 1`},
	} {
		t.Run(name, func(t *testing.T) {
			g := burdock.MustGraph("g", burdock.Chain(look, doing("write", c.write), look.Named("again")))
			got := failures(t, func(t testing.TB) { burdocktest.Run[sum](t, g, full(), watched) })
			for _, want := range []string{c.want, "while write (test, step 2) ran", "it is of what test began with"} {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%s\nwant in it\n%s", got, want)
				}
			}
			// Without the check the end of the run shows it, but not who wrote.
			wantFailure(t, func(t testing.TB) { burdocktest.Run[sum](t, g, full()) }, "the run ended with the first and its store has the second")
		})
	}
}

// What an action may do is no finding: it makes new values, appends to lists, and writes to copies.
func TestImmutableIsContentWithWhatIsAllowed(t *testing.T) {
	grow := burdock.Func("grow", func(_ context.Context, s shelf) (shelf, error) {
		s.Items = append(s.Items, item{"new", []string{}})
		s.Pair[0] = []int{3}
		s.Prices = map[string]int{"other": 1}
		s.Sum = new(big.Int).Add(s.Sum, big.NewInt(1))
		return s, nil
	})
	list := burdock.Func("list", func(_ context.Context, s talk) (said, error) { return said{[]string{"x", "y"}}, nil })
	enough := burdock.When("few", func(s talk) bool { return len(s.Talk) < 50 })
	g := burdock.MustGraph("g", burdock.Node(grow, burdock.Then(grow.Named("more"))), burdock.Node(grow.Named("more")))
	wantNone(t, func(t testing.TB) {
		burdocktest.Run[shelf](t, g, full(), watched, burdocktest.Resumed())
		burdocktest.Run[talk](t, burdock.MustGraph("l", burdock.Node(list, enough.Then(list))), talk{}, watched)
		burdocktest.Run[digested](t, survey, prompts{[]string{"a", "b", "c"}}, watched, burdocktest.Checked(burdocktest.Strict))
	})
}

// An action that keeps what it has returned and writes to it later is found, also if no step follows.
func TestImmutableFindsAWriteAfterTheStep(t *testing.T) {
	var kept []item
	write := burdock.Func("write", func(context.Context, burdock.None) (struct {
		Items []item `state:"items"`
	}, error,
	) {
		kept = []item{{"a", nil}}
		return struct {
			Items []item `state:"items"`
		}{kept}, nil
	})
	idle := burdock.Func("idle", func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, nil })
	// A condition is no step, so what it writes is written between two.
	late := burdock.When("late", func(struct {
		Items []item `state:"items"`
	},
	) bool {
		kept[0].Name = "late"
		return true
	})
	const what = `key "items" at [0].Name was "a" and is "late": it was written to after write (test, step 1) had ended`
	wantFailure(t, func(t testing.TB) {
		g := burdock.MustGraph("g", burdock.Node(write, late.Then(idle)), burdock.Node(idle))
		burdocktest.Run[burdock.None](t, g, nil, watched)
	}, what, "it is of write (test, step 1)")
	wantFailure(t, func(t testing.TB) {
		g := burdock.MustGraph("g", burdock.Node(write, burdock.Not(late).Then(idle)), burdock.Node(idle))
		burdocktest.Run[burdock.None](t, g, nil, watched)
	}, what)
	// In an application that the test runs by itself, the end is that of the test.
	wantFailure(t, func(t testing.TB) {
		opts := &burdock.Options{ID: "test", Cascade: burdock.Cascade{Store: memstore.New(), Middleware: []burdock.Middleware{burdocktest.Immutable(t)}}}
		app, err := burdock.New(t.Context(), burdock.MustGraph("g", burdock.Node(write)), opts)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if _, err := app.Run(t.Context()); err != nil {
			t.Fatalf("%v", err)
		}
		kept[0].Name = "late"
	}, what)
}

// The values of a test are not watched after its run.
func TestImmutableEndsWithTheRun(t *testing.T) {
	wantNone(t, func(t testing.TB) {
		res := burdocktest.Run[shelf](t, doing("look", func(shelf) {}), full(), watched)
		res.Out.Items[0].Name = "mine"
	})
}

type counted struct {
	Words []string `state:"words"`
	Index int      `state:"index,key"`
}

type words struct {
	Words []string `state:"words"`
}

// sorter is a fan-out in which one branch sorts the list that all of them were given.
func sorter(limit int, barrier func(index int, write func())) *burdock.Action {
	count := burdock.Func("count", func(_ context.Context, in counted) (sum, error) {
		barrier(in.Index, func() { slices.Sort(in.Words) })
		return sum{len(in.Words)}, nil
	})
	return burdock.MapStates("count_all", count, func(_ context.Context, in words) iter.Seq2[counted, error] {
		return burdock.Each([]int{0, 1, 2}, func(i int) counted { return counted{in.Words, i} })
	}, func(_ context.Context, _ words, rs *burdock.Results[counted, sum]) (s sum, err error) {
		for r := range rs.OK() {
			s.N += r.Out.N
		}
		return s, rs.Err()
	}, &burdock.MapOptions{Limit: limit})
}

// With one branch at a time the step is known; the parallel step around it may have written too.
func TestImmutableFindsTheBranch(t *testing.T) {
	g := sorter(1, func(i int, write func()) {
		if i == 1 {
			write()
		}
	})
	got := failures(t, func(t testing.TB) {
		burdocktest.Run[sum](t, g, words{[]string{"b", "a"}}, watched)
	})
	const want = `key "words" at [0] was "b" and is "a": it was written to while one of these ran: count (test/count_all#1/1, step 1), count_all (test, step 1); it is of what test began with`
	if !strings.Contains(got, want) || strings.Contains(got, "count_all#1/0") || strings.Contains(got, "count_all#1/2,") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Of branches that ran at the same time all are named.
func TestImmutableNamesAllThatMayHaveWritten(t *testing.T) {
	var all sync.WaitGroup // until all three have begun
	var wrote sync.WaitGroup
	all.Add(3)
	wrote.Add(1)
	g := sorter(3, func(i int, write func()) {
		all.Done()
		all.Wait()
		if i == 1 {
			write()
			wrote.Done()
		}
		wrote.Wait()
	})
	wantFailure(t, func(t testing.TB) { burdocktest.Run[sum](t, g, words{[]string{"b", "a"}}, watched) },
		"count (test/count_all#1/0, step 1)", "count (test/count_all#1/1, step 1)", "count (test/count_all#1/2, step 1)")
}

// A reduce that sorts the results of its branches writes to their states.
func TestImmutableFindsAReduce(t *testing.T) {
	copied := burdock.Func("copied", func(_ context.Context, in counted) (words, error) { return words{slices.Clone(in.Words)}, nil })
	m := burdock.MapStates("sort_all", copied, func(_ context.Context, in words) iter.Seq2[counted, error] {
		return burdock.Each([]int{0}, func(i int) counted { return counted{in.Words, i} })
	}, func(_ context.Context, _ words, rs *burdock.Results[counted, words]) (n sum, err error) {
		for r := range rs.OK() {
			slices.Sort(r.Out.Words)
		}
		return n, rs.Err()
	}, nil)
	wantFailure(t, func(t testing.TB) { burdocktest.Run[sum](t, m, words{[]string{"b", "a"}}, watched) },
		`key "words" at [0] was "b" and is "a"`, "sort_all (test, step 1)", "it is of copied (test/sort_all#1/0, step 1)")
}

func TestImmutableWatchesInputs(t *testing.T) {
	type given struct {
		Names []string `input:"names"`
	}
	use := burdock.Func("use", func(_ context.Context, g given) (sum, error) {
		g.Names[0] = "mine"
		return sum{}, nil
	})
	wantFailure(t, func(t testing.TB) {
		burdocktest.Run[sum](t, use, nil, watched, burdocktest.With(burdock.Options{Given: burdock.Given(given{[]string{"theirs"}})}))
	}, `input "names" at [0] was "theirs" and is "mine"`, "while use (test, step 1) ran")
	wantFailure(t, func(t testing.TB) {
		burdocktest.Run[sum](t, use.Bind("names", []string{"bound"}), nil, watched)
	}, `input "names" at [0] was "bound"`)
}

// An action that fails has read what it was given as well.
func TestImmutableWatchesStepsThatFail(t *testing.T) {
	crash := burdock.Func("crash", func(_ context.Context, s shelf) (sum, error) {
		s.Prices["a"] = 5
		panic("oh")
	})
	wantFailure(t, func(t testing.TB) { burdocktest.Run[sum](t, crash, full(), watched, burdocktest.Fails()) },
		`key "prices" at ["a"] was 1 and is 5`)
}
