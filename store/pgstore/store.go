package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/burdock-go/burdock"
)

// Options tell Open and New how to use a database. A nil *Options is fine.
type Options struct {
	// Schema is the PostgreSQL schema that holds all tables; it is made if there is none. Defaults to "burdock".
	Schema string
	// Lease is how long a claim outlives its last renewal; it is renewed each third of it. A short one finds a killed
	// owner sooner and loses a slow one sooner. All stores of one database should agree. Defaults to 15 s.
	Lease time.Duration
	// Timeout is how long one call goes on when the server does not answer, restarts, or asks for another try; a Save
	// or Post that has to be resolved gets it twice. Defaults to 30 s.
	Timeout time.Duration
	// Log gets what cannot be returned: events that were dropped, a server with fsync off. Defaults to slog.Default().
	Log *slog.Logger
}

// A Store is a burdock.Store in one schema of a PostgreSQL database. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	own  bool   // Close closes the pool
	name string // the database, for errors
	opts Options

	statements sync.Map // by their text with the default schema

	token  chan struct{} // holds one element while no batch is committed
	group  group
	cuts   cuts
	claims claims
	events buffer

	closed   chan struct{}
	closing  sync.Once
	closeErr error
}

var (
	_ burdock.Store   = (*Store)(nil)
	_ burdock.Journal = (*Store)(nil)
	_ burdock.Inbox   = (*Store)(nil)
	_ burdock.Pruner  = (*Store)(nil)
	_ burdock.Sizer   = (*Store)(nil)
)

// Open connects to the database that dsn names, as a URL or in keywords, with pgxpool's own parameters (pool_max_conns),
// and makes or migrates the schema. It fails with an *Error that names the database and the way out: ErrUnreachable,
// ErrNewerSchema, ErrNotOurs or ErrReadOnly where one of them is the cause. It tries once. A ctx that is done makes it
// fail; a schema is then made whole or not at all.
func Open(ctx context.Context, dsn string, opts *Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil { // pgx leaves out the password
		return nil, &Error{Database: "(connection string)", Op: "open", Err: err, Hint: "it is like postgres://user@host/database"}
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "burdock"
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, &Error{Database: nameOf(config.ConnConfig, ""), Op: "open", Err: err}
	}
	s, err := New(ctx, pool, opts)
	if err != nil {
		pool.Close()
		return nil, err
	}
	s.own = true
	return s, nil
}

// New is Open for a pool that the caller has. The store never closes it; close the store first. Sessions that the store
// has written with hold an advisory lock until they end; nothing else of them changes. The pool should have at least
// four connections beside those that the caller keeps busy.
func New(ctx context.Context, pool *pgxpool.Pool, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	s := &Store{pool: pool, opts: *opts, token: make(chan struct{}, 1), closed: make(chan struct{})}
	s.defaults()
	s.name = nameOf(pool.Config().ConnConfig, s.opts.Schema)
	s.events.store, s.claims.store = s, s
	s.token <- struct{}{}
	if len(s.opts.Schema) > maxName || strings.ContainsRune(s.opts.Schema, 0) {
		return nil, &Error{Database: s.name, Op: "open", Err: fmt.Errorf("the schema's name is longer than %d bytes or holds a zero byte", maxName)}
	}
	if err := s.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, s.fail("open", err)
	}
	return s, nil
}

func (s *Store) defaults() {
	if s.opts.Schema == "" {
		s.opts.Schema = defaultSchema
	}
	if s.opts.Lease <= 0 {
		s.opts.Lease = 15 * time.Second
	}
	if s.opts.Timeout <= 0 {
		s.opts.Timeout = 30 * time.Second
	}
	if s.opts.Log == nil {
		s.opts.Log = slog.Default()
	}
}

// nameOf names a database without its password.
func nameOf(c *pgx.ConnConfig, schema string) string {
	name := fmt.Sprintf("%s@%s:%d/%s", c.User, c.Host, c.Port, c.Database)
	if schema != "" && schema != defaultSchema {
		name += " schema " + schema
	}
	return name
}

func (s *Store) open(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	var fsync string
	if err := s.pool.QueryRow(ctx, "SELECT current_setting('fsync')").Scan(&fsync); err != nil {
		return err
	}
	if fsync != "on" {
		s.opts.Log.Warn("burdock: the server runs with fsync off: a power cut may take back what was acknowledged", "database", s.name)
	}
	return nil
}

// sql puts the store's schema in the place of the default one.
func (s *Store) sql(statement string) string {
	if s.opts.Schema == defaultSchema {
		return statement
	}
	if v, ok := s.statements.Load(statement); ok {
		return v.(string)
	}
	v := strings.ReplaceAll(statement, defaultSchema+".", pgx.Identifier{s.opts.Schema}.Sanitize()+".")
	s.statements.Store(statement, v)
	return v
}

// Close writes the events that wait, gives up every claim and, after Open, closes the connections, waiting for calls
// that use them. Later calls fail with ErrClosed. It is idempotent.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closeErr = s.shut() })
	return s.closeErr
}

func (s *Store) shut() error {
	s.events.stop()
	err := s.events.flush()
	<-s.token
	close(s.closed)
	s.token <- struct{}{} // leaders that waited find the store closed
	err = errors.Join(err, s.claims.close())
	if s.own {
		s.pool.Close()
	}
	return err
}

// ready fails after Close.
func (s *Store) ready(op string) error {
	select {
	case <-s.closed:
		return &Error{Database: s.name, Op: op, Kind: ErrClosed}
	default:
		return nil
	}
}
