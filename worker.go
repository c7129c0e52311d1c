package burdock

import (
	"bytes"
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

// A guest is what the branch that a worker runs is in the tree it comes from.
type guest struct {
	App         string
	Path        string
	Parent      Ref
	Task        string
	Key         anyText
	Index       int64
	Fingerprint string
	At          []turn
	Timeout     time.Duration // of its task; zero without one
}

// anyText is a text that may be no UTF-8, which JSON cannot hold: it crosses as bytes.
type anyText string

// MarshalJSON writes the bytes.
func (t anyText) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(t)) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *anyText) UnmarshalJSON(data []byte) error {
	var b []byte
	err := json.Unmarshal(data, &b)
	*t = anyText(b)
	return err
}

// A turn leads from a graph to one of its branch graphs.
type turn struct{ Node, Branch string }

// A handover is a branch on its way to a worker.
type handover struct {
	Version                  int
	Root, Project, Partition string
	Graph, Hash              string // of the root
	Guest                    guest
	MaxDepth                 int
	Resume                   bool // the store has records of it
	Durable                  Durability
	State                    Delta
	Inputs                   []handedInput
	Deadline                 time.Time // of the task; zero without one
	Events                   int64     // told of the attempt that follows
	Answers                  []handedAnswer
	Cancels                  []handedCancel
	Begun                    []begunAttempt // by workers that were lost
}

// A handedCancel is a request to cancel an application, which may be below the branch.
type handedCancel struct {
	App string
	IDs []string // of the messages
}

// A handedAnswer is one of the parent's mailbox, which may be for this branch, or for what is below it.
type handedAnswer struct {
	ID     string
	To     Ref
	Inputs []InputRecord
}

// A handedInput is an input with the source it comes from.
type handedInput struct {
	Name  string
	Value json.RawMessage
	From  string // window, event, config
}

// A returned outcome is on its way back.
type handback struct {
	Version int
	Stop    Stop
	Action  string
	Seq     int64
	Attempt int
	Events  int64
	State   Delta
	Error   *Failure
	Pending []handedPending
	Used    []Ref    // whose answers have been taken
	Ended   []string // applications whose cancellation was
}

type handedPending struct {
	Ref    Ref
	Path   string
	Action string
	Needs  []string
}

// handoverVersion is that of both forms.
const handoverVersion = 1

// Encode returns the branch as bytes for a Worker in another process: which it is, where it stands, its state and inputs,
// without secrets. It is JSON of this package's own, for a worker of the same version.
func (b *Branch) Encode() ([]byte, error) {
	r := b.b.run
	h := handover{
		Version: handoverVersion, Root: r.tree.root, Project: r.tree.project, Partition: r.tree.partition,
		MaxDepth: r.tree.maxDepth, Resume: b.resume, Durable: r.durable(),
		Guest: guest{
			App: r.identity(), Path: r.path(), Parent: Ref{App: r.visit.of.identity(), Seq: r.visit.seq}, Task: b.b.plan.name,
			Key: anyText(b.b.key()), Index: b.b.node.Index,
		},
	}
	var err error
	if h.Guest.At, err = r.turns(); err != nil {
		return nil, fmt.Errorf("%s: %w", h.Guest.Path, err)
	}
	h.Graph, h.Hash = b.Graph()
	h.Answers = r.tree.mail.copies(r.plan)
	h.Cancels = r.tree.mail.called(h.Guest.App)
	h.Begun = r.tree.lost.of(h.Guest.Path)
	if w := r.watched; w != nil {
		h.Guest.Fingerprint, h.Events = w.print, w.events.Load()
	}
	if r.timed() {
		h.Guest.Timeout, h.Deadline = b.b.special.timeout, now().Add(r.left())
	}
	if h.State, err = encodeState(r.sch, r.vals); err != nil {
		return nil, fmt.Errorf("%s: %w", h.Guest.Path, err)
	}
	for _, from := range []struct {
		name string
		of   values
	}{{"window", r.sources.window}, {"event", r.sources.events}, {"config", r.sources.config}} {
		for _, name := range sortedKeys(from.of) {
			use := r.plan.inputs[name]
			if use == nil || use.secret {
				continue
			}
			data, err := use.codec.Encode(from.of[name])
			if err != nil {
				return nil, fmt.Errorf("%s: input %q: %w", h.Guest.Path, name, err)
			}
			h.Inputs = append(h.Inputs, handedInput{name, data, from.name})
		}
	}
	return json.Marshal(h)
}

// turns lead from the root's graph to the one that the application runs.
func (m *member) turns() ([]turn, error) {
	if m.branch == nil {
		if g := m.tree.guest; g != nil {
			return slices.Clone(g.At), nil
		}
		return nil, nil
	}
	if m.visit.par == spawning {
		return nil, errStaysHere
	}
	all, err := m.visit.of.turns()
	return append(all, turn{m.visit.node.action.name, m.branch.plan.name}), err
}

