package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
)

// claims is what this store holds, and the file whose lock says that it lives.
type claims struct {
	mu    sync.Mutex
	held  map[string]*claim // by root
	owner string            // the name of the file beside the database; "" until the first claim
	file  *os.File
}

// A claim implements burdock.Claim.
type claim struct {
	store *Store
	fence burdock.Fence
	lost  chan struct{}
	once  sync.Once

	unsettled bool // under the store's token: the row of run leaves how the root stands to its latest record
}

// Fence implements burdock.Claim.
func (c *claim) Fence() burdock.Fence { return c.fence }

// Lost implements burdock.Claim: it is closed when a Save of this store was refused because of a higher epoch.
func (c *claim) Lost() <-chan struct{} { return c.lost }

// Claim implements burdock.Store. The owner lives until it releases the claim, closes the store or dies. It costs no
// sync. A ctx that is done makes it fail without a claim; while it waits for another process its end changes nothing.
func (s *Store) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if root == "" {
		return nil, &Error{Path: s.path, Op: "claim", Err: errors.New("no root is named")}
	}
	c, err := s.tryClaim(root)
	for deadline := time.Now().Add(dyingTime); errors.Is(err, errDying) && time.Now().Before(deadline); {
		time.Sleep(dyingPause)
		c, err = s.tryClaim(root)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// A killed owner can seem to live for a moment: a child that it was just starting has its lock until it executes its own
// program. So an owner whose process is gone is asked again for a while.
const (
	dyingTime  = 2 * time.Second
	dyingPause = 5 * time.Millisecond
)

// errDying marks the conflict with an owner whose process is gone.
var errDying = errors.New("its process is gone, its lock is not")

func (s *Store) tryClaim(root string) (*claim, error) {
	if err := s.lock("claim"); err != nil {
		return nil, err
	}
	defer s.unlock()
	c, err := s.claim(root)
	if err != nil {
		return nil, s.fail("claim", err)
	}
	return c, nil
}

// claim writes the next epoch unless a living owner holds root.
func (s *Store) claim(root string) (c *claim, err error) {
	err = s.lightly(root, func(db *conn) error {
		row, _, err := db.claim(root)
		if err != nil {
			return err
		}
		if err := s.free(row); err != nil {
			return err
		}
		owner, err := s.claims.live(s.path)
		if err != nil {
			return err
		}
		fence := burdock.Fence{Root: root, Epoch: row.fence.Epoch + 1}
		if err := db.putClaim(claimRow{fence, fence.Epoch, owner}); err != nil {
			return err
		}
		c = s.claims.add(s, fence)
		return nil
	})
	if err != nil && c != nil {
		s.claims.drop(c)
	}
	return c, err
}

// A claimRow is what the database says about who advances a root.
type claimRow struct {
	fence burdock.Fence // the highest seen
	held  int64         // the epoch of the claim that owner holds, 0 while nobody does
	owner string
}

// claim reads the row of a root; where there is none, its fence is the lowest.
func (c *conn) claim(root string) (row claimRow, found bool, err error) {
	row.fence.Root = root
	v, found, err := c.one(claimQuery+" WHERE root = +?", root)
	if err != nil || !found {
		return row, false, err
	}
	row, err = claimOf(v)
	return row, true, err
}

const claimQuery = "SELECT root, epoch, dispatch, held, owner, sum FROM claim"

// claimOf decodes a row of claimQuery.
func claimOf(v []driver.Value) (claimRow, error) {
	row := claimRow{burdock.Fence{Root: str(v[0]), Epoch: num(v[1]), Dispatch: num(v[2])}, num(v[3]), str(v[4])}
	return row, sound(v, "the claim of %v", v[0])
}

func (c *conn) putClaim(row claimRow) error {
	values := []any{row.fence.Root, row.fence.Epoch, row.fence.Dispatch, row.held, row.owner}
	return c.exec("INSERT OR REPLACE INTO claim(root, epoch, dispatch, held, owner, sum) VALUES (?, ?, ?, ?, ?, ?)", append(values, sum(values))...)
}

// free fails with ErrConflict if the owner that a claim names holds it and lives.
func (s *Store) free(row claimRow) error {
	if row.held == 0 || row.owner == "" {
		return nil
	}
	root, who := row.fence.Root, "another process"
	lives, err, conflict := false, error(nil), burdock.ErrConflict
	if row.owner == s.claims.name() {
		who, lives = "this process", s.claims.holds(root, row.held)
	} else {
		lives, err = ownerLives(filepath.Join(filepath.Dir(s.path), row.owner))
		if pid := pidOf(row.owner); pid != "" {
			who += " " + pid
			if gone(pid) {
				conflict = fmt.Errorf("%w: %w", errDying, conflict)
			}
		}
	}
	if err != nil || !lives {
		return err
	}
	return &Error{Path: s.path, Op: "claim", Err: fmt.Errorf("%q is held with epoch %d by %s: %w", root, row.held, who, conflict)}
}

// lightly runs f in a transaction that is committed without a sync, and forgets what the writer knows of the claim of
// root. The connection is the one that saves: when another one writes, it drops all the pages that it has read. The
// caller holds the token.
func (s *Store) lightly(root string, f func(*conn) error) (err error) {
	w := &s.write
	if err := s.reopen(&w.conn, normal); err != nil {
		return err
	}
	if err := w.conn.synchronous(normal); err != nil {
		return err
	}
	if err := s.begin(w.conn); err != nil {
		return err
	}
	if err = w.refresh(); err == nil {
		delete(w.claims, root)
		err = f(w.conn)
	}
	if err == nil {
		err = w.conn.exec("COMMIT")
	}
	if err != nil {
		_ = w.conn.rollback()
		w.reset()
	}
	return err
}

// Release implements burdock.Claim. It costs no sync. Its ctx is not asked. Should the database fail, this store still
// forgets the claim, and other processes see it end when this store is closed.
func (c *claim) Release(context.Context) (err error) {
	s := c.store
	c.once.Do(func() {
		if err = s.lock("release"); err != nil {
			if errors.Is(err, ErrClosed) { // Close gave it up
				err = nil
			}
			return
		}
		defer s.unlock()
		s.claims.drop(c)
		err = s.fail("release", s.lightly(c.fence.Root, func(db *conn) error {
			row, _, err := db.claim(c.fence.Root)
			if err != nil || row.held != c.fence.Epoch || row.owner != s.claims.name() {
				return err
			}
			if err := c.settle(); err != nil {
				return err
			}
			row.held, row.owner = 0, ""
			return db.putClaim(row)
		}))
	})
	return err
}

// settle writes how the root stands, if that was left to its latest record.
func (c *claim) settle() error {
	if !c.unsettled {
		return nil
	}
	w := &c.store.write
	a, err := w.find(c.fence.Root)
	if err != nil || a == nil {
		return err
	}
	v, found, err := w.conn.one("SELECT seq, started + coalesce(took, 0), status FROM checkpoint WHERE app = +? AND kind = 0 ORDER BY seq DESC LIMIT 1", a.id)
	if err != nil || !found || v[1] == nil { // what has no times there has not left it
		return err
	}
	latest := &burdock.Checkpoint{Seq: num(v[0]), Started: time.Unix(0, num(v[1])), Project: a.about.Project, Partition: a.about.Partition}
	return w.list(a, latest, str(v[2]))
}

// Live reports whether a living owner holds root.
func (s *Store) Live(ctx context.Context, root string) (live bool, err error) {
	err = s.reading(ctx, "live", func(c *conn) error {
		row, found, err := c.claim(root)
		if err != nil || !found {
			return err
		}
		err = s.free(row)
		live = errors.Is(err, burdock.ErrConflict)
		if live {
			return nil
		}
		return err
	})
	return live, err
}

func (cs *claims) add(s *Store, f burdock.Fence) *claim {
	c := &claim{store: s, fence: f, lost: make(chan struct{})}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.held == nil {
		cs.held = map[string]*claim{}
	}
	cs.held[f.Root] = c
	return c
}

func (cs *claims) drop(c *claim) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.held[c.fence.Root] == c {
		delete(cs.held, c.fence.Root)
	}
}

