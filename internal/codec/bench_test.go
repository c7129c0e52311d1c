package codec

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

type record struct {
	Role, Text, Model string
	Count, Total      int
}

type datedRecord struct {
	record
	At time.Time
}

// ratio is how much longer Encode may take than json.Marshal. BenchmarkEncode
// measures 1.4 for a struct of five fields (340 and 242 ns, one allocation
// each) and 1.05 for a thousand of them; the rest is room for a busy machine.
const ratio = 2.5

func TestEncodeCostsAboutWhatJSONCosts(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("measures time")
	}
	r := testRecord()
	ours := testing.Benchmark(func(b *testing.B) { benchEncode(b, &r) })
	theirs := testing.Benchmark(func(b *testing.B) { benchMarshal(b, &r) })
	if got := float64(ours.NsPerOp()) / float64(theirs.NsPerOp()); got > ratio {
		t.Errorf("Encode takes %.2f times as long as json.Marshal, want at most %.1f", got, ratio)
	}
}

func testRecord() record {
	return record{"user", "What is the burdock's fruit called?", "gpt-4", 7, 1 << 40}
}

func benchEncode[T any](b *testing.B, p *T) {
	b.ReportAllocs()
	s := NewSet()
	v := reflect.ValueOf(p).Elem()
	for b.Loop() {
		if _, err := s.For(v.Type()).Encode(v); err != nil {
			b.Fatal(err)
		}
	}
}

func benchMarshal[T any](b *testing.B, p *T) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	r := testRecord()
	d := datedRecord{r, time.Unix(1e9, 0).UTC()}
	history := make([]record, 1000)
	for i := range history {
		history[i] = r
	}
	b.Run("struct/codec", func(b *testing.B) { benchEncode(b, &r) })
	b.Run("struct/json", func(b *testing.B) { benchMarshal(b, &r) })
	b.Run("time/codec", func(b *testing.B) { benchEncode(b, &d) })
	b.Run("time/json", func(b *testing.B) { benchMarshal(b, &d) })
	b.Run("history/codec", func(b *testing.B) { benchEncode(b, &history) })
	b.Run("history/json", func(b *testing.B) { benchMarshal(b, &history) })
}

func BenchmarkDecode(b *testing.B) {
	r := testRecord()
	c := NewSet().For(reflect.TypeFor[record]())
	data, err := c.Encode(reflect.ValueOf(r))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("struct/codec", func(b *testing.B) {
		v := reflect.ValueOf(&r).Elem()
		for b.Loop() {
			if err := c.Decode(data, v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("struct/json", func(b *testing.B) {
		for b.Loop() {
			if err := json.Unmarshal(data, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNormalize(b *testing.B) {
	history := make([]datedRecord, 1000)
	for i := range history {
		history[i] = datedRecord{testRecord(), time.Now()}
	}
	c := NewSet().For(reflect.TypeOf(history))
	v := reflect.ValueOf(history)
	normal, err := c.Normalize(v)
	if err != nil {
		b.Fatal(err)
	}
	for name, v := range map[string]reflect.Value{"rough": v, "normal": normal} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Normalize(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
