//go:build unix

package crashtest_test

import (
	"slices"
	"testing"

	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

// The harness can fail: of each deliberately broken store it says so, and for the right reason, within a few rounds.
func TestBrokenStoresAreCaught(t *testing.T) {
	for _, c := range []struct {
		broken string
		rounds int
		style  style // "" for those that the seeds choose
		want   []string
	}{
		{crashtest.EarlyAck, 40, kills, []string{"repeated", "lost"}},
		{crashtest.NoFence, 20, duels, []string{"repeated", "twice"}},
		{crashtest.NoFence, 40, stops, []string{"conflict"}},
		{crashtest.ByKey, 60, kills, []string{"state"}},
		{crashtest.DropDelta, 20, "", []string{"state"}},
		{crashtest.DropJoin, 400, kills, []string{"decision"}},
	} {
		t.Run(c.broken+" "+string(c.style), func(t *testing.T) {
			t.Parallel()
			for n := range c.rounds {
				r := newRound(t.Context(), t, uint64(n+1))
				r.broken = c.broken
				if c.style != "" {
					r.style = c.style
				}
				r.play()
				for _, v := range r.violations {
					if slices.Contains(c.want, v.kind) {
						t.Logf("caught in round %d: %.200s", n+1, v)
						return
					}
				}
				if len(r.violations) > 0 {
					t.Logf("round %d: %.300v", n+1, r.violations[0])
				}
			}
			t.Errorf("%d rounds have not caught it", c.rounds)
		})
	}
}
