// Bench compares Burdock with raw Go and fails when a budget is over:
//
//	go run . [-run regexp] [-count rounds] [-v]
//
// A budget is one line of the table that it prints:
//
//	name            ours            raw             ratio  budget              verdict
//	branch/1000     0.53 µs         0.39 µs         1.38   ≤ 1.5 × raw         ok
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
// Some budgets are not ratios. The sequential step has an absolute price, since the raw loop is a few instructions long
// and no ratio to it means anything; it is generous enough for a busy machine, and the raw line beside it says how fast
// this one is. The same goes for branches beside a list and for restored branches. Allocations are counted, so they have no
// noise at all.
//
// The place of a file on the disk changes the price of its fsync too, by a tenth or two and for as long as the file lives.
// So a budget that waits for fsyncs has several pairs of files, of which each round uses another.
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
//
// What is saved is compared with the same rows in another SQLite file, written through database/sql by hand: the same
// driver, pragmas and folder. Statements are prepared once, there is one connection, and no context that could end is
// passed to what writes, since the driver would start a goroutine per statement for it. "The same bytes" are those of
// the record in its stored form (record.Marshal); they are ready before raw begins, so raw pays nothing for encoding.
//
//   - Durable step: a step against one prepared INSERT of its row, which commits by itself. The time of ours is taken
//     from the return of one action to the call of the next.
//   - Durable tracked: the same with the store's tracker, against one transaction of three INSERTs: the step's row and
//     those of its two events.
//   - Durable claim: an application of two steps, with all that it begins and ends with, against three such INSERTs.
//     It says whether claim and release cost a sync; TestP3_ClaimAndReleaseCostNoSync of package sqlitestore counts.
//   - Group: branches of three durable steps against as many goroutines, which send their rows to one committer. That
//     takes what is queued, inserts all of it in one transaction and answers each. Beginning and ending the application
//     is part of ours, and so are sequence 0 and the row of each branch, without which nobody could look at it.
//   - Append: steps that append one message to a list, Relaxed, against INSERTs of the same rows in mode NORMAL. The
//     second line compares the halves of such a run, both ours, and the third weighs the file.
//   - Beside: a map of a hundred branches in a state with a list of 10,000 messages, without a store. In the second
//     line each branch is given the list.
//   - Restore: a resumed step finds the results of all its branches, so what is measured is reading them and matching
//     them with what the sequence yields. Raw reads all columns of the same rows from the same file into structs.
//
// # How to add one
//
// A budget is a value of type budget in the table of the file that it belongs to. Its open function makes both sides for
// a given size; the test runs all of them with tiny sizes, so a budget that does not work is found without measuring.
package main
