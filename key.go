package burdock

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/burdock-go/burdock/internal/bind"
)

// A Key is typed access to one key of a State outside a window. The conversion of its name makes one:
//
//	const history burdock.Key[[]Message] = "history"
type Key[T any] string

// An AnyKey is a Key of any type. Raw declares what it reads and writes with them.
type AnyKey interface {
	keyName() string
	keyType() reflect.Type
}

func (k Key[T]) keyName() string       { return string(k) }
func (k Key[T]) keyType() reflect.Type { return reflect.TypeFor[T]() }

// Get returns the value of the key and whether it has one of type T.
func (k Key[T]) Get(s State) (T, bool) {
	var zero T
	if !s.seen.mayRead(string(k)) {
		return zero, false
	}
	v, _ := s.lookup(string(k))
	if !v.set() || v.v.Type() != reflect.TypeFor[T]() {
		return zero, false
	}
	value, _ := reflect.TypeAssert[T](v.v) // a nil interface is no T to Go, but the zero T to us
	return value, true
}

// Set returns a State in which the key has the value v.
func (k Key[T]) Set(s State, v T) State {
	p := reflect.New(reflect.TypeFor[T]())
	p.Elem().Set(reflect.ValueOf(&v).Elem())
	clip(p.Elem())
	return s.change(k, op{kind: OpSet, v: p.Elem()})
}

// Delete returns a State in which the key has no value.
func (k Key[T]) Delete(s State) State { return s.change(k, op{kind: OpDelete}) }

// Append returns a State in which the list of the key has more elements. A list that is absent begins with them.
func Append[T any](s State, list Key[[]T], more ...T) State {
	return s.change(list, op{kind: OpAppend, v: reflect.ValueOf(slices.Clip(slices.Clone(more)))})
}

// An op is one change that a Key made to a State. Changes form a chain that ends where the State was given out.
type op struct {
	prev *op
	key  string
	kind Op
	v    reflect.Value
}

func (s State) change(k AnyKey, o op) State {
	if why := bind.BadName(k.keyName()); why != "" && s.err == nil {
		s.err = fmt.Errorf("key %q: its name %s", k.keyName(), why)
	}
	sch := s.sch
	if sch == nil {
		sch = newSchema()
	}
	extra := newSchema()
	extra.add(k.keyName(), k.keyType())
	sch = sch.with(extra)
	s = State{sch: sch, vals: State{sch: sch, vals: s.vals}.copied(), ops: s.ops, seen: s.seen, err: s.err}
	i := sch.index[k.keyName()]
	if sch.keys[i].typ != k.keyType() && s.err == nil {
		s.err = fmt.Errorf("key %q is a %s, not a %s", k.keyName(), sch.keys[i].typ, k.keyType())
		return s
	}
	switch o.kind {
	case OpSet:
		s.vals[i] = slot{v: o.v}
	case OpAppend:
		s.vals[i] = appendList(s.vals[i], o.v)
	case OpDelete:
		s.vals[i] = slot{}
	}
	o.prev, o.key = s.ops, k.keyName()
	s.ops = &o
	return s
}

// A guard says which keys a Raw action may read, and remembers the first one that it read without having said so.
type guard struct {
	reads    map[string]bool
	violated string
}

// allows reports whether the key may be read.
func (g *guard) allows(key string) bool { return g == nil || g.reads[key] }

// mayRead is allows for who asks for that very key.
func (g *guard) mayRead(key string) bool {
	if g.allows(key) {
		return true
	}
	if g.violated == "" {
		g.violated = key
	}
	return false
}

// StateOf makes a State from a window: a struct with state tags. What is wrong with the struct is reported by New, or
// by whoever else is given the State.
func StateOf(window any) State {
	v := reflect.ValueOf(window)
	if !v.IsValid() {
		return State{err: fmt.Errorf("StateOf: nil is no window")}
	}
	w, found := bind.Of(v.Type(), bind.Begin)
	errs := slices.Clone(found)
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	sch := newSchema()
	for i := range w.Fields {
		if f := &w.Fields[i]; !f.Input {
			sch.add(f.Name, f.Type)
		}
	}
	s := State{sch: sch, vals: make([]slot, len(sch.keys))}
	for i := range w.Fields {
		f := &w.Fields[i]
		fv := f.Value(p.Elem())
		switch {
		case f.Input && !fv.IsZero():
			errs = append(errs, fmt.Errorf("field %s of window %s is input %q, which is no part of a state; give it with Given", f.Go, windowName(w.Type), f.Name))
		case !f.Input && (!f.OmitZero || !fv.IsZero()):
			clip(fv)
			s.vals[sch.index[f.Name]] = slot{v: fv}
		}
	}
	s.err = joined("StateOf", errs)
	return s
}

// clip sets the capacity of a slice to its length, so that no two holders share an append. It does so for the slices
// that v itself holds, in fields and arrays; what v leads to is shared memory and is left alone.
func clip(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		if v.Cap() > v.Len() && v.CanSet() {
			v.SetCap(v.Len())
		}
	case reflect.Struct:
		if holdsSlices(v.Type()) {
			for _, f := range v.Fields() {
				clip(f)
			}
		}
	case reflect.Array:
		if holdsSlices(v.Type()) {
			for i := range v.Len() {
				clip(v.Index(i))
			}
		}
	}
}

var holders sync.Map // reflect.Type → bool

// holdsSlices reports whether a struct or array has slices in its own memory.
func holdsSlices(t reflect.Type) bool {
	if held, ok := holders.Load(t); ok {
		return held.(bool)
	}
	held := t.Kind() == reflect.Slice
	switch t.Kind() {
	case reflect.Struct:
		for f := range t.Fields() {
			held = held || holdsSlices(f.Type)
		}
	case reflect.Array:
		held = holdsSlices(t.Elem())
	}
	holders.Store(t, held)
	return held
}

// View reads a window from a State. It fails if T is no window, or if a key that is not optional is absent or of another
// type, naming all of them.
func View[T any](s State) (T, error) {
	var out T
	if s.err != nil {
		return out, s.err
	}
	w, found := bind.Of(reflect.TypeFor[T](), bind.Result)
	errs := slices.Clone(found) // which is shared
	v := reflect.ValueOf(&out).Elem()
	for i := range w.Fields {
		f := &w.Fields[i]
		if !s.seen.mayRead(f.Name) {
			errs = append(errs, fmt.Errorf("key %q was not declared as read", f.Name))
			continue
		}
		got, _ := s.lookup(f.Name)
		switch {
		case got.set() && got.v.Type() == f.Type:
			f.Value(v).Set(got.v)
		case got.set():
			errs = append(errs, fmt.Errorf("key %q is a %s, but field %s is a %s", f.Name, got.v.Type(), f.Go, f.Type))
		case !f.Optional:
			errs = append(errs, fmt.Errorf("key %q of field %s has no value; nothing wrote it, or mark the field optional", f.Name, f.Go))
		}
	}
	return out, joined("View", errs)
}
