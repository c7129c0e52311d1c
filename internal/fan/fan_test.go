package fan_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock/internal/fan"
)

var (
	errEnough = errors.New("enough")
	errBroken = errors.New("broken")
	errGone   = errors.New("gone")
)

// A rig is a fan over a slice of plans that counts what it does.
type rig struct {
	*fan.Fan[job]

	jobs   []job
	next   int
	fails  error                  // of the sequence, after the jobs
	ask    func(n *fan.Node[job]) // the sequence is asked for a task
	tokens chan struct{}

	running, most   atomic.Int64
	pulled, deliv   atomic.Int64
	mostOutstanding atomic.Int64
	started         atomic.Int64
	stops           atomic.Int64
	stopped         chan struct{}
}

type job struct {
	delay   time.Duration
	suspend bool
	goexit  bool
	linger  time.Duration // after it was suspended
	found   int64         // join number of a result it has already
	run     func()
}

func newRig(jobs []job, limit, buffer int) *rig {
	r := &rig{jobs: jobs, stopped: make(chan struct{})}
	r.Fan = fan.New(r.config(limit, buffer))
	return r
}

func (r *rig) config(limit, buffer int) fan.Config[job] {
	c := fan.Config[job]{
		Limit: limit, Buffer: buffer, MaxWaiting: 1000,
		Pull: r.pull, Run: r.run,
		Stopped: func(error) {
			if r.stops.Add(1) == 1 {
				close(r.stopped)
			}
		},
		Vanished: func() error { return errGone },
	}
	return c
}

func (r *rig) pull(int) (bool, error) {
	for {
		if r.next == len(r.jobs) {
			return false, r.fails
		}
		n := r.Node()
		n.B = r.jobs[r.next]
		if r.ask != nil {
			r.ask(n)
		}
		r.next++
		if n.B.found > 0 {
			n.Found, n.Join = true, n.B.found
		}
		if !n.B.suspend {
			raise(&r.mostOutstanding, r.pulled.Add(1)-r.deliv.Load())
		}
		if r.Add(n) == 0 {
			return true, nil
		}
	}
}

// lend gives the rig's tasks so many tokens.
func (r *rig) lend(c *fan.Config[job], tokens int) {
	r.tokens = make(chan struct{}, tokens)
	c.Take = func() bool {
		select {
		case r.tokens <- struct{}{}:
			return true
		case <-r.stopped:
			return false
		}
	}
	c.Give = func() { <-r.tokens }
}

func raise(most *atomic.Int64, n int64) {
	for {
		old := most.Load()
		if n <= old || most.CompareAndSwap(old, n) {
			return
		}
	}
}

func (r *rig) run(n *fan.Node[job], resumed bool) (finished bool) {
	if !resumed {
		r.started.Add(1)
		raise(&r.most, r.running.Add(1))
		if n.B.run != nil {
			n.B.run()
		}
		if n.B.delay > 0 {
			select {
			case <-time.After(n.B.delay):
			case <-r.stopped:
			}
		}
		if n.B.goexit {
			runtime.Goexit()
		}
	}
	r.running.Add(-1)
	if r.tokens != nil {
		<-r.tokens
	}
	if n.B.suspend {
		if n.B.linger > 0 {
			time.Sleep(n.B.linger)
		}
		return false
	}
	r.Joined(n)
	return true
}

// read is Next, counted.
func (r *rig) read(order fan.Order) *fan.Node[job] {
	n := r.Next(order)
	if n != nil {
		r.deliv.Add(1)
	}
	return n
}

func (r *rig) end() {
	r.Stop(errEnough)
	r.Close(nil)
}

