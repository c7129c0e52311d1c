package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/burdock-go/burdock"
)

// A claim implements burdock.Claim.
type claim struct {
	store   *Store
	fence   burdock.Fence
	owner   []byte
	lost    chan struct{}
	once    sync.Once
	renewed time.Time // when the last renewal that came through was sent; guarded by claims.mu
}

// Fence implements burdock.Claim.
func (c *claim) Fence() burdock.Fence { return c.fence }

// Lost implements burdock.Claim: it is closed when somebody else holds the root, when a Save of this store was refused
// because of a higher epoch, or when no renewal has come through for the length of a lease.
func (c *claim) Lost() <-chan struct{} { return c.lost }

// take takes the lease unless a living owner has it, and then raises the epoch, in one statement. It waits for a Save of
// the last owner that is being committed. Parameters: root, owner, holder, the lease in microseconds.
const take = `WITH taken AS (
		INSERT INTO burdock.lease AS l (root, owner, holder, expires) VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 microsecond')
		ON CONFLICT (root) DO UPDATE SET owner = excluded.owner, holder = excluded.holder, expires = clock_timestamp() + $4 * interval '1 microsecond'
		WHERE l.expires <= clock_timestamp() RETURNING l.root)
	INSERT INTO burdock.fence AS f (root, epoch, dispatch) SELECT root, 1, 0 FROM taken
	ON CONFLICT (root) DO UPDATE SET epoch = f.epoch + 1, dispatch = 0 RETURNING f.epoch`

// Claim implements burdock.Store. The owner lives until it releases the claim, closes the store, or has not renewed the
// lease in time. It costs one commit. A ctx that is done makes it fail without a claim; once it has a connection its end
// changes nothing.
func (s *Store) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	if err := errors.Join(ctx.Err(), s.ready("claim")); err != nil {
		return nil, err
	}
	if root == "" {
		return nil, &Error{Database: s.name, Op: "claim", Err: errors.New("no root is named")}
	}
	c := &claim{store: s, fence: burdock.Fence{Root: root}, owner: []byte(rand.Text()), lost: make(chan struct{})}
	if err := s.take(ctx, c); err != nil {
		return nil, s.fail("claim", err)
	}
	if err := s.claims.add(c); err != nil { // closed meanwhile; the lease ends by itself
		return nil, err
	}
	return c, nil
}

// take fills in the epoch, or fails. A commit of unknown outcome is decided first: it is this claim's if the lease is, and
// then the epoch must not grow again, since 1 says that nobody was there before.
func (s *Store) take(ctx context.Context, c *claim) error {
	detached, cancel := s.detached(ctx)
	defer cancel()
	unsure := false
	try := func(ctx context.Context) error {
		if unsure {
			if found, err := s.taken(ctx, c); err != nil || found {
				return err
			}
		}
		err := s.tryTake(ctx, c)
		unsure = cut(err)
		return err
	}
	err := retry(ctx, func() error { return try(ctx) })
	if err != nil && unsure {
		if err = retry(detached, func() error { return try(detached) }); err != nil && unsure {
			err = &cutError{err}
		}
	}
	switch {
	case err != nil && !unsure && ctx.Err() != nil:
		return ctx.Err()
	case err == nil && c.fence.Epoch == 0:
		return s.conflict(detached, c.fence.Root)
	}
	return err
}

// tryTake takes the lease; the epoch stays 0 if a living owner has it.
func (s *Store) tryTake(ctx context.Context, c *claim) error {
	c.fence.Epoch, c.renewed = 0, time.Now()
	return s.transaction(ctx, durably, func(b *pgx.Batch) {
		b.Queue(s.sql(take), []byte(c.fence.Root), c.owner, []byte(holder()), s.opts.Lease.Microseconds()).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&c.fence.Epoch}, func() error { return nil })
			return err
		})
	})
}

// taken looks whether a claim whose commit was cut is this one's.
func (s *Store) taken(ctx context.Context, c *claim) (bool, error) {
	if err := s.settle(ctx); err != nil {
		return false, err
	}
	err := s.pool.QueryRow(ctx, s.sql(`SELECT f.epoch FROM burdock.lease l JOIN burdock.fence f USING (root) WHERE l.root = $1 AND l.owner = $2`),
		[]byte(c.fence.Root), c.owner).Scan(&c.fence.Epoch)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// conflict says who holds a root.
func (s *Store) conflict(ctx context.Context, root string) error {
	who := "another process"
	var name []byte
	var left float64
	err := s.pool.QueryRow(ctx, s.sql(`SELECT holder, extract(epoch FROM expires - clock_timestamp())::float8 FROM burdock.lease WHERE root = $1`),
		[]byte(root)).Scan(&name, &left)
	if err == nil {
		who = fmt.Sprintf("%s, whose lease ends in %.1f s unless renewed", name, left)
	}
	return &Error{Database: s.name, Op: "claim", Err: fmt.Errorf("%q is held by %s: %w", root, who, burdock.ErrConflict)}
}

// holder names this process for people.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), strings.ToValidUTF8(host, "?"))
}

// Release implements burdock.Claim. Its commit is not waited for by the server's log. It works also when ctx is done.
// If the server cannot be reached within a third of the lease, the error says so, and the lease ends by itself.
func (c *claim) Release(ctx context.Context) (err error) {
	c.once.Do(func() {
		c.store.claims.drop(c)
		if c.store.ready("release") == nil { // else Close has given it up
			err = c.store.giveUp(ctx, []*claim{c})
		}
	})
	return err
}

// giveUp deletes leases.
func (s *Store) giveUp(ctx context.Context, list []*claim) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Lease/3)
	defer cancel()
	roots, owners := columnsOf(list)
	return s.fail("release", retry(ctx, func() error {
		b := &pgx.Batch{}
		b.Queue(lightly)
		b.Queue(s.sql(`DELETE FROM burdock.lease WHERE (root, owner) IN (SELECT * FROM unnest($1::bytea[], $2::bytea[]))`), roots, owners)
		return s.pool.SendBatch(ctx, b).Close()
	}))
}

func columnsOf(list []*claim) (roots, owners [][]byte) {
	for _, c := range list {
		roots, owners = append(roots, []byte(c.fence.Root)), append(owners, c.owner)
	}
	return roots, owners
}

// leased reports whether a living owner holds a root.
const leased = `SELECT EXISTS (SELECT FROM burdock.lease WHERE root = $1 AND expires > clock_timestamp())`

// Live reports whether a living owner holds root.
func (s *Store) Live(ctx context.Context, root string) (live bool, err error) {
	err = s.reading(ctx, "live", func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, s.sql(leased), []byte(root)).Scan(&live)
	})
	return live, err
}
