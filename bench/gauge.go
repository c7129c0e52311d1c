package main

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"
)

// A sample is one figure of one side, with the allocations that were counted meanwhile.
type sample struct {
	value  float64
	allocs float64
}

// A gauge takes samples of one kind.
type gauge struct {
	take func(work func() error) (value float64, err error)
	text func(value float64) string
}

var (
	// elapsed is the time that work takes, in nanoseconds.
	elapsed = gauge{stopwatch, asTime}
	// peak is how high the heap rises while work runs, in bytes.
	peak = gauge{heapPeak, asBytes}
	// weight is how many bytes work has stored, which it tells itself.
	weight = gauge{stopwatch, asBytes}
)

// sample runs one side of p once.
func (g gauge) sample(ctx context.Context, side func(context.Context) error, p *pair) (s sample, err error) {
	if err := context.Cause(ctx); err != nil {
		return s, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s.value, err = g.take(func() error { return side(ctx) })
	runtime.ReadMemStats(&after)
	s.allocs = float64(after.Mallocs - before.Mallocs)
	if p.figure != nil {
		s.value = p.figure()
	}
	if p.ops > 0 {
		s.value /= float64(p.ops)
		s.allocs /= float64(p.ops)
	}
	return s, err
}

func stopwatch(work func() error) (float64, error) {
	start := time.Now()
	err := work()
	return float64(time.Since(start)), err
}

// samplePause lies between two looks at the heap; a collection cycle of a small heap takes several of them.
const samplePause = 100 * time.Microsecond

// heapPeak looks at the heap while work runs. It counts objects, the dead ones that nobody has swept included, since they
// take memory all the same.
func heapPeak(work func() error) (float64, error) {
	var (
		base = heapBytes()
		top  = base
		quit = make(chan struct{})
		done = make(chan struct{})
	)
	go func() {
		defer close(done)
		tick := time.NewTicker(samplePause)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				top = max(top, heapBytes())
			case <-quit:
				return
			}
		}
	}()
	err := work()
	close(quit)
	<-done
	return float64(max(top, heapBytes()) - base), err
}

// heapBytes reads the heap without stopping the world.
func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