// Each result comes once; InOrder by index, AsDone by join number; limits hold; whatever the mixture of orders.
func TestNextAgainstModel(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			jobs := make([]job, rnd.IntN(60))
			for i := range jobs {
				jobs[i] = job{delay: time.Duration(rnd.IntN(5)) * time.Millisecond, goexit: rnd.IntN(12) == 0}
			}
			limit, buffer := 1+rnd.IntN(8), 1+rnd.IntN(12)
			r := newRig(jobs, limit, buffer)
			if rnd.IntN(2) == 0 {
				r.Start()
			}
			seen := map[int64]bool{}
			lastIndex, lastJoin := int64(-1), int64(0)
			mixed := rnd.IntN(2) == 0
			only := fan.Order(rnd.IntN(2))
			for {
				order := only
				if mixed {
					order = fan.Order(rnd.IntN(2))
				}
				n := r.read(order)
				if n == nil {
					break
				}
				if seen[n.Index] {
					t.Fatalf("seed %d: result %d came twice", seed, n.Index)
				}
				seen[n.Index] = true
				if order == fan.InOrder && !mixed && n.Index != lastIndex+1 {
					t.Fatalf("seed %d: result %d follows %d", seed, n.Index, lastIndex)
				}
				if order == fan.AsDone && !mixed && n.Join != lastJoin+1 {
					t.Fatalf("seed %d: join %d follows %d", seed, n.Join, lastJoin)
				}
				lastIndex, lastJoin = n.Index, n.Join
				if rnd.IntN(3) == 0 {
					time.Sleep(time.Duration(rnd.IntN(4)) * time.Millisecond)
				}
			}
			if len(seen) != len(jobs) || r.Cause() != nil || !r.Over() {
				t.Errorf("seed %d: %d of %d results, cause %v", seed, len(seen), len(jobs), r.Cause())
			}
			if m := r.most.Load(); m > int64(limit) {
				t.Errorf("seed %d: %d ran at once, limit %d", seed, m, limit)
			}
			if m := r.mostOutstanding.Load(); m > int64(buffer)+1 { // a result is counted after it was delivered
				t.Errorf("seed %d: %d outstanding, buffer %d", seed, m, buffer)
			}
			r.end()
		})
	}
}

// A broken sequence must never look like one that has ended: that would be a smaller fan-out.
func TestSequenceErrorIsNeverTheEnd(t *testing.T) {
	for i := range 3000 {
		r := newRig(make([]job, i%4), 1+i%3, 8)
		r.fails = errBroken
		for r.read(fan.Order(i%2)) != nil {
		}
		if r.Cause() != errBroken {
			t.Fatalf("round %d: Next ended with cause %v", i, r.Cause())
		}
		r.end()
	}
}

func TestSequenceGoexitStops(t *testing.T) {
	for i := range 500 {
		r := &rig{stopped: make(chan struct{})}
		c := r.config(3, 8)
		tokens := make(chan struct{}, 2)
		c.Take = func() bool { tokens <- struct{}{}; return true }
		c.Give = func() { <-tokens }
		r.tokens = tokens
		r.jobs = make([]job, i%4)
		pull := c.Pull
		c.Pull = func(wanted int) (bool, error) {
			more, _ := pull(wanted)
			if !more {
				runtime.Goexit()
			}
			return true, nil
		}
		r.Fan = fan.New(c)
		for r.read(fan.InOrder) != nil {
		}
		if r.Cause() != errGone {
			t.Fatalf("cause %v", r.Cause())
		}
		r.end()
		if len(tokens) != 0 {
			t.Fatalf("%d tokens are gone", len(tokens))
		}
	}
}

