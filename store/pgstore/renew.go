package pgstore

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/burdock-go/burdock"
)

// claims is what this store holds, and the goroutine that renews it. The goroutine exists while something is held.
type claims struct {
	store  *Store
	mu     sync.Mutex
	held   map[string]*claim // by owner
	stop   context.CancelFunc
	done   chan struct{}
	closed bool
}

// add begins to renew c.
func (cs *claims) add(c *claim) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return &Error{Database: cs.store.name, Op: "claim", Kind: ErrClosed}
	}
	if cs.held == nil {
		cs.held = map[string]*claim{}
	}
	cs.held[string(c.owner)] = c
	if cs.stop == nil {
		var ctx context.Context
		ctx, cs.stop = context.WithCancel(context.Background())
		cs.done = make(chan struct{})
		go cs.renew(ctx, cs.done)
	}
	return nil
}

// drop ends the renewal of c. When nothing else is held, the goroutine has ended when drop returns.
func (cs *claims) drop(c *claim) {
	cs.mu.Lock()
	delete(cs.held, string(c.owner))
	done := cs.idle()
	cs.mu.Unlock()
	if done != nil {
		<-done
	}
}

// idle tells the goroutine to end if nothing is held; the caller holds the mutex.
func (cs *claims) idle() chan struct{} {
	if len(cs.held) > 0 || cs.stop == nil {
		return nil
	}
	cs.stop()
	cs.stop = nil
	return cs.done
}

// close gives up everything.
func (cs *claims) close() error {
	cs.mu.Lock()
	list := cs.list()
	clear(cs.held)
	cs.closed = true
	done := cs.idle()
	cs.mu.Unlock()
	if done != nil {
		<-done
	}
	if len(list) == 0 {
		return nil
	}
	return cs.store.giveUp(context.Background(), list)
}

// list is what is held; the caller holds the mutex.
func (cs *claims) list() []*claim {
	list := make([]*claim, 0, len(cs.held))
	for _, c := range cs.held {
		list = append(list, c)
	}
	return list
}

// renew renews everything each third of a lease; after a failure it tries again five times as often.
func (cs *claims) renew(ctx context.Context, done chan struct{}) {
	defer close(done)
	every := cs.store.opts.Lease / 3
	for pause := every; sleep(ctx, pause) == nil; {
		pause = every
		if err := cs.round(ctx); err != nil {
			pause = every / 5
		}
	}
}

// round renews everything once. What the server no longer knows is lost at once; what it could not be asked about is
// lost when the lease is over.
func (cs *claims) round(ctx context.Context) error {
	cs.mu.Lock()
	list := cs.list()
	cs.mu.Unlock()
	sent := time.Now()
	limited, cancel := context.WithTimeout(ctx, cs.patience(list, sent))
	defer cancel()
	renewed, err := cs.store.extend(limited, list)
	if ctx.Err() != nil {
		return nil // nothing is held any more
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range list {
		switch {
		case err != nil && time.Since(c.renewed) < cs.store.opts.Lease:
		case err == nil && renewed[string(c.owner)]:
			c.renewed = sent
		default:
			cs.lose(c)
		}
	}
	return err
}

// patience is how long a round may take: until the first lease is over. A process that was stopped beyond that gets as
// much as any round, to ask whether it still holds what it held.
func (cs *claims) patience(list []*claim, now time.Time) time.Duration {
	third := cs.store.opts.Lease / 3
	left := third
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range list {
		left = min(left, cs.store.opts.Lease-now.Sub(c.renewed))
	}
	if left <= 0 {
		return third
	}
	return max(left, third/5)
}

// extend moves the end of leases, and tells which are still held, by owner. A lease that is over and that nobody has
// taken is still its owner's.
func (s *Store) extend(ctx context.Context, list []*claim) (renewed map[string]bool, err error) {
	renewed = map[string]bool{}
	roots, owners := columnsOf(list)
	b := &pgx.Batch{}
	b.Queue(lightly)
	b.Queue(s.sql(`UPDATE burdock.lease SET expires = clock_timestamp() + $3 * interval '1 microsecond'
		WHERE (root, owner) IN (SELECT * FROM unnest($1::bytea[], $2::bytea[])) RETURNING owner`), roots, owners, s.opts.Lease.Microseconds()).
		Query(func(rows pgx.Rows) error {
			var owner []byte
			_, err := pgx.ForEachRow(rows, []any{&owner}, func() error {
				renewed[string(owner)] = true
				return nil
			})
			return err
		})
	return renewed, s.pool.SendBatch(ctx, b).Close()
}

// refused tells the holder of the root that somebody has a higher fence than the one that was refused.
func (cs *claims) refused(f burdock.Fence) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.held {
		if c.fence.Root == f.Root && c.fence.Epoch <= f.Epoch {
			cs.lose(c)
		}
	}
}

// lose closes Lost; the caller holds the mutex. The claim is held until Release, which every claim gets.
func (*claims) lose(c *claim) {
	select {
	case <-c.lost:
	default:
		close(c.lost)
	}
}
