package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// TestMain is the program itself for the tests that kill it.
func TestMain(m *testing.M) {
	if os.Getenv("TOOLAGENT_CHILD") != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// sortedLines makes the output of branches that end at one moment comparable.
func sortedLines(text string) []string {
	return slices.Sorted(strings.SplitSeq(strings.TrimSpace(text), "\n"))
}

// The README shows what the program prints.
func TestTheREADMEShowsARun(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```text\n")
	want, _, _ := strings.Cut(rest, "```")
	synctest.Test(t, func(t *testing.T) {
		var got bytes.Buffer
		if err := run(t.Context(), nil, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sortedLines(want), sortedLines(got.String())); diff != "" {
			t.Errorf("a run (+) is not what the README says (-):\n%s\nthe run:\n%s", diff, got.String())
		}
	})
}

// What the script cannot answer is refused and not answered with something else.
func TestTheScriptKnowsOneQuestion(t *testing.T) {
	for _, args := range [][]string{{"Why?"}, {"-base-url", "http://127.0.0.1:1"}} {
		if err := run(context.Background(), args, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "-model") {
			t.Errorf("%q: got %v, want an error that tells of -model", args, err)
		}
	}
}
