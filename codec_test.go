package burdock_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// Design 1: times by instant and offset, raw messages by their compact form, in memory as on disk.
func TestMemoryAndDiskAgree(t *testing.T) {
	type odd struct {
		At   time.Time            `state:"at"`
		Raw  json.RawMessage      `state:"raw"`
		Many []time.Time          `state:"many,append"`
		Map  map[string]time.Time `state:"map"`
		F    float32              `state:"f"`
		B    []byte               `state:"b"`
		P    *int                 `state:"p"`
		Nil  []int                `state:"nil"`
		Void []int                `state:"void"`
	}
	zone := time.FixedZone("NOWHERE", 3600)
	mine := time.Now().In(zone)
	one := 1
	write := burdock.Func("write", func(context.Context, burdock.None) (odd, error) {
		return odd{
			mine, json.RawMessage(`{ "a" : 1 }`),
			[]time.Time{mine},
			map[string]time.Time{"x": mine},
			0.1,
			[]byte("\xff\x00"), &one, nil,
			[]int{},
		}, nil
	})
	type got struct {
		At   time.Time            `state:"at"`
		Raw  json.RawMessage      `state:"raw"`
		Many []time.Time          `state:"many"`
		Map  map[string]time.Time `state:"map"`
		F    float32              `state:"f"`
		B    []byte               `state:"b"`
		P    *int                 `state:"p"`
		Nil  []int                `state:"nil"`
		Void []int                `state:"void"`
	}
	g, db := line(write), newStore()
	memory := runTo(t, newApp(t, g, nil), burdock.StopDone).State
	saved := runTo(t, newApp(t, g, stored(db, nil)), burdock.StopDone).State
	loaded := must(t)(burdock.Resume(t.Context(), g, stored(db, nil))).State()
	if !memory.Equal(saved) || !saved.Equal(loaded) || !loaded.Equal(memory) {
		t.Errorf("the states differ:\n%+v\n%+v\n%+v", view[got](t, memory), view[got](t, saved), view[got](t, loaded))
	}
	w := view[got](t, memory)
	if _, offset := w.At.Zone(); !w.At.Equal(mine) || offset != 3600 || strings.Contains(w.At.String(), "NOWHERE") || strings.Contains(w.At.String(), "m=") {
		t.Errorf("got time %v, want %v without name and monotonic clock", w.At, mine)
	}
	wantEqual(t, "raw", string(w.Raw), `{"a":1}`)
	if w.Nil != nil || w.Void == nil {
		t.Error("a nil slice and an empty one were confused")
	}
}

// Design 1: values that cannot come back are errors at the write, with action and key, with and without a store.
func TestBadValuesAreErrorsAtTheWrite(t *testing.T) {
	type text struct {
		V string `state:"v"`
	}
	type texts struct {
		V []string `state:"v,append"`
	}
	type real struct {
		V float64 `state:"v"`
	}
	type raw struct {
		V json.RawMessage `state:"v"`
	}
	type deep struct {
		V map[string][]struct{ F float64 } `state:"v"`
	}
	type when struct {
		V time.Time `state:"v"`
	}
	for _, c := range []struct {
		name   string
		action *burdock.Action
		want   string
	}{
		{"text", write(text{"a\xff"}), "a string is not valid UTF-8; use []byte for bytes"},
		{"appended text", write(texts{[]string{"ok", "\xff"}}), "[1]: a string is not valid UTF-8"},
		{"NaN", write(real{math.NaN()}), "NaN and Inf have no JSON form"},
		{"Inf", write(real{math.Inf(-1)}), "NaN and Inf have no JSON form"},
		{"nil raw", write(raw{}), "a nil json.RawMessage reads back as null"},
		{"bad raw", write(raw{json.RawMessage("{")}), "a json.RawMessage is not valid JSON"},
		{"deep", write(deep{map[string][]struct{ F float64 }{"k": {{1}, {math.NaN()}}}}), `["k"][1].F: NaN and Inf`},
		{"year", write(when{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}), "the year of a time is outside of 0 to 9999"},
	} {
		for _, o := range []*burdock.Options{{}, stored(newStore(), nil)} {
			t.Run(c.name, func(t *testing.T) {
				out := runFails(t, newApp(t, line(c.action), o), `action "write" wrote key "v": `, c.want)
				if out.State.Has("v") {
					t.Error("the value was written all the same")
				}
			})
		}
	}
	nan := burdock.Raw("write", nil, burdock.ListOf(burdock.Key[float64]("v")), func(_ context.Context, s burdock.State) (burdock.State, error) {
		return burdock.Key[float64]("v").Set(s, math.NaN()), nil
	})
	runFails(t, newApp(t, line(nan), nil), `action "write" wrote key "v": NaN`)
}

