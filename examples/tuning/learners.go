package main

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// A learner makes a classifier of samples. It fails if ctx ends first. All of them are small and plain: they are here to
// be tuned.
type learner func(context.Context, settings, []sample) (classifier, error)

// A classifier tells the species from the sizes.
type classifier func(sizes) int

// Settings are what is tuned. Each learner has its own.
type settings struct {
	Neighbours int     `json:",omitzero"` // of nearest neighbours
	Depth      int     `json:",omitzero"` // of a tree
	Rate       float64 `json:",omitzero"` // how far a regression goes in a step
	Steps      int     `json:",omitzero"` // how many
}

// nearest is the k-nearest-neighbours classifier: the species that most of the nearest samples have.
func nearest(_ context.Context, s settings, train []sample) (classifier, error) {
	scale := scaler(train)
	scaled := make([]sample, len(train))
	for i, t := range train {
		scaled[i] = sample{scale(t.sizes), t.species}
	}
	return func(x sizes) int {
		x = scale(x)
		near := slices.Clone(scaled)
		slices.SortStableFunc(near, func(a, b sample) int { return cmp.Compare(distance(a.sizes, x), distance(b.sizes, x)) })
		return majority(near[:min(s.Neighbours, len(near))])
	}, nil
}

// tree is a decision tree that splits at the value with the least Gini impurity. At depth one it is a stump.
func tree(_ context.Context, s settings, train []sample) (classifier, error) {
	return grow(s.Depth, train), nil
}

func grow(depth int, train []sample) classifier {
	here := majority(train)
	feature, at, found := bestSplit(train)
	if depth == 0 || !found {
		return func(sizes) int { return here }
	}
	below, above := split(train, feature, at)
	left, right := grow(depth-1, below), grow(depth-1, above)
	return func(x sizes) int {
		if x[feature] < at {
			return left(x)
		}
		return right(x)
	}
}

func bestSplit(train []sample) (feature int, at float64, found bool) {
	least := count(train).impurity()
	for f := range train[0].sizes {
		for _, s := range train {
			if got := impurityOf(train, f, s.sizes[f]); got < least {
				feature, at, least, found = f, s.sizes[f], got, true
			}
		}
	}
	return feature, at, found
}

// impurityOf is what a split would leave.
func impurityOf(train []sample, feature int, at float64) float64 {
	var below, above counts
	for _, s := range train {
		if s.sizes[feature] < at {
			below[s.species]++
		} else {
			above[s.species]++
		}
	}
	return below.impurity() + above.impurity()
}

func split(train []sample, feature int, at float64) (below, above []sample) {
	for _, s := range train {
		if s.sizes[feature] < at {
			below = append(below, s)
		} else {
			above = append(above, s)
		}
	}
	return below, above
}

// regression is multinomial logistic regression by gradient descent.
func regression(ctx context.Context, s settings, train []sample) (classifier, error) {
	scale := scaler(train)
	var weights [species][5]float64 // of the sizes, and the bias
	for range s.Steps {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var gradient [species][5]float64
		for _, t := range train {
			x := scale(t.sizes)
			for class, p := range softmax(&weights, x) {
				if class == t.species {
					p--
				}
				for j, v := range x {
					gradient[class][j] += p * v
				}
				gradient[class][4] += p
			}
		}
		for class := range weights {
			for j := range weights[class] {
				weights[class][j] -= s.Rate * gradient[class][j] / float64(len(train))
			}
		}
	}
	return func(x sizes) int { return largest(softmax(&weights, scale(x))) }, nil
}

// softmax returns how likely each species is.
func softmax(weights *[species][5]float64, x sizes) (out [species]float64) {
	sum := 0.0
	for class, w := range weights {
		score := w[4]
		for j, v := range x {
			score += w[j] * v
		}
		out[class] = math.Exp(score)
		sum += out[class]
	}
	for class := range out {
		out[class] /= sum
	}
	return out
}

// scaler brings every size to mean zero and deviation one, as the samples have it.
func scaler(train []sample) func(sizes) sizes {
	var mean, deviation sizes
	n := float64(len(train))
	for _, s := range train {
		for j, v := range s.sizes {
			mean[j] += v / n
		}
	}
	for _, s := range train {
		for j, v := range s.sizes {
			deviation[j] += (v - mean[j]) * (v - mean[j]) / n
		}
	}
	return func(x sizes) sizes {
		for j := range x {
			x[j] = (x[j] - mean[j]) / math.Sqrt(deviation[j])
		}
		return x
	}
}

func distance(a, b sizes) (sum float64) {
	for j := range a {
		sum += (a[j] - b[j]) * (a[j] - b[j])
	}
	return sum
}

// counts are how many samples there are of each species.
type counts [species]int

func count(of []sample) (n counts) {
	for _, s := range of {
		n[s.species]++
	}
	return n
}

// impurity is the Gini impurity times the number of samples.
func (n counts) impurity() float64 {
	all, squares := 0, 0
	for _, k := range n {
		all += k
		squares += k * k
	}
	return float64(all) - float64(squares)/float64(max(all, 1))
}

func majority(of []sample) int { return largest(count(of)) }

// largest returns the species with the largest number, the first of equals.
func largest[T cmp.Ordered](of [species]T) (at int) {
	for i, v := range of {
		if v > of[at] {
			at = i
		}
	}
	return at
}
