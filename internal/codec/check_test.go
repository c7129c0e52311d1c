package codec

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// Half a pair of methods each, and pairs that do not fit together.
type (
	onlyMarshalJSON   struct{ N int }
	onlyUnmarshalJSON struct{ N int }
	onlyMarshalText   string
	onlyUnmarshalText int
	jsonOutTextIn     struct{ N int }
	mayBeNull         struct{ N int }
	rawInText         string
	pointerText       int
	textKey           struct{ A, B string }
	isZero            struct{ N int }
	number            json.Number
)

func (onlyMarshalJSON) MarshalJSON() ([]byte, error)   { return []byte("1"), nil }
func (*onlyUnmarshalJSON) UnmarshalJSON([]byte) error  { return nil }
func (o onlyMarshalText) MarshalText() ([]byte, error) { return []byte(o), nil }
func (*onlyUnmarshalText) UnmarshalText([]byte) error  { return nil }
func (jsonOutTextIn) MarshalJSON() ([]byte, error)     { return []byte(`""`), nil }
func (*jsonOutTextIn) UnmarshalText([]byte) error      { return nil }
func (mayBeNull) MarshalJSON() ([]byte, error)         { return []byte("null"), nil }
func (*mayBeNull) UnmarshalJSON([]byte) error          { return nil }
func (r rawInText) MarshalText() ([]byte, error)       { return []byte("x" + r), nil }
func (r *rawInText) UnmarshalText(b []byte) error      { *r = rawInText(b[1:]); return nil }
func (p *pointerText) MarshalText() ([]byte, error)    { return []byte("1"), nil }
func (p *pointerText) UnmarshalText(b []byte) error    { return nil }
func (k textKey) MarshalText() ([]byte, error)         { return []byte(k.A + "/" + k.B), nil }
func (k *textKey) UnmarshalText(b []byte) error {
	k.A, k.B, _ = strings.Cut(string(b), "/")
	return nil
}
func (isZero) IsZero() bool { return true }

type (
	Inner   struct{ A, B int }
	inner   struct{ A int }
	scalar  int
	Options struct {
		A string `json:",omitempty"`
		B string `json:",omitzero"`
	}
	noted struct {
		time.Time
		Note string
	}
	genericNoted[T any] struct {
		stamp
		V T
	}
	pointed struct{ *time.Time }
	halfOwn struct {
		time.Time
		Note string
	}
	other    struct{ time.Time }
	twoTimes struct {
		stamp
		other
	}
	nullWrap struct{ json.RawMessage }
	Deeper   struct{ Inner }
	Selfish  struct {
		*Selfish
		A int
	}
	selfish struct {
		*selfish
		A int
	}
	inlined struct {
		inlineBase
		Note string
	}
	inlineBase struct{}
	option     struct {
		Name string
		fn   func()
	}
	question struct {
		Prompt string
		Opts   []option
	}
	ring struct {
		Next *ring
		Bad  chan int
	}
)

func (h halfOwn) MarshalJSON() ([]byte, error)  { return json.Marshal(h.Note) }
func (inlineBase) MarshalJSON() ([]byte, error) { return nil, nil }
func (*inlineBase) UnmarshalJSON([]byte) error  { return nil }

// structOf returns a struct of integers A, B, C with the tags, where go vet
// would object to a struct in the source.
func structOf(tags ...string) reflect.Type {
	var fields []reflect.StructField
	for i, tag := range tags {
		name := string(rune('A' + i))
		fields = append(fields, reflect.StructField{Name: name, Type: reflect.TypeFor[int](), Tag: reflect.StructTag(tag)})
	}
	return reflect.StructOf(fields)
}

