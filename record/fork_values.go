package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/burdock-go/burdock"
)

// Values is the state that the records of one application add up to, without types. Its zero value is empty.
type Values struct{ of map[string]*value }

// A value is JSON, or an array in several parts.
type value struct {
	parts []json.RawMessage
	list  bool // something was appended
}

// Add takes the next record of the application, in the order of sequence numbers and without gaps. It passes over
// snapshots: which of the keys that a snapshot leaves out are lists, and which are gone, is known only to who has the
// graph.
func (v *Values) Add(c burdock.Checkpoint) {
	if c.Kind != burdock.KindStep || c.Status != burdock.StatusCompleted && c.Status != burdock.StatusSuperseded {
		return
	}
	for _, ch := range c.Delta {
		v.change(ch)
	}
}

func (v *Values) change(ch burdock.Change) {
	if v.of == nil {
		v.of = map[string]*value{}
	}
	switch old := v.of[ch.Key]; {
	case ch.Op == burdock.OpDelete:
		delete(v.of, ch.Key)
	case ch.Op != burdock.OpAppend:
		v.of[ch.Key] = &value{parts: []json.RawMessage{ch.Value}}
	case old == nil:
		v.of[ch.Key] = &value{[]json.RawMessage{ch.Value}, true}
	default:
		old.parts, old.list = append(old.parts, ch.Value), true
	}
}

// Keys returns the keys that have a value, sorted.
func (v *Values) Keys() []string { return slices.Sorted(maps.Keys(v.of)) }

// JSON returns the value of one of the Keys. It fails if something was appended to it that is no JSON array.
func (v *Values) JSON(key string) (json.RawMessage, error) {
	val := v.of[key]
	if !val.list {
		return val.parts[0], nil
	}
	all := []byte{'['}
	for _, part := range val.parts {
		items, err := inside(part)
		if err != nil {
			return nil, err
		}
		if len(items) > 0 && len(all) > 1 {
			all = append(all, ',')
		}
		all = append(all, items...)
	}
	return append(all, ']'), nil
}

// inside is what stands between the brackets of an array; null stands for an empty one.
func inside(array json.RawMessage) ([]byte, error) {
	a := bytes.TrimSpace(array)
	switch {
	case string(a) == "null":
		return nil, nil
	case len(a) < 2 || a[0] != '[' || a[len(a)-1] != ']':
		return nil, errors.New("what was appended to it is no JSON array")
	}
	return bytes.TrimSpace(a[1 : len(a)-1]), nil
}
