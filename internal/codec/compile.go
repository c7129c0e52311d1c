package codec

import "reflect"

// A shape is how this package walks the values of a type.
type shape uint8

const (
	leaf     shape = iota // nothing below can be wrong: integers, booleans, bytes
	floating              // NaN and Inf
	text                  // invalid UTF-8
	instant               // time.Time
	raw                   // json.RawMessage
	methodJSON
	methodText
	custom
	pointer
	list // slices and arrays
	mapping
	structure
)

// traits are what can be met anywhere inside a value of a type.
type traits uint8

const (
	fixable   traits = 1 << iota // a time or a raw message
	customs                      // a Custom
	foreign                      // JSON that encoding/json did not write itself
	nullish                      // a pointer to what may write itself as null
	unbounded                    // no bound to the nesting is known from the type
	fallible                     // some values cannot be written
)

// A Type is a compiled type. It is immutable and safe for concurrent use.
type Type struct {
	typ    reflect.Type
	shape  shape
	elem   *Type // of pointers, lists and maps
	parts  []part
	custom *Custom
	own    traits // of the type itself
	has    traits // of the type and all it contains
}

// A part is a field of a compiled struct.
type part struct {
	field
	of *Type
}

// Normal reports whether Normalize returns every value of the type as it is.
func (c *Type) Normal() bool { return c.has&fixable == 0 }

// plain reports whether encoding/json can write the type alone.
func (c *Type) plain() bool { return c.has&customs == 0 }

// A compiler compiles a type and what it contains.
type compiler struct {
	set  *Set
	made map[reflect.Type]*Type
}

// compileType compiles t, and publishes it only when all it reaches is
// complete, as other goroutines take no lock to find it.
func (s *Set) compileType(t reflect.Type) *Type {
	s.compile.Lock()
	defer s.compile.Unlock()
	b := &compiler{set: s, made: map[reflect.Type]*Type{}}
	root := b.of(t)
	for _, c := range b.made {
		if c.reaches(c) {
			c.own |= unbounded
		}
	}
	for _, c := range b.made {
		c.has = c.below(map[*Type]bool{})
	}
	for t, c := range b.made {
		s.types.Store(t, c)
	}
	return root
}

func (b *compiler) of(t reflect.Type) *Type {
	if c, ok := b.set.types.Load(t); ok {
		return c.(*Type)
	}
	if c, ok := b.made[t]; ok {
		return c
	}
	c := &Type{typ: t, custom: b.set.custom(t)}
	b.made[t] = c
	b.fill(c)
	switch c.shape {
	case floating, text, raw, methodJSON, methodText, custom, mapping:
		c.own |= fallible
	}
	return c
}

func (b *compiler) fill(c *Type) {
	only, wrapped := wraps(c.typ)
	switch {
	case c.custom != nil:
		c.shape, c.own = custom, customs|foreign|unbounded
	case c.typ == timeType:
		c.shape, c.own = instant, fixable
	case c.typ == rawType:
		c.shape, c.own = raw, fixable|foreign|unbounded
	case wrapped:
		f := field{goName: only.Name, typ: only.Type, flattened: true}
		c.shape, c.parts = structure, []part{{f, b.of(only.Type)}}
	case encodes(c.typ, true) == byJSON:
		c.shape, c.own = methodJSON, foreign|unbounded
	case encodes(c.typ, true) == byText:
		c.shape = methodText
	default:
		b.kind(c)
	}
}

func (b *compiler) kind(c *Type) {
	switch c.typ.Kind() {
	case reflect.String:
		c.shape = text
	case reflect.Float32, reflect.Float64:
		c.shape = floating
	case reflect.Pointer:
		c.shape, c.elem = pointer, b.of(c.typ.Elem())
		if c.elem.shape == methodJSON || c.elem.shape == structure && marshals(c.elem.typ) {
			c.own = nullish
		}
	case reflect.Map:
		c.shape, c.elem = mapping, b.of(c.typ.Elem())
	case reflect.Slice, reflect.Array:
		if elem := b.of(c.typ.Elem()); !isBytes(c.typ, elem) {
			c.shape, c.elem = list, elem
		}
	case reflect.Struct:
		c.shape = structure
		b.structure(c)
	}
}

// isBytes reports whether encoding/json writes the slice as base64.
func isBytes(t reflect.Type, elem *Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && elem.shape == leaf
}

func (b *compiler) structure(c *Type) {
	for _, f := range fieldsOf(c.typ) {
		if f.lost == "" {
			c.parts = append(c.parts, part{f, b.of(f.typ)})
		}
	}
}

// inside calls yield with each type directly inside c.
func (c *Type) inside(yield func(*Type) bool) {
	if c.elem != nil && !yield(c.elem) {
		return
	}
	for _, p := range c.parts {
		if !yield(p.of) {
			return
		}
	}
}

// reaches reports whether a value of type c can contain one of type target.
func (c *Type) reaches(target *Type) bool {
	seen := map[*Type]bool{}
	var from func(*Type) bool
	from = func(c *Type) bool {
		for inner := range c.inside {
			if inner == target {
				return true
			}
			if !seen[inner] {
				seen[inner] = true
				if from(inner) {
					return true
				}
			}
		}
		return false
	}
	return from(c)
}

// below collects the traits of c and of all types inside that are not in seen.
func (c *Type) below(seen map[*Type]bool) traits {
	seen[c] = true
	has := c.own
	for inner := range c.inside {
		if !seen[inner] {
			has |= inner.below(seen)
		}
	}
	return has
}
