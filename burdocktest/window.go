package burdocktest

import (
	"fmt"
	"reflect"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/internal/bind"
)

// An input is one value for a call, by name.
type input struct {
	name   string
	value  any
	secret bool // it is recorded nowhere
}

// stateOf splits a window into the state that an application begins with and inputs for its first call. A burdock.State
// is a state already, nil the empty one.
func stateOf(window any) (burdock.State, []input, error) {
	switch w := window.(type) {
	case nil:
		return burdock.State{}, nil, nil
	case burdock.State:
		return w, nil, nil
	}
	given := reflect.ValueOf(window)
	if given.Kind() != reflect.Struct {
		return burdock.State{}, nil, fmt.Errorf("the state is a window, which is a struct, or a burdock.State, not a %T", window)
	}
	w, _ := bind.Of(given.Type(), bind.Begin) // StateOf reports what is wrong
	bare := reflect.New(given.Type()).Elem()
	bare.Set(given)
	var inputs []input
	for i := range w.Fields {
		f := &w.Fields[i]
		if !f.Input {
			continue
		}
		if v := f.Value(given); !f.Optional || !v.IsZero() {
			inputs = append(inputs, input{f.Name, v.Interface(), f.Secret})
		}
		f.Value(bare).SetZero()
	}
	return burdock.StateOf(bare.Interface()), inputs, nil
}

// inputsOf reads windows of inputs.
func inputsOf(windows []any) (all []input, err error) {
	for _, window := range windows {
		v := reflect.ValueOf(window)
		if v.Kind() != reflect.Struct {
			return nil, fmt.Errorf("Given takes structs with input tags, not a %T", window)
		}
		w, errs := bind.Of(v.Type(), bind.Inputs)
		if len(errs) > 0 {
			return nil, fmt.Errorf("Given: %w", errs[0])
		}
		for i := range w.Fields {
			f := &w.Fields[i]
			if fv := f.Value(v); f.Input && (!f.Optional || !fv.IsZero()) {
				all = append(all, input{f.Name, fv.Interface(), f.Secret})
			}
		}
	}
	return all, nil
}

// options are the inputs as options of App.Run.
func options(inputs []input) []burdock.RunOption {
	var opts []burdock.RunOption
	for _, in := range inputs {
		opts = append(opts, burdock.Input(in.name, in.value))
	}
	return opts
}
