package codec

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	errNotUTF8 = errors.New("the JSON is not valid UTF-8")
	errArray   = errors.New("the JSON array has more elements than the Go array")
)

// Decode stores the normalized value of what Encode returned in into, which
// is settable and of c's type; what into held is lost. Decode does not keep
// data. On an error into holds no more than part of the value.
//
// JSON that Encode did not write is read as encoding/json reads it: names
// without a field are ignored and fields without a name stay zero, even a
// RawMessage.
func (c *Type) Decode(data []byte, into reflect.Value) error {
	if into.Type() != c.typ || !into.CanSet() {
		return fmt.Errorf("a codec of %v cannot decode into a %v", c.typ, into.Type())
	}
	into.SetZero()
	if !utf8.Valid(data) {
		return located(errNotUTF8)
	}
	if !c.plain() && nesting(data) > maxDepth {
		return located(errDeep)
	}
	if err := c.guarded(data, into); err != nil {
		return located(err)
	}
	if rough, err := c.survey(into, 0); rough || err != nil {
		c.fix(into)
	}
	return nil
}

// guarded is read, with panics of marshalers as errors.
func (c *Type) guarded(data []byte, v reflect.Value) (err error) {
	defer recovered(&err)
	return c.read(data, v)
}

// read decodes into v, which is zero.
func (c *Type) read(data []byte, v reflect.Value) error {
	if c.plain() {
		return here(json.Unmarshal(data, v.Addr().Interface()))
	}
	if c.shape == custom {
		return here(c.custom.Decode(data, v))
	}
	if string(data) == "null" {
		return nil
	}
	switch c.shape {
	case pointer:
		v.Set(reflect.New(c.elem.typ))
		return c.elem.read(data, v.Elem())
	case list:
		return c.readList(data, v)
	case mapping:
		return c.readMap(data, v)
	}
	return c.readStruct(data, v)
}

func (c *Type) readList(data []byte, v reflect.Value) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		return err
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(c.typ, len(elements), len(elements)))
	}
	if len(elements) > v.Len() {
		return errArray
	}
	for i, e := range elements {
		if err := c.elem.read(e, v.Index(i)); err != nil {
			return within(indexStep(i), err)
		}
	}
	return nil
}

func (c *Type) readMap(data []byte, v reflect.Value) error {
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		return err
	}
	v.Set(reflect.MakeMapWithSize(c.typ, len(entries)))
	for text, data := range entries {
		key, value := reflect.New(c.typ.Key()).Elem(), reflect.New(c.elem.typ).Elem()
		err := readKey(text, key)
		if err == nil {
			err = c.elem.read(data, value)
		}
		if err != nil {
			return within(keyStep(text), err)
		}
		v.SetMapIndex(key, value)
	}
	return nil
}

// readKey is the inverse of keyText.
func readKey(text string, k reflect.Value) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](k.Addr()); ok {
		return here(u.UnmarshalText([]byte(text)))
	}
	if k.Kind() == reflect.String {
		k.SetString(text)
		return nil
	}
	if k.CanInt() {
		n, err := strconv.ParseInt(text, 10, k.Type().Bits())
		k.SetInt(n)
		return err
	}
	n, err := strconv.ParseUint(text, 10, k.Type().Bits())
	k.SetUint(n)
	return err
}

func (c *Type) readStruct(data []byte, v reflect.Value) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	_, err := c.readParts(object, v)
	return err
}

// readParts fills the fields of v that the object names, those of embedded
// structs among them, and reports whether there were any.
func (c *Type) readParts(object map[string]json.RawMessage, v reflect.Value) (found bool, err error) {
	for i := range c.parts {
		p := &c.parts[i]
		ok, err := p.read(object, v.Field(p.index))
		if err != nil {
			return false, within(p.goName, err)
		}
		found = found || ok
	}
	return found, nil
}

func (p *part) read(object map[string]json.RawMessage, v reflect.Value) (found bool, err error) {
	if p.flattened {
		return p.readFlattened(object, v)
	}
	data, ok := lookUp(object, p.name)
	if !ok {
		return false, nil
	}
	var inner string
	if p.quoted && string(data) != "null" {
		if err := json.Unmarshal(data, &inner); err != nil {
			return false, err
		}
		data = json.RawMessage(inner)
	}
	return true, p.of.read(data, v)
}

// readFlattened sets an embedded pointer only if a field behind it is named.
func (p *part) readFlattened(object map[string]json.RawMessage, v reflect.Value) (found bool, err error) {
	if v.Kind() == reflect.Struct {
		return p.of.readParts(object, v)
	}
	n := reflect.New(p.of.elem.typ)
	found, err = p.of.elem.readParts(object, n.Elem())
	if found {
		v.Set(n)
	}
	return found, err
}

// lookUp finds a name as encoding/json does: exactly, or else without regard
// to case. Of several such names it takes the first by sorting, so that all
// readers agree.
func lookUp(object map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	if data, ok := object[name]; ok {
		return data, true
	}
	for _, other := range slices.Sorted(maps.Keys(object)) {
		if strings.EqualFold(other, name) {
			return object[other], true
		}
	}
	return nil, false
}
