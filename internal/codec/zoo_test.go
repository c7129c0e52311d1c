package codec

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strconv"
	"time"
)

// The types of this file come back equal. Each is one way in which
// encoding/json treats a value differently.

type (
	named      string
	small      int8
	octet      byte
	octets     []byte
	digest     [4]byte
	stamp      struct{ time.Time }
	lineage    []lineage
	directory  map[string]directory
	alsoStamps map[string]stamp
)

type tree struct {
	Name string `json:"n"`
	Kids []tree `json:"kids"`
	Next *tree  `json:"next,omitempty"`
	By   map[string]tree
}

type dated struct {
	At   time.Time
	Kids []dated
	Next *dated
	By   map[int]dated
	Raw  json.RawMessage `json:",omitempty"`
}

type scalars struct {
	B    bool
	I    int
	I64  int64
	U64  uint64
	I8   int8
	Ptr  uintptr
	F32  float32
	F64  float64
	S    string
	N    named
	Sm   small
	HTML string `json:"<&>"`
	Odd  string `json:"bad\"name"`
	Dash string `json:"-,"`
}

type caseClash struct {
	Name  string `json:"name"`
	NAME  string `json:"NAME,omitempty"`
	Name2 string `json:"Name,omitempty"`
}

type omitting struct {
	S  string                `json:",omitempty"`
	I  int                   `json:",omitempty"`
	F  float64               `json:",omitempty"`
	P  *int                  `json:",omitempty"`
	A  [2]int                `json:",omitempty"`
	ZS []int                 `json:",omitzero"`
	ZM map[string]int        `json:",omitzero"`
	ZT time.Time             `json:",omitzero"`
	ZP *string               `json:",omitzero"`
	ZX struct{ T time.Time } `json:",omitzero"`
	R  json.RawMessage       `json:",omitzero"`
	RE json.RawMessage       `json:",omitempty"`
}

type quoting struct {
	I  int      `json:",string"`
	F  float64  `json:",string"`
	B  bool     `json:",string"`
	S  string   `json:",string"`
	N  named    `json:",string"`
	PI *int     `json:",string"`
	PS *string  `json:",string"`
	L  []string `json:",string"`
	O  string   `json:",string,omitempty"`
}

type base0 struct {
	A string
	T time.Time
}

type Base struct {
	X    int
	When time.Time
	Note json.RawMessage `json:",omitzero"`
}

type Quiet struct {
	Q string `json:",omitempty"`
}

type middle struct {
	*Base
	M string
}

type embedding struct {
	base0
	Quiet
	middle
	named2
	_ struct{}
	_ [0]func()
	B string
}

type named2 struct{ Z []byte }

type taggedEmbed struct {
	Base   `json:"base"`
	*Quiet `json:"quiet"`
	Named
}

type Named string

type slices3 struct {
	B   []byte
	O   octets
	Os  []octet
	A   [3]byte
	D   digest
	DD  []digest
	S   []string
	PP  []*string
	N   [][]int
	Arr [2]struct{ A, B []string }
	E   []struct{}
}

type maps3 struct {
	S map[string]int
	N map[named]string
	I map[int64]string
	U map[uint8][]byte
	A map[netip.Addr]*string
	L map[level]level
	T map[string]time.Time
	R map[string]json.RawMessage
	M map[string]map[string][]string
}

type library struct {
	Addr   netip.Addr
	Prefix netip.Prefix
	Big    big.Int
	PBig   *big.Int
	Bigs   []big.Int
	BigM   map[string]*big.Int
	Null   sql.NullString
	NullT  sql.NullTime
	NullG  sql.Null[float64]
	Dur    time.Duration
	Month  time.Month
}

// level has the text methods on an integer kind.
type level int

func (l level) MarshalText() ([]byte, error) { return []byte("L" + strconv.Itoa(int(l))), nil }

func (l *level) UnmarshalText(b []byte) error {
	n, err := strconv.Atoi(string(b[1:]))
	*l = level(n)
	return err
}

// hidden has unexported fields and vouches for them with methods of a
// pointer receiver.
type hidden struct{ n int }

func (h *hidden) MarshalJSON() ([]byte, error) { return json.Marshal(h.n) }
func (h *hidden) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &h.n) }

// generic has methods that the compiler instantiates, and an embedded field
// that has them too.
type generic[T any] struct {
	stamp
	V T
}

func (g generic[T]) MarshalJSON() ([]byte, error)  { return json.Marshal([]any{g.V, g.Time}) }
func (g *generic[T]) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &[]any{&g.V, &g.Time}) }

// overriding embeds a type with marshalers and has its own.
type overriding struct {
	stamp
	Note string
}

func (o overriding) MarshalJSON() ([]byte, error) { return json.Marshal([]any{o.Note, o.Time}) }
func (o *overriding) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&o.Note, &o.Time})
}

type wrapping struct {
	S  stamp
	PS *stamp
	L  []stamp
	M  alsoStamps
	H  hidden
	PH *hidden
	LH []hidden
	O  overriding
}

