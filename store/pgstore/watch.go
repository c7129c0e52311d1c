package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// stuckAfter is how long a session may wait for its client in the midst of a transaction before those who wait for its
// locks end it.
const stuckAfter = 2 * time.Second

// watched calls f, which uses c. When f takes long, it looks who blocks it.
func (s *Store) watched(ctx context.Context, c *pgx.Conn, f func() error) error {
	pid := c.PgConn().PID()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	t := time.AfterFunc(stuckAfter, func() {
		defer close(done)
		s.unblock(ctx, pid)
	})
	err := f()
	cancel()
	if !t.Stop() {
		<-done
	}
	return err
}

// endStuck ends the sessions that block a process, hold a mark of this package, and have heard nothing of their client
// for too long. Their rows are locked by a program that was stopped, or lost its network, between two messages.
const endStuck = `SELECT pg_terminate_backend(a.pid) FROM unnest(pg_blocking_pids($1)) b(pid) JOIN pg_stat_activity a USING (pid)
	WHERE a.wait_event = 'ClientRead' AND greatest(a.query_start, a.state_change) < clock_timestamp() - $2 * interval '1 microsecond'
	AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.classid::bigint = $3 AND l.objsubid = 2)`

// unblock ends who blocks pid, until ctx is done. It has a connection of its own: those of the pool may all be waiting
// for the same lock. What it cannot do, the call that waits will say.
func (s *Store) unblock(ctx context.Context, pid uint32) {
	c, err := s.dial(ctx)
	if err != nil {
		return
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	for {
		if _, err := c.Exec(ctx, endStuck, int32(pid), stuckAfter.Microseconds(), int64(writerClass)); err != nil {
			return
		}
		if sleep(ctx, stuckAfter/4) != nil {
			return
		}
	}
}

// dial opens a connection beside the pool.
func (s *Store) dial(ctx context.Context) (*pgx.Conn, error) {
	config := s.pool.Config()
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return nil, err
		}
	}
	return pgx.ConnectConfig(ctx, config.ConnConfig)
}
