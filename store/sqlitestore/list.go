package sqlitestore

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A page ends after this many rows or bytes of bodies, whichever comes first.
const (
	pageRows  = 512
	pageBytes = 1 << 20
)

// rowColumns are what app.checkpoint reads, of checkpoint c.
const rowColumns = `c.app, c.seq, c.kind, c.status, c.lists, c.joined, c.flags, c.epoch, c.dispatch, c.started, c.took, c.body,
	CASE WHEN c.flags & 2 THEN (SELECT g.description FROM app a CROSS JOIN graph g ON g.id = a.graph WHERE a.id = c.app) END, c.sum`

// Where the columns stand that List looks at itself.
const (
	seqColumn  = 1
	kindOfRow  = 2
	bodyColumn = 11
)

// checkpoint puts a record together from its own row and its application's.
func (a *app) checkpoint(v []driver.Value) (burdock.Checkpoint, error) {
	if err := sound(v, "checkpoint %v of %q", v[seqColumn], a.name); err != nil {
		return burdock.Checkpoint{}, err
	}
	body, _ := v[bodyColumn].([]byte)
	c, err := record.Unmarshal(body)
	if err != nil {
		return c, damaged("checkpoint %d of %q: %v", num(v[seqColumn]), a.name, err)
	}
	c.App, c.Seq, c.Status, c.Lists, c.Join = a.name, num(v[seqColumn]), burdock.Status(str(v[3])), num(v[4]) == 1, num(v[5])
	if num(v[kindOfRow]) == 1 {
		c.Kind = burdock.KindSnapshot
	}
	if num(v[6])&flagOwn == 0 {
		a.about.to(&c)
	}
	if epoch, ok := v[7].(int64); ok {
		c.Fence = burdock.Fence{Root: c.Root, Epoch: epoch, Dispatch: num(v[8])}
	}
	if started, ok := v[9].(int64); ok {
		c.Started = time.Unix(0, started).UTC()
		if took, ok := v[10].(int64); ok {
			c.Ended = time.Unix(0, started+took).UTC()
		}
	}
	if d, ok := v[12].([]byte); ok {
		c.Description = json.RawMessage(d)
	}
	return c, nil
}

// latest is the latest step record of an application.
func (c *conn) latest(name string) (latest burdock.Checkpoint, found bool, err error) {
	return c.step(burdock.Ref{App: name, Seq: -1})
}

// step is the record of one step.
func (c *conn) step(ref burdock.Ref) (cp burdock.Checkpoint, found bool, err error) {
	a, err := c.find(ref.App)
	if err != nil || a == nil {
		return cp, false, err
	}
	query, args := ` AND c.seq = +?`, []any{a.id, ref.Seq}
	if ref.Seq < 0 {
		query, args = ` ORDER BY c.seq DESC LIMIT 1`, args[:1]
	}
	v, found, err := c.one(`SELECT `+rowColumns+` FROM checkpoint c WHERE c.app = +? AND c.kind = 0`+query, args...)
	if err != nil || !found {
		return cp, false, err
	}
	cp, err = a.checkpoint(v)
	return cp, true, err
}

// Load implements burdock.Store. It ends with ctx's error when ctx is done.
func (s *Store) Load(ctx context.Context, ref burdock.Ref) (c burdock.Checkpoint, err error) {
	if err := ctx.Err(); err != nil {
		return c, err
	}
	found := false
	err = s.reading(ctx, "load", func(db *conn) (err error) {
		c, found, err = db.step(ref)
		return err
	})
	if err == nil && !found {
		err = &Error{Path: s.path, Op: "load", Err: fmt.Errorf("step %d of %q: %w", ref.Seq, ref.App, burdock.ErrNotFound)}
	}
	return c, err
}

// List implements burdock.Store. It reads page by page and holds nothing while the body of the loop runs; each page is
// one moment. With Join or Root it remembers 8 bytes for each application. It ends with ctx's error when ctx is done.
func (s *Store) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	return func(yield func(burdock.Checkpoint, error) bool) {
		if err := record.CheckQuery(q); err != nil {
			yield(burdock.Checkpoint{}, fmt.Errorf("sqlitestore: list: %w", err))
			return
		}
		l := newLister(q)
		for left := q.Limit; ; {
			var page []burdock.Checkpoint
			more := false
			err := ctx.Err()
			if err == nil {
				err = s.reading(ctx, "list", func(c *conn) error {
					return c.moment(func() (err error) {
						page, more, err = l.next(ctx, c)
						return err
					})
				})
			}
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
			if !more {
				return
			}
		}
	}
}

