package sqlitestore

import (
	"database/sql/driver"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// selectAbout reads what aboutOfRow needs of applications a of which a record is known. There is no LEFT JOIN on
// purpose: with one, SQLite compares each bound value with NULL and for that prepares the statement again at every
// execution, 50 µs instead of 5.
const (
	selectAbout = `SELECT a.id, a.name, r.name, (SELECT name FROM app WHERE id = a.parent), a.parent_seq, a.idx, a.path, a.project, a.partition,
		g.name, g.hash, a.task, a.key, a.fingerprint, a.home`
	joinAbout = ` CROSS JOIN app r ON r.id = a.root CROSS JOIN graph g ON g.id = a.graph`
)

// aboutOfRow decodes a row of selectAbout.
func aboutOfRow(v []driver.Value) (*app, error) {
	a := &app{id: num(v[0]), name: str(v[1]), known: true, place: place{burdock.Ref{App: str(v[3]), Seq: num(v[4])}, num(v[5])}}
	a.about = about{
		Root: str(v[2]), Parent: a.place.parent, Index: a.place.index, Path: str(v[6]), Project: str(v[7]), Partition: str(v[8]),
		Graph: str(v[9]), GraphHash: str(v[10]), Task: str(v[11]), Key: str(v[12]), Fingerprint: str(v[13]),
	}
	if home, moved := v[14].([]byte); moved {
		first, err := record.Unmarshal(home)
		a.about.Parent, a.about.Index = first.Parent, first.Index
		return a, err
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
	v, found, err := c.one("SELECT id, root FROM app WHERE name = ?", name)
	if err != nil || !found {
		return nil, err
	}
	if v[1] == nil {
		return &app{id: num(v[0]), name: name}, nil
	}
	return c.app(num(v[0]))
}

// app reads the row of an application of which a record is known.
func (c *conn) app(id int64) (*app, error) {
	v, _, err := c.one(selectAbout+` FROM app a`+joinAbout+` WHERE a.id = ?`, id)
	if err != nil {
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
