package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

// TestMain is the program itself for the tests that kill it.
func TestMain(m *testing.M) {
	if os.Getenv("APPROVAL_CHILD") != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// The README shows what the program prints. Whoever answers and pays does so in any order.
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
		if got, want := sortedLines(got.String()), sortedLines(want); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func sortedLines(text string) []string {
	return slices.Sorted(strings.SplitSeq(strings.TrimSpace(text), "\n"))
}

func TestWaitingInMemoryIsRefused(t *testing.T) {
	if err := run(t.Context(), []string{"-wait"}, &bytes.Buffer{}); err == nil {
		t.Error("got no error")
	}
}
