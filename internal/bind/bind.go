package bind

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A Role says what a window type is used for. Roles combine by bitwise or.
type Role uint8

// The roles of a window.
const (
	Read   Role = 1 << iota // what an action or a condition reads
	Write                   // what an action writes
	Begin                   // what a branch or an application begins with
	Result                  // what is read from a finished branch or by View
	Inputs                  // values given from outside
)

// A Field is one bound field of a window.
type Field struct {
	Name  string // of the key or input
	Go    string // path of the field in the struct, such as Prompt or Base.Prompt
	Index []int
	Type  reflect.Type
	Input bool   // bound to an input, otherwise to a key of the state
	Doc   string // what it means, from the tag doc

	Optional, OmitZero, Append, Delete, Key, Secret bool
}

// A Window is the flat list of a struct's bound fields.
type Window struct {
	Type   reflect.Type
	Fields []Field
}

// Value returns the field f of the window value w.
func (f *Field) Value(w reflect.Value) reflect.Value {
	if len(f.Index) == 1 {
		return w.Field(f.Index[0])
	}
	return w.FieldByIndex(f.Index)
}

type cacheKey struct {
	t    reflect.Type
	role Role
}

type cached struct {
	window *Window
	errs   []error
}

var windows sync.Map // cacheKey → cached

// Of returns the window of type t in the given roles and everything that is wrong with it. The window is never nil and
// holds the fields that are right.
func Of(t reflect.Type, role Role) (*Window, []error) {
	k := cacheKey{t, role}
	if c, ok := windows.Load(k); ok {
		return c.(cached).window, c.(cached).errs
	}
	r := reader{window: &Window{Type: t}, role: role, name: typeName(t), seen: map[string]string{}}
	if t.Kind() == reflect.Struct {
		r.structFields(t, nil, "")
	} else {
		r.errorf("a window is a struct whose fields have state or input tags, not a %s; use None for an empty one", t.Kind())
	}
	windows.Store(k, cached{r.window, r.errs})
	return r.window, r.errs
}

func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}

type reader struct {
	window *Window
	role   Role
	name   string
	seen   map[string]string // "state name" or "input name" → Go path
	errs   []error
}

func (r *reader) errorf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("window %s: "+format, append([]any{r.name}, args...)...))
}

func (r *reader) structFields(t reflect.Type, index []int, path string) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clip(index), i)
		name := path + sf.Name
		_, state := sf.Tag.Lookup("state")
		_, input := sf.Tag.Lookup("input")
		switch {
		case sf.Anonymous && !state && !input && sf.Type.Kind() == reflect.Struct:
			r.structFields(sf.Type, at, name+".")
		case sf.Anonymous && !state && !input && sf.Type.Kind() == reflect.Pointer:
			r.errorf("field %s embeds a pointer; embed the struct itself", name)
		case !sf.IsExported() && (state || input):
			r.errorf("field %s has a tag but is not exported; export it or remove the tag", name)
		case !sf.IsExported():
			// Without a tag an unexported field is the function's own affair: it is never bound.
		case state && input:
			r.errorf("field %s has both a state and an input tag; a value is part of the state or comes from outside", name)
		case !state && !input:
			r.errorf("field %s has no tag; add `state:\"name\"` or `input:\"name\"`", name)
		default:
			r.field(sf, at, name, input)
		}
	}
}

func (r *reader) field(sf reflect.StructField, index []int, path string, input bool) {
	f := Field{Go: path, Index: index, Type: sf.Type, Input: input, Doc: sf.Tag.Get("doc")}
	kind := "state"
	if input {
		kind = "input"
	}
	name, options, has := strings.Cut(sf.Tag.Get(kind), ",")
	f.Name = name
	if why := BadName(name); why != "" {
		r.errorf("field %s: the name in its %s tag %s", path, kind, why)
		return
	}
	if has {
		for option := range strings.SplitSeq(options, ",") {
			r.option(&f, kind, option)
		}
	}
	if f.Input && r.role&(Read|Begin|Inputs) == 0 {
		r.errorf("field %s has an input tag, but this window is only %s; inputs stand in what an action reads", path, r.role)
	}
	if !f.Input && r.role == Inputs {
		r.errorf("field %s has a state tag, but values given from outside have input tags", path)
	}
	if first, dup := r.seen[kind+" "+name]; dup {
		r.errorf("fields %s and %s are both bound to %s %q", first, path, kind, name)
		return
	}
	r.seen[kind+" "+name] = path
	r.window.Fields = append(r.window.Fields, f)
}

// BadName says why name cannot be the name of a key or an input; "" means it can.
func BadName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "contains a control character"
	}
	return ""
}

func (r *reader) option(f *Field, kind, option string) {
	type rule struct {
		set   *bool
		roles Role
		kind  string
	}
	rules := map[string]rule{
		"optional": {&f.Optional, Read | Begin | Result | Inputs, ""},
		"omitzero": {&f.OmitZero, Write | Begin, "state"},
		"append":   {&f.Append, Write, "state"},
		"delete":   {&f.Delete, Write, "state"},
		"key":      {&f.Key, Read | Begin | Result, "state"},
		"secret":   {&f.Secret, Read | Begin | Inputs, "input"},
	}
	ru, known := rules[option]
	switch {
	case !known:
		r.errorf("field %s: unknown option %q; the options are optional, omitzero, append, delete and key of a state tag, optional and secret of an input tag", f.Go, option)
	case ru.kind != "" && ru.kind != kind:
		r.errorf("field %s: option %q belongs to the %s tag", f.Go, option, ru.kind)
	case r.role&ru.roles == 0:
		r.errorf("field %s: option %q has no meaning in what is only %s", f.Go, option, r.role)
	case *ru.set:
		r.errorf("field %s: option %q stands twice", f.Go, option)
	default:
		*ru.set = true
		r.typed(f, option)
	}
}

// typed checks what an option asks of the field's type.
func (r *reader) typed(f *Field, option string) {
	switch {
	case option == "append" && f.Type.Kind() != reflect.Slice:
		r.errorf("field %s: append needs a slice, which holds the new elements; it is %s", f.Go, f.Type)
	case option == "append" && r.role&Read != 0:
		r.errorf("field %s: append stands in a type that is both what the action reads and what it writes; read and write with two types", f.Go)
	case option == "delete" && f.Type.Kind() != reflect.Bool:
		r.errorf("field %s: delete needs a bool, which says whether the key goes; it is %s", f.Go, f.Type)
	case option == "delete" && r.role&Read != 0:
		r.errorf("field %s: delete stands in a type that is both what the action reads and what it writes; read and write with two types", f.Go)
	case option == "key" && !KeyType(f.Type):
		r.errorf("field %s: a key is a string, []byte, integer or encoding.TextMarshaler; it is %s", f.Go, f.Type)
	}
}

// String names the roles for error texts.
func (r Role) String() string {
	var s []string
	for i, name := range []string{"read", "written", "what a branch begins with", "a result", "given from outside"} {
		if r&(1<<i) != 0 {
			s = append(s, name)
		}
	}
	return strings.Join(s, " and ")
}
