package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Faults lets statements of all connections of a store fail, those that open it included. They are counted from 1 on.
type Faults struct {
	Code  int  // what SQLite would return
	At    int  // the first one that fails; 0 for none
	Times int  // how many do
	After bool // they have taken effect

	mu   sync.Mutex
	all  []string
	hits []string
}

// Options are those of a store that has the faults.
func (f *Faults) Options(o Options) *Options {
	o.wrap = func(c driver.Conn) driver.Conn { return faultyConn{c, f} }
	return &o
}

// All are the statements that have run.
func (f *Faults) All() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

// Hits are the statements that failed.
func (f *Faults) Hits() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// next counts a statement and says how it fails, if it does.
func (f *Faults) next(query string) (before, after error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, query)
	if n := len(f.all); n < f.At || n >= f.At+f.Times {
		return nil, nil
	}
	f.hits = append(f.hits, query)
	if err := sqliteFault(f.Code); f.After {
		return nil, err
	} else {
		return err, nil
	}
}

// A sqliteFault is a result code of SQLite on purpose.
type sqliteFault int

func (f sqliteFault) Error() string { return fmt.Sprintf("broken on purpose (%d)", int(f)) }
func (f sqliteFault) Code() int     { return int(f) }

type faultyConn struct {
	driver.Conn
	faults *Faults
}

func (c faultyConn) Prepare(query string) (driver.Stmt, error) {
	s, err := c.Conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	return faultyStmt{s, query, c.faults}, nil
}

type faultyStmt struct {
	driver.Stmt
	query  string
	faults *Faults
}

func (s faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	before, after := s.faults.next(s.query)
	if before != nil {
		return nil, before
	}
	r, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if err == nil {
		err = after
	}
	return r, err
}

func (s faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	before, after := s.faults.next(s.query)
	if before != nil {
		return nil, before
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil || after == nil {
		return rows, err
	}
	dest := make([]driver.Value, len(rows.Columns()))
	for err == nil {
		err = rows.Next(dest)
	}
	if !errors.Is(err, io.EOF) {
		after = err
	}
	return nil, errors.Join(after, rows.Close())
}
