package sqlitestore_test

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// kinds has a field of every kind of type that a state may hold.
type kinds struct {
	Bool     bool
	Int      int
	Int8     int8
	Int16    int16
	Int32    rune
	Int64    int64
	Uint     uint
	Uint8    byte
	Uint16   uint16
	Uint32   uint32
	Uint64   uint64
	Float32  float32
	Float64  float64
	String   string
	Label    label
	Lines    []label
	Bytes    []byte
	ByteRows [][]byte
	Raw      json.RawMessage
	Raws     map[string]json.RawMessage
	Time     time.Time
	Times    []time.Time
	TimePtr  *time.Time
	Took     time.Duration
	Big      *big.Int
	Ratio    *big.Rat
	Addr     netip.Addr
	Net      netip.Prefix
	Array    [3]int64
	Arrays   [2][]string
	Ints     []int64
	Matrix   [][]float64
	Map      map[string]int64
	ByInt    map[int64][]string
	ByUint   map[uint64]float64
	ByAddr   map[netip.Addr]leaf
	ByHex    map[hex]*leaf
	Ptr      *leaf
	Ptrs     []*leaf
	PtrMap   map[string]*leaf
	Nested   nested
	Tree     *tree
	Empty    struct{}
	Set      map[string]struct{}
	Shape    shape
	Shapes   []shape
	Hex      hex
	Renamed  int64 `json:"another name"`
	Quoted   int64 `json:",string"`
}

type (
	label  string
	leaf   struct{ A, B int64 }
	nested struct {
		leaf2
		Deep struct {
			Leaves map[string][]leaf
			Any    *nested
		}
	}
	leaf2 struct{ C string }
	tree  struct {
		Value       int64
		Left, Right *tree
		More        []tree
	}
)

// hex is a number that is written as text, also as the key of a map.
type hex uint64

var (
	_ encoding.TextMarshaler   = hex(0)
	_ encoding.TextUnmarshaler = (*hex)(nil)
)

func (h hex) MarshalText() ([]byte, error) {
	return strconv.AppendUint([]byte("0x"), uint64(h), 16), nil
}

func (h *hex) UnmarshalText(text []byte) error {
	digits, ok := bytes.CutPrefix(text, []byte("0x"))
	if !ok {
		return errors.New("no 0x")
	}
	n, err := strconv.ParseUint(string(digits), 16, 64)
	*h = hex(n)
	return err
}

// A shape is an interface, which only a Codec can bring back.
type shape interface{ area() float64 }

type (
	circle struct{ Radius float64 }
	square struct{ Side float64 }
)

func (c circle) area() float64 { return math.Pi * c.Radius * c.Radius }
func (s square) area() float64 { return s.Side * s.Side }

var shapes = burdock.Codec[shape]{
	Encode: func(s shape) ([]byte, error) {
		switch s := s.(type) {
		case circle:
			return json.Marshal(map[string]circle{"circle": s})
		case square:
			return json.Marshal(map[string]square{"square": s})
		}
		return []byte("null"), nil
	},
	Decode: func(data []byte) (shape, error) {
		var one struct {
			Circle *circle
			Square *square
		}
		err := json.Unmarshal(data, &one)
		switch {
		case one.Circle != nil:
			return *one.Circle, err
		case one.Square != nil:
			return *one.Square, err
		}
		return nil, err
	},
}

// written is what an action writes: values as keys of their own, together, and as elements of a list.
type written struct {
	All   kinds            `state:"all"`
	List  []kinds          `state:"list,append"`
	Big   *big.Int         `state:"big"`
	U64   uint64           `state:"u64"`
	Float float64          `state:"float"`
	Time  time.Time        `state:"time"`
	Raw   json.RawMessage  `state:"raw"`
	Bytes []byte           `state:"bytes"`
	Map   map[hex][]string `state:"map"`
	Shape shape            `state:"shape"`
	Tree  *tree            `state:"tree"`
}

// read is what another action reads of it.
type read struct {
	All   kinds            `state:"all"`
	List  []kinds          `state:"list"`
	Big   *big.Int         `state:"big"`
	U64   uint64           `state:"u64"`
	Float float64          `state:"float"`
	Time  time.Time        `state:"time"`
	Raw   json.RawMessage  `state:"raw"`
	Bytes []byte           `state:"bytes"`
	Map   map[hex][]string `state:"map"`
	Shape shape            `state:"shape"`
	Tree  *tree            `state:"tree"`
}

