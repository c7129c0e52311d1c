package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
)

type (
	// A wish is what the plans are for.
	wish struct {
		City string `state:"city"`
	}
	// An order is what one planner reads. Its habits are bound, so one function is many planners.
	order struct {
		City   string `state:"city"`
		Habits habits `input:"habits"`
	}
	// A plan is what one planner returns.
	plan struct {
		Text  string `state:"text"`
		Euros int    `state:"euros"`
	}
	// A choice is the best plan.
	choice struct {
		Planner string `state:"planner"`
		Text    string `state:"text"`
		Euros   int    `state:"euros"`
	}
)

// habits are how a planner works.
type habits struct {
	Pace  time.Duration // it takes for one part of a plan
	Parts []part
	Fails int // the part at which its first attempt fails; 0: none
}

// A part is a piece of a plan.
type part struct {
	Text  string
	Euros int
}

// A draft is what a planner emits: the part that it has just added, and how far it has come.
type draft struct {
	part

	Number, Of int
}

// errBusy is what a service says that has too much to do. Trying again helps.
var errBusy = errors.New("the service is busy")

// think makes a plan part by part, and emits each as soon as it has it. An error of emit means that nobody waits for the
// plan any more.
func think(ctx context.Context, o order, emit func(draft) error) (plan, error) {
	var texts []string
	var p plan
	for i, next := range o.Habits.Parts {
		select {
		case <-time.After(o.Habits.Pace):
		case <-ctx.Done():
			return plan{}, ctx.Err()
		}
		if i+1 == o.Habits.Fails && burdock.Info(ctx).Attempt == 1 {
			return plan{}, errBusy
		}
		next.Text = strings.ReplaceAll(next.Text, "CITY", o.City)
		texts, p.Euros = append(texts, next.Text), p.Euros+next.Euros
		if err := emit(draft{next, i + 1, len(o.Habits.Parts)}); err != nil {
			return plan{}, err
		}
	}
	p.Text = strings.Join(texts, ", ")
	return p, nil
}

// The planners are copies of one action. A Timeout counts what a planner does, not how long the terminal takes to draw.
var (
	planner = burdock.Stream("planner", think).With(
		burdock.Retry{Delay: func(error) time.Duration { return 50 * time.Millisecond }}, burdock.Timeout(5*time.Second))

	planners = burdock.Actions(
		planner.Named("hasty").Bind("habits", habits{Pace: 230 * time.Millisecond, Parts: []part{
			{"a flight to CITY", 180}, {"a hotel beside the opera", 240},
		}}),
		planner.Named("careful").Bind("habits", habits{Pace: 170 * time.Millisecond, Fails: 3, Parts: []part{
			{"a night train to CITY", 90}, {"a room near the station", 110}, {"a walk along the canal", 0}, {"the opera, standing", 15},
		}}),
		planner.Named("frugal").Bind("habits", habits{Pace: 310 * time.Millisecond, Parts: []part{
			{"a bus to CITY", 45}, {"a bed in a hostel", 60}, {"soup", 12},
		}}),
	)
)

// cheapest keeps the best plan that it has seen.
func cheapest(_ context.Context, _ wish, rs *burdock.Results[wish, plan]) (best choice, err error) {
	for r := range rs.OK() {
		if best.Planner == "" || r.Out.Euros < best.Euros {
			best = choice{r.Action(), r.Out.Text, r.Out.Euros}
		}
	}
	return best, nil
}

var trip = burdock.MustGraph("trip", burdock.Node(burdock.MapActions("plans", planners, nil, cheapest, nil)))
