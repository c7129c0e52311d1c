// Package pgstore keeps checkpoints, events and messages in PostgreSQL, through pgx. It is the store of programs that run
// on more than one machine: any of them may go on where another one stopped.
//
// # The model
//
// Everything stands in one schema of its own, by default "burdock":
//
//	version     one row: the schema version
//	fence       root → epoch, dispatch: the highest seen; what every Save checks and locks
//	lease       root → owner, expires: who advances it now; a row exists while somebody does
//	app         one row per application
//	│ ├ name, unique
//	│ └ parent, parent_seq, idx ─ index: the branches of one visit
//	checkpoint  (app, seq, kind) → the record, whole, as package record writes it; what queries ask stands beside it
//	graph       SHA-256 → description, once
//	run         one row per root: when it was last written, and how it stood; what listings of roots read
//	event       in the order of writing; index (app, seq, attempt, n)
//	inbox       (root, n) → a message that is not used; unique by (root, id), answers also by (app, seq)
//
// Names, keys and records are bytea: an id may hold any byte, and what was written comes back to the byte. For people:
// convert_from(name, 'UTF8'), convert_from(body, 'UTF8').
//
//	Save ──┐ joins the forming batch      leader: yields while the batch still grows, then sends in one go
//	Save ──┼─────────────────────────►    BEGIN · fences, locked · graphs · apps · checkpoints · runs · inbox · events · COMMIT
//	Save ──┘                              and wakes the others, each with its own result
//
// One batch costs one round trip and one flush of the server's log, however many saves it has: BenchmarkAgainstRaw's 100
// concurrent saves take a fifteenth of the time that they take apart. There is no committer goroutine: the first Save of
// a batch leads it. A save whose fence is stale is left out by the statements themselves.
//
// A claim is a lease by the server's clock: 15 s, renewed each 5 s, by one goroutine per store that exists while the
// store holds a claim. Taking one over raises the epoch in fence, so an owner that slept is refused at its next Save,
// whatever its own clock says.
//
// # When a connection breaks
//
// Every session that writes holds an advisory lock of its own, named by the store. After a break the store ends that
// session on the server and waits until its lock is free: from then on nothing that was sent to it can still take
// effect. Then it writes the same rows again, under the same fence. If the COMMIT had taken effect, that changes
// nothing; if another owner has taken over since, the rows are read, and Save succeeds if they are there.
//
// # Guarantees
//
//   - When Save returns nil, its batch is committed with synchronous_commit on or what the database sets above it, and
//     the fence was checked under a row lock in the same transaction.
//   - A batch is written whole or not at all, and a journal's events with it. Saves that share a commit fail apart: a
//     stale fence fails its own Save; after any other error each Save is tried in a transaction of its own.
//   - Serialization failures, deadlocks, restarts of the server and broken connections are tried again, up to
//     Options.Timeout. A COMMIT of unknown outcome is resolved as above; if the server cannot be asked in that time,
//     Save fails with ErrUncertain, and the store writes nothing more before it has resolved it.
//   - Of all stores on one database, one holds a claim. Claim is one durable commit; Release is not waited for by the
//     server's log. A killed owner's lease ends 15 s after its last renewal.
//   - Lost is closed when another owner took the root over, when a Save was refused because of that, or when no renewal
//     has come through for the length of a lease. After Release returns, the store has no goroutine for this root.
//   - When Post returns nil, the message is committed as a Save is. It locks the fence of its root while it commits, so no
//     step ends unseen between the decision and the commit; it leaves the lease alone.
//   - Prune claims what it forgets as any owner would, in one transaction for each root.
//   - A process that stopped in the middle of a transaction blocks nobody for long: whoever waits for its locks ends its
//     session when the server has waited 2 s for its next message.
//   - Save is not abandoned when its context ends after it has begun. Load and List end with their context's error.
//   - A List holds no transaction and no connection while its loop's body runs; each page of it is one moment.
//   - No goroutine is started but the renewal of leases, the timer of a Tracker and, for as long as a transaction has
//     waited for more than 2 s, one that looks who blocks it. pgx's pool has its own.
//
// In plain words: what was acknowledged is there after the server or the program was killed, as far as the server keeps
// its promise; many branches that save at once pay for one commit; a broken connection is repaired where that is safe,
// and else the error says what is known; and of two programs exactly one advances an application. Not promised: a server
// with fsync off (Open warns), or a failover to a standby that had not got everything; pools that hand one server session
// to several clients at once (pgbouncer's transaction mode), which break the locks that sessions hold; a server clock
// that is set forward, which ends leases early; a listing that shows one single moment while somebody writes.
package pgstore
