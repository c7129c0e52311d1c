// Package sqlitestore keeps checkpoints, events and messages in one SQLite file, in pure Go. It is the embedded default: store,
// tracker and what the command line and the UI read, with nothing to install or to run beside the program.
//
// # The model
//
//	burdock.db                               beside it
//	├ app         one row per application    burdock.db-wal, -shm   SQLite's log and its index
//	│   ├ name, unique                       burdock.db-owner-…     one per open store that claimed something,
//	│   ├ parent, parent_seq, idx ─ index                           locked as long as that store lives
//	│   └ path, key, task, graph …
//	├ checkpoint  (app, seq, kind) → status, join number, times, and the rest as a JSON body; clustered
//	├ graph       (hash, name) → description, once
//	├ run         one row per root: when it was last written, and how it stood; what listings of roots read. While
//	│             somebody holds the root its latest checkpoint says so, since a step is to write one page
//	├ claim       root → epoch, dispatch, the owner that holds it
//	├ event       in the order of writing; index (app, seq, attempt, n)
//	└ inbox       (root, n) → a message that is not used, as JSON; unique by (root, id), answers also by (app, seq)
//
// Each row but those of graph carries a checksum of itself, which every reader compares.
//
// What belongs to an application is stored once, so a step costs one row, and applications that run at the same time
// lie on the same pages: their ids grow in the order in which they begin. A step that says otherwise than its
// application's row, because the graph changed or the branch moved, carries these fields in its own body.
//
//	Save ──┐ joins the forming batch      leader: takes the write token,
//	Save ──┼─────────────────────────►    BEGIN IMMEDIATE · fence · rows · next Save · … · events · COMMIT (one fsync)
//	Save ──┘                              and wakes the others, each with its own result
//
// There is no committer goroutine: the first Save of a batch leads it. What comes while it writes rows joins the same
// commit, and before that it yields while the batch is smaller than the last one was.
//
// # Guarantees
//
//   - When Save returns nil, its batch has been written and synced: journal_mode WAL and synchronous FULL are set and
//     read back on the connection that commits, and Open fails if they do not hold.
//   - A batch is written whole or not at all. Saves that share a commit fail apart: a stale fence fails its own Save;
//     after any other error each Save is tried in a transaction of its own. A COMMIT that reports an error is resolved
//     that way too, since writing the same rows again changes nothing.
//   - Of two stores, in one process or two, one holds a claim. A claim lives while its store has it and the process
//     lives; a killed process holds nothing from the moment the operating system has closed its files.
//   - Claim and Release sync nothing. What a power cut can take back of them, no living owner relies on: the first
//     Save under a claim syncs the claim before itself.
//   - Save is not abandoned when its context ends after it has begun. Load and List end with their context's error.
//   - A List holds no transaction and no connection while its loop's body runs; each page of it is one moment.
//   - Two processes may use one database at once; SQLite's lock is waited for, up to Options.BusyTimeout.
//   - When a statement, the disk or the file system fails, what fails is the call: a *Error says what to do, what was
//     acknowledged stays, and the next call works when the cause is gone. A connection whose state is not known is
//     replaced.
//   - A damaged file never yields a record that nobody wrote: reading it fails with ErrCorrupt. That a damaged page
//     hides rows, only Check finds out, or Options.Check. A log that ends early or is damaged ends at a commit before.
//   - When Post returns nil, the message has been written and synced, and with it every relaxed Save before it. While nobody
//     posts, a Save does not look for messages.
//   - Prune forgets a root with its descendants, events and messages in one transaction, and raises its fence. The space is given
//     back to the file system.
//   - Backup copies one moment of the database while it is used.
//   - No goroutine is started but the timer of a Tracker, which ends in Close.
//
// In plain words: what was acknowledged is there after kill -9 and after a power cut, as far as the disk keeps its
// promise; many branches that save at once pay for one sync; and a database that cannot be used says why and what to
// do. Not promised: network file systems, whose locks and syncs are theirs; a listing that shows one single moment
// while somebody writes; rows behind a damaged page, where Check was not asked; two owners kept apart on systems without
// flock, where only claims of one process conflict.
package sqlitestore
