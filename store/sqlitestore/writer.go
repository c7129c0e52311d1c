package sqlitestore

import (
	"bytes"
	"fmt"

	"github.com/burdock-go/burdock"
)

// maxKnown bounds how many applications a writer remembers, at a few hundred bytes each. Live ones are asked for again
// and again; the rest is forgotten at once when there is no room.
const maxKnown = 4096

// A writer is the connection that commits, with what it remembers of the database. It remembers only as long as no
// other connection writes.
type writer struct {
	conn    *conn
	version int64 // PRAGMA data_version: grows when another connection has written
	seen    *conn // the connection that read version
	apps    map[string]*app
	graphs  map[[2]string]*graph
	claims  map[string]claimRow
	nextApp int64 // 0 while unknown
	quiet   bool  // there was no message
}

// An app is an application's row.
type app struct {
	id     int64
	name   string
	known  bool // false while only branches or events of it have been seen
	about  about
	place  place
	home   []byte // where the first record placed it, if a later one placed it elsewhere
	orphan any    // 1 or nil

	unsettled bool // its row of run leaves how it stands to its latest record
}

// A place is where an application is listed: by the last record, while about stays what the first one said.
type place struct {
	parent burdock.Ref
	index  int64
}

type graph struct {
	id          int64
	description []byte
}

// reset forgets everything, which is right at any time.
func (w *writer) reset() {
	w.apps, w.graphs, w.claims, w.nextApp, w.quiet = map[string]*app{}, map[[2]string]*graph{}, map[string]claimRow{}, 0, false
}

// refresh forgets what another connection may have changed. It stands at the beginning of each transaction.
func (w *writer) refresh() error {
	v, err := w.conn.number("PRAGMA data_version")
	if err != nil {
		return err
	}
	if v != w.version || w.conn != w.seen {
		w.reset()
		w.version, w.seen = v, w.conn
	}
	return nil
}

// admit refuses a fence below the highest seen, with ErrConflict, and remembers a higher one.
func (w *writer) admit(f burdock.Fence) error {
	row, ok := w.claims[f.Root]
	if !ok {
		var err error
		if row, _, err = w.conn.claim(f.Root); err != nil {
			return err
		}
	}
	if highest := row.fence; below(f, highest) {
		return fmt.Errorf("epoch %d, dispatch %d of %q is below epoch %d, dispatch %d: %w", f.Epoch, f.Dispatch, f.Root, highest.Epoch, highest.Dispatch, burdock.ErrConflict)
	}
	if f != row.fence {
		row.fence = f
		if err := w.conn.putClaim(row); err != nil {
			return err
		}
	}
	w.claims[f.Root] = row
	return nil
}

// put writes one checkpoint. holder is the claim under which this store saves it, if it has one.
func (w *writer) put(r *row, holder *claim) error {
	a, err := w.app(r)
	if err != nil {
		return err
	}
	flags, err := w.flags(a, r)
	if err != nil {
		return err
	}
	body := r.body
	if flags&flagOwn != 0 || r.description != nil && flags&flagDescribed == 0 {
		if body, err = r.encodeBody(flags); err != nil {
			return err
		}
	}
	c := r.c
	var epoch, dispatch any
	if c.Fence.Root == c.Root {
		epoch, dispatch = c.Fence.Epoch, c.Fence.Dispatch
	}
	values := []any{
		a.id, c.Seq, kindColumn(c.Kind), string(c.Status), boolColumn(c.Lists), c.Join, flags, epoch, dispatch, r.started, r.took, body, nil,
	}
	if flags&flagDescribed != 0 { // stands in the graph's row
		values[12] = r.description
	}
	values[12] = sum(values)
	if err := w.conn.exec(`INSERT OR REPLACE INTO checkpoint(app, seq, kind, status, lists, joined, flags, epoch, dispatch, started, took, body, sum)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, values...); err != nil {
		return err
	}
	if c.App != c.Root || c.Kind != burdock.KindStep {
		return nil
	}
	if holder == nil || r.started == nil || flags&flagOwn != 0 { // its columns do not say it all, or nobody will
		return w.list(a, c, string(c.Status))
	}
	if a.unsettled {
		return nil
	}
	holder.unsettled = true
	return w.list(a, c, "")
}

// list writes how a root stands, for listings of roots. The row lies in another page than the record, and pages are what a
// commit writes and syncs. So while a store holds a root, it writes once, with an empty status, that the latest record
// says it, and Release writes what that was.
func (w *writer) list(a *app, c *burdock.Checkpoint, status string) error {
	values := []any{a.id, c.Seq, updated(c), status, c.Project, c.Partition}
	n, err := w.conn.changes(`INSERT INTO run(id, seq, updated, status, project, partition, sum) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT(id) DO UPDATE SET seq = excluded.seq, updated = excluded.updated, status = excluded.status,
			project = excluded.project, partition = excluded.partition, sum = excluded.sum
		WHERE excluded.seq = (SELECT max(seq) FROM checkpoint WHERE app = excluded.id AND kind = 0)`, append(values, sum(values))...)
	if n > 0 {
		a.unsettled = status == ""
	}
	return err
}

// flags says what the checkpoint's body must hold by itself.
func (w *writer) flags(a *app, r *row) (flags int64, err error) {
	if a.about != aboutOf(r.c) {
		flags |= flagOwn
	}
	if r.description == nil {
		return flags, nil
	}
	g, err := w.graph(r.c.Graph, r.c.GraphHash)
	if err != nil {
		return 0, err
	}
	if g.description == nil {
		if err := w.conn.exec("UPDATE graph SET description = ? WHERE id = +?", r.description, g.id); err != nil {
			return 0, err
		}
		g.description = r.description
	}
	if flags&flagOwn == 0 && bytes.Equal(g.description, r.description) {
		flags |= flagDescribed
	}
	return flags, nil
}
