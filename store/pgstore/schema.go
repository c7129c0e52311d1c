package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Statements in this package name the default schema. sql puts another one in its place.
const (
	defaultSchema = "burdock"
	maxName       = 63 // bytes; PostgreSQL cuts longer names
)

// migrations bring a database from the schema version of their index to the next. One that was released is never
// changed.
var migrations = [...][]string{schema1, schema2}

// schemaVersion is what this package reads and writes.
const schemaVersion = len(migrations)

var schema1 = []string{
	`CREATE TABLE burdock.fence (
		root bytea PRIMARY KEY,
		epoch bigint NOT NULL,
		dispatch bigint NOT NULL
	) WITH (fillfactor = 50)`,
	// A table of its own, so that renewing a lease never waits for a Save, which locks the fence until its commit.
	`CREATE TABLE burdock.lease (
		root bytea PRIMARY KEY,
		owner bytea NOT NULL, -- random, one per claim
		holder bytea NOT NULL, -- host and process, for people
		expires timestamptz NOT NULL
	) WITH (fillfactor = 50)`,
	`CREATE TABLE burdock.graph (
		digest bytea PRIMARY KEY, -- SHA-256 of description
		description bytea NOT NULL -- JSON
	)`,
	// Events may come before the first record; they make rows too. Ids grow in the order in which applications
	// begin, so those that run at the same time lie on the same pages of every index but that of the names. orphan marks
	// a row that was made when its parent was unknown: where a walk over a root's tree finds what no walk from above
	// reaches.
	`CREATE TABLE burdock.app (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		name bytea NOT NULL UNIQUE,
		root bytea, -- NULL while only events are known, and they did not say
		parent bytea NOT NULL DEFAULT '', -- its name; empty for a root
		parent_seq bigint NOT NULL DEFAULT 0,
		idx bigint NOT NULL DEFAULT 0,
		orphan boolean NOT NULL DEFAULT false
	)`,
	`CREATE INDEX app_visit ON burdock.app (parent, parent_seq, idx, id) WHERE parent <> ''`,
	`CREATE INDEX app_orphan ON burdock.app (root) WHERE orphan`,
	// kind is 0 for a step and 1 for a snapshot. A record that replaces another stays on its page while there is room.
	`CREATE TABLE burdock.checkpoint (
		app bigint NOT NULL,
		seq bigint NOT NULL,
		kind smallint NOT NULL,
		lists boolean NOT NULL,
		joined bigint NOT NULL,
		waits boolean NOT NULL,
		graph bytea, -- digest of the description that belongs to this record
		body bytea NOT NULL, -- the record without its description, as package record writes it
		PRIMARY KEY (app, seq, kind)
	) WITH (fillfactor = 80)`,
	`CREATE INDEX checkpoint_snapshot ON burdock.checkpoint (app, seq) WHERE kind = 1`,
	`CREATE TABLE burdock.run (
		app bigint PRIMARY KEY,
		seq bigint NOT NULL,
		updated bigint NOT NULL, -- nanoseconds since 1970
		status bytea NOT NULL,
		project bytea NOT NULL,
		partition bytea NOT NULL
	)`,
	`CREATE INDEX run_updated ON burdock.run (updated, app)`,
	`CREATE TABLE burdock.event (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		app bigint NOT NULL,
		seq bigint NOT NULL,
		attempt bigint NOT NULL,
		n bigint NOT NULL,
		body bytea NOT NULL -- the event, as package record writes it
	)`,
	`CREATE INDEX event_order ON burdock.event (app, seq, attempt, n, id)`,
}

var schema2 = []string{
	// What is posted for an application and not used yet, in the order of n within a root.
	`CREATE TABLE burdock.inbox (
		root bytea NOT NULL,
		n bigint GENERATED ALWAYS AS IDENTITY,
		id bytea NOT NULL,
		app bytea NOT NULL, -- its name
		seq bigint NOT NULL,
		answer boolean NOT NULL,
		body bytea NOT NULL, -- the message, as package record writes it
		PRIMARY KEY (root, n),
		UNIQUE (root, id)
	)`,
	`CREATE UNIQUE INDEX inbox_answer ON burdock.inbox (app, seq) WHERE answer`,
}

// migrationClass is the first half of the advisory lock under which schemas are made.
const migrationClass = writerClass + 1

// migrate brings the schema to this version, or says why it cannot. A schema that is up to date needs no right to
// create anything.
func (s *Store) migrate(ctx context.Context) error {
	version, err := s.checkSchema(ctx, s.pool)
	if err != nil || version == schemaVersion {
		return err
	}
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", migrationClass, s.opts.Schema); err != nil {
			return err
		}
		// Another process may have migrated while this one waited.
		version, err := s.checkSchema(ctx, tx)
		if err != nil {
			return err
		}
		return s.apply(ctx, tx, version)
	})
}

func (s *Store) apply(ctx context.Context, tx pgx.Tx, version int) error {
	if version == 0 {
		for _, statement := range []string{
			"CREATE SCHEMA IF NOT EXISTS " + pgx.Identifier{s.opts.Schema}.Sanitize(),
			s.sql("CREATE TABLE burdock.version (version int NOT NULL)"),
			s.sql("INSERT INTO burdock.version VALUES (0)"),
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("create the schema: %w", err)
			}
		}
	}
	for ; version < schemaVersion; version++ {
		for _, statement := range migrations[version] {
			if _, err := tx.Exec(ctx, s.sql(statement)); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", version, err)
			}
		}
	}
	_, err := tx.Exec(ctx, s.sql("UPDATE burdock.version SET version = $1"), schemaVersion)
	return err
}

// A queryer is a pool or a transaction.
type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// checkSchema returns the version of the schema, 0 if there is none or it is empty.
func (s *Store) checkSchema(ctx context.Context, db queryer) (version int, err error) {
	var ours, any bool
	err = db.QueryRow(ctx, `SELECT coalesce(bool_or(relname = 'version'), false), count(*) > 0 FROM pg_class
		WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind IN ('r', 'p', 'v', 'm', 'f')`, s.opts.Schema).Scan(&ours, &any)
	if err != nil || !any {
		return 0, err
	}
	foreign := &Error{Database: s.name, Op: "open", Kind: ErrNotOurs, Hint: "name another schema in Options.Schema"}
	if !ours {
		return 0, foreign
	}
	err = db.QueryRow(ctx, s.sql("SELECT version FROM burdock.version")).Scan(&version)
	switch {
	case errors.Is(err, pgx.ErrNoRows) || code(err) == "42703": // no such column
		foreign.Err = err
		return 0, foreign
	case err == nil && version > schemaVersion:
		return 0, &Error{
			Database: s.name, Op: "open", Kind: ErrNewerSchema, Err: fmt.Errorf("it has schema %d, and this program knows schemas up to %d", version, schemaVersion),
			Hint: "use a later version of this program, or another schema",
		}
	}
	return version, err
}
