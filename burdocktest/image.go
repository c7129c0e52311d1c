package burdocktest

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// An image is what a value was at one moment: its own memory, and where its references lead. What they lead to is another
// image, a region's.
type image struct {
	typ  reflect.Type  // nil for an interface that holds nothing, or an entry that a map lacks
	leaf any           // a scalar, what a marshaler writes, or a reference
	kids []image       // the fields of a struct, the elements of an array, what an interface holds
	val  reflect.Value // a copy of the reference, to be shown
}

// A reference is where a slice, map or pointer leads; the zero reference is nil.
type reference struct {
	at  unsafe.Pointer
	len int
}

// A target is memory that a value refers to.
type target struct {
	v    reflect.Value // the slice, map or pointer itself, a copy
	path string
}

// A camera takes images and notes the references that it meets.
type camera struct {
	found []target
	seen  map[unsafe.Pointer]bool // of unexported fields, which are followed at once
}

// take returns the image of v, whose place is path.
func (c *camera) take(v reflect.Value, path string) image {
	if !v.IsValid() {
		return image{}
	}
	if !v.CanInterface() {
		return c.hidden(v)
	}
	if t, ok := reflect.TypeAssert[time.Time](v); ok { // its zone is shared by all
		return image{typ: v.Type(), leaf: t.Format(time.RFC3339Nano)}
	}
	if v.Kind() != reflect.Pointer && marshals(v.Type()) {
		if text, ok := marshaled(v); ok {
			return image{typ: v.Type(), leaf: text}
		}
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return c.refer(v, path)
	case reflect.Interface:
		return image{typ: v.Type(), kids: []image{c.take(v.Elem(), path)}}
	case reflect.Struct:
		im := image{typ: v.Type(), kids: make([]image, v.NumField())}
		for i := range im.kids {
			im.kids[i] = c.take(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
		return im
	case reflect.Array:
		im := image{typ: v.Type(), kids: make([]image, v.Len())}
		for i := range im.kids {
			im.kids[i] = c.take(v.Index(i), path+index(i))
		}
		return im
	}
	return image{typ: v.Type(), leaf: scalar(v)}
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// refer is take for a reference.
func (c *camera) refer(v reflect.Value, path string) image {
	if v.IsNil() {
		return image{typ: v.Type(), leaf: reference{}, val: reflect.Zero(v.Type())}
	}
	own := reflect.New(v.Type()).Elem() // v may be an element, which changes
	own.Set(v)
	ref := reference{at: v.UnsafePointer()}
	if v.Kind() == reflect.Slice {
		ref.len = v.Len()
	}
	if v.Kind() != reflect.Slice || ref.len > 0 {
		c.found = append(c.found, target{own, path})
	}
	return image{typ: v.Type(), leaf: ref, val: own}
}

// hidden is take for what stands in an unexported field. Nothing but reading it is allowed, so it is followed at once.
// Locks and the like are no part of the value.
func (c *camera) hidden(v reflect.Value) image {
	im := image{typ: v.Type()}
	if pkg := v.Type().PkgPath(); pkg == "sync" || pkg == "sync/atomic" || v.Type() == reflect.TypeFor[time.Location]() {
		return im
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		if v.IsNil() {
			im.leaf = reference{}
			return im
		}
		if at := v.UnsafePointer(); v.Kind() != reflect.Slice {
			if c.seen[at] {
				return im
			}
			if c.seen == nil {
				c.seen = map[unsafe.Pointer]bool{}
			}
			c.seen[at] = true
		}
	case reflect.Interface, reflect.Struct, reflect.Array:
	default:
		im.leaf = scalar(v)
		return im
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			im.kids = append(im.kids, c.take(v.Index(i), ""))
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			im.kids = append(im.kids, c.take(k, ""), c.take(v.MapIndex(k), ""))
		}
	case reflect.Pointer, reflect.Interface:
		im.kids = []image{c.take(v.Elem(), "")}
	case reflect.Struct:
		for _, f := range v.Fields() {
			im.kids = append(im.kids, c.take(f, ""))
		}
	}
	return im
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshals reports whether values of the type say themselves how they are written. Two of them are one value if they
// write the same, whatever they keep for themselves.
func marshals(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(jsonMarshaler) || p.Implements(textMarshaler)
}

// marshaled is what such a value writes.
func marshaled(v reflect.Value) (text string, ok bool) {
	p := v
	if v.CanAddr() {
		p = v.Addr()
	} else {
		p = reflect.New(v.Type())
		p.Elem().Set(v)
	}
	data := asJSON(p.Interface())
	return string(data), data != nil
}

// parts takes images of what a reference leads to: the elements of a slice, the target of a pointer, the entries of a map
// in the order of keys.
func (c *camera) parts(v reflect.Value, path string, keys []reflect.Value) []image {
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return []image{{typ: v.Type(), leaf: string(v.Bytes())}}
		}
		all := make([]image, v.Len())
		for i := range all {
			all[i] = c.take(v.Index(i), path+index(i))
		}
		return all
	case reflect.Map:
		var all []image
		for _, k := range keys {
			all = append(all, c.take(v.MapIndex(k), path+entry(k)))
		}
		return all
	}
	return []image{c.take(v.Elem(), path)}
}

func entry(k reflect.Value) string { return "[" + textOf(k) + "]" }

// diff calls report for each place in which an image differs from the later one of the same place.
func (im *image) diff(later *image, path string, report func(path, old, got string)) {
	switch {
	case im.typ != later.typ || len(im.kids) != len(later.kids):
		report(path, im.text(), later.text())
	case im.leaf != later.leaf && (im.leaf == im.leaf || later.leaf == later.leaf): // NaN stays NaN
		report(path, im.text(), later.text())
	}
	if im.typ != later.typ || len(im.kids) != len(later.kids) {
		return
	}
	for i := range im.kids {
		im.kids[i].diff(&later.kids[i], path+im.part(i), report)
	}
}

// part is where a kid stands.
func (im *image) part(i int) string {
	switch {
	case im.typ.Kind() == reflect.Struct:
		return "." + im.typ.Field(i).Name
	case im.typ.Kind() == reflect.Array, im.typ.Kind() == reflect.Slice:
		return index(i)
	}
	return ""
}

// text shows what an image is of.
func (im *image) text() string {
	switch leaf := im.leaf.(type) {
	case string:
		if im.typ.Kind() == reflect.String && !marshals(im.typ) {
			return textOf(reflect.ValueOf(leaf))
		}
		if im.typ.Kind() == reflect.Slice && im.typ.Elem().Kind() == reflect.Uint8 && !marshals(im.typ) {
			return strconv.Quote(leaf)
		}
		return leaf
	case reference:
		if im.val.IsValid() {
			return textOf(im.val)
		}
		return "a " + im.typ.String()
	case nil:
	default:
		return textOf(reflect.ValueOf(leaf))
	}
	if im.typ == nil {
		return "nothing"
	}
	if len(im.kids) == 1 && im.typ.Kind() == reflect.Interface {
		return im.kids[0].text()
	}
	var kids []string
	for i := range im.kids {
		kids = append(kids, strings.TrimPrefix(im.part(i), ".")+": "+im.kids[i].text())
	}
	return "{" + strings.Join(kids, ", ") + "}"
}

// mapKeys are the keys of a map before and now, each once.
func mapKeys(known []reflect.Value, m reflect.Value) []reflect.Value {
	keys := slices.Clone(known)
	old := map[any]bool{}
	for _, k := range known {
		old[k.Interface()] = true
	}
	for _, k := range sortedKeys(m) {
		if !old[k.Interface()] {
			keys = append(keys, k)
		}
	}
	return keys
}
