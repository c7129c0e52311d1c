package review

import (
	"bytes"
	"context"
	"go/ast"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
	"github.com/burdock-go/burdock/examples/review/internal/gosrc"
)

// The kinds of file.
const (
	KindText      = "text"
	KindGo        = "go"
	KindBinary    = "binary"
	KindSymlink   = "symbolic link"
	KindSubmodule = "submodule"
	KindTooLarge  = "too large"
)

// A text is a file as the checks read it. Only KindText and KindGo have
// content.
type text struct {
	Subject
	raw    string // the path in bytes
	kind   string
	place  string
	src    []byte
	parsed *gosrc.File // of KindGo
}

// open reads the subject of a check. Checks of one file that run at about the
// same time share one read and one parse.
func (c *Checks) open(ctx context.Context, s Subject) (*text, error) {
	raw, err := gitrepo.Unquote(s.File.Path)
	if err != nil {
		return nil, err
	}
	t := &text{Subject: s, raw: raw, kind: kindOf(s.File), place: placeOf(raw)}
	if t.kind != KindText {
		return t, nil
	}
	if t.src, err = c.blobs.Get(ctx, s.File.OID, MaxFile); err != nil {
		return nil, err
	}
	if isBinary(t.src) {
		t.kind, t.src = KindBinary, nil
		return t, nil
	}
	if strings.HasSuffix(raw, ".go") {
		t.kind = KindGo
		if t.parsed, err = c.parsed.Get(ctx, s.File.OID, t.src); err != nil {
			return nil, err
		}
	}
	if (t.place == PlaceSource || t.place == PlaceTest) && isGenerated(t) {
		t.place = PlaceGenerated
	}
	return t, nil
}

// finding returns a finding in the file.
func (t *text) finding(check string, line int) Finding {
	return Finding{Check: check, Path: t.File.Path, Line: line, Place: t.place}
}

// syntax returns the tree of a Go file that parses, else nil.
func (t *text) syntax() *ast.File {
	if t.kind != KindGo || t.parsed.Err != "" {
		return nil
	}
	return t.parsed.AST
}

// kindOf judges by what the tree says, before anything is read.
func kindOf(f File) string {
	switch {
	case f.Mode == gitrepo.ModeSymlink:
		return KindSymlink
	case f.Mode == gitrepo.ModeSubmodule:
		return KindSubmodule
	case f.Size > MaxFile:
		return KindTooLarge
	}
	return KindText
}

// sniffed is how far into a file Git looks for a zero byte.
const sniffed = 8000

// isBinary decides as Git does.
func isBinary(src []byte) bool { return bytes.IndexByte(src[:min(len(src), sniffed)], 0) >= 0 }

func placeOf(raw string) string {
	for e := range strings.SplitSeq(path.Dir(raw), "/") {
		switch e {
		case "testdata":
			return PlaceTestdata
		case "vendor", "node_modules", "third_party":
			return PlaceVendored
		}
	}
	if strings.HasSuffix(raw, "_test.go") {
		return PlaceTest
	}
	return PlaceSource
}

var generated = regexp.MustCompile(`(?m)^[^\w\n]{0,4} ?Code generated .* DO NOT EDIT\.?`)

// isGenerated follows Go's rule, and for other files the same words in one of
// the first lines, behind any comment sign.
func isGenerated(t *text) bool {
	if f := t.syntax(); f != nil {
		return ast.IsGenerated(f)
	}
	return generated.Match(t.src[:min(len(t.src), 1000)])
}

// lines calls yield with each line and its number, from 1, without its end.
func lines(src []byte, yield func(number int, line []byte)) {
	number := 0
	for line := range bytes.Lines(src) {
		number++
		yield(number, bytes.TrimRight(line, "\r\n"))
	}
}

// shown is the most runes of a source that a finding repeats.
const shown = 80

// printable returns a short text in one line that is valid UTF-8 and prints.
func printable(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "\uFFFD"))
	runes := []rune(strings.Join(strings.Fields(clean), " "))
	if len(runes) > shown {
		runes = append(runes[:shown-1], '…')
	}
	return string(runes)
}
