package codec

import "reflect"

// structure checks the fields of a struct, those of embedded structs among
// them.
func (k *checker) structure(t reflect.Type, at string, addressable bool) {
	o := &object{checker: k, names: map[string]string{}, inside: map[reflect.Type]bool{}}
	o.fields(t, at, addressable)
}

// An object is what a struct becomes in JSON. The fields of embedded structs
// are its own, so that one name can have two claimants.
type object struct {
	*checker
	names  map[string]string     // from the name in JSON to the path of the field
	inside map[reflect.Type]bool // the struct and what is embedded on the way
}

func (o *object) fields(t reflect.Type, at string, addressable bool) {
	o.inside[t] = true
	defer delete(o.inside, t)
	for _, f := range fieldsOf(t) {
		path := at + "." + f.goName
		switch {
		case f.lost != "":
			o.refuse(path, "%s", f.lost)
		case f.flattened:
			o.embedded(f, path, addressable)
		default:
			o.named(f, path, addressable)
		}
	}
}

func (o *object) named(f field, path string, addressable bool) {
	if first, ok := o.names[f.name]; ok {
		o.refuse(path, "the JSON name %q is that of %s too, and encoding/json drops one or both; rename one", f.name, first)
		return
	}
	o.names[f.name] = path
	o.options(f, path)
	o.value(f.typ, path, addressable)
}

// options checks the options of the field's tag against its type.
func (o *object) options(f field, path string) {
	nilable := f.typ.Kind() == reflect.Slice || f.typ.Kind() == reflect.Map
	if f.omitEmpty && nilable && f.typ != rawType {
		o.refuse(path, "omitempty drops both nil and empty, which reads back as nil; use omitzero, which drops nil only")
	}
	if f.omitZero && f.typ != timeType && hasIsZero(f.typ) {
		o.refuse(path, "omitzero asks IsZero of %v, which may drop values other than the zero value; remove omitzero", f.typ)
	}
	if f.quoted && marshals(base(f.typ)) {
		o.refuse(path, `the option ",string" does not go with the marshalers of %v; remove it`, base(f.typ))
	}
}

func hasIsZero(t reflect.Type) bool {
	return t.Implements(zeroer) || reflect.PointerTo(t).Implements(zeroer)
}

// embedded checks a struct whose fields belong to the object around it.
// encoding/json asks it neither for marshalers nor for its own codec.
func (o *object) embedded(f field, path string, addressable bool) {
	b := base(f.typ)
	pointer := f.typ.Kind() == reflect.Pointer
	switch {
	case o.inside[b]:
		o.refuse(path, "%v embeds itself; give the embedded field a JSON name", b)
	case b == timeType, marshals(b), o.set.custom(b) != nil, o.set.custom(f.typ) != nil:
		o.refuse(path, "the fields of an embedded %v are written without its marshalers or Codec; give the embedded field a JSON name", b)
	case pointer && !alwaysWrites(b):
		o.refuse(path, "an embedded %v without a field that is always written can read back as nil; give the embedded field a JSON name", f.typ)
	default:
		o.fields(b, path, addressable || pointer)
	}
}

// alwaysWrites reports whether a struct puts at least one name into every
// object, from which an embedded pointer is known not to have been nil.
func alwaysWrites(t reflect.Type) bool {
	for _, f := range fieldsOf(t) {
		switch {
		case f.lost != "" || f.omitEmpty || f.omitZero:
		case !f.flattened:
			return true
		case f.typ.Kind() == reflect.Struct && alwaysWrites(f.typ):
			return true
		}
	}
	return false
}
