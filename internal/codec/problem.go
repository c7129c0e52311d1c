package codec

import (
	"errors"
	"strconv"
	"strings"
)

// A Problem is one reason why a type cannot come back equal.
type Problem struct {
	Path   string // of the type inside the window, such as question.Opts[].fn
	Reason string // the cause and the way out
}

// Error returns the path and the reason.
func (p Problem) Error() string { return p.Path + ": " + p.Reason }

// A ValueError says why one value cannot be written or read.
type ValueError struct {
	Path string // inside the value, such as Opts[3].Text; empty for the value itself
	Err  error
}

// Error returns the path, if there is one, and the cause.
func (e *ValueError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ValueError) Unwrap() error { return e.Err }

// maxPath bounds the path of an error, in bytes. A value that contains
// itself would otherwise be reported by a path of a thousand steps.
const maxPath = 120

// here makes an error of someone else's code a *ValueError, so that one that
// it may wrap is not taken for ours.
func here(err error) error {
	if err == nil {
		return nil
	}
	return &ValueError{Err: err}
}

// located makes any error a *ValueError.
func located(err error) error {
	if _, ok := errors.AsType[*ValueError](err); ok {
		return err
	}
	return here(err)
}

// within says that err happened at step of an enclosing value.
func within(step string, err error) error {
	if err == nil || step == "" {
		return err
	}
	inner, ok := errors.AsType[*ValueError](err)
	if !ok {
		return &ValueError{Path: step, Err: err}
	}
	return &ValueError{Path: shorten(join(step, inner.Path)), Err: inner.Err}
}

// join puts the path of an inner value behind that of its parent.
func join(outer, inner string) string {
	if inner == "" || outer == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}

// shorten keeps the outer end of a path, which is the one a reader can find.
func shorten(path string) string {
	if len(path) <= maxPath {
		return path
	}
	return strings.ToValidUTF8(path[:maxPath], "") + "..."
}

// indexStep is the path of element i.
func indexStep(i int) string { return "[" + strconv.Itoa(i) + "]" }

// keyStep is the path of the element of a map that has the key.
func keyStep(key string) string { return "[" + strconv.Quote(key) + "]" }
