package codec

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// wayOut ends the reasons for which there is no better advice.
const wayOut = "give the type around it both marshalers or the graph a Codec"

// maxProblems bounds how long Check looks on. Types that share a broken type
// have many paths to it, and each is a problem.
const maxProblems = 100

// Check returns every reason why a value of type t could come back from
// JSON other than it was; none if it always comes back equal. at is the path
// of the type, such as question.Opts, and begins the path of each problem.
//
// A type that contains itself is fine: whether a value does is seen when it
// is written.
func (s *Set) Check(t reflect.Type, at string) []Problem {
	k := &checker{set: s, open: map[visit]bool{}, clean: map[visit]bool{}}
	k.value(t, at, true)
	return k.found
}

// A checker walks one type.
type checker struct {
	set   *Set
	open  map[visit]bool // the types the walk is inside of
	clean map[visit]bool // the types in which it found nothing
	found []Problem
}

// A visit is a type in one of two positions: pointer methods are called on
// addressable values only.
type visit struct {
	typ         reflect.Type
	addressable bool
}

func (k *checker) refuse(at, format string, args ...any) {
	k.found = append(k.found, Problem{Path: at, Reason: fmt.Sprintf(format, args...)})
}

// value checks t at a path, unless the walk is inside of t already, found
// nothing in it before or has found enough.
func (k *checker) value(t reflect.Type, at string, addressable bool) {
	v := visit{t, addressable}
	if k.open[v] || k.clean[v] || len(k.found) >= maxProblems {
		return
	}
	k.open[v] = true
	before := len(k.found)
	k.typ(t, at, addressable)
	delete(k.open, v)
	k.clean[v] = len(k.found) == before
}

func (k *checker) typ(t reflect.Type, at string, addressable bool) {
	switch {
	case k.set.custom(t) != nil, t == timeType, t == rawType:
	case t == numberType:
		k.refuse(at, "an empty json.Number reads back as 0; use a number type or a string")
	case k.marshaled(t, at, addressable):
	default:
		k.kind(t, at, addressable)
	}
}

func (k *checker) kind(t reflect.Type, at string, addressable bool) {
	switch t.Kind() {
	case reflect.Interface:
		k.refuse(at, "an interface is written without its dynamic type; use a concrete type, or %s", wayOut)
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		k.refuse(at, "JSON has no %s; %s", t.Kind(), wayOut)
	case reflect.Pointer:
		k.pointer(t, at)
	case reflect.Slice:
		k.value(t.Elem(), at+"[]", true)
	case reflect.Array:
		k.value(t.Elem(), at+"[]", addressable)
	case reflect.Map:
		k.key(t.Key(), at+"[key]")
		k.value(t.Elem(), at+"[]", false)
	case reflect.Struct:
		k.structure(t, at, addressable)
	}
}

// marshaled checks the methods of t that encoding/json calls. It reports
// whether they settle the type, well or not.
func (k *checker) marshaled(t reflect.Type, at string, addressable bool) bool {
	enc, dec := encodes(t, addressable), decodes(t)
	if enc != dec {
		k.refuse(at, "%s", mismatch(t, enc, dec))
		return true
	}
	if enc == byKind {
		return false
	}
	only, ok := wraps(t)
	if name := promoted(t, enc); name != "" && !ok {
		k.refuse(at, "%s of %v is that of an embedded field, and knows nothing of %[2]v; give %[2]v its own, or name the embedded field", name, t)
	}
	if !ok {
		return true
	}
	if k.set.custom(only.Type) != nil {
		k.refuse(at, "%v has the marshalers of its embedded %v, past its Codec; name the embedded field", t, only.Type)
	}
	k.value(only.Type, at+"."+only.Name, addressable)
	return true
}

// mismatch says how a type that is written in one form and read in another
// can be mended.
func mismatch(t reflect.Type, enc, dec form) string {
	if encodes(t, true) == dec {
		name, _ := dec.methodNames()
		return fmt.Sprintf("%s has a pointer receiver, which encoding/json does not call for the elements of a map; use pointers as elements (map[...]*%s)", name, t)
	}
	writer, inverse := enc.methodNames()
	wanted, reader := dec.methodNames()
	switch byKind {
	case dec:
		return fmt.Sprintf("%v has %s without %s; add it, or give the graph a Codec", t, writer, inverse)
	case enc:
		return fmt.Sprintf("%v has %s without %s; add it, or give the graph a Codec", t, reader, wanted)
	}
	return fmt.Sprintf("%v is written by %s but read by %s; add %s or %s, or give the graph a Codec", t, writer, reader, inverse, wanted)
}

func (k *checker) pointer(t reflect.Type, at string) {
	if k.nullable(t.Elem()) {
		k.refuse(at, "a pointer to a null %v reads back as a nil pointer; drop the pointer, or %s", t.Elem(), wayOut)
		return
	}
	k.value(t.Elem(), at, true)
}

// nullable reports whether a value of type t can be written as null. Of a
// type with a MarshalJSON it asks the zero value; Encode looks at the others.
func (k *checker) nullable(t reflect.Type) bool {
	if k.set.custom(t) != nil {
		return false
	}
	switch encodes(t, true) {
	case byText:
		return false
	case byJSON:
		data, err := callJSON(reflect.New(t).Elem())
		return err == nil && string(data) == "null"
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}

// key checks the type of a map's keys. Besides being written and read alike,
// keys must be found again by ==.
func (k *checker) key(t reflect.Type, at string) {
	enc := t.Kind() != reflect.String && t.Implements(textMarshaler)
	dec := reflect.PointerTo(t).Implements(textUnmarshaler)
	switch {
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface:
		k.refuse(at, "keys of type %v are compared by identity; use a string or a number", t)
	case t.Kind() == reflect.String && dec:
		k.refuse(at, "a key of a string kind is written as it is but read by UnmarshalText; use string")
	case enc != dec && enc:
		k.refuse(at, "%v has MarshalText without UnmarshalText; add it", t)
	case enc != dec:
		k.refuse(at, "%v is read by UnmarshalText, but not written by a MarshalText of a value receiver; add it", t)
	case enc && promoted(t, byText) != "":
		k.refuse(at, "%v has the MarshalText of an embedded field; give it its own", t)
	case enc && t == timeType:
		k.refuse(at, "equal times can be different keys; use a string or a number such as UnixNano")
	case !enc && t.Kind() != reflect.String && !isInteger(t.Kind()):
		k.refuse(at, "a key must be a string, an integer or have MarshalText and UnmarshalText; %v is none", t)
	}
}

// callJSON calls MarshalJSON as encoding/json would, and takes a panic for
// an error.
func callJSON(v reflect.Value) (data []byte, err error) {
	defer recovered(&err)
	return json.Marshal(addressable(v).Addr().Interface())
}

// recovered turns a panic of a user's method into *err.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("a marshaler panicked: %v", r)
	}
}

// addressable returns v, or a copy of it that has an address.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}
