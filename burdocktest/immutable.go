package burdocktest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/burdock-go/burdock"
)

// Immutable finds who writes to values that are shared. What an action gets belongs to the state, to other branches and
// to later steps, so an action that sorts a slice it was given or adds to a map changes what others see. Slices, maps and
// what pointers lead to are compared before and after each step and in the end, of all states and inputs that the steps
// of the root and of all branches have had. The test fails with the step, the key, the place inside of the value, and
// what stood there before.
//
// A value that a type with a marshaler holds for itself counts as changed when it is written otherwise. The end is that
// of the run, or, in an application that the test runs by itself, that of the test. Until then all values are kept.
func Immutable(t testing.TB) burdock.Middleware {
	l := &ledger{reports: &reports{t: t, name: "Immutable"}, regions: map[place]*region{}}
	t.Cleanup(l.end)
	return func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, c *burdock.StepCall) error {
			inputs := c.Inputs()
			sp := l.begin(c, inputs)
			defer l.after(sp, c, inputs)
			return next(ctx, c)
		}
	}
}

// A ledger knows all shared memory that steps have been given or have written, and when it was last what it was.
type ledger struct {
	reports *reports

	mu      sync.Mutex
	clock   int64
	spans   []*span // of all steps, in the order in which they began
	regions map[place]*region
	order   []*region
	loose   []*region // values that hold references in memory of their own
	ended   bool
}

// A span is when a step ran.
type span struct {
	step  burdock.StepInfo
	end   int64     // 0: it runs
	loose []*region // of what it was given
}

// A place is memory that several values may share. Slices that begin at one element are one place, however long.
type place struct {
	at  unsafe.Pointer
	typ reflect.Type
}

// A region is the memory of a place.
type region struct {
	v      reflect.Value   // keeps the memory, so that the place stays its own
	parts  []image         // what it held
	keys   []reflect.Value // of a map
	what   string          // how it was met first: the key or input
	path   string          // and the way from there
	origin string          // who wrote it
	good   int64           // when it was last as it was before
	looked int64           // the last pass that came here
}

// begin notes that a step begins.
func (l *ledger) begin(c *burdock.StepCall, inputs burdock.State) *span {
	l.mu.Lock()
	defer l.mu.Unlock()
	sp := &span{step: c.StepInfo}
	sp.loose = append(l.pass(c.Before(), "key", "what "+c.Path+" began with"), l.pass(inputs, "input", "an input of "+stepText(&c.StepInfo))...)
	l.clock++
	l.spans = append(l.spans, sp)
	return sp
}

// after notes that a step has ended, whatever it came to.
func (l *ledger) after(sp *span, c *burdock.StepCall, inputs burdock.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	end := l.clock + 1 // what is looked at from here on is looked at after it
	l.pass(c.Before(), "key", "")
	l.pass(inputs, "input", "")
	for _, r := range sp.loose {
		l.check(r)
	}
	l.loose = append(l.loose, l.pass(c.After(), "key", stepText(&c.StepInfo))...)
	sp.end, sp.loose = end, nil
}

// end looks at everything once more.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	for _, r := range slices.Concat(l.order, l.loose) {
		l.check(r)
	}
	l.ended, l.order, l.loose, l.regions = true, nil, nil, nil
}

// pass looks at all memory that a state leads to. It returns values that may change although no reference does.
func (l *ledger) pass(s burdock.State, kind, origin string) (loose []*region) {
	if l.ended {
		return nil
	}
	l.clock++
	for key := range s.Keys() {
		value, _ := s.Value(key)
		v := reflect.ValueOf(value)
		what := fmt.Sprintf("%s %q", kind, key)
		c := &camera{}
		im := c.take(v, "")
		if im.loose() {
			loose = append(loose, &region{v: boxed(v), parts: []image{im}, what: what, origin: origin, good: l.clock})
		}
		l.follow(c.found, what, origin)
	}
	return loose
}

// loose reports whether memory of the value's own says by a marshaler, or in unexported fields, what stands elsewhere.
func (im *image) loose() bool {
	if im.typ == nil || im.typ == reflect.TypeFor[time.Time]() || !refers(im.typ) {
		return false
	}
	if _, written := im.leaf.(string); written && im.typ.Kind() != reflect.String {
		return true
	}
	if !im.val.IsValid() && len(im.kids) > 0 && (im.typ.Kind() == reflect.Slice || im.typ.Kind() == reflect.Map || im.typ.Kind() == reflect.Pointer) {
		return true
	}
	return slices.ContainsFunc(im.kids, func(k image) bool { return k.loose() })
}

