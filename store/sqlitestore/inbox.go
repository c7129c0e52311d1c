package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

var (
	_ burdock.Inbox = (*Store)(nil)
	_ burdock.Inbox = (*relaxed)(nil)
)

// Post implements burdock.Inbox, in a synced transaction of its own, also where the store is seen through Relaxed. A ctx
// that is done before Post begins makes it fail with nothing kept; later its end changes nothing.
func (s *Store) Post(ctx context.Context, m burdock.Message) error {
	err := record.CheckMessage(m)
	if err != nil {
		return fmt.Errorf("sqlitestore: post: %w", err)
	}
	body, err := record.MarshalMessage(m)
	if err != nil {
		return fmt.Errorf("sqlitestore: post: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.lock("post"); err != nil {
		return err
	}
	defer s.unlock()
	s.write.quiet = false
	post := func(c *conn) error { return c.post(&m, body) }
	err = s.durably(post)
	if _, unknown := errors.AsType[*commitError](err); unknown { // a message that is there is not kept twice
		err = s.durably(post)
	}
	return s.fail("post", err)
}

// post keeps a message that was not posted before, or says why it is refused.
func (c *conn) post(m *burdock.Message, body []byte) error {
	repeated, err := c.posted(m)
	if err != nil {
		return fmt.Errorf("message %q for step %d of %q: %w", m.ID, m.To.Seq, m.To.App, err)
	}
	if repeated {
		return nil
	}
	last, err := c.number("SELECT max(n) FROM inbox WHERE root = +?", m.Root)
	if err != nil {
		return err
	}
	values := []any{m.Root, last + 1, m.ID, m.To.App, m.To.Seq, string(m.Kind), body}
	return c.exec("INSERT INTO inbox(root, n, id, app, seq, kind, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", append(values, sum(values))...)
}

// posted reports whether a message was posted before, be it kept or used, or why it is refused.
func (c *conn) posted(m *burdock.Message) (repeated bool, err error) {
	latest, found, err := c.latest(m.To.App)
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, burdock.ErrNotFound
	case latest.Root != m.Root:
		return false, fmt.Errorf("it belongs to %q and not to %q", latest.Root, m.Root)
	}
	kept, err := c.number("SELECT count(*) FROM inbox WHERE root = +? AND id = +?", m.Root, m.ID)
	if err != nil || kept > 0 {
		return true, err
	}
	if m.Kind == burdock.MessageCancel {
		return slices.Contains(latest.Messages, m.ID), nil
	}
	return c.answered(m, &latest)
}

// answered is posted for an answer that is not kept.
func (c *conn) answered(m *burdock.Message, latest *burdock.Checkpoint) (repeated bool, err error) {
	at := *latest
	if at.Seq != m.To.Seq {
		if at, _, err = c.step(m.To); err != nil {
			return false, err
		}
	}
	if slices.Contains(at.Messages, m.ID) {
		return true, nil
	}
	if latest.Seq != m.To.Seq || latest.Status != burdock.StatusWaiting {
		return false, burdock.ErrNotWaiting
	}
	others, err := c.number("SELECT count(*) FROM inbox WHERE app = +? AND seq = +? AND kind = 'answer'", m.To.App, m.To.Seq)
	if err == nil && others > 0 {
		err = burdock.ErrAnswered
	}
	return false, err
}

// Messages implements burdock.Inbox. Like List it reads page by page and holds nothing while the body of the loop runs.
// It ends with ctx's error when ctx is done.
func (s *Store) Messages(ctx context.Context, root string) iter.Seq2[burdock.Message, error] {
	return func(yield func(burdock.Message, error) bool) {
		r := messageReader{root: root}
		for more := true; more; more = r.full() {
			r.page, r.bytes = r.page[:0], 0
			err := ctx.Err()
			if err == nil {
				err = s.reading(ctx, "messages", func(c *conn) error { return r.read(ctx, c) })
			}
			if err != nil {
				yield(burdock.Message{}, err)
				return
			}
			for _, m := range r.page {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

type messageReader struct {
	root  string
	n     int64 // of the last message read
	page  []burdock.Message
	bytes int
}

func (r *messageReader) full() bool { return len(r.page) >= pageRows || r.bytes >= pageBytes }

const messageQuery = "SELECT root, n, id, app, seq, kind, body, sum FROM inbox"

func (r *messageReader) read(ctx context.Context, c *conn) error {
	return c.query(ctx, r.add, messageQuery+" WHERE root = +? AND n > +? ORDER BY n LIMIT +?", r.root, r.n, int64(pageRows))
}

func (r *messageReader) add(v []driver.Value) error {
	if err := sound(v, "message %v of %q", v[1], r.root); err != nil {
		return err
	}
	body, _ := v[6].([]byte)
	m, err := record.UnmarshalMessage(body)
	if err != nil {
		return damaged("message %d of %q: %v", num(v[1]), r.root, err)
	}
	r.n, r.page, r.bytes = num(v[1]), append(r.page, m), r.bytes+len(body)
	if r.full() {
		return errStop
	}
	return nil
}

// forgetMessages deletes the messages that a save names, and the answers to the steps that it ends. Where there are no
// messages at all, which the writer remembers, it costs nothing.
func (w *writer) forgetMessages(sv *save) error {
	if w.quiet {
		return nil
	}
	v, _, err := w.conn.one("SELECT EXISTS (SELECT 1 FROM inbox), EXISTS (SELECT 1 FROM inbox WHERE root = +?)", sv.fence.Root)
	if err != nil {
		return err
	}
	w.quiet = num(v[0]) == 0
	if num(v[1]) == 0 {
		return nil
	}
	for i := range sv.rows {
		if err := w.conn.forgetMessages(sv.rows[i].c); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) forgetMessages(cp *burdock.Checkpoint) error {
	for _, id := range cp.Messages {
		if err := c.exec("DELETE FROM inbox WHERE root = +? AND id = +?", cp.Root, id); err != nil {
			return err
		}
	}
	if !record.Ends(cp) {
		return nil
	}
	return c.exec("DELETE FROM inbox WHERE app = +? AND seq = +? AND kind = 'answer'", cp.App, cp.Seq)
}
