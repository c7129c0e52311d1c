package main

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/burdock-go/burdock"
	stored "github.com/burdock-go/burdock/record"
)

// Branches of three steps, each of which is on the disk before the next begins. The figure is per branch.
var groups = []budget{group(8, 21, 0.9), group(100, 31, 1.3)}

func group(limit, rounds int, ratio float64) budget {
	return budget{
		name: fmt.Sprintf("group/limit %d", limit), size: 1_000, rounds: rounds, gauge: elapsed,
		versus: fmt.Sprintf("1,000 branches of three durable steps, limit %d, against %d goroutines that save the same rows through a committer written by hand", limit, limit),
		price:  price{ratio: ratio},
		open: inFolders(3, func(ctx context.Context, f *folder, size int) (pair, error) {
			return openGroup(ctx, f, size, limit)
		}),
	}
}

func openGroup(ctx context.Context, f *folder, size, limit int) (pair, error) {
	store, err := f.store(ctx)
	if err != nil {
		return pair{}, err
	}
	three, err := threeSteps()
	if err != nil {
		return pair{}, err
	}
	g, err := fanOut(three, size, limit, addUp)
	if err != nil {
		return pair{}, err
	}
	options := &burdock.Options{Cascade: burdock.Cascade{Store: store}}
	root, err := runAnew(ctx, g, options)
	if err != nil {
		return pair{}, err
	}
	rows, err := rowsOfBranch(ctx, store, root)
	if err != nil {
		return pair{}, err
	}
	c, err := newCommitter(ctx, f, limit)
	return pair{
		ops: size,
		ours: func(ctx context.Context) error {
			_, err := runAnew(ctx, g, options)
			return err
		},
		raw: func(ctx context.Context) error { return c.branches(ctx, size, limit, rows) },
	}, err
}

// rowsOfBranch encodes the records of the three steps of a map's first branch.
func rowsOfBranch(ctx context.Context, store burdock.Store, root string) (rows [3][]byte, err error) {
	first := ""
	for cp, err := range store.List(ctx, burdock.Query{Parent: burdock.Ref{App: root, Seq: 1}}) {
		if err != nil {
			return rows, err
		}
		if first == "" {
			first = cp.App
		}
		if cp.App != first {
			break
		}
		if cp.Seq == 0 {
			continue
		}
		if rows[cp.Seq-1], err = stored.Marshal(cp); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// A committer lets goroutines share commits: one goroutine collects what is queued, inserts all of it in one
// transaction, and answers each.
type committer struct {
	db     *rawDB
	insert statement
	runs   int // that have been saved
	queue  chan request
}

// A request is a row to be saved by a committer, which answers on done.
type request struct {
	run, branch, seq int
	body             []byte
	done             chan error
}

func newCommitter(ctx context.Context, f *folder, limit int) (*committer, error) {
	db, err := f.raw(ctx, "FULL", "CREATE TABLE step (run INTEGER, branch INTEGER, seq INTEGER, body BLOB, PRIMARY KEY (run, branch, seq)) WITHOUT ROWID")
	if err != nil {
		return nil, err
	}
	insert, err := db.prepare(ctx, "INSERT INTO step VALUES (?, ?, ?, ?)")
	c := &committer{db: db, insert: insert, queue: make(chan request, limit)}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.serve(ctx)
	}()
	f.later(func() error {
		close(c.queue)
		<-stopped
		return nil
	})
	return c, err
}

// serve commits until the queue is closed.
func (c *committer) serve(ctx context.Context) {
	var batch []request
	for first := range c.queue {
		batch = append(batch[:0], first)
		for more := true; more; {
			select {
			case r, open := <-c.queue:
				if more = open; open {
					batch = append(batch, r)
				}
			default:
				more = false
			}
		}
		err := c.commit(ctx, batch)
		for _, r := range batch {
			r.done <- err
		}
	}
}

func (c *committer) commit(ctx context.Context, batch []request) error {
	return c.db.together(ctx, func(ctx context.Context, tx *sql.Tx) error {
		insert := c.insert.in(ctx, tx)
		for _, r := range batch {
			if err := insert.write(ctx, r.run, r.branch, r.seq, r.body); err != nil {
				return err
			}
		}
		return nil
	})
}

// branches runs n branches in as many goroutines as may live at once.
func (c *committer) branches(ctx context.Context, n, limit int, rows [3][]byte) error {
	c.runs++
	outs := make([]doubled, n)
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(limit, n) {
		g.Go(func() error {
			done := make(chan error, 1)
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := c.branch(ctx, i, rows, &outs[i], done); err != nil {
					return err
				}
			}
		})
	}
	err := g.Wait()
	var t total
	for _, o := range outs {
		t.Sum += o.Value
	}
	return sumIs(t.Sum, n, err)
}

// branch runs three steps and saves each before the next.
func (c *committer) branch(ctx context.Context, i int, rows [3][]byte, out *doubled, done chan error) error {
	save := func(seq int) error {
		c.queue <- request{c.runs, i, seq, rows[seq], done}
		return <-done
	}
	d, err := double(ctx, item{i})
	if err != nil {
		return err
	}
	if err := save(0); err != nil {
		return err
	}
	r, err := raise(ctx, d)
	if err != nil {
		return err
	}
	if err := save(1); err != nil {
		return err
	}
	if *out, err = lower(ctx, r); err != nil {
		return err
	}
	return save(2)
}
