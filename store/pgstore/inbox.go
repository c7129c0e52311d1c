package pgstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// holdFence keeps every Save of a root, and every other Post, out until the commit: what a step waits for and whether it
// was answered stay true, and messages are numbered in the order in which they are committed. It leaves the lease alone.
const holdFence = `SELECT FROM burdock.fence WHERE root = $1 FOR NO KEY UPDATE`

// latestStep is the latest step record of application a.
const latestStep = `CROSS JOIN LATERAL (SELECT seq, waits FROM burdock.checkpoint WHERE app = a.id AND kind = 0 ORDER BY seq DESC LIMIT 1) c`

// keepMessage writes a message unless it is refused, which standing then explains. Parameters: root, id, app, seq, whether
// it is an answer, body.
const keepMessage = `INSERT INTO burdock.inbox (root, id, app, seq, answer, body)
	SELECT $1::bytea, $2::bytea, $3::bytea, $4::bigint, $5::boolean, $6::bytea FROM burdock.app a ` + latestStep + `
	WHERE a.name = $3 AND a.root = $1 AND (NOT $5 OR c.waits AND c.seq = $4) ON CONFLICT DO NOTHING`

// standing says how the application of a message stands, and whether the message is kept. Parameters: root, id, app.
const standing = `SELECT a.root = $1, c.seq, c.waits, EXISTS (SELECT FROM burdock.inbox WHERE root = $1 AND id = $2)
	FROM burdock.app a ` + latestStep + ` WHERE a.name = $3`

// forgetMessages and forgetAnswers delete what saves have used. A store without messages is told from another before the
// rows are looked at.
const (
	forgetMessages = `DELETE FROM burdock.inbox i USING unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[]) v(root, epoch, dispatch, id)
	JOIN burdock.fence f ON (f.root, f.epoch, f.dispatch) = (v.root, v.epoch, v.dispatch)
	WHERE i.root = v.root AND i.id = v.id`
	forgetAnswers = `DELETE FROM burdock.inbox i USING unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[]) v(root, epoch, dispatch, app, seq)
	JOIN burdock.fence f ON (f.root, f.epoch, f.dispatch) = (v.root, v.epoch, v.dispatch)
	WHERE EXISTS (SELECT FROM burdock.inbox) AND i.app = v.app AND i.seq = v.seq AND i.answer`
)

// messageColumns are the columns of forgetMessages, and with seq those of forgetAnswers.
type messageColumns struct {
	fenceColumns
	name [][]byte // ids, or applications
	seq  []int64
}

func (c *messageColumns) add(f burdock.Fence, name string, seq int64) {
	c.fenceColumns.add(f)
	c.name, c.seq = append(c.name, []byte(name)), append(c.seq, seq)
}

// A forgetfulness is which messages a transaction forgets.
type forgetfulness struct{ used, answers messageColumns }

func (t *forgetfulness) add(f burdock.Fence, r *row) {
	for _, id := range r.messages {
		t.used.add(f, id, 0)
	}
	if r.ends {
		t.answers.add(f, r.app, r.seq)
	}
}

func (s *Store) queueForgetting(b *pgx.Batch, t *forgetfulness) {
	if c := &t.used; len(c.name) > 0 {
		b.Queue(s.sql(forgetMessages), c.root, c.epoch, c.dispatch, c.name)
	}
	if c := &t.answers; len(c.name) > 0 {
		b.Queue(s.sql(forgetAnswers), c.root, c.epoch, c.dispatch, c.name, c.seq)
	}
}

// Post implements burdock.Inbox. It costs one commit, and holds up the saves of its root for that long. A ctx that is done
// before Post begins makes it fail with nothing kept; later its end changes nothing.
func (s *Store) Post(ctx context.Context, m burdock.Message) error {
	err := record.CheckMessage(m)
	if err != nil {
		return fmt.Errorf("pgstore: post: %w", err)
	}
	p := &posting{store: s, m: m}
	if p.body, err = record.MarshalMessage(m); err != nil {
		return fmt.Errorf("pgstore: post: %w", err)
	}
	if err := errors.Join(ctx.Err(), s.ready("post")); err != nil {
		return err
	}
	return s.fail("post", p.run(context.WithoutCancel(ctx)))
}

// A posting is one call of Post.
type posting struct {
	store  *Store
	m      burdock.Message
	body   []byte
	found  bool // what follows is known
	ours   bool // the application belongs to the message's root
	latest int64
	waits  bool
	kept   bool
}

