package codec

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecodeReplacesWhatWasThere(t *testing.T) {
	c := everything.For(reflect.TypeFor[figures]())
	v := breed(c.typ, 3)
	if err := c.Decode([]byte(`{"QUOTE":"7","unknown":[]}`), v); err != nil {
		t.Fatal(err)
	}
	if got, want := v.Interface(), (figures{Quote: 7}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct {
		typ        reflect.Type
		data, want string
	}{
		{reflect.TypeFor[int](), `"`, "unexpected end"},
		{reflect.TypeFor[string](), "\"\xff\"", "not valid UTF-8"},
		{reflect.TypeFor[figures](), `{"Quote":7}`, "Quote: json: cannot unmarshal"},
		{reflect.TypeFor[figures](), `{"List":[null,{"Square":"x"}]}`, "List[1]: json: cannot"},
		{reflect.TypeFor[figures](), `{"Pair":[null,null,null]}`, "Pair: the JSON array has more"},
		{reflect.TypeFor[figures](), `{"By":{"":null}}`, "panicked"},
		{reflect.TypeFor[map[int8]token](), `{"300":""}`, `["300"]: strconv`},
		{reflect.TypeFor[map[uint8]token](), `{"-1":""}`, `["-1"]: strconv`},
		{reflect.TypeFor[figures](), strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nests deeper"},
	} {
		err := everything.For(test.typ).Decode([]byte(test.data), reflect.New(test.typ).Elem())
		var located *ValueError
		if err == nil || !errors.As(err, &located) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Decode(%.40s) into %v: got %v, want %s", test.data, test.typ, err, test.want)
		}
	}
}

// FuzzDecode decodes anything into any type of the zoo. What can be decoded
// and written again must then come back equal.
func FuzzDecode(f *testing.F) {
	for i, typ := range zoo {
		for seed := range uint64(5) {
			v, err := everything.For(typ).Encode(breed(typ, seed))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), v)
		}
		f.Add(uint8(i), []byte(`null`))
		f.Add(uint8(i), []byte(`[{"a":"\ud800","":[1e999]}]`))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := everything.For(zoo[int(which)%len(zoo)])
		v, back := reflect.New(c.typ).Elem(), reflect.New(c.typ).Elem()
		if c.Decode(data, v) != nil {
			return
		}
		written, err := c.Encode(v)
		if err != nil {
			return
		}
		if err := c.Decode(written, back); err != nil || !reflect.DeepEqual(v.Interface(), back.Interface()) {
			t.Errorf("%v: %s reads back as %#v, %v, want %#v", c.typ, written, back, err, v)
		}
	})
}
