package record

import (
	"errors"
	"fmt"

	"github.com/burdock-go/burdock"
)

// CheckMessage reports what no inbox may accept: a message without an id, a root or an application, or of an unknown
// kind. Every store's Post calls it before it writes.
func CheckMessage(m burdock.Message) (err error) {
	switch {
	case m.ID == "":
		err = errors.New("it has no id")
	case m.Root == "":
		err = errors.New("it names no root")
	case m.To.App == "":
		err = errors.New("it names no application")
	case m.Kind != burdock.MessageAnswer && m.Kind != burdock.MessageCancel:
		err = fmt.Errorf("its kind %q is unknown", m.Kind)
	}
	if err != nil {
		return messageError(&m, err)
	}
	return nil
}

func messageError(m *burdock.Message, err error) error {
	return fmt.Errorf("record: message %q for step %d of %q: %w", m.ID, m.To.Seq, m.To.App, err)
}

// MarshalMessage encodes m as one line of compact JSON. It fails, naming the message, if the value of an input is no
// valid JSON.
func MarshalMessage(m burdock.Message) ([]byte, error) {
	e := encoder{buf: make([]byte, 0, 256)}
	e.version(nil)
	e.text("id", m.ID)
	e.text("root", m.Root)
	e.text("app", m.To.App)
	e.int("seq", m.To.Seq)
	e.text("kind", string(m.Kind))
	e.inputs(m.Inputs)
	e.time("posted", m.Posted)
	if e.err != nil {
		return nil, messageError(&m, e.err)
	}
	return append(e.buf, '}'), nil
}

// UnmarshalMessage decodes what MarshalMessage wrote, in this version or a later one. Fields that this version does not
// know are dropped. It fails, naming the field, if data is no such record.
func UnmarshalMessage(data []byte) (burdock.Message, error) {
	var m burdock.Message
	_, err := decode(data, func(name, v []byte) (bool, error) {
		return field(messageFields, &m, name, v)
	})
	if err != nil {
		return burdock.Message{}, fmt.Errorf("record: not a message: %w", err)
	}
	return m, nil
}

var messageFields = fields[burdock.Message]{
	"id":     func(m *burdock.Message, v []byte) error { return into(&m.ID, text, v) },
	"root":   func(m *burdock.Message, v []byte) error { return into(&m.Root, text, v) },
	"app":    func(m *burdock.Message, v []byte) error { return into(&m.To.App, text, v) },
	"seq":    func(m *burdock.Message, v []byte) error { return into(&m.To.Seq, integer, v) },
	"kind":   func(m *burdock.Message, v []byte) error { return into(&m.Kind, kind[burdock.MessageKind], v) },
	"inputs": func(m *burdock.Message, v []byte) error { return into(&m.Inputs, slice(inputOf), v) },
	"posted": func(m *burdock.Message, v []byte) error { return into(&m.Posted, instant, v) },
}

// Ends reports whether the record says that its step is over: then nobody waits for an answer to it, and a store keeps
// none. A step that waits or runs is not over.
func Ends(c *burdock.Checkpoint) bool {
	return c.Kind == burdock.KindStep && c.Status != burdock.StatusWaiting && c.Status != burdock.StatusRunning
}
