//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// owner runs the program in a process of its own, which is killed once its output has as many payments, and returns the
// output. Without a number it runs until it ends.
func owner(t *testing.T, db string, payments int) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-db", db, "-wait")
	cmd.Env = append(os.Environ(), "APPROVAL_CHILD=1")
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
		if payments > 0 && strings.Count(out.String(), "bank: pays") == payments {
			_ = cmd.Process.Kill() // it may have ended
			payments = 0
		}
	}
	_ = cmd.Wait() // it was killed, or the output says what is wrong
	return out.String()
}

// answers gives words to some of the steps that wait, in a random order, each twice: the second is refused.
func answers(ctx context.Context, t *testing.T, file string, some int, given map[string]bool) {
	t.Helper()
	db, err := sqlitestore.Open(ctx, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all, err := waiting(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	for _, cp := range all {
		if _, before := given[cp.Key]; before || some == 0 {
			continue
		}
		some--
		given[cp.Key] = !strings.HasPrefix(cp.Key, "dinner")
		if err := burdock.Answer(ctx, db, cp.Ref(), word{Approve: given[cp.Key], Comment: "by hand"}); err != nil {
			t.Error(err)
		}
		if err := burdock.Answer(ctx, db, cp.Ref(), word{Approve: !given[cp.Key]}); !errors.Is(err, burdock.ErrAnswered) {
			t.Errorf("%s: a second answer: got %v, want %v", cp.Key, err, burdock.ErrAnswered)
		}
	}
}

// Answers come from another process, in any order, while nobody runs the application and after its owner was killed in
// the middle of the payments. Each approved report is paid once, and no other.
func TestEachPaymentIsMadeOnce(t *testing.T) {
	db := filepath.Join(t.TempDir(), "expenses.db")
	given := map[string]bool{}
	if first := owner(t, db, 0); strings.Count(first, " waits: ") != 20 {
		t.Fatalf("the first process says\n%s", first)
	}
	answers(t.Context(), t, db, 12, given)
	second := owner(t, db, 4)
	if strings.Contains(second, " of 20 reports") {
		t.Fatalf("the second process says\n%s", second)
	}
	answers(t.Context(), t, db, 20, given)
	third := owner(t, db, 0)
	if !strings.Contains(third, "paid 16 of 20 reports, 2256.00\n") {
		t.Fatalf("the third process says\n%s", third)
	}
	text, err := os.ReadFile(db + ".payments")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for line := range strings.Lines(string(text)) {
		got = append(got, strings.Fields(line)[1])
	}
	for id, approved := range given {
		if approved {
			want = append(want, id)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(given) != 20 {
		t.Errorf("got payments %v\nwant %v\n%s\n%s", got, want, second, third)
	}
	if fourth := owner(t, db, 0); fourth != "paid 16 of 20 reports, 2256.00\n" {
		t.Errorf("a run that is over says\n%s", fourth)
	}
}
