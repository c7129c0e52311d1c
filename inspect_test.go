package burdock_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
)

// A half is written and read back without its second part.
type half struct{ A, B int }

func (h half) MarshalJSON() ([]byte, error) { return json.Marshal(h.A) }
func (h *half) UnmarshalJSON(data []byte) error {
	if string(data) == "13" {
		return errors.New("13 is unlucky")
	}
	return json.Unmarshal(data, &h.A)
}

type bisected struct {
	Halves []half `state:"halves"`
	Name   string `state:"name"`
}

// A tool reads values of types that it does not know, and what would become of them in a store.
func TestAStateShowsItsValuesAsTheyAreAndAsTheyComeBack(t *testing.T) {
	s := burdock.StateOf(bisected{[]half{{1, 2}}, "n"})
	if v, ok := s.Value("halves"); !ok || !slices.Equal(v.([]half), []half{{1, 2}}) {
		t.Errorf("got %v, %v", v, ok)
	}
	if v, ok := s.Value("none"); ok || v != nil {
		t.Errorf("a key without a value: got %v, %v", v, ok)
	}
	again, err := s.Recoded("halves")
	if err != nil || !slices.Equal(again.([]half), []half{{1, 0}}) {
		t.Errorf("got %v, %v", again, err)
	}
	for text, state := range map[string]burdock.State{
		"has no value":      {},
		"cannot be decoded": burdock.StateOf(bisected{Halves: []half{{13, 0}}}),
	} {
		if _, err := state.Recoded("halves"); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %s", err, text)
		}
	}
	if _, err := burdock.StateOf(bisected{Name: "\xff"}).Recoded("name"); err == nil || !strings.Contains(err.Error(), `key "name" cannot be encoded`) {
		t.Errorf("got %v", err)
	}
}

// An interface has no form but that of the graph's Codec, which the states of the graph know.
func TestAStateOfAGraphIsRecodedByItsCodecs(t *testing.T) {
	type pet any
	type home struct {
		Pet pet `state:"pet"`
	}
	adopt := burdock.Func("adopt", func(context.Context, burdock.None) (home, error) { return home{"cat"}, nil })
	g := mustGraph(t, "g", burdock.Node(adopt), burdock.Codec[pet]{
		Encode: func(p pet) ([]byte, error) { return json.Marshal(p) },
		Decode: func([]byte) (pet, error) { return "a cat", nil },
	})
	out := runTo(t, newApp(t, g, nil), burdock.StopDone)
	if got, err := out.State.Recoded("pet"); err != nil || got != "a cat" {
		t.Errorf("got %v, %v", got, err)
	}
}

// A Raw action sees no more of its state by Value than by a Key.
func TestARawActionReadsNoValueThatItDoesNotDeclare(t *testing.T) {
	name := burdock.Key[string]("name")
	peek := burdock.Raw("peek", burdock.ListOf(name), nil, func(_ context.Context, s burdock.State) (burdock.State, error) {
		s.Value("halves")
		return s, nil
	})
	app := newApp(t, line(peek), starting(bisected{}))
	runFails(t, app, `it read key "halves"`)
}

// Middleware sees what a step is given from outside, from every source, but neither secrets nor failures.
func TestMiddlewareSeesTheInputsOfAStep(t *testing.T) {
	type given struct {
		Bound   string          `input:"bound"`
		Event   int             `input:"event"`
		Config  []half          `input:"config"`
		Absent  string          `input:"absent,optional"`
		Secret  string          `input:"secret,secret"`
		Failure burdock.Failure `input:"failure,optional"`
	}
	use := burdock.Func("use", func(context.Context, given) (burdock.None, error) { return burdock.None{}, nil })
	var seen burdock.State
	look := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			seen = s.Inputs()
			return next(ctx, s)
		}
	}
	opts := &burdock.Options{Given: burdock.Input("config", []half{{1, 2}}), Cascade: burdock.Cascade{Middleware: []burdock.Middleware{look}}}
	app := newApp(t, line(use.Bind("bound", "b")), opts)
	runTo(t, app, burdock.StopDone, burdock.Input("event", 7), burdock.Input("secret", "s"))
	if got, want := slices.Sorted(seen.Keys()), []string{"bound", "config", "event"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if v, _ := seen.Value("event"); v != 7 {
		t.Errorf("got %v", v)
	}
	if v, err := seen.Recoded("config"); err != nil || !slices.Equal(v.([]half), []half{{1, 0}}) {
		t.Errorf("got %v, %v", v, err)
	}
	var none burdock.StepCall
	for key := range none.Inputs().Keys() {
		t.Errorf("a call that is none has input %q", key)
	}
}
