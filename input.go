package burdock

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/burdock-go/burdock/internal/bind"
)

// Inputs are values given from outside, by name. As an option of Run, Steps or Events they are events: each serves the first
// step that declares it and is recorded with that step. As Options.Given they are configuration: they serve every step
// and branch and are never stored.
type Inputs struct {
	values []givenInput
	errs   []error
}

type givenInput struct {
	name  string
	value any
	loose bool // by Input: an untyped constant, or JSON

	secret bool // its window says so
}

// Given takes inputs from windows: structs with input tags. A field marked optional that is zero is not given.
func Given(windows ...any) Inputs {
	var in Inputs
	for _, window := range windows {
		v := reflect.ValueOf(window)
		if !v.IsValid() {
			in.errs = append(in.errs, errors.New("Given: nil is no window"))
			continue
		}
		w, errs := bind.Of(v.Type(), bind.Inputs)
		in.errs = append(in.errs, wrapAll("Given", errs)...)
		for i := range w.Fields {
			f := &w.Fields[i]
			if fv := f.Value(v); f.Input && (!f.Optional || !fv.IsZero()) {
				in.values = append(in.values, givenInput{name: f.Name, value: fv.Interface(), secret: f.Secret})
			}
		}
	}
	return in
}

// Input is one input by name. An untyped constant fits any type that can hold it.
func Input(name string, value any) Inputs {
	return Inputs{values: []givenInput{{name: name, value: value, loose: true}}}
}

// And returns the inputs of both.
func (in Inputs) And(more Inputs) Inputs {
	return Inputs{slices.Concat(in.values, more.values), slices.Concat(in.errs, more.errs)}
}

func (in Inputs) applyRun(o *runOptions) { o.given = append(o.given, in) }

// values is a set of inputs whose types have been checked.
type values map[string]reflect.Value

// check returns the inputs as values of the types that the plan declares.
func (p *plan) check(what string, all ...Inputs) (values, error) {
	out := values{}
	var errs []error
	for _, in := range all {
		errs = append(errs, in.errs...)
		for _, g := range in.values {
			use := p.inputs[g.name]
			if who := p.bound[g.name]; use == nil && who != "" {
				errs = append(errs, fmt.Errorf("input %q is bound by %s; leave one of them out", g.name, who))
				continue
			}
			if use == nil {
				errs = append(errs, fmt.Errorf("input %q: no action of graph %q declares it%s", g.name, p.graph.name, oneOf(p.inputNames())))
				continue
			}
			v, err := use.value(g)
			if err != nil {
				errs = append(errs, fmt.Errorf("input %q of %s: %w", g.name, use.by, err))
				continue
			}
			if _, twice := out[g.name]; twice {
				errs = append(errs, fmt.Errorf("input %q is given twice", g.name))
			}
			out[g.name] = v
		}
	}
	return out, joined(what, errs)
}

// value returns what was given as a value of the input's type.
func (u *inputUse) value(g givenInput) (reflect.Value, error) {
	v, err := constant(g.value, u.typ)
	if err != nil || u.secret {
		return v, err
	}
	if v, err = u.codec.Normalize(v); err == nil {
		err = u.codec.Valid(v)
	}
	return v, err
}

// inputOf is value for an input that the plan may not declare.
func (p *plan) inputOf(g givenInput) (reflect.Value, error) {
	use := p.inputs[g.name]
	if use == nil {
		return reflect.Value{}, fmt.Errorf("no action of graph %q declares it", p.graph.name)
	}
	return use.value(g)
}

// sources is where the inputs of one application come from, the nearest first. Maps are never written to after they were
// shared with branches; what a step used up is left out of a copy.
type sources struct {
	window values // of a branch: the input fields of its window
	events values
	config values
}

// find returns the value of an input and whether it is an event.
func (s *sources) find(name string) (v reflect.Value, event, ok bool) {
	if v, ok = s.window[name]; ok {
		return v, false, true
	}
	if v, ok = s.events[name]; ok {
		return v, true, true
	}
	v, ok = s.config[name]
	return v, false, ok
}

