package burdock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"
)

// A Worker runs branches that were handed over from another process. It is started with the graphs of the roots that it
// may be asked to help; everything that differs from branch to branch comes with the branch.
//
//	parent                              worker
//	Branch.Encode ──bytes──▶ Worker.Run ─ steps, saved through the Store it is given
//	Branch.Decode ◀─bytes── its return
type Worker struct {
	graphs map[string]*Graph // by hash
	opts   WorkerOptions
}

// WorkerOptions say how a Worker runs branches. Nil is fine.
type WorkerOptions struct {
	// Given are configuration inputs, and secrets, which never cross. Defaults to none beside those that came along.
	Given Inputs
	// MaxConcurrency bounds how many action functions run at one moment for one branch and all below it. Defaults to no
	// bound.
	MaxConcurrency int
	// Grace is Options.Grace. Defaults to zero.
	Grace time.Duration
	// Logger is told of what is no error of a run: events that the tracker refused, a Cache that failed, messages that
	// could not be read or do not fit, a function left behind after reduce had returned. Defaults to slog.Default().
	Logger *slog.Logger
}

// NewWorker makes a Worker for the branches of graphs. It fails if a graph is wrong or two have one hash.
func NewWorker(opts *WorkerOptions, graphs ...*Graph) (*Worker, error) {
	w := &Worker{graphs: map[string]*Graph{}}
	if opts != nil {
		w.opts = *opts
	}
	if w.opts.Logger == nil {
		w.opts.Logger = slog.Default()
	}
	var errs []error
	for _, g := range graphs {
		if g == nil || g.plan == nil {
			errs = append(errs, errors.New("a nil graph"))
			continue
		}
		if _, err := g.root(); err != nil {
			errs = append(errs, err)
			continue
		}
		w.graphs[g.Hash()] = g
	}
	if w.opts.MaxConcurrency < 0 || w.opts.Grace < 0 {
		errs = append(errs, errors.New("MaxConcurrency and Grace are positive, or zero"))
	}
	return w, joined("NewWorker", errs)
}

