package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
)

// A Value is what one key of a state holds.
type Value struct {
	Key  string
	JSON json.RawMessage
}

// A State is all values of an application at one step, by key.
type State []Value

// MarshalJSON writes an object.
func (s State) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(v.Key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(v.JSON)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// StateAt reads the state of an application after the step until; below zero means the latest. It adds up the changes of
// all steps and passes over snapshots: which of the keys that a snapshot leaves out are lists, and which are gone, is
// known only to who has the graph.
func StateAt(ctx context.Context, src Source, app string, until int64) (State, error) {
	vals := map[string]*folded{}
	for c, err := range src.List(ctx, burdock.Query{App: app, Until: max(until, 0)}) {
		if err != nil {
			return nil, err
		}
		if until >= 0 && c.Seq > until {
			break
		}
		if c.Kind != burdock.KindStep || c.Status != burdock.StatusCompleted && c.Status != burdock.StatusSuperseded {
			continue
		}
		for _, ch := range c.Delta {
			fold(vals, ch)
		}
	}
	return stateOf(vals)
}

// A folded value is a JSON value, or an array in several parts.
type folded struct {
	value json.RawMessage
	more  []json.RawMessage // arrays that were appended to it
}

func fold(vals map[string]*folded, ch burdock.Change) {
	v := vals[ch.Key]
	switch {
	case ch.Op == burdock.OpDelete:
		delete(vals, ch.Key)
	case ch.Op == burdock.OpAppend && v != nil:
		v.more = append(v.more, ch.Value)
	default:
		vals[ch.Key] = &folded{value: ch.Value}
	}
}

func stateOf(vals map[string]*folded) (State, error) {
	s := make(State, 0, len(vals))
	for key, v := range vals {
		whole, err := v.whole()
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		s = append(s, Value{key, whole})
	}
	slices.SortFunc(s, func(a, b Value) int { return strings.Compare(a.Key, b.Key) })
	return s, nil
}

// whole joins the parts of a list; null stands for an empty one.
func (v *folded) whole() (json.RawMessage, error) {
	if v.more == nil {
		return v.value, nil
	}
	all := []byte{'['}
	for _, part := range append([]json.RawMessage{v.value}, v.more...) {
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

// inside is what stands between the brackets of an array.
func inside(array json.RawMessage) ([]byte, error) {
	a := bytes.TrimSpace(array)
	switch {
	case string(a) == "null":
		return nil, nil
	case len(a) < 2 || a[0] != '[' || a[len(a)-1] != ']':
		return nil, errors.New("what was appended is no list")
	}
	return bytes.TrimSpace(a[1 : len(a)-1]), nil
}
