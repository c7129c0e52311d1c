package codec

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestDescribe(t *testing.T) {
	const pkg = "github.com/burdock-go/burdock/internal/codec"
	for _, test := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[named](), "string"},
		{reflect.TypeFor[octets](), "[]uint8"},
		{reflect.TypeFor[map[level]*time.Time](), "map[marshaler(" + pkg + ".level)]*time"},
		{reflect.TypeFor[struct {
			B json.RawMessage `json:"b,omitzero"`
			A [2]int          `json:"a,omitempty"`
			C int             `json:",string"`
		}](), `{"C":C int string,"a":A [2]int omitempty,"b":B raw omitzero}`},
		{reflect.TypeFor[tree](), `{"By":By map[string]^1,"kids":Kids []^1,"n":Name string,"next":Next *^1 omitempty}`},
		{reflect.TypeFor[lineage](), "[]^1"},
		{reflect.TypeFor[struct {
			Quiet
			B string
		}](), `{"B":B string,"Q":Q string omitempty}`},
		{reflect.TypeFor[hidden](), "marshaler(" + pkg + ".hidden)"},
		{reflect.TypeFor[[]figure](), "[]codec(" + pkg + `.figure "1")`},
		{reflect.TypeFor[any](), "interface(interface {})"},
		{reflect.TypeFor[selfish](), `{"A":A int}`},
		{reflect.TypeFor[func()](), "func"},
	} {
		if got := Describe(test.typ, everything); got != test.want {
			t.Errorf("Describe(%v) = %s, want %s", test.typ, got, test.want)
		}
	}
}
