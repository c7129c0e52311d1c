package fan_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock/internal/fan"
)

// A task starts in the moment in which it is pulled, whatever the sequence does next and whoever is busy: a handful is
// never more than there are places, and somebody always takes what a worker has pulled and is not about to start.
func TestPulledIsStarted(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			limit := 1 + rnd.IntN(10)
			pauses := make([]time.Duration, 60)
			jobs := make([]job, len(pauses))
			pulled := make([]time.Time, len(jobs))
			var live, most atomic.Int64
			for i := range jobs {
				if rnd.IntN(3) == 0 {
					pauses[i] = time.Duration(1+rnd.IntN(20)) * time.Second
				}
				jobs[i] = job{delay: time.Duration(rnd.IntN(3)*rnd.IntN(30)) * time.Second, goexit: rnd.IntN(20) == 0, run: func() {
					if late := time.Since(pulled[i]); late != 0 {
						t.Errorf("seed %d, limit %d: task %d was started %v after it was pulled", seed, limit, i, late)
					}
				}}
			}
			r := &rig{jobs: jobs, stopped: make(chan struct{})}
			c := r.config(limit, 1000)
			r.ask = func(n *fan.Node[job]) {
				time.Sleep(pauses[n.Index])
				pulled[n.Index] = time.Now()
				raise(&most, live.Add(1))
			}
			c.Run = func(n *fan.Node[job], resumed bool) bool {
				finished := r.run(n, resumed)
				live.Add(-1)
				return finished
			}
			r.Fan = fan.New(c)
			for r.read(fan.InOrder) != nil {
			}
			if m := most.Load(); m > int64(limit) {
				t.Errorf("seed %d: %d were pulled and had not ended, limit %d", seed, m, limit)
			}
			r.end()
		})
	}
}

// Every place is used, although a turn brings several tasks and few workers are awake.
func TestEveryPlaceIsUsed(t *testing.T) {
	for limit := 1; limit <= 20; limit++ {
		for _, n := range []int{1, limit - 1, limit, 3*limit + 1} {
			synctest.Test(t, func(t *testing.T) {
				jobs := make([]job, n)
				for i := range jobs {
					jobs[i].delay = time.Minute
				}
				r := newRig(jobs, limit, 1000)
				begin := time.Now()
				for r.read(fan.AsDone) != nil {
				}
				if took, want := time.Since(begin), time.Duration((n+limit-1)/limit)*time.Minute; took != want {
					t.Errorf("%d tasks at limit %d took %v, want %v", n, limit, took, want)
				}
				r.end()
			})
		}
	}
}

// With a rate or tokens each task is waited for alone.
func TestOneByOne(t *testing.T) {
	for name, ask := range map[string]func(c *fan.Config[job], asked *int){
		"rate":   func(c *fan.Config[job], asked *int) { c.Await = func() error { *asked++; return nil } },
		"tokens": func(c *fan.Config[job], asked *int) { c.Take = func() bool { *asked++; return true } },
	} {
		r := newRig(nil, 8, 100)
		r.jobs = make([]job, 50)
		c := r.config(8, 100)
		var asked int // as many as pulls, at every pull
		ask(&c, &asked)
		r.ask = func(n *fan.Node[job]) {
			if asked != int(n.Index)+1 {
				t.Errorf("%s: task %d is pulled after %d were asked for", name, n.Index, asked)
			}
		}
		r.Fan = fan.New(c)
		for r.read(fan.InOrder) != nil {
		}
		r.end()
	}
}

// Results can be asked for in the order of completion at any time, also after many were read in the other.
func TestAsDoneLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		jobs := make([]job, n)
		for i := range jobs {
			jobs[i].delay = time.Duration(n-i) * time.Second
		}
		jobs[0].delay, jobs[1].delay = 0, 0
		r := newRig(jobs, n, 100)
		for want := range int64(2) {
			if got := r.read(fan.InOrder); got.Index != want {
				t.Errorf("result %d is task %d", want, got.Index)
			}
		}
		time.Sleep(10 * time.Second)
		for i := range int64(n - 2) {
			if got := r.read(fan.AsDone); got.Join != i+3 || got.Index != n-1-i {
				t.Errorf("result %d is task %d with join number %d", i+2, got.Index, got.Join)
			}
		}
		if r.read(fan.AsDone) != nil {
			t.Error("there is another")
		}
		r.end()
	})
}

// A task that is held is started with a token too, after its turn has come.
func TestHeldNeedsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{jobs: make([]job, 6), stopped: make(chan struct{})}
		for i := range r.jobs {
			r.jobs[i].delay = time.Second
		}
		c := r.config(4, 9)
		tokens := make(chan struct{}, 1)
		c.Take = func() bool { tokens <- struct{}{}; return true }
		r.tokens = tokens
		r.Fan = fan.New(c)
		if err := r.Prefetch(5, 0); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for n := r.read(fan.InOrder); n != nil; n = r.read(fan.InOrder) {
			if took, want := time.Since(begin), time.Duration(n.Index+1)*time.Second; took != want {
				t.Errorf("task %d ends after %v, want %v: one token", n.Index, took, want)
			}
		}
		r.end()
	})
}