func write[W any](w W) *burdock.Action {
	return burdock.Func("write", func(context.Context, burdock.None) (W, error) { return w, nil })
}

// A bad value among the inputs is an error before anything runs.
func TestBadValuesOfInputsAreErrorsBeforeAnythingRuns(t *testing.T) {
	type in struct {
		S string          `input:"s,optional"`
		F float64         `input:"f,optional"`
		R json.RawMessage `input:"r,optional"`
	}
	var log notes
	act := burdock.Func("act", func(context.Context, in) (burdock.None, error) { log.add("ran"); return burdock.None{}, nil })
	app := newApp(t, line(act), nil)
	for input, value := range map[string]any{"s": "\xff", "f": math.NaN(), "r": json.RawMessage(nil)} {
		out, err := app.Run(t.Context(), burdock.Input(input, value))
		wantTexts(t, err, `input "`+input+`" of action "act": `)
		if out != nil || log.take() != "" {
			t.Errorf("%s: something ran", input)
		}
	}
}

type shape interface{ area() int }

type square struct{ side int }

func (s square) area() int { return s.side * s.side }

// Design 1: a Codec makes a type storable that encoding/json cannot bring back; branch graphs inherit it.
func TestCodecs(t *testing.T) {
	type window struct {
		S []shape `state:"s"`
	}
	type more struct {
		S []shape `state:"s,append"`
	}
	codec := burdock.Codec[shape]{
		Encode: func(s shape) ([]byte, error) { return json.Marshal(s.area()) },
		Decode: func(data []byte) (shape, error) {
			var area int
			err := json.Unmarshal(data, &area)
			side := 0
			for side*side < area {
				side++
			}
			return square{side}, err
		},
		Version: "1",
	}
	add := burdock.Func("add", func(context.Context, window) (more, error) { return more{[]shape{square{3}}}, nil })
	_, err := burdock.NewGraph("g", burdock.Node(add))
	wantTexts(t, err, "window.S[]: an interface is written without its dynamic type")
	sub := burdock.Subgraph[window, window]("sub", add)
	g := burdock.MustGraph("g", burdock.Chain(add, sub), codec)
	db := newStore()
	out := runTo(t, newApp(t, g, stored(db, window{[]shape{square{2}}})), burdock.StopDone)
	got := view[window](t, out.State).S
	if len(got) != 3 || got[0].area()+got[1].area()+got[2].area() != 22 {
		t.Errorf("got %v, want squares of 2, 3, 3", got)
	}
	again := must(t)(burdock.Resume(t.Context(), g, stored(db, nil)))
	if !again.State().Equal(out.State) {
		t.Errorf("after a restart: got %v, want %v", view[window](t, again.State()).S, got)
	}
	codec.Version = "2"
	if other := burdock.MustGraph("g", burdock.Chain(add, sub), codec); other.Hash() == g.Hash() {
		t.Error("the codec's version is not part of the hash")
	}
	codec.Encode = func(shape) ([]byte, error) { return nil, errTest }
	bad := burdock.MustGraph("g", burdock.Chain(add), codec)
	_, err = burdock.New(t.Context(), bad, stored(newStore(), window{[]shape{square{2}}}))
	wantIs(t, err, errTest)
	app := newApp(t, bad, starting(window{}))
	_, err = app.Run(t.Context())
	wantTexts(t, err, `action "add" wrote key "s"`)
	wantIs(t, err, errTest)
}

