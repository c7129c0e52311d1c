package burdock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/burdock-go/burdock/internal/bind"
	"github.com/burdock-go/burdock/internal/codec"
)

// A Migration is where an application stands that another form of its graph has recorded. Options.Migrate changes it
// into what the graph of this program goes on from.
type Migration struct {
	// App is the application's id.
	App string
	// Graph is the name of the graph that recorded it, and Description that graph as data; nil if the store has none.
	Graph       string
	Description json.RawMessage
	// Values is the state, by key. Every value must be one that the new graph can read; keys that it does not use are
	// kept as they are.
	Values map[string]json.RawMessage
	// Seq is the last step that has passed.
	Seq int64
	// Next is the action that runs next, by the name of its node; "" if the application has ended, which it cannot have in
	// the middle of a step or before the handler of a failure.
	Next string
	// Unfinished says that Next has begun: it has failed, was cancelled, waits, or its process died. It runs again, or
	// what Migrate puts in its place does, so Next must not become "". Branches that it has recorded are found again if
	// the new graph has a parallel action of this name that gives them the same windows and bindings.
	Unfinished bool

	set *codec.Set
}

// Decode fills a window, which window points to, from the values: the state as the old program saw it. It fails if a
// field that is not optional has no value, or a value does not fit.
func (m *Migration) Decode(window any) error {
	v := reflect.ValueOf(window)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("Migration.Decode: a %T is no pointer to a window", window)
	}
	w, errs := bind.Of(v.Type().Elem(), bind.Result)
	for i := range w.Fields {
		f := &w.Fields[i]
		value, ok := m.Values[f.Name]
		switch {
		case ok:
			if err := m.set.For(f.Type).Decode(value, f.Value(v.Elem())); err != nil {
				errs = append(errs, fmt.Errorf("key %q as %s: %w", f.Name, f.Type, err))
			}
		case !f.Optional:
			errs = append(errs, fmt.Errorf("key %q has no value", f.Name))
		}
	}
	return joined("Migration.Decode", errs)
}

// Encode sets the values of the keys that the window's fields name.
func (m *Migration) Encode(window any) error {
	s := StateOf(window)
	if s.err != nil {
		return s.err
	}
	for key := range s.Keys() {
		v, _ := s.lookup(key)
		data, err := m.set.For(v.v.Type()).Encode(v.v)
		if err != nil {
			return fmt.Errorf("Migration.Encode: key %q: %w", key, err)
		}
		m.Values[key] = data
	}
	return nil
}

// A change is how an App takes over what another form of its graph has recorded.
type change struct {
	allowed bool
	migrate func(context.Context, *Migration) error
}

// apply calls the user's function.
func (c change) apply(ctx context.Context, m *Migration) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Where: "Options.Migrate", Value: v, Stack: debug.Stack()}
		}
	}()
	if c.migrate == nil {
		return nil
	}
	return c.migrate(ctx, m)
}

// adapt returns the record as the App's graph would have written it, and the checkpoints that are to replace those of
// the store before anything else is saved. What the store has is changed as little as it can be: the latest completed
// step holds the whole state from then on, and what follows it names the new graph.
func (a *App) adapt(ctx context.Context, rec *record) (*record, []Checkpoint, error) {
	if !a.change.allowed {
		return nil, nil, a.graphChanged(ctx, &rec.last)
	}
	zero, chain, err := a.lastCompleted(ctx, rec)
	if err != nil {
		return nil, nil, err
	}
	m := a.migration(rec, &zero)
	old := maps.Clone(m.Values)
	unfinished := m.Unfinished
	if err := a.change.apply(ctx, m); err != nil {
		return nil, nil, fmt.Errorf("application %q: Options.Migrate: %w", a.tree.root, err)
	}
	m.Unfinished = unfinished // it is told, not asked
	if err := a.fits(m, rec); err != nil {
		return nil, nil, fmt.Errorf("application %q was recorded with another form of graph %q, and %w", a.tree.root, a.graph.name, err)
	}
	a.reposition(chain, m)
	whole, snapshot := a.wholly(chain[0], old, m.Values)
	chain[0] = whole
	batch := slices.Clone(chain)
	if zero.Seq != whole.Seq {
		batch = append(batch, zero)
	}
	for i := range batch {
		batch[i].Graph, batch[i].GraphHash = a.graph.name, a.graph.Hash()
		if batch[i].Seq == 0 {
			batch[i].Description = a.graph.hashed().text
		}
	}
	batch = append(batch, snapshot)
	adapted := &record{}
	adapted.add(batch[0])
	adapted.add(snapshot)
	for _, cp := range batch[1:len(chain)] {
		adapted.add(cp)
	}
	return adapted, batch, nil
}

// lastCompleted returns the record of sequence 0, and those from the latest completed step on.
func (a *App) lastCompleted(ctx context.Context, rec *record) (zero Checkpoint, chain []Checkpoint, err error) {
	load := func(seq int64) (Checkpoint, error) {
		cp, err := a.origin.Load(ctx, Ref{App: rec.last.App, Seq: seq})
		if err != nil {
			err = &StoreError{Op: "load", App: rec.last.App, Err: err}
		}
		return cp, err
	}
	chain = []Checkpoint{rec.last}
	for chain[0].Status != StatusCompleted && chain[0].Seq > 0 {
		cp, err := load(chain[0].Seq - 1)
		if err != nil {
			return zero, nil, err
		}
		chain = slices.Insert(chain, 0, cp)
	}
	if chain[0].Seq == 0 {
		return chain[0], chain, nil
	}
	zero, err = load(0)
	return zero, chain, err
}

