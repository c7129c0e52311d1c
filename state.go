package burdock

import (
	"iter"
	"reflect"

	"github.com/burdock-go/burdock/internal/codec"
)

// A State is an immutable set of named values. What changes it makes a new State; the values themselves are shared and
// must not be written to. The zero State is empty.
//
// Actions see a State through their windows. Outside of actions read one with View or a Key:
//
//	chat, err := burdock.View[chat](out.State)
//	history, ok := messages.Get(out.State)
type State struct {
	sch  *schema
	vals []slot
	ops  *op    // what Keys changed since the State was given out, the latest first
	seen *guard // which keys may be read; nil for all
	err  error  // why StateOf could not make it
}

// A slot holds one value of a state. Its Value points into the struct that wrote it, so a slot costs no boxing; it is
// the zero Value if the key is absent. A list that was appended to also has its tail, see list.go.
type slot struct {
	v    reflect.Value
	tail *tail
}

// set reports whether the key has a value.
func (s slot) set() bool { return s.v.IsValid() }

// A schema gives each key of a graph a place in a state. It is immutable.
type schema struct {
	keys  []keyType
	index map[string]int
}

type keyType struct {
	name  string
	typ   reflect.Type
	list  bool        // some action appends to it
	codec *codec.Type // nil in a schema that no graph has taken over yet
}

func newSchema() *schema { return &schema{index: map[string]int{}} }

// add gives name a place. It is called only while the schema is built.
func (s *schema) add(name string, t reflect.Type) int {
	i, ok := s.index[name]
	if !ok {
		i = len(s.keys)
		s.index[name] = i
		s.keys = append(s.keys, keyType{name: name, typ: t})
	}
	return i
}

// with returns a schema in which the keys of s keep their places and those of more follow.
func (s *schema) with(more *schema) *schema {
	missing := false
	for _, k := range more.keys {
		if _, ok := s.index[k.name]; !ok {
			missing = true
		}
	}
	if !missing {
		return s
	}
	n := newSchema()
	for _, k := range s.keys {
		n.grow(k)
	}
	for _, k := range more.keys {
		n.grow(k)
	}
	return n
}

// grow adds a key of another schema.
func (s *schema) grow(k keyType) {
	if _, ok := s.index[k.name]; !ok {
		s.index[k.name] = len(s.keys)
		s.keys = append(s.keys, k)
	}
}

// Keys yields the names of the keys that have a value, in no particular order of meaning but always in the same one.
func (s State) Keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, v := range s.vals {
			if v.set() && s.seen.allows(s.sch.keys[i].name) && !yield(s.sch.keys[i].name) {
				return
			}
		}
	}
}

// Has reports whether the key has a value.
func (s State) Has(key string) bool {
	v, _ := s.lookup(key)
	return s.seen.mayRead(key) && v.set()
}

func (s State) lookup(key string) (slot, int) {
	if s.sch == nil {
		return slot{}, -1
	}
	i, ok := s.sch.index[key]
	if !ok || i >= len(s.vals) {
		return slot{}, i
	}
	return s.vals[i], i
}

// value returns what the slot holds.
func (s slot) value() any { return s.v.Interface() }

// in returns the same values laid out by another schema, which has all of their keys.
func (s State) in(sch *schema) State {
	if s.sch == sch {
		return State{sch: sch, vals: s.vals}
	}
	vals := make([]slot, len(sch.keys))
	for i, v := range s.vals {
		if v.set() {
			vals[sch.index[s.sch.keys[i].name]] = v
		}
	}
	return State{sch: sch, vals: vals}
}

// copied returns the slots of s, to be written to.
func (s State) copied() []slot {
	vals := make([]slot, len(s.sch.keys))
	copy(vals, s.vals)
	return vals
}

// Equal reports whether both states hold the same keys with deeply equal values.
func (s State) Equal(t State) bool {
	n := 0
	for key := range s.Keys() {
		a, _ := s.lookup(key)
		b, _ := t.lookup(key)
		if !b.set() || !reflect.DeepEqual(a.value(), b.value()) {
			return false
		}
		n++
	}
	for range t.Keys() {
		n--
	}
	return n == 0
}
