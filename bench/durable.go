package main

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/burdock-go/burdock"
	stored "github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// Steps that are on the disk when they return. Single operations alternate, as each waits for one fsync.
var durable = []budget{
	{
		name: "durable/step", size: 1, rounds: 400, gauge: elapsed,
		versus: "a step saved to SQLite, synchronous FULL, against a prepared INSERT of a row with the same bytes that commits by itself",
		price:  price{ratio: 1.1},
		open:   inFolder(openDurable),
	},
	{
		name: "durable/tracked", size: 1, rounds: 400, gauge: elapsed,
		versus: "a step saved and tracked in one database against prepared INSERTs of the same rows, its record and its two events, in one transaction",
		price:  price{ratio: 1.3},
		open:   inFolder(openTracked),
	},
	{
		name: "durable/claim", size: 1, rounds: 150, gauge: elapsed,
		versus: "an application of two steps, from New to the release of its claim, against three prepared INSERTs that commit by themselves",
		price:  price{ratio: 1},
		open:   inFolder(openClaim),
	},
}

// openDurable makes both files. One run of ours is one step of an application that goes on.
func openDurable(ctx context.Context, f *folder, size int) (pair, error) {
	store, err := f.store(ctx)
	if err != nil {
		return pair{}, err
	}
	step, last, err := endlessSteps(ctx, f, burdock.Cascade{Store: store})
	if err != nil {
		return pair{}, err
	}
	insert, err := rawSteps(ctx, f, last)
	return pair{ops: size, ours: repeat(size, step), raw: repeat(size, insert)}, err
}

// endlessSteps returns a function that runs one step of an application that goes on, and the record of a step.
func endlessSteps(ctx context.Context, f *folder, c burdock.Cascade) (step func(context.Context) error, last burdock.Checkpoint, err error) {
	a := burdock.Func("count", count)
	g, err := burdock.NewGraph("loop", burdock.Node(a, burdock.Then(a)))
	if err != nil {
		return nil, last, err
	}
	app, err := burdock.New(ctx, g, &burdock.Options{ID: "bench", State: burdock.StateOf(counter{}), Cascade: c})
	if err != nil {
		return nil, last, err
	}
	step, stop := oneByOne(ctx, app)
	f.later(stop)
	for range 2 { // the first step saves the beginning too
		if err := step(ctx); err != nil {
			return nil, last, err
		}
	}
	last, err = c.Store.Load(ctx, burdock.Ref{App: app.ID(), Seq: -1})
	return step, last, err
}

// oneByOne returns a function that runs one step of an application that goes on.
func oneByOne(ctx context.Context, app *burdock.App) (step func(context.Context) error, stop func() error) {
	next, end := iter.Pull2(app.Steps(ctx))
	step = func(context.Context) error {
		switch _, err, more := next(); {
		case err != nil:
			return err
		case !more:
			return errors.New("the loop has ended")
		}
		return nil
	}
	return step, func() error { end(); return nil }
}

// The tables of raw.
const (
	rawStepTable  = "CREATE TABLE step (app INTEGER, seq INTEGER, body BLOB, PRIMARY KEY (app, seq)) WITHOUT ROWID"
	rawEventTable = "CREATE TABLE event (app INTEGER, seq INTEGER, n INTEGER, body BLOB, PRIMARY KEY (app, seq, n)) WITHOUT ROWID"
	rawInsertStep = "INSERT INTO step VALUES (?, ?, ?)"
)

// rawSteps returns a function that inserts one row.
func rawSteps(ctx context.Context, f *folder, like burdock.Checkpoint) (insert func(context.Context) error, err error) {
	row, err := stored.Marshal(like)
	if err != nil {
		return nil, err
	}
	db, err := f.raw(ctx, "FULL", rawStepTable)
	if err != nil {
		return nil, err
	}
	prepared, err := db.prepare(ctx, rawInsertStep)
	seq := 0
	return func(ctx context.Context) error {
		seq++
		_, err := prepared.ExecContext(context.WithoutCancel(ctx), 1, seq, row)
		return err
	}, err
}

// openTracked is openDurable with the store's own tracker.
func openTracked(ctx context.Context, f *folder, size int) (pair, error) {
	store, err := f.store(ctx)
	if err != nil {
		return pair{}, err
	}
	step, last, err := endlessSteps(ctx, f, burdock.Cascade{Store: store, Tracker: store.Tracker(nil)})
	if err != nil {
		return pair{}, err
	}
	insert, err := rawTracked(ctx, f, store, last)
	return pair{ops: size, ours: repeat(size, step), raw: repeat(size, insert)}, err
}

// rawTracked returns a function that inserts a step and the events of one in a transaction.
func rawTracked(ctx context.Context, f *folder, store *sqlitestore.Store, last burdock.Checkpoint) (insert func(context.Context) error, err error) {
	row, err := stored.Marshal(last)
	if err != nil {
		return nil, err
	}
	events, err := eventsOf(ctx, store, last.Ref())
	if err != nil {
		return nil, err
	}
	db, err := f.raw(ctx, "FULL", rawStepTable, rawEventTable)
	if err != nil {
		return nil, err
	}
	putStep, err := db.prepare(ctx, rawInsertStep)
	if err != nil {
		return nil, err
	}
	putEvent, err := db.prepare(ctx, "INSERT INTO event VALUES (?, ?, ?, ?)")
	seq := 0
	return func(ctx context.Context) error {
		seq++
		return db.together(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.StmtContext(ctx, putStep).ExecContext(ctx, 1, seq, row); err != nil {
				return err
			}
			put := tx.StmtContext(ctx, putEvent)
			for n, event := range events {
				if _, err := put.ExecContext(ctx, 1, seq, n, event); err != nil {
					return err
				}
			}
			return nil
		})
	}, err
}

// eventsOf reads the events of the last step and encodes them.
func eventsOf(ctx context.Context, store *sqlitestore.Store, step burdock.Ref) (events [][]byte, err error) {
	for e, err := range store.Events(ctx, step.App, sqlitestore.Position{Seq: step.Seq}) {
		if err != nil {
			return nil, err
		}
		event, err := stored.MarshalEvent(e, 0)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	if len(events) != 2 {
		return nil, errors.New("a step has no longer two events: its beginning and its end")
	}
	return events, nil
}

// openClaim runs an application of its own each time.
func openClaim(ctx context.Context, f *folder, size int) (pair, error) {
	store, err := f.store(ctx)
	if err != nil {
		return pair{}, err
	}
	g, err := burdock.NewGraph("two", burdock.Chain(burdock.Func("count", count), burdock.Func("again", count)))
	if err != nil {
		return pair{}, err
	}
	var id string
	ours := func(ctx context.Context) error {
		app, err := burdock.New(ctx, g, &burdock.Options{State: burdock.StateOf(counter{}), Cascade: burdock.Cascade{Store: store}})
		if err != nil {
			return err
		}
		id = app.ID()
		_, err = app.Run(ctx)
		return err
	}
	if err := ours(ctx); err != nil {
		return pair{}, err
	}
	last, err := store.Load(ctx, burdock.Ref{App: id, Seq: -1})
	if err != nil {
		return pair{}, err
	}
	insert, err := rawSteps(ctx, f, last)
	return pair{ops: size, ours: repeat(size, ours), raw: repeat(3*size, insert)}, err
}
