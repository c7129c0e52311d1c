package codec

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// loud is a type whose methods panic or fail for some values.
type loud string

func (l loud) MarshalText() ([]byte, error) {
	switch l {
	case "panic":
		panic("loud")
	case "error":
		return nil, errLoud
	}
	return []byte(l), nil
}

func (l *loud) UnmarshalText(b []byte) error {
	if string(b) == "panic" {
		panic("loud")
	}
	*l = loud(b)
	return nil
}

var errLoud = errors.New("too loud")

// unclean writes bytes of its own, which encoding/json takes unseen.
type unclean string

func (u unclean) MarshalJSON() ([]byte, error)  { return []byte(u), nil }
func (u *unclean) UnmarshalJSON(b []byte) error { *u = unclean(b); return nil }

// maybe writes itself as null for some values, not for the zero value.
type maybe struct{ N int }

func (m maybe) MarshalJSON() ([]byte, error) {
	if m.N == 1 {
		return []byte("null"), nil
	}
	return json.Marshal(m.N)
}
func (m *maybe) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &m.N) }

type place struct {
	Text  string  `json:"t,omitempty"`
	Quote string  `json:",string"`
	Num   float32 `json:"n"`
	Keys  map[string]int
	Text2 map[textKey]string
	Loud  loud
	Mine  unclean
	Maybe *maybe
	At    time.Time
	Zero  time.Time       `json:",omitzero"`
	Raw   json.RawMessage `json:",omitzero"`
	Must  []json.RawMessage
	Fig   figure
	Figs  []*figure
	Kids  []place
	By    map[string]*place
}

// fit is a place that can be written.
func fit(change func(*place)) place {
	p := place{Mine: "1"}
	change(&p)
	return p
}

var badPlaces = []struct {
	change func(*place)
	want   string
}{
	{func(p *place) { p.Text = "a\xff" }, "Text: a string is not valid UTF-8"},
	{func(p *place) { p.Quote = "\xc0\xaf" }, "Quote: a string is not valid"},
	{func(p *place) { p.Text, p.Quote = "\ufffd", "\xed\xa0\x80" }, "Quote: a string is not"},
	{func(p *place) { p.Num = float32(math.NaN()) }, "Num: NaN and Inf"},
	{func(p *place) { p.Num = float32(math.Inf(-1)) }, "Num: NaN and Inf"},
	{func(p *place) { p.Keys = map[string]int{"ok": 1, "\xff": 2} }, `Keys["\xff"]: a string`},
	{func(p *place) { p.Text2 = map[textKey]string{{"\xff", "b"}: ""} }, `Text2["\xff/b"]: a string`},
	{func(p *place) { p.Text2 = map[textKey]string{{"a", "b"}: "\xff"} }, `Text2["a/b"]: a string`},
	{func(p *place) { p.Loud = "panic" }, "Loud: a marshaler panicked: loud"},
	{func(p *place) { p.Loud = "error" }, "Loud: too loud"},
	{func(p *place) { p.Loud = "\xff" }, "Loud: a string is not"},
	{func(p *place) { p.Mine = "{" }, "Mine: json: error calling MarshalJSON"},
	{func(p *place) { p.Mine = "\"\xff\"" }, "a marshaler or Codec wrote invalid UTF-8"},
	{func(p *place) { p.Maybe = &maybe{1} }, "Maybe: what a pointer leads to is written as null"},
	{func(p *place) { p.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "At: the year"},
	{func(p *place) { p.At = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) }, "At: the year"},
	{func(p *place) { p.At = time.Now().In(time.FixedZone("LMT", 1172)) }, "At: the zone of a time"},
	{func(p *place) { p.At = time.Now().In(time.FixedZone("", -24*3600)) }, "At: the zone of a time"},
	{func(p *place) { p.Zero = time.Time{}.In(time.FixedZone("", 3600)) }, "Zero: omitzero drops"},
	{func(p *place) { p.Raw = json.RawMessage{} }, "Raw: a json.RawMessage is not valid"},
	{func(p *place) { p.Raw = json.RawMessage("{") }, "Raw: a json.RawMessage is not valid"},
	{func(p *place) { p.Raw = json.RawMessage("\"\xff\"") }, "Raw: a json.RawMessage is not valid"},
	{func(p *place) { p.Must = []json.RawMessage{nil} }, "Must[0]: a nil json.RawMessage"},
	{func(p *place) { p.Fig = broken{} }, "Fig: the Codec of codec.figure wrote invalid JSON"},
	{func(p *place) { p.Fig = (*strip)(nil) }, "Fig: a marshaler panicked"},
	{func(p *place) { p.Text2 = map[textKey]string{{"a", "b"}: "x", {"a", "\xff"}: "y"} }, `Text2["a/\xff"]: a string`},
	{func(p *place) { p.Fig = odd{} }, "Fig: unknown figure"},
	{func(p *place) { p.Figs = []*figure{nil, new(figure)} }, "Figs[1]: what a pointer leads to"},
	{func(p *place) { p.Kids = []place{fit(func(*place) {}), fit(func(p *place) { p.Text = "\xff" })} }, "Kids[1].Text: a string"},
	{func(p *place) {
		p.By = map[string]*place{"a.b": new(fit(func(p *place) { p.At = time.Time{}.AddDate(-9, 0, 0) }))}
	}, `By["a.b"].At: the year`},
	{func(p *place) { p.By = map[string]*place{"\xff": nil} }, `By["\xff"]: a string`},
	{func(p *place) { p.By = map[string]*place{"me": p} }, `By["me"].By["me"]`},
}

