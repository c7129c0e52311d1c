package codec

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a value. It is far above what anyone means,
// and far below the 10,000 levels at which encoding/json writes what it does
// not read.
const maxDepth = 1000

var (
	errDeep    = errors.New("nests deeper than 1000 levels, or contains itself")
	errUTF8    = errors.New("a string is not valid UTF-8; use []byte for bytes")
	errNotReal = errors.New("NaN and Inf have no JSON form")
	errNull    = errors.New("what a pointer leads to is written as null, which reads back as a nil pointer")
)

// beneath returns the depth of what is directly inside a c. A pointer is no
// level of its own, as it is none in JSON.
func (c *Type) beneath(depth int) int {
	if c.shape == pointer {
		return depth
	}
	return depth + 1
}

// each calls do for every value directly inside v. Fields that are left out
// of the JSON are passed over. The error of do gets the step from v prepended.
func (c *Type) each(v reflect.Value, do func(in *Type, v reflect.Value) error) error {
	switch c.shape {
	case pointer:
		if !v.IsNil() {
			return do(c.elem, v.Elem())
		}
	case list:
		return c.eachElement(v, do)
	case mapping:
		return c.eachEntry(v, do)
	case structure:
		return c.eachPart(v, do)
	}
	return nil
}

func (c *Type) eachElement(v reflect.Value, do func(*Type, reflect.Value) error) error {
	for i := range v.Len() {
		if err := do(c.elem, v.Index(i)); err != nil {
			return within(indexStep(i), err)
		}
	}
	return nil
}

func (c *Type) eachEntry(v reflect.Value, do func(*Type, reflect.Value) error) error {
	for it := v.MapRange(); it.Next(); {
		if err := do(c.elem, it.Value()); err != nil {
			return within(keyStep(keyLabel(it.Key())), err)
		}
	}
	return nil
}

func (c *Type) eachPart(v reflect.Value, do func(*Type, reflect.Value) error) error {
	for i := range c.parts {
		p := &c.parts[i]
		fv := v.Field(p.index)
		if p.omits(fv) {
			continue
		}
		if err := do(p.of, fv); err != nil {
			return within(p.goName, err)
		}
	}
	return nil
}

// inspect finds what encoding/json refuses without saying where, or writes
// other than it is without saying so. It is for values already under
// suspicion, and takes its time.
func (c *Type) inspect(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	if err := c.inspectSelf(v); err != nil {
		return err
	}
	return c.each(v, func(in *Type, v reflect.Value) error {
		return in.inspect(v, c.beneath(depth))
	})
}

func (c *Type) inspectSelf(v reflect.Value) error {
	switch c.shape {
	case text:
		return validText(v.String(), nil)
	case floating:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return errNotReal
		}
	case methodText:
		return validText(callText(v))
	case methodJSON:
		_, err := callJSON(v)
		return here(err)
	case pointer:
		return c.inspectPointer(v)
	case mapping:
		return inspectKeys(v)
	}
	return nil
}

// inspectPointer refuses a pointer to a value that writes itself as null.
func (c *Type) inspectPointer(v reflect.Value) error {
	if c.own&nullish == 0 || v.IsNil() {
		return nil
	}
	if data, err := callJSON(v.Elem()); err == nil && string(data) == "null" {
		return errNull
	}
	return nil
}

func inspectKeys(v reflect.Value) error {
	for it := v.MapRange(); it.Next(); {
		if err := validText(keyText(it.Key())); err != nil {
			return within(keyStep(keyLabel(it.Key())), err)
		}
	}
	return nil
}

func validText(s string, err error) error {
	if err == nil && !utf8.ValidString(s) {
		return errUTF8
	}
	return here(err)
}

// callText calls MarshalText and takes a panic for an error.
func callText(v reflect.Value) (s string, err error) {
	defer recovered(&err)
	b, err := addressable(v).Addr().Interface().(encoding.TextMarshaler).MarshalText()
	return string(b), err
}

// keyText returns what encoding/json writes for the key of a map.
func keyText(k reflect.Value) (string, error) {
	switch {
	case k.Kind() == reflect.String:
		return k.String(), nil
	case k.Type().Implements(textMarshaler):
		return callText(k)
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	}
	return strconv.FormatUint(k.Uint(), 10), nil
}

// keyLabel names a key in the path of an error.
func keyLabel(k reflect.Value) string {
	s, err := keyText(k)
	if err != nil {
		return k.Type().String()
	}
	return s
}

// timeOf returns the time in v, which is not behind an unexported name.
func timeOf(v reflect.Value) time.Time {
	t, _ := reflect.TypeAssert[time.Time](v)
	return t
}
