package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A budget is one line of the table.
type budget struct {
	name   string
	versus string // what is compared with what
	size   int    // what open is called with: how many steps or branches one round has
	rounds int
	gauge  gauge
	price  price
	open   func(ctx context.Context, size int) (pair, error)
}

// A pair is the two sides of a comparison, ready to run as often as there are rounds.
type pair struct {
	ours, raw func(ctx context.Context) error
	ops       int            // figures are per operation, of which one run has this many; 0: per run
	figure    func() float64 // what the last run came to, where only the sides themselves can tell; nil: the gauge takes it
	close     func() error   // nil: there is nothing to close
}

// A price is what ours may cost. Fields that are zero say nothing.
type price struct {
	ratio  float64       // to raw
	time   time.Duration // per operation
	allocs float64       // per operation, rounded down as package testing does
	more   int64         // bytes above raw
}

// A reading is what the rounds of one budget came to: medians.
type reading struct {
	ours, raw sample
	ratio     float64 // of the pairs' ratios
	more      float64 // of the pairs' differences
	spread    string
}

// kept reports whether the budget is kept.
func (p price) kept(r reading) bool {
	return (p.ratio == 0 || r.ratio <= p.ratio) &&
		(p.time == 0 || r.ours.value <= float64(p.time)) &&
		(p.allocs == 0 || math.Floor(r.ours.allocs) <= p.allocs) &&
		(p.more == 0 || r.more <= float64(p.more))
}

// String writes the price as the design's table does.
func (p price) String() string {
	var parts []string
	if p.ratio > 0 {
		parts = append(parts, fmt.Sprintf("%.4g × raw", p.ratio))
	}
	if p.time > 0 {
		parts = append(parts, asTime(float64(p.time)))
	}
	if p.allocs > 0 {
		parts = append(parts, fmt.Sprintf("%.4g allocs", p.allocs))
	}
	if p.more > 0 {
		parts = append(parts, "raw + "+asBytes(float64(p.more)))
	}
	return "≤ " + strings.Join(parts, ", ")
}

// figure writes one side's reading, with allocations if the budget names them.
func (b *budget) figure(s sample) string {
	if b.price.allocs > 0 {
		return fmt.Sprintf("%s, %.1f allocs", b.gauge.text(s.value), s.allocs)
	}
	return b.gauge.text(s.value)
}

// measure runs the rounds.
func (b *budget) measure(ctx context.Context) (r reading, err error) {
	p, err := b.open(ctx, b.size)
	if err != nil {
		return r, err
	}
	if p.close != nil {
		defer func() { err = errors.Join(err, p.close()) }()
	}
	var ours, raw []sample
	for round := range b.rounds + 1 {
		o, err := b.gauge.sample(ctx, p.ours, &p)
		if err != nil {
			return r, fmt.Errorf("ours: %w", err)
		}
		w, err := b.gauge.sample(ctx, p.raw, &p)
		if err != nil {
			return r, fmt.Errorf("raw: %w", err)
		}
		if round > 0 { // the first one fills caches and grows stacks
			ours, raw = append(ours, o), append(raw, w)
		}
	}
	return b.read(ours, raw), nil
}

func (b *budget) read(ours, raw []sample) reading {
	var ratios, more, o, w, allocs, rawAllocs []float64
	for i := range ours {
		o, w = append(o, ours[i].value), append(w, raw[i].value)
		allocs, rawAllocs = append(allocs, ours[i].allocs), append(rawAllocs, raw[i].allocs)
		ratios, more = append(ratios, ours[i].value/raw[i].value), append(more, ours[i].value-raw[i].value)
	}
	return reading{
		ours: sample{median(o), median(allocs)}, raw: sample{median(w), median(rawAllocs)},
		ratio: median(ratios), more: median(more),
		spread: fmt.Sprintf("the middle half of ours lies in %s, of raw in %s, of the ratios in %.2f to %.2f",
			b.between(o), b.between(w), quantile(ratios, 0.25), quantile(ratios, 0.75)),
	}
}

func (b *budget) between(v []float64) string {
	return b.gauge.text(quantile(v, 0.25)) + " to " + b.gauge.text(quantile(v, 0.75))
}

func median(v []float64) float64 { return quantile(v, 0.5) }

// quantile returns the value below which a share q of v lies. v is not changed.
func quantile(v []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(v))
	at := q * float64(len(s)-1)
	low := int(at)
	if low+1 == len(s) {
		return s[low]
	}
	part := at - float64(low)
	return s[low]*(1-part) + s[low+1]*part
}

// asTime writes nanoseconds for people.
func asTime(ns float64) string {
	switch {
	case ns < 999.5e3:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	default:
		return fmt.Sprintf("%.4g ms", ns/1e6)
	}
}

// asBytes writes bytes for people.
func asBytes(n float64) string { return fmt.Sprintf("%.3g MB", n/(1<<20)) }
