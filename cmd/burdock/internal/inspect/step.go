package inspect

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A Step is one step of an application. Step 0 is its beginning.
type Step struct {
	Seq     int64            `json:"step"`
	Action  string           `json:"action,omitempty"`
	Status  burdock.Status   `json:"status"`
	Attempt int              `json:"attempt,omitempty"`
	Started time.Time        `json:"started"`
	Ended   time.Time        `json:"ended,omitzero"`
	Took    Seconds          `json:"took_seconds"` // to this moment while it runs
	Next    string           `json:"next,omitempty"`
	Route   string           `json:"route,omitempty"`
	Halted  string           `json:"halted,omitempty"`
	Needs   []string         `json:"needs,omitempty"`
	Inputs  []Input          `json:"inputs,omitempty"`
	Error   string           `json:"error,omitempty"`
	Failure *burdock.Failure `json:"failure,omitempty"` // Error as it is recorded
	Changes []Change         `json:"changes,omitempty"` // of one step alone
	Visit   *Visit           `json:"branches,omitempty"`
}

// An Input is one recorded input.
type Input struct {
	Name   string          `json:"name"`
	Value  json.RawMessage `json:"value"`
	Source string          `json:"source"`
}

// A Change is what a step did to one key.
type Change struct {
	Key   string          `json:"key"`
	Op    burdock.Op      `json:"op"`
	Value json.RawMessage `json:"value,omitempty"`
}

// A View says how much of each visit is told, and when.
type View struct {
	Now      time.Time
	Troubled int // how many branches of each group that failed or waits
	Others   int // how many of each other group
}

func (v View) of(s burdock.Status) int {
	if s == burdock.StatusFailed || s == burdock.StatusWaiting {
		return v.Troubled
	}
	return v.Others
}

// Steps yields the steps of an application in order, without changes, from number first on. It
// stops at the first error, which it yields.
func (a *App) Steps(ctx context.Context, src Source, first int64, view View) iter.Seq2[*Step, error] {
	return func(yield func(*Step, error) bool) {
		for c, err := range src.List(ctx, burdock.Query{App: a.ID}) {
			if err == nil && (c.Kind != burdock.KindStep || c.Seq < first) {
				continue
			}
			var s *Step
			if err == nil {
				s, err = a.step(ctx, src, c, view)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// OneStep returns one step with its changes. It fails with burdock.ErrNotFound if there is none.
func (a *App) OneStep(ctx context.Context, src Source, seq int64, view View) (*Step, error) {
	c, err := src.Load(ctx, burdock.Ref{App: a.ID, Seq: seq})
	if err != nil {
		return nil, err
	}
	s, err := a.step(ctx, src, c, view)
	if err != nil {
		return nil, err
	}
	for _, ch := range c.Delta {
		s.Changes = append(s.Changes, Change(ch))
	}
	return s, nil
}

func (a *App) step(ctx context.Context, src Source, c burdock.Checkpoint, view View) (*Step, error) {
	s := &Step{
		Seq: c.Seq, Action: c.Action, Status: c.Status, Attempt: c.Attempt, Started: c.Started, Ended: c.Ended,
		Next: c.Next, Route: c.Route, Halted: c.Halted, Needs: c.Needs, Error: ErrorText(&c), Failure: c.Error,
	}
	if c.Status == burdock.StatusRunning && a.Status != burdock.StatusRunning {
		s.Status = record.StatusStale
	}
	s.Took = Seconds(took(&c, a.live, view.Now))
	for _, in := range c.Inputs {
		s.Inputs = append(s.Inputs, Input(in))
	}
	if c.Seq == 0 {
		return s, nil
	}
	v, err := a.visit(ctx, src, c.Seq, view)
	if err == nil && v.Total > 0 {
		s.Visit = v
	}
	return s, err
}

// took is how long a step's last attempt took: until now if it runs, zero if nobody knows.
func took(c *burdock.Checkpoint, live bool, now time.Time) time.Duration {
	switch {
	case c.Started.IsZero() || c.Seq == 0:
		return 0
	case !c.Ended.IsZero():
		return c.Ended.Sub(c.Started)
	case live && c.Status == burdock.StatusRunning:
		return max(now.Sub(c.Started), 0)
	}
	return 0
}
