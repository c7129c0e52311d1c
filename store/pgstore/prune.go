package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// Prune implements burdock.Pruner. Each root goes in a transaction of its own, which claims it as any owner would. The
// space is given back by the server's autovacuum. Descriptions of graphs stay: another application may be about to use
// them. Its ctx ends it between two roots and within one, up to the commit.
func (s *Store) Prune(ctx context.Context, p burdock.Prune) (done burdock.Pruned, err error) {
	if err := record.CheckPrune(p); err != nil {
		return done, fmt.Errorf("pgstore: prune: %w", err)
	}
	if err := s.events.flush(); err != nil { // events that came later would outlive their application
		return done, err
	}
	roots, err := s.selectedRoots(ctx, p)
	if err != nil {
		return done, err
	}
	for _, root := range slices.Backward(roots) {
		f := &forgetting{store: s, root: root, dry: p.DryRun}
		switch err := f.run(ctx); {
		case errors.Is(err, errStays):
		case err != nil && ctx.Err() != nil:
			return done, ctx.Err()
		case err != nil:
			return done, s.fail("prune", err)
		default:
			done.Roots = append(done.Roots, root.name)
			done.Checkpoints += f.size.Checkpoints
			done.Events += f.size.Events
			done.Bytes += f.size.Bytes
		}
	}
	return done, nil
}

// A candidate is a root as it stood when it was selected.
type candidate struct {
	name, next string
	seq        int64
	status     burdock.Status
	written    int64
}

func candidateOf(c *burdock.Checkpoint) candidate {
	return candidate{c.App, c.Next, c.Seq, c.Status, clamp(record.Written(*c))}
}

// selectedRoots are the roots that p selects, the last written first.
func (s *Store) selectedRoots(ctx context.Context, p burdock.Prune) (roots []candidate, err error) {
	kept := 0
	for c, err := range s.List(ctx, burdock.Query{Roots: true, Project: p.Project, Before: p.Before}) {
		switch {
		case err != nil:
			return nil, err
		case !record.Prunes(p, c):
		case kept < p.Keep:
			kept++
		default:
			roots = append(roots, candidateOf(&c))
		}
	}
	return roots, nil
}

// errStays is why a selected root is not forgotten: it lives, waits or has changed.
var errStays = errors.New("the application stays")

// A forgetting is the deletion of one root.
type forgetting struct {
	store *Store
	root  candidate
	dry   bool
	epoch int64 // taken for it
	tree  []int64
	size  burdock.Size
}

// run deletes the root with its tree, or finds what that would delete.
func (f *forgetting) run(ctx context.Context) error {
	s := f.store
	if err := s.settle(ctx); err != nil {
		return err
	}
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	key, err := mark(ctx, c.Conn())
	if err != nil {
		return err
	}
	tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return err
	}
	err = s.watched(ctx, c.Conn(), func() error { return f.within(ctx, tx) })
	limited, cancel := s.detached(ctx)
	defer cancel()
	if err != nil || f.dry {
		_ = tx.Rollback(limited) // what fails to roll back has ended
		return err
	}
	err = s.ended(c, key, tx.Commit(limited))
	if cut(err) {
		return f.resolve(limited, err)
	}
	return err
}

// resolve decides a commit of unknown outcome: it took effect if the epoch that was taken is still there.
func (f *forgetting) resolve(ctx context.Context, err error) error {
	s := f.store
	var epoch int64
	unknown := retry(ctx, func() error {
		if err := s.settle(ctx); err != nil {
			return err
		}
		return s.pool.QueryRow(ctx, s.sql(`SELECT epoch FROM burdock.fence WHERE root = $1`), []byte(f.root.name)).Scan(&epoch)
	})
	switch {
	case unknown != nil:
		return err
	case epoch >= f.epoch:
		return nil
	}
	return errors.Unwrap(err)
}

