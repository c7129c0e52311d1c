// Package burdocktest helps to test actions and graphs.
//
// # The model
//
// An action is a function and is tested by calling it. This package is for what a call does not show: routes, branches,
// inputs that come later, and whether an application can be stopped at any moment and go on.
//
//	window ──▶ Run ──▶ Result{Out, Outcome, Trace, Events}      fails the test unless the run is done
//	            │        └─▶ Golden: the trace as a text in a file, compared
//	            ├── Checked(Immutable)  who writes to values that are shared
//	            ├── Checked(Strict)     which values do not come back from a store as they were
//	            └── Resumed()           the same run again and again, killed at each save and resumed
//
//	Case ──▶ Replay                                             one recorded step again, compared with its record
//
// Run runs an action or a graph on a store in memory. So each run of a test proves that everything in it can be saved,
// and in the end the application is read back from the store and must stand where the run left it:
//
//	res := burdocktest.Run[answer](t, graph, question{Prompt: "why", Model: "small"})
//	if res.Out.Text != "because" { ... }
//
// Immutable and Strict are also middleware for applications that a test runs by itself:
//
//	burdock.Cascade{Store: store, Middleware: []burdock.Middleware{burdocktest.Immutable(t), burdocktest.Strict(t)}}
//
// # Golden files
//
// Golden compares a text with a file and says in which lines they differ. go test -update writes the file anew. The flag
// is there in each test binary that imports this package, unless the binary has a flag of that name itself: then that one
// counts. The text of a Trace has no times, no ids and no order of events in it; branches stand in the order of their
// tasks.
//
// # Cases
//
// The command burdock testcase makes a test from a step that a program has recorded: a Case with the state before the
// step, its inputs, and what it wrote or the error it failed with. Values stand there as JSON, so the test needs no types:
// Replay decodes them with those of the graph.
//
// # What it does not find
//
//   - Immutable compares values before and after each step and in the end. A value that was changed and changed back
//     between two comparisons is not found; go test -race finds the unsynchronized ones among these. Secret inputs are
//     not looked at.
//   - Of branches that ran at the same time Immutable names all that may have done it, and the parallel step around them,
//     whose states and reduce functions run as long as they do. With MapOptions.Limit 1 it is one branch.
//   - Which branches are cancelled when a reduce returns early is a matter of time, and with it their place in a trace.
package burdocktest
