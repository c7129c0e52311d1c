package gitrepo

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote returns the path in the form that [File.Path] has: valid UTF-8, one
// line, readable, and reversible by [Unquote] for any bytes. A percent sign,
// a rune that does not print and each byte that is no UTF-8 become %XX.
func Quote(raw string) string {
	if plain(raw) {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRuneInString(raw[i:])
		if escaped(r, n) {
			for _, c := range []byte(raw[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(raw[i : i+n])
		}
		i += n
	}
	return b.String()
}

func plain(raw string) bool {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRuneInString(raw[i:])
		if escaped(r, n) {
			return false
		}
		i += n
	}
	return true
}

// escaped reports whether a rune of n bytes needs an escape. The replacement
// character itself has three bytes; a byte that is no UTF-8 decodes to it with
// n == 1.
func escaped(r rune, n int) bool {
	return r == '%' || r == utf8.RuneError && n == 1 || !unicode.IsPrint(r)
}

// Unquote returns the bytes that [Quote] was given.
func Unquote(path string) (string, error) {
	if !strings.Contains(path, "%") {
		return path, nil
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			b.WriteByte(path[i])
			continue
		}
		if i+2 >= len(path) {
			return "", fmt.Errorf("path %q: cut off after a percent sign", path)
		}
		c, err := strconv.ParseUint(path[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("path %q: %q is no escape: want %%XX", path, path[i:i+3])
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}
