package burdock_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
)

// These examples differ in reduce alone: it reads results while branches run, and what it no longer needs when it
// returns is cancelled.
type (
	source struct {
		Name string `state:"name,key"`
	}
	finding struct {
		Text  string `state:"text"`
		Score int    `state:"score"`
	}
	findings = burdock.Results[source, finding]
	gist     struct {
		Text string `state:"gist"`
	}
)

// library has four sources; one of them is closed.
var library = []source{{"atlas"}, {"bible"}, {"closed"}, {"diary"}}

func lookUp(_ context.Context, s source) (finding, error) {
	if s.Name == "closed" {
		return finding{}, errors.New("it is closed")
	}
	return finding{"found in the " + s.Name, strings.Index("dab", s.Name[:1]) * 10}, nil
}

// consult asks all sources, one after the other so that the examples are alike each time, and prints the gist.
func consult(reduce func(context.Context, burdock.None, *findings) (gist, error)) {
	ctx := context.Background()
	ask := burdock.MapStates("ask", burdock.Func("look_up", lookUp), func(context.Context, burdock.None) iter.Seq2[source, error] {
		return burdock.Each(library, func(s source) source { return s })
	}, reduce, &burdock.MapOptions{Limit: 1, Failures: burdock.Collect})
	app, err := burdock.New(ctx, burdock.MustGraph("library", burdock.Node(ask)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := burdock.Read[gist](app.Run(ctx))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.Text)
}

// The first answer that is good enough wins.
func ExampleResults_AsDone_firstGood() {
	consult(func(_ context.Context, _ burdock.None, rs *findings) (gist, error) {
		for r := range rs.AsDone() {
			if r.Out.Score >= 20 {
				return gist{r.Out.Text}, nil
			}
		}
		return gist{}, errors.Join(burdock.ErrNoResult, rs.Err())
	})
	// Output: found in the bible
}

// A quorum: two answers are enough.
func ExampleResults_AsDone_quorum() {
	consult(func(_ context.Context, _ burdock.None, rs *findings) (s gist, err error) {
		n := 0
		for r := range rs.AsDone() {
			s.Text += r.Out.Text + "; "
			if n++; n == 2 {
				return s, nil
			}
		}
		return s, errors.Join(fmt.Errorf("%d of 2 answers", n), rs.Err())
	})
	// Output: found in the atlas; found in the bible;
}

// enough stands for a judge that is slow itself, such as a model; the context ends when the visit does.
func enough(ctx context.Context, texts []string) (bool, error) { return len(texts) == 3, ctx.Err() }

// A judge says when there is enough.
func ExampleResults_AsDone_judge() {
	consult(func(ctx context.Context, _ burdock.None, rs *findings) (gist, error) {
		var texts []string
		for r := range rs.AsDone() {
			texts = append(texts, r.Out.Text)
			if ok, err := enough(ctx, texts); ok || err != nil {
				return gist{strings.Join(texts, "; ")}, err
			}
		}
		return gist{}, errors.Join(errors.New("never enough"), rs.Err())
	})
	// Output: found in the atlas; found in the bible; found in the diary
}

// The best two of all, with memory for two.
func ExampleResults_OK_topTwo() {
	consult(func(_ context.Context, _ burdock.None, rs *findings) (gist, error) {
		var best []finding
		for r := range rs.OK() {
			best = append(best, r.Out)
			slices.SortStableFunc(best, func(a, b finding) int { return cmp.Compare(b.Score, a.Score) })
			best = best[:min(len(best), 2)]
		}
		return gist{fmt.Sprint(best)}, nil
	})
	// Output: [{found in the bible 20} {found in the atlas 10}]
}

// Everything, the failures included, in the order of the sequence.
func ExampleResults_All() {
	consult(func(_ context.Context, _ burdock.None, rs *findings) (s gist, err error) {
		for r := range rs.All() {
			if r.Err != nil {
				s.Text += r.Key() + " failed, "
				continue
			}
			s.Text += r.Out.Text + ", "
		}
		return s, nil
	})
	// Output: found in the atlas, found in the bible, closed failed, found in the diary,
}
