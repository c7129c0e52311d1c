// Testlog prints what a person wants to know of a test run:
//
//	go test -json ./... | go run ./internal/testlog
//
// The test runner's own closing line of every package, as it comes; the whole output of every test that failed; at the
// end, each skipped test with its reason, which the test runner alone shows only among the output of all tests.
// It exits 1 if anything failed.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	ok, err := report(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// An event is one line of go test -json; see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string // empty: the package as a whole
	Output  string
}

// A test names one test; Name is empty for its package as a whole.
type test struct{ Package, Name string }

// A run is what is known so far.
type run struct {
	out     io.Writer
	output  map[test][]string // of tests that have not ended
	skipped map[test]string   // reasons

	passed, failed           int // tests
	packages, failedPackages int
}

// report copies what matters of the events in r to w. It returns whether no test and no package failed.
// Lines that are no events are copied.
func report(r io.Reader, w io.Writer) (ok bool, err error) {
	out := bufio.NewWriter(w)
	defer func() { err = cmp.Or(err, out.Flush()) }()
	log := run{out: out, output: map[test][]string{}, skipped: map[test]string{}}

	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			log.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
		if lines.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return false, err
			}
		}
	}
	log.close()
	return log.failed+log.failedPackages == 0, nil
}

func (l *run) line(line []byte) {
	var ev event
	if err := json.Unmarshal(line, &ev); err != nil || ev.Action == "" {
		fmt.Fprintf(l.out, "%s", line)
		return
	}
	at := test{ev.Package, ev.Test}
	switch ev.Action {
	case "build-output":
		fmt.Fprint(l.out, ev.Output)
	case "output":
		l.output[at] = append(l.output[at], ev.Output)
	case "pass", "fail", "skip":
		if at.Name == "" {
			l.packageEnded(at, ev.Action)
		} else {
			l.testEnded(at, ev.Action)
		}
	}
}

func (l *run) testEnded(at test, how string) {
	switch how {
	case "pass":
		l.passed++
	case "fail":
		l.failed++
		l.print(at)
	case "skip":
		l.skipped[at] = reason(l.output[at])
	}
	delete(l.output, at)
}

// packageEnded prints the closing line of a package. A package without tests is skipped.
func (l *run) packageEnded(at test, how string) {
	if how == "fail" {
		l.failedPackages++
		l.printUnfinished(at.Package)
		return
	}
	l.packages++
	for _, s := range l.output[at] {
		if s != "PASS\n" && !strings.HasPrefix(s, "-test.shuffle ") {
			fmt.Fprint(l.out, s)
		}
	}
	delete(l.output, at)
}

// print prints and forgets the output of one test, or of a package, without the lines that only mark progress.
func (l *run) print(at test) {
	for _, s := range l.output[at] {
		if !strings.HasPrefix(s, "=== ") {
			fmt.Fprint(l.out, s)
		}
	}
	delete(l.output, at)
}

// printUnfinished prints what the tests of a package said that were running when it panicked or ran out of time.
func (l *run) printUnfinished(pkg string) {
	var left []test
	for at := range l.output {
		if at.Package == pkg {
			left = append(left, at)
		}
	}
	slices.SortFunc(left, byName)
	for _, at := range left {
		l.print(at)
	}
}

func (l *run) close() {
	names := make([]test, 0, len(l.skipped))
	for at := range l.skipped {
		names = append(names, at)
	}
	slices.SortFunc(names, byName)
	for _, at := range names {
		fmt.Fprintf(l.out, "skipped %s %s: %s\n", at.Package, at.Name, l.skipped[at])
	}
	fmt.Fprintf(l.out, "tests: %d passed, %d failed, %d skipped; packages: %d ok, %d failed\n",
		l.passed, l.failed, len(l.skipped), l.packages, l.failedPackages)
}

func byName(a, b test) int {
	return cmp.Or(strings.Compare(a.Package, b.Package), strings.Compare(a.Name, b.Name))
}

// reason finds what a skipped test said, without the file and line where it said so.
func reason(output []string) string {
	var said []string
	for _, s := range output {
		s = strings.TrimSpace(s)
		if s == "" || strings.HasPrefix(s, "=== ") || strings.HasPrefix(s, "--- ") {
			continue
		}
		if at, text, ok := strings.Cut(s, ": "); ok && strings.Contains(at, ".go:") {
			s = text
		}
		said = append(said, s)
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
