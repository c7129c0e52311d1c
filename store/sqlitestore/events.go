package sqlitestore

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"iter"
	"math"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

func aboutOfEvent(e *burdock.Event) about {
	return about{Root: e.Root, Parent: e.Parent, Path: e.Path, Project: e.Project, Partition: e.Partition, Task: e.Task, Key: e.Key, Index: e.Index}
}

// withoutAbout is e without what its application's row says too.
func withoutAbout(e burdock.Event) burdock.Event {
	e.Root, e.App, e.Parent, e.Path, e.Project, e.Partition, e.Task, e.Key, e.Index = "", "", burdock.Ref{}, "", "", "", "", "", 0
	e.Seq, e.Attempt, e.N = 0, 0, 0
	return e
}

// putEvents writes what was tracked, in the order of tracking.
func (s *Store) putEvents(list []pending) error {
	for i := range list {
		p := &list[i]
		a, err := s.write.id(p.app)
		if err != nil {
			return err
		}
		body, flags := p.body, int64(0)
		if !p.repeats(a) {
			if body, err = p.own(); err != nil { // too large with its texts
				s.events.drop(s, 1, err)
				continue
			}
			flags = flagOwn
		}
		values := []any{a.id, p.seq, p.attempt, p.n, flags, body}
		if err := s.write.conn.exec(p.insert(), append(values, sum(values))...); err != nil {
			return err
		}
	}
	return nil
}

// insert is the statement that writes the event. One whose commit has failed may yet be there.
func (p *pending) insert() string {
	if p.again {
		return `INSERT INTO event(app, seq, attempt, n, flags, body, sum) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS
			(SELECT 1 FROM event WHERE app = +?1 AND seq = +?2 AND attempt = +?3 AND n = +?4 AND sum = +?7)`
	}
	return "INSERT INTO event(app, seq, attempt, n, flags, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?)"
}

// repeats reports whether the application's row says all that the event says about it.
func (p *pending) repeats(a *app) bool {
	if !a.known {
		return false
	}
	said := a.about
	said.Graph, said.GraphHash, said.Fingerprint = "", "", ""
	return said == p.about
}

// own is the event's body with everything in it.
func (p *pending) own() ([]byte, error) {
	e, err := record.UnmarshalEvent(p.body)
	if err != nil {
		return nil, err
	}
	p.about.toEvent(&e)
	raw, _ := e.Value.(json.RawMessage)
	return record.MarshalEvent(e, len(raw)+1)
}

func (a *about) toEvent(e *burdock.Event) {
	e.Root, e.Parent, e.Path, e.Project, e.Partition = a.Root, a.Parent, a.Path, a.Project, a.Partition
	e.Task, e.Key, e.Index = a.Task, a.Key, a.Index
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
		r := eventReader{name: app, at: after}
		for more := true; more; {
			r.page, r.bytes = r.page[:0], 0
			err := ctx.Err()
			if err == nil {
				err = s.reading(ctx, "events", func(c *conn) error {
					return c.moment(func() error { return r.read(ctx, c) })
				})
			}
			if err != nil {
				yield(burdock.Event{}, err)
				return
			}
			for _, e := range r.page {
				if !yield(e, nil) {
					return
				}
			}
			more = r.full()
		}
	}
}

type eventReader struct {
	name  string
	app   *app
	at    Position
	id    int64 // of the last event read; two runs of one step may use a number twice
	page  []burdock.Event
	bytes int
}

func (r *eventReader) full() bool { return len(r.page) >= pageRows || r.bytes >= pageBytes }

func (r *eventReader) read(ctx context.Context, c *conn) (err error) {
	if r.app, err = c.find(r.name); err != nil || r.app == nil {
		return err
	}
	id := r.id
	if id == 0 && r.at != (Position{}) { // a caller's position is after all events of that number
		id = math.MaxInt64
	}
	return c.query(ctx, r.add, `SELECT id, app, seq, attempt, n, flags, body, sum FROM event
		WHERE app = +? AND (seq, attempt, n, id) > (+?, +?, +?, +?) ORDER BY seq, attempt, n, id LIMIT +?`,
		r.app.id, r.at.Seq, int64(r.at.Attempt), r.at.N, id, int64(pageRows))
}

func (r *eventReader) add(v []driver.Value) error {
	if err := sound(v[1:], "event %v of %q", v[0], r.name); err != nil {
		return err
	}
	body, _ := v[6].([]byte)
	e, err := record.UnmarshalEvent(body)
	if err != nil {
		return damaged("event %d of %q: %v", num(v[0]), r.name, err)
	}
	e.App, e.Seq, e.Attempt, e.N = r.name, num(v[2]), int(num(v[3])), num(v[4])
	if num(v[5])&flagOwn == 0 {
		r.app.about.toEvent(&e)
	}
	r.id, r.at = num(v[0]), Position{e.Seq, e.Attempt, e.N}
	r.page = append(r.page, e)
	r.bytes += len(body)
	if r.full() {
		return errStop
	}
	return nil
}