// TestP1_EveryValueComesBackEqual runs random values of every type through an application that is stopped and resumed
// after each of its steps: what the last step reads is what the steps before gave, to the bit.
func TestP1_EveryValueComesBackEqual(t *testing.T) {
	t.Parallel()
	rounds := 5
	if thorough() {
		rounds = 2000
	}
	for name, store := range map[string]burdock.Store{
		"memstore": memstore.New(), "sqlitestore": open(t, filepath.Join(fastDir(t), "test.db"), nil),
	} {
		t.Run(name, func(t *testing.T) {
			for range rounds {
				seed := rand.Uint64()
				if comesBack(t, store, seed); t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

// comesBack runs one application whose every step is another process.
func comesBack(t *testing.T, store burdock.Store, seed uint64) {
	t.Helper()
	r := &random{rand.New(rand.NewPCG(seed, 1))}
	gave := make([]written, 3)
	var want, got read
	for i := range gave {
		w := &gave[i]
		r.fill(reflect.ValueOf(w).Elem(), 4)
		want = read{w.All, append(want.List, w.List...), w.Big, w.U64, w.Float, w.Time, w.Raw, w.Bytes, w.Map, w.Shape, w.Tree}
	}
	whole, err := burdock.New(t.Context(), valuesGraph(gave, &got), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := whole.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(want.List) == 0 { // nil or empty as in one process
		want.List = got.List
	}
	same(t, reflect.ValueOf(got), reflect.ValueOf(want), "in one process: ")
	got = read{}
	opts := &burdock.Options{ID: fmt.Sprint("app-", seed), Cascade: burdock.Cascade{Store: store}}
	for i := range len(gave) + 1 {
		app, err := burdock.Open(t.Context(), valuesGraph(gave, &got), opts)
		if err != nil {
			t.Fatal(err)
		}
		var halt []burdock.RunOption
		if i < len(gave) {
			halt = append(halt, burdock.HaltAfter(burdock.ByName(fmt.Sprint("give", i))))
		}
		out, err := app.Run(t.Context(), halt...)
		if err != nil || out.Seq != int64(i+1) {
			t.Fatalf("process %d came to %+v, error %v", i, out, err)
		}
	}
	same(t, reflect.ValueOf(got), reflect.ValueOf(want), "")
	app, err := burdock.Resume(t.Context(), valuesGraph(gave, &got), opts)
	if err != nil {
		t.Fatal(err)
	}
	last, err := burdock.View[read](app.State())
	if err != nil {
		t.Fatal(err)
	}
	same(t, reflect.ValueOf(last), reflect.ValueOf(want), "")
}

// valuesGraph gives one value after the other and then takes what the state has.
func valuesGraph(gave []written, got *read) *burdock.Graph {
	var chain []*burdock.Action
	for i, w := range gave {
		chain = append(chain, burdock.Func(fmt.Sprint("give", i), func(context.Context, burdock.None) (written, error) { return w, nil }))
	}
	take := burdock.Func("take", func(_ context.Context, in read) (burdock.None, error) {
		*got = in
		return burdock.None{}, nil
	})
	return burdock.MustGraph("values", burdock.Chain(append(chain, take)...), shapes)
}

// same expects equal values and names the fields that differ.
func same(t *testing.T, got, want reflect.Value, at string) {
	t.Helper()
	if reflect.DeepEqual(got.Interface(), want.Interface()) {
		return
	}
	if got.Kind() == reflect.Struct && got.NumField() > 0 && got.Type().Field(0).IsExported() {
		for i := range got.NumField() {
			if f := got.Type().Field(i); f.IsExported() {
				same(t, got.Field(i), want.Field(i), at+"."+f.Name)
			}
		}
		return
	}
	t.Errorf("%s: got %#v, want %#v", at, got, want)
}

// random makes values.
type random struct{ *rand.Rand }

// fill sets v to something of its type; depth bounds what contains itself.
func (r *random) fill(v reflect.Value, depth int) {
	if made := r.special(v.Type()); made.IsValid() {
		v.Set(made)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(pick(r, 0, 1, -1, math.MaxInt64, math.MinInt64, 1<<53+1, -1<<53-1, int64(r.Uint64()))) // cut to its size
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(pick(r, 0, 1, math.MaxUint64, 1<<53+1, 1<<63, r.Uint64()))
	case reflect.Float32:
		v.SetFloat(pick(r, 0, math.MaxFloat32, math.SmallestNonzeroFloat32, -0.1, float64(float32(r.NormFloat64()))))
	case reflect.Float64:
		v.SetFloat(pick(r, 0, math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 1e21, 1e-7, 1<<53+2, r.NormFloat64()))
	case reflect.String:
		v.SetString(pick(r, "", "x", "\x00\x1f\u007f", "<a href='&'>\u2028\u2029</a>", "\u00e9\U0001f600\ufffd\ufeff", "null", "\"\\/", fmt.Sprint(r.Uint64())))
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				r.fill(f, depth-1)
			} else {
				r.fill(f.Field(0), depth-1) // what is embedded
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			r.fill(v.Index(i), depth-1)
		}
	default:
		r.fillReference(v, depth)
	}
}

// fillReference sets pointers, slices and maps, which may be nil or empty.
func (r *random) fillReference(v reflect.Value, depth int) {
	size := r.IntN(4) - 1
	if depth <= 0 {
		size = min(size, 0)
	}
	switch {
	case size < 0:
		v.SetZero()
	case v.Kind() == reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), depth-1)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), size, size+r.IntN(2)))
		for i := range size {
			r.fill(v.Index(i), depth-1)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range size {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			r.fill(key, depth-1)
			r.fill(value, depth-1)
			v.SetMapIndex(key, value)
		}
	default:
		panic(fmt.Sprint("no random ", v.Type()))
	}
}

func pick[T any](r *random, of ...T) T { return of[r.IntN(len(of))] }

// special makes values of types that are more than their fields.
func (r *random) special(t reflect.Type) reflect.Value {
	made := any(nil)
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		made = pick(r, json.RawMessage(`null`), json.RawMessage(`{"b":1,"a":[12345678901234567890,1.50,1e400]}`), json.RawMessage(`"\u00e9"`), json.RawMessage(`[]`))
	case reflect.TypeFor[time.Time]():
		made = r.time()
	case reflect.TypeFor[*big.Int]():
		n := new(big.Int).Lsh(big.NewInt(int64(r.Uint64())), uint(r.IntN(300)))
		made = pick(r, nil, big.NewInt(0), n)
	case reflect.TypeFor[*big.Rat]():
		made = pick(r, nil, big.NewRat(int64(r.Uint64()|1), 1<<53+1))
	case reflect.TypeFor[netip.Addr]():
		made = r.addr()
	case reflect.TypeFor[netip.Prefix]():
		made = pick(r, netip.Prefix{}, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 2, 3}), r.IntN(33)), netip.MustParsePrefix("2001:db8::/32"))
	case reflect.TypeFor[shape]():
		made = pick[any](r, nil, circle{r.NormFloat64()}, square{float64(r.IntN(100))})
		if made == nil {
			return reflect.Zero(t)
		}
	default:
		return reflect.Value{}
	}
	return reflect.ValueOf(made)
}

// time is a moment in a zone that has an offset and no name: a name is not kept.
func (r *random) time() time.Time {
	nanos := int64(pick(r, 0, 1, 999_999_999, r.IntN(1e9)))
	at := time.Unix(pick(r, 0, -1, 253402300799-86400, -62135596800+86400, r.Int64N(4e9)), nanos).UTC()
	if offset := pick(r, 0, 0, 3600, -5*3600-30*60, 14*3600, -12*3600, 60); offset != 0 {
		return at.In(time.FixedZone("", offset))
	}
	return pick(r, at, time.Time{})
}

func (r *random) addr() netip.Addr {
	var six [16]byte
	for i := range six {
		six[i] = byte(r.IntN(256))
	}
	return pick(r, netip.Addr{}, netip.AddrFrom4([4]byte(six[:4])), netip.AddrFrom16(six), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::ffff:1.2.3.4"))
}
