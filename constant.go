package burdock

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/burdock-go/burdock/internal/bind"
)

// constant returns value as one of type t. A value of another type is taken if it is what an untyped constant becomes
// when nobody says its type, and fits.
func constant(value any, t reflect.Type) (reflect.Value, error) {
	v := reflect.ValueOf(value)
	into := reflect.New(t).Elem()
	switch {
	case !v.IsValid():
		return into, fmt.Errorf("nil is no %s", t)
	case v.Type().AssignableTo(t):
		into.Set(v)
		clip(into)
		return into, nil
	case untyped(v.Type()) && fits(v, into):
		into.Set(v.Convert(t))
		return into, nil
	}
	return into, fmt.Errorf("a value of type %s is no %s", v.Type(), t) // not the value itself, which may be secret
}

func untyped(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[float64](), reflect.TypeFor[bool]():
		return true
	}
	return false
}

// fits reports whether the constant v can be converted to the type of t without a change of its value.
func fits(v, t reflect.Value) bool {
	switch {
	case v.Kind() == t.Kind():
		return true
	case v.CanInt() && t.CanInt():
		return !t.OverflowInt(v.Int())
	case v.CanInt() && t.CanUint():
		return v.Int() >= 0 && !t.OverflowUint(uint64(v.Int()))
	case v.CanInt() && t.CanFloat():
		return int64(float64(v.Int())) == v.Int()
	case v.CanFloat() && t.CanFloat():
		return !t.OverflowFloat(v.Float())
	}
	return false
}

func windowName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}

func inputNames(w *bind.Window) []string {
	var names []string
	for _, f := range w.Fields {
		if f.Input {
			names = append(names, f.Name)
		}
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// oneOf ends an error text about an unknown name with those that are known.
func oneOf(names []string) string {
	if len(names) == 0 {
		return "; it has none"
	}
	return "; it has " + strings.Join(names, ", ")
}
