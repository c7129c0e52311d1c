// Bench compares Burdock with raw Go and fails when a budget is over:
//
//	go run . [-run regexp] [-count rounds] [-v]
//
// A budget is one line of the table that it prints:
//
//	name            ours            raw             ratio  budget              verdict
//	branch/1000     0.81 µs         0.62 µs         1.31   ≤ 1.5 × raw         ok
//
// It exits 1 when a budget is over or work fails, and 2 on wrong usage. With -v each line is followed by what is compared
// with what, and by the spread of the rounds.
//
// # How it measures
//
// A machine has no speed: other programs take its cores, its clock changes, and the price of an fsync moves by a factor of
// two within minutes. So both sides run in this process, on the same input, in turns:
//
//	round 1   ours, raw      round 2   ours, raw      ...
//
// Each round gives one pair of figures, taken within the same moment, and one ratio. A line shows the medians, and the
// verdict is on the median of the ratios. Rounds are many and short: what disturbs the machine for a while disturbs both
// sides, or a few rounds only. A garbage collection is forced before each side, outside of its time, so that neither pays
// for the other's garbage.
//
// Two budgets are not ratios. The sequential step has an absolute price, since the raw loop is a few instructions long
// and no ratio to it means anything; it is generous enough for a busy machine, and the raw line beside it says how fast
// this one is. Allocations are counted, so they have no noise at all.
//
// # What is compared with what
//
// A step is what Burdock sells, so the raw side does its work too, by hand (raw.go): a state is made of slots, a
// function's input is filled from them, what it returns goes into a copy of the slots, and the old state stays as it was,
// because somebody may still be reading it. Without that the comparison would be of a function call with a durable
// programming model. What the raw side does not do is what Burdock exists for: routes, ids, limits that nest, errors that
// name their step, panics that are caught, results in the order of their tasks while others still run.
//
// A fan-out is compared with golang.org/x/sync/errgroup and SetLimit, which is how Go programs are written today: one
// goroutine per task, the first error cancels the rest. Both sides get the same number of live branches.
//
//   - Step: a loop of one action with a condition. Raw is a for loop with the state's work.
//   - Branch: the action does nothing, so everything measured is overhead. Starting and ending the application is
//     part of ours. Raw keeps each branch's record in a slice and adds the results up at the end, as reduce does.
//   - Memory: how high the heap rises above where it was. Raw adds up while it goes and keeps nothing, since any slice
//     of results would make ours look small. Both sides produce garbage, whose collection alone lets a heap rise
//     by some megabytes; so the budget is a difference. A second line compares a million branches with a hundred
//     thousand, both ours: what it allows is what does not grow.
//   - Sleep: branches that wait, as those that call a model do. Nothing but lost slots can be seen here: a slot that
//     stays empty for a moment, or a result that holds up others.
//   - Chain: a branch of three actions against goroutines of a bounded pool that call three functions and do no state
//     work at all.
//   - Durable step: a step saved to SQLite against one prepared INSERT of a row with the same bytes, which commits by
//     itself: the same driver, pragmas and folder, each side its own file. Both wait for one fsync, so single operations
//     alternate.
//
// # How to add one
//
// A budget is a value of type budget in the table of the file that it belongs to. Its open function makes both sides for
// a given size; the test runs all of them with tiny sizes, so a budget that does not work is found without measuring.
package main
