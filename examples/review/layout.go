package review

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"unicode/utf8"
)

// MaxColumns is the length in characters above which a line is very long. A
// tab is one.
const MaxColumns = 200

// LongLines finds very long lines: one finding for the file, at the longest.
func (c *Checks) LongLines(ctx context.Context, s Subject) (Result, error) {
	t, err := c.open(ctx, s)
	if err != nil {
		return Result{}, err
	}
	count, longest, at := 0, 0, 0
	lines(t.src, func(number int, line []byte) {
		n := utf8.RuneCount(line)
		if n <= MaxColumns {
			return
		}
		count++
		if n > longest {
			longest, at = n, number
		}
	})
	if count == 0 {
		return Result{}, nil
	}
	f := t.finding(CheckLines, at)
	f.Measure = longest
	f.Message = fmt.Sprintf("%s than %d columns, the longest has %d", plural(count, "line is longer", "lines are longer"), MaxColumns, longest)
	return Result{Findings: []Finding{f}}, nil
}

// Indentation finds files that indent some lines with tabs and some with two
// or more spaces, or one line with a tab behind a space: one finding for the
// file, at the first line of the rarer kind. In Go, the inner lines of
// comments and raw strings do not count: their spaces are text.
func (c *Checks) Indentation(ctx context.Context, s Subject) (Result, error) {
	t, err := c.open(ctx, s)
	if err != nil {
		return Result{}, err
	}
	inner := innerLines(t)
	var tabs, spaces, both indented
	lines(t.src, func(number int, line []byte) {
		if inner[number] {
			return
		}
		rest := bytes.TrimLeft(line, " \t")
		indent := line[:len(line)-len(rest)]
		switch {
		case len(rest) == 0 || len(indent) == 0:
		case bytes.Contains(indent, []byte(" \t")):
			both.add(number)
		case indent[0] == '\t':
			tabs.add(number)
		case len(indent) >= 2:
			spaces.add(number)
		}
	})
	rarer := tabs
	if spaces.count <= tabs.count {
		rarer = spaces
	}
	if both.count > 0 {
		rarer = both
	}
	if rarer.count == 0 {
		return Result{}, nil
	}
	f := t.finding(CheckIndentation, rarer.first)
	f.Measure = rarer.count
	f.Message = indentationMessage(tabs.count, spaces.count, both.count)
	return Result{Findings: []Finding{f}}, nil
}

// indented counts lines of one kind.
type indented struct{ count, first int }

func (i *indented) add(number int) {
	if i.count == 0 {
		i.first = number
	}
	i.count++
}

func indentationMessage(tabs, spaces, both int) string {
	var parts []string
	for _, p := range []struct {
		n   int
		how string
	}{{tabs, "with tabs"}, {spaces, "with spaces"}, {both, "with a tab behind a space"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, "line is indented ", "lines are indented ")+p.how)
		}
	}
	return strings.Join(parts, ", ")
}

// plural returns a count with the words for it.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// innerLines returns the lines of a Go file that begin within a comment or a
// raw string.
func innerLines(t *text) map[int]bool {
	f := t.syntax()
	if f == nil {
		return nil
	}
	inner := map[int]bool{}
	within := func(n ast.Node) {
		for l := t.parsed.Line(n.Pos()) + 1; l <= t.parsed.Line(n.End()); l++ {
			inner[l] = true
		}
	}
	for _, group := range f.Comments {
		for _, comment := range group.List {
			within(comment)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			within(lit)
		}
		return true
	})
	return inner
}
