package burdocktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/memstore"
)

// A Case is one step: what it began with and what it came to. The command burdock testcase writes one from a recorded
// step; it can be written by hand as well. Before, Inputs, After and Appended are JSON objects, with a value for each key
// or input in the form in which a store has it; "" is the empty object. Numbers keep all their digits.
type Case struct {
	Action string // the node that runs

	Before  string // the state before the step
	Inputs  string // the inputs that the step was given
	Failure string // of an error route's handler: the failure that it handles

	After    string   // the keys that the step wrote, with their values after it
	Appended string   // the lists that the step appended to, with what it appended
	Deleted  []string // the keys that it deleted
	Next     string   // the action that follows; not compared if ""

	// Error is a part of the text of the error with which the step fails. Then After, Appended and Deleted are empty.
	Error string
}

// replayed is the id of the application that Replay runs.
const replayed = "replay"

// Replay runs one step of an action or a graph, from the state of the case and with its inputs, and compares what it
// writes. The test fails with each key and place in which the state after the step is another, and if the step ends
// otherwise. A parallel step runs its branches, and an action does what it does to the world outside: give a graph in
// which Graph.Replace has put fakes.
//
// Inputs that come from configuration, secret ones, and those that a branch's window gave are not recorded, so they are
// no part of a recorded case: give them with Given or With. Fails and Resumed mean nothing here.
func Replay(t testing.TB, r burdock.Runnable, c Case, opts ...Option) {
	t.Helper()
	if g, err := graphOf(r); err == nil && g.Action(c.Action) == nil {
		t.Fatalf("burdocktest: Replay: graph %q has no action %q", g.Name(), c.Action)
	}
	g := newRig(t, r, nil, opts)
	g.options.ID = replayed
	p := &replay{Case: &c}
	zero, err := p.begin(g.graph)
	if err != nil {
		t.Fatalf("burdocktest: Replay: %v", err)
	}
	step := p.run(t, g, zero)
	p.judge(t, &step)
}

// A replay is one case.
type replay struct {
	*Case
	store *memstore.Store
	want  record.Values // the state after the step
}

// begin makes the record that the step begins with: that of a fork which stands before it.
func (p *replay) begin(g *burdock.Graph) (burdock.Checkpoint, error) {
	zero := burdock.Checkpoint{
		Root: replayed, App: replayed, Path: replayed, Graph: g.Name(), GraphHash: g.Hash(), Kind: burdock.KindStep,
		Status: burdock.StatusCompleted, Next: p.Action, Origin: burdock.Ref{App: "recorded"}, Lists: true,
	}
	before, errBefore := changes("Before", p.Before, burdock.OpSet)
	inputs, errInputs := changes("Inputs", p.Inputs, burdock.OpSet)
	after, errAfter := changes("After", p.After, burdock.OpSet)
	appended, errAppended := changes("Appended", p.Appended, burdock.OpAppend)
	var errFailure error
	if p.Failure != "" {
		zero.Error = &burdock.Failure{}
		if errFailure = json.Unmarshal([]byte(p.Failure), zero.Error); errFailure != nil {
			errFailure = fmt.Errorf("field Failure of the case: %w", errFailure)
		}
	}
	zero.Delta = before
	for _, in := range inputs {
		zero.Inputs = append(zero.Inputs, burdock.InputRecord{Name: in.Key, Value: in.Value, Source: "given"})
	}
	all := slices.Concat(after, appended)
	for _, key := range p.Deleted {
		all = append(all, burdock.Change{Key: key, Op: burdock.OpDelete})
	}
	p.want.Add(zero)
	p.want.Add(burdock.Checkpoint{Kind: burdock.KindStep, Status: burdock.StatusCompleted, Delta: all})
	return zero, errors.Join(errBefore, errInputs, errFailure, errAfter, errAppended, p.contradiction(all))
}

// contradiction reports a case that no step can meet.
func (p *replay) contradiction(all burdock.Delta) error {
	if p.Error != "" && len(all) > 0 {
		return errors.New("field Error of the case: a step that fails writes nothing, and the case has After, Appended or Deleted")
	}
	return nil
}

// changes reads a JSON object as changes of keys, in their order.
func changes(field, object string, op burdock.Op) (burdock.Delta, error) {
	if object == "" {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &values); err != nil {
		return nil, fmt.Errorf("field %s of the case: %w", field, err)
	}
	var all burdock.Delta
	for _, key := range slices.Sorted(maps.Keys(values)) {
		var b bytes.Buffer
		if err := json.Compact(&b, values[key]); err != nil {
			return nil, fmt.Errorf("field %s of the case: %q: %w", field, key, err)
		}
		all = append(all, burdock.Change{Key: key, Op: op, Value: b.Bytes()})
	}
	return all, nil
}

