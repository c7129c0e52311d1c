package fan_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock/internal/fan"
)

// Whatever is mixed - rate, tokens, small buffers, few places, tasks that suspend, are resumed and exit, found results, a
// slow sequence, several readers in both orders - every result comes once and nobody waits for nothing: in a bubble that
// would be a deadlock.
func TestMixture(t *testing.T) {
	for seed := range uint64(500) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 77))
			limit, buffer, maxWaiting := 1+rnd.IntN(10), 1+rnd.IntN(12), 1+rnd.IntN(6)
			jobs := make([]job, rnd.IntN(50))
			pauses := make([]time.Duration, len(jobs))
			resumeAfter := make([]time.Duration, len(jobs))
			for i := range jobs {
				jobs[i] = job{delay: time.Duration(rnd.IntN(2)*rnd.IntN(5)) * time.Millisecond, goexit: rnd.IntN(12) == 0}
				pauses[i] = time.Duration(max(0, rnd.IntN(12)-8)) * time.Millisecond
				resumeAfter[i] = -1
				if rnd.IntN(6) == 0 {
					resumeAfter[i] = time.Duration(rnd.IntN(4)) * time.Millisecond
				}
			}
			r := &rig{jobs: jobs, stopped: make(chan struct{})}
			c := r.config(limit, buffer)
			c.MaxWaiting = maxWaiting
			r.ask = func(n *fan.Node[job]) {
				if p := pauses[n.Index]; p > 0 {
					time.Sleep(p)
				}
			}
			var wg sync.WaitGroup
			var waited sync.Map
			c.Run = func(n *fan.Node[job], resumed bool) bool {
				if after := resumeAfter[n.Index]; after >= 0 && !resumed {
					if _, again := waited.LoadOrStore(n.Index, true); !again {
						wg.Go(func() {
							time.Sleep(after)
							r.Resume(n)
						})
						if r.tokens != nil {
							<-r.tokens
						}
						return false
					}
				}
				return r.run(n, resumed)
			}
			if rnd.IntN(3) == 0 {
				rate := time.Duration(rnd.IntN(2)) * time.Millisecond
				c.Await = func() error { time.Sleep(rate); return nil }
			}
			if rnd.IntN(3) == 0 {
				r.lend(&c, 1+rnd.IntN(limit))
			}
			r.Fan = fan.New(c)
			if rnd.IntN(4) == 0 && len(jobs) > 3 {
				if err := r.Prefetch(int64(rnd.IntN(4)), 0); err != nil {
					t.Fatal(err)
				}
			}
			if rnd.IntN(2) == 0 {
				r.Start()
			}
			var mu sync.Mutex
			seen := map[int64]int{}
			var rd sync.WaitGroup
			for i := range 1 + rnd.IntN(3) {
				order := fan.Order((int(seed) + i) % 2)
				slow := rnd.IntN(3) == 0
				rd.Go(func() {
					for {
						n := r.Next(order)
						if n == nil {
							if r.Over() {
								return
							}
							time.Sleep(time.Millisecond) // what is waited for will come
							continue
						}
						r.deliv.Add(1)
						mu.Lock()
						seen[n.Index]++
						mu.Unlock()
						if slow {
							time.Sleep(time.Millisecond)
						}
					}
				})
			}
			rd.Wait()
			wg.Wait()
			if len(seen) != len(jobs) {
				t.Errorf("seed %d: %d of %d results", seed, len(seen), len(jobs))
			}
			for i, n := range seen {
				if n != 1 {
					t.Errorf("seed %d: result %d came %d times", seed, i, n)
				}
			}
			if m := r.most.Load(); m > int64(limit) {
				t.Errorf("seed %d: %d ran at once, limit %d", seed, m, limit)
			}
			r.end()
			if len(r.tokens) != 0 {
				t.Errorf("seed %d: %d tokens are gone", seed, len(r.tokens))
			}
		})
	}
}

// The same without a bubble and without delays: real races.
func TestMixtureAtSpeed(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 78))
		limit, buffer := 1+rnd.IntN(8), 1+rnd.IntN(20)
		jobs := make([]job, rnd.IntN(200))
		suspends := make([]bool, len(jobs))
		for i := range jobs {
			jobs[i].goexit = rnd.IntN(40) == 0
			suspends[i] = rnd.IntN(10) == 0
		}
		r := &rig{jobs: jobs, stopped: make(chan struct{})}
		c := r.config(limit, buffer)
		c.MaxWaiting = 1 + rnd.IntN(4)
		waited := make([]atomic.Bool, len(jobs))
		resumes := make(chan *fan.Node[job], len(jobs))
		if rnd.IntN(4) == 0 {
			r.lend(&c, 1+rnd.IntN(limit))
		}
		c.Run = func(n *fan.Node[job], resumed bool) bool {
			if suspends[n.Index] && !resumed && !waited[n.Index].Swap(true) {
				if r.tokens != nil {
					<-r.tokens
				}
				resumes <- n
				return false
			}
			return r.run(n, resumed)
		}
		r.Fan = fan.New(c)
		done := make(chan struct{})
		var wg, rd sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case n := <-resumes:
					r.Resume(n)
				case <-done:
					return
				}
			}
		})
		var got atomic.Int64
		for i := range 1 + rnd.IntN(3) {
			order := fan.Order((int(seed) + i) % 2)
			rd.Go(func() {
				for {
					if n := r.Next(order); n != nil {
						got.Add(1)
					} else if r.Over() {
						return
					} else {
						runtime.Gosched()
					}
				}
			})
		}
		rd.Wait()
		close(done)
		wg.Wait()
		r.end()
		if got.Load() != int64(len(jobs)) || r.most.Load() > int64(limit) || len(r.tokens) != 0 {
			t.Errorf("seed %d: %d of %d, %d ran, limit %d", seed, got.Load(), len(jobs), r.most.Load(), limit)
		}
	}
}
