package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/burdock-go/burdock"
)

// MaxEventValue is how many bytes of JSON an event's Value may have unless a tracker is told otherwise.
const MaxEventValue = 64 << 10

// maxEventRest bounds what an event holds beside its Value: texts of errors are the only part without a bound.
const maxEventRest = 64 << 10

// ErrEventTooLarge is in the error of MarshalEvent for an event over its limit.
var ErrEventTooLarge = errors.New("record: the event is too large")

// MarshalEvent encodes e as one line of compact JSON. Its Value may have maxValue bytes; zero stands for
// MaxEventValue. It fails, naming the event, if the Value cannot be encoded, or with ErrEventTooLarge; a marshaler
// that panics is an error too. A Value that is an error without a marshaler is written as its text.
func MarshalEvent(e burdock.Event, maxValue int) ([]byte, error) {
	if maxValue <= 0 {
		maxValue = MaxEventValue
	}
	value, err := eventValue(e.Value)
	if err == nil && len(value) > maxValue {
		err = fmt.Errorf("its value has %d bytes, over the limit of %d: %w", len(value), maxValue, ErrEventTooLarge)
	}
	if err != nil {
		return nil, eventError(&e, err)
	}
	enc := encoder{buf: make([]byte, 0, 256+len(value))}
	enc.version(nil)
	enc.event(&e)
	enc.raw("value", value)
	if enc.err == nil && len(enc.buf) > maxEventRest+len(value) {
		enc.err = fmt.Errorf("it has %d bytes beside its value, over the limit of %d: %w", len(enc.buf)-len(value), maxEventRest, ErrEventTooLarge)
	}
	if enc.err != nil {
		return nil, eventError(&e, enc.err)
	}
	return append(enc.buf, '}'), nil
}

func eventError(e *burdock.Event, err error) error {
	return fmt.Errorf("record: event %s %q of %q, step %d, attempt %d, number %d: %w", e.Kind, e.Name, e.App, e.Seq, e.Attempt, e.N, err)
}

func (e *encoder) event(ev *burdock.Event) {
	e.text("kind", string(ev.Kind))
	e.time("time", ev.Time)
	e.text("root", ev.Root)
	e.text("app", ev.App)
	e.text("path", ev.Path)
	e.text("parent", ev.Parent.App)
	e.int("parent_seq", ev.Parent.Seq)
	e.text("project", ev.Project)
	e.text("partition", ev.Partition)
	e.int("seq", ev.Seq)
	e.int("attempt", int64(ev.Attempt))
	e.int("n", ev.N)
	e.text("action", ev.Action)
	e.text("task", ev.Task)
	e.text("key", ev.Key)
	e.int("index", ev.Index)
	e.int("join", ev.Join)
	e.text("graph", ev.Graph)
	e.text("graph_hash", ev.GraphHash)
	e.text("status", string(ev.Status))
	e.text("stop", string(ev.Stop))
	e.text("next", ev.Next)
	e.text("error", ev.Error)
	e.texts("needs", ev.Needs)
	e.time("started", ev.Started)
	e.text("name", ev.Name)
	e.int("span", ev.Span)
	e.int("parent_span", ev.ParentSpan)
}

// eventValue encodes what a user gave. The common kinds of attributes need no reflection.
func eventValue(v any) (data json.RawMessage, err error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return v, nil
	case string:
		return json.Marshal(v)
	case int:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	}
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("its value's marshaler panicked: %v", p)
		}
	}()
	if e, ok := v.(error); ok {
		if _, ok := v.(json.Marshaler); !ok {
			return json.Marshal(e.Error())
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("its value cannot be encoded: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// UnmarshalEvent decodes what MarshalEvent wrote, in this version or a later one. Value is a json.RawMessage, or nil
// where there was none. Fields that this version does not know are dropped. It fails, naming the field, if data is no
// such record.
func UnmarshalEvent(data []byte) (burdock.Event, error) {
	var e burdock.Event
	_, err := decode(data, func(name, v []byte) (bool, error) {
		return field(eventFields, &e, name, v)
	})
	if err != nil {
		return burdock.Event{}, fmt.Errorf("record: not an event: %w", err)
	}
	return e, nil
}

var eventFields = fields[burdock.Event]{
	"kind":        func(e *burdock.Event, v []byte) error { return into(&e.Kind, kind[burdock.EventKind], v) },
	"time":        func(e *burdock.Event, v []byte) error { return into(&e.Time, instant, v) },
	"root":        func(e *burdock.Event, v []byte) error { return into(&e.Root, text, v) },
	"app":         func(e *burdock.Event, v []byte) error { return into(&e.App, text, v) },
	"path":        func(e *burdock.Event, v []byte) error { return into(&e.Path, text, v) },
	"parent":      func(e *burdock.Event, v []byte) error { return into(&e.Parent.App, text, v) },
	"parent_seq":  func(e *burdock.Event, v []byte) error { return into(&e.Parent.Seq, integer, v) },
	"project":     func(e *burdock.Event, v []byte) error { return into(&e.Project, text, v) },
	"partition":   func(e *burdock.Event, v []byte) error { return into(&e.Partition, text, v) },
	"seq":         func(e *burdock.Event, v []byte) error { return into(&e.Seq, integer, v) },
	"attempt":     func(e *burdock.Event, v []byte) error { return into(&e.Attempt, small, v) },
	"n":           func(e *burdock.Event, v []byte) error { return into(&e.N, integer, v) },
	"action":      func(e *burdock.Event, v []byte) error { return into(&e.Action, text, v) },
	"task":        func(e *burdock.Event, v []byte) error { return into(&e.Task, text, v) },
	"key":         func(e *burdock.Event, v []byte) error { return into(&e.Key, text, v) },
	"index":       func(e *burdock.Event, v []byte) error { return into(&e.Index, integer, v) },
	"join":        func(e *burdock.Event, v []byte) error { return into(&e.Join, integer, v) },
	"graph":       func(e *burdock.Event, v []byte) error { return into(&e.Graph, text, v) },
	"graph_hash":  func(e *burdock.Event, v []byte) error { return into(&e.GraphHash, text, v) },
	"status":      func(e *burdock.Event, v []byte) error { return into(&e.Status, kind[burdock.Status], v) },
	"stop":        func(e *burdock.Event, v []byte) error { return into(&e.Stop, kind[burdock.Stop], v) },
	"next":        func(e *burdock.Event, v []byte) error { return into(&e.Next, text, v) },
	"error":       func(e *burdock.Event, v []byte) error { return into(&e.Error, text, v) },
	"needs":       func(e *burdock.Event, v []byte) error { return into(&e.Needs, slice(text), v) },
	"started":     func(e *burdock.Event, v []byte) error { return into(&e.Started, instant, v) },
	"name":        func(e *burdock.Event, v []byte) error { return into(&e.Name, text, v) },
	"span":        func(e *burdock.Event, v []byte) error { return into(&e.Span, integer, v) },
	"parent_span": func(e *burdock.Event, v []byte) error { return into(&e.ParentSpan, integer, v) },
	"value": func(e *burdock.Event, v []byte) error {
		raw, err := rawValue(v)
		e.Value = raw
		return err
	},
}
