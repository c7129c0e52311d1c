package progress

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// A screen is what lines are shown on: one place of a terminal, or any writer.
type screen struct {
	w        io.Writer
	terminal bool
	columns  func() int // of the terminal
	drawn    int        // how wide the line is that stands
	err      error      // the first of w
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.terminal = true
	s.columns = func() int {
		if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
			return n
		}
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
		return 80
	}
	return s
}

// show shows a line that the next one replaces.
func (s *screen) show(parts []part) {
	if !s.terminal {
		s.write(join(parts) + "\n")
		return
	}
	s.redraw(fit(parts, s.columns()-1)) // in the last column some terminals begin the next line
}

// last shows a line that stands.
func (s *screen) last(parts []part) {
	if s.terminal {
		s.redraw(join(parts))
		s.write("\n")
		s.drawn = 0
		return
	}
	s.show(parts)
}

// redraw writes a line over the one that stands.
func (s *screen) redraw(line string) {
	n := width(line)
	s.write("\r" + line + strings.Repeat(" ", max(0, s.drawn-n)))
	s.drawn = n
}

func (s *screen) write(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
}

// always is the keep of a part that is never left out.
const always = 100

// join makes a line of its parts. The first is the name and comes with its own separator.
func join(parts []part) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.text
	}
	return texts[0] + strings.Join(texts[1:], ", ")
}

// fit makes a line of at most some columns: it shortens a long name, leaves parts out, and cuts what remains.
func fit(parts []part, columns int) string {
	if width(join(parts)) > columns {
		name := strings.TrimSuffix(parts[0].text, ": ")
		parts[0].text = cut(name, max(minName, columns/3)) + ": "
	}
	for width(join(parts)) > columns {
		least := 0
		for i, p := range parts {
			if p.keep < parts[least].keep {
				least = i
			}
		}
		if parts[least].keep == always {
			break
		}
		parts = append(parts[:least:least], parts[least+1:]...)
	}
	return cut(join(parts), columns)
}

// minName is to how many columns a name is shortened at most.
const minName = 12

// cut shortens text to at most some columns.
func cut(text string, columns int) string {
	if width(text) <= columns {
		return text
	}
	var b strings.Builder
	used := 1 // the ellipsis
	for _, r := range text {
		if used += runeWidth(r); used > columns {
			break
		}
		b.WriteRune(r)
	}
	if columns > 0 {
		b.WriteRune('…')
	}
	return b.String()
}

// maxName bounds a name where no terminal does.
const maxName = 80

// printable replaces what a terminal would not show as a character.
func printable(name string) string {
	return cut(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, name), maxName)
}

func width(text string) (columns int) {
	for _, r := range text {
		columns += runeWidth(r)
	}
	return columns
}

// runeWidth is how many columns a terminal gives a character, near enough for a line that is cut.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		r >= 0xff00 && r <= 0xff60, r >= 0x3000 && r <= 0x303f, r >= 0x1f300 && r <= 0x1faff:
		return 2
	}
	return 1
}
