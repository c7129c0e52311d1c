//go:build unix

package review

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// program is crashdemo, built when a test needs it first and without the race detector.
var program struct {
	once sync.Once
	dir  string
	err  error
}

func crashdemo(t *testing.T) string {
	t.Helper()
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "crashdemo"); program.err != nil {
			return
		}
		cleanUp = func() { _ = os.RemoveAll(program.dir) }
		cmd := exec.Command("go", "build", "-o", program.dir, "./internal/crashdemo") //nolint:noctx // it serves all tests, so it ends with none of them
		if out, err := cmd.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("build crashdemo: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return filepath.Join(program.dir, "crashdemo")
}

// A crash is a review of a repository in processes that come one after another, with a database of its own.
type crash struct {
	t         *testing.T
	repo, dir string
	args      []string // of every process
	processes int
}

func newCrash(t *testing.T, repo string, args ...string) *crash {
	t.Helper()
	crashdemo(t)
	return &crash{t: t, repo: repo, dir: t.TempDir(), args: args}
}

func (c *crash) file(name string) string { return filepath.Join(c.dir, name) }

// An end is how one process ended.
type end struct {
	err    error
	said   string // on standard error
	report string
	usage  *syscall.Rusage
}

// killed reports whether a signal has ended the process.
func (e *end) killed() bool {
	exit, ok := errors.AsType[*exec.ExitError](e.err)
	return ok && exit.Sys().(syscall.WaitStatus).Signaled()
}

// run is one more process.
func (c *crash) run(args ...string) *end {
	c.t.Helper()
	c.processes++
	all := append([]string{
		"-repo", c.repo, "-db", c.file("burdock.db"), "-report", c.file("report.md"), "-effects", c.file("effects"), "-acks", c.file("acks"),
		"-process", strconv.Itoa(c.processes),
	}, c.args...)
	cmd := exec.CommandContext(c.t.Context(), crashdemo(c.t), append(all, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	report, _ := os.ReadFile(c.file("report.md"))
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return &end{err, said.String(), string(report), usage}
}

// finish is run for a process that must complete.
func (c *crash) finish(args ...string) *end {
	c.t.Helper()
	e := c.run(args...)
	if e.err != nil {
		c.t.Fatalf("process %d: %v\n%s", c.processes, e.err, e.said)
	}
	return e
}

// counts are the numbers of files restored and reviewed that a resumed process has said.
func (e *end) counts(t *testing.T) (restored, ran int) {
	t.Helper()
	for l := range strings.Lines(e.said) {
		if n, _ := fmt.Sscanf(l, "%d files restored, %d reviewed.", &restored, &ran); n == 2 {
			return restored, ran
		}
	}
	t.Fatalf("got no counts in %q", e.said)
	return 0, 0
}

// A line is what a process has noted.
type line struct {
	process int
	path    string
}

func (c *crash) lines(name string) (lines []line) {
	c.t.Helper()
	text, err := os.ReadFile(c.file(name))
	if err != nil {
		c.t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		process, path, ok := strings.Cut(strings.TrimSuffix(l, "\n"), " ")
		n, err := strconv.Atoi(process)
		if !ok || err != nil {
			c.t.Fatalf("%s has the line %q", name, l)
		}
		lines = append(lines, line{n, path})
	}
	return lines
}

// checkOnce fails the test if a file was reviewed twice by one process, again after it was acknowledged, or never.
func (c *crash) checkOnce(files int) {
	c.t.Helper()
	acked, last := map[string]int{}, map[string]int{}
	for _, l := range c.lines("acks") {
		if before, twice := acked[l.path]; twice {
			c.t.Errorf("%s: acknowledged by process %d and again by %d", l.path, before, l.process)
		}
		acked[l.path] = l.process
	}
	for _, l := range c.lines("effects") {
		if last[l.path] == l.process {
			c.t.Errorf("%s: reviewed twice by process %d", l.path, l.process)
		}
		last[l.path] = l.process
		if by, ok := acked[l.path]; ok && l.process > by {
			c.t.Errorf("%s: reviewed by process %d, acknowledged by process %d", l.path, l.process, by)
		}
	}
	if len(last) != files {
		c.t.Errorf("got %d files reviewed, want %d", len(last), files)
	}
}
