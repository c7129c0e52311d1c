package gitrepo

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestQuoteKeepsReadablePathsReadable(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		{"", ""},
		{"a/b.go", "a/b.go"},
		{"with space.txt", "with space.txt"},
		{"grüße/日本.go", "grüße/日本.go"},
		{"100%.txt", "100%25.txt"},
		{"line\nfeed\t", "line%0Afeed%09"},
		{"latin-\xe9.txt", "latin-%E9.txt"},
		{"\xff\xfe", "%FF%FE"},
		{"\u202egpj.exe", "%E2%80%AEgpj.exe"},
		{"replacement-\uFFFD", "replacement-\uFFFD"},
		{"`tick`|*", "`tick`|*"},
	} {
		if got := Quote(tt.raw); got != tt.want {
			t.Errorf("Quote(%q): got %q, want %q", tt.raw, got, tt.want)
		}
	}
}

func TestUnquoteRefusesWhatQuoteNeverWrites(t *testing.T) {
	for _, path := range []string{"%", "a%2", "%GG", "%+1"} {
		if got, err := Unquote(path); err == nil {
			t.Errorf("Unquote(%q): got %q, want an error", path, got)
		}
	}
}

func FuzzQuoteComesBack(f *testing.F) {
	for _, s := range []string{"a b", "\n", "%41", "\xc3\x28", "\u0085\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		quoted := Quote(raw)
		if got, err := Unquote(quoted); got != raw || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, raw)
		}
		if !utf8.ValidString(quoted) || strings.ContainsFunc(quoted, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Quote(%q): got %q, want printing UTF-8", raw, quoted)
		}
	})
}
