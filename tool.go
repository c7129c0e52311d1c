package burdock

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/burdock-go/burdock/internal/bind"
	"github.com/burdock-go/burdock/internal/codec"
)

// Schema returns the JSON Schema of what the action reads from the state: an object with a property for each key, by the
// action's own names. It is what a model is told of the action as a tool; Decode takes its answer. A tag doc of a field
// becomes its description:
//
//	type search struct {
//		Query string `state:"query" doc:"words to look for"`
//		Most  int    `state:"most,optional" doc:"how many results; 10 unless said"`
//	}
//
// What a type with a marshaler or a Codec looks like is not known, so any JSON fits it. Inputs are no part of it: they
// are bound, or given by Task.Given and configuration. It is null for an action that NewGraph would refuse.
func (a *Action) Schema() json.RawMessage {
	_, schema, err := a.tool()
	if err != nil {
		return json.RawMessage("null")
	}
	data, _ := json.Marshal(schema) // a Schema can always be written
	return data
}

// Decode makes the state of a branch from JSON, such as a model's call of the action as a tool:
//
//	state, err := search.Decode(call.Arguments)
//	yield(burdock.Task[burdock.State]{Key: call.ID, Run: search, State: state, Err: err}, nil)
//
// It is stricter than encoding/json: an unknown name, a missing value that is not optional, and null for what is no
// pointer are errors. The error names everything that does not fit, so that it can be given back to the model.
func (a *Action) Decode(data []byte) (State, error) {
	w, schema, err := a.tool()
	if err != nil {
		return State{}, err
	}
	errs := schema.Misfits(data)
	if len(errs) > 0 {
		return State{}, joined(fmt.Sprintf("action %q", a.name), errs)
	}
	var values map[string]json.RawMessage
	_ = json.Unmarshal(data, &values) // Misfits has found an object
	set, sch := codec.NewSet(), newSchema()
	var vals []slot
	for i := range w.Fields {
		f := &w.Fields[i]
		value, ok := values[f.Name]
		if f.Input || !ok {
			continue
		}
		v := reflect.New(f.Type).Elem()
		if err := set.For(f.Type).Decode(value, v); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", f.Name, err))
		}
		sch.add(a.key(f.Name), f.Type)
		vals = append(vals, slot{v: v})
	}
	return State{sch: sch, vals: vals}, joined(fmt.Sprintf("action %q", a.name), errs)
}

// tool returns the window that the action reads, and its schema.
func (a *Action) tool() (*bind.Window, *codec.Schema, error) {
	switch {
	case a.spec == nil || a.spec.in == nil:
		return nil, nil, fmt.Errorf("action %q: only an action with a window can be a tool", a.name)
	case len(a.errs) > 0:
		return nil, nil, errors.Join(a.errs...)
	}
	in, _ := roles(a.spec)
	w, errs := bind.Of(in.typ, in.role)
	set := codec.NewSet()
	var members []codec.Member
	for i := range w.Fields {
		f := &w.Fields[i]
		if f.Input {
			continue
		}
		for _, problem := range set.Check(f.Type, windowName(in.typ)+"."+f.Go) {
			errs = append(errs, problem)
		}
		if len(errs) > 0 {
			continue
		}
		of := codec.SchemaOf(f.Type, set)
		of.Doc = f.Doc
		members = append(members, codec.Member{Name: f.Name, Optional: f.Optional, Of: of})
	}
	return w, codec.ObjectOf(members), joined(fmt.Sprintf("action %q", a.name), errs)
}
