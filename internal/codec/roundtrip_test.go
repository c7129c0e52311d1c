package codec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

var everything = NewSet(customs0...)

// breedings is how many random values of each type a test looks at.
const breedings = 150

func TestTheZooPassesCheck(t *testing.T) {
	for _, typ := range zoo {
		if got := everything.Check(typ, typ.String()); len(got) > 0 {
			t.Errorf("Check(%v) = %v, want no problem", typ, got)
		}
	}
}

func TestWhatIsSavedComesBackEqual(t *testing.T) {
	setLocal(t, "Europe/Amsterdam")
	for _, typ := range zoo {
		c := everything.For(typ)
		for seed := range uint64(breedings) {
			checkRoundTrip(t, c, breed(typ, seed), breed(typ, seed))
			if t.Failed() {
				t.Fatalf("%v, seed %d", typ, seed)
			}
		}
	}
}

// checkRoundTrip saves v and reads it back. twin is equal to v and shares
// no memory with it.
func checkRoundTrip(t *testing.T, c *Type, v, twin reflect.Value) {
	t.Helper()
	n, err := c.Normalize(v)
	if err != nil {
		t.Fatalf("Normalize(%#v): %v", v, err)
	}
	data, err := c.Encode(n)
	if err != nil {
		t.Fatalf("Encode(%#v): %v", n, err)
	}
	if rough, err := c.Encode(v); err != nil || !bytes.Equal(rough, data) {
		t.Errorf("Encode before Normalize = %s, %v, want %s", rough, err, data)
	}
	if !reflect.DeepEqual(v.Interface(), twin.Interface()) {
		t.Errorf("Normalize or Encode changed its argument to %#v, want %#v", v, twin)
	}
	back := reflect.New(c.typ).Elem()
	if err := c.Decode(data, back); err != nil {
		t.Fatalf("Decode(%s): %v", data, err)
	}
	if !reflect.DeepEqual(back.Interface(), n.Interface()) {
		t.Errorf("Decode(%s) = %#v, want %#v", data, back, n)
	}
	if again, err := c.Normalize(back); err != nil || !reflect.DeepEqual(again.Interface(), n.Interface()) {
		t.Errorf("Normalize of a normal value = %#v, %v, want %#v", again, err, n)
	}
}

// setLocal makes time.Parse find the local zone, which it otherwise does
// only by accident.
func setLocal(t *testing.T, name string) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Skip(err)
	}
	old := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = old })
}

func TestMixedWritesWhatEncodingJSONWrites(t *testing.T) {
	none := NewSet()
	for _, typ := range []reflect.Type{reflect.TypeFor[Tokens](), reflect.TypeFor[embedTokens](), reflect.TypeFor[moreTokens]()} {
		mixed, plain := everything.For(typ), none.For(typ)
		for seed := range uint64(breedings) {
			v := breed(typ, seed)
			got, err1 := mixed.Encode(v)
			want, err2 := plain.Encode(v)
			if err1 != nil || err2 != nil {
				t.Fatalf("%v, seed %d: %v, %v", typ, seed, err1, err2)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%v, seed %d: got %s, want %s", typ, seed, got, want)
			}
			back := reflect.New(typ).Elem()
			if err := plain.Decode(got, back); err != nil {
				t.Fatalf("plain Decode(%s): %v", got, err)
			}
			n, _ := plain.Normalize(v)
			if !reflect.DeepEqual(back.Interface(), n.Interface()) {
				t.Fatalf("plain Decode(%s) = %#v, want %#v", got, back, n)
			}
		}
	}
}

func TestPlainValuesAreWrittenAsEncodingJSONDoes(t *testing.T) {
	c := everything.For(reflect.TypeFor[scalars]())
	for seed := range uint64(breedings) {
		v := breed(c.typ, seed)
		got, err := c.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v.Addr().Interface()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, bytes.TrimSpace(want.Bytes())) {
			t.Fatalf("got %s, want %s", got, want.Bytes())
		}
	}
}

func TestNormalTypesAreNotCopied(t *testing.T) {
	for typ, want := range map[reflect.Type]bool{
		reflect.TypeFor[scalars](): true, reflect.TypeFor[tree](): true, reflect.TypeFor[overriding](): true,
		reflect.TypeFor[dated](): false, reflect.TypeFor[stamp](): false, reflect.TypeFor[maps3](): false, reflect.TypeFor[figures](): false,
	} {
		if got := everything.For(typ).Normal(); got != want {
			t.Errorf("%v: Normal() = %v, want %v", typ, got, want)
		}
	}
}
