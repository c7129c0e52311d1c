package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"time"
	"unicode/utf8"
)

var (
	errNilRaw  = errors.New("a nil json.RawMessage reads back as null; use json.RawMessage(`null`), or the tag option omitzero")
	errBadRaw  = errors.New("a json.RawMessage is not valid JSON in UTF-8")
	errYear    = errors.New("the year of a time is outside of 0 to 9999")
	errOffset  = errors.New("the zone of a time is not a whole number of minutes, less than a day, from UTC; use UTC")
	errOmitted = errors.New("omitzero drops the zero instant together with its offset from UTC; use UTC")
)

// Normalize returns v as it is when saved and read back: times without
// monotonic reading and zone name, raw messages compact. Whatever memory v
// shares with the caller is copied where it must change and not written to.
// A time or raw message that JSON cannot hold is a *[ValueError]; strings
// and floats are left to [Type.Encode].
func (c *Type) Normalize(v reflect.Value) (reflect.Value, error) {
	if c.Normal() {
		return v, nil
	}
	rough, err := c.survey(v, 0)
	if err != nil || !rough {
		return v, located(err)
	}
	n := reflect.New(c.typ).Elem()
	n.Set(v)
	c.fix(n)
	return n, nil
}

// survey reports whether anything in v is to be normalized, and the first
// time or raw message that cannot be.
func (c *Type) survey(v reflect.Value, depth int) (rough bool, err error) {
	switch {
	case c.Normal():
		return false, nil
	case depth > maxDepth:
		return false, errDeep
	case c.shape == instant:
		return surveyTime(timeOf(v))
	case c.shape == raw:
		return surveyRaw(v.Bytes())
	case c.shape == structure:
		err = c.surveyOmitted(v)
	}
	if err != nil {
		return false, err
	}
	err = c.each(v, func(in *Type, v reflect.Value) error {
		r, err := in.survey(v, c.beneath(depth))
		rough = rough || r
		return err
	})
	return rough, err
}

// surveyOmitted looks at the fields that each passes over. A time in them is
// the zero instant, but may have an offset; a raw message may be empty and
// not nil.
func (c *Type) surveyOmitted(v reflect.Value) error {
	for i := range c.parts {
		p := &c.parts[i]
		fv := v.Field(p.index)
		switch {
		case p.of.shape == instant && p.omits(fv):
			if _, offset := timeOf(fv).Zone(); offset != 0 {
				return within(p.goName, errOmitted)
			}
		case p.of.shape == raw && p.omits(fv) && !fv.IsNil():
			return within(p.goName, errBadRaw)
		}
	}
	return nil
}

func surveyTime(t time.Time) (rough bool, err error) {
	_, offset := t.Zone()
	switch {
	case t.Year() < 0 || t.Year() > 9999:
		return false, errYear
	case offset%60 != 0 || offset <= -24*60*60 || offset >= 24*60*60:
		return false, errOffset
	}
	return normalTime(t) != t, nil
}

func surveyRaw(b []byte) (rough bool, err error) {
	switch {
	case b == nil:
		return false, errNilRaw
	case !utf8.Valid(b) || !json.Valid(b):
		return false, errBadRaw
	}
	return maybeRough(b) && !bytes.Equal(compact(b), b), nil
}

// maybeRough is a quick look for what compact may change: white space, and
// the line separators U+2028 and U+2029, which begin with the byte 0xE2.
func maybeRough(b []byte) bool {
	return bytes.ContainsAny(b, " \t\r\n") || bytes.IndexByte(b, 0xE2) >= 0
}

// fix normalizes v in place, after a survey. What v leads to is copied first.
func (c *Type) fix(v reflect.Value) {
	if c.Normal() {
		return
	}
	switch c.shape {
	case instant:
		v.Set(reflect.ValueOf(normalTime(timeOf(v))))
	case raw:
		v.SetBytes(compact(v.Bytes()))
	case pointer:
		c.fixPointer(v)
	case list:
		c.fixList(v)
	case mapping:
		c.fixMap(v)
	case structure:
		for _, p := range c.parts {
			p.of.fix(v.Field(p.index))
		}
	}
}

func (c *Type) fixPointer(v reflect.Value) {
	if v.IsNil() {
		return
	}
	n := reflect.New(c.elem.typ)
	n.Elem().Set(v.Elem())
	c.elem.fix(n.Elem())
	v.Set(n)
}

func (c *Type) fixList(v reflect.Value) {
	if v.Kind() == reflect.Slice && !v.IsNil() {
		n := reflect.MakeSlice(c.typ, v.Len(), v.Len())
		reflect.Copy(n, v)
		v.Set(n)
	}
	for i := range v.Len() {
		c.elem.fix(v.Index(i))
	}
}

func (c *Type) fixMap(v reflect.Value) {
	if v.IsNil() {
		return
	}
	n := reflect.MakeMapWithSize(c.typ, v.Len())
	for it := v.MapRange(); it.Next(); {
		e := reflect.New(c.elem.typ).Elem()
		e.Set(it.Value())
		c.elem.fix(e)
		n.SetMapIndex(it.Key(), e)
	}
	v.Set(n)
}

// compact returns a copy of b as encoding/json writes it inside a value,
// which is without white space between its tokens. What is not JSON it
// returns as it is, nil as nil.
func compact(b []byte) []byte {
	w := newWriter()
	if b == nil || w.json(json.RawMessage(b)) != nil {
		return b
	}
	return w.buf.Bytes()
}

// zones holds one *time.Location for each offset met, at most one for each
// minute of two days. Times that are normal are then equal by ==, and need
// not be copied again.
var zones sync.Map

// normalTime drops what JSON does not hold of a time.
func normalTime(t time.Time) time.Time {
	_, offset := t.Zone()
	if offset == 0 {
		return t.UTC()
	}
	zone, ok := zones.Load(offset)
	if !ok {
		zone, _ = zones.LoadOrStore(offset, time.FixedZone("", offset))
	}
	return t.In(zone.(*time.Location))
}
