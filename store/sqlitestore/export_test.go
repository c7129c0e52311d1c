package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"testing"
)

// SchemaVersion is what this package writes.
const SchemaVersion = int(schemaVersion)

// Path is the file of a store.
func Path(s *Store) string { return s.path }

// Execute runs one statement on a database, as another program would.
func Execute(t *testing.T, path, statement string) {
	t.Helper()
	c, err := dial(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.exec(statement), c.close()); err != nil {
		t.Fatal(err)
	}
}

// Hold takes the write lock, as another program would, until the function that it returns is called.
func Hold(t *testing.T, path string) (unlock func()) {
	t.Helper()
	c, err := dial(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(c.exec("ROLLBACK"), c.close()); err != nil {
			t.Error(err)
		}
	}
}

// A brokenStmt fails before or after it takes effect, as often as times says.
type brokenStmt struct {
	driver.Stmt
	times *int
	after bool
}

var errBroken = errors.New("broken on purpose")

func (b brokenStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if *b.times <= 0 || !b.after {
		if *b.times > 0 {
			*b.times--
			return nil, errBroken
		}
		return b.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	}
	*b.times--
	if _, err := b.Stmt.(driver.StmtExecContext).ExecContext(ctx, args); err != nil {
		return nil, err
	}
	return nil, errBroken
}

// Break makes a statement of the committing connection fail so often, before or after it takes effect.
func Break(t *testing.T, s *Store, statement string, times int, after bool) {
	t.Helper()
	if err := s.lock("break"); err != nil {
		t.Fatal(err)
	}
	defer s.unlock()
	st, err := s.write.conn.prepare(statement)
	if err != nil {
		t.Fatal(err)
	}
	s.write.conn.stmts[statement] = brokenStmt{st, &times, after}
}

// Pragma reads a PRAGMA of the committing connection.
func Pragma(t *testing.T, s *Store, name string) driver.Value {
	t.Helper()
	return value(t, s, "PRAGMA "+name)
}

// Unsettled is how many rows leave to a record how their root stands.
func Unsettled(t *testing.T, s *Store) driver.Value {
	t.Helper()
	return value(t, s, "SELECT count(*) FROM run WHERE status = ''")
}

func value(t *testing.T, s *Store, query string) driver.Value {
	t.Helper()
	if err := s.lock("test"); err != nil {
		t.Fatal(err)
	}
	defer s.unlock()
	v, _, err := s.write.conn.one(query)
	if err != nil {
		t.Fatal(err)
	}
	return v[0]
}

// Paused holds the write token, so that saves gather in one batch, until the function that it returns is called.
func Paused(t *testing.T, s *Store) (resume func()) {
	t.Helper()
	if err := s.lock("pause"); err != nil {
		t.Fatal(err)
	}
	return s.unlock
}

// Waiting is how many saves the forming batch has.
func Waiting(s *Store) int {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	if s.group.forming == nil {
		return 0
	}
	return len(s.group.forming.saves)
}
