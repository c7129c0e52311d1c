package burdock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

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

// A handedInput is an input with the source it comes from.
type handedInput struct {
	Name  string
	Value json.RawMessage
	From  string // window, event, config
}

// A handedAnswer is one of the parent's mailbox, which may be for this branch, or for what is below it.
type handedAnswer struct {
	ID     string
	To     Ref
	Inputs []InputRecord
}

// A handedCancel is a request to cancel an application, which may be below the branch.
type handedCancel struct {
	App string
	IDs []string // of the messages
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
