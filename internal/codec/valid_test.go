package codec

import (
	"math"
	"reflect"
	"testing"
)

// TestValidAgreesWithEncode checks that what Encode refuses is refused without
// writing, and nothing else.
func TestValidAgreesWithEncode(t *testing.T) {
	type inner struct {
		F float64
		M map[string]string
	}
	type tree struct{ Kids []*tree }
	loop := &tree{}
	loop.Kids = []*tree{loop}
	for _, v := range []any{
		1, "a", "a\xff", 1.5, math.NaN(),
		[]string{"a", "\xff"},
		map[string]int{"\xff": 1},
		inner{F: math.Inf(1)},
		inner{M: map[string]string{"k": "\xff"}},
		inner{},
		[]inner{{}, {F: math.NaN()}},
		[]byte("\xff"), &inner{}, (*inner)(nil), *loop,
		tree{Kids: []*tree{{}, {}}},
	} {
		rv := reflect.New(reflect.TypeOf(v)).Elem()
		rv.Set(reflect.ValueOf(v))
		c := NewSet().For(rv.Type())
		_, want := c.Encode(rv)
		got := c.Valid(rv)
		if (got == nil) != (want == nil) {
			t.Errorf("Valid(%T %v) = %v, Encode says %v", v, reflect.TypeOf(v), got, want)
		}
	}
}
