package burdock

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/burdock-go/burdock/internal/codec"
)

// Answer gives a step that waits the inputs it needs, from any process and without the graph. ref is that of
// Outcome.Pending; a Seq below zero is the application's latest step. The windows are structs with input tags; a field
// marked optional that is zero is not given.
//
//	err := burdock.Answer(ctx, db, pending.Ref, approval{Yes: true})
//
// The answer is durable when Answer returns nil. The owner of the application takes it within a second if it runs, and
// otherwise with its next call; it goes to that step alone. Answer fails with ErrNotWaiting, naming some steps that do
// wait, if this one does not, with ErrAnswered if somebody has answered before, with ErrNotFound, and with what does not
// fit: an input that the step's action does not declare or declares with another type, one that is missing, a secret
// one, which no store may see. The store must be an Inbox. One that has branches without what is around them, see
// Cascade, does not know what an action declares: secret is then what a window says is so, and what does not fit is
// logged by the owner, whose step goes on waiting.
func Answer(ctx context.Context, store Store, ref Ref, windows ...any) error {
	inbox, ok := store.(Inbox)
	if !ok {
		return fmt.Errorf("burdock: Answer: a %T takes no messages; give the input with Given or InputFor", store)
	}
	cp, err := store.Load(ctx, ref)
	if err != nil {
		return fmt.Errorf("burdock: Answer: %s: %w", ref.App, err)
	}
	if cp.Status != StatusWaiting || len(cp.Needs) == 0 {
		return notWaiting(ctx, store, &cp)
	}
	a, err := answerOf(ctx, store, &cp, windows)
	if err == nil {
		m := Message{ID: newMessageID(), Root: cp.Root, To: cp.Ref(), Kind: MessageAnswer, Inputs: a, Posted: now()}
		err = inbox.Post(context.WithoutCancel(ctx), m)
	}
	switch {
	case errors.Is(err, ErrNotWaiting):
		return notWaiting(ctx, store, &cp)
	case err != nil:
		return fmt.Errorf("burdock: Answer: %s at step %d (%s): %w", cp.Path, cp.Seq, cp.Action, err)
	}
	return nil
}

// Cancel asks to end an application: a root, or one of its branches. ref.Seq does not count. The owner takes the request
// within a second if it runs, and otherwise with its next call. A root's call comes back with StopCancelled and an error
// that Is ErrCancelled, and the next one goes on; a branch is a failed one to its visit, under its FailurePolicy.
//
// The request is durable when Cancel returns nil. Cancel fails with ErrNotFound, and with ErrNotWaiting if the
// application has ended. The store must be an Inbox.
func Cancel(ctx context.Context, store Store, ref Ref) error {
	inbox, ok := store.(Inbox)
	if !ok {
		return fmt.Errorf("burdock: Cancel: a %T takes no messages; cancel the context of the call", store)
	}
	cp, err := store.Load(ctx, Ref{App: ref.App, Seq: -1})
	switch {
	case err != nil:
	case cp.Done():
		err = fmt.Errorf("it has ended: %w", ErrNotWaiting)
	default:
		m := Message{ID: newMessageID(), Root: cp.Root, To: Ref{App: cp.App}, Kind: MessageCancel, Posted: now()}
		err = inbox.Post(context.WithoutCancel(ctx), m)
	}
	if err != nil {
		return fmt.Errorf("burdock: Cancel: %s: %w", ref.App, err)
	}
	return nil
}

func newMessageID() string { return "msg-" + strings.ToLower(rand.Text()) }

// InputFor gives inputs to one pending step, that of a branch for instance, whatever other steps declare. It is an event
// like those of Given. The windows may be Inputs too. ref is that of Outcome.Pending.
func InputFor(ref Ref, windows ...any) RunOption { return inputFor{ref, inputsOf(windows)} }

type inputFor struct {
	ref Ref
	in  Inputs
}

func (f inputFor) applyRun(o *runOptions) { o.answers = append(o.answers, f) }

