package burdocktest_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

type turn struct {
	Say    string   `input:"say"`
	Accent string   `input:"accent,optional"`
	Token  string   `input:"token,optional,secret"`
	Talk   []string `state:"talk"`
}

type said struct {
	Talk []string `state:"talk,append"`
}

type talk struct {
	Talk []string `state:"talk"`
}

// Inputs of several calls, optional and secret ones too, serve the same steps whenever the process is killed.
func TestResumedGivesEachInputToTheStepItWasFor(t *testing.T) {
	saved := 0
	listen := burdock.Func("listen", func(_ context.Context, in turn) (said, error) {
		return said{[]string{in.Say + in.Accent + in.Token}}, nil
	})
	think := burdock.Func("think", func(context.Context, burdock.None) (burdock.None, error) {
		saved++
		return burdock.None{}, nil
	})
	more := burdock.When("fewer than 3", func(s talk) bool { return len(s.Talk) < 3 })
	chat := burdock.MustGraph("chat", burdock.Node(think, burdock.Then(listen)), burdock.Node(listen, more.Then(think)))
	res := burdocktest.Run[talk](t, chat, talk{},
		burdocktest.Given(turnInputs{Say: "a", Accent: "!"}), burdocktest.Given(turnInputs{Say: "b"}),
		burdocktest.Given(turnInputs{Say: "c", Token: "?"}), burdocktest.Resumed())
	if got, want := strings.Join(res.Out.Talk, " "), "a! b c?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if saved < 9 {
		t.Errorf("it ran %d steps, want the run again for each save", saved)
	}
}

type turnInputs struct {
	Say    string `input:"say"`
	Accent string `input:"accent,optional"`
	Token  string `input:"token,optional,secret"`
}

func TestResumedMakesFanOutsAgain(t *testing.T) {
	res := burdocktest.Run[approved](t, survey, prompts{[]string{"a", "bad", "c", "d"}},
		burdocktest.Given(), burdocktest.Given(approval{true}), burdocktest.Resumed())
	if !res.Out.Done {
		t.Errorf("got %+v", res.Out)
	}
}

// A step that has run and was not saved runs again.
func TestResumedFindsWhatIsNotRepeatable(t *testing.T) {
	var n atomic.Int64
	count := burdock.Func("count", func(context.Context, burdock.None) (struct {
		N int64 `state:"n"`
	}, error,
	) {
		return struct {
			N int64 `state:"n"`
		}{n.Add(1)}, nil
	})
	reset := burdock.Func("reset", func(context.Context, burdock.None) (burdock.None, error) {
		n.Store(0)
		return burdock.None{}, nil
	})
	g := burdock.MustGraph("g", burdock.Chain(reset, count))
	wantNone(t, func(t testing.TB) { burdocktest.Run[burdock.None](t, g, nil) })
	wantFailure(t, func(t testing.TB) { burdocktest.Run[burdock.None](t, g, nil, burdocktest.Resumed()) },
		`killed before count of test, step 2, as completed was saved and resumed, key "n" differs: 1 and 2`)
}

// A sequence that yields other windows each time makes other branches.
func TestResumedFindsStatesThatAreNotRepeatable(t *testing.T) {
	var n atomic.Int64
	m := burdock.MapStates("every", ask, func(context.Context, burdock.None) iter.Seq2[question, error] {
		return burdock.Each([]int{0, 1}, func(int) question { return question{Prompt: fmt.Sprint("p", n.Add(1)%4)} })
	}, func(_ context.Context, _ burdock.None, rs *burdock.Results[question, answer]) (d digest, err error) {
		for r := range rs.OK() {
			d.Answers = append(d.Answers, r.Out.Text)
		}
		return d, rs.Err()
	}, nil)
	wantFailure(t, func(t testing.TB) { burdocktest.Run[burdock.None](t, m, nil, burdocktest.Resumed()) }, `key "answers" differs`)
}

// More saves than are tried are tried at moments that are evenly spread.
func TestResumedIsBounded(t *testing.T) {
	steps := 0
	more := burdock.Func("more", func(_ context.Context, s sum) (sum, error) {
		steps++
		return sum{s.N + 1}, nil
	})
	g := burdock.MustGraph("g", burdock.Node(more, burdock.When("n < 300", func(s sum) bool { return s.N < 300 }).Then(more)))
	if res := burdocktest.Run[sum](t, g, sum{}, burdocktest.Resumed()); res.Out.N != 300 {
		t.Errorf("got %d", res.Out.N)
	}
	if want := 300 + 100*301; steps < want-300 || steps > want+300 {
		t.Errorf("got %d steps, want some %d", steps, want)
	}
}