func (cs *claims) holds(root string, epoch int64) bool {
	return cs.holder(burdock.Fence{Root: root, Epoch: epoch}) != nil
}

// holder is the claim of this store that a fence is of, nil if it has none.
func (cs *claims) holder(f burdock.Fence) *claim {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.held[f.Root]; c != nil && c.fence.Epoch == f.Epoch {
		return c
	}
	return nil
}

// lose tells the holder of the root that somebody has a higher fence than the one that was refused.
func (cs *claims) lose(refused burdock.Fence) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.held[refused.Root]
	if c == nil || c.fence.Epoch > refused.Epoch {
		return
	}
	select {
	case <-c.lost:
	default:
		close(c.lost)
	}
}

// prefix is how the owner files of a database begin.
func prefix(path string) string { return filepath.Base(path) + "-owner-" }

// pidOf is "123" for an owner file that names its process.
func pidOf(owner string) string {
	parts := strings.Split(owner, "-")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}

// live makes and locks this store's owner file, once, and removes those that died. Everybody who makes, probes or
// removes one has SQLite's write lock, so that no file is taken for a dead one's between its making and its locking.
func (cs *claims) live(path string) (owner string, err error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.owner != "" {
		return cs.owner, nil
	}
	removeDead(path)
	name := fmt.Sprintf("%s%d-%s", prefix(path), os.Getpid(), strings.ToLower(rand.Text()[:12]))
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	if err := lockOwner(f); err != nil {
		return "", errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close(), os.Remove(f.Name()))
	}
	cs.owner, cs.file = name, f
	return name, nil
}

// name is this store's owner file, "" before the first claim.
func (cs *claims) name() string {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.owner
}

// removeDead removes the owner files that nobody has locked; what cannot be removed is only litter.
func removeDead(path string) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		if !strings.HasPrefix(e.Name(), prefix(path)) {
			continue
		}
		if lives, err := ownerLives(file); err == nil && !lives {
			_ = os.Remove(file)
		}
	}
}

// close gives up the lock, and with it every claim.
func (cs *claims) close() error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.file == nil {
		return nil
	}
	return errors.Join(os.Remove(cs.file.Name()), cs.file.Close())
}