// encodeState writes every value of a state.
func encodeState(sch *schema, vals []slot) (Delta, error) {
	var out Delta
	for i, s := range vals {
		if !s.set() {
			continue
		}
		data, err := sch.keys[i].encode(s.v)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", sch.keys[i].name, err)
		}
		out = append(out, Change{Key: sch.keys[i].name, Op: OpSet, Value: data})
	}
	return out, nil
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

// handBack encodes the outcome.
func (r *runner) handBack(end ending, err error, h *handover) ([]byte, error) {
	out := handback{Version: handoverVersion, Stop: stops[end], Action: r.last, Seq: r.seq, Attempt: r.attempt, Events: r.watched.events.Load()}
	if err != nil {
		action := ""
		if r.next != nil {
			action = r.next.action.name
		}
		out.Error = newFailure(err, action, r.seq+1, r.attempt, r.plan.sentinels)
	}
	for _, a := range h.Answers {
		if !r.tree.mail.has(a.To) {
			out.Used = append(out.Used, a.To)
		}
	}
	for _, c := range h.Cancels {
		if len(r.tree.mail.cancelled(c.App)) == 0 {
			out.Ended = append(out.Ended, c.App)
		}
	}
	for _, p := range r.pending {
		out.Pending = append(out.Pending, handedPending{p.Ref, p.Path, p.Action, p.Needs})
	}
	if end == endDone {
		if out.State, err = encodeState(r.sch, r.vals); err != nil {
			return nil, err
		}
	}
	return json.Marshal(out)
}

// Decode returns the outcome of a branch from what Worker.Run returned. It fails if the bytes are none, or hold a key that
// the branch does not have or may not write. The State of a Pending does not cross.
func (b *Branch) Decode(data []byte) (*Outcome, error) {
	var h handback
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, fmt.Errorf("burdock: Branch.Decode: no outcome: %w", err)
	}
	if h.Version != handoverVersion {
		return nil, fmt.Errorf("burdock: Branch.Decode: an outcome of version %d; this process reads version %d", h.Version, handoverVersion)
	}
	r := b.b.run
	out := &Outcome{Stop: h.Stop, Action: h.Action, Seq: h.Seq}
	if h.Error != nil {
		h.Error.revive(r.plan.sentinels)
		out.Err = &StepError{Path: b.Path(), Seq: h.Error.Seq, Attempt: h.Error.Attempt, Action: h.Error.Action, Err: h.Error.err}
	}
	for _, p := range h.Pending {
		out.Pending = append(out.Pending, Pending{Ref: p.Ref, Path: p.Path, Action: p.Action, Needs: p.Needs})
	}
	rec := &record{deltas: []recordedDelta{{delta: h.State}}}
	rec.last.Path = b.Path()
	var err error
	out.State.sch, out.State.vals, err = rec.state(r.sch)
	for _, app := range h.Ended {
		r.tree.mail.forget(app)
	}
	if len(h.Used) > 0 {
		r.tree.mail.used(h.Used)
		r.answeredBelow()
	}
	if r.watched != nil {
		r.opened = r.opened && r.watched.events.Load() == h.Events // the worker's first attempt has what was told before it
		r.watched.events.Store(h.Events)
	}
	r.attempt = h.Attempt
	return out, err
}

// arrive puts the runner where an outcome from elsewhere says it is, unless that cannot be.
func (r *runner) arrive(out *Outcome) error {
	if out.Stop != StopDone {
		return nil
	}
	writes := map[string]bool{}
	for _, n := range r.plan.nodes {
		for _, s := range n.stores {
			writes[r.sch.keys[s.slot].name] = true
		}
		for _, slot := range n.rawWrites {
			writes[r.sch.keys[slot].name] = true
		}
	}
	for key := range out.State.Keys() {
		i, ok := r.sch.index[key]
		v, _ := out.State.lookup(key)
		switch {
		case !ok:
			return fmt.Errorf("it has key %q, which the branch does not have", key)
		case v.v.Type() != r.sch.keys[i].typ && !r.sch.keys[i].foreign():
			return fmt.Errorf("its key %q has type %s, but that of the branch has %s", key, v.v.Type(), r.sch.keys[i].typ)
		case !writes[key] && !r.sch.keys[i].alike(r.vals[i], v):
			return fmt.Errorf("it has changed key %q, which no action of the branch writes", key)
		}
	}
	vals := State{sch: out.State.sch, vals: out.State.vals}.in(r.sch).copied()
	res, err := r.branch.collect(vals)
	if err != nil {
		return err
	}
	r.branch.out, r.vals = res, vals
	r.last, r.seq, r.next = out.Action, out.Seq, nil
	return nil
}

// alike reports whether two slots of the key are written alike.
func (k *keyType) alike(a, b slot) bool {
	if !a.set() || !b.set() {
		return a.set() == b.set()
	}
	x, errX := k.encode(a.v)
	y, errY := k.encode(b.v)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