// A codec of an interface is asked about nil like about any other value.
func TestACodecIsAskedAboutNil(t *testing.T) {
	type window struct {
		S shape   `state:"s"`
		M []shape `state:"m"`
	}
	codec := burdock.Codec[shape]{
		Encode: func(s shape) ([]byte, error) { return json.Marshal(s == nil) },
		Decode: func([]byte) (shape, error) { return nil, nil },
	}
	key := burdock.Key[shape]("s")
	act := write(window{nil, []shape{nil}})
	yes := idle("yes")
	g := burdock.MustGraph("g", burdock.Node(act, burdock.Eq(key, nil).Then(yes)), burdock.Node(yes), codec)
	o := stored(newStore(), nil)
	wantEqual(t, "last action", runTo(t, newApp(t, g, o), burdock.StopDone).Action, "yes")
	app := must(t)(burdock.Resume(t.Context(), g, o))
	if got, ok := key.Get(app.State()); !ok || got != nil {
		t.Errorf("got %v, %v, want a nil that is there", got, ok)
	}
}

type panicky struct{ N int }

func (p panicky) MarshalJSON() ([]byte, error) {
	if p.N == 1 {
		panic("marshal")
	}
	return json.Marshal(p.N)
}

func (p *panicky) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &p.N) }

// A marshaler that panics is an error of the step and not the end of the process.
func TestAMarshalerThatPanicsIsAnError(t *testing.T) {
	type window struct {
		P panicky `state:"p"`
	}
	type input struct {
		P panicky `input:"p"`
	}
	for _, o := range []*burdock.Options{{}, stored(newStore(), nil)} {
		runFails(t, newApp(t, line(write(window{panicky{1}})), o), `key "p"`, "panicked: marshal")
	}
	_, err := burdock.New(t.Context(), line(idle("a")), starting(window{panicky{1}}))
	wantTexts(t, err, `Options.State: key "p"`, "panicked: marshal")
	_, err = newApp(t, line(reader[input]()), stored(newStore(), nil)).Run(t.Context(), burdock.Input("p", panicky{1}))
	wantTexts(t, err, `input "p"`, "panicked: marshal")
}

type faulty struct{ err error }

func (f *faulty) Error() string   { return f.err.Error() }
func (f *faulty) Unwrap() error   { return f.err }
func (f *faulty) Is(e error) bool { return errors.Is(f.err, e) }

type mute struct{ text func() string }

func (m mute) Error() string { return m.text() }

// R8: an error whose own methods panic, such as a nil pointer in an error, fails the step and not the process.
func TestAnErrorThatPanicsIsAnError(t *testing.T) {
	for _, bug := range []error{(*faulty)(nil), (*mute)(nil), mute{func() string { panic("no text") }}} {
		bad := doing("bad", func(context.Context) error { return bug })
		h := idle("handler")
		g := burdock.MustGraph("g", burdock.Node(bad, burdock.OnError(burdock.Is(errTest), h)), burdock.Node(h), burdock.Sentinels(errTest))
		for _, o := range []*burdock.Options{{}, stored(newStore(), nil)} {
			o.Cascade.Tracker = trackFunc(func(context.Context, burdock.Event) error { return nil })
			runFails(t, newApp(t, g, o), "step 1 (bad)")
		}
	}
}

// A secret is never encoded, so it need not be storable.
func TestSecretsNeedNotBeStorable(t *testing.T) {
	type in struct {
		F func() string `input:"f,secret"`
	}
	call := burdock.Func("call", func(_ context.Context, w in) (answered, error) { return answered{w.F()}, nil })
	out := runTo(t, newApp(t, line(call), stored(newStore(), nil)), burdock.StopDone, burdock.Input("f", func() string { return "called" }))
	if diff := cmp.Diff(answered{"called"}, view[answered](t, out.State)); diff != "" {
		t.Error(diff)
	}
}
