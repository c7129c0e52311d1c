package burdock

import (
	"context"
	"time"
)

// How a function on a goroutine of its own has ended.
type manner uint8

const (
	returned manner = iota
	leaked          // it has not, and is left behind
	vanished        // it called runtime.Goexit
)

// apart runs f on a goroutine of its own. When ctx has ended it waits for f no longer than grace.
func apart[T any](ctx context.Context, grace time.Duration, f func() T) (out T, how manner) {
	done := make(chan T, 1)
	go func() {
		defer close(done)
		done <- f()
	}()
	select {
	case out, ok := <-done:
		return out, ended(ok)
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case out, ok := <-done:
		return out, ended(ok)
	case <-timer.C:
		return out, leaked
	}
}

func ended(ok bool) manner {
	if ok {
		return returned
	}
	return vanished
}
