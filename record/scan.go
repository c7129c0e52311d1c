package record

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A scanner walks over JSON that json.Valid has accepted, so it need not check the grammar again. One pass by hand
// costs a quarter of encoding/json's reflection, which is what a resume over 100,000 branches pays for each row.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// value returns the next value as it stands.
func (s *scanner) value() []byte {
	s.space()
	start := s.pos
	switch s.data[s.pos] {
	case '"':
		s.string()
	case '{', '[':
		s.nested()
	default:
		for s.pos < len(s.data) && !delimits(s.data[s.pos]) {
			s.pos++
		}
	}
	return s.data[start:s.pos]
}

func delimits(c byte) bool {
	switch c {
	case ',', ':', ']', '}', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

func (s *scanner) string() {
	for s.pos++; s.data[s.pos] != '"'; s.pos++ {
		if s.data[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos++
}

func (s *scanner) nested() {
	for depth := 0; ; {
		switch s.data[s.pos] {
		case '"':
			s.string()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			return
		}
	}
}

// object calls field for each member of data, which is valid JSON, and stops at the first error.
func object(data []byte, field func(name, value []byte) error) error {
	s := scanner{data: data}
	if s.space(); s.data[s.pos] != '{' {
		return errors.New("not a JSON object")
	}
	for s.pos++; ; s.pos++ {
		if s.space(); s.data[s.pos] == '}' {
			return nil
		}
		name, err := fieldName(s.value())
		if err != nil {
			return err
		}
		s.space()
		s.pos++ // the colon
		if err := field(name, s.value()); err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
		if s.space(); s.data[s.pos] == '}' {
			return nil
		}
	}
}

// fieldName decodes a member's name without a copy where it has no escapes, as ours have none.
func fieldName(v []byte) ([]byte, error) {
	if plain := v[1 : len(v)-1]; isPlain(plain) {
		return plain, nil
	}
	s, err := text(v)
	return []byte(s), err
}

// array calls item for each element of data.
func array(data []byte, item func(value []byte) error) error {
	if data[0] != '[' {
		return wrong("an array", data)
	}
	s := scanner{data: data, pos: 1}
	if s.space(); s.data[s.pos] == ']' {
		return nil
	}
	for ; ; s.pos++ {
		if err := item(s.value()); err != nil {
			return err
		}
		if s.space(); s.data[s.pos] == ']' {
			return nil
		}
	}
}

func wrong(want string, got []byte) error {
	const most = 40
	if len(got) > most {
		got = got[:most]
	}
	return fmt.Errorf("want %s, got %q", want, got)
}

// text decodes a string, or the bytes that stand for one.
func text(v []byte) (string, error) {
	switch {
	case v[0] == '{':
		return textOfBytes(v)
	case v[0] != '"':
		return "", wrong("a string", v)
	}
	if plain := v[1 : len(v)-1]; isPlain(plain) {
		return string(plain), nil
	}
	var s string
	err := json.Unmarshal(v, &s)
	return s, err
}

func isPlain(v []byte) bool {
	for _, c := range v {
		if c == '\\' || c >= 0x80 { // encoding/json replaces what is no UTF-8
			return false
		}
	}
	return true
}

func textOfBytes(v []byte) (s string, err error) {
	found := false
	err = object(v, func(name, value []byte) error {
		if string(name) != "b64" || value[0] != '"' {
			return errors.New("want only b64")
		}
		b, err := base64.StdEncoding.AppendDecode(nil, value[1:len(value)-1])
		s, found = string(b), true
		return err
	})
	if err == nil && !found {
		err = wrong("a string", v)
	}
	return s, err
}

func integer(v []byte) (int64, error) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0, wrong("a 64-bit integer", v)
	}
	return n, nil
}

func instant(v []byte) (time.Time, error) {
	s, err := text(v)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err
}

func boolean(v []byte) (bool, error) {
	switch string(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, wrong("true or false", v)
}

// into stores what parse makes of v, unless it fails.
func into[T any](dst *T, parse func([]byte) (T, error), v []byte) error {
	x, err := parse(v)
	if err == nil {
		*dst = x
	}
	return err
}
