package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// JSON is v encoded for programs and safe for terminals: what Escape makes visible is written as \u escapes, which
// encoding/json does for some of it only. Indent is "" for one line.
func JSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return EscapeJSON(b.Bytes()), nil
}

// EscapeJSON escapes what a terminal would act on in valid JSON text. Such characters stand inside of strings only,
// where a \u escape means the same; line feeds stand between values only and stay.
func EscapeJSON(text []byte) []byte {
	var out []byte
	done := 0
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c == 0x7f {
				out = fmt.Appendf(append(out, text[done:i]...), `\u%04x`, c)
				done = i + 1
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if hidden(r) && (r != utf8.RuneError || n == 1) {
			out = fmt.Appendf(append(out, text[done:i]...), `\u%04x`, r)
			done = i + n
		}
		i += n
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}
