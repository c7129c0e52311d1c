package exectest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
)

// The suite's graphs fan out over words.
type (
	words struct {
		Words []string `state:"words"`
	}
	word struct {
		Word string `state:"word,key"`
	}
	said struct {
		Word  string `state:"word"`
		Times int    `input:"times,optional"`
		Tone  string `input:"tone"`
	}
	reply struct {
		Reply string `state:"reply"`
	}
	joined struct {
		Joined string `state:"joined"`
	}
	permission struct {
		Word string `state:"word"`
		Yes  bool   `input:"yes"`
	}
)

var errRude = errors.New("that is rude")

func say(_ context.Context, s said) (reply, error) {
	switch s.Word {
	case "rude":
		return reply{}, fmt.Errorf("%s: %w", s.Word, errRude)
	case "panic":
		panic("no manners")
	}
	return reply{strings.Repeat(s.Word, max(1, s.Times)) + s.Tone}, nil
}

func shout(_ context.Context, r reply) (reply, error) { return reply{strings.ToUpper(r.Reply)}, nil }

func each(_ context.Context, w words) iter.Seq2[word, error] {
	return burdock.Each(w.Words, func(s string) word { return word{s} })
}

func join(_ context.Context, _ words, rs *burdock.Results[word, reply]) (joined, error) {
	var all []string
	for r := range rs.All() {
		if r.Err != nil {
			all = append(all, r.Key()+"!")
			continue
		}
		all = append(all, r.Out.Reply)
	}
	return joined{strings.Join(all, " ")}, nil
}

func speaking() *burdock.Graph {
	first, last := burdock.Func("say", say).Bind("tone", "."), burdock.Func("shout", shout)
	return burdock.MustGraph("speak", burdock.Chain(first, last), burdock.Sentinels(errRude))
}

func over(branch burdock.Runnable, o *burdock.MapOptions) *burdock.Graph {
	return burdock.MustGraph("talk", burdock.Node(burdock.MapStates("each", branch, each, join, o)), burdock.Sentinels(errRude))
}

// nested fans out twice: over the words, and within each over its letters.
func nested() *burdock.Graph {
	letters := burdock.MapStates("letters", speaking(),
		func(_ context.Context, w word) iter.Seq2[word, error] {
			return burdock.Each(strings.Split(w.Word, ""), func(s string) word { return word{s} })
		},
		func(_ context.Context, _ word, rs *burdock.Results[word, reply]) (reply, error) {
			var b strings.Builder
			for r := range rs.OK() {
				b.WriteString(r.Out.Reply)
			}
			return reply{b.String()}, rs.Err()
		}, nil)
	return over(letters, nil)
}

func options(store burdock.Store, ex burdock.Executor, ws ...string) *burdock.Options {
	return &burdock.Options{
		ID: "app", State: burdock.StateOf(words{ws}), Cascade: burdock.Cascade{Store: store, Executor: ex},
	}
}

func (s *suite) run(g *burdock.Graph, o *burdock.Options, opts ...burdock.RunOption) (*burdock.Outcome, error) {
	s.Helper()
	app, err := burdock.Open(s.Context(), g, o)
	if err != nil {
		s.Fatal(err)
	}
	return app.Run(s.Context(), opts...)
}

func (s *suite) joined(out *burdock.Outcome, err error) string {
	s.Helper()
	j, err := burdock.Read[joined](out, err)
	if err != nil {
		s.Fatal(err)
	}
	return j.Joined
}

// branches describes the records of all branches, without what depends on when and where they ran.
func (s *suite) branches(store burdock.Store) []string {
	s.Helper()
	var all []string
	for cp, err := range store.List(s.Context(), burdock.Query{Root: "app"}) {
		if err != nil {
			s.Fatal(err)
		}
		var text strings.Builder
		for _, c := range cp.Delta {
			fmt.Fprintf(&text, " %s=%s", c.Key, c.Value)
		}
		joins := cp.Join != 0
		all = append(all, fmt.Sprintf("%s %d.%d %s %s %s/%s %d %v%s", cp.Path, cp.Seq, cp.Attempt, cp.Action, cp.Status, cp.Task, cp.Key, cp.Index, joins, text.String()))
	}
	slices.Sort(all)
	return all
}

// same compares two lists of lines.
func (s *suite) same(what string, got, want []string) {
	s.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			s.Errorf("%s: got  %s", what, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			s.Errorf("%s: want %s", what, line)
		}
	}
}
