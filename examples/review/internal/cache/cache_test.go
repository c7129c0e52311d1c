package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func length(s string) int64 { return int64(len(s)) }

func TestGetLoadsOnceForManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](100, length)
		var loads atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				got, err := c.Get(t.Context(), 1, func(context.Context) (string, error) {
					loads.Add(1)
					time.Sleep(time.Second)
					return "one", nil
				})
				if got != "one" || err != nil {
					t.Errorf("got %q, %v, want one", got, err)
				}
			})
		}
		wg.Wait()
		if got := loads.Load(); got != 1 {
			t.Errorf("got %d loads, want 1", got)
		}
	})
}

func TestWaiterLoadsItselfWhenTheLoaderIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](100, length)
		first, cancel := context.WithCancel(t.Context())
		go func() {
			_, _ = c.Get(first, 1, func(ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			})
		}()
		synctest.Wait()
		time.AfterFunc(time.Second, cancel)
		got, err := c.Get(t.Context(), 1, func(context.Context) (string, error) { return "second", nil })
		if got != "second" || err != nil {
			t.Errorf("got %q, %v, want second", got, err)
		}
	})
}

func TestWaiterLeavesWhenItsOwnContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](100, length)
		release := make(chan struct{})
		go func() {
			_, _ = c.Get(t.Context(), 1, func(context.Context) (string, error) { <-release; return "late", nil })
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Get(ctx, 1, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want deadline exceeded", err)
		}
		close(release)
	})
}

func TestHeldBytesStayBelowTheLimit(t *testing.T) {
	c := New[int](10, length)
	for i := range 100 {
		if _, err := c.Get(t.Context(), i, func(context.Context) (string, error) { return "four", nil }); err != nil {
			t.Fatal(err)
		}
		if c.used > 10 || c.order.Len() > 2 || len(c.held) > 2 {
			t.Fatalf("got %d bytes in %d values, want at most 10", c.used, c.order.Len())
		}
	}
	if _, err := c.Get(t.Context(), 0, func(context.Context) (string, error) { return "longer than ten", nil }); err != nil {
		t.Fatal(err)
	}
	if c.used != 8 {
		t.Errorf("got %d bytes, want 8: a value over the limit is not kept", c.used)
	}
}

func TestFailuresAndPanicsAreNotKept(t *testing.T) {
	c := New[int](10, length)
	bad := errors.New("bad")
	if _, err := c.Get(t.Context(), 1, func(context.Context) (string, error) { return "", bad }); !errors.Is(err, bad) {
		t.Errorf("got %v, want %v", err, bad)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Get(t.Context(), 1, func(context.Context) (string, error) { panic("load") })
	}()
	if got, err := c.Get(t.Context(), 1, func(context.Context) (string, error) { return "good", nil }); got != "good" || err != nil {
		t.Errorf("got %q, %v, want good", got, err)
	}
}
