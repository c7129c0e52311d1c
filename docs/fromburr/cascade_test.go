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
	ofApp, ofAction, ofGraph := &fleet{}, &fleet{}, &fleet{}
	here := &burdock.MapOptions{Branches: &burdock.Cascade{Executor: burdock.Local}} // of one map
	asked := riddles.Until(burdock.ByName("ask")).On(ofGraph)                        // of a graph that runs as a branch
	graph := burdock.MustGraph("work", burdock.Chain(
		choosePrompts,
		burdock.MapStates("one", respond, eachPrompt, joined, nil),
		burdock.MapStates("two", respond, eachPrompt, joined, nil),
		burdock.MapStates("three", respond, eachPrompt, joined, here),
		burdock.MapStates("four", asked, eachPrompt, joined, nil),
	))
	worker, err := burdock.NewWorker(nil, graph) // in another process, which has the same program
	if err != nil {
		fmt.Println(err)
		return
	}
	ofApp.worker, ofAction.worker, ofGraph.worker = worker, worker, worker
	_, err = run[digest](graph, &burdock.Options{
		Cascade: burdock.Cascade{Executor: ofApp},                         // of the application
		At:      map[string]*burdock.Cascade{"two": {Executor: ofAction}}, // of one action
	})
	fmt.Println(ofApp.ran.Load(), ofAction.ran.Load(), ofGraph.ran.Load(), err)
	// Output: 2 2 2 <nil>
}

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
		choosePrompts,
		burdock.MapStates("saved", respond, eachPrompt, joined, quiet),
		burdock.MapStates("scratched", respond, eachPrompt, joined, nil),
		burdock.MapStates("forgotten", respond, eachPrompt, joined, nil),
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
	graph := burdock.MustGraph("prompts", burdock.Chain(choosePrompts, askAll))
	ctx := context.Background()
	app, err := burdock.New(ctx, graph, &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: old}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = app.Run(ctx, burdock.HaltAfter(choosePrompts)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run[digest](graph, &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: db, RestoreFrom: old}}))
	// Output: {[why: WHY when: WHEN]} <nil>
}
