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
)

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
			e.fail(name, errors.New("a field that this version knows stands in Unknown"))
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
