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

// counts keeps the events that came without a fence, and those whose fence is the highest.
const counts = `(v.epoch < 0 OR EXISTS (SELECT FROM burdock.fence f WHERE (f.root, f.epoch, f.dispatch) = (v.root, v.epoch, v.dispatch)))`

// nameApps makes rows for applications of which events come before the first checkpoint.
const nameApps = `INSERT INTO burdock.app (name, root, parent, parent_seq, idx, orphan)
	SELECT DISTINCT ON (v.name) v.name, nullif(v.root, ''), v.parent, v.seq, v.idx,
		v.parent <> '' AND NOT EXISTS (SELECT FROM burdock.app p WHERE p.name = v.parent AND p.root IS NOT NULL)
	FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[])
		v(root, epoch, dispatch, name, parent, seq, idx)
	WHERE NOT EXISTS (SELECT FROM burdock.app a WHERE a.name = v.name) AND ` + counts + ` ORDER BY v.name ON CONFLICT DO NOTHING`

// putEvents writes events in the order of tracking. What may have been written before is written only if it is not there.
const putEvents = `INSERT INTO burdock.event (app, seq, attempt, n, body)
	SELECT a.id, v.seq, v.attempt, v.n, v.body
	FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::boolean[], $9::bytea[])
		WITH ORDINALITY v(root, epoch, dispatch, name, seq, attempt, n, again, body, place)
	JOIN burdock.app a ON a.name = v.name
	WHERE NOT (v.again AND EXISTS (SELECT FROM burdock.event e WHERE (e.app, e.seq, e.attempt, e.n) = (a.id, v.seq, v.attempt, v.n) AND e.body = v.body))
	AND ` + counts + ` ORDER BY v.place`

// eventColumns are the columns of nameApps and putEvents.
type eventColumns struct {
	fenceColumns
	name, parent      [][]byte
	parentSeq, index  []int64
	seq, attempt, num []int64
	again             []bool
	body              [][]byte
}

// noFence lets an event count whoever advances its root.
var noFence = burdock.Fence{Epoch: -1}

func (c *eventColumns) add(f burdock.Fence, list []pending) {
	for i := range list {
		p := &list[i]
		f.Root = p.root
		c.fenceColumns.add(f)
		c.name, c.parent = append(c.name, []byte(p.app)), append(c.parent, []byte(p.parent.App))
		c.parentSeq, c.index = append(c.parentSeq, p.parent.Seq), append(c.index, p.index)
		c.seq, c.attempt, c.num = append(c.seq, p.seq), append(c.attempt, p.attempt), append(c.num, p.n)
		c.again, c.body = append(c.again, p.again), append(c.body, p.body)
	}
}

// queueEvents writes what waited, and the events of saves that are not stale.
func (s *Store) queueEvents(b *pgx.Batch, waited []pending, saves []*save) {
	var c eventColumns
	c.add(noFence, waited)
	for _, sv := range saves {
		c.add(sv.fence, sv.events)
	}
	if len(c.name) == 0 {
		return
	}
	b.Queue(s.sql(nameApps), c.root, c.epoch, c.dispatch, c.name, c.parent, c.parentSeq, c.index)
	b.Queue(s.sql(putEvents), c.root, c.epoch, c.dispatch, c.name, c.seq, c.attempt, c.num, c.again, c.body)
}

// A Position is a place in one application's events. The zero Position is before the first.
type Position struct {
	Seq     int64
	Attempt int
	N       int64
}

// Events yields the events of one application after a position, by step, attempt and number; their Value is a
// json.RawMessage, or nil. Like List it reads page by page, holds nothing while the body of the loop runs, and ends
// with ctx's error when ctx is done. What waits in a Tracker is not seen.
func (s *Store) Events(ctx context.Context, app string, after Position) iter.Seq2[burdock.Event, error] {
	return func(yield func(burdock.Event, error) bool) {
		r := eventReader{store: s, app: app, at: after}
		if after != (Position{}) { // a caller's position is after all events of that number
			r.id = math.MaxInt64
		}
		for {
			var page []burdock.Event
			err := s.reading(ctx, "events", func(ctx context.Context) (err error) {
				page, err = r.read(ctx)
				return err
			})
			if err != nil {
				yield(burdock.Event{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

type eventReader struct {
	store *Store
	app   string
	at    Position
	id    int64 // of the last event read; two runs of one step may use a number twice
}

// pageOfEvents is pageQuery for events. Parameters: name, seq, attempt, n, id, rows, bytes.
const pageOfEvents = `SELECT id, seq, attempt, n, body FROM (
		SELECT *, sum(octet_length(body)) OVER (ORDER BY seq, attempt, n, id) - octet_length(body) AS before FROM (
			SELECT id, seq, attempt, n, body FROM burdock.event WHERE app = (SELECT a.id FROM burdock.app a WHERE a.name = $1)
			AND (seq, attempt, n, id) > ($2, $3, $4, $5) ORDER BY seq, attempt, n, id LIMIT $6) page) sized
	WHERE before < $7 ORDER BY seq, attempt, n, id`

func (r *eventReader) read(ctx context.Context) (page []burdock.Event, err error) {
	var id int64
	var at Position
	err = r.store.query(ctx, func(rows pgx.Rows) error {
		var body pgtype.DriverBytes
		_, err := pgx.ForEachRow(rows, []any{&id, &at.Seq, &at.Attempt, &at.N, &body}, func() error {
			e, err := record.UnmarshalEvent(body)
			if err != nil {
				return fmt.Errorf("event %d of %q: %w", id, r.app, err)
			}
			page = append(page, e)
			return nil
		})
		return err
	}, pageOfEvents, []byte(r.app), r.at.Seq, int64(r.at.Attempt), r.at.N, r.id, pageRows, pageBytes)
	if err == nil && len(page) > 0 {
		r.id, r.at = id, at
	}
	return page, err
}
