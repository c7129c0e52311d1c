package main

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"

	"github.com/burdock-go/burdock"
)

// The state of a search.
type (
	goal struct {
		Enough float64 `state:"enough"` // the accuracy at which the search ends
	}
	found struct {
		Trials []trial `state:"trials"` // all that were looked at, in order
		Best   trial   `state:"best"`
	}
	winner struct {
		Best trial `state:"best"`
	}
	proof struct {
		Proof score `state:"proof"`
	}
)

// The state of a branch, which tries one candidate, and of the branches of that, one for each fold.
type (
	candidate struct {
		Name     string   `state:"candidate,key"`
		Learner  string   `state:"learner"`
		Settings settings `state:"settings"`
	}
	setting struct {
		Settings settings `state:"settings"`
	}
	fold struct {
		Number   int      `state:"fold,key"`
		Settings settings `state:"settings"`
	}
	result struct {
		Score score `state:"score"`
	}
)

// A trial is a candidate and how it did in all folds.
type trial struct {
	Name, Learner string
	Settings      settings
	Score         score
}

// A score is how many samples were told right.
type score struct{ Right, Of int }

func (s score) accuracy() float64 { return float64(s.Right) / float64(max(s.Of, 1)) }

func (s score) String() string {
	return fmt.Sprintf("%d of %d, %.1f%%", s.Right, s.Of, 100*s.accuracy())
}

const folds = 5

// A lab has the samples, in a random order: those to learn from, and those that are held out until the end.
type lab struct {
	train, held []sample
	learners    map[string]learner
}

func newLab(seed uint64) (*lab, error) {
	all, err := penguins()
	if err != nil {
		return nil, err
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	held := len(all) / 5
	return &lab{all[held:], all[:held], map[string]learner{"tree": tree, "nearest": nearest, "regression": regression}}, nil
}

// Graph is the search. A fan-out over the candidates is one over the folds inside:
//
//	search ─▶ prove
//	  └─▶ tree, nearest or regression: one branch per candidate
//	        └─▶ validate: one branch per fold
func (l *lab) Graph() (*burdock.Graph, error) {
	uses := map[string]burdock.Runnable{}
	var all []burdock.Runnable
	for _, name := range []string{"tree", "nearest", "regression"} {
		validate := burdock.Func("validate", func(ctx context.Context, in fold) (result, error) {
			return l.validate(ctx, l.learners[name], in)
		})
		uses[name] = burdock.MapStates(name, validate, eachFold, sum, nil)
		all = append(all, uses[name])
	}
	search := burdock.MapTasks("search", all,
		func(context.Context, goal) iter.Seq2[burdock.Task[candidate], error] {
			return burdock.Each(candidates(), func(c candidate) burdock.Task[candidate] {
				return burdock.Task[candidate]{Run: uses[c.Learner], State: c}
			})
		}, best, &burdock.MapOptions{Limit: 4})
	return burdock.NewGraph("tuning", burdock.Chain(search, burdock.Func("prove", l.prove)))
}

// candidates are the learners with their settings, the simplest first.
func candidates() (all []candidate) {
	for depth := 1; depth <= 6; depth++ {
		all = append(all, candidate{fmt.Sprintf("tree of depth %d", depth), "tree", settings{Depth: depth}})
	}
	for k := 1; k <= 15; k += 2 {
		all = append(all, candidate{fmt.Sprintf("nearest %d", k), "nearest", settings{Neighbours: k}})
	}
	for _, rate := range []float64{0.01, 0.1, 1} {
		for _, steps := range []int{10, 100, 1000} {
			name := fmt.Sprintf("regression, %d steps of %v", steps, rate)
			all = append(all, candidate{name, "regression", settings{Rate: rate, Steps: steps}})
		}
	}
	return all
}

// best keeps the best candidate, and returns when one is good enough: what still runs is cancelled then, and the rest
// never starts. It reads in the order of the candidates, so the winner does not depend on who was fastest.
func best(_ context.Context, in goal, rs *burdock.Results[candidate, result]) (out found, err error) {
	for r := range rs.OK() {
		t := trial{r.In.Name, r.In.Learner, r.In.Settings, r.Out.Score}
		out.Trials = append(out.Trials, t)
		if t.Score.accuracy() > out.Best.Score.accuracy() {
			out.Best = t
		}
		if out.Best.Score.accuracy() >= in.Enough {
			return out, nil
		}
	}
	return out, rs.Err()
}

func eachFold(_ context.Context, in setting) iter.Seq2[fold, error] {
	return func(yield func(fold, error) bool) {
		for i := range folds {
			if !yield(fold{i, in.Settings}, nil) {
				return
			}
		}
	}
}

func sum(_ context.Context, _ setting, rs *burdock.Results[fold, result]) (out result, err error) {
	for r := range rs.OK() {
		out.Score.Right += r.Out.Score.Right
		out.Score.Of += r.Out.Score.Of
	}
	return out, rs.Err()
}

// validate learns from all folds but one, and is asked about that one.
func (l *lab) validate(ctx context.Context, learn learner, in fold) (result, error) {
	var train, rest []sample
	for i, s := range l.train {
		if i%folds == in.Number {
			rest = append(rest, s)
		} else {
			train = append(train, s)
		}
	}
	tell, err := learn(ctx, in.Settings, train)
	if err != nil {
		return result{}, err
	}
	return result{examine(tell, rest)}, nil
}

// prove asks the best about penguins that no candidate has seen.
func (l *lab) prove(ctx context.Context, in winner) (proof, error) {
	tell, err := l.learners[in.Best.Learner](ctx, in.Best.Settings, l.train)
	if err != nil {
		return proof{}, err
	}
	return proof{examine(tell, l.held)}, nil
}

func examine(tell classifier, about []sample) score {
	out := score{Of: len(about)}
	for _, s := range about {
		if tell(s.sizes) == s.species {
			out.Right++
		}
	}
	return out
}
