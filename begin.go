package burdock

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/burdock-go/burdock/internal/bind"
)

// An opening is what a branch begins with. It is made of the branch's window, and can be made again.
type opening struct {
	sch    *schema
	vals   []slot   // the initial state
	inputs *sources // what is known when the branch begins
	around []slot   // the state around the branch, which is read while the branch is pulled only
	result *[]load  // how reduce's window is read: the plan's, or resolved for a State
}

// begin fills in the opening. Its slices may be those of another branch that has ended.
func (b *branch) begin(o *opening) error {
	o.sch, o.inputs, o.result = b.plan.sch, &b.visit.given, &b.plan.result
	var err error
	if b.plan.begin != nil {
		err = b.beginWindow(o)
	} else {
		err = b.beginState(o)
	}
	if err != nil || b.special == nil {
		return err
	}
	return b.beginGiven(o)
}

// beginGiven takes the inputs of a task.
func (b *branch) beginGiven(o *opening) error {
	given, err := b.plan.plan.check("Given", b.special.given)
	if err != nil {
		return fmt.Errorf("%s: %w", b.called(), err)
	}
	own := o.inputs != &b.visit.given
	window := o.inputs.window.copied()
	for name, v := range given {
		if _, twice := window[name]; twice && own {
			return fmt.Errorf("%s: input %q is given by its state and by its Given; leave one of them out", b.called(), name)
		}
		window[name] = v
	}
	o.inputs = &sources{window: window, events: o.inputs.events, config: o.inputs.config}
	return nil
}

// beginWindow makes the initial state of the fields of a window.
func (b *branch) beginWindow(o *opening) error {
	n := len(b.plan.sch.keys)
	o.vals = slices.Grow(o.vals[:0], n)[:n]
	clear(o.vals)
	window := reflect.ValueOf(b.in).Elem()
	var err error
	for i := range b.plan.begin {
		s := &b.plan.begin[i]
		v := s.field.Value(window)
		if s.field.OmitZero && v.IsZero() {
			continue
		}
		if v.Kind() != reflect.Slice || !o.passes(v) {
			if v, err = s.codec.Normalize(v); err == nil {
				err = s.codec.Valid(v)
			}
			if err != nil {
				return b.refuse(s.field, err)
			}
			clip(v)
		}
		o.vals[s.slot] = slot{v: v}
	}
	if len(b.plan.inputs) > 0 {
		return b.beginInputs(o, window)
	}
	return nil
}

// longList is the length from which on a list is looked for in the state that it may be of.
const longList = 64

// passes reports whether a value is a list of the state around the branch, which was checked when it was written. A hundred
// branches that are given a long conversation would look at each of its messages a hundred times.
func (o *opening) passes(val reflect.Value) bool {
	if val.Len() < longList || val.Len() != val.Cap() {
		return false
	}
	for i := range o.around {
		s := o.around[i].v
		if s.IsValid() && s.Type() == val.Type() && s.Len() == val.Len() && s.UnsafePointer() == val.UnsafePointer() {
			return true
		}
	}
	return false
}

func (b *branch) refuse(f *bind.Field, err error) error {
	return fmt.Errorf("field %s of the window of branch %d: %w", f.Go, b.node.Index, err)
}

// beginInputs takes the inputs that the window gives.
func (b *branch) beginInputs(o *opening, window reflect.Value) error {
	own := false // a window of the branch's own hides that of the branch around it
	for i := range b.plan.inputs {
		in := &b.plan.inputs[i]
		v := in.field.Value(window)
		if v.IsZero() {
			continue
		}
		if who := b.plan.plan.bound[in.field.Name]; who != "" {
			return b.refuse(in.field, fmt.Errorf("input %q is bound by %s; leave one of them out", in.field.Name, who))
		}
		if !own {
			o.inputs, own = &sources{window: o.inputs.window.copied(), events: o.inputs.events, config: o.inputs.config}, true
		}
		o.inputs.window[in.field.Name] = v
	}
	return nil
}

// beginState makes the initial state of a State that the user made.
func (b *branch) beginState(o *opening) error {
	s := *b.in.(*State)
	if s.err != nil {
		return s.err
	}
	if s.sch == nil {
		s.sch = newSchema()
	}
	sch, err := b.plan.plan.extended(s.sch)
	if err != nil {
		return fmt.Errorf("the state of branch %d: %w", b.node.Index, err)
	}
	o.sch, o.vals = sch, s.in(sch).copied()
	for i := range o.vals {
		g := &o.vals[i]
		if !g.set() {
			continue
		}
		if g.v, err = sch.keys[i].codec.Normalize(g.v); err == nil {
			err = sch.keys[i].codec.Valid(g.v)
		}
		if err != nil {
			return fmt.Errorf("key %q of the state of branch %d: %w", sch.keys[i].name, b.node.Index, err)
		}
		g.tail = nil
	}
	result, err := resultOf(b.visit.par.res, sch)
	o.result = &result
	return err
}

// resultOf resolves the result window in the schema of a state that was not known when the graph was made.
func resultOf(res reflect.Type, sch *schema) ([]load, error) {
	w, _ := bind.Of(res, bind.Result)
	var out []load
	for i := range w.Fields {
		f := &w.Fields[i]
		slot, ok := sch.index[f.Name]
		switch {
		case ok && sch.keys[slot].typ != f.Type:
			return nil, fmt.Errorf("result %s reads key %q as %s, but it is %s", windowName(res), f.Name, f.Type, sch.keys[slot].typ)
		case ok:
			out = append(out, load{f, slot, f.Optional})
		case !f.Optional:
			return nil, fmt.Errorf("result %s reads key %q, which the branch neither begins with nor writes", windowName(res), f.Name)
		}
	}
	return out, nil
}
