//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// start runs the program in a process of its own until its output has a line with until, which is then sent sig. It
// returns the output.
func start(t *testing.T, db, until string, sig os.Signal) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-db", db)
	cmd.Env = append(os.Environ(), "TOOLAGENT_CHILD=1")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
		if until != "" && strings.Contains(lines.Text(), until) {
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			until = ""
		}
	}
	_ = cmd.Wait() // it was killed, or the output says what is wrong
	return out.String()
}

// A process that ends in the middle of the calls of one answer, however it does, has its finished call in the file; the
// next one runs the others alone.
func TestAKilledProcessRepeatsNoFinishedCall(t *testing.T) {
	for name, sig := range map[string]os.Signal{"kill -9": syscall.SIGKILL, "Ctrl-C": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := filepath.Join(t.TempDir(), "agent.db")
			first := start(t, db, "tools#2/0: price completed", sig)
			if strings.Contains(first, "answer:") {
				t.Fatalf("it was not stopped:\n%s", first)
			}
			second := start(t, db, "", nil)
			for _, want := range []string{
				"purchase/tools#2/0: price restored", "answer: I have ordered 3 lamps from south",
			} {
				if !strings.Contains(second, want) {
					t.Errorf("the second process does not say %q:\n%s", want, second)
				}
			}
			for _, effect := range []string{"north sells", "south sells", "west sells", "south gets order"} {
				if effect == "south sells" && strings.Contains(first, effect) {
					continue // a slow machine: it was killed after this effect, and perhaps before its commit
				}
				if n := strings.Count(first+second, effect); n != 1 {
					t.Errorf("%q happened %d times:\n%s\n%s", effect, n, first, second)
				}
			}
			want := "question: " + question + "\nanswer: I have ordered 3 lamps from south, for 52.50 in all.\n"
			if third := start(t, db, "", nil); third != want {
				t.Errorf("a run that is over says:\n%s", third)
			}
		})
	}
}
