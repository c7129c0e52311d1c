package burdock

import (
	"context"
	"fmt"
	"reflect"
	"slices"
)

// Raw makes an action of a function on whole states: the escape for actions whose keys are known at run time only. It
// declares the keys that it reads and writes. It returns the State it was given, changed by Key.Set, Key.Delete and
// Append. Reading or writing a key it did not declare fails the step.
func Raw(name string, reads, writes []AnyKey, f func(context.Context, State) (State, error)) *Action {
	s := &spec{raw: &rawSpec{reads: reads, writes: writes, f: f}}
	a := newAction(name, s, f == nil)
	for _, k := range slices.Concat(reads, writes) {
		if k == nil {
			a.failed("a nil key")
		}
	}
	return a
}

// ListOf collects keys for Raw.
func ListOf(keys ...AnyKey) []AnyKey { return keys }

type rawSpec struct {
	reads, writes []AnyKey
	f             func(context.Context, State) (State, error)
}

// call runs f on the declared part of the state and returns the chain of changes it made.
func (s *rawSpec) call(a *attempt) ([]op, error) {
	ctx := &stepContext{}
	if _, err := a.enter(ctx, reflect.Value{}); err != nil {
		return nil, err
	}
	given, g := s.given(a)
	out, err := s.f(ctx, given)
	switch {
	case err != nil:
		return nil, err
	case g.violated != "":
		return nil, fmt.Errorf("it read key %q, which it does not declare as read", g.violated)
	case out.err != nil:
		return nil, out.err
	}
	return s.changes(out, given.ops)
}

// given is the State that f sees: the declared keys by the action's own names.
func (s *rawSpec) given(a *attempt) (State, *guard) {
	g := &guard{reads: map[string]bool{}}
	sch := newSchema()
	for _, k := range s.reads {
		g.reads[k.keyName()] = true
		sch.add(k.keyName(), k.keyType())
	}
	for _, k := range s.writes {
		sch.add(k.keyName(), k.keyType())
	}
	vals := make([]slot, len(sch.keys))
	for i, k := range sch.keys {
		vals[i], _ = a.state.lookup(a.node.action.key(k.name))
	}
	return State{sch: sch, vals: vals, seen: g, ops: &op{}}, g
}

// changes returns what was done since the state was given out, in order.
func (s *rawSpec) changes(out State, base *op) ([]op, error) {
	writes := map[string]reflect.Type{}
	for _, k := range s.writes {
		writes[k.keyName()] = k.keyType()
	}
	var rev []op
	for o := out.ops; o != base; o = o.prev {
		if o == nil {
			return nil, fmt.Errorf("it returned a State that was not made from the one it was given")
		}
		if _, ok := writes[o.key]; !ok {
			return nil, fmt.Errorf("it wrote key %q, which it does not declare as written", o.key)
		}
		rev = append(rev, *o)
	}
	for i, j := 0, len(rev)-1; i < j; i, j = i+1, j-1 {
		rev[i], rev[j] = rev[j], rev[i]
	}
	return rev, nil
}
