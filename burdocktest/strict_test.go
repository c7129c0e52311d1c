package burdocktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

// A lossy amount writes its cents and forgets its currency.
type lossy struct {
	Cents    int
	Currency string
}

func (l lossy) MarshalJSON() ([]byte, error)     { return json.Marshal(l.Cents) }
func (l *lossy) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &l.Cents) }

// A broken word can be written and not read.
type broken string

func (b broken) MarshalText() ([]byte, error) { return []byte(b), nil }
func (b *broken) UnmarshalText(t []byte) error {
	if string(t) == "unreadable" {
		return errors.New("it is unreadable")
	}
	*b = broken(t)
	return nil
}

type bill struct {
	Lines []lossy `state:"lines"`
}

type note struct {
	Word broken `state:"word"`
}

var strictly = burdocktest.Checked(burdocktest.Strict)

// A marshaler vouches for itself, so NewGraph takes it; only its values show that it does not come back.
func TestStrictNamesActionKeyAndPlace(t *testing.T) {
	charge := burdock.Func("charge", func(context.Context, burdock.None) (bill, error) {
		return bill{[]lossy{{1, ""}, {2, "EUR"}}}, nil
	})
	const want = `charge (test, step 1) wrote key "lines", which does not come back from a store as it was, at [1].Currency: it was "EUR" and comes back ""`
	got := failures(t, func(t testing.TB) { burdocktest.Run[burdock.None](t, charge, nil, strictly) })
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
	// Without the check the end of the run shows it, but not who wrote it.
	wantFailure(t, func(t testing.TB) { burdocktest.Run[burdock.None](t, charge, nil) },
		`key "lines" differs: [1].Currency: "EUR" and ""; the run ended with the first and its store has the second`)
}

func TestStrictLooksAtInitialStatesInputsAndBranches(t *testing.T) {
	wantFailure(t, func(t testing.TB) {
		use := burdock.Func("use", func(context.Context, bill) (burdock.None, error) { return burdock.None{}, nil })
		burdocktest.Run[burdock.None](t, use, bill{[]lossy{{2, "EUR"}}}, strictly)
	}, `test begins with key "lines"`)
	wantFailure(t, func(t testing.TB) {
		use := burdock.Func("use", func(context.Context, struct {
			Fee lossy `input:"fee"`
		},
		) (burdock.None, error) {
			return burdock.None{}, nil
		})
		burdocktest.Run[burdock.None](t, use, nil, strictly, burdocktest.Given(struct {
			Fee lossy `input:"fee"`
		}{lossy{2, "EUR"}}))
	}, `use (test, step 1) was given input "fee", which does not come back from a store as it was, at .Currency`)
	wantFailure(t, func(t testing.TB) {
		pay := burdock.Func("pay", func(context.Context, burdock.None) (bill, error) { return bill{[]lossy{{2, "EUR"}}}, nil })
		sub := burdock.Subgraph[burdock.None, bill]("sub", pay)
		burdocktest.Run[burdock.None](t, sub, nil, strictly)
	}, `pay (test/sub#1/sub, step 1) wrote key "lines"`, `sub (test, step 1) wrote key "lines"`)
}

func TestStrictReportsWhatCannotBeRead(t *testing.T) {
	write := burdock.Func("write", func(context.Context, burdock.None) (note, error) { return note{"unreadable"}, nil })
	wantFailure(t, func(t testing.TB) { burdocktest.Run[burdock.None](t, write, nil, strictly) },
		`write (test, step 1) wrote key "word": key "word" cannot be decoded: `, "it is unreadable", "what was saved cannot be resumed")
}

type shape interface{ area() int }

type square struct{ Side int }

func (s square) area() int { return s.Side * s.Side }

type drawing struct {
	Shape shape `state:"shape"`
}

// A Codec of the graph is the one that is used.
func TestStrictUsesTheGraphsCodecs(t *testing.T) {
	draw := burdock.Func("draw", func(context.Context, burdock.None) (drawing, error) { return drawing{square{3}}, nil })
	with := func(decode func([]byte) (shape, error)) *burdock.Graph {
		return burdock.MustGraph("g", burdock.Node(draw), burdock.Codec[shape]{
			Encode: func(s shape) ([]byte, error) { return json.Marshal(s) }, Decode: decode,
		})
	}
	good := with(func(data []byte) (shape, error) {
		var s square
		err := json.Unmarshal(data, &s)
		return s, err
	})
	wantNone(t, func(t testing.TB) { burdocktest.Run[drawing](t, good, nil, strictly, watched) })
	bad := with(func([]byte) (shape, error) { return square{1}, nil })
	wantFailure(t, func(t testing.TB) { burdocktest.Run[drawing](t, bad, nil, strictly) },
		`draw (test, step 1) wrote key "shape"`, "at .Side: it was 3 and comes back 1")
}

// Times lose their zone's name and the failure of a handler its live error: that is no finding.
func TestStrictIsContentWithWhatTheRulesAllow(t *testing.T) {
	type when struct {
		At     time.Time        `state:"at"`
		Failed *burdock.Failure `state:"failed"`
		Items  []item           `state:"items"`
	}
	fail := burdock.Func("fail", func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, errRefused })
	handle := burdock.Func("handle", func(_ context.Context, in struct {
		Failure burdock.Failure `input:"failure"`
	},
	) (when, error) {
		return when{time.Now(), &in.Failure, []item{{Name: "a"}}}, nil
	})
	g := burdock.MustGraph("g", burdock.Node(fail, burdock.OnError(burdock.AnyError, handle)), burdock.Node(handle))
	wantNone(t, func(t testing.TB) { burdocktest.Run[when](t, g, nil, strictly, watched) })
}
