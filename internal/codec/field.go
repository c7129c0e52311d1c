package codec

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// A field is one field of a struct as encoding/json sees it.
type field struct {
	index     int
	goName    string
	name      string // in JSON; empty if flattened
	typ       reflect.Type
	flattened bool // its fields are written as fields of the struct around it
	omitEmpty bool
	omitZero  bool
	quoted    bool   // the option ",string" applies
	lost      string // why encoding/json does not carry the field; empty if it does
	doc       string // what the field means, for a schema
}

// fieldsOf returns the fields of a struct type. It leaves out what holds no
// information: fields that encoding/json skips and that are blank or have no
// size, such as _ struct{}.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := fieldOf(t.Field(i))
		f.index = i
		if f.lost == "" || f.goName != "_" && f.typ.Size() != 0 {
			fields = append(fields, f)
		}
	}
	return fields
}

func fieldOf(sf reflect.StructField) field {
	tag := sf.Tag.Get("json")
	name, rest, _ := strings.Cut(tag, ",")
	options := strings.Split(rest, ",")
	f := field{
		goName:    sf.Name,
		name:      name,
		typ:       sf.Type,
		doc:       sf.Tag.Get("doc"),
		omitEmpty: slices.Contains(options, "omitempty"),
		omitZero:  slices.Contains(options, "omitzero"),
		quoted:    slices.Contains(options, "string") && quotable(sf.Type),
	}
	if !validName(name) {
		f.name = ""
	}
	f.flattened = f.name == "" && sf.Anonymous && base(sf.Type).Kind() == reflect.Struct
	f.lost = lost(sf, tag, f.flattened)
	if f.flattened {
		f.omitEmpty, f.omitZero = false, false
	} else if f.name == "" {
		f.name = sf.Name
	}
	return f
}

// lost says why encoding/json does not carry the field there and back.
func lost(sf reflect.StructField, tag string, flattened bool) string {
	switch {
	case tag == "-":
		return `the tag json:"-" drops the field; remove the tag or the field, or ` + wayOut
	case sf.IsExported():
		return ""
	case flattened && sf.Type.Kind() == reflect.Struct:
		return ""
	case flattened:
		return "an embedded pointer to an unexported struct cannot be read back; embed the struct itself, or " + wayOut
	case sf.Anonymous:
		return "an embedded field of an unexported type is not written; name the field, or " + wayOut
	}
	return "an unexported field is not written; export it, or " + wayOut
}

// base returns what an embedded field embeds, which may be behind a pointer.
func base(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// quotable reports whether the option ",string" has an effect on t.
func quotable(t reflect.Type) bool {
	if t.Name() == "" {
		t = base(t)
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64:
		return true
	}
	return isInteger(t.Kind())
}

func isInteger(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }

// validName follows encoding/json, which ignores a name it does not like.
func validName(name string) bool {
	for _, r := range name {
		punctuation := strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
		if !punctuation && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return name != ""
}

// isEmpty is what omitempty omits.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// omits reports whether the field is left out when it holds v. Check lets
// no IsZero method through but that of time.Time.
func (f *field) omits(v reflect.Value) bool {
	if f.omitEmpty && isEmpty(v) {
		return true
	}
	if f.omitZero && f.typ == timeType {
		return timeOf(v).IsZero()
	}
	return f.omitZero && v.IsZero()
}