var refusals = []struct {
	name string
	typ  reflect.Type
	want []string // each a path and the beginning of what the reason says
}{
	{"example", reflect.TypeFor[question](), []string{"x.Opts[].fn: an unexported field"}},
	{"any", reflect.TypeFor[any](), []string{"x: an interface"}},
	{"error", reflect.TypeFor[struct{ Err error }](), []string{"x.Err: an interface"}},
	{"marshaling interface", reflect.TypeFor[interface {
		json.Marshaler
		json.Unmarshaler
	}](), []string{"x: an interface"}},
	{"interface elements", reflect.TypeFor[map[string][]any](), []string{"x[][]: an interface"}},
	{"embedded interface", reflect.TypeFor[struct{ error }](), []string{"x.error: an embedded field of an unexported type"}},
	{"channels and functions", reflect.TypeFor[struct {
		C chan int
		F func()
		X complex64
		Y [2]complex128
		P unsafe.Pointer
		Z [0]func()
	}](), []string{"x.C: JSON has no chan", "x.F: JSON has no func", "x.X: JSON has no complex64", "x.Y[]: JSON has no complex128", "x.P: JSON has no unsafe.Pointer", "x.Z[]: JSON has no func"}},
	{"dash", reflect.TypeFor[struct {
		A int `json:"-"`
		B int `json:"-,"`
	}](), []string{`x.A: the tag json:"-"`}},
	{"url", reflect.TypeFor[url.URL](), []string{"x.User.username: an unexported", "x.User.password: an unexported", "x.User.passwordSet: an unexported"}},
	{"number", reflect.TypeFor[struct {
		A json.Number
		B number
		C map[string]*json.Number
	}](), []string{"x.A: an empty json.Number", "x.C[]: an empty json.Number"}},

	{"one name twice", structOf(`json:"n"`, `json:"n"`, `json:"a"`), []string{`x.B: the JSON name "n" is that of x.A too`}},
	{"tag takes the name of a field", structOf("", `json:"A"`), []string{`x.B: the JSON name "A" is that of x.A too`}},
	{"shadowed by the outer struct", reflect.TypeFor[struct {
		Inner
		B int
	}](), []string{`x.B: the JSON name "B" is that of x.Inner.B too`}},
	{"two embedded", reflect.TypeFor[struct {
		Inner
		inner
	}](), []string{`x.inner.A: the JSON name "A" is that of x.Inner.A too`}},
	{"embedded twice", reflect.TypeFor[struct {
		inner
		Also struct{ *inner }
	}](), []string{"x.Also.inner: an embedded pointer to an unexported struct"}},
	{"embedded unexported scalar", reflect.TypeFor[struct{ scalar }](), []string{"x.scalar: an embedded field of an unexported type"}},
	{"embedded unexported struct with a name", reflect.TypeFor[struct {
		inner `json:"in"`
	}](), []string{"x.inner: an embedded field of an unexported type"}},
	{"embedded pointer that nothing shows", reflect.TypeFor[struct{ *Options }](), []string{"x.Options: an embedded *codec.Options without a field"}},
	{"embedded pointer that shows through an embedded struct", reflect.TypeFor[struct{ *Deeper }](), nil},
	{"embeds itself by an exported name", reflect.TypeFor[Selfish](), []string{"x.Selfish: codec.Selfish embeds itself"}},
	{"embeds itself", reflect.TypeFor[selfish](), []string{"x.selfish: an embedded pointer to an unexported"}},

	{"pointer to pointer", reflect.TypeFor[**int](), []string{"x: a pointer to a null *int"}},
	{"pointers to nil", reflect.TypeFor[struct {
		S *[]int
		M *map[string]int
		R *json.RawMessage
		I *any
		J *mayBeNull
		W *nullWrap
		T *time.Time
	}](), []string{
		"x.S: a pointer to a null []int", "x.M: a pointer to a null map", "x.R: a pointer to a null json",
		"x.I: a pointer to a null interface", "x.J: a pointer to a null codec.mayBeNull", "x.W: a pointer to a null codec.nullWrap",
	}},

	{"omitempty", reflect.TypeFor[struct {
		S []int           `json:",omitempty"`
		M map[string]int  `json:",omitempty"`
		B []byte          `json:",omitempty"`
		R json.RawMessage `json:",omitempty"`
		T time.Time       `json:",omitempty"`
	}](), []string{"x.S: omitempty", "x.M: omitempty", "x.B: omitempty"}},
	{"omitzero with IsZero", reflect.TypeFor[struct {
		A isZero     `json:",omitzero"`
		B *isZero    `json:",omitzero"`
		C *time.Time `json:",omitzero"`
		D time.Time  `json:",omitzero"`
		E isZero
		F isZero `json:",omitempty"`
		G stamp  `json:",omitzero"`
	}](), []string{"x.A: omitzero", "x.B: omitzero", "x.C: omitzero", "x.G: omitzero"}},
	{"string option", reflect.TypeFor[struct {
		A level  `json:",string"`
		B *level `json:",string"`
		C stamp  `json:",string"`
	}](), []string{`x.A: the option ",string"`, `x.B: the option ",string"`}},

	{"half a pair", reflect.TypeFor[struct {
		A onlyMarshalJSON
		B onlyUnmarshalJSON
		C onlyMarshalText
		D onlyUnmarshalText
		E jsonOutTextIn
		F *onlyMarshalJSON
	}](), []string{
		"x.A: codec.onlyMarshalJSON has MarshalJSON without UnmarshalJSON", "x.B: codec.onlyUnmarshalJSON has UnmarshalJSON without MarshalJSON",
		"x.C: codec.onlyMarshalText has MarshalText without UnmarshalText", "x.D: codec.onlyUnmarshalText has UnmarshalText without MarshalText",
		"x.E: codec.jsonOutTextIn is written by MarshalJSON but read by UnmarshalText", "x.F: codec.onlyMarshalJSON has MarshalJSON without",
	}},
	{"pointer receiver in a map", reflect.TypeFor[struct {
		A map[string]hidden
		B map[string]struct{ H [2]hidden }
		C map[string]*hidden
		D map[string][]hidden
	}](), []string{"x.A[]: MarshalJSON has a pointer receiver", "x.B[].H[]: MarshalJSON has a pointer receiver"}},
	{"promoted marshalers", reflect.TypeFor[struct {
		A noted
		B pointed
		C halfOwn
		D struct{ time.Time }
		E inlined
		F genericNoted[int]
		G genericNoted[genericNoted[string]]
		H overriding
	}](), []string{
		"x.A: MarshalJSON of codec.noted is that of an embedded", "x.B: MarshalJSON of codec.pointed", "x.C: UnmarshalJSON of codec.halfOwn",
		"x.D: MarshalJSON of struct { time.Time }", "x.E: MarshalJSON of codec.inlined", "x.F: MarshalJSON of codec.genericNoted[int]",
		"x.G: MarshalJSON of codec.genericNoted[",
	}},
	{"flattened past its marshalers", reflect.TypeFor[twoTimes](), []string{"x.stamp: the fields of an embedded codec.stamp", "x.other: the fields of an embedded codec.other"}},

	{"keys", reflect.TypeFor[struct {
		A map[onlyMarshalText]int // a string is written and read as it is
		B map[onlyUnmarshalText]int
		C map[rawInText]int
		D map[pointerText]int
		E map[time.Time]int
		F map[*textKey]int
		G map[any]int
		H map[float64]int
		I map[[2]string]int
		J map[Inner]int
		K map[textKey]int
		L map[stamp]int
		M map[bool]int
	}](), []string{
		"x.B[key]: codec.onlyUnmarshalText is read by UnmarshalText", "x.C[key]: a key of a string kind", "x.D[key]: codec.pointerText is read",
		"x.E[key]: equal times", "x.F[key]: keys of type *codec.textKey", "x.G[key]: keys of type interface", "x.H[key]: a key must be",
		"x.I[key]: a key must be", "x.J[key]: a key must be", "x.L[key]: codec.stamp has the MarshalText of an embedded field", "x.M[key]: a key must be",
	}},
	{"recursive", reflect.TypeFor[ring](), []string{"x.Bad: JSON has no chan"}},
	{"sql", reflect.TypeFor[struct {
		A sql.NullString
		B sql.Null[any]
	}](), []string{"x.B.V: an interface"}},
}

