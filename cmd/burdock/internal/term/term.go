// Package term writes stored texts, numbers and times for people at a terminal. What comes out of a store was written
// by others: no control character of it reaches the terminal as it is.
package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns s on one line: control characters, line separators, marks that change the direction of text and bytes
// that are no UTF-8 become visible, such as \n, \x1b, \u202e and \xff. Everything else stays as it is, a backslash too.
func Escape(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if hidden(r) {
			escape(&b, r, s[i:i+n])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// EscapeLines is Escape for texts of several lines: line feeds and tabs stay.
func EscapeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		cells := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		for j, cell := range cells {
			cells[j] = Escape(cell)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

func escape(b *strings.Builder, r rune, as string) {
	switch {
	case r == utf8.RuneError && len(as) == 1:
		fmt.Fprintf(b, `\x%02x`, as[0])
	case r == utf8.RuneError:
		b.WriteString(as)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	case r > 0xffff:
		fmt.Fprintf(b, `\U%08x`, r)
	default:
		fmt.Fprintf(b, `\u%04x`, r)
	}
}

// hidden reports whether a terminal would act on r, or show text in another order because of it. RuneError may stand
// for a byte that is no UTF-8.
func hidden(r rune) bool {
	return r == utf8.RuneError || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) ||
		unicode.Is(unicode.Bidi_Control, r)
}

// Line returns the first line of s, escaped and cut to most characters.
func Line(s string, most int) string {
	first, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	first = Escape(strings.TrimRight(first, "\r"))
	if more && utf8.RuneCountInString(first) < most {
		return first + " …"
	}
	return Cut(first, most)
}

// Cut returns s, or its beginning and an ellipsis if it has more than most characters.
func Cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
