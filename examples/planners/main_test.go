package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output runs the program in a bubble, where the planners' times are exact and so the order of their events is.
func output(t *testing.T, plain bool) string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		if err := run(t.Context(), &out, plain); err != nil {
			t.Fatal(err)
		}
	})
	return out.String()
}

// The README shows what the program writes where there is no terminal.
func TestTheReadmeShowsTheOutput(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```text\n")
	shown, _, _ = strings.Cut(shown, "```")
	if diff := cmp.Diff(shown, output(t, true)); diff != "" {
		t.Errorf("output (-README +program):\n%s", diff)
	}
}

// On a terminal there is one row for each planner in the end, and it is drawn over the one before.
func TestRowsAreDrawnAgainOnATerminal(t *testing.T) {
	lines := screen(output(t, false))
	want := []string{
		"careful  [############] completed",
		"hasty    [############] completed",
		"frugal   [############] completed",
		"",
		"frugal has the cheapest plan, for 117 euros: a bus to Vienna, a bed in a hostel, soup.",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

// screen returns what stands on a terminal after the two sequences that the board uses.
func screen(written string) []string {
	var lines []string
	at := 0
	for line := range strings.Lines(written) {
		for up := 1; up < 10; up++ {
			if rest, ok := strings.CutPrefix(line, "\x1b["+string(rune('0'+up))+"A"); ok {
				line, at = rest, at-up
			}
		}
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[2K"), "\n")
		if at == len(lines) {
			lines = append(lines, line)
		} else {
			lines[at] = line
		}
		at++
	}
	return lines
}

// The plan of an attempt that failed leaves the screen when another begins.
func TestWhatAFailedAttemptHasShownIsDropped(t *testing.T) {
	before, _, found := strings.Cut(output(t, false), "begins again: the service is busy")
	row := before[strings.LastIndex(before, "\x1b[2K"):]
	if !found || row != "\x1b[2Kcareful  [............] " {
		t.Errorf("got %q", row)
	}
}

// A terminal that is slow slows the planners; their Timeout of five seconds does not run while they wait for it.
func TestASlowTerminalTimesNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := run(t.Context(), slow{}, true); err != nil {
			t.Error(err)
		}
	})
}

type slow struct{}

func (slow) Write(p []byte) (int, error) {
	time.Sleep(time.Hour)
	return len(p), nil
}

// An interrupt ends the planners.
func TestAnInterruptEndsThePlanners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := run(ctx, new(bytes.Buffer), true); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}
