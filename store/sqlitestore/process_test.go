package sqlitestore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

func TestP3_AClaimOfAnotherProcessHoldsUntilThatProcessDies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path, nil)
	p := start(t, "hold", path)
	if got := p.line(t); got != "claimed 1" {
		t.Fatalf("the child said %q", got)
	}
	_, err := s.Claim(t.Context(), "r")
	if !errors.Is(err, burdock.ErrConflict) || !strings.Contains(err.Error(), fmt.Sprint(p.Process.Pid)) {
		t.Errorf("got error %v, want ErrConflict that names process %d", err, p.Process.Pid)
	}
	if live, err := s.Live(t.Context(), "r"); err != nil || !live {
		t.Errorf("Live: got %v, %v, want true", live, err)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = p.finish()
	if live, err := s.Live(t.Context(), "r"); err != nil || live {
		t.Errorf("Live after kill -9: got %v, %v, want false", live, err)
	}
	c, err := s.Claim(t.Context(), "r")
	if err != nil || c.Fence().Epoch != 2 {
		t.Fatalf("after kill -9: got claim %v, error %v, want epoch 2", c, err)
	}
	if got := owners(t, path); len(got) != 1 {
		t.Errorf("owner files: got %q, want this store's only", got)
	}
}

func TestP3_AChildMayTakeWhatThisProcessReleasedOrClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path, nil)
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if _, failure := start(t, "hold", path).finish(); !strings.Contains(failure, burdock.ErrConflict.Error()) {
		t.Errorf("while it is held: got %q, want ErrConflict", failure)
	}
	if err := c.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lines, failure := start(t, "hold", path).finish(); failure != "" || lines[0] != "claimed 2" {
		t.Errorf("after Release: got %q, %s", lines, failure)
	}
	if _, err = s.Claim(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, failure := start(t, "hold", path).finish(); failure != "" || lines[0] != "claimed 4" {
		t.Errorf("after Close: got %q, %s", lines, failure)
	}
	if got := owners(t, path); len(got) != 0 {
		t.Errorf("owner files: got %q, want none", got)
	}
}

func owners(t *testing.T, path string) []string {
	t.Helper()
	found, err := filepath.Glob(path + "-owner-*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestTwoProcessesWriteOneDatabase lets two processes save as fast as they can. None of their saves is lost, and while
// both are at it neither waits for long.
func TestTwoProcessesWriteOneDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db") // both make it
	var moments [2][]time.Time
	var wg sync.WaitGroup
	for i, root := range []string{"a", "b"} {
		p := start(t, "write", path, root)
		wg.Go(func() {
			for p.lines.Scan() {
				moments[i] = append(moments[i], time.Now())
			}
			if _, failure := p.finish(); failure != "" || len(moments[i]) != 500 {
				t.Errorf("%s saved %d of 500: %s", root, len(moments[i]), failure)
			}
		})
	}
	wg.Wait()
	fair(t, moments)
	s := open(t, path, nil)
	for _, root := range []string{"a", "b"} {
		n := int64(0)
		for c, err := range s.List(t.Context(), burdock.Query{App: root}) {
			if err != nil || c.Seq != n {
				t.Fatalf("%s: got step %d, error %v, want %d", root, c.Seq, err, n)
			}
			n++
		}
		if n != 500 {
			t.Errorf("%s has %d of 500 steps", root, n)
		}
	}
}

// fair expects that of two who save at once neither waits for seconds, nor comes to less than a tenth of the other if
// that goes on for some time.
func fair(t *testing.T, moments [2][]time.Time) {
	t.Helper()
	if len(moments[0]) == 0 || len(moments[1]) == 0 {
		return
	}
	from, to := latest(moments[0][0], moments[1][0]), moments[0][len(moments[0])-1]
	if end := moments[1][len(moments[1])-1]; end.Before(to) {
		to = end
	}
	var together [2]int
	var longest time.Duration
	for i := range moments {
		last := from
		for _, at := range moments[i] {
			if at.Before(from) || at.After(to) {
				continue
			}
			together[i]++
			longest = max(longest, at.Sub(last))
			last = at
		}
	}
	t.Logf("in %v together they saved %v; the longest wait was %v", to.Sub(from), together, longest)
	if longest > 5*time.Second {
		t.Errorf("one of them waited for %v", longest)
	}
	if least, most := min(together[0], together[1]), max(together[0], together[1]); to.Sub(from) > time.Second && least*10 < most {
		t.Errorf("in %v together one saved %d and the other %d", to.Sub(from), least, most)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestP5_WhatWasAcknowledgedSurvivesKill9 kills a child that saves from 16 goroutines, at random moments.
func TestP5_WhatWasAcknowledgedSurvivesKill9(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	acked := map[int64]bool{}
	// A machine that is busy gets a child to its first save only in some of the rounds.
	for round := int64(0); round < 12 || len(acked) < 50 && round < 100; round++ {
		p := start(t, "storm", path, fmt.Sprint(round*1_000_000))
		time.AfterFunc(time.Duration(20+rand.IntN(120))*time.Millisecond, func() { _ = p.Process.Kill() })
		lines, _ := p.finish()
		for _, line := range lines {
			var i int64
			if _, err := fmt.Sscanf(line, "ack %d", &i); err == nil {
				acked[i] = true
			} else if strings.HasPrefix(line, "error") {
				t.Fatal(line)
			}
		}
		verify(t, path, acked, round+1)
	}
	if len(acked) < 50 {
		t.Errorf("only %d saves were acknowledged, too few to show anything", len(acked))
	}
}

// verify expects all acknowledged branches, whole batches only, and a sound file whose claim is free.
func verify(t *testing.T, path string, acked map[int64]bool, epoch int64) {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := map[int64]int{}
	for c, err := range s.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "r", Seq: 1}}) {
		if err != nil {
			t.Fatal(err)
		}
		found[c.Index]++
	}
	for i := range acked {
		if found[i] != 2 {
			t.Errorf("branch %d was acknowledged and has %d of 2 records", i, found[i])
		}
	}
	for i, n := range found {
		if n != 2 {
			t.Errorf("branch %d has %d of the 2 records of its batch", i, n)
		}
	}
	if live, err := s.Live(t.Context(), "r"); err != nil || live {
		t.Errorf("Live: got %v, %v after kill -9", live, err)
	}
}

func TestOwnerFilesOfTheDeadAreRemovedAndOfTheLivingKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path, nil)
	if _, err := s.Claim(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	dead := path + "-owner-1-dead"
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	two := open(t, path, nil)
	if _, err := two.Claim(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	if got := owners(t, path); len(got) != 2 {
		t.Errorf("got owner files %q, want those of two stores", got)
	}
}
