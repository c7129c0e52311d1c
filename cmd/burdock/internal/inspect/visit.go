package inspect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A Visit is the branches that one parallel step started.
type Visit struct {
	Total  int64    `json:"total"`
	Groups []*Group `json:"groups"` // by the branches' task, then by status

	Counts record.Counts `json:"-"`
}

// A Group is the branches of one task and status.
type Group struct {
	Task   string         `json:"task"` // the branches' action or graph
	Status burdock.Status `json:"status"`
	Count  int64          `json:"count"`
	// Of the time that the group's branches spent in their steps, the last attempt of each.
	Min    Seconds `json:"min_seconds"`
	Median Seconds `json:"median_seconds"`
	Max    Seconds `json:"max_seconds"`
	// Branches are the first of the group, in the order of the sequence.
	Branches []Branch `json:"first,omitempty"`

	took []time.Duration
}

// A Branch is one branch of a parallel step.
type Branch struct {
	ID     string         `json:"id"`
	Path   string         `json:"path"`
	Key    string         `json:"key"`
	Index  int64          `json:"index"`
	Status burdock.Status `json:"status"`
	Action string         `json:"action"` // of its latest step
	Needs  []string       `json:"needs,omitempty"`
	Took   Seconds        `json:"took_seconds"`
	Error  string         `json:"error,omitempty"`
}

// visit reads the branches of a step, one by one.
func (a *App) visit(ctx context.Context, src Source, seq int64, view View) (*Visit, error) {
	v := &visitor{app: a, view: view, groups: map[groupKey]*Group{}}
	for c, err := range src.List(ctx, burdock.Query{Parent: burdock.Ref{App: a.ID, Seq: seq}}) {
		if err != nil {
			return nil, err
		}
		v.add(c)
	}
	v.end()
	return v.result(), nil
}

type groupKey struct {
	task   string
	status burdock.Status
}

// A visitor adds up the branches of one visit, whose records come branch by branch.
type visitor struct {
	app    *App
	view   View
	visit  Visit
	groups map[groupKey]*Group

	last burdock.Checkpoint // of the branch that is being read
	took time.Duration
}

func (v *visitor) add(c burdock.Checkpoint) {
	if c.Kind != burdock.KindStep {
		return
	}
	if c.App != v.last.App {
		v.end()
	}
	v.took += took(&c, v.app.live, v.view.Now)
	v.last = c
}

// end counts the branch that has been read.
func (v *visitor) end() {
	if v.last.App == "" {
		return
	}
	c := &v.last
	status := record.BranchStatus(*c, v.app.live)
	v.visit.Counts.Add(status)
	key := groupKey{c.Task, status}
	g := v.groups[key]
	if g == nil {
		g = &Group{Task: c.Task, Status: status}
		v.groups[key] = g
	}
	g.Count++
	g.took = append(g.took, v.took)
	if len(g.Branches) < v.view.of(status) {
		g.Branches = append(g.Branches, branchOf(c, status, v.took))
	}
	v.last, v.took = burdock.Checkpoint{}, 0
}

func branchOf(c *burdock.Checkpoint, status burdock.Status, took time.Duration) Branch {
	return Branch{ID: c.App, Path: c.Path, Key: c.Key, Index: c.Index, Status: status, Action: c.Action, Needs: c.Needs, Took: Seconds(took), Error: ErrorText(c)}
}

// ErrorText is the recorded error of a step without what its record says too: the place, the step and the attempt.
func ErrorText(c *burdock.Checkpoint) string {
	if c.Error == nil {
		return ""
	}
	step := burdock.StepError{Path: c.Path, Seq: c.Error.Seq, Attempt: c.Error.Attempt, Action: c.Error.Action, Err: errors.New("")}
	return strings.TrimPrefix(c.Error.Text, step.Error())
}

func (v *visitor) result() *Visit {
	for _, g := range v.groups {
		g.times()
		v.visit.Groups = append(v.visit.Groups, g)
		v.visit.Total += g.Count
	}
	slices.SortFunc(v.visit.Groups, func(a, b *Group) int {
		return cmp.Or(strings.Compare(a.Task, b.Task), cmp.Compare(rank(a.Status), rank(b.Status)), cmp.Compare(a.Status, b.Status))
	})
	return &v.visit
}

// order is the order of groups and counts: what is good first, then what needs a look.
var order = []burdock.Status{
	burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusRunning, burdock.StatusWaiting, record.StatusPaused, record.StatusStale,
	burdock.StatusCancelled, burdock.StatusSkipped, burdock.StatusSuperseded,
}

// rank is the place of a status in order; those of later versions come last.
func rank(s burdock.Status) int {
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return len(order)
}

// times sets the times from what was collected. The median of an even number is the upper one of the middle.
func (g *Group) times() {
	slices.Sort(g.took)
	n := len(g.took)
	g.Min, g.Median, g.Max = Seconds(g.took[0]), Seconds(g.took[n/2]), Seconds(g.took[n-1])
	g.took = nil
}
