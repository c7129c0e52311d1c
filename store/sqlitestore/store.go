package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/burdock-go/burdock"
)

// Options tell Open how to use a database. A nil *Options is fine.
type Options struct {
	// ReadOnly opens for reading only; Claim, Save and tracking fail with ErrReadOnly. A file on a read-only file
	// system can be read if its last writer closed it. Defaults to false.
	ReadOnly bool
	// BusyTimeout is how long a lock of another process is waited for. Defaults to 10 s.
	BusyTimeout time.Duration
	// Check makes Open read the whole file, as Store.Check does, and fail if it is damaged. Defaults to false.
	Check bool
	// Log gets what cannot be returned: events that were dropped. Defaults to slog.Default().
	Log *slog.Logger

	wrap func(driver.Conn) driver.Conn // tests let connections fail
}

// readers is how many connections read at once; a page is read in about a millisecond and none is held meanwhile.
const readers = 4

// A Store is a burdock.Store in one SQLite file. It is safe for concurrent use.
type Store struct {
	path string
	opts Options

	read  chan *conn    // idle connections; nil stands for one not yet opened
	token chan struct{} // holds one element while nobody writes
	group group
	write writer // under token

	claims claims
	events buffer

	closed   chan struct{}
	closing  sync.Once
	closeErr error
}

var _ burdock.Store = (*Store)(nil)

// opening lets one Open at a time touch files: closing a file of our own would drop the locks that SQLite holds on it
// for a connection that was opened in between.
var opening sync.Mutex

// Open opens the database at path, and makes it, with mode 0600, and its folder, with mode 0700, if there is none. It
// fails with an *Error that names the path and the way out: ErrNotADatabase, ErrNewerSchema, ErrLocked, ErrReadOnly,
// ErrFull or ErrCorrupt where one of them is the cause. A ctx that is done makes it fail; later its end changes nothing.
func Open(ctx context.Context, path string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	s := &Store{path: path, opts: *opts, token: make(chan struct{}, 1), read: make(chan *conn, readers), closed: make(chan struct{})}
	if s.opts.BusyTimeout <= 0 {
		s.opts.BusyTimeout = 10 * time.Second
	}
	if s.opts.Log == nil {
		s.opts.Log = slog.Default()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, s.fail("open", err)
	}
	s.write = newWriter(s.write.conn)
	s.events.store = s
	s.token <- struct{}{}
	for range readers - len(s.read) {
		s.read <- nil
	}
	if s.opts.Check {
		if err := s.Check(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Store) open() error {
	if s.path == "" {
		return errors.New("no path is named")
	}
	abs, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	s.path = abs
	opening.Lock()
	defer opening.Unlock()
	if err := s.prepareFile(); err != nil {
		return err
	}
	if s.opts.ReadOnly {
		c, err := s.dialReader()
		if err == nil {
			s.read <- c
		}
		return err
	}
	c, err := s.dialWriter(full)
	if code(err) == sqlite3.SQLITE_CANTOPEN { // also what SQLite says of a file system that is read-only
		if why := errors.Join(mayWrite(s.path), mayWrite(filepath.Dir(s.path))); why != nil {
			return s.fault(errors.Join(why, err))
		}
	}
	if err != nil {
		return err
	}
	s.write.conn, err = s.orClose(c, func() error { return s.migrate(c) })
	return err
}

// prepareFile makes what is missing and names early what SQLite would only call "unable to open".
func (s *Store) prepareFile() error {
	info, err := os.Stat(s.path)
	switch {
	case err == nil && info.IsDir():
		return &Error{Path: s.path, Op: "open", Kind: ErrNotADatabase, Err: errors.New("it is a folder"), Hint: "name a file in it"}
	case err == nil && info.Size() == 0:
		return s.checkLog()
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return s.fault(err)
	case s.opts.ReadOnly:
		return &Error{Path: s.path, Op: "open", Err: err, Hint: "nothing has been saved there yet"}
	}
	if err := makeFolder(filepath.Dir(s.path)); err != nil {
		return s.fault(err)
	}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist): // another process was faster
		return nil
	case err != nil:
		return s.fault(err)
	}
	return f.Close()
}

// makeFolder makes a folder and those above it. Each is synced into the one above, or a power cut could take the folder
// of what was acknowledged.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	syncFolder(above)
	return nil
}

// syncFolder syncs the names in a folder, as far as the system can and the user may.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

// checkLog refuses an empty file beside a log, which SQLite would throw away: the file was never empty when it had one.
func (s *Store) checkLog() error {
	if info, err := os.Stat(s.path + "-wal"); err != nil || info.Size() == 0 {
		return nil
	}
	return s.fail("open", damaged("the file is empty, and %s-wal is not", s.path))
}

