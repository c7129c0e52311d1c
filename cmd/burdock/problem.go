package main

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// A problem is an error for people: what went wrong, with its cause, and the way out.
type problem struct {
	what string
	hint string
}

func (p *problem) Error() string { return p.what }

// explain says what went wrong, and the way out where there is one.
func explain(err error) (what, hint string) {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.what, p.hint
	}
	if e, ok := errors.AsType[*sqlitestore.Error](err); ok {
		return explainDatabase(e)
	}
	return err.Error(), ""
}

// doing says what a database could not do.
var doing = map[string]string{
	"open": "cannot open the database", "claim": "cannot write to the database", "save": "cannot write to the database",
	"release": "cannot write to the database", "track": "cannot write events to the database",
	"prune": "cannot write to the database",
}

func explainDatabase(e *sqlitestore.Error) (what, hint string) {
	if errors.Is(e, burdock.ErrConflict) {
		return strings.TrimSuffix(e.Err.Error(), ": "+burdock.ErrConflict.Error()), "wait until that has ended, or end it"
	}
	what = doing[e.Op]
	if what == "" {
		what = "cannot read the database"
	}
	what += " " + e.Path
	if e.Kind != nil {
		what += ": " + e.Kind.Error()
	}
	cause := e.Err
	if file, ok := errors.AsType[*fs.PathError](cause); ok && file.Path == e.Path {
		cause = file.Err
	}
	if cause != nil && (e.Kind == nil || !fromSQLite(cause)) {
		what += ": " + cause.Error()
	}
	hint = e.Hint
	for _, other := range []string{"another database", "another file"} {
		hint = strings.Replace(hint, other, other+" (--db FILE)", 1)
	}
	return what, hint
}

// fromSQLite reports whether an error is SQLite's own, which says less than the kind that was made of its code.
func fromSQLite(err error) bool {
	var coded interface {
		error
		Code() int
	}
	return errors.As(err, &coded)
}
