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
	apps    map[string]*app
	graphs  map[[2]string]*graph
	fences  map[string]burdock.Fence
	nextApp int64 // 0 while unknown
}

// An app is an application's row.
type app struct {
	id    int64
	name  string
	known bool // false while only branches or events of it have been seen
	about about
	place place
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
	w.apps, w.graphs, w.fences, w.nextApp = map[string]*app{}, map[[2]string]*graph{}, map[string]burdock.Fence{}, 0
}

// refresh forgets what another connection may have changed. It stands at the beginning of each transaction.
func (w *writer) refresh() error {
	v, err := w.conn.number("PRAGMA data_version")
	if err != nil {
		return err
	}
	if v != w.version {
		w.reset()
		w.version = v
	}
	return nil
}

// admit refuses a fence below the highest seen, with ErrConflict, and remembers a higher one.
func (w *writer) admit(f burdock.Fence) error {
	highest, ok := w.fences[f.Root]
	if !ok {
		v, found, err := w.conn.one("SELECT epoch, dispatch FROM claim WHERE root = ?", f.Root)
		if err != nil {
			return err
		}
		highest = burdock.Fence{Root: f.Root}
		if found {
			highest.Epoch, highest.Dispatch = v[0].(int64), v[1].(int64)
		}
	}
	if below(f, highest) {
		return fmt.Errorf("epoch %d, dispatch %d of %q is below epoch %d, dispatch %d: %w", f.Epoch, f.Dispatch, f.Root, highest.Epoch, highest.Dispatch, burdock.ErrConflict)
	}
	if f != highest {
		if err := w.conn.exec(`INSERT INTO claim(root, epoch, dispatch, held, owner) VALUES (?, ?, ?, 0, '')
			ON CONFLICT(root) DO UPDATE SET epoch = excluded.epoch, dispatch = excluded.dispatch`, f.Root, f.Epoch, f.Dispatch); err != nil {
			return err
		}
	}
	w.fences[f.Root] = f
	return nil
}

// put writes one checkpoint.
func (w *writer) put(r *row) error {
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
	if err := w.conn.exec(`INSERT OR REPLACE INTO checkpoint(app, seq, kind, status, lists, joined, flags, epoch, dispatch, started, took, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.id, c.Seq, kindColumn(c.Kind), string(c.Status), boolColumn(c.Lists), c.Join, flags, epoch, dispatch, r.started, r.took, body); err != nil {
		return err
	}
	if c.App != c.Root || c.Kind != burdock.KindStep {
		return nil
	}
	return w.conn.exec(`INSERT INTO run(id, seq, updated, status, project, partition) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT(id) DO UPDATE SET seq = excluded.seq, updated = excluded.updated, status = excluded.status,
			project = excluded.project, partition = excluded.partition WHERE excluded.seq >= seq`,
		a.id, c.Seq, updated(c), string(c.Status), c.Project, c.Partition)
}

// flags says what the checkpoint's body must hold by itself.
func (w *writer) flags(a *app, r *row) (flags int64, err error) {
	if a.about != r.about {
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
		if err := w.conn.exec("UPDATE graph SET description = ? WHERE id = ?", r.description, g.id); err != nil {
			return 0, err
		}
		g.description = r.description
	}
	if flags&flagOwn == 0 && bytes.Equal(g.description, r.description) {
		flags |= flagDescribed
	}
	return flags, nil
}
