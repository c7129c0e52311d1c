package sqlitestore

import (
	"database/sql/driver"

	"github.com/burdock-go/burdock"
)

// aboutColumns are what aboutOfRow reads, of app a with its root r, parent p and graph g.
const aboutColumns = `r.name, p.name, a.parent_seq, a.idx, a.path, a.project, a.partition, g.name, g.hash, a.task, a.key, a.fingerprint`

// aboutJoins bring the rows that aboutColumns names.
const aboutJoins = ` LEFT JOIN app r ON r.id = a.root LEFT JOIN app p ON p.id = a.parent LEFT JOIN graph g ON g.id = a.graph`

const aboutWidth = 12

func aboutOfRow(v []driver.Value) about {
	return about{
		Root: str(v[0]), Parent: burdock.Ref{App: str(v[1]), Seq: num(v[2])}, Index: num(v[3]), Path: str(v[4]), Project: str(v[5]),
		Partition: str(v[6]), Graph: str(v[7]), GraphHash: str(v[8]), Task: str(v[9]), Key: str(v[10]), Fingerprint: str(v[11]),
	}
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
func (w *writer) find(name string) (*app, error) {
	if a := w.apps[name]; a != nil {
		return a, nil
	}
	v, found, err := w.conn.one("SELECT a.id, a.root IS NOT NULL, "+aboutColumns+" FROM app a"+aboutJoins+" WHERE a.name = ?", name)
	if err != nil || !found {
		return nil, err
	}
	a := &app{id: num(v[0]), known: num(v[1]) == 1}
	if a.known {
		a.about = aboutOfRow(v[2:])
		a.place = place{a.about.Parent, a.about.Index}
	}
	return w.remember(name, a), nil
}