// odd is a figure that the custom refuses, broken one that it cannot write.
type (
	odd    struct{}
	broken struct{}
)

func (odd) area() int    { return 0 }
func (broken) area() int { return 0 }

func TestEncodeNamesThePlaceOfWhatItRefuses(t *testing.T) {
	c := everything.For(reflect.TypeFor[place]())
	for _, test := range badPlaces {
		p := &place{Mine: "1"}
		test.change(p)
		_, err := c.Encode(reflect.ValueOf(p).Elem())
		var located *ValueError
		if err == nil || !errors.As(err, &located) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if data, err := c.Encode(reflect.ValueOf(fit(func(*place) {}))); err != nil {
		t.Errorf("a fit place: %s, %v", data, err)
	}
}

func TestPlainEncodeRefusesTheSame(t *testing.T) {
	type flat struct {
		Text  []string
		Quote string `json:",string"`
		Num   map[string]float64
		Loud  map[loud]bool
		Mine  *maybe
	}
	c := everything.For(reflect.TypeFor[flat]())
	for want, v := range map[string]flat{
		"Text[1]: a string": {Text: []string{`\ufffd`, "\xff"}}, "Quote: a string": {Quote: "\xff"},
		`Num["a"]: NaN`: {Num: map[string]float64{"a": math.NaN()}}, `Mine: what a pointer`: {Mine: &maybe{1}},
	} {
		if _, err := c.Encode(reflect.ValueOf(v)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := c.Encode(reflect.ValueOf(flat{Text: []string{"\ufffd", `\ufffd`, `\\ufffd`, "null"}, Mine: &maybe{}})); err != nil {
		t.Errorf("a genuine replacement character: %v", err)
	}
}

func TestNormalizeRefusesTimesAndRawMessages(t *testing.T) {
	c := everything.For(reflect.TypeFor[place]())
	for _, test := range badPlaces {
		p := &place{Mine: "1"}
		test.change(p)
		_, err := c.Normalize(reflect.ValueOf(p).Elem())
		timeOrRaw := strings.Contains(test.want, "zone") || strings.Contains(test.want, "year") || strings.Contains(test.want, "Raw") || strings.Contains(test.want, "omitzero")
		if timeOrRaw && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestAValueThatContainsItselfIsAnError(t *testing.T) {
	self := &tree{Name: "self"}
	self.Next = self
	kids := tree{Kids: make([]tree, 2)}
	kids.Kids[0], kids.Kids[1] = kids, kids
	loop := directory{}
	loop["loop"] = loop
	line := make(lineage, 1)
	line[0] = line
	day := &dated{}
	day.Next = day
	figs := &figures{}
	figs.Next = figs
	deep := TokenBase{More: make([]TokenBase, 1)}
	deep.More[0] = deep
	for _, v := range []any{*self, kids, loop, line, *day, *figs, deep} {
		c := everything.For(reflect.TypeOf(v))
		_, err := c.Encode(reflect.ValueOf(v))
		if err == nil || !strings.Contains(err.Error(), "contains itself") || len(err.Error()) > 300 {
			t.Errorf("%T: got %v, want that it contains itself", v, err)
		}
		if _, err := c.Normalize(reflect.ValueOf(v)); c.Normal() == (err != nil) {
			t.Errorf("%T: Normalize = %v", v, err)
		}
	}
}

func TestDeepValuesAreRefusedBeforeTheyCannotBeRead(t *testing.T) {
	deep := func(n int) (line lineage) {
		for range n {
			line = lineage{line}
		}
		return line
	}
	c := everything.For(reflect.TypeFor[lineage]())
	if _, err := c.Encode(reflect.ValueOf(deep(maxDepth))); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	if _, err := c.Encode(reflect.ValueOf(deep(maxDepth + 1))); !errors.Is(err, errDeep) {
		t.Errorf("%d levels: %v, want %v", maxDepth+1, err, errDeep)
	}
	raw := json.RawMessage(strings.Repeat("[", 9999) + strings.Repeat("]", 9999))
	if _, err := everything.For(rawType).Encode(reflect.ValueOf(raw)); !errors.Is(err, errDeep) {
		t.Errorf("a deep RawMessage: %v, want %v", err, errDeep)
	}
}

func TestErrorsOfMarshalersCanBeMatched(t *testing.T) {
	for _, v := range []any{loud("error"), []loud{"error"}, map[string]*place{"a": new(fit(func(p *place) { p.Loud = "error" }))}} {
		_, err := everything.For(reflect.TypeOf(v)).Encode(reflect.ValueOf(v))
		if !errors.Is(err, errLoud) {
			t.Errorf("%T: got %v, want %v", v, err, errLoud)
		}
	}
}

func TestAPanicDoesNotSpoilLaterCalls(t *testing.T) {
	c := everything.For(reflect.TypeFor[[]loud]())
	for range 100 {
		if _, err := c.Encode(reflect.ValueOf([]loud{"x", "panic"})); err == nil {
			t.Fatal("a panic is no error")
		}
		if data, err := c.Encode(reflect.ValueOf([]loud{"x", "y"})); err != nil || string(data) != `["x","y"]` {
			t.Fatalf("got %s, %v", data, err)
		}
		if err := c.Decode([]byte(`["panic"]`), reflect.New(c.typ).Elem()); err == nil {
			t.Fatal("a panic is no error")
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := NewSet(customs0...)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for _, typ := range zoo {
				checkRoundTrip(t, s.For(typ), breed(typ, uint64(i)), breed(typ, uint64(i)))
			}
		})
	}
	wg.Wait()
}