func TestCheckNamesWhatCannotComeBackEqual(t *testing.T) {
	for _, test := range refusals {
		got := NewSet().Check(test.typ, "x")
		if len(got) != len(test.want) {
			t.Errorf("%s: got %d problems, want %d:\n%v", test.name, len(got), len(test.want), got)
			continue
		}
		for i, p := range got {
			if !strings.HasPrefix(p.Error(), test.want[i]) {
				t.Errorf("%s: got %q, want a beginning of %q", test.name, p, test.want[i])
			}
		}
	}
}

func TestReasonsNameAWayOut(t *testing.T) {
	wayOut := regexp.MustCompile(`; (use|give|remove|rename|drop|add|export|embed|name) |none$`)
	for _, test := range refusals {
		for _, p := range NewSet().Check(test.typ, "x") {
			if !wayOut.MatchString(p.Reason) {
				t.Errorf("%s: %q names no way out", test.name, p)
			}
		}
	}
}

func TestACustomVouchesForItsType(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[figure](), reflect.TypeFor[*figure](), reflect.TypeFor[map[string]figure](), reflect.TypeFor[*secret](),
	} {
		if got := everything.Check(typ, "x"); len(got) > 0 {
			t.Errorf("Check(%v) = %v, want no problem", typ, got)
		}
	}
	if got := everything.Check(reflect.TypeFor[map[secret]int](), "x"); len(got) != 1 {
		t.Errorf("a custom is no codec for keys, got %v", got)
	}
	if got := NewSet(Custom{Type: timeType}).Check(reflect.TypeFor[stamp](), "x"); len(got) != 1 {
		t.Errorf("the marshalers of an embedded custom would be called past it, got %v", got)
	}
	if got := everything.Check(reflect.TypeFor[struct{ secret }](), "x"); len(got) != 1 {
		t.Errorf("an embedded custom would be flattened, got %v", got)
	}
}

