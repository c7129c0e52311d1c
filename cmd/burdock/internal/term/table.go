package term

import (
	"strings"
	"unicode/utf8"
)

// A Table is rows of cells under headings, as wide as its widest cells. Its cells are escaped by whoever adds them.
type Table struct {
	Indent string
	Right  []bool // by column: numbers stand at the right
	rows   []row
}

type row struct {
	cells []string
	note  string // on a line of its own below
}

// Add adds one row.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, row{cells: cells}) }

// Note adds a line below the last row, which has no columns.
func (t *Table) Note(text string) { t.rows = append(t.rows, row{note: text}) }

// Empty reports whether there is no row.
func (t *Table) Empty() bool { return len(t.rows) == 0 }

// String returns the lines of the table. No line ends in spaces.
func (t *Table) String() string {
	var widths []int
	for _, r := range t.rows {
		for i, c := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, r := range t.rows {
		b.WriteString(strings.TrimRight(t.Indent+t.line(r, widths), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (t *Table) line(r row, widths []int) string {
	if r.cells == nil {
		return r.note
	}
	var b strings.Builder
	for i, c := range r.cells {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
		if i < len(t.Right) && t.Right[i] {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	return b.String()
}
