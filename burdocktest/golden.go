package burdocktest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Golden compares a text, such as a *Trace, with a file, which is named relative to the package of the test. The test
// fails with the lines in which they differ, and says how to take over what is there: go test -update writes the file,
// with the folders around it.
func Golden(t testing.TB, file string, got fmt.Stringer) {
	t.Helper()
	text := strings.TrimRight(got.String(), "\n") + "\n"
	if updating() {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), 0o666)); err != nil {
			t.Fatalf("burdocktest: Golden: %v", err)
		}
		return
	}
	top, _, _ := strings.Cut(t.Name(), "/")
	how := fmt.Sprintf("go test -run '^%s$' -update", top)
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Fatalf("burdocktest: Golden: there is no file %s yet; to write it:\n\t%s", file, how)
	case err != nil:
		t.Fatalf("burdocktest: Golden: %v", err)
	}
	want := strings.ReplaceAll(string(data), "\r\n", "\n") // as git may have written it
	if text != want {
		t.Errorf("burdocktest: Golden: %s (-) is not what was got (+); if that is right:\n\t%s\n%s", file, how, lineDiff(want, text))
	}
}

// around is how many equal lines are shown on each side of a difference.
const around = 3

// lineDiff shows in which lines two texts differ.
func lineDiff(want, got string) string {
	a, b := strings.Split(strings.TrimSuffix(want, "\n"), "\n"), strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	d := &differ{}
	for _, line := range a[:head] {
		d.add(' ', line)
	}
	d.middle(a[head:len(a)-tail], b[head:len(b)-tail])
	for _, line := range a[len(a)-tail:] {
		d.add(' ', line)
	}
	return d.String()
}

// maxCells bounds the table by which lines are matched, so that two long texts without a common line end in time.
const maxCells = 4 << 20

type differ struct {
	lines []diffLine
}

type diffLine struct {
	mark byte
	text string
}

func (d *differ) add(mark byte, text string) { d.lines = append(d.lines, diffLine{mark, text}) }

// middle matches lines by the longest common subsequence.
func (d *differ) middle(a, b []string) {
	if len(a)*len(b) > maxCells {
		d.all('-', a)
		d.all('+', b)
		return
	}
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := range slices.Backward(b) {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			d.add(' ', a[i])
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			d.add('-', a[i])
			i++
		default:
			d.add('+', b[j])
			j++
		}
	}
	d.all('-', a[i:])
	d.all('+', b[j:])
}

func (d *differ) all(mark byte, lines []string) {
	for _, line := range lines {
		d.add(mark, line)
	}
}

// String leaves out equal lines that are far from any difference.
func (d *differ) String() string {
	shown := make([]bool, len(d.lines))
	for i, l := range d.lines {
		if l.mark != ' ' {
			for k := max(0, i-around); k <= min(len(d.lines)-1, i+around); k++ {
				shown[k] = true
			}
		}
	}
	var b strings.Builder
	for i, l := range d.lines {
		switch {
		case shown[i]:
			fmt.Fprintf(&b, "\t%c %s\n", l.mark, l.text)
		case i > 0 && shown[i-1] || i == 0:
			b.WriteString("\t…\n")
		}
	}
	return b.String()
}
