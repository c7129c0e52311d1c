package burdock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Options say what an application is and how it runs. Nil is fine.
type Options struct {
	// ID names the application: 1 to 200 bytes without control characters, unique in its store. Defaults to a random
	// one.
	ID string
	// Project and Partition group applications for whoever lists them, such as the name of a program and of a user.
	Project, Partition string
	// State is what a new application begins with. Defaults to the empty state.
	State State
	// Given are inputs that serve every step and branch: configuration. They are never stored, so a later process
	// gives them again.
	Given Inputs
	// Cascade is where steps are saved and who is told of them; branches inherit it.
	Cascade Cascade
	// Branches is what the application's branches, and everything below, have instead of Cascade. Defaults to nothing.
	Branches *Cascade
	// At is what the branches of a parallel action, or what an action spawns, and everything below, have instead: by the
	// name of the action, in whatever graph of the tree its node stands. Defaults to nothing.
	At map[string]*Cascade
	// Durability says what an acknowledged step survives. Defaults to Durable.
	Durability Durability
	// MaxConcurrency bounds how many action functions run at one moment in the whole tree of branches. Reduce
	// functions, routes, waiting for branches and actions that have spawned something do not count. Defaults to no bound.
	MaxConcurrency int
	// MaxDepth bounds how deep branches nest: the application itself has depth 0, a branch of it 1, a branch of that 2, those of
	// a Subgraph counted like others. A branch that is deeper fails with ErrTooDeep under the failure policy of its map: none
	// of its actions is called, no Retry and no error route of its own is asked, only the Fallback of the map runs. Depth is
	// no part of what is recorded, so a branch that has completed stays so when MaxDepth is less. Defaults to 100.
	MaxDepth int
	// Grace bounds how long a function may ignore its cancellation. When it is over the step fails with a *LeakError
	// and the function's goroutine is left behind. Defaults to zero: functions are waited for.
	Grace time.Duration
	// AllowGraphChange lets an application go on that another form of the graph has recorded, if the graph has the node
	// at which it stands and can read its state; keys that it does not use are kept. What the application has recorded is
	// taken over with the first save. Defaults to false: such an application is refused with ErrGraphChanged.
	AllowGraphChange bool
	// Migrate is AllowGraphChange with a function that changes state and position first. It may be called again for the
	// same application until the first save, so it should have no side effects. Its error ends the call that opened the
	// application. Defaults to none.
	Migrate func(ctx context.Context, m *Migration) error
	// Logger is told of what is no error of a run: events that the tracker refused, a Cache that failed, messages that
	// could not be read or do not fit, a function left behind after reduce had returned. Defaults to slog.Default().
	Logger *slog.Logger
}

// check reports everything that is wrong with the options.
func (o *Options) check() error {
	var errs []error
	if o.ID != "" {
		if why := badID(o.ID); why != "" {
			errs = append(errs, fmt.Errorf("Options.ID %s", why))
		}
	}
	if o.State.err != nil {
		errs = append(errs, fmt.Errorf("Options.State: %w", o.State.err))
	}
	if o.MaxConcurrency < 0 {
		errs = append(errs, fmt.Errorf("Options.MaxConcurrency is %d; it is positive, or zero for no bound", o.MaxConcurrency))
	}
	if o.MaxDepth < 0 {
		errs = append(errs, fmt.Errorf("Options.MaxDepth is %d; it is positive, or zero for the default", o.MaxDepth))
	}
	if o.Grace < 0 {
		errs = append(errs, fmt.Errorf("Options.Grace is %v; it is positive, or zero to wait", o.Grace))
	}
	return errors.Join(errs...)
}

// A RunOption is an option of Run, Steps or Events: Given, Input, InputFor, HaltBefore, HaltAfter.
type RunOption interface {
	applyRun(o *runOptions)
}

type runOptions struct {
	given   []Inputs
	answers []inputFor
	before  []Selector
	after   []Selector
}

type haltOption struct {
	selectors []Selector
	after     bool
}

func (h haltOption) applyRun(o *runOptions) {
	if h.after {
		o.after = append(o.after, h.selectors...)
		return
	}
	o.before = append(o.before, h.selectors...)
}

// HaltBefore stops the run before any of the nodes, also before the first step, unless the last run stopped there.
// It matches nodes of the root graph.
func HaltBefore(nodes ...Selector) RunOption { return haltOption{nodes, false} }

// HaltAfter stops the run after any of the nodes has run. It matches nodes of the root graph.
func HaltAfter(nodes ...Selector) RunOption { return haltOption{nodes, true} }

// hooks resolves the halts of a call in the root graph.
func (g *Graph) hooks(o *runOptions) (*hooks, error) {
	h := &hooks{haltBefore: map[string]bool{}, haltAfter: map[string]bool{}}
	return h, errors.Join(g.halts("HaltBefore", o.before, h.haltBefore), g.halts("HaltAfter", o.after, h.haltAfter))
}

func (g *Graph) halts(what string, selectors []Selector, into map[string]bool) error {
	var errs []error
	for _, sel := range selectors {
		names := g.selected(sel)
		switch {
		case len(names) > 0:
			for _, n := range names {
				into[n] = true
			}
		case g.inBranch(sel):
			errs = append(errs, fmt.Errorf("%s(%v): it is a node of a branch graph; halts stop the root only, use Until on the branch's graph", what, sel))
		default:
			errs = append(errs, fmt.Errorf("%s(%v) names no node of graph %q", what, sel, g.name))
		}
	}
	return errors.Join(errs...)
}

// inBranch reports whether sel selects a node of a branch graph.
func (g *Graph) inBranch(sel Selector) bool {
	if p, err := g.plan(); err == nil && sel != nil {
		return p.inBranch(sel)
	}
	return false
}

func (p *plan) inBranch(sel Selector) bool {
	for b := range p.below() {
		if len(b.plan.graph.selected(sel)) > 0 {
			return true
		}
	}
	return false
}
