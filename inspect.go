package burdock

import (
	"fmt"
	"reflect"

	"github.com/burdock-go/burdock/internal/codec"
)

// inspect.go is for tools that look at states without knowing their types; package burdocktest is one.

// Value returns the value of the key, whatever its type, and whether it has one. Like all values of a State it is shared
// and must not be written to.
func (s State) Value(key string) (value any, ok bool) {
	if !s.seen.mayRead(key) {
		return nil, false
	}
	v, _ := s.lookup(key)
	if !v.set() {
		return nil, false
	}
	return v.value(), true
}

// Recoded returns the value of the key as a later process would find it: encoded like for a store, with the Codecs of the
// graph that the State belongs to, and decoded again. It fails if the key has no value or if either half fails.
func (s State) Recoded(key string) (any, error) {
	if !s.Has(key) {
		return nil, fmt.Errorf("key %q has no value", key)
	}
	v, i := s.lookup(key)
	k := &s.sch.keys[i]
	if k.foreign() {
		return v.value(), nil // kept as it was stored
	}
	c := k.codec
	if c == nil { // of no graph yet
		c = codec.NewSet().For(v.v.Type())
	}
	data, err := c.Encode(v.v)
	if err != nil {
		return nil, fmt.Errorf("key %q cannot be encoded: %w", key, err)
	}
	again := reflect.New(v.v.Type()).Elem()
	if err := c.Decode(data, again); err != nil {
		return nil, fmt.Errorf("key %q cannot be decoded: %w", key, err)
	}
	return again.Interface(), nil
}

// Inputs returns what the step was given from outside, bindings included, as a State: the names of inputs are its keys.
// Secret inputs and the failure that an error route handles are left out.
func (s *StepCall) Inputs() State {
	sch := newSchema()
	in := State{sch: sch}
	if s.node == nil {
		return in
	}
	for i := range s.node.inputs {
		f := &s.node.inputs[i]
		if f.field.Secret || f.field.Name == failureInput || i >= len(s.args) || !s.args[i].IsValid() {
			continue
		}
		sch.keys[sch.add(f.field.Name, f.field.Type)].codec = f.codec
		in.vals = append(in.vals, slot{v: s.args[i]})
	}
	return in
}