// refers reports whether values of the type can lead to other memory than their own that somebody can write to.
func refers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return true
	case reflect.Array:
		return refers(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if refers(f.Type) {
				return true
			}
		}
	}
	return false
}

// boxed returns a pointer to a copy of the value.
func boxed(v reflect.Value) reflect.Value {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p
}

// follow looks at the memory that references lead to, and at what that leads to.
func (l *ledger) follow(found []target, what, origin string) {
	for len(found) > 0 {
		next := found[len(found)-1]
		found = append(found[:len(found)-1], l.look(next, what, origin)...)
	}
}

// look looks at one place and returns where it leads to.
func (l *ledger) look(to target, what, origin string) []target {
	typ := to.v.Type()
	if typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	at := place{to.v.UnsafePointer(), typ}
	r := l.regions[at]
	switch {
	case r == nil:
		r = &region{v: to.v, what: what, path: to.path, origin: origin, good: l.clock, looked: l.clock}
		l.regions[at] = r
		l.order = append(l.order, r)
		c := &camera{}
		if to.v.Kind() == reflect.Map {
			r.keys = sortedKeys(to.v)
		}
		r.parts = c.parts(to.v, to.path, r.keys)
		return c.found
	case r.looked == l.clock && (to.v.Kind() != reflect.Slice || to.v.Len() <= r.v.Len()):
		return nil
	}
	r.looked = l.clock
	found := l.check(r)
	if to.v.Kind() == reflect.Slice && to.v.Len() > r.v.Len() {
		found = r.grow(to)
	}
	return found
}

// grow takes in the elements of a longer slice of the same memory.
func (r *region) grow(to target) []target {
	c := &camera{}
	r.v, r.parts = to.v, c.parts(to.v, to.path, nil)
	return c.found
}

// check compares a region with what it held.
func (l *ledger) check(r *region) []target {
	c := &camera{}
	keys := r.keys
	if r.v.Kind() == reflect.Map {
		keys = mapKeys(r.keys, r.v)
	}
	was := r.parts
	parts := c.parts(r.v, r.path, keys)
	for i := range parts {
		old, path := image{}, r.path
		if i < len(was) {
			old = was[i]
		}
		switch {
		case r.v.Kind() == reflect.Map:
			path += entry(keys[i])
		case r.v.Kind() == reflect.Slice && r.v.Type().Elem().Kind() != reflect.Uint8:
			path += index(i)
		}
		old.diff(&parts[i], path, func(path, old, got string) { l.report(r, path, old, got) })
	}
	r.parts, r.keys, r.good = parts, keys, l.clock
	return c.found
}

// report tells of a change.
func (l *ledger) report(r *region, path, old, got string) {
	if l.reports.full() {
		return
	}
	at := ""
	if path != "" {
		at = " at " + path
	}
	of := ""
	if r.origin != "" {
		of = "; it is of " + r.origin
	}
	l.reports.add(fmt.Sprintf("%s%s was %s and is %s: it was written to %s%s", r.what, at, old, got, l.when(r.good), of))
}

// maxSuspects bounds how many steps are named.
const maxSuspects = 5

// when says what ran since the moment.
func (l *ledger) when(since int64) string {
	var leaves, around []string
	var last *span
	for _, sp := range l.spans {
		if sp.end != 0 && sp.end <= since {
			last = sp
			continue
		}
		if l.surrounds(sp, since) {
			around = append(around, stepText(&sp.step))
		} else {
			leaves = append(leaves, stepText(&sp.step))
		}
	}
	switch {
	case len(leaves) == 1 && len(around) == 0:
		return "while " + leaves[0] + " ran"
	case len(leaves) > 0 || len(around) > 0:
		return "while one of these ran: " + list(append(leaves, around...))
	case last != nil:
		return "after " + stepText(&last.step) + " had ended: by a condition, or by what a function has left running"
	}
	return "before the first step"
}

func list(names []string) string {
	if more := len(names) - maxSuspects; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxSuspects], ", "), more)
	}
	return strings.Join(names, ", ")
}

// surrounds reports whether a branch of the step ran since the moment.
func (l *ledger) surrounds(sp *span, since int64) bool {
	below := fmt.Sprintf("%s/%s#%d/", sp.step.Path, sp.step.Action, sp.step.Seq)
	return slices.ContainsFunc(l.spans, func(other *span) bool {
		return strings.HasPrefix(other.step.Path, below) && (other.end == 0 || other.end > since)
	})
}
