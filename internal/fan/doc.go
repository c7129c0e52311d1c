// Package fan runs the tasks of a lazy sequence in a bounded pool and hands their results to one consumer.
//
//	sequence ──pull──▶ task list (in the order of the sequence) ──▶ Next(InOrder)
//	                     │ workers, at most Limit
//	                     ▼
//	                   joined list (in the order of completion) ──▶ Next(AsDone)
//
// There is no dispatcher goroutine: a worker that is free pulls its own next task, and a few more if there are places for
// them, which it runs itself unless somebody else is free before. One Node per task stands in both lists, and delivery
// takes it out of both, so either order costs O(1) per result and memory is bounded by Buffer. The joined list is made
// when somebody first asks for its order. Consumers are the goroutines that call Next; workers are started one by one,
// each when there is something to do for it and nobody is on the way.
//
// Guarantees:
//
//   - At most Limit tasks run, and at most Buffer are pulled and not delivered; suspended ones do not count.
//   - The sequence is pulled by one goroutine at a time, in the order: room in the buffer, rate, token, pull, start.
//   - No more is pulled than there are places, and without tokens what is pulled waits for nothing but a processor: if a
//     worker is held up by the sequence, another one starts what the first has pulled. A task that is resumed meanwhile
//     takes its place among them.
//   - Each result is delivered once. The order of join numbers is the order of AsDone.
//   - After Stop no task starts. After Close no worker is left, unless it was told not to wait for one.
//   - A task that calls runtime.Goexit ends like any other: a fresh worker continues in its place.
//
// Less formally: give it a sequence and a function, read results in the order you like, stop when you like, and nothing
// stays behind. The package knows nothing of actions, states or stores.
//
// Waiting is done on channels and condition variables only, never on a mutex held over somebody else's function, so that
// the time of a testing/synctest bubble goes on.
package fan
