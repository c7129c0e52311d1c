package sqlitestore

import (
	"errors"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"
)

type protocolError struct{}

func (protocolError) Error() string { return "locking protocol" }
func (protocolError) Code() int     { return sqlite3.SQLITE_PROTOCOL }

// What SQLite says when another process was stopped (SIGSTOP) while it held the locks with which it recovers the log.
// Package crashtest meets it about once in 1,000 rounds.
func TestProcessStoppedWhileOpeningIsALock(t *testing.T) {
	s := &Store{path: "x.db"}
	if err := s.fail("open", protocolError{}); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
}
