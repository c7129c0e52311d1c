package sqlitestore

import (
	"fmt"
	"slices"
	"strings"
)

// applicationID marks a file as ours: "Brdk".
const applicationID = 0x4272646b

// migrations bring a database from the schema version of their index to the next, all in one transaction when it is
// opened for writing. One that was released is never changed. A next version
//
//   - is appended here, as statements such as ALTER TABLE checkpoint ADD COLUMN …;
//   - has its own tables, which say what sqlite_schema holds after it;
//   - leaves the sums of earlier rows valid: a new column joins the sum of a row where it is not NULL;
//   - gets a fixture, by go test -run EveryEarlierSchema -update, which is committed and never made again: the same
//     test opens those of all versions.
var migrations = [...][]string{schema1, schema2}

// tables are the statements that sqlite_schema holds in a database of this version.
var tables = slices.Concat(schema1, schema2)

// schemaVersion is what this package reads and writes.
const schemaVersion = int64(len(migrations))

var schema1 = []string{
	`CREATE TABLE graph (
		id INTEGER PRIMARY KEY,
		hash TEXT NOT NULL,
		name TEXT NOT NULL,
		description BLOB, -- JSON, of the first root that gave one
		UNIQUE (hash, name)
	)`,
	// root is NULL as long as the application is known only as a parent or by its events. orphan marks a row that was
	// made when its parent was unknown: where a walk over a root's tree finds what no walk from above reaches. home is
	// the place that the first record named, as JSON, if a later one named another.
	`CREATE TABLE app (
		id INTEGER PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		root INTEGER,
		parent INTEGER,
		parent_seq INTEGER,
		idx INTEGER,
		orphan INTEGER,
		home BLOB,
		graph INTEGER,
		path TEXT,
		project TEXT,
		partition TEXT,
		task TEXT,
		key TEXT,
		fingerprint TEXT,
		sum INTEGER NOT NULL -- see sum.go
	)`,
	// Not partial (parent IS NOT NULL): see selectAbout for what a comparison of a bound value with NULL costs.
	`CREATE INDEX app_visit ON app(parent, parent_seq, idx)`,
	`CREATE INDEX app_orphan ON app(root) WHERE orphan = 1`,
	// kind is 0 for a step and 1 for a snapshot. started is in nanoseconds since 1970, took in nanoseconds; body is
	// what stands in no column, as package record writes it.
	`CREATE TABLE checkpoint (
		app INTEGER NOT NULL,
		seq INTEGER NOT NULL,
		kind INTEGER NOT NULL,
		status TEXT NOT NULL,
		lists INTEGER NOT NULL,
		joined INTEGER NOT NULL,
		flags INTEGER NOT NULL,
		epoch INTEGER,
		dispatch INTEGER,
		started INTEGER,
		took INTEGER,
		body BLOB NOT NULL,
		sum INTEGER NOT NULL,
		PRIMARY KEY (app, seq, kind)
	) WITHOUT ROWID`,
	`CREATE INDEX checkpoint_snapshot ON checkpoint(app, seq) WHERE kind = 1`,
	// status is empty where a root's latest record says how it stands, see writer.list.
	`CREATE TABLE run (
		id INTEGER PRIMARY KEY,
		seq INTEGER NOT NULL,
		updated INTEGER NOT NULL,
		status TEXT NOT NULL,
		project TEXT NOT NULL,
		partition TEXT NOT NULL,
		sum INTEGER NOT NULL
	)`,
	// held is the epoch of the claim that owner holds, 0 while nobody does.
	`CREATE TABLE claim (
		root TEXT PRIMARY KEY,
		epoch INTEGER NOT NULL,
		dispatch INTEGER NOT NULL,
		held INTEGER NOT NULL,
		owner TEXT NOT NULL,
		sum INTEGER NOT NULL
	) WITHOUT ROWID`,
	`CREATE TABLE event (
		id INTEGER PRIMARY KEY,
		app INTEGER NOT NULL,
		seq INTEGER NOT NULL,
		attempt INTEGER NOT NULL,
		n INTEGER NOT NULL,
		flags INTEGER NOT NULL,
		body BLOB NOT NULL,
		sum INTEGER NOT NULL
	)`,
	`CREATE INDEX event_order ON event(app, seq, attempt, n)`,
}

var schema2 = []string{
	// What is posted for an application and not used yet; n is the order within a root. Applications stand here by their
	// names: a root's messages are deleted with it, and need no row of their own to lead to them.
	`CREATE TABLE inbox (
		root TEXT NOT NULL,
		n INTEGER NOT NULL,
		id TEXT NOT NULL,
		app TEXT NOT NULL,
		seq INTEGER NOT NULL,
		kind TEXT NOT NULL,
		body BLOB NOT NULL, -- the message, as package record writes it
		sum INTEGER NOT NULL,
		PRIMARY KEY (root, n),
		UNIQUE (root, id)
	) WITHOUT ROWID`,
	`CREATE UNIQUE INDEX inbox_answer ON inbox(app, seq) WHERE kind = 'answer'`,
}

