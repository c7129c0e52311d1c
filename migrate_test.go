package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// A tallyV1 counts and keeps a log; it is what old programs of these tests have recorded.
type tallyV1 struct {
	N    int      `state:"n"`
	Text string   `state:"text"`
	Log  []string `state:"log,append"`
}

// oldTally runs "count" until n is 40. Its texts are long enough for snapshots on the way.
func oldTally(t *testing.T) *burdock.Graph {
	t.Helper()
	count := burdock.Func("count", func(_ context.Context, in forkCount) (tallyV1, error) {
		return tallyV1{in.N + 1, strings.Repeat("x", 400) + fmt.Sprint(in.N), []string{fmt.Sprint(in.N)}}, nil
	})
	more := burdock.When("more", func(c forkCount) bool { return c.N < 40 })
	return mustGraph(t, "tally", burdock.Node(count, more.Then(count)))
}

func mustGraph(t *testing.T, name string, parts ...burdock.Part) *burdock.Graph {
	t.Helper()
	g, err := burdock.NewGraph(name, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// halfway runs the old tally for 30 steps.
func halfway(t *testing.T, store burdock.Store) {
	t.Helper()
	app, err := burdock.New(t.Context(), oldTally(t), &burdock.Options{ID: "t", State: burdock.StateOf(forkCount{}), Cascade: burdock.Cascade{Store: store}})
	if err != nil {
		t.Fatal(err)
	}
	for step, err := range app.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if step.Seq == 30 {
			break
		}
	}
}

func thirty() []string {
	var log []string
	for i := range 30 {
		log = append(log, fmt.Sprint(i))
	}
	return log
}

// P8: with AllowGraphChange an application goes on in another form of its graph, with everything that it knew; from the
// first save on it is one of the new graph.
func TestP8_AChangedGraphGoesOnWhereItIsAllowed(t *testing.T) {
	type noted struct {
		Log   []string `state:"log"` // no list to append to any more
		Count int      `state:"n"`
	}
	type length struct {
		Length int `state:"length"`
	}
	count := burdock.Func("count", func(_ context.Context, in noted) (noted, error) {
		return noted{append(slices.Clone(in.Log), "new"), in.Count + 5}, nil
	})
	last := burdock.Func("last", func(_ context.Context, in noted) (length, error) { return length{len(in.Log)}, nil })
	more := burdock.When("more", func(c forkCount) bool { return c.N < 40 })
	g := mustGraph(t, "tally", burdock.Node(count, more.Then(count), burdock.Then(last)), burdock.Node(last))

	store := memstore.New()
	halfway(t, store)
	before := latest(t, store, "t")
	opts := &burdock.Options{ID: "t", Cascade: burdock.Cascade{Store: store}}
	if _, err := burdock.Resume(t.Context(), g, opts); !errors.Is(err, burdock.ErrGraphChanged) || !strings.Contains(err.Error(), "AllowGraphChange") {
		t.Fatalf("got %v, want ErrGraphChanged that names the way out", err)
	}
	opts.AllowGraphChange = true
	app, err := burdock.Resume(t.Context(), g, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := burdock.Key[[]string]("log").Get(app.State()); !slices.Equal(got, thirty()) {
		t.Errorf("got log %q, want what the old graph appended", got)
	}
	if got := latest(t, store, "t"); got.GraphHash != before.GraphHash {
		t.Error("Resume has written something")
	}
	out, err := app.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := append(thirty(), "new", "new")
	if got, _ := burdock.Key[[]string]("log").Get(out.State); !slices.Equal(got, want) {
		t.Errorf("got log %q, want %q", got, want)
	}
	if got, _ := burdock.Key[int]("length").Get(out.State); got != 32 || out.Seq != 33 {
		t.Errorf("got length %d after step %d, want 32 after step 33", got, out.Seq)
	}
	again, err := burdock.Resume(t.Context(), g, &burdock.Options{ID: "t", Cascade: opts.Cascade})
	if err != nil || !again.State().Equal(out.State) {
		t.Errorf("resumed by the new graph: %v, want the same state", err)
	}
	_, err = burdock.Resume(t.Context(), oldTally(t), opts2(store))
	if !errors.Is(err, burdock.ErrGraphChanged) || !strings.Contains(err.Error(), `node "last" is gone`) {
		t.Errorf("resumed by the old graph: got %v, want what is different", err)
	}
}

func opts2(store burdock.Store) *burdock.Options {
	return &burdock.Options{ID: "t", Cascade: burdock.Cascade{Store: store}}
}

func latest(t *testing.T, store burdock.Store, app string) burdock.Checkpoint {
	t.Helper()
	cp, err := store.Load(t.Context(), burdock.Ref{App: app, Seq: -1})
	if err != nil {
		t.Fatal(err)
	}
	return cp
}

// A renamed graph: other keys, another type, another node.
type tallyV2 struct {
	Total   string   `state:"total"`
	History []string `state:"history,append"`
}

func newTally(t *testing.T) *burdock.Graph {
	t.Helper()
	type in struct {
		Total string `state:"total"`
	}
	next := burdock.Func("next", func(_ context.Context, in in) (tallyV2, error) {
		return tallyV2{in.Total + "!", []string{"next"}}, nil
	})
	return mustGraph(t, "tally", burdock.Node(next))
}

func migrateTally(_ context.Context, m *burdock.Migration) error {
	var was struct {
		N   int      `state:"n"`
		Log []string `state:"log"`
	}
	if err := m.Decode(&was); err != nil {
		return err
	}
	clear(m.Values)
	m.Next = "next"
	return m.Encode(struct {
		Total   string   `state:"total"`
		History []string `state:"history"`
	}{fmt.Sprint(was.N), was.Log})
}

// P8: Migrate gets the old description and state, and says the new state and position.
func TestP8_MigrateChangesStateAndPosition(t *testing.T) {
	store := memstore.New()
	halfway(t, store)
	opts := opts2(store)
	opts.AllowGraphChange = true
	_, err := burdock.Resume(t.Context(), newTally(t), opts)
	if err == nil || !strings.Contains(err.Error(), `"count"`) || !strings.Contains(err.Error(), "Options.Migrate") {
		t.Fatalf("without Migrate: got %v, want an error that names the node and the way out", err)
	}
	var seen burdock.Migration
	opts.Migrate = func(ctx context.Context, m *burdock.Migration) error {
		seen = *m
		seen.Values = maps.Clone(m.Values)
		return migrateTally(ctx, m)
	}
	app, err := burdock.Resume(t.Context(), newTally(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	if seen.App != "t" || seen.Graph != "tally" || !strings.Contains(string(seen.Description), `"count"`) ||
		seen.Seq != 30 || seen.Next != "count" || seen.Unfinished || len(seen.Values) != 3 || string(seen.Values["n"]) != "30" {
		t.Errorf("Migrate got %+v, want what the old graph left", seen)
	}
	out, err := app.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []burdock.State{out.State, resumed(t, newTally(t), store).State()} {
		history, _ := burdock.Key[[]string]("history").Get(state)
		total, _ := burdock.Key[string]("total").Get(state)
		if total != "30!" || !slices.Equal(history, append(thirty(), "next")) {
			t.Errorf("got %q, %q", total, history)
		}
		if state.Has("n") || state.Has("log") || state.Has("text") {
			t.Errorf("keys that Migrate has removed are back: %v", slices.Collect(state.Keys()))
		}
	}
	// The state at the step before the change is the one that Migrate made; earlier steps are as they were.
	fork, err := burdock.Fork(t.Context(), newTally(t), burdock.Ref{App: "t", Seq: 30}, &burdock.Options{ID: "f", Cascade: opts.Cascade})
	if err != nil || fork.State().Has("n") {
		t.Errorf("a fork of step 30: %v, %v", fork, err)
	}
	old, err := burdock.Fork(t.Context(), oldTally(t), burdock.Ref{App: "t", Seq: 20}, &burdock.Options{ID: "g", Cascade: opts.Cascade})
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := burdock.Key[int]("n").Get(old.State()); n != 20 {
		t.Errorf("a fork of step 20 begins with n %d", n)
	}
}

func resumed(t *testing.T, g *burdock.Graph, store burdock.Store) *burdock.App {
	t.Helper()
	app, err := burdock.Resume(t.Context(), g, opts2(store))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// P8: what Migrate cannot mean is an error before anything is written.
func TestP8_WrongMigrations(t *testing.T) {
	broken := errors.New("broken")
	store := memstore.New()
	halfway(t, store)
	for name, c := range map[string]struct {
		migrate func(context.Context, *burdock.Migration) error
		want    string
	}{
		"its error":       {func(context.Context, *burdock.Migration) error { return broken }, "broken"},
		"an unknown node": {func(_ context.Context, m *burdock.Migration) error { m.Next = "nowhere"; return nil }, `"nowhere"`},
		"a value of another type": {func(ctx context.Context, m *burdock.Migration) error {
			defer func() { m.Values["total"] = []byte("30") }()
			return migrateTally(ctx, m)
		}, `"total"`},
		"a value that is no JSON": {func(ctx context.Context, m *burdock.Migration) error {
			defer func() { m.Values["more"] = []byte("{") }()
			return migrateTally(ctx, m)
		}, `"more"`},
		"a window that does not fit": {func(_ context.Context, m *burdock.Migration) error {
			return m.Decode(&struct {
				N string `state:"n"`
			}{})
		}, `"n"`},
		"a key that is not there": {func(_ context.Context, m *burdock.Migration) error {
			return m.Decode(&struct {
				N int `state:"m"`
			}{})
		}, `"m"`},
		"no pointer": {func(_ context.Context, m *burdock.Migration) error { return m.Decode(forkCount{}) }, "pointer"},
		"it panics":  {func(context.Context, *burdock.Migration) error { panic("broken") }, "panicked"},
	} {
		opts := opts2(store)
		opts.Migrate = c.migrate
		if _, err := burdock.Resume(t.Context(), newTally(t), opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	if cp := latest(t, store, "t"); cp.Seq != 30 || cp.GraphHash != oldTally(t).Hash() {
		t.Errorf("something was written: %+v", cp)
	}
}

// P8: a graph change in the middle of a fan-out runs no completed branch again.
func TestP8_CompletedBranchesStayCompleted(t *testing.T) {
	type item struct {
		Key string `state:"item,key"`
	}
	type done struct {
		Text string `state:"text"`
	}
	type all struct {
		Texts []string `state:"texts"`
	}
	runs := map[string]int{}
	fails := true
	each := burdock.MapStates("each", burdock.Func("one", func(_ context.Context, in item) (done, error) {
		runs[in.Key]++
		if in.Key == "c" && fails {
			return done{}, errors.New("not yet")
		}
		return done{in.Key}, nil
	}), func(context.Context, burdock.None) iter.Seq2[item, error] {
		return burdock.Each([]string{"a", "b", "c"}, func(k string) item { return item{k} })
	}, burdock.List[all, item, burdock.None](func(ds []done) (out all) {
		for _, d := range ds {
			out.Texts = append(out.Texts, d.Text)
		}
		return out
	}), &burdock.MapOptions{Limit: 1})
	store := memstore.New()
	if _, err := runNew(t, mustGraph(t, "fan", burdock.Node(each)), opts2(store)); err == nil {
		t.Fatal("the first run did not fail")
	}
	fails = false
	after := burdock.Func("after", func(context.Context, all) (burdock.None, error) { return burdock.None{}, nil })
	g := mustGraph(t, "fan", burdock.Chain(each, after))
	opts := opts2(store)
	opts.AllowGraphChange = true
	app, err := burdock.Resume(t.Context(), g, opts)
	if err != nil {
		t.Fatal(err)
	}
	out, err := app.Run(t.Context())
	if err != nil || out.Action != "after" || !maps.Equal(runs, map[string]int{"a": 1, "b": 1, "c": 2}) {
		t.Errorf("got %+v, %v with runs %v, want it done and a and b run once", out, err, runs)
	}
}

// P8: a step that has begun under another name is given up, with the inputs that nobody declares any more; one that
// waits goes on waiting; one that an error route leads to still gets the failure.
func TestP8_UnfinishedStepsMoveWithTheGraph(t *testing.T) {
	type asked struct {
		Word string `input:"word"`
	}
	type text struct {
		Text string `state:"text"`
	}
	type handled struct {
		Failure burdock.Failure `input:"failure"`
	}
	say := func(name string) *burdock.Action {
		return burdock.Func(name, func(_ context.Context, in asked) (text, error) { return text{name + " " + in.Word}, nil })
	}
	fail := func(name string) *burdock.Action {
		return burdock.Func(name, func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, errors.New("broken") })
	}
	handle := func(name string) *burdock.Action {
		return burdock.Func(name, func(_ context.Context, in handled) (text, error) { return text{name + " " + in.Failure.Action}, nil })
	}
	handledBy := func(h *burdock.Action) *burdock.Graph {
		return mustGraph(t, "g", burdock.Node(fail("a"), burdock.OnError(burdock.AnyError, h)), burdock.Node(h))
	}
	to := func(name string) func(context.Context, *burdock.Migration) error {
		return func(_ context.Context, m *burdock.Migration) error { m.Next = name; return nil }
	}
	for name, c := range map[string]struct {
		old, now *burdock.Graph
		halt     []burdock.RunOption
		migrate  func(context.Context, *burdock.Migration) error
		given    []burdock.RunOption
		want     string
	}{
		"waits under the same name": {
			mustGraph(t, "g", burdock.Node(say("a"))), mustGraph(t, "g", burdock.Node(say("a").Version("2"))),
			nil, nil,
			[]burdock.RunOption{burdock.Given(asked{"x"})},
			"a x",
		},
		"waits under another name": {
			mustGraph(t, "g", burdock.Node(say("a"))), mustGraph(t, "g", burdock.Node(say("b"))),
			nil, to("b"),
			[]burdock.RunOption{burdock.Given(asked{"x"})},
			"b x",
		},
		"failed under another name": {
			mustGraph(t, "g", burdock.Node(fail("a"))), mustGraph(t, "g", burdock.Node(say("b"))),
			nil, to("b"),
			[]burdock.RunOption{burdock.Given(asked{"x"})},
			"b x",
		},
		"stands before the handler of a failure": {
			handledBy(handle("h")), handledBy(handle("k")),
			[]burdock.RunOption{burdock.HaltBefore(burdock.ByName("h"))},
			to("k"), nil, "k a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New()
			app, err := burdock.New(t.Context(), c.old, opts2(store))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = app.Run(t.Context(), c.halt...)
			opts := opts2(store)
			opts.AllowGraphChange, opts.Migrate = true, c.migrate
			if app, err = burdock.Resume(t.Context(), c.now, opts); err != nil {
				t.Fatal(err)
			}
			if c.given != nil { // it waits first, and a process that comes then needs no migration
				_, _ = app.Run(t.Context())
				app = resumed(t, c.now, store)
			}
			got, err := burdock.Read[text](app.Run(t.Context(), c.given...))
			if err != nil || got.Text != c.want {
				t.Errorf("got %q, %v, want %q", got.Text, err, c.want)
			}
		})
	}
	t.Run("an unfinished step must be followed by one", func(t *testing.T) {
		store := memstore.New()
		_, _ = runNew(t, mustGraph(t, "g", burdock.Node(fail("a"))), opts2(store))
		opts := opts2(store)
		opts.Migrate = to("")
		if _, err := burdock.Resume(t.Context(), mustGraph(t, "g", burdock.Node(say("b"))), opts); err == nil || !strings.Contains(err.Error(), "middle of a step") {
			t.Errorf("got %v, want an error that says why", err)
		}
	})
}

// P8: a save that fails leaves the application as the old graph recorded it.
func TestP8_AFailedFirstSaveChangesNothing(t *testing.T) {
	store := memstore.New()
	halfway(t, store)
	opts := opts2(&refusing{Store: store})
	opts.Migrate = migrateTally
	app, err := burdock.Resume(t.Context(), newTally(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Run(t.Context()); !errors.Is(err, errRefused) {
		t.Fatalf("got %v, want the store's error", err)
	}
	if n := resumedOld(t, store); n != 30 {
		t.Errorf("the old graph finds n %d, want 30", n)
	}
}

func resumedOld(t *testing.T, store burdock.Store) int {
	t.Helper()
	n, _ := burdock.Key[int]("n").Get(resumed(t, oldTally(t), store).State())
	return n
}

var errRefused = errors.New("the store refuses")

// refusing refuses every save after the first ok ones.
type refusing struct {
	burdock.Store
	ok int
}

func (s *refusing) Save(ctx context.Context, f burdock.Fence, batch []burdock.Checkpoint) error {
	if s.ok--; s.ok < 0 {
		return errRefused
	}
	return s.Store.Save(ctx, f, batch)
}
