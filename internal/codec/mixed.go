package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// mixed writes a value that has a Custom somewhere inside. encoding/json has
// no way to hand parts of a value to someone else, so this file walks down
// to the customs itself, by the same rules, and gives what has none to it.
func (w *writer) mixed(c *Type, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	switch c.shape {
	case custom:
		return w.custom(c.custom, v)
	case pointer:
		return w.pointer(c, v, depth)
	case list:
		return w.list(c, v, depth)
	case mapping:
		return w.mapping(c, v, depth)
	}
	return w.structure(c, v, depth)
}

func (w *writer) custom(c *Custom, v reflect.Value) (err error) {
	defer recovered(&err)
	data, err := c.Encode(v)
	if err != nil {
		return here(err)
	}
	if err := json.Compact(&w.buf, data); err != nil {
		return fmt.Errorf("the Codec of %v wrote invalid JSON: %w", c.Type, err)
	}
	return nil
}

func (w *writer) pointer(c *Type, v reflect.Value, depth int) error {
	if v.IsNil() {
		w.buf.Write(null)
		return nil
	}
	start := w.buf.Len()
	if err := w.value(c.elem, v.Elem(), depth); err != nil {
		return err
	}
	if bytes.Equal(w.buf.Bytes()[start:], null) {
		return errNull
	}
	return nil
}

func (w *writer) list(c *Type, v reflect.Value, depth int) error {
	if v.Kind() == reflect.Slice && v.IsNil() {
		w.buf.Write(null)
		return nil
	}
	w.buf.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			w.buf.WriteByte(',')
		}
		if err := w.value(c.elem, v.Index(i), depth+1); err != nil {
			return within(indexStep(i), err)
		}
	}
	w.buf.WriteByte(']')
	return nil
}

// An entry is one element of a map under the text of its key.
type entry struct {
	key   string
	value reflect.Value
}

func (w *writer) mapping(c *Type, v reflect.Value, depth int) error {
	if v.IsNil() {
		w.buf.Write(null)
		return nil
	}
	entries, err := entriesOf(v)
	if err != nil {
		return err
	}
	w.buf.WriteByte('{')
	for i, e := range entries {
		if err := w.name(e.key, i == 0); err != nil {
			return err
		}
		if err := w.value(c.elem, addressable(e.value), depth+1); err != nil {
			return within(keyStep(e.key), err)
		}
	}
	w.buf.WriteByte('}')
	return nil
}

// entriesOf returns the elements of a map in the order of their keys.
func entriesOf(v reflect.Value) ([]entry, error) {
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := keyText(it.Key())
		if err := validText(key, err); err != nil {
			return nil, within(keyStep(key), err)
		}
		entries = append(entries, entry{key, it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return entries, nil
}

func (w *writer) name(name string, first bool) error {
	if !first {
		w.buf.WriteByte(',')
	}
	if err := w.json(name); err != nil {
		return err
	}
	return w.buf.WriteByte(':')
}

func (w *writer) structure(c *Type, v reflect.Value, depth int) error {
	w.buf.WriteByte('{')
	first := true
	if err := w.parts(c, v, depth, &first); err != nil {
		return err
	}
	w.buf.WriteByte('}')
	return nil
}

func (w *writer) parts(c *Type, v reflect.Value, depth int, first *bool) error {
	for i := range c.parts {
		p := &c.parts[i]
		if err := w.part(p, v.Field(p.index), depth, first); err != nil {
			return within(p.goName, err)
		}
	}
	return nil
}

func (w *writer) part(p *part, v reflect.Value, depth int, first *bool) error {
	switch {
	case p.flattened && v.Kind() == reflect.Struct:
		return w.parts(p.of, v, depth, first)
	case p.flattened && v.IsNil():
		return nil
	case p.flattened:
		return w.parts(p.of.elem, v.Elem(), depth, first)
	case p.omits(v):
		return nil
	}
	if err := w.name(p.name, *first); err != nil {
		return err
	}
	*first = false
	if p.quoted {
		return w.quoted(p.of, v, depth)
	}
	return w.value(p.of, v, depth+1)
}

// quoted writes a value inside a string, as the option ",string" asks.
func (w *writer) quoted(c *Type, v reflect.Value, depth int) error {
	start := w.buf.Len()
	if err := w.value(c, v, depth+1); err != nil {
		return err
	}
	inner := string(w.buf.Bytes()[start:])
	if inner == "null" {
		return nil
	}
	w.buf.Truncate(start)
	return w.json(inner)
}