// Stop at any moment: nothing starts after Close, all workers are gone, all tokens are back.
func TestStopAndCloseAtAnyMoment(t *testing.T) {
	for i := range 2000 {
		rnd := rand.New(rand.NewPCG(uint64(i), 2))
		r := &rig{stopped: make(chan struct{}), jobs: make([]job, 50)}
		tokens := 1 + rnd.IntN(3)
		for j := range r.jobs {
			r.jobs[j].goexit = rnd.IntN(10) == 0
			r.jobs[j].suspend = rnd.IntN(10) == 0
			if rnd.IntN(20) == 0 {
				r.jobs[j].delay = time.Hour
			}
		}
		c := r.config(1+rnd.IntN(6), 1+rnd.IntN(40))
		r.lend(&c, tokens)
		r.Fan = fan.New(c)
		r.Start()
		var wg sync.WaitGroup
		for range 2 {
			yields := rnd.IntN(3)
			wg.Go(func() {
				for range yields {
					runtime.Gosched()
				}
				r.Stop(errEnough)
			})
		}
		for range rnd.IntN(10) {
			if r.read(fan.AsDone) == nil {
				break
			}
		}
		wg.Wait()
		if !r.Close(nil) {
			t.Fatal("Close has given up")
		}
		started := r.started.Load()
		runtime.Gosched()
		switch {
		case r.running.Load() != 0 || r.started.Load() != started:
			t.Fatalf("round %d: tasks run after Close", i)
		case len(r.tokens) != 0:
			t.Fatalf("round %d: %d tokens are gone", i, len(r.tokens))
		case r.stops.Load() != 1:
			t.Fatalf("round %d: Stopped was called %d times", i, r.stops.Load())
		case r.Next(fan.AsDone) != nil:
			t.Fatal("a result after Stop")
		}
		delivered := r.deliv.Load()
		var rest int64
		for range r.Rest {
			rest++
		}
		if r.Pulled() != delivered+rest {
			t.Fatalf("round %d: %d pulled, %d delivered, %d left over", i, r.Pulled(), delivered, rest)
		}
	}
}

func TestStopFromInsideTask(t *testing.T) {
	for range 300 {
		r := newRig(make([]job, 20), 4, 30)
		r.jobs[3].run = func() { r.Stop(errBroken) }
		for r.read(fan.InOrder) != nil {
		}
		if r.Cause() != errBroken {
			t.Fatalf("cause %v", r.Cause())
		}
		r.Close(nil)
	}
}

func TestSuspended(t *testing.T) {
	wait, quick, slow := job{suspend: true}, job{}, job{delay: time.Millisecond}
	tests := []struct {
		name       string
		jobs       []job
		limit      int
		buffer     int
		maxWaiting int
		prefetch   int64
		order      fan.Order
		want       []int64 // delivered
		pulls      int64
	}{
		{"all wait", []job{wait, wait, wait}, 2, 9, 9, 0, fan.InOrder, nil, 3},
		{"all wait, one at a time", []job{wait, wait, wait}, 1, 9, 9, 0, fan.AsDone, nil, 3},
		{"the first waits, in order", []job{wait, slow, quick}, 1, 9, 9, 0, fan.InOrder, nil, 3},
		{"the first waits, as done", []job{wait, quick, slow, quick}, 1, 9, 9, 0, fan.AsDone, []int64{1, 2, 3}, 4},
		{"the last waits", []job{quick, slow, wait}, 2, 9, 9, 0, fan.InOrder, []int64{0, 1}, 3},
		{"suspended ones do not fill the buffer", []job{wait, wait, wait, quick}, 1, 1, 9, 0, fan.AsDone, []int64{3}, 4},
		{"the buffer is full behind one that waits", []job{wait, quick, quick, quick, quick}, 2, 2, 9, 0, fan.InOrder, nil, 3},
		{"MaxWaiting", []job{wait, quick, wait, wait, wait, wait}, 1, 9, 2, 0, fan.InOrder, nil, 3},
		{"MaxWaiting, many workers", []job{wait, slow, wait, quick, quick}, 2, 9, 2, 0, fan.AsDone, []int64{1}, 3},
		{"held ones start although the buffer is full", []job{wait, {found: 1}, {found: 2}, {found: 3}, quick}, 1, 1, 9, 5, fan.AsDone, []int64{1, 2, 3, 4}, 5},
		{"held ones start before it is given up", []job{wait, {found: 1}, {found: 2}, {found: 3}, quick, wait}, 1, 1, 9, 6, fan.InOrder, nil, 6},
		{"and however long a worker takes to come back", []job{{suspend: true, linger: time.Second}, {found: 1}, {found: 2}, quick}, 1, 1, 9, 4, fan.AsDone, []int64{1, 2, 3}, 4},
		{"one behind restored ones waits", []job{{found: 2}, {found: 1}, wait}, 1, 1, 9, 3, fan.AsDone, []int64{1, 0}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 50 {
				synctest.Test(t, func(t *testing.T) {
					r := &rig{jobs: test.jobs, stopped: make(chan struct{})}
					c := r.config(test.limit, test.buffer)
					c.MaxWaiting = test.maxWaiting
					r.Fan = fan.New(c)
					if test.prefetch > 0 {
						if err := r.Prefetch(test.prefetch, 3); err != nil {
							t.Fatal(err)
						}
					}
					var got []int64
					for n := r.read(test.order); n != nil; n = r.read(test.order) {
						got = append(got, n.Index)
					}
					if !slices.Equal(got, test.want) || r.Over() {
						t.Errorf("got %v, want %v; over %v", got, test.want, r.Over())
					}
					if r.Pulled() != test.pulls {
						t.Errorf("%d pulled, want %d", r.Pulled(), test.pulls)
					}
					r.end()
				})
			}
		})
	}
}

