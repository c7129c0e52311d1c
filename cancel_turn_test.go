package burdock_test

import (
	"context"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/burdock-go/burdock"
)

// M8: cancelled at any moment of a turn a visit leaves nothing running: neither its sequence nor a branch.
func TestM8_CancelledInTheMiddleOfATurn(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		var inside atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		at, limit := rnd.IntN(60), 1+rnd.IntN(20)
		r := rigOf()
		r.opts = &burdock.MapOptions{Limit: limit, Buffer: 1 + rnd.IntN(40)}
		r.names = func(context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				inside.Add(1)
				defer inside.Add(-1)
				for i, n := range numbered(50) {
					if i == at {
						go cancel()
						runtime.Gosched()
					}
					if !yield(n, nil) {
						return
					}
				}
			}
		}
		r.do = func(_ context.Context, n string) (string, error) {
			inside.Add(1)
			defer inside.Add(-1)
			runtime.Gosched()
			return n, nil
		}
		var o burdock.Options
		if rnd.IntN(3) == 0 {
			o.MaxConcurrency = 1 + rnd.IntN(4)
		}
		got, err := r.runWith(ctx, t, &o)
		if n := inside.Load(); n != 0 {
			t.Errorf("seed %d: %d functions run after the call", seed, n)
		}
		if err == nil && len(got) != 50 {
			t.Errorf("seed %d: %d results", seed, len(got))
		}
		cancel()
	}
}
