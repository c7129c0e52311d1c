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

// inFolder makes the open function of a budget whose sides have databases. Closing the pair removes them.
func inFolder(open func(ctx context.Context, f *folder, size int) (pair, error)) func(context.Context, int) (pair, error) {
	return func(ctx context.Context, size int) (pair, error) {
		path, err := os.MkdirTemp("", "burdock-bench-")
		if err != nil {
			return pair{}, err
		}
		f := &folder{path: path}
		f.later(func() error { return os.RemoveAll(path) })
		p, err := open(ctx, f, size)
		if err != nil {
			return pair{}, errors.Join(err, f.close())
		}
		p.close = f.close
		return p, nil
	}
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
	s, err := sqlitestore.Open(ctx, f.ours(), nil)
	if err == nil {
		f.later(s.Close)
	}
	return s, err
}

func (f *folder) ours() string { return filepath.Join(f.path, "ours.db") }

// A rawDB is the database of raw. It has one connection, as a program that writes one SQLite file by hand gives it: no
// statement is prepared twice, and no writer meets another.
type rawDB struct {
	*sql.DB
	folder *folder
}

// raw opens the database of raw with the store's pragmas and makes its tables.
func (f *folder) raw(ctx context.Context, synchronous string, tables ...string) (*rawDB, error) {
	db, err := sql.Open("sqlite", filepath.Join(f.path, "raw.db"))
	if err != nil {
		return nil, err
	}
	f.later(db.Close)
	db.SetMaxOpenConns(1)
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
	return &rawDB{db, f}, nil
}

// prepare makes a statement that lives as long as the database.
func (db *rawDB) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s, err := db.PrepareContext(ctx, query) //nolint:sqlclosecheck // the folder closes it
	if err == nil {
		db.folder.later(s.Close)
	}
	return s, err
}

// together runs f in one transaction, which the end of the program does not cut off. A context that cannot end costs the
// driver no goroutine per statement, either.
func (db *rawDB) together(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	ctx = context.WithoutCancel(ctx)
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