// without returns the events that are left when the named ones are used up.
func (v values) without(names []string) values {
	if len(names) == 0 {
		return v
	}
	left := values{}
	for name, value := range v {
		if !slices.Contains(names, name) {
			left[name] = value
		}
	}
	return left
}

// copied returns a set that may be written to.
func (v values) copied() values {
	out := values{}
	maps.Copy(out, v)
	return out
}

func (v values) has(name string) bool {
	_, ok := v[name]
	return ok
}

// with returns the inputs with one more.
func (v values) with(name string, value reflect.Value) values {
	more := maps.Clone(v)
	if more == nil {
		more = values{}
	}
	more[name] = value
	return more
}

// gathered is what a step was given.
type gathered struct {
	args  []reflect.Value // for the fields of In, in order; invalid = left zero
	needs []string        // required and without a source
	used  []string        // events
}

// gather resolves the inputs of a node.
func (r *runner) gather(n *planNode) gathered {
	g := gathered{args: make([]reflect.Value, len(n.inputs))}
	for i := range n.inputs {
		in := &n.inputs[i]
		switch v, event, ok := r.sources.find(in.field.Name); {
		case in.bound.IsValid():
			g.args[i] = in.bound
		case in.field.Name == failureInput && r.failure != nil:
			g.args[i] = reflect.ValueOf(r.failure).Elem()
		case ok:
			g.args[i] = v
			if event {
				g.used = append(g.used, in.field.Name)
			}
		case !in.field.Optional:
			g.needs = append(g.needs, in.field.Name)
		}
	}
	for _, u := range n.inner {
		if _, event, ok := r.sources.find(u.name); ok && event && !slices.Contains(g.used, u.name) {
			g.used = append(g.used, u.name)
		}
	}
	return g
}

// record encodes the events a step used, without secrets.
func (r *runner) record(used []string) ([]InputRecord, error) {
	var out []InputRecord
	for _, name := range used {
		use := r.plan.inputs[name]
		if use.secret {
			continue
		}
		data, err := use.codec.Encode(r.sources.events[name])
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", name, err)
		}
		out = append(out, InputRecord{Name: name, Value: data, Source: r.source(use)})
	}
	return out, nil
}

// recall brings back the events that an unfinished step was recorded with. A step that was running keeps them: giving
// another value is an error. One that failed, was cancelled or waits takes the new value.
func (r *runner) recall(recorded []InputRecord, running bool) error {
	for _, in := range recorded {
		use := r.plan.inputs[in.Name]
		if use == nil {
			continue
		}
		v := reflect.New(use.typ).Elem()
		if err := use.codec.Decode(in.Value, v); err != nil {
			return fmt.Errorf("recorded input %q: %w", in.Name, err)
		}
		given, ok := r.sources.events[in.Name]
		switch {
		case ok && running && !sameJSON(use, given, in.Value):
			return fmt.Errorf("input %q: the step that was interrupted was given another value, which stands; resume without giving it", in.Name)
		case !ok:
			r.sources.events = r.sources.events.with(in.Name, v)
		}
	}
	return nil
}

func sameJSON(use *inputUse, v reflect.Value, data json.RawMessage) bool {
	got, err := use.codec.Encode(v)
	return err == nil && string(got) == string(data)
}

// How an event reached the step that used it.
const (
	sourceGiven  = "given"
	sourceAnswer = "answer" // after the step had begun
)

// source says how an event reaches the next step. One that an earlier attempt had keeps its word. One that comes to a
// parallel step which was interrupted, or waits, answers those branches that wait for it. So does one that comes to a
// step that failed, unless a branch that has ended could have made use of it.
func (r *runner) source(use *inputUse) string {
	for i := range r.recalled {
		if r.recalled[i].Name == use.name {
			return r.recalled[i].Source
		}
	}
	begun := r.revisit && (r.next.action.spec.par != nil || r.spawned)
	if begun && (!use.optional || r.status == StatusRunning || r.status == StatusWaiting) {
		return sourceAnswer
	}
	return sourceGiven
}

// answered reports whether an event came after the step began. What a branch is known by does not change with it.
func (v *visit) answered(input string) bool {
	for i := range v.inputs {
		if v.inputs[i].Name == input {
			return v.inputs[i].Source == sourceAnswer
		}
	}
	return false
}
