package burdocktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/burdock-go/burdock"
)

// A difference is one place in which two values differ.
type difference struct {
	path     string // inside of the value; "" is the whole
	old, got string
}

func (d difference) String() string {
	if d.path == "" {
		return d.old + " and " + d.got
	}
	return fmt.Sprintf("%s: %s and %s", d.path, d.old, d.got)
}

// maxDifferences bounds how many differences of one value are told.
const maxDifferences = 5

// differences says in which keys, and where in them, two states differ.
func differences(a, b burdock.State) []string {
	var out []string
	for _, key := range slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, s := range []burdock.State{a, b} {
			for key := range s.Keys() {
				if !yield(key) {
					return
				}
			}
		}
	})) {
		x, hasX := a.Value(key)
		y, hasY := b.Value(key)
		switch {
		case !hasX:
			out = append(out, fmt.Sprintf("key %q differs: no value and %s", key, textOf(reflect.ValueOf(y))))
		case !hasY:
			out = append(out, fmt.Sprintf("key %q differs: %s and no value", key, textOf(reflect.ValueOf(x))))
		default:
			for _, d := range compare(x, y) {
				out = append(out, fmt.Sprintf("key %q differs: %s", key, d))
			}
		}
	}
	return out
}

// compare returns the places in which two values differ. They are equal by the rules of the store: like
// reflect.DeepEqual, but times by instant and offset, and failures without their live errors.
func compare(a, b any) []difference {
	c := &comparing{seen: map[[2]unsafe.Pointer]bool{}}
	c.values(reflect.ValueOf(a), reflect.ValueOf(b), "")
	return c.found
}

type comparing struct {
	seen  map[[2]unsafe.Pointer]bool // pairs of pointers, so that a cycle ends
	found []difference
}

func (c *comparing) differ(a, b reflect.Value, path string) {
	if len(c.found) < maxDifferences {
		c.found = append(c.found, difference{path, textOf(a), textOf(b)})
	}
}

func (c *comparing) values(a, b reflect.Value, path string) {
	switch {
	case len(c.found) >= maxDifferences:
		return
	case !a.IsValid() || !b.IsValid() || a.Type() != b.Type():
		if a.IsValid() || b.IsValid() {
			c.differ(a, b, path)
		}
		return
	}
	switch a.Kind() {
	case reflect.Struct:
		c.structs(a, b, path)
	case reflect.Slice, reflect.Array:
		c.lists(a, b, path)
	case reflect.Map:
		c.maps(a, b, path)
	case reflect.Pointer, reflect.Interface:
		switch {
		case a.IsNil() || b.IsNil():
			if a.IsNil() != b.IsNil() {
				c.differ(a, b, path)
			}
		case a.Kind() == reflect.Interface || c.enter(a, b):
			c.values(a.Elem(), b.Elem(), path)
		}
	default:
		if !sameScalar(a, b) {
			c.differ(a, b, path)
		}
	}
}

// enter reports whether a pair of references is met for the first time and leads to two places.
func (c *comparing) enter(a, b reflect.Value) bool {
	pair := [2]unsafe.Pointer{a.UnsafePointer(), b.UnsafePointer()}
	if pair[0] == pair[1] || c.seen[pair] {
		return false
	}
	c.seen[pair] = true
	return true
}

func (c *comparing) structs(a, b reflect.Value, path string) {
	if a.CanInterface() && b.CanInterface() {
		switch x := a.Interface().(type) {
		case time.Time:
			y, _ := reflect.TypeAssert[time.Time](b)
			_, offX := x.Zone()
			_, offY := y.Zone()
			if !x.Equal(y) || offX != offY {
				c.differ(a, b, path)
			}
			return
		case burdock.Failure:
			if !bytes.Equal(asJSON(x), asJSON(b.Interface())) {
				c.differ(a, b, path)
			}
			return
		}
	}
	for i := range a.NumField() {
		c.values(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name)
	}
}

func (c *comparing) lists(a, b reflect.Value, path string) {
	if a.Len() != b.Len() || a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() {
		c.differ(a, b, path)
		return
	}
	for i := range a.Len() {
		c.values(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (c *comparing) maps(a, b reflect.Value, path string) {
	if a.IsNil() != b.IsNil() {
		c.differ(a, b, path)
		return
	}
	if !a.IsNil() && !c.enter(a, b) {
		return
	}
	for _, k := range sortedKeys(a) {
		c.values(a.MapIndex(k), b.MapIndex(k), path+"["+textOf(k)+"]")
	}
	for _, k := range sortedKeys(b) {
		if !a.MapIndex(k).IsValid() {
			c.values(reflect.Value{}, b.MapIndex(k), path+"["+textOf(k)+"]")
		}
	}
}

// sortedKeys returns a map's keys in the order of their texts.
func sortedKeys(m reflect.Value) []reflect.Value {
	byText := map[string][]reflect.Value{}
	for _, k := range m.MapKeys() {
		byText[textOf(k)] = append(byText[textOf(k)], k)
	}
	var keys []reflect.Value
	for _, text := range slices.Sorted(maps.Keys(byText)) {
		keys = append(keys, byText[text]...)
	}
	return keys
}

// scalar returns what a value without parts is, also one of an unexported field.
func scalar(v reflect.Value) any {
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.CanFloat():
		return v.Float()
	case v.CanComplex():
		return v.Complex()
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.Kind() == reflect.String:
		return v.String()
	}
	return v.UnsafePointer() // of channels and functions
}

func sameScalar(a, b reflect.Value) bool {
	x, y := scalar(a), scalar(b)
	return x == y || x != x && y != y // NaN is NaN
}

// maxText bounds how much of a value is shown, in bytes.
const maxText = 120

// textOf shows a value in a message.
func textOf(v reflect.Value) string {
	if !v.IsValid() {
		return "nothing"
	}
	text := ""
	if v.CanInterface() {
		text = string(asJSON(v.Interface()))
	}
	if text == "" {
		text = fmt.Sprintf("%+v", v)
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// asJSON is a value as JSON for people, or nil.
func asJSON(v any) (data []byte) {
	defer func() {
		if recover() != nil { // a marshaler's
			data = nil
		}
	}()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
