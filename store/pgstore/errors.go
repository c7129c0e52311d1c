package pgstore

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// Sentinels for what a caller can act on. Test for them with errors.Is; the error around them names the database, the
// cause and the way out.
var (
	// ErrUnreachable means that the server did not answer, or went away and did not come back in time.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrUncertain means that the connection broke during a commit and the server could not be asked in time whether it
	// took effect. Claiming the root again and loading it tells.
	ErrUncertain = errors.New("it is not known whether the commit took effect")
	// ErrTimeout means that the server's statement_timeout or lock_timeout, or Options.Timeout, ended it.
	ErrTimeout = errors.New("timed out")
	// ErrReadOnly means that the server is a standby, or the role may not write.
	ErrReadOnly = errors.New("read-only")
	// ErrFull means that the server's disk is full.
	ErrFull = errors.New("no space left")
	// ErrNotOurs means that the schema holds tables of another program.
	ErrNotOurs = errors.New("not a burdock schema")
	// ErrNewerSchema means that a later version of this package made the schema.
	ErrNewerSchema = errors.New("written by a later version")
	// ErrClosed means that the store or its pool was closed.
	ErrClosed = errors.New("the store is closed")
)

// An Error says which database could not do what. It is one of the sentinels where the cause is known. It never holds
// a password.
type Error struct {
	Database string // user@host:port/database, schema
	Op       string // "open", "claim", "save", "load", "list", "release", "live", "track", "events", "post", "messages", "prune", "size"
	Kind     error  // a sentinel, or nil
	Hint     string // the way out, or ""
	Err      error  // the cause, or nil
}

func (e *Error) Error() string {
	parts := []string{"pgstore: " + e.Op + " " + e.Database}
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

// A cutError is the end of a session in the midst of a transaction: nobody has said whether the commit took effect.
type cutError struct{ err error }

func (e *cutError) Error() string { return e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

func cut(err error) bool {
	_, ok := errors.AsType[*cutError](err)
	return ok
}

// code is the SQLSTATE within err, "" if the server said nothing.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// refused reports whether the server answered with an error that ended the transaction and not the session: then
// nothing of the transaction has taken effect.
func refused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}

// transient reports whether another try may succeed.
func transient(err error) bool {
	switch c := code(err); {
	case c == "40001", c == "40P01": // serialization failure, deadlock
		return true
	case c == "57P01", c == "57P02", c == "57P03", c == "57P05", c == "53300": // shutdown, crash, starting, idle, too many connections
		return true
	case strings.HasPrefix(c, "08"): // connection
		return true
	case c != "":
		return false
	}
	return broken(err)
}

// passes reports whether an error says nothing about what was written: timeouts, locks, a lack of space or memory.
func passes(code string) bool {
	return strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57") || code == "55P03" || code == "25006"
}

// broken reports whether a connection could not be made or did not hold.
func broken(err error) bool {
	if errors.Is(err, puddle.ErrClosedPool) {
		return false
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return cut(err) || connect || network || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed")
}

// fail names the database, the cause and the way out of an error. An Error stays as it is.
func (s *Store) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	e := &Error{Database: s.name, Op: op, Err: err}
	switch c := code(err); {
	case c == "57014", c == "55P03", c == "25P03", c == "25P04":
		e.Kind, e.Hint = ErrTimeout, "nothing was written; raise the server's statement_timeout or lock_timeout for this role, or look at pg_stat_activity for who holds the lock"
	case c == "25006":
		e.Kind, e.Hint = ErrReadOnly, "connect to the primary server; target_session_attrs=read-write finds it"
	case c == "42501":
		e.Kind, e.Hint = ErrReadOnly, "grant the role what it lacks; it must own the schema, or be able to create it"
	case c == "53100":
		e.Kind, e.Hint = ErrFull, "free some space; everything saved before is intact and the next run goes on from it"
	case c == "28P01", c == "28000", c == "3D000":
		e.Kind, e.Hint = ErrUnreachable, "check user, password and database of the connection string"
	case errors.Is(err, puddle.ErrClosedPool):
		e.Kind = ErrClosed
	case cut(err):
		e.Kind, e.Hint = ErrUncertain, "the next claim of the root decides it: load the application again"
	case transient(err) && c != "40001" && c != "40P01":
		e.Kind, e.Hint = ErrUnreachable, "check that the server runs and that the connection string names it; everything saved before is intact"
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind, e.Hint = ErrTimeout, "the server or the pool of connections is too busy"
	}
	return e
}
