package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/burdock-go/burdock"
)

// Branches whose results a resumed application takes from the database.
var restores = []budget{
	{
		name: "restore/1000", size: 1_000, rounds: 31, gauge: elapsed,
		versus: "a resumed map of 1,000 branches that all have a result, against a SELECT of their rows from the same file",
		price:  price{time: 20 * time.Microsecond},
		open:   inFolders(1, openRestore),
	},
	{
		name: "restore/100000", size: 100_000, rounds: 3, gauge: elapsed,
		versus: "the same with 100,000 branches",
		price:  price{ratio: 3},
		open:   inFolders(1, openRestore),
	},
}

// openRestore runs all branches once. The step never completes, since reduce fails when it has read every result, so an
// application can be resumed before it again and again.
func openRestore(ctx context.Context, f *folder, size int) (pair, error) {
	store, err := f.store(ctx)
	if err != nil {
		return pair{}, err
	}
	r := &restoring{size: size}
	if r.graph, err = fanOut(burdock.Func("double", r.double), size, 100, r.reduce); err != nil {
		return pair{}, err
	}
	r.options = burdock.Options{ID: "bench", Cascade: burdock.Cascade{Store: store}, Durability: burdock.Relaxed}
	app, err := burdock.New(ctx, r.graph, &r.options)
	if err != nil {
		return pair{}, err
	}
	if err := r.run(ctx, app); err != nil {
		return pair{}, err
	}
	r.saved.Store(true)
	raw, err := f.reader(ctx, app.ID(), size)
	return pair{ops: size, ours: r.resume, raw: raw}, err
}

// restoring is an application whose map is left unfinished.
type restoring struct {
	size    int
	graph   *burdock.Graph
	options burdock.Options
	saved   atomic.Bool // no branch may run any more
}

var (
	errUnfinished = errors.New("the map is left unfinished")
	errAnew       = errors.New("a branch that has a result runs again")
)

func (r *restoring) double(ctx context.Context, i item) (doubled, error) {
	if r.saved.Load() {
		return doubled{}, errAnew
	}
	return double(ctx, i)
}

func (r *restoring) reduce(ctx context.Context, in burdock.None, rs *burdock.Results[item, doubled]) (total, error) {
	t, err := addUp(ctx, in, rs)
	if err = sumIs(t.Sum, r.size, err); err != nil {
		return t, err
	}
	return t, errUnfinished
}

func (r *restoring) run(ctx context.Context, app *burdock.App) error {
	if _, err := app.Run(ctx); !errors.Is(err, errUnfinished) {
		return fmt.Errorf("the run ended with %w", err)
	}
	return nil
}

func (r *restoring) resume(ctx context.Context) error {
	app, err := burdock.Resume(ctx, r.graph, &r.options)
	if err != nil {
		return err
	}
	return r.run(ctx, app)
}

// The rows of a branch, as one reads them by hand into memory: that of itself and those of its steps.
type (
	branchRow struct {
		id, root, parent, parentSeq, index, graph, sum         int64
		name, path, project, partition, task, key, fingerprint string
		orphan                                                 sql.NullInt64
		home                                                   []byte
	}
	stepRow struct {
		app, seq, kind, lists, joined, flags, sum int64
		epoch, dispatch, started, took            sql.NullInt64
		status                                    string
		body                                      []byte
	}
)

const (
	selectBranches = `SELECT id, name, root, parent, parent_seq, idx, orphan, home, graph, path, project, partition, task, key, fingerprint, sum FROM app
		WHERE parent = (SELECT id FROM app WHERE name = ?) AND parent_seq = 1 ORDER BY idx`
	selectSteps = `SELECT c.app, c.seq, c.kind, c.status, c.lists, c.joined, c.flags, c.epoch, c.dispatch, c.started, c.took, c.body, c.sum
		FROM app a JOIN checkpoint c ON c.app = a.id WHERE a.parent = (SELECT id FROM app WHERE name = ?) AND a.parent_seq = 1 ORDER BY a.idx, c.seq`
)

func (r *branchRow) scan(rows *sql.Rows) error {
	return rows.Scan(&r.id, &r.name, &r.root, &r.parent, &r.parentSeq, &r.index, &r.orphan, &r.home, &r.graph, &r.path, &r.project, &r.partition,
		&r.task, &r.key, &r.fingerprint, &r.sum)
}

func (r *stepRow) scan(rows *sql.Rows) error {
	return rows.Scan(&r.app, &r.seq, &r.kind, &r.status, &r.lists, &r.joined, &r.flags, &r.epoch, &r.dispatch, &r.started, &r.took, &r.body, &r.sum)
}

// reader returns a function that reads the rows of all branches of a root's first step.
func (f *folder) reader(ctx context.Context, root string, branches int) (func(context.Context) error, error) {
	db, err := f.open("ours.db")
	if err != nil {
		return nil, err
	}
	bs, err := db.prepare(ctx, selectBranches)
	if err != nil {
		return nil, err
	}
	ss, err := db.prepare(ctx, selectSteps)
	return func(ctx context.Context) error {
		apps, err := readAll(ctx, bs, root, (*branchRow).scan)
		if err != nil {
			return err
		}
		steps, err := readAll(ctx, ss, root, (*stepRow).scan)
		if err == nil && (len(apps) != branches || len(steps) != 2*branches) {
			err = fmt.Errorf("%d branches of one step have %d rows and their steps, sequence 0 included, %d", branches, len(apps), len(steps))
		}
		return err
	}, err
}

// readAll reads all rows that a statement yields for a root.
func readAll[T any](ctx context.Context, query statement, root string, scan func(*T, *sql.Rows) error) (all []T, err error) {
	rows, err := query.QueryContext(ctx, root)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row T
		if err := scan(&row, rows); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