// migration is the record for whoever changes it.
func (a *App) migration(rec *record, zero *Checkpoint) *Migration {
	m := &Migration{
		App: rec.last.App, Graph: rec.last.Graph, Description: zero.Description,
		Seq: rec.last.Seq, Next: rec.last.Next, set: a.run.plan.set,
	}
	if !rec.last.passed() {
		m.Seq, m.Next, m.Unfinished = m.Seq-1, rec.last.Action, true
	}
	m.Values = rec.values(listsOf(m.Description))
	return m
}

// passed reports whether the position is behind the recorded step.
func (c *Checkpoint) passed() bool {
	status := standing(c)
	return status == StatusCompleted || status == StatusFailed && c.Next != ""
}

// values returns the state without types. The keys of lists stand in deltas only, also where nothing tells but the graph
// that was appended to them.
func (rec *record) values(lists map[string]bool) map[string]json.RawMessage {
	sch := newSchema()
	for _, d := range rec.deltas {
		for _, c := range d.delta {
			i := sch.add(c.Key, reflect.TypeFor[stored]())
			sch.keys[i].list = sch.keys[i].list || lists[c.Key] || c.Op == OpAppend
		}
	}
	_, vals, _ := rec.state(sch) // without types there is nothing that could not be read
	values := map[string]json.RawMessage{}
	for i, s := range vals {
		if s.set() {
			values[sch.keys[i].name] = json.RawMessage(s.v.Interface().(stored))
		}
	}
	return values
}

// listsOf returns the keys that a graph appends to.
func listsOf(text json.RawMessage) map[string]bool {
	var d description
	lists := map[string]bool{}
	if json.Unmarshal(text, &d) != nil {
		return lists
	}
	for _, n := range d.Nodes {
		for _, w := range n.Writes {
			if slices.Contains(strings.Split(w.Mode, ","), "append") {
				lists[w.Name] = true
			}
		}
	}
	return lists
}

// fits says what of the migration the graph cannot go on from, and brings the values into the form of records.
func (a *App) fits(m *Migration, rec *record) error {
	var errs []error
	p := a.run.plan
	switch {
	case m.Next == "" && m.Unfinished:
		errs = append(errs, errors.New("Options.Migrate says that it has ended in the middle of a step; name the node that runs instead"))
	case m.Next == "" && rec.last.Status == StatusFailed:
		errs = append(errs, errors.New("Options.Migrate says that it has ended with a failure that was to be handled; name the node that runs instead"))
	case m.Next != "" && p.named(m.Next) == nil:
		errs = append(errs, fmt.Errorf("it stands at node %q, which the graph does not have: Options.Migrate can name another", m.Next))
	}
	for _, key := range sortedKeys(m.Values) {
		var text bytes.Buffer // records hold compact JSON
		if err := json.Compact(&text, m.Values[key]); err != nil {
			errs = append(errs, fmt.Errorf("the value of key %q is no JSON: %w", key, err))
			continue
		}
		m.Values[key] = text.Bytes()
		i, ok := a.base.index[key]
		if !ok {
			continue
		}
		if _, err := a.base.keys[i].apply(slot{}, Change{Key: key, Op: OpSet, Value: m.Values[key]}); err != nil {
			errs = append(errs, fmt.Errorf("key %q cannot be read as %s (%w): Options.Migrate can change it", key, a.base.keys[i].typ, err))
		}
	}
	return errors.Join(errs...)
}

// reposition writes into the records where the application goes on.
func (a *App) reposition(chain []Checkpoint, m *Migration) {
	last := &chain[len(chain)-1]
	at := last
	if m.Unfinished {
		at = &chain[len(chain)-2]
		if last.Action != m.Next {
			// What has begun under the old name has been given up.
			last.Action, last.Status, last.Error, last.Needs = m.Next, StatusCancelled, nil, nil
			last.Spent, last.Tried, last.RetryAt = 0, time.Time{}, time.Time{}
		}
		last.Inputs = a.run.plan.declared(last.Inputs)
	}
	if at.Next != m.Next {
		at.Next, at.Halted, at.Route = m.Next, "", ""
	}
}

// declared leaves out the inputs that no action of the graph declares, or declares with another type.
func (p *plan) declared(inputs []InputRecord) []InputRecord {
	return slices.DeleteFunc(slices.Clone(inputs), func(in InputRecord) bool {
		use := p.inputs[in.Name]
		return use == nil || use.codec.Decode(in.Value, reflect.New(use.typ).Elem()) != nil
	})
}

// wholly returns the record of a completed step that holds the whole state, and the snapshot after it. Of the keys that
// are gone the record says so, as older ones still have them.
func (a *App) wholly(cp Checkpoint, old, values map[string]json.RawMessage) (whole, snapshot Checkpoint) {
	whole = cp
	whole.Lists, whole.Delta = true, nil
	snapshot = a.run.blank()
	snapshot.Kind, snapshot.Seq, snapshot.Status, snapshot.Started, snapshot.Ended = KindSnapshot, cp.Seq, StatusCompleted, cp.Started, cp.Ended
	for _, key := range sortedKeys(old) {
		if _, kept := values[key]; !kept {
			whole.Delta = append(whole.Delta, Change{Key: key, Op: OpDelete})
		}
	}
	for _, key := range sortedKeys(values) {
		c := Change{Key: key, Op: OpSet, Value: values[key]}
		whole.Delta = append(whole.Delta, c)
		if i, ok := a.base.index[key]; !ok || !a.base.keys[i].list {
			snapshot.Delta = append(snapshot.Delta, c)
		}
	}
	return whole, snapshot
}

// rewrite replaces what another form of the graph has recorded.
func (a *App) rewrite(ctx context.Context) error {
	if len(a.rewritten) == 0 {
		return nil
	}
	if err := a.tree.env.ledger.save(ctx, a.rewritten); err != nil {
		return err
	}
	a.rewritten = nil
	return nil
}