// answers checks what InputFor gives. Which inputs a step declares is known when it begins.
func (a *App) answers(all []inputFor) (map[Ref]*answer, error) {
	out := map[Ref]*answer{}
	var errs []error
	for _, f := range all {
		records := out[f.ref]
		if records == nil {
			records = &answer{}
		}
		errs = append(errs, f.in.errs...)
		records.given = append(records.given, f.in.values...)
		if f.ref.Seq < 1 {
			errs = append(errs, fmt.Errorf("InputFor: step %d of %s is none that waits; take the Ref of Outcome.Pending", f.ref.Seq, f.ref.App))
		}
		out[f.ref] = records
	}
	return out, errors.Join(errs...)
}

// listedWaiting is how many steps that wait an error names.
const listedWaiting = 5

// notWaiting is the error of an answer to a step that does not wait. It names some that do.
func notWaiting(ctx context.Context, store Store, cp *Checkpoint) error {
	var waiting []string
	more := false
	for other, err := range store.List(ctx, Query{Root: cp.Root, Latest: true}) {
		if err != nil {
			break
		}
		if other.Status != StatusWaiting || len(other.Needs) == 0 {
			continue
		}
		if more = len(waiting) == listedWaiting; more {
			break
		}
		waiting = append(waiting, fmt.Sprintf("%s at step %d for %s", other.Path, other.Seq, strings.Join(other.Needs, ", ")))
	}
	what := "nothing of " + escapePath(cp.Root) + " waits"
	if len(waiting) > 0 {
		what = "what waits: " + strings.Join(waiting, "; ")
	}
	if more {
		what += "; and more"
	}
	return fmt.Errorf("burdock: Answer: %s at step %d (%s) is %s: %w; %s", cp.Path, cp.Seq, cp.Action, cp.Status, ErrNotWaiting, what)
}

// inputsOf takes inputs from windows, each of which may be Inputs instead.
func inputsOf(windows []any) (in Inputs) {
	for _, w := range windows {
		given, ok := w.(Inputs)
		if !ok {
			given = Given(w)
		}
		in = in.And(given)
	}
	return in
}

// answerOf encodes the inputs that windows give to a step that waits, and checks them against what the stored
// description of its graph says.
func answerOf(ctx context.Context, store Store, cp *Checkpoint, windows []any) ([]InputRecord, error) {
	in := inputsOf(windows)
	declared, err := declaredInputs(ctx, store, cp)
	if err != nil {
		return nil, err
	}
	errs := slices.Clone(in.errs)
	var out []InputRecord
	given := map[string]bool{}
	for _, g := range in.values {
		if given[g.name] {
			errs = append(errs, fmt.Errorf("input %q is given twice", g.name))
		}
		given[g.name] = true
		if err := declared.misfit(g); err != nil {
			errs = append(errs, err)
			continue
		}
		data, err := encodeInput(g)
		if err != nil {
			errs = append(errs, fmt.Errorf("input %q: %w", g.name, err))
		}
		out = append(out, InputRecord{Name: g.name, Value: data, Source: sourceAnswer})
	}
	for _, name := range cp.Needs {
		if !given[name] {
			errs = append(errs, fmt.Errorf("input %q is missing; the step needs %s", name, strings.Join(cp.Needs, ", ")))
		}
	}
	return out, errors.Join(errs...)
}

func encodeInput(g givenInput) ([]byte, error) {
	v := reflect.ValueOf(g.value)
	if !v.IsValid() {
		return nil, errors.New("nil is no value")
	}
	set := codec.NewSet()
	for _, problem := range set.Check(v.Type(), g.name) {
		return nil, problem
	}
	p := reflect.New(v.Type()).Elem()
	p.Set(v)
	return set.For(v.Type()).Encode(p)
}

// declared are the inputs of an action, by name; nil if the store does not say.
type declared map[string]fieldDescription

