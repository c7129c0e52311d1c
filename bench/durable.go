package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/burdock-go/burdock"
	stored "github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// Steps that are on the disk when they return. Both sides wait for fsyncs, so few operations alternate.
var durable = []budget{
	{
		name: "durable/step", size: 10, rounds: 200, gauge: elapsed,
		versus: "a step saved to SQLite, synchronous FULL, against a prepared INSERT of a row with the same bytes that commits by itself",
		price:  price{ratio: 1.1},
		open:   inFolders(10, openDurable),
	},
	{
		name: "durable/tracked", size: 10, rounds: 200, gauge: elapsed,
		versus: "a step saved and tracked in one database against prepared INSERTs of the same rows, its record and its two events, in one transaction",
		price:  price{ratio: 1.3},
		open:   inFolders(10, openTracked),
	},
	{
		name: "durable/claim", size: 5, rounds: 100, gauge: elapsed,
		versus: "an application of two steps, from New to the release of its claim, against three prepared INSERTs that commit by themselves",
		price:  price{ratio: 1.2}, // a fourth sync would make it 1.4
		open:   inFolders(10, openClaim),
	},
}

// openDurable makes both files. One run of ours is one step of an application that goes on.
func openDurable(ctx context.Context, f *folder, size int) (pair, error) {
	store, err := f.store(ctx)
	if err != nil {
		return pair{}, err
	}
	p, last, err := newPacer(ctx, f, burdock.Cascade{Store: store})
	if err != nil {
		return pair{}, err
	}
	insert, err := rawSteps(ctx, f, last)
	return p.against(insert, size), err
}

// openTracked is openDurable with the store's own tracker.
func openTracked(ctx context.Context, f *folder, size int) (pair, error) {
	store, err := f.store(ctx)
	if err != nil {
		return pair{}, err
	}
	p, last, err := newPacer(ctx, f, burdock.Cascade{Store: store, Tracker: store.Tracker(nil)})
	if err != nil {
		return pair{}, err
	}
	insert, err := rawTracked(ctx, f, store, last)
	return p.against(insert, size), err
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
		return prepared.write(uncut(ctx), 1, seq, row)
	}, err
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
			if err := putStep.in(ctx, tx).write(ctx, 1, seq, row); err != nil {
				return err
			}
			put := putEvent.in(ctx, tx)
			for n, event := range events {
				if err := put.write(ctx, 1, seq, n, event); err != nil {
					return err
				}
			}
			return nil
		})
	}, err
}

// eventsOf reads the events of a step, its beginning and its end, and encodes them.
func eventsOf(ctx context.Context, store *sqlitestore.Store, step burdock.Ref) (events [][]byte, err error) {
	for e, err := range store.Events(ctx, step.App, sqlitestore.Position{Seq: step.Seq}) {
		if err != nil {
			return nil, err
		}
		if e.Seq != step.Seq {
			break // of the step that has begun meanwhile
		}
		event, err := stored.MarshalEvent(e, 0)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	if len(events) != 2 {
		return nil, fmt.Errorf("step %d of %s has %d events, not 2", step.Seq, step.App, len(events))
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
	options := &burdock.Options{State: burdock.StateOf(counter{}), Cascade: burdock.Cascade{Store: store}}
	id, err := runAnew(ctx, g, options)
	if err != nil {
		return pair{}, err
	}
	last, err := store.Load(ctx, burdock.Ref{App: id, Seq: -1})
	if err != nil {
		return pair{}, err
	}
	insert, err := rawSteps(ctx, f, last)
	return pair{
		ops: size,
		ours: repeat(size, func(ctx context.Context) error {
			_, err := runAnew(ctx, g, options)
			return err
		}),
		raw: repeat(3*size, insert),
	}, err
}

// runAnew runs a graph as a new application and returns its id.
func runAnew(ctx context.Context, g *burdock.Graph, options *burdock.Options) (id string, err error) {
	app, err := burdock.New(ctx, g, options)
	if err != nil {
		return "", err
	}
	_, err = app.Run(ctx)
	return app.ID(), err
}
