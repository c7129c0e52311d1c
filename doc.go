// Package burdock is for applications that make decisions: chatbots, agents, pipelines, simulations. An application is a
// state machine. Its actions read and write a shared, immutable state; its transitions choose what runs next; one action
// can fan out into many branches, each an application of its own. Every step can be saved, watched and resumed.
//
// # The model
//
// An action is an ordinary function on structs. The fields of what it takes are what it reads, the fields of what it
// returns are what it writes; it sees and changes nothing else:
//
//	type question struct {
//		Prompt string `state:"prompt"` // read from the state
//		Model  string `input:"model"`  // given from outside, or bound
//	}
//	type answer struct {
//		Text string `state:"text"` // written to the state
//	}
//
//	func ask(ctx context.Context, q question) (answer, error) { ... }
//
//	var askModel = burdock.Func("ask", ask)
//
// Such a function is tested by calling it. Its dependencies arrive as method values: Func("ask", bot.ask).
//
// A graph is a value made of nodes. A node is an action with the routes that follow it, which read like a switch: the
// first that matches wins, Then is the default, and when none matches the application has ended:
//
//	var short = burdock.When("text is short", func(a answer) bool { return len(a.Text) < 100 })
//
//	var graph = burdock.MustGraph("chat", burdock.Node(askModel, short.Then(expand)), burdock.Node(expand))
//
// An application is a graph with a state and an id. New, Resume, Open and Fork make one, Run, Steps and Events advance it:
//
//	app, err := burdock.Open(ctx, graph, &burdock.Options{ID: "talk-7", Cascade: burdock.Cascade{Store: db, Tracker: db}})
//	out, err := app.Run(ctx, burdock.Given(turn{Model: "small"}))
//
// A step is one execution of one action: it loads a window from the state, calls the function, stores what it returned
// as a new state, asks the routes and commits all of it as one checkpoint.
//
//	 state 6 ──load──▶ window ──▶ function ──▶ window ──store──▶ state 7
//	                                                               │
//	checkpoint 7 = what changed, what runs next ◀────commit────────┤
//	                                                               ▼
//	                                                        routes ──▶ next
//
// # Waiting
//
// An action whose required input nobody gave is not an error: the run stops before it and says which input it needs.
// The next Run gives it, or anybody who can open the store does with Answer, while the application runs or days later. A
// person in the loop needs nothing more than an input field.
//
// # Many at once
//
// MapStates runs one action or graph over many windows, MapActions many actions over one, MapActionsAndStates each of
// many over each of many, and MapTasks what each task says. All call reduce with the results while they arrive. A branch
// is an application: it has its own id, steps, checkpoints and events, and it begins with exactly the window it was given.
//
//	            ┌─▶ branch ─┐
//	states ─────┼─▶ branch ─┼────▶ results ────▶ reduce
//	(lazy)      └─▶ branch ─┘   (any order)   (a return cancels the rest)
//
// Branches are pulled lazily, so a sequence may be endless. Reduce is a consumer: joining all, taking the first, a
// quorum or the best so far are loops with a return. What runs in a branch can fan out again, and with GraphNamed it can
// be the graph itself.
//
// # Watching
//
// What happens is told as events, those of branches with their paths: to a Tracker, or to a loop that runs the
// application. Streaming actions emit pieces while they run, and the loop gets them from all branches at once:
//
//	for e, err := range app.Events(ctx) {
//		...
//		if word, ok := burdock.ChunkOf[string](e); ok {
//			fmt.Println(e.Path, word)
//		}
//	}
//
// Leaving the loop pauses the application. A loop that is slow slows the branches, and stops the clocks of their Timeouts.
//
// # By hand
//
// Spawn starts an action or a graph beside the action that calls it, and returns a Handle at once. What it starts is a
// branch of the running step with all that belongs to one, so two agents can race while a person decides, and none of
// it needs a goroutine of the program's own or outlives the action:
//
//	hare, err := burdock.Spawn(ctx, "hare", small, window, nil)
//	tortoise, err := burdock.Spawn(ctx, "tortoise", large, window, nil)
//	select {
//	case <-hare.Done():
//	case <-tortoise.Done():
//	}
//
// What is spawned is decided while the action runs, so neither NewGraph nor Graph.Hash know of it.
//
// # Guarantees
//
// Of running:
//
//   - What an action does not declare it neither sees nor changes.
//   - A step is completed if and only if its function returned a nil error. A cancelled attempt is never completed.
//   - A panic in a user's function, or a call of runtime.Goexit, is an error of its step. It never ends the process.
//   - When a call returns, none of its goroutines is left; Options.Grace is the one exception, and its error says so.
//   - NewGraph reports everything that is wrong with a graph at once, and New every key that may be read before it is
//     written, with the path.
//
// Of watching:
//
//   - The loop over Events is told what a tracker is told, each application's events in the order of their numbers, and a
//     step's end after its checkpoint is committed. The last event says how the run ended.
//   - Nothing is buffered: whoever has an event for the loop waits until it is taken, and no longer once it is left.
//   - Without a listener no event is built.
//
// Of maps:
//
//   - At most MapOptions.Limit branches of one visit live, and at most Options.MaxConcurrency action functions run in
//     the whole tree; any nesting completes with both at 1.
//   - Every branch that was pulled has one result, and OK yields results in the order of the sequence, whatever the
//     timing.
//   - A reduce that has returned wins over any failure that comes later.
//   - A branch is known by where it stands and what it was given, never by its position alone: no result reaches
//     another item when a list has changed. The same goes for what an action spawns.
//   - What an action has spawned has ended before its step is committed.
//
// Of saving:
//
//   - A step that was acknowledged by the store is not run again, whatever happens to the process.
//   - A result reaches reduce only after its branch is saved.
//   - Of two processes that advance one application exactly one proceeds.
//   - No value changes by being saved: what encoding/json cannot bring back equal is refused by NewGraph.
//   - An error of the store is no failure of a step.
//
// Less formally: write functions, test them by calling them, let the compiler check what they share; kill the process
// when you like, start it again, and what is paid for is not paid twice.
//
// Not promised: that a side effect happens only once. A process may die between the effect and its commit, and then the
// step runs again; give StepInfo.IdempotencyKey to a service that can tell. Errors of the runtime that cannot be
// recovered, such as concurrent writes of a map, end the process, and so does an action that ends while it holds its
// operating-system thread locked.
//
// # Where things are
//
// Package record has the stored form of checkpoints and events. Stores are in store/memstore, store/sqlitestore and
// store/pgstore, trackers in track/slogtrack and track/progress, and the two stores on disk have trackers of their own.
// Packages store/storetest, track/tracktest and exec/exectest check new stores, trackers and executors. Package
// burdocktest is for tests of actions and graphs. The command burdock lists, shows, answers, cancels, forks, prunes and
// exports what is stored. The file docs/from_burr.md says what each part of the Python framework Burr is here.
package burdock
