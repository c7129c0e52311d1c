package pgstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// writerClass is the first half of the advisory locks that mark sessions: "Brdk".
const writerClass = 0x4272646b

// markName is where a connection remembers its mark.
const markName = "burdock.mark"

// begin states what the statements rely on, whatever the database's defaults are: a statement that waited for the fence
// is followed by one that sees what it waited for.
const begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

// indexed holds the plans: every statement here walks arrays and finds rows by an index, and is planned once for all
// sizes. Without it a plan from when the tables were small, which reads them whole, stays until the next ANALYZE.
const indexed = `set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
	set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
	set_config('jit', 'off', true)`

// durably undoes a synchronous_commit that is off; what else it may be waits at least for the local disk.
const durably = `SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
	ELSE current_setting('synchronous_commit') END, true), ` + indexed

// lightly lets a commit return before it is on disk: for what no acknowledged thing relies on.
const lightly = `SELECT set_config('synchronous_commit', 'off', true)`

// mark takes the lock by which everybody can see whether this session has ended, once per session.
func mark(ctx context.Context, c *pgx.Conn) (int32, error) {
	data := c.PgConn().CustomData()
	if key, ok := data[markName].(int32); ok {
		return key, nil
	}
	for {
		key := rand.Int32()
		var taken bool
		if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", writerClass, key).Scan(&taken); err != nil {
			return 0, err
		}
		if taken {
			data[markName] = key
			return key, nil
		}
	}
}

// transaction sends everything that fill queues, between BEGIN and COMMIT, in one go. The end of ctx matters until it
// has a connection. Its error is a cutError if the commit may have taken effect; after any other error nothing has.
func (s *Store) transaction(ctx context.Context, setting string, fill func(*pgx.Batch)) error {
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
	b := &pgx.Batch{}
	b.Queue(begin)
	b.Queue(setting)
	fill(b)
	b.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return errors.New("the server answered COMMIT with " + tag.String())
		}
		return nil
	})
	ctx, cancel := s.detached(ctx)
	defer cancel()
	err = s.watched(ctx, c.Conn(), func() error { return c.SendBatch(ctx, b).Close() })
	return s.ended(c, key, err)
}

// ended brings the session of a failed transaction to an end, or notes that nobody knows its end.
func (s *Store) ended(c *pgxpool.Conn, key int32, err error) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if refused(err) && !c.Conn().IsClosed() {
		_, rollback := c.Exec(ctx, "ROLLBACK")
		if rollback != nil {
			_ = c.Conn().Close(ctx)
		}
		return err
	}
	_ = c.Conn().Close(ctx)
	s.cuts.add(key)
	return &cutError{err}
}

// cuts are the marks of sessions that may still be at work.
type cuts struct {
	mu   sync.Mutex
	keys []int32
}

func (c *cuts) add(key int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = append(c.keys, key)
}

func (c *cuts) all() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.keys)
}

func (c *cuts) remove(key int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = slices.DeleteFunc(c.keys, func(k int32) bool { return k == key })
}

// settle returns when no session that was cut can take effect any more. Without it, rows that such a session has not
// yet read from its socket could replace later ones.
func (s *Store) settle(ctx context.Context) error {
	for _, key := range s.cuts.all() {
		if err := s.outlive(ctx, key); err != nil {
			return err
		}
		s.cuts.remove(key)
	}
	return nil
}

// outlive waits for the end of a session and, from the second look on, ends it.
func (s *Store) outlive(ctx context.Context, key int32) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		var ended bool
		if err := s.pool.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1, $2)", writerClass, key).Scan(&ended); err != nil || ended {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		_, err := s.pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid::bigint = $1 AND objid::bigint = $2 AND objsubid = 2`,
			int64(writerClass), int64(key))
		if err != nil && code(err) != "42501" { // another role's session ends by itself
			return err
		}
	}
}

// sleep waits, or fails when ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// detached is a context for what must not be abandoned halfway.
func (s *Store) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.opts.Timeout)
}

// retry calls f until it succeeds, fails for good, or ctx is done; the error is f's last one.
func retry(ctx context.Context, f func() error) error {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		err := f()
		if err == nil || !transient(err) {
			return err
		}
		if sleep(ctx, pause/2+rand.N(pause)) != nil {
			return err
		}
	}
}

// reading calls f, which only reads, until it succeeds, fails for good, or the time is over.
func (s *Store) reading(ctx context.Context, op string, f func(context.Context) error) error {
	if err := errors.Join(ctx.Err(), s.ready(op)); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	err := retry(limited, func() error { return f(limited) })
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return s.fail(op, err)
}

// query reads rows by an index, in one round trip.
func (s *Store) query(ctx context.Context, scan func(pgx.Rows) error, statement string, args ...any) error {
	b := &pgx.Batch{}
	b.Queue("SELECT " + indexed)
	b.Queue(s.sql(statement), args...).Query(scan)
	return s.pool.SendBatch(ctx, b).Close()
}
