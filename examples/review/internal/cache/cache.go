// Package cache keeps what was loaded last, up to a number of bytes, and loads
// what several callers want at once only once.
//
//	Get(key) ── held ──────────────> value
//	         ├─ another is loading ─> wait for it
//	         └─ load(ctx) ──────────> value, kept; what was used longest ago goes
//
// The caller that loads does so in its own goroutine, so the package starts
// none. Failures are not kept.
package cache

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// A Cache maps keys to loaded values. Use [New]; a Cache is safe for
// concurrent use.
type Cache[K comparable, V any] struct {
	max  int64
	size func(V) int64

	mu      sync.Mutex
	used    int64
	held    map[K]*list.Element // of entry[K, V]
	order   list.List           // most recently used first
	flights map[K]*flight[V]
}

type entry[K comparable, V any] struct {
	key   K
	value V
	size  int64
}

// A flight is one load that others may wait for.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
	quit  bool // the loader's own ctx ended: not the waiters' failure
}

// errAbandoned is what waiters see when the loading goroutine panicked.
var errAbandoned = errors.New("the load panicked")

// New returns a cache that holds values of at most max bytes in total, as
// counted by size. A single larger value is returned but not kept.
func New[K comparable, V any](max int64, size func(V) int64) *Cache[K, V] {
	return &Cache[K, V]{max: max, size: size, held: map[K]*list.Element{}, flights: map[K]*flight[V]{}}
}

// Get returns the value of key and calls load when it is not held. Of several
// callers that want the same key one loads and the others wait. A waiter
// returns early when its own ctx ends, and loads itself when only the
// loader's ctx did.
func (c *Cache[K, V]) Get(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error) {
	for {
		v, f, mine := c.begin(key)
		if f == nil {
			return v, nil
		}
		if mine {
			return c.run(ctx, key, f, load)
		}
		select {
		case <-ctx.Done():
			return v, context.Cause(ctx)
		case <-f.done:
		}
		if !f.quit {
			return f.value, f.err
		}
	}
}

// begin returns the held value, or the flight to wait for or to carry out.
func (c *Cache[K, V]) begin(key K) (v V, f *flight[V], mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.held[key]; ok {
		c.order.MoveToFront(e)
		return e.Value.(entry[K, V]).value, nil, false
	}
	if f, ok := c.flights[key]; ok {
		return v, f, false
	}
	f = &flight[V]{done: make(chan struct{}), err: errAbandoned}
	c.flights[key] = f
	return v, f, true
}

func (c *Cache[K, V]) run(ctx context.Context, key K, f *flight[V], load func(context.Context) (V, error)) (V, error) {
	defer c.land(key, f)
	f.value, f.err = load(ctx)
	f.quit = f.err != nil && ctx.Err() != nil
	return f.value, f.err
}

// land keeps what a flight brought and wakes its waiters.
func (c *Cache[K, V]) land(key K, f *flight[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, key)
	close(f.done)
	if f.err != nil {
		return
	}
	size := c.size(f.value)
	if size > c.max {
		return
	}
	c.held[key] = c.order.PushFront(entry[K, V]{key, f.value, size})
	for c.used += size; c.used > c.max; {
		last := c.order.Remove(c.order.Back()).(entry[K, V])
		delete(c.held, last.key)
		c.used -= last.size
	}
}