// figure and secret need a Custom.
type figure interface{ area() int }

type square struct{ Side int }

func (s square) area() int { return s.Side * s.Side }

type strip struct{ W, H int }

func (s *strip) area() int { return s.W * s.H }

type secret struct{ code int }

// token is a string for which the custom writes what encoding/json does.
type token string

type figures struct {
	One   figure
	List  []figure
	Pair  [2]figure
	By    map[level]figure
	PS    *secret
	SS    []*secret
	Omit  figure           `json:",omitempty"`
	Zero  secret           `json:",omitzero"`
	Times []time.Time      `json:"times"`
	Plain string           `json:"p,omitempty"`
	Quote int64            `json:",string"`
	QS    *string          `json:",string"`
	Kids  []figures        `json:",omitzero"`
	Next  *figures         `json:"next"`
	Maps  map[int]*figures `json:",omitzero"`
}

type Tokens struct {
	T  token
	L  []token
	M  map[string]token
	MI map[int16][]token
	P  *token
	A  [2]token
	E  token           `json:"<e>,omitempty"`
	Z  []token         `json:",omitzero"`
	ZT time.Time       `json:",omitzero"`
	R  json.RawMessage `json:",omitempty"`
	Q  bool            `json:",string"`
	QS string          `json:",string"`
	S  string
	LV level
	H  hidden
	HP *hidden
}

type embedTokens struct {
	Tokens
	*TokenBase
	Own token
}

type TokenBase struct {
	Deep token
	More []TokenBase
}

type moreTokens struct {
	*TokenBase
	Recursive map[string]moreTokens
	List      []*Tokens
}

var customs0 = []Custom{
	{Type: reflect.TypeFor[figure](), Encode: encodeFigure, Decode: decodeFigure, Version: "1"},
	{
		Type:   reflect.TypeFor[secret](),
		Encode: func(v reflect.Value) ([]byte, error) { return []byte(strconv.Itoa(v.Interface().(secret).code)), nil },
		Decode: func(data []byte, into reflect.Value) error {
			n, err := strconv.Atoi(string(data))
			into.Set(reflect.ValueOf(secret{n}))
			return err
		},
	},
	{
		Type: reflect.TypeFor[token](),
		Encode: func(v reflect.Value) ([]byte, error) {
			return (*Set)(nil).For(reflect.TypeFor[string]()).Encode(reflect.ValueOf(v.String()))
		},
		Decode: func(data []byte, into reflect.Value) error {
			return json.Unmarshal(data, into.Addr().Interface())
		},
	},
}

func encodeFigure(v reflect.Value) ([]byte, error) {
	switch f := v.Interface().(type) {
	case nil:
		return []byte("null"), nil
	case square:
		return fmt.Appendf(nil, ` {"square": %d}`, f.Side), nil
	case *strip:
		return fmt.Appendf(nil, `{"strip": [%d, %d]}`, f.W, f.H), nil
	}
	if v.Interface() == (broken{}) {
		return []byte("{"), nil
	}
	return nil, errors.New("unknown figure")
}

func decodeFigure(data []byte, into reflect.Value) error {
	var f struct {
		Square *int
		Strip  *[2]int
	}
	err := json.Unmarshal(data, &f)
	switch {
	case f.Square != nil:
		into.Set(reflect.ValueOf(square{*f.Square}))
	case f.Strip != nil:
		into.Set(reflect.ValueOf(&strip{f.Strip[0], f.Strip[1]}))
	}
	return err
}

// zoo is every type above.
var zoo = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[float32](), reflect.TypeFor[[]byte](),
	reflect.TypeFor[*int](), reflect.TypeFor[time.Time](), reflect.TypeFor[json.RawMessage](), reflect.TypeFor[stamp](),
	reflect.TypeFor[[]time.Time](), reflect.TypeFor[map[string]json.RawMessage](), reflect.TypeFor[*time.Time](),
	reflect.TypeFor[lineage](), reflect.TypeFor[directory](), reflect.TypeFor[tree](), reflect.TypeFor[dated](),
	reflect.TypeFor[scalars](), reflect.TypeFor[caseClash](), reflect.TypeFor[omitting](), reflect.TypeFor[quoting](),
	reflect.TypeFor[embedding](), reflect.TypeFor[taggedEmbed](), reflect.TypeFor[slices3](), reflect.TypeFor[maps3](),
	reflect.TypeFor[library](), reflect.TypeFor[wrapping](), reflect.TypeFor[hidden](), reflect.TypeFor[overriding](),
	reflect.TypeFor[figure](), reflect.TypeFor[[]figure](), reflect.TypeFor[figures](), reflect.TypeFor[*secret](),
	reflect.TypeFor[token](), reflect.TypeFor[Tokens](), reflect.TypeFor[embedTokens](), reflect.TypeFor[moreTokens](),
	reflect.TypeFor[struct {
		A string `json:"a"`
		B struct{ C []struct{ D *float64 } }
	}](),
}

