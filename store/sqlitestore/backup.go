package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a copy of the database to path, where no file may be, while this process and others go on using it. The
// copy is one moment: whatever was acknowledged before Backup began, and of what is saved meanwhile whole batches or
// nothing. It is one compact file, synced before it gets its name, for the user only, and nobody holds a claim in it.
// Until Backup returns the write-ahead log keeps all that is saved meanwhile. Events that wait in a Tracker are written
// first. When ctx ends, Backup stops, and leaves no file.
//
// To restore, open the copy, or put it in the place of a database that nobody has open and whose -wal and -shm files
// are removed. Do not copy the file of a database that is open by other means: its newest part is in the log.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.events.flush(); err != nil {
		return err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return s.fail("backup", err)
	}
	if _, err := os.Lstat(abs); err == nil {
		return s.fail("backup", fmt.Errorf("%s: %w", abs, fs.ErrExist))
	}
	// The copy is not read by way of s.reading: that would take a reader from everybody else as long as it lasts.
	err = s.backup(ctx, abs+"-partial-"+rand.Text()[:8], abs)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return s.fail("backup", err)
}

func (s *Store) backup(ctx context.Context, partial, path string) (err error) {
	f, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if removeErr := os.Remove(partial); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}()
	if err := s.vacuumInto(ctx, partial); err != nil {
		return err
	}
	if err := disown(ctx, partial); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return publish(partial, path)
}

// vacuumInto writes a copy into an empty file.
func (s *Store) vacuumInto(ctx context.Context, file string) error {
	select {
	case <-s.closed:
		return &Error{Path: s.path, Op: "backup", Kind: ErrClosed}
	default:
	}
	c, err := s.dialReader()
	if err != nil {
		return err
	}
	defer c.close()                                            //nolint:errcheck // it only reads
	if err := c.pragma("query_only", "OFF", "0"); err != nil { // it holds for the copy too
		return err
	}
	return c.execContext(ctx, "VACUUM INTO ?", file)
}

// disown gives up the claims in a copy: their owners advance the original.
func disown(ctx context.Context, file string) error {
	c, err := dial(file, "mode=rw")
	if err != nil {
		return err
	}
	var held []claimRow
	err = c.query(ctx, func(v []driver.Value) error {
		row, err := claimOf(v)
		held = append(held, row)
		return err
	}, claimQuery+" WHERE held <> 0")
	if err == nil {
		err = c.exec("BEGIN IMMEDIATE")
	}
	for i := range held {
		if err == nil {
			held[i].held, held[i].owner = 0, ""
			err = c.putClaim(held[i])
		}
	}
	if err == nil {
		err = c.exec("COMMIT")
	}
	return errors.Join(err, c.close())
}

// publish gives a file its name, unless another one has it.
func publish(partial, path string) error {
	err := os.Link(partial, path)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		err = os.Rename(partial, path)
	}
	if err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}
