package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// traced runs a child under strace, with options of strace, and returns what it printed, its errors, and the calls.
func traced(t *testing.T, options []string, mode string, args ...string) (lines []string, failure string, calls []call) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("skipped: strace is not installed: %v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "strace")
	options = append([]string{"-f", "-y", "-s", "64", "-o", log, "-E", "BURDOCK_CHILD=" + mode}, options...)
	cmd := exec.CommandContext(t.Context(), strace, append(options, append([]string{exe}, args...)...)...)
	lines, failure = run(t, cmd, "").finish()
	if strings.Contains(failure, "PTRACE") || strings.Contains(failure, "ptrace") {
		t.Skipf("skipped: strace may not trace here: %s", failure)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return lines, failure, parseCalls(string(data))
}

// A call is one system call that has returned without an error.
type call struct {
	name, file string // the file of its descriptor
	text       string // what is written
}

var (
	callLine = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<([^>]*)>(.*)`)
	restLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)`)
)

// parseCalls reads strace's output; a call stands where it returned.
func parseCalls(log string) (calls []call) {
	open := map[string]call{} // by process
	for line := range strings.Lines(log) {
		var c call
		var rest string
		if m := callLine.FindStringSubmatch(line); m != nil {
			c, rest = call{name: m[2], file: m[3], text: m[4]}, m[4]
			if strings.Contains(rest, "<unfinished ...>") {
				open[m[1]] = c
				continue
			}
		} else if m := restLine.FindStringSubmatch(line); m != nil {
			c, rest = open[m[1]], m[3]
		} else {
			continue
		}
		if i := strings.LastIndex(rest, ") "); i >= 0 && !strings.Contains(rest[i:], "= -1") {
			calls = append(calls, c)
		}
	}
	return calls
}

func (c *call) syncs() bool { return c.name == "fsync" || c.name == "fdatasync" }

// TestP7_ASyncOfTheLogStandsBeforeEachAcknowledgement reads from the system calls of a child that saves step by step
// that the log was synced after it was last written and before the child said "saved".
func TestP7_ASyncOfTheLogStandsBeforeEachAcknowledgement(t *testing.T) {
	_, failure, calls := traced(t, []string{"-e", "trace=fsync,fdatasync,write,pwrite64"}, "few", filepath.Join(t.TempDir(), "test.db"))
	if failure != "" {
		t.Fatal(failure)
	}
	saved, written, synced := 0, false, false
	for _, c := range calls {
		switch log := strings.HasSuffix(c.file, "-wal"); {
		case log && c.syncs():
			synced = written
		case log:
			written, synced = true, false
		case c.name == "write" && strings.Contains(c.text, `"saved `):
			if !written || !synced {
				t.Errorf("save %d was acknowledged with its log written: %v, synced: %v", saved, written, synced)
			}
			saved++
			written, synced = false, false
		}
	}
	if saved != fewSaves {
		t.Errorf("the trace shows %d of %d acknowledgements", saved, fewSaves)
	}
}

// TestP3_ClaimAndReleaseCostNoSync counts the syncs of a child that runs a graph of two steps.
func TestP3_ClaimAndReleaseCostNoSync(t *testing.T) {
	lines, failure, calls := traced(t, []string{"-e", "trace=fsync,fdatasync,write"}, "steps", filepath.Join(t.TempDir(), "test.db"))
	if failure != "" {
		t.Fatal(failure)
	}
	saves := 0
	if _, err := fmt.Sscanf(lines[len(lines)-1], "ended after %d saves", &saves); err != nil || saves < 2 {
		t.Fatalf("the child said %q", lines)
	}
	running, syncs := false, 0
	for _, c := range calls {
		switch {
		case c.name == "write" && strings.Contains(c.text, `"begun`):
			running = true
		case c.name == "write" && strings.Contains(c.text, `"ended`):
			running = false
		case running && c.syncs():
			syncs++
		}
	}
	if syncs != saves {
		t.Errorf("claim, %d saves and release took %d syncs, want one for each save", saves, syncs)
	}
}

