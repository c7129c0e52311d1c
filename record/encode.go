package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/burdock-go/burdock"
)

// Version is the schema version that Marshal and MarshalEvent write.
const Version = 1

// Marshal encodes c as one line of compact JSON. It fails, naming the field, if a raw value is no valid JSON.
func Marshal(c burdock.Checkpoint) ([]byte, error) {
	return Append(make([]byte, 0, 256), &c)
}

// Append appends the encoding of c to dst and returns the extended slice. It is Marshal for whoever owns a buffer.
func Append(dst []byte, c *burdock.Checkpoint) ([]byte, error) {
	e := encoder{buf: dst}
	e.version(c.Unknown)
	e.identity(c)
	e.outcome(c)
	e.unknown(c.Unknown)
	if e.err != nil {
		return nil, fmt.Errorf("record: checkpoint %s of %q: %w", position(c), c.App, e.err)
	}
	return append(e.buf, '}'), nil
}

func position(c *burdock.Checkpoint) string {
	if c.Kind == burdock.KindSnapshot {
		return fmt.Sprintf("%d (snapshot)", c.Seq)
	}
	return strconv.FormatInt(c.Seq, 10)
}

func (e *encoder) identity(c *burdock.Checkpoint) {
	e.text("root", c.Root)
	e.text("app", c.App)
	e.text("parent", c.Parent.App)
	e.int("parent_seq", c.Parent.Seq)
	e.text("path", c.Path)
	e.text("project", c.Project)
	e.text("partition", c.Partition)
	e.text("graph", c.Graph)
	e.text("graph_hash", c.GraphHash)
	e.raw("description", c.Description)
	e.int("seq", c.Seq)
	if c.Kind != burdock.KindStep {
		e.name("kind")
		e.string(string(c.Kind))
	}
	e.int("attempt", int64(c.Attempt))
	e.text("action", c.Action)
	e.text("task", c.Task)
	e.text("key", c.Key)
	e.int("index", c.Index)
	e.text("fingerprint", c.Fingerprint)
	e.int("join", c.Join)
}

func (e *encoder) outcome(c *burdock.Checkpoint) {
	e.fence(c.Fence, c.Root)
	e.text("status", string(c.Status))
	e.text("next", c.Next)
	e.text("route", c.Route)
	e.text("halted", c.Halted)
	e.time("retry_at", c.RetryAt)
	e.inputs(c.Inputs)
	e.texts("messages", c.Messages)
	if c.Origin != (burdock.Ref{}) {
		e.open("origin")
		e.text("app", c.Origin.App)
		e.int("seq", c.Origin.Seq)
		e.buf = append(e.buf, '}')
	}
	e.delta(c.Delta)
	e.flag("lists", c.Lists)
	e.failure(c.Error)
	e.texts("needs", c.Needs)
	e.time("started", c.Started)
	e.time("ended", c.Ended)
}

// The fence's root is left out where it is the checkpoint's own.
func (e *encoder) fence(f burdock.Fence, root string) {
	if f == (burdock.Fence{}) {
		return
	}
	e.open("fence")
	if f.Root != root {
		e.name("root")
		e.string(f.Root)
	}
	e.int("epoch", f.Epoch)
	e.int("dispatch", f.Dispatch)
	e.buf = append(e.buf, '}')
}

func (e *encoder) inputs(inputs []burdock.InputRecord) {
	list(e, "inputs", inputs, func(in burdock.InputRecord) {
		e.buf = append(e.buf, '{')
		e.text("name", in.Name)
		e.raw("value", in.Value)
		e.text("source", in.Source)
		e.buf = append(e.buf, '}')
	})
}

func (e *encoder) delta(d burdock.Delta) {
	list(e, "delta", d, func(ch burdock.Change) {
		e.buf = append(e.buf, '{')
		e.text("key", ch.Key)
		if ch.Op != burdock.OpSet {
			e.name("op")
			e.string(string(ch.Op))
		}
		e.raw("value", ch.Value)
		e.buf = append(e.buf, '}')
	})
}