// A lister is one run of List between its pages.
type lister struct {
	q      burdock.Query
	source source
	ids    []int64 // applications still to be read
	ended  bool    // the source has no more
	inside cursor  // how far the first of ids has been read
	size   int     // how many applications the next page asks for
	bytes  int
	page   []burdock.Checkpoint
}

// A cursor is a place in one application's records.
type cursor struct{ seq, kind int64 }

var beginning = cursor{-1, 0}

// firstPage is small, so that a loop that ends early has read little.
const firstPage = 16

func newLister(q burdock.Query) *lister {
	return &lister{q: q, source: sourceOf(q), inside: beginning, size: firstPage}
}

// next reads one page; more is false after the last.
func (l *lister) next(ctx context.Context, c *conn) (page []burdock.Checkpoint, more bool, err error) {
	l.page, l.bytes = nil, 0
	for len(l.page) == 0 {
		if len(l.ids) == 0 {
			if l.ended {
				return nil, false, nil
			}
			if l.ids, l.ended, err = l.source.next(ctx, c, l.size); err != nil {
				return nil, false, err
			}
			l.size = pageRows / 2
			continue
		}
		if err := l.read(ctx, c); err != nil {
			return nil, false, err
		}
	}
	return l.page, true, nil
}

// read reads records of l.ids into l.page until it is full.
func (l *lister) read(ctx context.Context, c *conn) error {
	if l.inside != beginning || l.q.App != "" {
		return l.readOne(ctx, c)
	}
	n := min(len(l.ids), l.size)
	list, err := json.Marshal(l.ids[:n])
	if err != nil {
		return err
	}
	apps, err := manyApps(ctx, c, string(list), n)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if a != nil && !l.belongs(a) {
			return damaged("an index leads to application %q, which stands elsewhere", a.name)
		}
	}
	at := int64(0)
	err = c.query(ctx, func(v []driver.Value) error {
		if at = num(v[0]); apps[at] == nil {
			return errNoRow(l.ids[at])
		}
		return l.add(apps[at], v[1:])
	}, manyQuery(l.q), string(list))
	if err != nil {
		return err
	}
	if l.full() { // in the midst of an application
		l.ids = l.ids[at:]
		return nil
	}
	l.ids, l.inside = l.ids[n:], beginning
	return nil
}

// belongs reports whether the query selects the application, by what its row says.
func (l *lister) belongs(a *app) bool {
	return (l.q.Parent.App == "" || l.q.Parent == a.place.parent) && (l.q.Root == "" || l.q.Root == a.about.Root)
}

// readOne goes on within the first of l.ids.
func (l *lister) readOne(ctx context.Context, c *conn) error {
	a, err := c.app(l.ids[0])
	if err == nil && a == nil {
		if l.inside == beginning {
			err = errNoRow(l.ids[0])
		}
		l.ids, l.inside = l.ids[1:], beginning // forgotten between two pages
		return err
	}
	if err != nil {
		return err
	}
	snap, last, err := bounds(c, a.id, until(l.q))
	if err != nil {
		return err
	}
	err = c.query(ctx, func(v []driver.Value) error { return l.add(a, v) }, oneQuery(l.q), a.id, l.inside.seq, l.inside.kind, until(l.q), snap, last)
	if err != nil {
		return err
	}
	if !l.full() {
		l.ids, l.inside = l.ids[1:], beginning
	}
	return nil
}

// add decodes one row and ends the query when the page is full.
func (l *lister) add(a *app, v []driver.Value) error {
	c, err := a.checkpoint(v)
	if err != nil {
		return err
	}
	l.page = append(l.page, c)
	body, _ := v[bodyColumn].([]byte)
	l.bytes += len(body)
	l.inside = cursor{c.Seq, num(v[kindOfRow])}
	if l.full() {
		return errStop
	}
	return nil
}

func (l *lister) full() bool { return len(l.page) >= pageRows || l.bytes >= pageBytes }

func until(q burdock.Query) int64 {
	if q.Until > 0 {
		return q.Until
	}
	return math.MaxInt64
}

// bounds are the last snapshot, -1 if there is none, and the last step, both up to until.
func bounds(c *conn, app, until int64) (snap, last int64, err error) {
	const query = `SELECT coalesce((SELECT max(seq) FROM checkpoint WHERE app = +?1 AND kind = 1 AND seq <= +?2), -1),
		coalesce((SELECT max(seq) FROM checkpoint WHERE app = +?1 AND kind = 0 AND seq <= +?2), -1)`
	v, found, err := c.one(query, app, until)
	if err == nil && !found {
		err = errors.New("a row is missing")
	}
	if err != nil {
		return 0, 0, err
	}
	return num(v[0]), num(v[1]), nil
}
