package burdock

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/burdock-go/burdock/internal/bind"
)

// A Route says which action follows. The routes of a node read like a switch: the first that matches wins, and if none
// does the application has ended.
type Route struct {
	cond  *Condition // nil: always, or an error route
	match *Matcher   // set for an error route
	to    *Action
}

// Then routes to an action always, like the default of a switch.
func Then(to *Action) Route { return Route{to: to} }

// OnError routes to an action when the step has failed, its retries are over and the error matches. The handler reads
// what happened through a field `input:"failure"` of type Failure. Cancellation of the run, conflicts, store errors and
// waiting never take an error route.
func OnError(m *Matcher, to *Action) Route {
	if m == nil {
		m = &Matcher{}
	}
	return Route{match: m, to: to}
}

// label describes when the route is taken.
func (r Route) label() string {
	switch {
	case r.match != nil:
		return "on " + r.match.label
	case r.cond != nil:
		return r.cond.label
	}
	return ""
}

// A Condition is a question about the state with a label for people.
type Condition struct {
	label string
	typ   reflect.Type // the window asked; nil for a composed condition
	ask   func(loader) bool
	parts []*Condition
	all   bool // of parts: all must hold, otherwise one
	not   bool // negates the only part
	err   error
}

// When makes a condition of a function on a window. The label says to people when it holds.
func When[T any](label string, f func(T) bool) *Condition {
	c := &Condition{label: label, typ: reflect.TypeFor[T]()}
	switch {
	case f == nil:
		c.err = fmt.Errorf("condition %q: its function is nil", label)
	case label == "":
		c.err = fmt.Errorf("a condition on %s without a label; say when it holds", windowName(c.typ))
	}
	c.ask = func(l loader) bool {
		var t T
		l.load(reflect.ValueOf(&t).Elem())
		return f(t)
	}
	return c
}

// Eq holds when the key has the value v.
func Eq[T comparable](key Key[T], v T) *Condition {
	c := &Condition{label: fmt.Sprintf("%s == %v", string(key), v), typ: reflect.TypeFor[T]()}
	if _, text := any(v).(string); text {
		c.label = fmt.Sprintf("%s == %q", string(key), any(v))
	}
	c.typ = keyWindow(string(key), reflect.TypeFor[T]())
	c.ask = func(l loader) bool {
		s := l.vals[l.loads[0].slot]
		if !s.set() {
			return false
		}
		value, _ := reflect.TypeAssert[T](s.v) // a nil interface is no T to Go
		return value == v
	}
	return c
}

// keyWindow is the window that reads one key.
func keyWindow(key string, t reflect.Type) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{
		Name: "Value", Type: t, Tag: reflect.StructTag(`state:` + fmt.Sprintf("%q", key)),
	}})
}

// Then routes to an action when the condition holds.
func (c *Condition) Then(to *Action) Route {
	if c == nil {
		c = &Condition{err: errNilCondition} // a nil cond would make the route one that always matches
	}
	return Route{cond: c, to: to}
}

var errNilCondition = errors.New("a nil condition")

// Label returns the condition's label.
func (c *Condition) Label() string { return c.label }

// Not holds when c does not.
func Not(c *Condition) *Condition { return composed("not (%s)", "", false, true, c) }

// And holds when all conditions do. They are asked in order, and no more than needed.
func And(cs ...*Condition) *Condition { return composed("%s", " and ", true, false, cs...) }

// Or holds when one of the conditions does. They are asked in order, and no more than needed.
func Or(cs ...*Condition) *Condition { return composed("(%s)", " or ", false, false, cs...) }

func composed(format, sep string, all, not bool, parts ...*Condition) *Condition {
	c := &Condition{parts: parts, all: all, not: not}
	labels := make([]string, len(parts))
	for i, p := range parts {
		if p == nil {
			return &Condition{err: errNilCondition}
		}
		labels[i] = p.label
	}
	if len(parts) == 0 {
		c.err = errors.New("And and Or need at least one condition")
	}
	c.label = fmt.Sprintf(format, strings.Join(labels, sep))
	return c
}

// leaves calls f for each condition that asks a window.
func (c *Condition) leaves(f func(*Condition)) {
	if c.typ != nil {
		f(c)
	}
	for _, p := range c.parts {
		p.leaves(f)
	}
}

// window returns what a leaf reads.
func (c *Condition) window() (*bind.Window, []error) { return bind.Of(c.typ, bind.Result) }

// A Matcher chooses errors for OnError.
type Matcher struct {
	label string
	match func(error) bool
}

// AnyError matches every error that can take an error route.
var AnyError = &Matcher{"any error", func(error) bool { return true }}

// Is matches errors that are target, by errors.Is. After a restart it still does if the graph registers target with
// Sentinels.
func Is(target error) *Matcher {
	if target == nil {
		return &Matcher{}
	}
	return &Matcher{"error " + target.Error(), func(err error) bool { return errors.Is(err, target) }}
}

// As matches errors that have an E in their tree, by errors.As.
func As[E error]() *Matcher {
	return &Matcher{"error " + reflect.TypeFor[E]().String(), func(err error) bool {
		_, ok := errors.AsType[E](err)
		return ok
	}}
}

// Match matches the errors for which pred holds. The label says to people which they are.
func Match(label string, pred func(error) bool) *Matcher { return &Matcher{label, pred} }