// run posts the message unless it was used before.
func (p *posting) run(ctx context.Context) error {
	if used, err := p.used(ctx); err != nil || used {
		return err
	}
	unsure := false
	err := p.repeat(ctx, &unsure)
	if err != nil && unsure {
		err = p.repeat(ctx, &unsure)
	}
	switch {
	case err != nil && unsure:
		return &Error{
			Database: p.store.name, Op: "post", Kind: ErrUncertain, Err: err, Hint: "post it again: a message that is there is not kept twice",
		}
	case err != nil:
		return err
	}
	err = p.verdict()
	if errors.Is(err, burdock.ErrNotWaiting) { // perhaps because the step has used this message since
		if used, unknown := p.used(ctx); unknown != nil || used {
			return unknown
		}
	}
	if err != nil {
		err = fmt.Errorf("message %q for step %d of %q: %w", p.m.ID, p.m.To.Seq, p.m.To.App, err)
	}
	return err
}

// repeat tries until the outcome is known or the time is over, and notes whether a try may have kept the message: the next
// one does not keep it twice.
func (p *posting) repeat(ctx context.Context, unsure *bool) error {
	ctx, cancel := p.store.detached(ctx)
	defer cancel()
	return retry(ctx, func() error {
		err := p.try(ctx)
		*unsure = *unsure || cut(err)
		return err
	})
}

func (p *posting) try(ctx context.Context) error {
	s, m := p.store, &p.m
	root, id, app := []byte(m.Root), []byte(m.ID), []byte(m.To.App)
	p.found = false
	return s.transaction(ctx, durably, func(b *pgx.Batch) {
		b.Queue(s.sql(holdFence), root)
		b.Queue(s.sql(keepMessage), root, id, app, m.To.Seq, m.Kind == burdock.MessageAnswer, p.body)
		b.Queue(s.sql(standing), root, id, app).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&p.ours, &p.latest, &p.waits, &p.kept}, func() error {
				p.found = true
				return nil
			})
			return err
		})
	})
}

// verdict says why the message is not kept.
func (p *posting) verdict() error {
	switch m := &p.m; {
	case !p.found:
		return burdock.ErrNotFound
	case !p.ours:
		return fmt.Errorf("the application does not belong to %q", m.Root)
	case p.kept:
		return nil
	case p.latest != m.To.Seq || !p.waits:
		return burdock.ErrNotWaiting
	}
	return burdock.ErrAnswered
}

// used reports whether the step that is answered, or the latest step of what is cancelled, has used the message.
func (p *posting) used(ctx context.Context) (bool, error) {
	ref := p.m.To
	if p.m.Kind == burdock.MessageCancel {
		ref.Seq = -1
	}
	c, err := p.store.Load(ctx, ref)
	if errors.Is(err, burdock.ErrNotFound) {
		return false, nil
	}
	return c.Root == p.m.Root && slices.Contains(c.Messages, p.m.ID), err
}

// Messages implements burdock.Inbox. Like List it reads page by page and holds nothing while the body of the loop runs.
// It ends with ctx's error when ctx is done.
func (s *Store) Messages(ctx context.Context, root string) iter.Seq2[burdock.Message, error] {
	return func(yield func(burdock.Message, error) bool) {
		r := messageReader{store: s, root: root}
		for more := true; more; {
			var page []burdock.Message
			err := s.reading(ctx, "messages", func(ctx context.Context) (err error) {
				page, more, err = r.read(ctx)
				return err
			})
			if err != nil {
				yield(burdock.Message{}, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

type messageReader struct {
	store *Store
	root  string
	n     int64 // of the last message read
}

// pageOfMessages is pageQuery for messages. Parameters: root, n, rows, bytes.
const pageOfMessages = `SELECT n, body FROM (
		SELECT *, sum(octet_length(body)) OVER (ORDER BY n) - octet_length(body) AS before FROM (
			SELECT n, body FROM burdock.inbox WHERE root = $1 AND n > $2 ORDER BY n LIMIT $3) page) sized
	WHERE before < $4 ORDER BY n`

// read reads a page and says whether another one may follow.
func (r *messageReader) read(ctx context.Context) (page []burdock.Message, more bool, err error) {
	n, bytes := r.n, 0
	err = r.store.query(ctx, func(rows pgx.Rows) error {
		var body pgtype.DriverBytes
		_, err := pgx.ForEachRow(rows, []any{&n, &body}, func() error {
			m, err := record.UnmarshalMessage(body)
			if err != nil {
				return fmt.Errorf("message %d of %q: %w", n, r.root, err)
			}
			page, bytes = append(page, m), bytes+len(body)
			return nil
		})
		return err
	}, pageOfMessages, []byte(r.root), r.n, pageRows, pageBytes)
	if err == nil {
		r.n = n
	}
	return page, len(page) >= pageRows || bytes >= pageBytes, err
}