// misfit says why the action would not take an input.
func (d declared) misfit(g givenInput) error {
	if g.secret {
		return secretAnswer(g.name)
	}
	if d == nil || reflect.TypeOf(g.value) == nil {
		return nil
	}
	f, ok := d[g.name]
	typ := codec.Describe(reflect.TypeOf(g.value), codec.NewSet())
	switch {
	case !ok:
		return fmt.Errorf("input %q: the action does not declare it%s", g.name, oneOf(sortedKeys(d)))
	case slices.Contains(strings.Split(f.Mode, ","), "secret"):
		return secretAnswer(g.name)
	case g.loose && typ == rawType && !formOf(g.value.(json.RawMessage), f.Type):
		return fmt.Errorf("input %q: the action reads %s, which %.40s is not", g.name, f.Type, g.value)
	case typ != f.Type && (!g.loose || !becomes(reflect.TypeOf(g.value), f.Type)):
		return fmt.Errorf("input %q: a value of type %T is written as %s, but the action reads %s", g.name, g.value, typ, f.Type)
	}
	return nil
}

func secretAnswer(input string) error {
	return fmt.Errorf("input %q is secret, so no store may see it; give it with Given", input)
}

// rawType is how a json.RawMessage is described.
var rawType = codec.Describe(reflect.TypeFor[json.RawMessage](), codec.NewSet())

// formOf reports whether JSON has the outermost form of a described type, as far as that is known.
func formOf(data json.RawMessage, described string) bool {
	first := byte(0)
	if data = bytes.TrimSpace(data); len(data) > 0 {
		first = data[0]
	}
	number := first == '-' || first >= '0' && first <= '9'
	for _, form := range []struct {
		prefix string
		is     bool
	}{
		{"bool", first == 't' || first == 'f'},
		{"string", first == '"'},
		{"int", number},
		{"uint", number && first != '-'},
		{"float", number},
		{"time", first == '"'},
		{"[]uint8", first == '"' || first == 'n'},
		{"[]", first == '[' || first == 'n'},
		{"{", first == '{'},
		{"map[", first == '{' || first == 'n'},
	} {
		if strings.HasPrefix(described, form.prefix) {
			return form.is
		}
	}
	return true
}

// becomes reports whether a constant whose type nobody has said, or JSON, may be a value of a described type.
func becomes(t reflect.Type, described string) bool {
	named := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(described, p) })
	}
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return true
	case reflect.TypeFor[string](), reflect.TypeFor[bool]():
		return described == t.String()
	case reflect.TypeFor[int]():
		return named("int", "uint", "float")
	case reflect.TypeFor[float64]():
		return named("float")
	}
	return false
}

// declaredInputs finds the inputs of the action that waits in the description of its graph, which sequence 0 of the root
// has.
func declaredInputs(ctx context.Context, store Store, cp *Checkpoint) (declared, error) {
	graphs, err := describedGraphs(ctx, store, cp)
	if len(graphs) == 0 || err != nil {
		return nil, err
	}
	for _, n := range graphs[len(graphs)-1].Nodes {
		if n.Name != cp.Action {
			continue
		}
		d := declared{}
		for _, f := range n.Inputs {
			if !slices.Contains(n.Bound, f.Name) {
				d[f.Name] = f
			}
		}
		return d, nil
	}
	return nil, nil
}

// describedGraphs returns the descriptions of the graphs around a step, that of the one which has run it last. They are
// nil if the store does not have them.
func describedGraphs(ctx context.Context, store Store, cp *Checkpoint) ([]*description, error) {
	if cp.Parent.App == "" {
		zero, err := store.Load(ctx, Ref{App: cp.App, Seq: 0})
		var d description
		if err != nil || json.Unmarshal(zero.Description, &d) != nil {
			return nil, unlessNotFound(err)
		}
		return []*description{&d}, nil
	}
	parent, err := store.Load(ctx, cp.Parent)
	if err != nil { // branches may have a store of their own
		return nil, unlessNotFound(err)
	}
	around, err := describedGraphs(ctx, store, &parent)
	if len(around) == 0 || err != nil {
		return nil, err
	}
	for _, n := range around[len(around)-1].Nodes {
		for i := range n.Branches {
			b := &n.Branches[i]
			switch {
			case n.Name != parent.Action || b.Name != cp.Graph:
			case b.Reference:
				return referredTo(around, b.Name), nil
			default:
				return append(around, b), nil
			}
		}
	}
	return nil, nil
}

func unlessNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// referredTo leaves the graphs around one that a reference names.
func referredTo(around []*description, name string) []*description {
	for i, g := range slices.Backward(around) {
		if g.Name == name {
			return around[:i+1]
		}
	}
	return nil
}
