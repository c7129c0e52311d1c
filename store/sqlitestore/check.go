package sqlitestore

import (
	"context"
	"database/sql/driver"
)

// Check reads the whole database and fails with ErrCorrupt if a page, an index or a row is not what was written. A List
// or Load checks each row that it reads, and so never yields what nobody wrote; only Check finds out that a damaged page
// hides a row. It takes about 20 ms for 1 MB, and others may write meanwhile.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.reading(ctx, "check", func(c *conn) error {
		return c.moment(func() error { return c.check(ctx) })
	})
}

func (c *conn) check(ctx context.Context) error {
	if err := integrity(ctx, c); err != nil {
		return err
	}
	for _, t := range []struct{ what, query string }{
		{"a listing", "SELECT id, seq, updated, status, project, partition, sum FROM run"},
		{"a claim", claimQuery},
		{"an event", "SELECT app, seq, attempt, n, flags, body, sum FROM event"},
		{"a message of a root", messageQuery},
		{"an application without records", "SELECT id, name, sum FROM app WHERE root IS NULL"},
	} {
		if err := c.query(ctx, func(v []driver.Value) error { return sound(v, "%s, %v", t.what, v[0]) }, t.query); err != nil {
			return err
		}
	}
	for l := newCheck(); ; {
		switch _, more, err := l.next(ctx, c); {
		case err != nil:
			return err
		case !more:
			return c.related()
		}
	}
}

// newCheck is a listing of all checkpoints, whose rows are checked as they are read.
func newCheck() *lister {
	return &lister{source: &wholeSource{query: "SELECT id FROM app WHERE root IS NOT NULL"}, inside: beginning, size: firstPage}
}

// related finds rows that stand alone.
func (c *conn) related() error {
	for _, t := range []struct{ what, query string }{
		{"applications lack their root or their graph", `SELECT count(*) FROM app a WHERE a.root IS NOT NULL AND NOT EXISTS (SELECT 1 FROM app r CROSS JOIN graph g WHERE r.id = a.root AND g.id = a.graph)`},
		{"applications lack their parent", `SELECT count(*) FROM app a WHERE a.parent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM app p WHERE p.id = a.parent)`},
		{"checkpoints lack their application", `SELECT count(*) FROM checkpoint c WHERE NOT EXISTS (SELECT 1 FROM app a WHERE a.id = c.app AND a.root IS NOT NULL)`},
		{"events lack their application", `SELECT count(*) FROM event e WHERE NOT EXISTS (SELECT 1 FROM app a WHERE a.id = e.app)`},
		{"messages lack their application", `SELECT count(*) FROM inbox i WHERE NOT EXISTS (SELECT 1 FROM app a WHERE a.name = i.app AND a.root IS NOT NULL)`},
		{"roots lack their listing", `SELECT count(*) FROM app a WHERE a.root = a.id AND NOT EXISTS (SELECT 1 FROM run WHERE run.id = a.id
			AND (run.status = '' OR run.seq = coalesce((SELECT max(seq) FROM checkpoint WHERE app = a.id AND kind = 0), -1)))`},
		{"listings lack their root", `SELECT count(*) FROM run WHERE NOT EXISTS (SELECT 1 FROM app a WHERE a.id = run.id AND a.root = a.id)`},
	} {
		switch n, err := c.number(t.query); {
		case err != nil:
			return err
		case n > 0:
			return damaged("%d %s", n, t.what)
		}
	}
	return nil
}

// integrity is SQLite's own check: of pages, indexes and the order of keys.
func integrity(ctx context.Context, c *conn) error {
	return c.query(ctx, func(v []driver.Value) error {
		if v[0] != "ok" {
			return damaged("integrity_check: %v", v[0])
		}
		return nil
	}, "PRAGMA integrity_check")
}
