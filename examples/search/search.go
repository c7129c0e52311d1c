package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/burdock-go/burdock"
)

type (
	query struct {
		Text string `state:"query"`
	}
	ranking struct {
		Passages []int `state:"ranking"` // by number, the best first
	}
	hits struct {
		Hits []hit `state:"hits"`
	}
)

// A hit is a passage, its score, and where it stands in each ranking that has it.
type hit struct {
	Passage int
	Score   float64
	Places  []place
}

type place struct {
	Search string
	Number int // from 1
}

// Graph asks two searches at once. If one fails, the hits of the other stand.
func (x *index) Graph() (*burdock.Graph, error) {
	both := burdock.Actions(burdock.Func("keywords", x.byKeyword), burdock.Func("vectors", x.byVector))
	return burdock.NewGraph("search", burdock.Node(
		burdock.MapActions("search", both, nil, fuse, &burdock.MapOptions{Failures: burdock.Collect})))
}

// flatness of reciprocal rank fusion: the higher it is, the less a first place counts for. 60 is what is usual.
const flatness = 60

// fuse merges the rankings by reciprocal rank: a passage gets 1/(60+n) for place n in each of them. So it does not
// matter that the scores of the searches cannot be compared.
func fuse(_ context.Context, _ query, rs *burdock.Results[query, ranking]) (out hits, err error) {
	merged := map[int]*hit{}
	answered := false
	for r := range rs.OK() {
		answered = true
		for i, p := range r.Out.Passages {
			if merged[p] == nil {
				merged[p] = &hit{Passage: p}
			}
			merged[p].Score += 1 / float64(flatness+i+1)
			merged[p].Places = append(merged[p].Places, place{r.Action(), i + 1})
		}
	}
	if !answered {
		return out, rs.Err()
	}
	for _, h := range merged {
		out.Hits = append(out.Hits, *h)
	}
	slices.SortFunc(out.Hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Passage, b.Passage))
	})
	return out, nil
}

// search answers one query.
func (x *index) search(ctx context.Context, text string) ([]hit, error) {
	graph, err := x.Graph()
	if err != nil {
		return nil, err
	}
	app, err := burdock.New(ctx, graph, &burdock.Options{State: burdock.StateOf(query{text})})
	if err != nil {
		return nil, err
	}
	got, err := burdock.Read[hits](app.Run(ctx))
	return got.Hits, err
}
