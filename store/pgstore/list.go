package pgstore

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A page ends after this many rows or bytes of bodies, whichever comes first.
const (
	pageRows  = 512
	pageBytes = 1 << 20
)

// Load implements burdock.Store. It ends with ctx's error when ctx is done.
func (s *Store) Load(ctx context.Context, ref burdock.Ref) (c burdock.Checkpoint, err error) {
	query, args := ` AND c.seq = $2`, []any{[]byte(ref.App), ref.Seq}
	if ref.Seq < 0 {
		query, args = ` ORDER BY c.seq DESC LIMIT 1`, args[:1]
	}
	found := false
	err = s.reading(ctx, "load", func(ctx context.Context) error {
		return s.query(ctx, func(rows pgx.Rows) error {
			var body, description pgtype.DriverBytes
			_, err := pgx.ForEachRow(rows, []any{&body, &description}, func() (err error) {
				found = true
				c, err = decode(body, description)
				return err
			})
			return err
		}, `SELECT c.body, (SELECT g.description FROM burdock.graph g WHERE g.digest = c.graph)
			FROM burdock.app a JOIN burdock.checkpoint c ON c.app = a.id WHERE a.name = $1 AND c.kind = 0`+query, args...)
	})
	if err == nil && !found {
		err = &Error{Database: s.name, Op: "load", Err: fmt.Errorf("step %d of %q: %w", ref.Seq, ref.App, burdock.ErrNotFound)}
	}
	return c, err
}

// List implements burdock.Store. It reads page by page and holds nothing while the body of the loop runs; each page is
// one moment. With Join or Root it remembers 8 bytes for each application. It ends with ctx's error when ctx is done.
func (s *Store) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	return func(yield func(burdock.Checkpoint, error) bool) {
		if err := record.CheckQuery(q); err != nil {
			yield(burdock.Checkpoint{}, fmt.Errorf("pgstore: list: %w", err))
			return
		}
		l := newLister(s, q)
		for left := q.Limit; ; {
			page, err := l.next(ctx)
			if err != nil {
				yield(burdock.Checkpoint{}, err)
				return
			}
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

// A lister is one run of List between its pages.
type lister struct {
	store  *Store
	q      burdock.Query
	source source
	ids    []int64 // applications still to be read
	ended  bool    // the source has no more
	inside cursor  // how far the first of ids has been read
	size   int     // how many applications the next page asks for
}

// A cursor is a place in one application's records.
type cursor struct{ seq, kind int64 }

var beginning = cursor{-1, 0}

// firstPage is small, so that a loop that ends early has read little.
const firstPage = 16

func newLister(s *Store, q burdock.Query) *lister {
	return &lister{store: s, q: q, source: sourceOf(q), inside: beginning, size: firstPage}
}

// next reads one page, an empty one after the last.
func (l *lister) next(ctx context.Context) (page []burdock.Checkpoint, err error) {
	for len(page) == 0 {
		if len(l.ids) == 0 {
			if l.ended {
				return nil, nil
			}
			if err := l.store.reading(ctx, "list", l.more); err != nil {
				return nil, err
			}
			continue
		}
		if err := l.store.reading(ctx, "list", func(ctx context.Context) (err error) {
			page, err = l.read(ctx)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return page, nil
}

func (l *lister) more(ctx context.Context) (err error) {
	l.ids, l.ended, err = l.source.next(ctx, l.store, l.size)
	return err
}

// read reads records of l.ids until the page is full or l.size applications have been read.
func (l *lister) read(ctx context.Context) (page []burdock.Checkpoint, err error) {
	n := min(len(l.ids), l.size)
	var pos, bytes int64
	var at cursor
	err = l.store.query(ctx, func(rows pgx.Rows) error {
		var body, description pgtype.DriverBytes
		_, err := pgx.ForEachRow(rows, []any{&pos, &at.seq, &at.kind, &body, &description}, func() error {
			c, err := decode(body, description)
			if err != nil {
				return fmt.Errorf("a record: %w", err)
			}
			page, bytes = append(page, c), bytes+int64(len(body))
			return nil
		})
		return err
	}, pageQuery(l.q), l.ids[:n], l.inside.seq, l.inside.kind, until(l.q), pageRows, pageBytes)
	if err != nil {
		return nil, err
	}
	if len(page) >= pageRows || bytes >= pageBytes { // in the midst of an application
		l.ids, l.inside = l.ids[pos-1:], at
		l.adapt(pos, len(page))
		return page, nil
	}
	l.ids, l.inside = l.ids[n:], beginning
	l.adapt(int64(n), len(page))
	return page, nil
}

// adapt asks for as many applications as a page has room for: their rows beyond it are sorted for nothing.
func (l *lister) adapt(apps int64, rows int) {
	l.size = max(1, min(pageRows, pageRows*int(apps)/max(rows, 1)))
}

func until(q burdock.Query) int64 {
	if q.Until > 0 {
		return q.Until
	}
	return math.MaxInt64
}