// Each reader is woken by what it waits for, not by the next thing that happens to end.
func TestReaderIsWokenAtOnce(t *testing.T) {
	for order, want := range map[fan.Order][]int64{fan.InOrder: {0, 1, 2}, fan.AsDone: {1, 0, 2}} {
		synctest.Test(t, func(t *testing.T) {
			delays := []time.Duration{10 * time.Second, time.Second, time.Hour}
			r := newRig([]job{{delay: delays[0]}, {delay: delays[1]}, {delay: delays[2]}, {delay: 2 * time.Hour}}, 4, 9)
			begin := time.Now()
			for i, index := range want {
				n := r.read(order)
				due := delays[index]
				if order == fan.InOrder {
					due = slices.Max(delays[:index+1])
				}
				if n.Index != index || time.Since(begin) != due {
					t.Errorf("result %d is task %d after %v; want task %d after %v", i, n.Index, time.Since(begin), index, due)
				}
			}
			r.end()
		})
	}
}

// With a slow sequence somebody always pulls: a worker that waits for its turn gets it as soon as there is one.
func TestTurnIsTakenAtOnce(t *testing.T) {
	for _, limit := range []int{2, 3, 8} {
		synctest.Test(t, func(t *testing.T) {
			r := &rig{stopped: make(chan struct{}), jobs: slices.Repeat([]job{{delay: time.Second}}, 10)}
			r.ask = func(*fan.Node[job]) { time.Sleep(2 * time.Second) }
			r.Fan = fan.New(r.config(limit, 99))
			begin := time.Now()
			for r.read(fan.AsDone) != nil {
			}
			if took := time.Since(begin); took != 21*time.Second {
				t.Errorf("limit %d: it took %v, want 21s", limit, took)
			}
			r.end()
		})
	}
}

// What Suspended finds is final: while a task is being pulled it is not asked, however slow the sequence.
func TestSlowPullIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{jobs: []job{{suspend: true, delay: time.Second}, {}}, stopped: make(chan struct{})}
		c := r.config(2, 9)
		c.MaxWaiting = 1
		r.ask = func(n *fan.Node[job]) { time.Sleep(time.Duration(n.Index) * time.Minute) }
		r.Fan = fan.New(c)
		if n := r.read(fan.AsDone); n == nil || n.Index != 1 {
			t.Errorf("got %v, want the task that was being pulled", n)
		}
		r.end()
	})
}

func TestPrefetchStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig([]job{{found: 3}, {found: 1}, {}, {found: 7}, {}}, 2, 1)
		if err := r.Prefetch(4, 9); err != nil {
			t.Fatal(err)
		}
		var got []int64
		for range 3 {
			got = append(got, r.read(fan.AsDone).Index)
		}
		synctest.Wait()
		if !slices.Equal(got, []int64{1, 0, 3}) || r.started.Load() != 0 || r.Pulled() != 4 {
			t.Errorf("got %v with %d started and %d pulled; want [1 0 3], 0 and 4", got, r.started.Load(), r.Pulled())
		}
		n := r.read(fan.AsDone)
		if n.Index != 2 || n.Join != 10 {
			t.Errorf("then task %d with join %d; want 2 with 10", n.Index, n.Join)
		}
		if n := r.read(fan.AsDone); n.Index != 4 || n.Join != 11 {
			t.Errorf("then task %d with join %d; want 4 with 11", n.Index, n.Join)
		}
		r.end()
	})
}

