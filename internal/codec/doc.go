// Package codec keeps one promise: no value changes by being saved.
//
// # The model
//
// A state value has a life of four moments, and two of them are judged
// before any value exists:
//
//	NewGraph        write to state       save            load
//	--------        --------------       ----            ----
//	Check(type) --> Normalize(value) --> Encode(value) --> Decode(bytes)
//	refuses types   drops what JSON      refuses values   yields what
//	that cannot     cannot hold, from    that JSON would  Normalize
//	come back       memory too           change silently  returned
//
// Values are encoded by encoding/json, through a pointer, with the tags and
// the marshalers they already have. That package is lenient: it drops
// unexported fields, replaces invalid UTF-8, writes a nil and an empty slice
// alike under omitempty, and reports none of it. Check finds such types by
// looking at them, Normalize and Encode find such values.
//
// A [Set] holds the codecs that a graph registers for types encoding/json
// cannot write, such as interfaces. [Set.For] compiles a type to a [Type],
// which knows what to look for: most types have nothing to normalize and
// nothing but plain JSON below them, and those cost one call of
// encoding/json and one scan of its output.
//
// # Guarantees
//
// For a type t for which Check returns no problem, and c = s.For(t):
//
//   - If Normalize and Encode succeed, Decode succeeds, and what it decodes
//     is reflect.DeepEqual to what Normalize returned.
//   - What Normalize returns differs from its argument in two ways only.
//     A time.Time keeps its instant and its offset from UTC, and loses its
//     monotonic reading and the name of its zone. A json.RawMessage is
//     compact.
//   - Normalize, Check and Encode never write to memory that the value
//     reaches. Normalize copies what it must change.
//   - Encode writes compact, valid UTF-8, and equal values have equal bytes.
//   - Invalid UTF-8 in a string, NaN, Inf, a nil or malformed RawMessage, a
//     time JSON cannot hold, a value that contains itself and a marshaler
//     that panics are errors which name the place inside the value.
//   - Decode never panics, whatever the bytes.
//
// Less formally: what a program reads after a restart is what it wrote
// before, or it was told at the write, or it did not start.
//
// # What is trusted
//
// A type with both marshalers, or with a [Custom], vouches for itself: that
// its two halves are inverse, that they are deterministic, and that the
// fields below it are what it says. This package checks that the halves
// exist, that encoding/json calls both, and that they are the type's own.
// That two pointers led to one value is forgotten, as reflect.DeepEqual
// does not see it either.
package codec