// within does everything between BEGIN and COMMIT.
func (f *forgetting) within(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, durably); err != nil {
		return err
	}
	if err := f.claim(ctx, tx); err != nil {
		return err
	}
	if err := f.unchanged(ctx, tx); err != nil {
		return err
	}
	if err := f.weigh(ctx, tx); err != nil || f.dry {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM burdock.run WHERE app = ANY($1)`,
		`DELETE FROM burdock.event WHERE app = ANY($1)`,
		`DELETE FROM burdock.checkpoint WHERE app = ANY($1)`,
		`DELETE FROM burdock.app WHERE id = ANY($1)`,
	} {
		if _, err := tx.Exec(ctx, f.store.sql(statement), f.tree); err != nil {
			return err
		}
	}
	for _, statement := range []string{`DELETE FROM burdock.inbox WHERE root = $1`, `DELETE FROM burdock.lease WHERE root = $1`} {
		if _, err := tx.Exec(ctx, f.store.sql(statement), []byte(f.root.name)); err != nil {
			return err
		}
	}
	return nil
}

// claim takes the root's lease, which nobody sees before it is gone, and raises its epoch.
func (f *forgetting) claim(ctx context.Context, tx pgx.Tx) error {
	s, root := f.store, []byte(f.root.name)
	if f.dry {
		var live bool
		err := tx.QueryRow(ctx, s.sql(leased), root).Scan(&live)
		if err == nil && live {
			err = errStays
		}
		return err
	}
	err := tx.QueryRow(ctx, s.sql(take), root, []byte("prune"), []byte(holder()), time.Minute.Microseconds()).Scan(&f.epoch)
	if errors.Is(err, pgx.ErrNoRows) {
		return errStays
	}
	return err
}

// unchanged fails with errStays if the root is not as it was selected.
func (f *forgetting) unchanged(ctx context.Context, tx pgx.Tx) error {
	var body pgtype.DriverBytes
	rows, err := tx.Query(ctx, f.store.sql(`SELECT c.body FROM burdock.app a JOIN burdock.checkpoint c ON c.app = a.id
		WHERE a.name = $1 AND c.kind = 0 ORDER BY c.seq DESC LIMIT 1`), []byte(f.root.name))
	if err != nil {
		return err
	}
	same := false
	_, err = pgx.ForEachRow(rows, []any{&body}, func() error {
		c, err := record.Unmarshal(body)
		same = candidateOf(&c) == f.root
		return err
	})
	if err == nil && !same {
		err = errStays
	}
	return err
}

// weigh names the tree, counts what it has, and fails with errStays if something in it waits.
func (f *forgetting) weigh(ctx context.Context, tx pgx.Tx) (err error) {
	f.tree, f.size, err = f.store.weigh(ctx, tx, f.root.name)
	if err != nil {
		return err
	}
	var waits bool
	err = tx.QueryRow(ctx, f.store.sql(`SELECT coalesce(bool_or(c.waits), false) FROM unnest($1::bigint[]) p(id) CROSS JOIN LATERAL (
		SELECT waits FROM burdock.checkpoint WHERE app = p.id AND kind = 0 ORDER BY seq DESC LIMIT 1) c`), f.tree).Scan(&waits)
	if err == nil && waits {
		err = errStays
	}
	return err
}

// weigh counts what a root and its descendants have, and names them.
func (s *Store) weigh(ctx context.Context, tx pgx.Tx, root string) (tree []int64, size burdock.Size, err error) {
	rows, err := tx.Query(ctx, s.sql(treeOrder), []byte(root))
	if err != nil {
		return nil, size, err
	}
	if tree, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return nil, size, err
	}
	var bytes int64
	err = tx.QueryRow(ctx, s.sql(`SELECT count(DISTINCT c.app), count(*), coalesce(sum(octet_length(c.body) + coalesce(octet_length(g.description), 0)), 0)::bigint
		FROM unnest($1::bigint[]) p(id) JOIN burdock.checkpoint c ON c.app = p.id LEFT JOIN burdock.graph g ON g.digest = c.graph`), tree).
		Scan(&size.Apps, &size.Checkpoints, &bytes)
	if err != nil {
		return nil, size, err
	}
	size.Bytes = bytes
	err = tx.QueryRow(ctx, s.sql(`SELECT count(*), coalesce(sum(octet_length(e.body)), 0)::bigint
		FROM unnest($1::bigint[]) p(id) JOIN burdock.event e ON e.app = p.id`), tree).Scan(&size.Events, &bytes)
	size.Bytes += bytes
	return tree, size, err
}

// Size implements burdock.Sizer. Bytes are those of records and events as they are encoded.
func (s *Store) Size(ctx context.Context, root string) (size burdock.Size, err error) {
	err = s.reading(ctx, "size", func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT "+indexed); err != nil {
				return err
			}
			_, size, err = s.weigh(ctx, tx, root)
			return err
		})
	})
	if err == nil && size.Apps == 0 {
		err = &Error{Database: s.name, Op: "size", Err: fmt.Errorf("%q: %w", root, burdock.ErrNotFound)}
	}
	return size, err
}