func TestPrefetchReportsSequenceError(t *testing.T) {
	r := newRig(make([]job, 3), 2, 9)
	r.fails = errBroken
	if err := r.Prefetch(9, 0); err != errBroken {
		t.Errorf("got %v", err)
	}
	if r.Next(fan.InOrder) != nil || r.started.Load() != 0 {
		t.Error("a task has started")
	}
	r.end()
}

// A result that is found only while tasks run is delivered without running, and its token goes back.
func TestFoundLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{stopped: make(chan struct{}), jobs: []job{{delay: time.Second}, {found: 5}, {found: 6}, {}}}
		tokens := make(chan struct{}, 1)
		c := r.config(2, 2)
		c.Take = func() bool { tokens <- struct{}{}; return true }
		c.Give = func() { <-tokens }
		r.tokens = tokens
		r.Fan = fan.New(c)
		var got []int64
		for n := r.read(fan.InOrder); n != nil; n = r.read(fan.InOrder) {
			got = append(got, n.Index)
		}
		if fmt.Sprint(got) != "[0 1 2 3]" || r.started.Load() != 2 || len(tokens) != 0 {
			t.Errorf("got %v, %d started, %d tokens out", got, r.started.Load(), len(tokens))
		}
		r.end()
	})
}

func TestBufferIsBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(make([]job, 100), 4, 7)
		r.Start()
		synctest.Wait()
		if r.Pulled() != 7 {
			t.Errorf("%d pulled before anybody read, want Buffer", r.Pulled())
		}
		for range 3 {
			r.read(fan.InOrder)
		}
		synctest.Wait()
		if r.Pulled() != 10 {
			t.Errorf("%d pulled after 3 were read, want 10", r.Pulled())
		}
		r.end()
	})
}

// A task is not started for a token that is waited for: no token, no pull.
func TestTokenBeforePull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{stopped: make(chan struct{}), jobs: make([]job, 5)}
		give := make(chan struct{})
		c := r.config(3, 9)
		c.Take = func() bool {
			select {
			case <-give:
				return true
			case <-r.stopped:
				return false
			}
		}
		r.Fan = fan.New(c)
		r.Start()
		synctest.Wait()
		if r.Pulled() != 0 {
			t.Errorf("%d pulled without a token", r.Pulled())
		}
		give <- struct{}{}
		synctest.Wait()
		if r.Pulled() != 1 {
			t.Errorf("%d pulled with one token", r.Pulled())
		}
		r.end()
	})
}

// Readers on several goroutines get each result once and all end.
func TestManyReaders(t *testing.T) {
	for i := range 200 {
		r := newRig(make([]job, 40), 4, 5)
		var wg sync.WaitGroup
		var got atomic.Int64
		for k := range 4 {
			wg.Go(func() {
				for r.read(fan.Order((k+i)%2)) != nil {
					got.Add(1)
				}
			})
		}
		wg.Wait()
		if got.Load() != 40 {
			t.Fatalf("%d results", got.Load())
		}
		r.end()
	}
}

func TestCloseGivesUp(t *testing.T) {
	block := make(chan struct{})
	r := newRig([]job{{run: func() { <-block }}}, 1, 1)
	r.Start()
	for r.started.Load() == 0 {
		runtime.Gosched()
	}
	r.Stop(errEnough)
	over := make(chan struct{})
	close(over)
	if r.Close(func() <-chan struct{} { return over }) {
		t.Error("Close says that a blocked task has ended")
	}
	close(block)
	r.Close(nil)
}
