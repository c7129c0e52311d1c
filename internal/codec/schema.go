package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Schema says which JSON a type reads, in the terms of JSON Schema. It is
// what a model is told of a tool, and what its answer is held to. Its zero
// value is any JSON.
//
// It is stricter than Decode: names that no field has, missing fields
// without omitempty or omitzero, and null for what is no pointer are
// refused, since they are mistakes of whoever wrote the JSON.
type Schema struct {
	Doc    string
	types  []string // of JSON; none: any
	format string
	least  string // the least number
	object bool   // with known members
	member []Member
	elem   *Schema // of an array, or of an object whose members have any name
	length int     // of an array; 0: any
}

// A Member is one named part of an object.
type Member struct {
	Name     string
	Optional bool
	Of       *Schema
}

// ObjectOf is the schema of an object with these members.
func ObjectOf(members []Member) *Schema {
	return &Schema{types: []string{"object"}, object: true, member: members}
}

// SchemaOf returns the schema of type t, which has passed Check. A field's
// tag doc says what it means.
func SchemaOf(t reflect.Type, s *Set) *Schema {
	b := &schemaMaker{set: s}
	return b.of(t)
}

type schemaMaker struct {
	set  *Set
	open []reflect.Type
}

func (b *schemaMaker) of(t reflect.Type) *Schema {
	switch {
	case b.set.custom(t) != nil || t == rawType || t.Kind() == reflect.Interface:
		return &Schema{}
	case t == timeType:
		return &Schema{types: []string{"string"}, format: "date-time"}
	case encodes(t, true) == byText:
		return &Schema{types: []string{"string"}}
	case marshals(t) || slices.Contains(b.open, t): // a type inside of itself has a marshaler on the way
		return &Schema{}
	}
	b.open = append(b.open, t)
	defer func() { b.open = b.open[:len(b.open)-1] }()
	return b.kind(t)
}

func (b *schemaMaker) kind(t reflect.Type) *Schema {
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return &Schema{types: []string{"boolean"}}
	case k >= reflect.Int && k <= reflect.Int64:
		return &Schema{types: []string{"integer"}}
	case k >= reflect.Uint && k <= reflect.Uintptr:
		return &Schema{types: []string{"integer"}, least: "0"}
	case k == reflect.Float32 || k == reflect.Float64:
		return &Schema{types: []string{"number"}}
	case k == reflect.String:
		return &Schema{types: []string{"string"}}
	case k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return &Schema{types: []string{"string"}, format: "byte"}
	case k == reflect.Slice:
		return &Schema{types: []string{"array"}, elem: b.of(t.Elem())}
	case k == reflect.Array:
		return &Schema{types: []string{"array"}, elem: b.of(t.Elem()), length: t.Len()}
	case k == reflect.Map:
		return &Schema{types: []string{"object"}, elem: b.of(t.Elem())}
	case k == reflect.Pointer:
		s := *b.of(t.Elem())
		if len(s.types) > 0 && !slices.Contains(s.types, "null") {
			s.types = append(slices.Clone(s.types), "null")
		}
		return &s
	case k == reflect.Struct:
		return b.structure(t)
	}
	return &Schema{}
}

func (b *schemaMaker) structure(t reflect.Type) *Schema {
	var members []Member
	for _, f := range flatten(t, nil) {
		of := &Schema{types: []string{"string"}} // a number in quotes
		if !f.quoted {
			of = b.of(f.typ)
		}
		of.Doc = f.doc
		members = append(members, Member{f.name, f.omitEmpty || f.omitZero, of})
	}
	return ObjectOf(members)
}

