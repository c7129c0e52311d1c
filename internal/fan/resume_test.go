package fan_test

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/burdock-go/burdock/internal/fan"
)

// A task that is resumed in the moment in which the only free worker leaves is run all the same, while another task runs
// that takes as long as this one is waited for.
func TestResumedWhileAWorkerLeaves(t *testing.T) {
	for range 20000 {
		ran := make(chan struct{})
		r := &rig{stopped: make(chan struct{}), jobs: make([]job, 2)}
		var held *fan.Node[job]
		c := r.config(2, 9)
		suspends := make(chan struct{})
		c.Run = func(n *fan.Node[job], _ bool) bool {
			switch {
			case n.Index == 0:
				<-ran
			case held == nil:
				held = n
				close(suspends)
				return false
			default:
				close(ran)
			}
			return true
		}
		r.Fan = fan.New(c)
		r.Start()
		<-suspends
		for !r.Exhausted() { // the worker that finds out is about to leave
			runtime.Gosched()
		}
		r.Resume(held)
		<-ran
		r.end()
	}
}

// M15: what has its result already comes in the order of its join numbers, ahead of what joins later, at whatever moment
// somebody first asks for that order.
func TestRestoredComeByJoinNumber(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		jobs := make([]job, 1+rnd.IntN(40))
		var last int64
		for _, i := range rnd.Perm(len(jobs)) {
			if rnd.IntN(2) == 0 {
				last++
				jobs[i].found = last
			}
		}
		r := newRig(jobs, 1+rnd.IntN(8), 100)
		if err := r.Prefetch(int64(len(jobs)), last); err != nil {
			t.Fatal(err)
		}
		for i := range rnd.IntN(len(jobs)) {
			if n := r.read(fan.InOrder); n.Index != int64(i) {
				t.Errorf("seed %d: result %d is task %d", seed, i, n.Index)
			}
		}
		before := int64(0)
		for n := r.read(fan.AsDone); n != nil; n = r.read(fan.AsDone) {
			if n.Join <= before || n.Found != (n.Join <= last) {
				t.Errorf("seed %d: join number %d, found %v, comes after %d; %d were restored", seed, n.Join, n.Found, before, last)
			}
			before = n.Join
		}
		if r.deliv.Load() != int64(len(jobs)) {
			t.Errorf("seed %d: %d of %d results", seed, r.deliv.Load(), len(jobs))
		}
		r.end()
	}
}
