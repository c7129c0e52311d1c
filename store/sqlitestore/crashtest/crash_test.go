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

// newRound prepares the round of a seed in a folder of its own below dir.
func newRound(ctx context.Context, dir string, seed uint64) (*round, error) {
	child, err := childProgram()
	if err != nil {
		return nil, err
	}
	p := crashtest.NewPlan(seed)
	want, err := undisturbed(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("seed %d, undisturbed: %w", seed, err)
	}
	r := &round{seed: seed, child: child, plan: p, want: want, rnd: rand.New(rand.NewPCG(seed, 2))}
	r.dir = filepath.Join(dir, fmt.Sprint("seed", seed))
	r.style = styleOf(r.rnd)
	return r, os.Mkdir(r.dir, 0o700)
}

// A tally counts what the rounds have come to.
type tally struct {
	mu     sync.Mutex
	styles map[style]int
	ends   map[string]int
	hit    int // rounds with a killed process
	begun  time.Time
}

func (c *tally) add(r *round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.styles[r.style]++
	hit := 0
	for _, e := range r.ends {
		c.ends[e.how]++
		if e.how == killed {
			hit = 1
		}
	}
	c.hit += hit
}

func (c *tally) took() time.Duration { return time.Since(c.begun).Round(100 * time.Millisecond) }

// enough is how many violated rounds end the test.
const enough = 3

// TestKilledProcessesComeToTheUndisturbedEnd runs random plans in processes that are killed and stopped at random
// moments. What is checked of each is said in the package's documentation; with -artifacts the files of a round that
// violates it are kept.
func TestKilledProcessesComeToTheUndisturbedEnd(t *testing.T) {
	c := &tally{styles: map[style]int{}, ends: map[string]int{}, begun: time.Now()}
	dir := t.ArtifactDir()
	var next, bad atomic.Int64
	var wg sync.WaitGroup
	for range 4 { // more than there are cores: they often wait for the disk
		wg.Go(func() {
			for bad.Load() < enough {
				n := next.Add(1)
				if n > int64(*rounds) {
					return
				}
				r, err := newRound(t.Context(), dir, *first+uint64(n)-1)
				if err != nil {
					t.Error(err)
					return
				}
				if r.play(t.Context()); len(r.violations) > 0 {
					bad.Add(1)
					t.Error(r.report())
				} else {
					_ = os.RemoveAll(r.dir)
				}
				if c.add(r); n%500 == 0 {
					t.Logf("%d rounds in %v", n, c.took())
				}
			}
		})
	}
	wg.Wait()
	t.Logf("rounds: %v, %d of them with a killed process; processes: %v; %v", c.styles, c.hit, c.ends, c.took())
	if *rounds >= 100 && !t.Failed() {
		if c.hit < *rounds/2 {
			t.Errorf("only %d of %d rounds had a killed process", c.hit, *rounds)
		}
		for _, how := range []string{crashtest.Done, crashtest.Waiting, crashtest.Conflict} {
			if c.ends[how] == 0 {
				t.Errorf("no process has ended with %q", how)
			}
		}
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
