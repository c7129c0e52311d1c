package sqlitestore

import (
	"bytes"
	"database/sql/driver"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// selectAbout reads what aboutOfRow needs of applications a of which a record is known. There is no LEFT JOIN on
// purpose: with one, SQLite compares each bound value with NULL and for that prepares the statement again at every
// execution, 50 µs instead of 5.
const (
	selectAbout = `SELECT a.id, a.name, r.name, (SELECT name FROM app WHERE id = a.parent), a.parent_seq, a.idx, a.path, a.project, a.partition,
		g.name, g.hash, a.task, a.key, a.fingerprint, a.home, a.orphan, a.sum`
	joinAbout = ` CROSS JOIN app r ON r.id = a.root CROSS JOIN graph g ON g.id = a.graph`
)

// sum is the checksum of the row, over the values of selectAbout in their order; over its name if no record is known.
func (a *app) sum() int64 {
	if !a.known {
		return sum([]any{a.id, a.name})
	}
	home := any(nil)
	if a.home != nil {
		home = a.home
	}
	ab, at := &a.about, &a.place
	return sum([]any{
		a.id, a.name, ab.Root, nullable(at.parent.App), at.parent.Seq, at.index, ab.Path, ab.Project, ab.Partition,
		ab.Graph, ab.GraphHash, ab.Task, ab.Key, ab.Fingerprint, home, a.orphan,
	})
}

// aboutOfRow decodes a row of selectAbout.
func aboutOfRow(v []driver.Value) (*app, error) {
	if err := sound(v, "the row of application %v", v[1]); err != nil {
		return nil, err
	}
	a := &app{orphan: v[15], id: num(v[0]), name: str(v[1]), known: true, place: place{burdock.Ref{App: str(v[3]), Seq: num(v[4])}, num(v[5])}}
	a.about = about{
		Root: str(v[2]), Parent: a.place.parent, Index: a.place.index, Path: str(v[6]), Project: str(v[7]), Partition: str(v[8]),
		Graph: str(v[9]), GraphHash: str(v[10]), Task: str(v[11]), Key: str(v[12]), Fingerprint: str(v[13]),
	}
	if home, moved := v[14].([]byte); moved {
		first, err := record.Unmarshal(home)
		if err != nil {
			return nil, damaged("the first place of application %q: %v", a.name, err)
		}
		a.home, a.about.Parent, a.about.Index = bytes.Clone(home), first.Parent, first.Index
	}
	return a, nil
}

// str is a text column, "" where it is NULL.
func str(v driver.Value) string {
	s, _ := v.(string)
	return s
}

// num is an integer column, 0 where it is NULL.
func num(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// find returns the row of an application, nil if there is none.
func (c *conn) find(name string) (*app, error) {
	v, found, err := c.one("SELECT id, name, root, sum FROM app WHERE name = +?", name)
	if err != nil || !found {
		return nil, err
	}
	a := &app{id: num(v[0]), name: name}
	if v[2] != nil {
		if a, err = c.app(a.id); err == nil && a == nil {
			err = errNoRow(num(v[0]))
		}
	} else if v[3] != a.sum() {
		err = damaged("the row of application %q does not have its checksum", name)
	}
	if err == nil && a.name != name {
		err = damaged("the index of names leads from application %q to %q", name, a.name)
	}
	return a, err
}

// errNoRow says that something leads to an application that is not there.
func errNoRow(id int64) error {
	return damaged("application %d lacks its row, or its root's or graph's", id)
}

// app reads the row of an application of which a record is known, nil if there is none.
func (c *conn) app(id int64) (*app, error) {
	v, found, err := c.one(selectAbout+` FROM app a`+joinAbout+` WHERE a.id = +?`, id)
	if err != nil || !found {
		return nil, err
	}
	return aboutOfRow(v)
}

// find is conn.find with a memory.
func (w *writer) find(name string) (*app, error) {
	if a := w.apps[name]; a != nil {
		return a, nil
	}
	a, err := w.conn.find(name)
	if err != nil || a == nil {
		return nil, err
	}
	return w.remember(name, a), nil
}