// MarshalJSON writes the schema with members in the order of the fields.
func (s *Schema) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	add := func(name string, value any) {
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		data, _ := json.Marshal(value) // strings, numbers, booleans and schemas: it cannot fail
		fmt.Fprintf(&out, "%q:%s", name, data)
	}
	switch len(s.types) {
	case 0:
	case 1:
		add("type", s.types[0])
	default:
		add("type", s.types)
	}
	if s.Doc != "" {
		add("description", s.Doc)
	}
	if s.format != "" {
		add("format", s.format)
	}
	if s.least != "" {
		add("minimum", json.Number(s.least))
	}
	switch {
	case s.object:
		add("properties", members(s.member))
		required := []string{}
		for _, m := range s.member {
			if !m.Optional {
				required = append(required, m.Name)
			}
		}
		add("required", required)
		add("additionalProperties", false)
	case s.elem != nil && slices.Contains(s.types, "object"):
		add("additionalProperties", s.elem)
	case s.elem != nil:
		add("items", s.elem)
	}
	if s.length > 0 {
		add("maxItems", s.length)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

type members []Member

func (ms members) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range ms {
		if i > 0 {
			out.WriteByte(',')
		}
		name, _ := json.Marshal(m.Name)
		of, err := json.Marshal(m.Of)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%s:%s", name, of)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// maxMisfits bounds how many errors Misfits lists.
const maxMisfits = 20

// Misfits returns everything in which data is not what the schema says, each
// with its place.
func (s *Schema) Misfits(data []byte) []error {
	switch {
	case !utf8.Valid(data):
		return []error{errNotUTF8}
	case nesting(data) > maxDepth:
		return []error{errDeep}
	case !json.Valid(data):
		return []error{fmt.Errorf("it is no valid JSON: %w", json.Unmarshal(data, new(any)))}
	}
	c := &checking{}
	c.check(s, "", data)
	return c.errs
}

type checking struct{ errs []error }

func (c *checking) errorf(at, format string, args ...any) {
	if len(c.errs) >= maxMisfits {
		return
	}
	text := fmt.Sprintf(format, args...)
	if at != "" {
		text = at + " " + text
	}
	c.errs = append(c.errs, fmt.Errorf("%s", text))
}

func (c *checking) check(s *Schema, at string, data json.RawMessage) {
	is := typeOf(data)
	if len(s.types) > 0 && !slices.Contains(s.types, is) && (is != "integer" || !slices.Contains(s.types, "number")) {
		c.errorf(at, "is %s, not %s", is, strings.Join(s.types, " or "))
		return
	}
	switch {
	case is == "object" && s.object:
		c.members(s, at, data)
	case is == "object" && s.elem != nil:
		var values map[string]json.RawMessage
		_ = json.Unmarshal(data, &values)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			c.check(s.elem, inside(at, name), values[name])
		}
	case is == "array" && s.elem != nil:
		var items []json.RawMessage
		_ = json.Unmarshal(data, &items)
		if s.length > 0 && len(items) > s.length {
			c.errorf(at, "has %d elements, at most %d are allowed", len(items), s.length)
		}
		for i, item := range items {
			c.check(s.elem, fmt.Sprintf("%s[%d]", at, i), item)
		}
	}
}

func (c *checking) members(s *Schema, at string, data json.RawMessage) {
	var values map[string]json.RawMessage
	_ = json.Unmarshal(data, &values)
	for _, m := range s.member {
		v, ok := values[m.Name]
		delete(values, m.Name)
		switch {
		case ok:
			c.check(m.Of, inside(at, m.Name), v)
		case !m.Optional:
			c.errorf(inside(at, m.Name), "is missing")
		}
	}
	var names []string
	for _, m := range s.member {
		names = append(names, m.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		c.errorf(inside(at, name), "is unknown; known are %s", strings.Join(names, ", "))
	}
}

// inside is the place of a member.
func inside(at, name string) string {
	if len(name) > 40 {
		name = name[:40] + "…"
	}
	if at == "" {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%s.%q", at, name)
}

// typeOf names the type of a JSON value in the terms of JSON Schema.
func typeOf(data json.RawMessage) string {
	switch data = bytes.TrimSpace(data); data[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if bytes.ContainsAny(data, ".eE") {
		return "number"
	}
	return "integer"
}
