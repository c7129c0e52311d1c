package bind

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
)

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

// KeyType reports whether a value of type t can be the key of a branch.
func KeyType(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Slice:
		return t.Elem().Kind() == reflect.Uint8 || t.Implements(textMarshaler)
	}
	return t.Implements(textMarshaler) || reflect.PointerTo(t).Implements(textMarshaler)
}

// KeyText returns the text of a key value, which is addressable and of a type that KeyType allows. A text marshaler's
// word goes before the kind of its type.
func KeyText(v reflect.Value) (string, error) {
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v.Addr()); ok {
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return "", fmt.Errorf("the key is a nil %s", v.Type())
		}
		text, err := m.MarshalText()
		return string(text), err
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	default:
		return string(v.Bytes()), nil
	}
}