// A breeder makes random values of the types of the zoo.
type breeder struct{ *rand.Rand }

func breed(t reflect.Type, seed uint64) reflect.Value {
	v := reflect.New(t).Elem()
	breeder{rand.New(rand.NewPCG(seed, 1))}.fill(v, 0)
	return v
}

// special makes what reflection cannot.
var special = map[reflect.Type]func(breeder) any{
	timeType:                         func(b breeder) any { return b.time() },
	rawType:                          func(b breeder) any { return b.raw() },
	reflect.TypeFor[hidden]():        func(b breeder) any { return hidden{b.Int()} },
	reflect.TypeFor[secret]():        func(b breeder) any { return secret{b.IntN(3)} },
	reflect.TypeFor[overriding]():    func(b breeder) any { return overriding{stamp{b.normal()}, b.text()} },
	reflect.TypeFor[netip.Addr]():    func(b breeder) any { return netip.AddrFrom4([4]byte{1, 2, 3, byte(b.IntN(256))}).WithZone("") },
	reflect.TypeFor[netip.Prefix]():  func(b breeder) any { return netip.PrefixFrom(netip.IPv6LinkLocalAllNodes(), b.IntN(129)) },
	reflect.TypeFor[big.Int]():       func(b breeder) any { return *new(big.Int).Lsh(big.NewInt(b.Int64()|1), uint(b.IntN(90))) },
	reflect.TypeFor[figure]():        func(b breeder) any { return b.figure() },
	reflect.TypeFor[time.Duration](): func(b breeder) any { return time.Duration(b.Int64()) },
}

func (b breeder) fill(v reflect.Value, depth int) {
	if make := special[v.Type()]; make != nil {
		if x := make(b); x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(b.IntN(2) == 0)
	case reflect.String:
		v.SetString(b.text())
	case reflect.Float32, reflect.Float64:
		v.SetFloat(b.float(v.Kind() == reflect.Float32))
	case reflect.Pointer:
		if depth < 6 && b.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			b.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if n := b.length(depth); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			b.elements(v, depth)
		}
	case reflect.Array:
		b.elements(v, depth)
	case reflect.Map:
		b.fillMap(v, depth)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				b.fill(v.Field(i), depth)
			}
		}
	default:
		b.integer(v)
	}
}

// length is -1 for nil, and shrinks with the depth.
func (b breeder) length(depth int) int { return b.IntN(max(2, 5-depth)) - 1 }

func (b breeder) elements(v reflect.Value, depth int) {
	for i := range v.Len() {
		b.fill(v.Index(i), depth+1)
	}
}

func (b breeder) fillMap(v reflect.Value, depth int) {
	n := b.length(depth)
	if n < 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range n {
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		b.fill(key, depth+1)
		b.fill(elem, depth+1)
		v.SetMapIndex(key, elem)
	}
}

func (b breeder) integer(v reflect.Value) {
	bits := b.Uint64() >> b.IntN(64)
	if b.IntN(8) == 0 {
		bits = []uint64{0, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MaxUint64}[b.IntN(5)]
	}
	if v.CanInt() {
		v.SetInt(int64(bits))
	} else {
		v.SetUint(bits)
	}
}

func (b breeder) float(single bool) float64 {
	f := []float64{0, math.Copysign(0, -1), 1e21, 1e-7, math.SmallestNonzeroFloat64, math.MaxFloat64, b.NormFloat64(), float64(b.Int64())}[b.IntN(8)]
	if single {
		return float64(math.Float32frombits(uint32(b.Uint64()) &^ (1 << 30)))
	}
	return f
}

func (b breeder) text() string {
	pieces := []string{"", "a", "null", `"`, `\`, `\ufffd`, "\ufffd", "\u2028", "<&>", "\x00", "\x7f", "é", "🌲", "0", "-", " ", "\n", `\\ufffd`}
	s := ""
	for range b.IntN(4) {
		s += pieces[b.IntN(len(pieces))]
	}
	return s
}

func (b breeder) time() time.Time {
	switch b.IntN(4) {
	case 0:
		return time.Time{}
	case 1:
		return time.Date(2024, 2, 29, 1, 2, 3, 4, time.Local)
	}
	return b.normal().In(time.FixedZone("Somewhere", 60*(b.IntN(2879)-1439)))
}

func (b breeder) normal() time.Time {
	return time.Unix(b.Int64N(1<<33), b.Int64N(1e9)).UTC()
}

func (b breeder) raw() json.RawMessage {
	raws := []string{`null`, `{}`, "[ 1 , 2.50 ]", "{\n\"a\": \"b c\"\t}", ` "\u2028<&>" `, `1e5`, "\"\u2028 \ufffd\"", `{"a":1,"a":2}`}
	return json.RawMessage(raws[b.IntN(len(raws))])
}

func (b breeder) figure() any {
	return []any{nil, square{b.IntN(9)}, &strip{b.IntN(9), b.IntN(9)}}[b.IntN(3)]
}
