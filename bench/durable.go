package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	_ "modernc.org/sqlite" // the store's driver, for the raw side

	"github.com/burdock-go/burdock"
	stored "github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// A step that is on the disk when it returns.
var durable = []budget{{
	name: "durable/step", size: 1, rounds: 400, gauge: elapsed,
	versus: "a step saved to SQLite, synchronous FULL, against a prepared INSERT of a row with the same bytes that commits by itself",
	price:  price{ratio: 1.1},
	open:   openDurable,
}}

// openDurable makes both files in one folder. One run of ours is one step of an application that goes on.
func openDurable(ctx context.Context, size int) (_ pair, err error) {
	dir, err := os.MkdirTemp("", "burdock-bench-")
	if err != nil {
		return pair{}, err
	}
	var undo undoing
	undo.add(func() error { return os.RemoveAll(dir) })
	defer func() {
		if err != nil {
			err = errors.Join(err, undo.all())
		}
	}()
	step, row, err := durableSteps(ctx, dir, &undo)
	if err != nil {
		return pair{}, err
	}
	insert, err := rawInserts(ctx, dir, row, &undo)
	if err != nil {
		return pair{}, err
	}
	return pair{ops: size, ours: repeat(size, step), raw: repeat(size, insert), close: undo.all}, nil
}

// undoing collects what is to be closed, the last first.
type undoing []func() error

func (u *undoing) add(f func() error) { *u = append(*u, f) }

func (u *undoing) all() error {
	var errs []error
	for _, f := range slices.Backward(*u) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// durableSteps returns a function that runs one step, and the bytes of the row that a step is.
func durableSteps(ctx context.Context, dir string, undo *undoing) (step func(context.Context) error, row []byte, err error) {
	store, err := sqlitestore.Open(ctx, filepath.Join(dir, "ours.db"), nil)
	if err != nil {
		return nil, nil, err
	}
	undo.add(store.Close)
	a := burdock.Func("count", count)
	g, err := burdock.NewGraph("loop", burdock.Node(a, burdock.Then(a)))
	if err != nil {
		return nil, nil, err
	}
	app, err := burdock.New(ctx, g, &burdock.Options{
		ID: "bench", State: burdock.StateOf(counter{}), Cascade: burdock.Cascade{Store: store},
	})
	if err != nil {
		return nil, nil, err
	}
	next, stop := iter.Pull2(app.Steps(ctx))
	undo.add(func() error { stop(); return nil })
	step = func(context.Context) error {
		switch _, err, more := next(); {
		case err != nil:
			return err
		case !more:
			return errors.New("the loop has ended")
		}
		return nil
	}
	for range 2 { // the first step saves the beginning too
		if err := step(ctx); err != nil {
			return nil, nil, err
		}
	}
	last, err := store.Load(ctx, burdock.Ref{App: app.ID(), Seq: -1})
	if err != nil {
		return nil, nil, err
	}
	row, err = stored.Marshal(last)
	return step, row, err
}

// rawInserts returns a function that inserts one row.
func rawInserts(ctx context.Context, dir string, row []byte, undo *undoing) (insert func(context.Context) error, err error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "raw.db"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	undo.add(db.Close)
	for _, statement := range []string{
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",
		"PRAGMA cache_size = -8000",
		"PRAGMA wal_autocheckpoint = 4000",
		"CREATE TABLE step (app INTEGER, seq INTEGER, body BLOB, PRIMARY KEY (app, seq)) WITHOUT ROWID",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	prepared, err := db.PrepareContext(ctx, "INSERT INTO step VALUES (1, ?, ?)") //nolint:sqlclosecheck // closed by undo
	if err != nil {
		return nil, err
	}
	undo.add(prepared.Close)
	seq := 0
	return func(ctx context.Context) error {
		seq++
		_, err := prepared.ExecContext(ctx, seq, row)
		return err
	}, nil
}
