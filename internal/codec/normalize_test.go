package codec

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestNormalizeKeepsInstantAndOffsetOnly(t *testing.T) {
	c := everything.For(timeType)
	zone := time.FixedZone("IST", 5*3600+1800)
	for _, in := range []time.Time{time.Now(), time.Now().UTC(), time.Now().In(zone), {}, time.Unix(0, 1).In(time.FixedZone("Z", 0))} {
		v, err := c.Normalize(reflect.ValueOf(in))
		if err != nil {
			t.Fatal(err)
		}
		got := v.Interface().(time.Time)
		_, wantOffset := in.Zone()
		_, offset := got.Zone()
		if !got.Equal(in) || offset != wantOffset {
			t.Errorf("Normalize(%v) = %v", in, got)
		}
		if got != got.Round(0) || wantOffset != 0 && got.Location().String() != "" {
			t.Errorf("Normalize(%v) keeps a monotonic reading or the zone %q", in, got.Location())
		}
	}
}

func TestNormalizeCopiesOnlyWhatIsShared(t *testing.T) {
	rough := json.RawMessage(`[ 1 ]`)
	in := dated{Kids: []dated{{Raw: rough}}, Next: &dated{At: time.Now()}, By: map[int]dated{1: {Raw: rough}}}
	c := everything.For(reflect.TypeFor[dated]())
	v, err := c.Normalize(reflect.ValueOf(in))
	if err != nil {
		t.Fatal(err)
	}
	got := v.Interface().(dated)
	if string(in.Kids[0].Raw) != "[ 1 ]" || string(in.By[1].Raw) != "[ 1 ]" || string(rough) != "[ 1 ]" {
		t.Error("Normalize wrote to its argument")
	}
	if string(got.Kids[0].Raw) != "[1]" || string(got.By[1].Raw) != "[1]" || got.Next == in.Next {
		t.Errorf("got %+v", got)
	}
	again, err := c.Normalize(v)
	if err != nil || again.Interface().(dated).Next != got.Next {
		t.Errorf("a normal value is copied, %v", err)
	}
}

func TestANilRawMessageMayBeOmitted(t *testing.T) {
	type r struct {
		A json.RawMessage `json:",omitempty"`
		B json.RawMessage `json:",omitzero"`
	}
	c := everything.For(reflect.TypeFor[r]())
	if data, err := c.Encode(reflect.ValueOf(r{})); err != nil || string(data) != "{}" {
		t.Errorf("got %s, %v", data, err)
	}
}
