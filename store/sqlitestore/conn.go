package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
)

// A conn is one connection with its prepared statements. It goes to the driver directly: the pool of database/sql
// would cost as much as the statements do, and could block a writer that has a transaction open. One goroutine uses
// it at a time.
type conn struct {
	raw   driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
	dest  []driver.Value

	level  syncLevel // of a connection that writes
	broken bool      // it may have a transaction open that cannot be ended; it is closed and another one opened
}

// dial opens the file at path, with SQLite's own URI parameters.
func dial(path, params string) (*conn, error) {
	uri := url.URL{Scheme: "file", Path: path, RawQuery: params}
	connector, err := sqlite.NewConnector(uri.String())
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: map[string]driver.Stmt{}}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// prepare compiles a statement once. Where a statement compares with a parameter, or limits by one, it says +? and not ?:
// SQLite looks at the value of a bare parameter to choose a plan, and then compiles the statement again whenever a value is
// bound, which makes Load take 73 µs instead of 20.
func (c *conn) prepare(query string) (driver.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.raw.Prepare(query)
	if err == nil {
		c.stmts[query] = s
	}
	return s, err
}

func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs a prepared statement to its end. Arguments are int64, string, []byte or nil.
func (c *conn) exec(query string, args ...any) error {
	return c.execContext(context.Background(), query, args...)
}

// execContext is exec for what takes long: it ends with an error when ctx is done.
func (c *conn) execContext(ctx context.Context, query string, args ...any) error {
	_, err := c.result(ctx, query, args)
	return err
}

// changes is exec, and returns how many rows were changed.
func (c *conn) changes(query string, args ...any) (int64, error) {
	res, err := c.result(context.Background(), query, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c *conn) result(ctx context.Context, query string, args []any) (driver.Result, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.(driver.StmtExecContext).ExecContext(ctx, c.bind(args))
}

// errStop ends a query early without an error.
var errStop = errors.New("stop")

// query calls row for each row; the values are valid during the call. It ends with ctx's error when ctx is done, and
// with the first error of row.
func (c *conn) query(ctx context.Context, row func([]driver.Value) error, query string, args ...any) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, c.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err := rows.Next(dest); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := row(dest); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// run runs a statement that may yield rows, such as a PRAGMA, to its end.
func (c *conn) run(query string) error {
	return c.query(context.Background(), func([]driver.Value) error { return nil }, query)
}

// one reads at most one row and reports whether there was one. Its values stay valid until the next call of one.
func (c *conn) one(query string, args ...any) ([]driver.Value, bool, error) {
	found := false
	err := c.query(context.Background(), func(v []driver.Value) error {
		c.dest, found = append(c.dest[:0], v...), true
		return errStop
	}, query, args...)
	return c.dest, found, err
}

// moment calls f within one read transaction.
func (c *conn) moment(f func() error) error {
	if err := c.exec("BEGIN"); err != nil {
		c.broken = true
		return err
	}
	err := f()
	return errors.Join(err, c.rollback())
}

// rollback ends a transaction. It also fails where SQLite has ended it by itself; both mean that the connection's state
// is not known.
func (c *conn) rollback() error {
	err := c.exec("ROLLBACK")
	c.broken = c.broken || err != nil
	return err
}

// pragma sets a PRAGMA and fails unless it reads back as want.
func (c *conn) pragma(name, value, want string) error {
	if err := c.run("PRAGMA " + name + " = " + value); err != nil {
		return fmt.Errorf("PRAGMA %s = %s: %w", name, value, err)
	}
	got, _, err := c.one("PRAGMA " + name)
	if err != nil {
		return fmt.Errorf("PRAGMA %s: %w", name, err)
	}
	if len(got) == 0 || fmt.Sprint(got[0]) != want {
		return fmt.Errorf("PRAGMA %s reads back as %v after it was set to %s", name, got, value)
	}
	return nil
}

// number reads one integer, zero where there is none.
func (c *conn) number(query string, args ...any) (int64, error) {
	v, found, err := c.one(query, args...)
	if err != nil || !found {
		return 0, err
	}
	n, _ := v[0].(int64)
	return n, nil
}
