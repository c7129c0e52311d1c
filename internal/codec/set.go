package codec

import (
	"reflect"
	"sync"
)

// Custom is a codec that replaces encoding/json for exactly one Go type,
// wherever a value holds that type: in a field, an element, behind a pointer.
type Custom struct {
	// Type is the static type that the codec serves. It may be an interface.
	Type reflect.Type

	// Encode returns one JSON value. It must not keep or change v, whose
	// type is Type. Under a pointer it must not return null, which would
	// read back as a nil pointer.
	Encode func(v reflect.Value) ([]byte, error)

	// Decode stores into the settable and zero value into, of type Type,
	// what Encode wrote as data. It must not keep data.
	Decode func(data []byte, into reflect.Value) error

	// Version tells apart two ways of encoding the type. It is part of
	// [Describe].
	Version string
}

// A Set holds the customs of one graph and the types compiled for them.
// It is safe for concurrent use. A nil Set, like the zero Set, has no customs.
type Set struct {
	customs map[reflect.Type]*Custom
	types   sync.Map   // from reflect.Type to *Type
	compile sync.Mutex // held while types are added
}

// bare stands in for a nil Set, so that its types are compiled once too.
var bare Set

// NewSet returns a Set of the customs. Of two for one type the last counts.
func NewSet(customs ...Custom) *Set {
	s := &Set{customs: make(map[reflect.Type]*Custom, len(customs))}
	for _, c := range customs {
		s.customs[c.Type] = &c
	}
	return s
}

// For returns the compiled form of t, which must have passed Check. Calls
// after the first for a type take no lock.
func (s *Set) For(t reflect.Type) *Type {
	if s == nil {
		s = &bare
	}
	if c, ok := s.types.Load(t); ok {
		return c.(*Type)
	}
	return s.compileType(t)
}

// custom returns the codec registered for t, or nil.
func (s *Set) custom(t reflect.Type) *Custom {
	if s == nil {
		return nil
	}
	return s.customs[t]
}
