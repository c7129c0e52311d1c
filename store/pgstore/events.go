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

// nameApps makes rows for applications of which events come before the first checkpoint.
const nameApps = `INSERT INTO burdock.app (name) SELECT DISTINCT v.name FROM unnest($1::bytea[]) v(name)
	WHERE NOT EXISTS (SELECT FROM burdock.app a WHERE a.name = v.name) ORDER BY v.name ON CONFLICT DO NOTHING`

// putEvents writes events in the order of tracking. What may have been written before is written only if it is not there.
const putEvents = `INSERT INTO burdock.event (app, seq, attempt, n, body)
	SELECT a.id, v.seq, v.attempt, v.n, v.body
	FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bytea[])
		WITH ORDINALITY v(name, seq, attempt, n, again, body, place)
	JOIN burdock.app a ON a.name = v.name
	WHERE NOT (v.again AND EXISTS (SELECT FROM burdock.event e WHERE (e.app, e.seq, e.attempt, e.n) = (a.id, v.seq, v.attempt, v.n) AND e.body = v.body))
	ORDER BY v.place`

func (s *Store) queueEvents(b *pgx.Batch, list []pending) {
	if len(list) == 0 {
		return
	}
	var names, bodies [][]byte
	var seqs, attempts, numbers []int64
	var again []bool
	for i := range list {
		p := &list[i]
		names, bodies, again = append(names, []byte(p.app)), append(bodies, p.body), append(again, p.again)
		seqs, attempts, numbers = append(seqs, p.seq), append(attempts, p.attempt), append(numbers, p.n)
	}
	b.Queue(s.sql(nameApps), names)
	b.Queue(s.sql(putEvents), names, seqs, attempts, numbers, again, bodies)
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