// Run runs a branch that Encode wrote and returns its outcome for Branch.Decode. c is where its steps are saved and who is
// told of them: Branch.Store and Branch.Tracker, or what reaches them from another process. Middleware and an Executor for
// what the branch itself fans out to are the worker's own.
//
// Run fails with ErrUnknownGraph if the worker does not have the graph in the same form, with ErrConflict if the branch was
// handed to another worker meanwhile, and if data is not what Encode of this version wrote. A failure of the branch is
// part of the outcome.
func (w *Worker) Run(ctx context.Context, data []byte, c Cascade) ([]byte, error) {
	var h handover
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, fmt.Errorf("burdock: Worker.Run: no hand-over: %w", err)
	}
	if h.Version != handoverVersion {
		return nil, fmt.Errorf("burdock: Worker.Run: a hand-over of version %d; this worker reads version %d", h.Version, handoverVersion)
	}
	r, err := w.runner(ctx, &h, c)
	if err != nil {
		return nil, fmt.Errorf("burdock: Worker.Run: %s: %w", h.Guest.Path, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.tree.begin(cancel)
	r.tree.top = r
	r.tree.mail.reset()
	for _, a := range h.Answers {
		r.tree.mail.put(a.To, &answer{id: a.ID, inputs: a.Inputs})
	}
	for _, c := range h.Cancels {
		r.tree.mail.call(c)
	}
	end, err := onGoroutines(func(vanished bool) (ending, error) { return r.advance(ctx, nil, vanished) })
	r.release()
	if err := errors.Join(r.tree.flush(ctx), r.tree.failed()); err != nil {
		return nil, err
	}
	return r.handBack(end, err, &h)
}

// runner makes the runner of a branch that was handed over.
func (w *Worker) runner(ctx context.Context, h *handover, c Cascade) (*runner, error) {
	b, err := w.find(h)
	if err != nil {
		return nil, err
	}
	t := &tree{
		root: h.Root, graph: w.graphs[h.Hash], guest: &h.Guest, project: h.Project, partition: h.Partition,
		logger: w.opts.Logger, grace: w.opts.Grace, maxDepth: h.MaxDepth,
	}
	for _, a := range h.Begun {
		t.lost.put(a)
	}
	if w.opts.MaxConcurrency > 0 {
		t.tokens = make(chan struct{}, w.opts.MaxConcurrency)
	}
	if err := t.configure(c, ""); err != nil {
		return nil, err
	}
	if t.env.ledger != nil {
		t.env.ledger.durable = h.Durable
		t.env.inbox = len(h.Cancels) > 0 // what is below can be cancelled alone
	}
	r := &runner{course: course{member: &member{tree: t, watched: &watched{print: h.Guest.Fingerprint}}, has: t.env, plan: b.plan, next: b.plan.start}}
	r.deadline = h.Deadline
	if r.listens() && h.Events > 0 {
		r.opened = true
		r.watched.events.Store(h.Events)
	}
	rec := &record{deltas: []recordedDelta{{delta: h.State}}}
	rec.last.Path = h.Guest.Path
	if r.sch, r.vals, err = rec.state(b.sch); err != nil {
		return nil, err
	}
	if err := r.takeInputs(h.Inputs); err != nil {
		return nil, err
	}
	if t.config, err = b.plan.check("WorkerOptions.Given", w.known(b.plan)); err != nil {
		return nil, err
	}
	for name, v := range t.config {
		r.sources.config = r.sources.config.with(name, v)
	}
	if h.Resume && r.records() {
		return r, r.goOn(ctx)
	}
	return r, nil
}

// known returns those of the worker's inputs that a plan declares: it serves many.
func (w *Worker) known(p *plan) Inputs {
	in := Inputs{errs: w.opts.Given.errs}
	for _, g := range w.opts.Given.values {
		if p.inputs[g.name] != nil {
			in.values = append(in.values, g)
		}
	}
	return in
}

// find returns the plan of a branch that was handed over.
func (w *Worker) find(h *handover) (*branchPlan, error) {
	g := w.graphs[h.Hash]
	if g == nil {
		return nil, fmt.Errorf("graph %q of hash %s: %w", h.Graph, h.Hash, ErrUnknownGraph)
	}
	p, err := g.plan()
	if err != nil {
		return nil, err
	}
	var b *branchPlan
	for _, at := range h.Guest.At {
		n := p.named(at.Node)
		b = nil
		if n != nil {
			i := slices.IndexFunc(n.branches, func(b *branchPlan) bool { return b.name == at.Branch })
			if i >= 0 {
				b = n.branches[i]
			}
		}
		if b == nil {
			return nil, fmt.Errorf("graph %q has no branch %q at node %q: %w", h.Graph, at.Branch, at.Node, ErrUnknownGraph)
		}
		p = b.plan
	}
	if b == nil {
		return nil, errors.New("it names no branch")
	}
	return b, nil
}

// takeInputs decodes what came along.
func (r *runner) takeInputs(all []handedInput) error {
	for _, in := range all {
		use := r.plan.inputs[in.Name]
		if use == nil {
			return fmt.Errorf("input %q: no action of graph %q declares it", in.Name, r.plan.graph.name)
		}
		v := reflect.New(use.typ).Elem()
		if err := use.codec.Decode(in.Value, v); err != nil {
			return fmt.Errorf("input %q: %w", in.Name, err)
		}
		switch in.From {
		case "window":
			r.sources.window = r.sources.window.with(in.Name, v)
		case "event":
			r.sources.events = r.sources.events.with(in.Name, v)
		default:
			r.sources.config = r.sources.config.with(in.Name, v)
		}
	}
	return nil
}

// goOn puts the runner where the store has it.
func (r *runner) goOn(ctx context.Context) error {
	rec, err := readRecord(ctx, r.env().ledger.store, r.identity())
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.sch, r.vals, err = rec.state(r.sch); err != nil {
		return err
	}
	if err := r.position(rec); err != nil {
		return err
	}
	return r.recall(r.recalled, r.status == StatusRunning)
}
