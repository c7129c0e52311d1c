package burdock

import (
	"reflect"

	"github.com/burdock-go/burdock/internal/bind"
)

// A load copies a slot into a field of a window.
type load struct {
	field    *bind.Field
	slot     int
	optional bool
}

// A loader fills windows from the slots of a state.
type loader struct {
	loads []load
	vals  []slot
}

// load fills w and leaves out what is absent. It reports whether all that is required was there.
func (l loader) load(w reflect.Value) (complete bool) {
	complete = true
	for i := range l.loads {
		ld := &l.loads[i]
		s := &l.vals[ld.slot]
		switch {
		case s.set():
			ld.field.Value(w).Set(s.v)
		case !ld.optional:
			complete = false
		}
	}
	return complete
}

// missing returns the keys that are required and absent.
func (l loader) missing() []string {
	var keys []string
	for i := range l.loads {
		if ld := &l.loads[i]; !ld.optional && !l.vals[ld.slot].set() {
			keys = append(keys, ld.field.Name)
		}
	}
	return keys
}

// planCondition is a condition with its loads.
type planCondition struct {
	cond  *Condition
	loads []load
	parts []*planCondition
}

func (c *planCondition) holds(vals []slot) bool {
	switch {
	case c.cond.ask != nil:
		return c.cond.ask(loader{c.loads, vals})
	case c.cond.not:
		return !c.parts[0].holds(vals)
	}
	for _, p := range c.parts {
		if p.holds(vals) != c.cond.all {
			return !c.cond.all
		}
	}
	return c.cond.all
}
