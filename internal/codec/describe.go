package codec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Describe returns what decides how values of type t are written, in a form
// to be hashed. Two types with one description write and read each other's
// JSON. It does not depend on the names of types without marshalers, on the
// order of fields or on what is embedded where:
//
//	{"opts":Opts []{"text":Text string},"when":When time omitzero}
//
// A type with marshalers or a [Custom] is described by its full name, a type
// inside of itself by how many named types lie between. t need not pass Check.
func Describe(t reflect.Type, s *Set) string {
	d := &describer{set: s}
	d.typ(t)
	return d.out.String()
}

// A describer writes one description.
type describer struct {
	set  *Set
	open []reflect.Type // the named types it is inside of
	out  strings.Builder
}

func (d *describer) typ(t reflect.Type) {
	c := d.set.custom(t)
	switch {
	case c != nil:
		fmt.Fprintf(&d.out, "codec(%s %q)", fullName(t), c.Version)
	case t == timeType:
		d.out.WriteString("time")
	case t == rawType:
		d.out.WriteString("raw")
	case t.Kind() == reflect.Interface:
		fmt.Fprintf(&d.out, "interface(%s)", fullName(t))
	case marshals(t):
		fmt.Fprintf(&d.out, "marshaler(%s)", fullName(t))
	case t.Name() != "":
		d.named(t)
	default:
		d.kind(t)
	}
}

// named describes a type that may contain itself.
func (d *describer) named(t reflect.Type) {
	if i := slices.Index(d.open, t); i >= 0 {
		fmt.Fprintf(&d.out, "^%d", len(d.open)-i)
		return
	}
	d.open = append(d.open, t)
	d.kind(t)
	d.open = d.open[:len(d.open)-1]
}

func (d *describer) kind(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer:
		d.prefixed("*", t.Elem())
	case reflect.Slice:
		d.prefixed("[]", t.Elem())
	case reflect.Array:
		d.prefixed(fmt.Sprintf("[%d]", t.Len()), t.Elem())
	case reflect.Map:
		d.prefixed("map[", t.Key())
		d.prefixed("]", t.Elem())
	case reflect.Struct:
		d.structure(t)
	default:
		d.out.WriteString(t.Kind().String())
	}
}

func (d *describer) prefixed(prefix string, t reflect.Type) {
	d.out.WriteString(prefix)
	d.typ(t)
}

func (d *describer) structure(t reflect.Type) {
	fields := flatten(t, nil)
	slices.SortStableFunc(fields, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	d.out.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			d.out.WriteByte(',')
		}
		fmt.Fprintf(&d.out, "%q:%s ", f.name, f.goName)
		d.typ(f.typ)
		d.options(f)
	}
	d.out.WriteByte('}')
}

func (d *describer) options(f field) {
	if f.omitEmpty {
		d.out.WriteString(" omitempty")
	}
	if f.omitZero {
		d.out.WriteString(" omitzero")
	}
	if f.quoted {
		d.out.WriteString(" string")
	}
}

// flatten returns the fields of the object that a struct becomes. Types that
// embed one of the outer types are cut off there.
func flatten(t reflect.Type, outer []reflect.Type) []field {
	if slices.Contains(outer, t) {
		return nil
	}
	var fields []field
	for _, f := range fieldsOf(t) {
		switch {
		case f.lost != "":
		case f.flattened:
			fields = append(fields, flatten(base(f.typ), append(outer, t))...)
		default:
			fields = append(fields, f)
		}
	}
	return fields
}

// fullName tells types of one name in two packages apart.
func fullName(t reflect.Type) string {
	if t.Name() == "" || t.PkgPath() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}
