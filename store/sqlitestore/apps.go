package sqlitestore

import (
	"fmt"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// app finds or makes the row of the checkpoint's application, and moves it to where this record says it stands.
func (w *writer) app(r *row) (*app, error) {
	name, ab := r.c.App, aboutOf(r.c)
	if r.c.Seq == 0 && name != ab.Root && w.apps[name] == nil { // a branch that begins has no row to look for
		if a, err := w.insert(name, &ab); a != nil || err != nil {
			return a, err
		}
	}
	a, err := w.find(name)
	switch {
	case err != nil:
		return nil, err
	case a == nil && name == ab.Root: // a root's own id stands in its row
		if a, err = w.id(name); err != nil {
			return nil, err
		}
		return a, w.fill(a, &ab)
	case a == nil:
		if a, err = w.insert(name, &ab); a == nil && err == nil {
			err = fmt.Errorf("application %q is its own parent", name)
		}
		return a, err
	case !a.known:
		return a, w.fill(a, &ab)
	}
	return a, w.move(a, place{ab.Parent, ab.Index})
}

// move changes where the application is listed; its row keeps what the first record said.
func (w *writer) move(a *app, to place) error {
	if a.place == to {
		return nil
	}
	home, err := record.Marshal(burdock.Checkpoint{Parent: a.about.Parent, Index: a.about.Index, Kind: burdock.KindStep})
	if err != nil {
		return err
	}
	parent, _, err := w.parent(&about{Parent: to.parent})
	if err != nil {
		return err
	}
	moved := *a
	moved.place, moved.home = to, home
	if err := w.conn.exec("UPDATE app SET parent = ?, parent_seq = ?, idx = ?, home = ?, sum = ? WHERE id = +?",
		parent, to.parent.Seq, to.index, home, moved.sum(), a.id); err != nil {
		return err
	}
	*a = moved
	return nil
}

// id is the row of an application that may have none yet.
func (w *writer) id(name string) (*app, error) {
	a, err := w.find(name)
	if err != nil || a != nil {
		return a, err
	}
	id, err := w.newID()
	if err != nil {
		return nil, err
	}
	a = &app{id: id, name: name, watched: true, top: -1}
	if err := w.conn.exec("INSERT INTO app(id, name, sum) VALUES (?, ?, ?)", id, name, a.sum()); err != nil {
		return nil, err
	}
	return w.remember(name, a), nil
}

func (w *writer) newID() (int64, error) {
	if w.nextApp == 0 {
		last, err := w.conn.number("SELECT coalesce(max(id), 0) FROM app")
		if err != nil {
			return 0, err
		}
		w.nextApp = last + 1
	}
	id := w.nextApp
	w.nextApp++
	return id, nil
}

func (w *writer) remember(name string, a *app) *app {
	if len(w.apps) >= maxKnown {
		clear(w.apps)
	}
	w.apps[name] = a
	return a
}

// insert makes a row with everything a branch's first record says; it returns nil if there is a row of that name.
func (w *writer) insert(name string, ab *about) (*app, error) {
	args, err := w.columns(ab)
	if err != nil {
		return nil, err
	}
	id, err := w.newID() // after its parent's and root's
	if err != nil {
		return nil, err
	}
	a := &app{id: id, name: name, known: true, about: *ab, place: place{ab.Parent, ab.Index}, orphan: args[4], watched: true, top: -1}
	n, err := w.conn.changes(`INSERT INTO app(root, parent, parent_seq, idx, orphan, graph, path, project, partition, task, key, fingerprint, sum, id, name)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO NOTHING`, append(args, a.sum(), id, name)...)
	if err != nil || n == 0 {
		w.nextApp = id
		return nil, err
	}
	return w.remember(name, a), nil
}

// fill completes a row that its branches or events have made.
func (w *writer) fill(a *app, ab *about) error {
	args, err := w.columns(ab)
	if err != nil {
		return err
	}
	filled := app{id: a.id, name: a.name, known: true, about: *ab, place: place{ab.Parent, ab.Index}, orphan: args[4], watched: a.watched, top: a.top}
	if err := w.conn.exec(`UPDATE app SET root = ?, parent = ?, parent_seq = ?, idx = ?, orphan = ?, graph = ?, path = ?, project = ?,
		partition = ?, task = ?, key = ?, fingerprint = ?, sum = ? WHERE id = +?`, append(args, filled.sum(), a.id)...); err != nil {
		return err
	}
	*a = filled
	return nil
}

// columns are the values of a row from root to fingerprint.
func (w *writer) columns(ab *about) ([]any, error) {
	root, err := w.id(ab.Root)
	if err != nil {
		return nil, err
	}
	parent, orphan, err := w.parent(ab)
	if err != nil {
		return nil, err
	}
	g, err := w.graph(ab.Graph, ab.GraphHash)
	if err != nil {
		return nil, err
	}
	return append(make([]any, 0, 15), // with room for what its callers add
		root.id, parent, ab.Parent.Seq, ab.Index, orphan, g.id, ab.Path, ab.Project, ab.Partition, ab.Task, ab.Key, ab.Fingerprint), nil
}

// parent is the parent's id, or nil, and 1 if nothing but its name is known.
func (w *writer) parent(ab *about) (id, orphan any, err error) {
	if ab.Parent.App == "" {
		return nil, int64(1), nil
	}
	p, err := w.id(ab.Parent.App)
	if err != nil {
		return nil, nil, err
	}
	if p.known {
		return p.id, nil, nil
	}
	return p.id, int64(1), nil
}

// graph finds or makes the row of a graph.
func (w *writer) graph(name, hash string) (*graph, error) {
	key := [2]string{hash, name}
	if g := w.graphs[key]; g != nil {
		return g, nil
	}
	if len(w.graphs) >= maxKnown {
		clear(w.graphs)
	}
	const find = "SELECT id, description FROM graph WHERE hash = +? AND name = +?"
	v, found, err := w.conn.one(find, hash, name)
	if err == nil && !found {
		if err = w.conn.exec("INSERT INTO graph(hash, name) VALUES (?, ?)", hash, name); err == nil {
			v, _, err = w.conn.one(find, hash, name)
		}
	}
	if err != nil {
		return nil, err
	}
	g := &graph{id: num(v[0])}
	g.description, _ = v[1].([]byte)
	w.graphs[key] = g
	return g, nil
}
