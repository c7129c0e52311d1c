package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/burdock-go/burdock/store/sqlitestore"
)

// database is the flag that says which database is meant.
type database struct {
	DB string `name:"db" env:"BURDOCK_DB" placeholder:"FILE" help:"The database; ~/.burdock/burdock.db unless named."`
}

// path is where the database is, or will be.
func (d *database) path() (string, error) {
	if d.DB != "" {
		return d.DB, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &problem{"there is no home directory for the database: " + err.Error(), "name one with --db FILE or BURDOCK_DB"}
	}
	return filepath.Join(home, ".burdock", "burdock.db"), nil
}

// open opens the database for writing, and makes it if there is none.
func (d *database) open(ctx context.Context, p *program) (*sqlitestore.Store, error) {
	path, err := d.path()
	if err != nil {
		return nil, err
	}
	return sqlitestore.Open(ctx, path, &sqlitestore.Options{BusyTimeout: p.busy})
}

// reading opens the database for reading, calls f and closes it.
func (d *database) reading(ctx context.Context, p *program, f func(*sqlitestore.Store) error) error {
	return d.existing(ctx, &sqlitestore.Options{ReadOnly: true, BusyTimeout: p.busy}, f)
}

// writing opens the database for writing, calls f and closes it. It makes none.
func (d *database) writing(ctx context.Context, p *program, f func(*sqlitestore.Store) error) error {
	return d.existing(ctx, &sqlitestore.Options{BusyTimeout: p.busy}, f)
}

func (d *database) existing(ctx context.Context, opts *sqlitestore.Options, f func(*sqlitestore.Store) error) error {
	path, err := d.path()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &problem{"there is no database " + path + " yet", "burdock demo makes it; --db FILE or BURDOCK_DB names another"}
	}
	store, err := sqlitestore.Open(ctx, path, opts)
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}
