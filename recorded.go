package burdock

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
)

// A record is what a store has of one application: its last step and the changes that make its state.
type record struct {
	last    Checkpoint
	handled *Failure // what the last step handles, if an error route led to it
	deltas  []recordedDelta
	since   int // bytes of deltas after the last snapshot
}

type recordedDelta struct {
	delta    Delta
	snapshot bool
}

// add takes the next checkpoint of the application, in the order of sequence numbers.
func (rec *record) add(cp Checkpoint) {
	if cp.Kind == KindSnapshot {
		rec.deltas = append(rec.deltas, recordedDelta{cp.Delta, true})
		rec.since = 0
		return
	}
	if cp.Status == StatusCompleted || cp.Status == StatusSuperseded {
		rec.deltas = append(rec.deltas, recordedDelta{delta: cp.Delta})
		for _, c := range cp.Delta {
			if c.Op != OpAppend {
				rec.since += len(c.Value) + len(c.Key)
			}
		}
	}
	if rec.last.Seq < cp.Seq {
		rec.handled = nil
		if prev := &rec.last; prev.Error != nil && prev.Next != "" && prev.Seq == cp.Seq-1 {
			rec.handled = prev.Error
		}
	}
	rec.last = cp
}

// readRecord reads the record of an application.
func readRecord(ctx context.Context, store Store, id string) (*record, error) {
	rec, found := &record{}, false
	for cp, err := range store.List(ctx, Query{App: id, Rebuild: true}) {
		if err != nil {
			return nil, &StoreError{Op: "load", App: id, Err: err}
		}
		rec.add(cp)
		found = true
	}
	if !found {
		return nil, fmt.Errorf("application %q: %w", id, ErrNotFound)
	}
	return rec, nil
}

// stored is the type of a value whose Go type this program has not said: a key of the initial state that the graph does
// not use and that Options.State does not name.
type stored json.RawMessage

// state folds the deltas into the slots of sch, which it extends by keys it does not know.
func (rec *record) state(sch *schema) (*schema, []slot, error) {
	extra := newSchema()
	for _, d := range rec.deltas {
		for _, c := range d.delta {
			if _, ok := sch.index[c.Key]; !ok {
				extra.add(c.Key, reflect.TypeFor[stored]())
			}
		}
	}
	sch = sch.with(extra)
	vals := make([]slot, len(sch.keys))
	from := make([]int, len(sch.keys)) // the delta before which nothing counts; an older form of the graph may have written it
	for at, d := range rec.deltas {
		if d.snapshot {
			for i := range from {
				if !sch.keys[i].list {
					from[i] = at
				}
			}
		}
		for _, c := range d.delta {
			if c.Op != OpAppend {
				from[sch.index[c.Key]] = at
			}
		}
	}
	for at, d := range rec.deltas {
		for _, c := range d.delta {
			i := sch.index[c.Key]
			if at < from[i] {
				continue
			}
			s, err := sch.keys[i].apply(vals[i], c)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: key %q: %w", rec.last.Path, c.Key, err)
			}
			vals[i] = s
		}
	}
	return sch, vals, nil
}

// apply returns the slot that follows old when the recorded change is made.
func (k *keyType) apply(old slot, c Change) (slot, error) {
	switch {
	case c.Op == OpDelete:
		return slot{}, nil
	case k.foreign():
		return k.applyStored(old, c), nil
	}
	v := reflect.New(k.typ).Elem()
	if err := k.codec.Decode(c.Value, v); err != nil {
		return slot{}, err
	}
	if c.Op == OpAppend {
		return appendList(old, v), nil
	}
	clip(v)
	return slot{v: v}, nil
}

// foreign reports whether no Go type is known for the key: nobody reads it.
func (k *keyType) foreign() bool { return k.typ == nil || k.typ == reflect.TypeFor[stored]() }

// encode returns the recorded form of a value of the key.
func (k *keyType) encode(v reflect.Value) ([]byte, error) {
	if k.foreign() {
		return v.Interface().(stored), nil
	}
	return k.codec.Encode(v)
}

func (k *keyType) applyStored(old slot, c Change) slot {
	value := stored(c.Value)
	if c.Op == OpAppend && old.set() {
		value = joinArrays(old.v.Interface().(stored), c.Value)
	}
	return slot{v: reflect.ValueOf(value)}
}

// standing returns the status that a record had before it was superseded.
func standing(cp *Checkpoint) Status {
	switch {
	case cp.Status != StatusSuperseded:
		return cp.Status
	case cp.Error != nil:
		return StatusFailed
	case cp.Ended.IsZero():
		return StatusRunning
	case cp.Next == "" && cp.Join == 0:
		return StatusWaiting
	}
	return StatusCompleted
}
