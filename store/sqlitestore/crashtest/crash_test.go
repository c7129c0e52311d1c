//go:build unix

package crashtest_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

var (
	rounds = flag.Int("rounds", 200, "how many plans are run with crashes")
	first  = flag.Uint64("seed", 1, "the seed of the first plan")
)

// newRound prepares the round of a seed.
func newRound(ctx context.Context, t *testing.T, seed uint64) *round {
	t.Helper()
	child, err := childProgram()
	if err != nil {
		t.Fatal(err)
	}
	p := crashtest.NewPlan(seed)
	want, err := undisturbed(ctx, p)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	dir := filepath.Join(t.TempDir(), fmt.Sprint("seed", seed))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := &round{ctx: ctx, seed: seed, dir: dir, child: child, plan: p, want: want, rnd: rand.New(rand.NewPCG(seed, 2))}
	r.style = styleOf(r.rnd)
	return r
}

// A tally counts what the rounds have come to.
type tally struct {
	mu     sync.Mutex
	styles map[style]int
	ends   map[string]int
	killed int // rounds with a killed process
	begun  time.Time
}

func (c *tally) add(r *round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.styles[r.style]++
	hit := false
	for _, e := range r.ends {
		c.ends[e.how]++
		hit = hit || e.how == killed
	}
	if hit {
		c.killed++
	}
}

// TestKilledProcessesComeToTheUndisturbedEnd runs -rounds random plans in processes that are killed and stopped at
// random. What is checked after each round is said in the package's documentation.
func TestKilledProcessesComeToTheUndisturbedEnd(t *testing.T) {
	c := &tally{styles: map[style]int{}, ends: map[string]int{}, begun: time.Now()}
	var next atomic.Uint64
	var bad atomic.Int64
	var wg sync.WaitGroup
	for range 4 { // they wait for the disk most of the time
		wg.Go(func() {
			for bad.Load() < 30 && t.Context().Err() == nil {
				n := next.Add(1)
				if n > uint64(*rounds) {
					return
				}
				r := newRound(t.Context(), t, *first+n-1)
				r.play()
				c.add(r)
				if len(r.violations) > 0 {
					bad.Add(1)
					t.Error(r.report())
				}
				if n%100 == 0 {
					t.Logf("%d rounds in %v", n, time.Since(c.begun).Round(time.Second))
				}
				_ = os.RemoveAll(r.dir)
			}
		})
	}
	wg.Wait()
	t.Logf("rounds: %v, %d with a killed process; processes: %v; %v", c.styles, c.killed, c.ends, time.Since(c.begun).Round(time.Second))
	if *rounds >= 100 && c.killed < *rounds/2 {
		t.Errorf("only %d of %d rounds had a killed process", c.killed, *rounds)
	}
}

// report says what was violated and how to see it again.
func (r *round) report() string {
	var b strings.Builder
	for _, v := range r.violations {
		fmt.Fprintln(&b, v)
	}
	fmt.Fprintf(&b, "seed %d, %s, processes:", r.seed, r.style)
	for i, e := range r.ends {
		fmt.Fprintf(&b, " %d %s", i+1, e.how)
	}
	fmt.Fprintf(&b, "\nagain: go test ./store/sqlitestore/crashtest -run TestKilledProcesses -count=20 -rounds=1 -seed=%d\n", r.seed)
	fmt.Fprintf(&b, "the graph:\n%s", r.want.drawing)
	return b.String()
}
