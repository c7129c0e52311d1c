// Package crashtest kills applications that run over sqlitestore and finds out whether they notice. It is a test of the
// promises that package burdock and this store make together; programs have no use for it.
//
// # The model
//
// A Plan is a random application that follows from a seed: sequences, maps, maps within maps, loops, append lists,
// failures that are retried, collected or handled, reduces that return early, steps that wait for inputs which the next
// call gives, and steps that wait for replies which somebody else gives. A round runs one plan in child processes over
// one database until it is done, and disturbs them:
//
//	          seed ──▶ plan ──▶ undisturbed run, in memory ──────────────▶ final state ─┐
//	                    │                                                               │ equal
//	                    ├─▶ child 1 ──✗ SIGKILL                                         │
//	                    ├─▶ child 2 ─────✗ SIGKILL, while it resumes                    │
//	                    └─▶ child 3 ────────────────────────────────────▶ final state ──┘
//	                          │
//	in each action            ├──▶ effects    idempotency key, attempt, whether it succeeded
//	after Save has returned   ├──▶ acks       idempotency key of each step that was acknowledged
//	in reduce                 └──▶ received   which results it was given, what it decided, which replies were used
//
// A child dies from outside at a random moment, or by its own hand: at the n-th effect, before or after the n-th Save,
// when it has acknowledged or a reduce has decided for the n-th time. In other rounds it is stopped where it stands, and
// a second one tries to go on; or two begin at once. From one process to the next the limits differ, the order of
// sequences, and the windows of some branches. All the while another process, that of the test, answers the steps that
// wait for replies in any order with burdock.Answer, some of them twice, and ends some branches with burdock.Cancel.
//
// # What is checked
//
//   - The final state is that of the undisturbed run: in memory, in the store, and read by another process.
//   - A step that was acknowledged as completed has succeeded, and has no effect afterwards, in whatever process. The
//     same goes for a failure that was handed on.
//   - A step that was not has succeeded at most once in each process that was killed, and never in one that ended by
//     itself.
//   - Attempts of a step are numbered upwards within a process, and no more of them fail than its Retry allows.
//   - What reduce was given had been acknowledged and is in the store. A reduce that returns early has decided the same
//     whenever it was asked.
//   - What was acknowledged is in the store, and what is there has happened. No step is missing, no join number is there
//     twice, and nothing below a root that is done runs or waits.
//   - Each answer that was accepted was used by the step that it was for, and by no other; a second one is refused for as
//     long as the first may be used. What somebody has cancelled does not complete. No message is left in the Inbox, but
//     for cancellations that have come when their branch had ended.
//   - While a stopped process owns the application, another gets burdock.ErrConflict and has no effect.
//   - PRAGMA integrity_check finds nothing.
//
// In plain words: whatever was paid for is not paid again, and the end is as if nobody had pulled the plug. The harness
// itself is checked against stores that are broken on purpose, see BrokenStores. Not checked here: power cuts, as a
// killed process leaves what it has written to the operating system.
//
//	make crash ROUNDS=10000
package crashtest