// migrate brings the database to this schema, or says why it cannot.
func (s *Store) migrate(c *conn) error {
	var version int64
	err := s.patiently(func() error {
		return c.moment(func() (err error) { // in one moment: another process may be making the tables
			version, err = s.checkSchema(c)
			return err
		})
	})
	if err != nil || version == schemaVersion || s.opts.ReadOnly {
		return err
	}
	if err := s.begin(c); err != nil {
		return err
	}
	// Another process may have migrated while this one waited.
	if version, err = s.checkSchema(c); err == nil {
		err = apply(c, version)
	}
	if err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil {
		_ = c.exec("ROLLBACK")
	}
	return err
}

func apply(c *conn, version int64) error {
	for ; version < schemaVersion; version++ {
		for _, statement := range migrations[version] {
			if err := c.exec(statement); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", version, err)
			}
		}
		if err := c.exec(fmt.Sprintf("PRAGMA user_version = %d", version+1)); err != nil {
			return err
		}
	}
	return c.exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID))
}

// checkSchema returns the schema version of the file, 0 for an empty one.
func (s *Store) checkSchema(c *conn) (int64, error) {
	id, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	if id == 0 && version == 0 {
		tables, err := c.number("SELECT count(*) FROM sqlite_schema")
		if err != nil {
			return 0, err
		}
		if tables == 0 {
			return 0, s.checkEmpty()
		}
	}
	switch {
	case id != applicationID:
		return 0, &Error{Path: s.path, Op: "open", Kind: ErrNotADatabase, Err: fmt.Errorf("it is another program's SQLite database (application id %#x)", id), Hint: "name another file"}
	case version > schemaVersion:
		return 0, &Error{
			Path: s.path, Op: "open", Kind: ErrNewerSchema, Err: fmt.Errorf("it has schema %d and this program knows schemas up to %d", version, schemaVersion),
			Hint: "use a later version of this program, or another database",
		}
	case version == schemaVersion:
		return version, c.checkTables()
	case version < 1:
		return 0, damaged("the file is ours and has schema %d", version)
	case s.opts.ReadOnly:
		return 0, &Error{
			Path: s.path, Op: "open", Kind: ErrReadOnly, Err: fmt.Errorf("it has schema %d and must be migrated to %d", version, schemaVersion),
			Hint: "open it once for writing",
		}
	}
	return version, nil
}

// checkTables finds out whether the tables are those that this package makes. Others may stand beside them.
func (c *conn) checkTables() error {
	args := make([]any, len(tables))
	for i, statement := range tables {
		args[i] = statement
	}
	n, err := c.number("SELECT count(*) FROM sqlite_schema WHERE sql IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
	if err == nil && n < int64(len(args)) {
		err = damaged("%d of %d tables and indexes are not as they were made", int64(len(args))-n, len(args))
	}
	return err
}

// checkEmpty refuses to read an empty file as a database: there is nothing to show and nobody may make the tables.
func (s *Store) checkEmpty() error {
	if s.opts.ReadOnly {
		return &Error{Path: s.path, Op: "open", Kind: ErrNotADatabase, Err: fmt.Errorf("the file is empty"), Hint: "nothing has been saved there yet"}
	}
	return nil
}

// A syncLevel is what PRAGMA synchronous is set to, and how it reads back.
type syncLevel [2]string

var (
	full   = syncLevel{"FULL", "2"}
	normal = syncLevel{"NORMAL", "1"} // of claims and relaxed saves
)

// synchronous sets whether the connection's commits are synced. Where that fails, nobody knows whether they are.
func (c *conn) synchronous(level syncLevel) error {
	if c.level == level {
		return nil
	}
	c.broken = true
	if err := c.pragma("synchronous", level[0], level[1]); err != nil {
		return err
	}
	c.level, c.broken = level, false
	return nil
}

// setUp sets what each connection needs and reads it back.
func (s *Store) setUp(c *conn) error {
	millis := fmt.Sprint(s.opts.BusyTimeout.Milliseconds())
	if err := c.pragma("busy_timeout", millis, millis); err != nil {
		return err
	}
	if s.opts.ReadOnly {
		return c.pragma("query_only", "ON", "1")
	}
	if err := giveBackSpace(c); err != nil {
		return err
	}
	for _, p := range [][3]string{
		{"journal_mode", "WAL", "wal"},
		{"cache_size", "-8000", "-8000"},
		{"wal_autocheckpoint", "4000", "4000"}, // 16 MB: a hot page is copied into the file once, not once per 4 MB
		{"journal_size_limit", "67108864", "67108864"},
	} {
		// SQLite does not wait itself where two connections turn the same new file to WAL.
		if err := s.patiently(func() error { return c.pragma(p[0], p[1], p[2]) }); err != nil {
			return err
		}
	}
	return nil
}

// giveBackSpace lets a file that is still empty shrink after Prune. It cannot be set later, and setting it writes.
func giveBackSpace(c *conn) error {
	pages, err := c.number("PRAGMA page_count")
	if err != nil || pages > 0 {
		return err
	}
	return c.run("PRAGMA auto_vacuum = INCREMENTAL")
}
