package fan_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/burdock-go/burdock/internal/fan"
)

// What was delivered is nobody's any more but the consumer's, while the fan goes on.
func TestDeliveredIsLetGo(t *testing.T) {
	for _, order := range []fan.Order{fan.InOrder, fan.AsDone} {
		var freed atomic.Int64
		const n = 2000
		var next int
		block := make(chan struct{})
		var f *fan.Fan[*[1 << 12]byte]
		f = fan.New(fan.Config[*[1 << 12]byte]{
			Limit: 8, Buffer: 30, MaxWaiting: 3, Stopped: func(error) {}, Vanished: func() error { return errGone },
			Pull: func(int) (bool, error) {
				for {
					if next == n {
						<-block
						return false, nil
					}
					next++
					nd := f.Node()
					nd.B = new([1 << 12]byte)
					runtime.AddCleanup(nd.B, func(int) { freed.Add(1) }, 0)
					if f.Add(nd) == 0 {
						return true, nil
					}
				}
			},
			Run: func(*fan.Node[*[1 << 12]byte], bool) bool { return true },
		})
		for range n {
			f.Next(order)
		}
		for i := 0; i < 1000 && freed.Load() < n-8; i++ {
			runtime.GC() // cleanups run on a goroutine of their own
		}
		if freed.Load() < n-8 {
			t.Errorf("order %d: %d of %d are kept", order, n-freed.Load(), n)
		}
		f.Stop(errEnough)
		close(block)
		f.Close(nil)
	}
}