func (e *encoder) failure(f *burdock.Failure) {
	if f == nil {
		return
	}
	data, err := f.MarshalJSON()
	if err != nil {
		e.fail("error", err)
		return
	}
	e.raw("error", data)
}

// An encoder appends the fields of one object after another; the first error stays.
type encoder struct {
	buf []byte
	err error
}

func (e *encoder) fail(name string, err error) {
	if e.err == nil {
		e.err = fmt.Errorf("%s: %w", name, err)
	}
}

// version opens the object. A record that a later version wrote keeps that version.
func (e *encoder) version(unknown map[string]json.RawMessage) {
	e.buf = append(e.buf, `{"v":`...)
	if v, ok := unknown["v"]; ok {
		e.compact("v", v)
		return
	}
	e.buf = strconv.AppendInt(e.buf, Version, 10)
}

func (e *encoder) unknown(fields map[string]json.RawMessage) {
	if len(fields) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, known := checkpointFields[name]; known {
			e.fail(name, errors.New("Unknown holds a field that this version knows"))
		}
		if name != "v" {
			e.raw(name, fields[name])
		}
	}
}

// name begins a field; the separator is left out after an opening bracket.
func (e *encoder) name(name string) {
	if last := e.buf[len(e.buf)-1]; last != '{' && last != '[' {
		e.buf = append(e.buf, ',')
	}
	e.buf = append(quote(e.buf, name), ':')
}

func (e *encoder) open(name string) {
	e.name(name)
	e.buf = append(e.buf, '{')
}

func (e *encoder) text(name, s string) {
	if s != "" {
		e.name(name)
		e.string(s)
	}
}

// string writes s, or its bytes in base64 where JSON could not hold them.
func (e *encoder) string(s string) {
	if utf8.ValidString(s) {
		e.buf = quote(e.buf, s)
		return
	}
	e.buf = append(e.buf, `{"b64":"`...)
	e.buf = base64.StdEncoding.AppendEncode(e.buf, []byte(s))
	e.buf = append(e.buf, `"}`...)
}

func (e *encoder) int(name string, n int64) {
	if n != 0 {
		e.name(name)
		e.buf = strconv.AppendInt(e.buf, n, 10)
	}
}

func (e *encoder) flag(name string, b bool) {
	if b {
		e.name(name)
		e.buf = append(e.buf, "true"...)
	}
}

func (e *encoder) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	e.name(name)
	e.buf = append(e.buf, '"')
	b, err := t.UTC().AppendText(e.buf)
	if err != nil {
		e.fail(name, err)
		return
	}
	e.buf = append(b, '"')
}

// raw writes a value as it is; an empty one is an absent one.
func (e *encoder) raw(name string, v json.RawMessage) {
	if len(v) != 0 {
		e.name(name)
		e.compact(name, v)
	}
}

func (e *encoder) compact(name string, v json.RawMessage) {
	b := bytes.NewBuffer(e.buf)
	if err := json.Compact(b, v); err != nil {
		e.fail(name, err)
		return
	}
	e.buf = b.Bytes()
}

func (e *encoder) texts(name string, list []string) {
	if list == nil {
		return
	}
	e.name(name)
	e.buf = append(e.buf, '[')
	for i, s := range list {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.string(s)
	}
	e.buf = append(e.buf, ']')
}

// list writes items, nil not at all and empty as an empty array.
func list[T any](e *encoder, name string, items []T, item func(T)) {
	if items == nil {
		return
	}
	e.name(name)
	e.buf = append(e.buf, '[')
	for i, it := range items {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		item(it)
	}
	e.buf = append(e.buf, ']')
}

const hex = "0123456789abcdef"

// quote appends valid UTF-8 as a JSON string, escaping no more than JSON asks for.
func quote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}
