package codec

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unicode/utf8"
)

var errForeign = errors.New("a marshaler or Codec wrote invalid UTF-8")

// Encode returns v, which need not be normalized, as compact JSON without
// HTML escaping. Its errors are of type *[ValueError] and name the place
// inside of v. The bytes belong to the caller.
func (c *Type) Encode(v reflect.Value) ([]byte, error) {
	if v.Type() != c.typ {
		return nil, fmt.Errorf("a codec of %v got a %v", c.typ, v.Type())
	}
	if _, err := c.survey(v, 0); err != nil {
		return nil, located(err)
	}
	w := writers.Get().(*writer)
	w.buf.Reset()
	if err := w.value(c, addressable(v), 0); err != nil {
		return nil, located(err)
	}
	data := bytes.Clone(w.buf.Bytes())
	if w.buf.Cap() <= maxKept {
		writers.Put(w)
	}
	return data, located(c.readable(data))
}

// readable refuses output that JSON readers do not take.
func (c *Type) readable(data []byte) error {
	if c.has&foreign != 0 && !utf8.Valid(data) {
		return errForeign
	}
	if c.has&unbounded != 0 && len(data) > 2*maxDepth && nesting(data) > maxDepth {
		return errDeep
	}
	return nil
}

// nesting returns how deep arrays and objects are nested in valid JSON.
func nesting(data []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '[' || b == '{':
			depth++
			deepest = max(deepest, depth)
		case b == ']' || b == '}':
			depth--
		}
	}
	return deepest
}

// maxKept is the largest buffer that is kept for the next call, in bytes.
const maxKept = 1 << 20

// writers holds buffers with the encoders that write to them. One that met
// an error or a panic is not put back.
var writers = sync.Pool{New: func() any { return newWriter() }}

// A writer collects the output of one Encode.
type writer struct {
	buf bytes.Buffer
	enc *json.Encoder // to buf
}

func newWriter() *writer {
	w := &writer{}
	w.enc = json.NewEncoder(&w.buf)
	w.enc.SetEscapeHTML(false)
	return w
}

// value writes v, which is addressable, at a depth of nesting.
func (w *writer) value(c *Type, v reflect.Value, depth int) error {
	if c.plain() {
		return w.plain(c, v)
	}
	return w.mixed(c, v, depth)
}

// plain writes a value that encoding/json can write alone. encoding/json
// reports neither where a bad value is nor that it replaced invalid UTF-8;
// so when it fails or may have done so, the value is walked.
func (w *writer) plain(c *Type, v reflect.Value) error {
	start := w.buf.Len()
	if err := w.json(v.Addr().Interface()); err != nil {
		return cmp.Or(c.inspect(v, 0), here(err))
	}
	if c.suspicious(w.buf.Bytes()[start:]) {
		return c.inspect(v, 0)
	}
	return nil
}

// json appends what encoding/json writes for p, without the line feed that
// ends what an Encoder writes.
func (w *writer) json(p any) (err error) {
	defer recovered(&err)
	if err := w.enc.Encode(p); err != nil {
		return err
	}
	w.buf.Truncate(w.buf.Len() - 1)
	return nil
}

// replacement is what encoding/json writes for a byte that is not UTF-8: the
// six characters \ufffd, which cannot be mistaken for the character U+FFFD
// that is written as its own three bytes. It is asked, as its successor
// writes these three bytes for both.
var replacement = func() []byte {
	data, _ := json.Marshal("\xff") // fails in no version
	return bytes.Trim(data, `"`)
}()

var null = []byte("null")

// suspicious reports whether data may stand for a value other than the one
// that was encoded.
func (c *Type) suspicious(data []byte) bool {
	return bytes.Contains(data, replacement) || c.has&nullish != 0 && bytes.Contains(data, null)
}
