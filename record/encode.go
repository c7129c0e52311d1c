package record

import (
	"fmt"
	"strconv"

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
	e.int("spent", int64(c.Spent))
	e.time("tried", c.Tried)
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
