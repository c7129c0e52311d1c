package burdock_test

import (
	"context"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/burdock-go/burdock"
)

// M6: an endless sequence with a reduce that reads on for ever takes memory for what is pulled and not read, and nothing
// that was read is kept, in either order.
func TestM6_AnEndlessSequenceStaysFlat(t *testing.T) {
	type load struct {
		Data *[1 << 10]int64 `state:"data"`
	}
	for name, loop := range map[string]func(*burdock.Results[load, load]) iter.Seq[burdock.Result[load, load]]{
		"in order": (*burdock.Results[load, load]).OK, "as done": (*burdock.Results[load, load]).AsDone,
	} {
		const n = 5000
		var made, freed atomic.Int64
		m := burdock.MapStates("m", burdock.Func("say", func(_ context.Context, in load) (load, error) { return in, nil }),
			func(context.Context, burdock.None) iter.Seq2[load, error] {
				return func(yield func(load, error) bool) {
					for {
						data := new([1 << 10]int64)
						made.Add(1)
						runtime.AddCleanup(data, func(int) { freed.Add(1) }, 0)
						if !yield(load{data}, nil) {
							return
						}
					}
				}
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[load, load]) (bunch, error) {
				read := 0
				for range loop(rs) {
					if read++; read == n {
						break
					}
				}
				for i := 0; i < 1000 && made.Load()-freed.Load() > 100; i++ {
					runtime.GC() // cleanups run on a goroutine of their own
				}
				if kept := made.Load() - freed.Load(); kept > 100 {
					t.Errorf("%s: %d of %d are kept", name, kept, made.Load())
				}
				return bunch{[]string{}}, nil
			}, &burdock.MapOptions{Limit: 16, Buffer: 40})
		runTo(t, newApp(t, burdock.MustGraph("g", burdock.Node(m)), nil), burdock.StopDone)
	}
}
