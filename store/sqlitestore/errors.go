package sqlitestore

import (
	"errors"
	"fmt"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"
)

// Sentinels for what a caller can act on. Test for them with errors.Is; the error around them names the file, the
// cause and the way out.
var (
	// ErrNotADatabase means that the file is not SQLite's, or is one of another program.
	ErrNotADatabase = errors.New("not a burdock database")
	// ErrNewerSchema means that a later version of this package wrote the file.
	ErrNewerSchema = errors.New("written by a later version")
	// ErrLocked means that another program held the database for longer than Options.BusyTimeout.
	ErrLocked = errors.New("locked by another program")
	// ErrReadOnly means that the file, its folder or its file system cannot be written.
	ErrReadOnly = errors.New("read-only")
	// ErrFull means that the disk is full or the file has reached a limit.
	ErrFull = errors.New("no space left")
	// ErrCorrupt means that SQLite found the file damaged.
	ErrCorrupt = errors.New("damaged")
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// An Error says which database could not do what. It is one of the sentinels where the cause is known.
type Error struct {
	Path string
	Op   string // "open", "claim", "save", "load", "list", "release", "live", "track", "events", "post", "messages", "prune", "size", "check", "backup"
	Kind error  // a sentinel, or nil
	Hint string // the way out, or ""
	Err  error  // the cause, or nil
}

func (e *Error) Error() string {
	parts := []string{"sqlitestore: " + e.Op + " " + e.Path}
	if e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	text := strings.Join(parts, ": ")
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns Kind and Err.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// code is SQLite's result code within err, without its extension; zero if there is none.
func code(err error) int {
	if e, ok := errors.AsType[sqliteError](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// A sqliteError is a *sqlite.Error, or what a test puts in its place.
type sqliteError interface {
	error
	Code() int
}

// fail names the database, the cause and the way out of an error of SQLite. An Error stays as it is.
func (s *Store) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	e := &Error{Path: s.path, Op: op, Err: err}
	k := code(err)
	if _, ok := errors.AsType[*damage](err); ok {
		k = sqlite3.SQLITE_CORRUPT
	}
	switch k {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		e.Kind, e.Hint = ErrLocked, fmt.Sprintf("waited %v; end the program that holds it, or use another database", s.opts.BusyTimeout)
	case sqlite3.SQLITE_PROTOCOL: // after 10 s of trying by SQLite, whatever the BusyTimeout
		e.Kind, e.Hint = ErrLocked, "another program was stopped while it opened the database; let it go on or end it, or use another database"
	case sqlite3.SQLITE_READONLY:
		e.Kind, e.Hint = ErrReadOnly, "make the file and its folder writable, or use another database"
	case sqlite3.SQLITE_FULL:
		e.Kind, e.Hint = ErrFull, "free some space; everything saved before is intact and the next run goes on from it"
	case sqlite3.SQLITE_NOTADB:
		e.Kind, e.Hint = ErrNotADatabase, "name another file"
	case sqlite3.SQLITE_CORRUPT:
		e.Kind, e.Hint = ErrCorrupt, "restore a copy, or save what can be read with sqlite3's .recover"
	case sqlite3.SQLITE_CANTOPEN:
		e.Hint = "check that the path is a file in a folder that this user may read and write"
	case sqlite3.SQLITE_IOERR:
		e.Hint = "the file system failed; if it is full, free some space. Everything saved before is intact"
	}
	return e
}