// TestP6_WhateverSystemCallFailsNothingAcknowledgedIsLost lets the kernel answer one call of each thread of a child, or
// some in a row, with an error: a sync, a write, a read. The child tries again what failed, and each of its saves must
// succeed in the end.
func TestP6_WhateverSystemCallFailsNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	faults := []string{"fsync:error=EIO", "pwrite64:error=ENOSPC", "pwrite64:error=EIO", "pread64:error=EIO", "ftruncate:error=EIO", "fsync:error=ENOSPC"}
	const calls, lengths = 40, 2
	for _, i := range sampled(t, 4, len(faults)*calls*lengths) {
		fault, first := faults[i%len(faults)], 1+i/len(faults)%calls
		if strings.HasPrefix(fault, "pread64") { // a program is loaded with the first ones
			first += 5
		}
		last := first + 3*(i/len(faults)/calls)
		when := fmt.Sprintf("%s:when=%d..%d", fault, first, last)
		t.Run(when, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			lines, failure, _ := traced(t, []string{"-e", "trace=" + strings.Split(fault, ":")[0], "-e", "inject=" + when}, "stubborn", path)
			acked := 0
			for _, line := range lines {
				if strings.HasPrefix(line, "saved") {
					acked++
				}
			}
			if failure != "" || acked != fewSaves {
				t.Errorf("%d of %d saves succeeded; %s", acked, fewSaves, failure)
			}
			holds(t, path, acked)
		})
	}
}

// holds expects the first n steps, whole, in a sound file.
func holds(t *testing.T, path string, n int) {
	t.Helper()
	s := open(t, path, &sqlitestore.Options{Check: true})
	for seq := range int64(n) {
		if c, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: seq}); err != nil || len(c.Delta) != 1 {
			t.Errorf("step %d of %d acknowledged ones: %+v, %v", seq, n, c, err)
		}
	}
}

// fewSaves is how many steps the children "few" and "stubborn" save.
const fewSaves = 25

// few saves some steps, one by one. With tries above 1 it opens, claims and saves again what has failed.
func few(ctx context.Context, path string, tries int) error {
	var s *sqlitestore.Store
	var c burdock.Claim
	again := func(f func() error) (err error) {
		for range tries {
			if err = f(); err == nil {
				return nil
			}
			if _, ok := errors.AsType[*sqlitestore.Error](err); !ok {
				return fmt.Errorf("not an *Error: %w", err)
			}
			fmt.Println("failed", err)
		}
		return err
	}
	if err := again(func() (err error) {
		s, err = sqlitestore.Open(ctx, path, nil)
		return err
	}); err != nil {
		return err
	}
	if err := again(func() (err error) {
		c, err = s.Claim(ctx, "r")
		return err
	}); err != nil {
		return err
	}
	for seq := range int64(fewSaves) {
		if err := again(func() error {
			return s.Save(ctx, c.Fence(), []burdock.Checkpoint{step("r", seq, strings.Repeat("x", 3000))})
		}); err != nil {
			return err
		}
		fmt.Println("saved", seq)
	}
	if err := again(func() error { return c.Release(ctx) }); err != nil {
		return err
	}
	if err := s.Close(); tries == 1 {
		return err
	}
	return nil
}

// steps runs a graph of two steps on a store that has saved before.
func steps(ctx context.Context, path string) error {
	s, err := sqlitestore.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	counted := &counting{Store: s}
	nothing := func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, nil }
	g := burdock.MustGraph("steps", burdock.Chain(burdock.Func("one", nothing), burdock.Func("two", nothing)))
	for _, id := range []string{"warm", "r"} {
		app, err := burdock.New(ctx, g, &burdock.Options{ID: id, Cascade: burdock.Cascade{Store: counted}})
		if err != nil {
			return err
		}
		counted.saves = 0
		if id == "r" {
			fmt.Println("begun")
		}
		if _, err := app.Run(ctx); err != nil {
			return err
		}
	}
	fmt.Println("ended after", counted.saves, "saves")
	return s.Close()
}

type counting struct {
	burdock.Store
	saves int
}

func (c *counting) Save(ctx context.Context, f burdock.Fence, batch []burdock.Checkpoint) error {
	c.saves++
	return c.Store.Save(ctx, f, batch)
}