func TestCheckOfTypesThatShareABrokenTypeIsBounded(t *testing.T) {
	typ := reflect.TypeFor[any]()
	for range 10 {
		typ = reflect.StructOf([]reflect.StructField{{Name: "A", Type: typ}, {Name: "B", Type: typ}})
	}
	if got := (*Set)(nil).Check(typ, "x"); len(got) != maxProblems {
		t.Errorf("got %d problems, want %d", len(got), maxProblems)
	}
}

// TestRefusalsAreDeserved shows for some of the refused types that
// encoding/json does change them.
func TestRefusalsAreDeserved(t *testing.T) {
	if !bytes.Equal(replacement, []byte(`\ufffd`)) {
		t.Skip("encoding/json is implemented by its successor, which mends some")
	}
	now := time.Now().UTC()
	for _, v := range []any{
		struct{ F any }{1},
		struct{ a int }{1},
		struct{ S *[]int }{new([]int)},
		struct {
			S []int `json:",omitempty"`
		}{[]int{}},
		noted{now, "lost"},
		struct{ F struct{ time.Time } }{struct{ time.Time }{now}},
		struct {
			Inner
			B int
		}{Inner{1, 2}, 3},
		struct{ *Options }{&Options{}},
		json.Number(""),
		map[string]hidden{"a": {1}},
		map[rawInText]int{"a": 1},
		inlined{Note: "lost"},
		genericNoted[int]{V: 1},
	} {
		back := reflect.New(reflect.TypeOf(v))
		data, err := json.Marshal(v)
		if err = errors.Join(err, json.Unmarshal(data, back.Interface())); err == nil && cmp.Equal(back.Elem().Interface(), v, cmp.Exporter(func(reflect.Type) bool { return true })) {
			t.Errorf("%#v comes back equal", v)
		}
	}
}
