package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	_ "modernc.org/sqlite" // the store's driver, for the raw side

	"github.com/burdock-go/burdock/store/sqlitestore"
)

// A folder holds the databases of both sides.
type folder struct {
	path string
	undo []func() error // closes what was opened; the last comes first
}

// inFolders makes the open function of a budget whose sides have databases. It opens n pairs of databases, of which each
// round uses another: where a file lies on the disk changes the price of its fsync by a tenth or two for as long as the
// file lives. Closing the pair removes them.
func inFolders(n int, open func(ctx context.Context, f *folder, size int) (pair, error)) func(context.Context, int) (pair, error) {
	return func(ctx context.Context, size int) (_ pair, err error) {
		path, err := os.MkdirTemp("", "burdock-bench-")
		if err != nil {
			return pair{}, err
		}
		all := &folder{path: path}
		all.later(func() error { return os.RemoveAll(path) })
		defer func() {
			if err != nil {
				err = errors.Join(err, all.close())
			}
		}()
		pairs := make([]pair, n)
		for i := range pairs {
			f := &folder{path: filepath.Join(path, fmt.Sprint(i))}
			all.later(f.close)
			if err := os.Mkdir(f.path, 0o700); err != nil {
				return pair{}, err
			}
			if pairs[i], err = open(ctx, f, size); err != nil {
				return pair{}, err
			}
		}
		return inTurns(pairs, all.close), nil
	}
}

// inTurns is the pair whose runs are those of one pair after the other.
func inTurns(pairs []pair, closeAll func() error) pair {
	last := &pairs[0]
	turns := func(side func(p *pair) func(context.Context) error) func(context.Context) error {
		next := 0
		return func(ctx context.Context) error {
			last, next = &pairs[next], (next+1)%len(pairs)
			return side(last)(ctx)
		}
	}
	p := pair{
		ops:   pairs[0].ops,
		ours:  turns(func(p *pair) func(context.Context) error { return p.ours }),
		raw:   turns(func(p *pair) func(context.Context) error { return p.raw }),
		close: closeAll,
	}
	if last.figure != nil {
		p.figure = func() float64 { return last.figure() }
	}
	return p
}

func (f *folder) later(undo func() error) { f.undo = append(f.undo, undo) }

func (f *folder) close() error {
	var errs []error
	for _, undo := range slices.Backward(f.undo) {
		errs = append(errs, undo())
	}
	f.undo = nil
	return errors.Join(errs...)
}

// store opens the database of ours.
func (f *folder) store(ctx context.Context) (*sqlitestore.Store, error) {
	s, err := sqlitestore.Open(ctx, filepath.Join(f.path, "ours.db"), nil)
	if err == nil {
		f.later(s.Close)
	}
	return s, err
}

// A rawDB is the database of raw. It has one connection, as a program that writes one SQLite file by hand gives it: no
// statement is prepared twice, and no writer meets another.
type rawDB struct {
	*sql.DB
	folder *folder
}

// open opens a database of the folder.
func (f *folder) open(name string) (*rawDB, error) {
	db, err := sql.Open("sqlite", filepath.Join(f.path, name))
	if err != nil {
		return nil, err
	}
	f.later(db.Close)
	db.SetMaxOpenConns(1)
	return &rawDB{db, f}, nil
}

// raw opens the database of raw with the store's pragmas and makes its tables.
func (f *folder) raw(ctx context.Context, synchronous string, tables ...string) (*rawDB, error) {
	db, err := f.open("raw.db")
	if err != nil {
		return nil, err
	}
	for _, statement := range append([]string{
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = " + synchronous,
		"PRAGMA cache_size = -8000",
		"PRAGMA wal_autocheckpoint = 4000",
	}, tables...) {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	return db, nil
}

// A statement is a prepared one.
type statement struct{ *sql.Stmt }

// prepare makes a statement that lives as long as the database.
func (db *rawDB) prepare(ctx context.Context, query string) (statement, error) {
	s, err := db.PrepareContext(ctx, query)
	if err != nil {
		return statement{}, err
	}
	db.folder.later(s.Close)
	return statement{s}, nil
}

// in is the statement within a transaction.
func (s statement) in(ctx context.Context, tx *sql.Tx) statement {
	return statement{tx.StmtContext(ctx, s.Stmt)} // closed with the transaction
}

// write runs the statement.
func (s statement) write(ctx context.Context, args ...any) error {
	_, err := s.ExecContext(ctx, args...)
	return err
}

// uncut is the context of what is written: nobody wants half of it, and for a context that can end the driver starts a
// goroutine per statement.
func uncut(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// together runs f in one transaction.
func (db *rawDB) together(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	ctx = uncut(ctx)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}
