package fromburr

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// A fleet is an executor. It runs each branch as another process would: what crosses is bytes.
type fleet struct {
	name   string
	worker *burdock.Worker
	ran    atomic.Int64
}

func (f *fleet) Execute(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
	f.ran.Add(1)
	there, err := b.Encode()
	if err != nil {
		return nil, err
	}
	back, err := f.worker.Run(ctx, there, burdock.Cascade{Store: b.Store(), Tracker: b.Tracker()})
	if err != nil {
		return nil, err // the worker is lost: the core hands the branch over again
	}
	return b.Decode(back)
}

func Example_executors() {
	graph := burdock.MustGraph("work", burdock.Chain(generatePrompts, multiPrompt, multiModelOnFirst))
	worker, err := burdock.NewWorker(nil, graph) // in the other process
	if err != nil {
		fmt.Println(err)
		return
	}
	all, some := &fleet{name: "all", worker: worker}, &fleet{name: "some", worker: worker}
	_, err = run[digest](graph, &burdock.Options{
		Cascade: burdock.Cascade{Executor: all},                               // of the application
		At:      map[string]*burdock.Cascade{"multi_model": {Executor: some}}, // of one action
	})
	fmt.Println(all.ran.Load(), some.ran.Load(), err)

	// Of a map, and of a graph that runs as a branch.
	here := &burdock.MapOptions{Branches: &burdock.Cascade{Executor: burdock.Local}}
	local := burdock.MustGraph("local", burdock.Chain(generatePrompts, burdock.MapStates("ask", queryLLM, eachPrompt, joined, here)))
	elsewhere := burdock.MustGraph("elsewhere", burdock.Chain(generatePrompts,
		burdock.MapStates("ask", riddles.Until(burdock.ByName("ask")).On(some), eachPrompt, joined, here)))
	for _, g := range []*burdock.Graph{local, elsewhere} {
		some.worker, err = burdock.NewWorker(nil, g)
		if err != nil {
			fmt.Println(err)
			return
		}
		all.ran.Store(0)
		some.ran.Store(0)
		_, err = run[digest](g, &burdock.Options{Cascade: burdock.Cascade{Executor: all}})
		fmt.Println(all.ran.Load(), some.ran.Load(), err)
	}
	// Output:
	// 2 2 <nil>
	// 0 0 <nil>
	// 0 2 <nil>
}

var joined = burdock.List[digest, prompt, survey](func(all []answer) (d digest) {
	for _, a := range all {
		d.Outputs = append(d.Outputs, a.Text)
	}
	return d
})

var multiModelOnFirst = burdock.MapActions("multi_model", models,
	func(_ context.Context, s survey) (prompt, error) { return prompt{s.Prompts[0]}, nil },
	burdock.List[digest, prompt, survey](func(all []answer) (d digest) {
		for _, a := range all {
			d.Outputs = append(d.Outputs, a.Text)
		}
		return d
	}), nil)

func Example_cascade() {
	ctx := context.Background()
	db, scratch := memstore.New(), memstore.New()
	var told sync.Map // whom the tracker has heard of
	tracker := burdock.TrackerFunc(func(_ context.Context, e burdock.Event) error {
		told.Store(e.Path, true)
		return nil
	})
	quiet := &burdock.MapOptions{Branches: &burdock.Cascade{Tracker: burdock.NoTracker}} // of one map
	graph := burdock.MustGraph("cascade", burdock.Chain(
		generatePrompts,
		burdock.MapStates("saved", queryLLM, eachPrompt, joined, quiet),
		burdock.MapStates("scratched", queryLLM, eachPrompt, joined, nil),
		burdock.MapStates("forgotten", queryLLM, eachPrompt, joined, nil),
	))
	_, err := run[digest](graph, &burdock.Options{
		ID:      "app",
		Cascade: burdock.Cascade{Store: db, Tracker: tracker}, // of the application; its branches inherit it
		At: map[string]*burdock.Cascade{ // of actions, by name
			"scratched": {Store: scratch},
			"forgotten": {Store: burdock.NoStore},
		},
	})
	fmt.Println(err)
	for name, store := range map[string]burdock.Store{"db": db, "scratch": scratch} {
		for cp, err := range store.List(ctx, burdock.Query{Root: "app", Latest: true}) {
			fmt.Println(name, "has", cp.Path, err)
		}
	}
	for _, path := range []string{"app/saved#2/why", "app/scratched#3/why", "app/forgotten#4/why"} {
		_, ok := told.Load(path)
		fmt.Println("tracked:", path, ok)
	}
	// Unordered output:
	// <nil>
	// db has app <nil>
	// db has app/saved#2/why <nil>
	// db has app/saved#2/when <nil>
	// scratch has app/scratched#3/why <nil>
	// scratch has app/scratched#3/when <nil>
	// tracked: app/saved#2/why false
	// tracked: app/scratched#3/why true
	// tracked: app/forgotten#4/why true
}

func Example_restoreFrom() {
	old, db := memstore.New(), memstore.New()
	graph := burdock.MustGraph("prompts", burdock.Chain(generatePrompts, multiPrompt))
	ctx := context.Background()
	app, err := burdock.New(ctx, graph, &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: old}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = app.Run(ctx, burdock.HaltAfter(generatePrompts)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run[digest](graph, &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: db, RestoreFrom: old}}))
	// Output: {[why: WHY when: WHEN]} <nil>
}