// fault names the way out of an error of the file system.
func (s *Store) fault(err error) error {
	e := &Error{Path: s.path, Op: "open", Err: err, Hint: "check the path, or use another database"}
	if isReadOnly(err) {
		e.Kind, e.Hint = ErrReadOnly, "make the folder writable, or use another database"
	}
	return e
}

// dialWriter opens a connection that writes; what SQLite opened for reading only is found here and not at the first
// Save.
func (s *Store) dialWriter(level syncLevel) (*conn, error) {
	c, err := s.dial("mode=rw")
	if err != nil {
		return nil, err
	}
	return s.orClose(c, func() error {
		if err := s.setUp(c); err != nil {
			return err
		}
		if err := c.synchronous(level); err != nil {
			return err
		}
		return c.pragma("busy_timeout", "0", "0") // begin waits by itself, see there
	})
}

// reopen replaces a connection that is not there yet or is broken.
func (s *Store) reopen(c **conn, level syncLevel) error {
	if *c != nil && !(*c).broken {
		return nil
	}
	if *c != nil {
		_ = (*c).close() // it has failed before
		*c = nil
	}
	opened, err := s.dialWriter(level)
	if err == nil {
		*c = opened
	}
	return err
}

func (s *Store) dial(params string) (*conn, error) {
	c, err := dial(s.path, params)
	if err == nil && s.opts.wrap != nil {
		c.raw = s.opts.wrap(c.raw)
	}
	return c, err
}

// dialReader opens a connection that only reads.
func (s *Store) dialReader() (*conn, error) {
	if !s.opts.ReadOnly {
		c, err := s.dial("mode=rw")
		if err != nil {
			return nil, err
		}
		return s.orClose(c, func() error {
			millis := fmt.Sprint(s.opts.BusyTimeout.Milliseconds())
			return errors.Join(c.pragma("busy_timeout", millis, millis), c.pragma("query_only", "ON", "1"))
		})
	}
	c, err := s.dialReadOnly("mode=ro")
	if k := code(err); k == sqlite3.SQLITE_CANTOPEN || k == sqlite3.SQLITE_READONLY {
		return s.dialImmutable(err)
	}
	return c, err
}

// orClose closes a connection that cannot be set up.
func (s *Store) orClose(c *conn, setUp func() error) (*conn, error) {
	if err := setUp(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (s *Store) dialReadOnly(params string) (*conn, error) {
	c, err := s.dial(params)
	if err != nil {
		return nil, err
	}
	return s.orClose(c, func() error { return errors.Join(s.setUp(c), s.migrate(c)) })
}

// dialImmutable reads a file whose folder cannot hold SQLite's shared memory. That is right only if nobody writes and
// the log holds nothing: the last writer's Close has moved everything into the file.
func (s *Store) dialImmutable(cause error) (*conn, error) {
	if info, err := os.Stat(s.path + "-wal"); err == nil && info.Size() > 0 {
		return nil, &Error{
			Path: s.path, Op: "open", Kind: ErrReadOnly, Err: fmt.Errorf("its newest changes are in %s-wal, which cannot be read from a read-only folder: %w", s.path, cause),
			Hint: "copy both files to a writable folder and open them there",
		}
	}
	return s.dialReadOnly("mode=ro&immutable=1")
}

// Close writes the events that wait, gives up every claim and closes the database. Running calls are waited for; later
// ones fail with ErrClosed. It is idempotent.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closeErr = s.shut() })
	return s.closeErr
}

func (s *Store) shut() error {
	s.events.stop()
	flushErr := s.events.flush()
	<-s.token
	close(s.closed)
	s.token <- struct{}{} // leaders that waited find the store closed
	errs := []error{flushErr, s.claims.close()}
	for range readers {
		if c := <-s.read; c != nil {
			errs = append(errs, c.close())
		}
	}
	if s.write.conn != nil {
		errs = append(errs, s.write.conn.close())
	}
	return errors.Join(errs...)
}

// lock takes the write token; the caller gives it back with unlock.
func (s *Store) lock(op string) error {
	if s.opts.ReadOnly {
		return &Error{Path: s.path, Op: op, Kind: ErrReadOnly, Err: errors.New("it was opened with Options.ReadOnly"), Hint: "open it for writing"}
	}
	<-s.token
	select {
	case <-s.closed:
		s.unlock()
		return &Error{Path: s.path, Op: op, Kind: ErrClosed}
	default:
		return nil
	}
}

func (s *Store) unlock() { s.token <- struct{}{} }

// reading calls f with a connection that nobody else uses.
func (s *Store) reading(ctx context.Context, op string, f func(*conn) error) error {
	var c *conn
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return &Error{Path: s.path, Op: op, Kind: ErrClosed}
	case c = <-s.read:
	}
	var err error
	if c == nil {
		c, err = s.dialReader()
	}
	if err == nil {
		err = f(c)
		if c.broken {
			_ = c.close() // it has failed before
			c = nil
		}
	}
	s.read <- c
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return s.fail(op, err)
}