// run runs the step and returns its record.
func (p *replay) run(t testing.TB, g *rig, zero burdock.Checkpoint) burdock.Checkpoint {
	t.Helper()
	p.store = memstore.New()
	claim, err := p.store.Claim(t.Context(), replayed)
	if err == nil {
		zero.Fence = claim.Fence()
		err = errors.Join(p.store.Save(t.Context(), claim.Fence(), []burdock.Checkpoint{zero}), claim.Release(t.Context()))
	}
	if err != nil {
		t.Fatalf("burdocktest: Replay: %v", err)
	}
	watched := &scope{TB: t}
	defer watched.end()
	opts := g.with(p.store)
	opts.Cascade.Middleware = slices.Clone(opts.Cascade.Middleware)
	for _, check := range g.checks {
		opts.Cascade.Middleware = append(opts.Cascade.Middleware, check(watched))
	}
	app, err := burdock.Resume(t.Context(), g.graph, opts)
	if err != nil {
		t.Fatalf("burdocktest: Replay: %v", err)
	}
	out, err := app.Run(t.Context(), append(options(g.calls[0]), burdock.HaltAfter(burdock.ByName(p.Action)))...)
	if out == nil {
		t.Fatalf("burdocktest: Replay: %v", err)
	}
	if out.Stop == burdock.StopWaiting {
		for _, pending := range out.Pending {
			t.Errorf("burdocktest: Replay: %s waits before %s for %q: give it with Given, or with With if it is configuration", pending.Path, pending.Action, pending.Needs)
		}
		t.FailNow()
	}
	step, err := p.store.Load(t.Context(), burdock.Ref{App: replayed, Seq: 1})
	if err != nil {
		t.Fatalf("burdocktest: Replay: %s was not recorded: %v", p.Action, errors.Join(out.Err, err))
	}
	return step
}

// judge compares the record of the step with the case.
func (p *replay) judge(t testing.TB, step *burdock.Checkpoint) {
	t.Helper()
	text := ""
	if step.Error != nil {
		text = step.Error.Text
	}
	switch {
	case step.Status != burdock.StatusCompleted && p.Error == "":
		t.Fatalf("burdocktest: Replay: %s is %s: %s", p.Action, step.Status, text)
	case step.Status == burdock.StatusCompleted && p.Error != "":
		t.Fatalf("burdocktest: Replay: %s has completed, and should fail with: %s", p.Action, p.Error)
	case !strings.Contains(text, p.Error):
		t.Errorf("burdocktest: Replay: %s fails with another error:\n\tgot  %s\n\twant %s", p.Action, text, p.Error)
	}
	if p.Next != "" && step.Next != p.Next {
		t.Errorf("burdocktest: Replay: after %s got next %q, want %q", p.Action, step.Next, p.Next)
	}
	got := record.Values{}
	for c, err := range p.store.List(t.Context(), burdock.Query{App: replayed}) {
		if err != nil {
			t.Fatalf("burdocktest: Replay: %v", err)
		}
		got.Add(c)
	}
	for _, d := range differentValues(&got, &p.want) {
		t.Errorf("burdocktest: Replay: after %s %s", p.Action, d)
	}
}

// differentValues says in which keys, and where in them, two recorded states differ.
func differentValues(got, want *record.Values) (all []string) {
	keys := slices.Concat(got.Keys(), want.Keys())
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		x, errX := valueOf(got, key)
		y, errY := valueOf(want, key)
		if err := errors.Join(errX, errY); err != nil {
			all = append(all, fmt.Sprintf("key %q cannot be compared: %v", key, err))
			continue
		}
		j := &jsonDiff{}
		j.values(x, y, "")
		for _, d := range j.found {
			at := ""
			if d.path != "" {
				at = " at " + d.path
			}
			all = append(all, fmt.Sprintf("key %q differs%s: got %s, want %s", key, at, d.got, d.old))
		}
	}
	return all
}

// absent stands for a value that is not there.
type absent struct{}

// valueOf decodes a recorded value, numbers as they are written.
func valueOf(values *record.Values, key string) (v any, err error) {
	if !slices.Contains(values.Keys(), key) {
		return absent{}, nil
	}
	data, err := values.JSON(key)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// A jsonDiff finds the places in which two values differ.
type jsonDiff struct{ found []difference }

func (j *jsonDiff) values(got, want any, path string) {
	switch x := got.(type) {
	case map[string]any:
		if y, ok := want.(map[string]any); ok {
			j.objects(x, y, path)
			return
		}
	case []any:
		if y, ok := want.([]any); ok {
			j.arrays(x, y, path)
			return
		}
	case json.Number:
		if y, ok := want.(json.Number); ok && sameNumber(x, y) {
			return
		}
	default:
		switch want.(type) {
		case map[string]any, []any:
		default:
			if got == want {
				return
			}
		}
	}
	if len(j.found) < maxDifferences {
		j.found = append(j.found, difference{path, jsonText(want), jsonText(got)})
	}
}

func (j *jsonDiff) objects(got, want map[string]any, path string) {
	names := map[string]bool{}
	for name := range got {
		names[name] = true
	}
	for name := range want {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		x, y := any(absent{}), any(absent{})
		if v, ok := got[name]; ok {
			x = v
		}
		if v, ok := want[name]; ok {
			y = v
		}
		j.values(x, y, path+"."+name)
	}
}

func (j *jsonDiff) arrays(got, want []any, path string) {
	for i := range max(len(got), len(want)) {
		x, y := any(absent{}), any(absent{})
		if i < len(got) {
			x = got[i]
		}
		if i < len(want) {
			y = want[i]
		}
		j.values(x, y, path+index(i))
	}
}

func jsonText(v any) string {
	if v == any(absent{}) {
		return "nothing"
	}
	text := string(asJSON(v))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
