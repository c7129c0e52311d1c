//go:build unix

package crashtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

type brokenCase struct {
	broken string
	style  style // the one that has to notice; "" is left to the seeds
	kinds  []string
	text   string
	rounds int // a few times as many as it takes
}

// The harness can fail: of each store that is broken on purpose it says so, for the right reason, within a few rounds.
func TestBrokenStoresAreCaught(t *testing.T) {
	cases := []brokenCase{
		{crashtest.EarlyAck, kills, []string{"repeated", "lost"}, "", 40},
		{crashtest.NoFence, duels, []string{"repeated", "twice"}, "", 40},
		{crashtest.NoFence, stops, []string{"conflict"}, "", 40},
		{crashtest.ByKey, kills, []string{"state"}, "mixed up", 100},
		{crashtest.DropDelta, "", []string{"state"}, "", 40},
		{crashtest.DropJoin, kills, []string{"decision"}, "", 200},
		{crashtest.DropReply, kills, []string{"forgotten"}, "", 100},
		{crashtest.KeepReply, "", []string{"state", "reply"}, "", 100},
		{crashtest.TakeTwo, "", []string{"forgotten"}, "", 40},
	}
	for _, name := range crashtest.BrokenStores {
		if !slices.ContainsFunc(cases, func(c brokenCase) bool { return c.broken == name }) {
			t.Errorf("nobody looks whether %s is caught", name)
		}
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.broken, " ", c.style), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for n := range c.rounds {
				r, err := newRound(t.Context(), dir, uint64(n+1))
				if err != nil {
					t.Fatal(err)
				}
				if r.broken = c.broken; c.style != "" {
					r.style = c.style
				}
				r.play(t.Context())
				for _, v := range r.violations {
					if slices.Contains(c.kinds, v.kind) && strings.Contains(v.text, c.text) {
						t.Logf("caught in round %d: %.150s", n+1, v)
						return
					}
				}
			}
			t.Errorf("it was not caught in %d rounds", c.rounds)
		})
	}
}
