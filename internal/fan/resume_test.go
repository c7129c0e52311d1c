package fan_test

import (
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
