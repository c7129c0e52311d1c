package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/burdock-go/burdock"
)

// A board shows one row for each planner. On a terminal it draws the rows anew with each event; elsewhere it writes one
// line per event.
type board struct {
	out   io.Writer
	plain bool
	rows  []row
	drawn int // rows that are on the terminal
}

// A row is how far one planner has come.
type row struct {
	name       string
	number, of int
	text       string
}

func newBoard(out io.Writer, plain bool) *board { return &board{out: out, plain: plain} }

// show takes in one event of any branch. Path, Key and Action say whose it is; those that it does not know it passes over.
func (b *board) show(e burdock.Event) {
	switch e.Kind {
	case burdock.EventChunk:
		if d, ok := burdock.ChunkOf[draft](e); ok {
			b.put(row{e.Key, d.Number, d.Of, d.Text})
		}
	case burdock.EventRetry: // another attempt begins at the beginning, so what was shown of this one is void
		b.put(row{name: e.Key, text: "begins again: " + reason(e.Error)})
	case burdock.EventBranchEnded:
		r := b.row(e.Key)
		r.text = string(e.Status)
		b.put(*r)
	}
}

// reason is the last part of an error's text.
func reason(text string) string { return text[strings.LastIndex(text, ": ")+len(": "):] }

// row returns the row of a planner, which is made with the first thing that it tells.
func (b *board) row(name string) *row {
	for i := range b.rows {
		if b.rows[i].name == name {
			return &b.rows[i]
		}
	}
	b.rows = append(b.rows, row{name: name})
	return &b.rows[len(b.rows)-1]
}

// put changes a row and shows it.
func (b *board) put(r row) {
	*b.row(r.name) = r
	if b.plain {
		fmt.Fprintln(b.out, r)
		return
	}
	var s strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&s, "\x1b[%dA", b.drawn) // up to the first row
	}
	for _, r := range b.rows {
		fmt.Fprintf(&s, "\x1b[2K%s\n", r) // in the place of what was there
	}
	b.drawn = len(b.rows)
	fmt.Fprint(b.out, s.String())
}

// String draws the row.
func (r row) String() string {
	const width = 12
	done := 0
	if r.of > 0 {
		done = width * r.number / r.of
	}
	return fmt.Sprintf("%-8s [%s%s] %s", r.name, strings.Repeat("#", done), strings.Repeat(".", width-done), r.text)
}
