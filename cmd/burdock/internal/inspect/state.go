package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
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

// StateAt reads the state of an application after the step until; below zero means the latest.
func StateAt(ctx context.Context, src Source, app string, until int64) (State, error) {
	var vals record.Values
	for c, err := range src.List(ctx, burdock.Query{App: app, Until: max(until, 0)}) {
		if err != nil {
			return nil, err
		}
		if until >= 0 && c.Seq > until {
			break
		}
		vals.Add(c)
	}
	s := State{}
	for _, key := range vals.Keys() {
		value, err := vals.JSON(key)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		s = append(s, Value{key, value})
	}
	return s, nil
}
