package burdock_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// A gauge counts who is inside, and how many were at most.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) enter() {
	n := g.now.Add(1)
	for {
		old := g.most.Load()
		if n <= old || g.most.CompareAndSwap(old, n) {
			return
		}
	}
}

func (g *gauge) leave() { g.now.Add(-1) }

// nest makes maps in maps: depth levels of width branches each, every leaf inside all of the gauges given for its level.
func nest(depth, width int, o *burdock.MapOptions, leaf func(ctx context.Context) error) burdock.Runnable {
	r := rigOf(numbered(width)...)
	r.opts = o
	if depth == 1 {
		r.do = func(ctx context.Context, name string) (string, error) { return name, leaf(ctx) }
		return inBranch(r)
	}
	below := nest(depth-1, width, o, leaf)
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) {
		return twigOut{fmt.Sprint(b.Words)}, nil
	})
	return burdock.MustGraph("level", burdock.Chain(r.over(below), join))
}

// M3, M4: any nesting completes with Limit 1 and MaxConcurrency 1, with and without a store, and no more functions run
// at one moment than MaxConcurrency says.
func TestM4_AnyNestingCompletes(t *testing.T) {
	for depth := 1; depth <= 4; depth++ {
		for _, limit := range []int{1, 2, burdock.Unlimited} {
			for _, tokens := range []int{0, 1, 3} {
				for _, store := range []burdock.Store{nil, memory()} {
					synctest.Test(t, func(t *testing.T) {
						var inside gauge
						g := nest(depth, 3, &burdock.MapOptions{Limit: limit}, func(context.Context) error {
							inside.enter()
							defer inside.leave()
							time.Sleep(time.Millisecond)
							return nil
						})
						app := newApp(t, g.(*burdock.Graph), &burdock.Options{MaxConcurrency: tokens, Cascade: burdock.Cascade{Store: store}})
						runTo(t, app, burdock.StopDone)
						most := 1
						for range depth {
							most *= 3
							if limit > 0 {
								most = most / 3 * min(3, limit)
							}
						}
						if tokens > 0 {
							most = min(most, tokens)
						}
						if got := inside.most.Load(); got != int64(most) {
							t.Errorf("depth %d, limit %d, MaxConcurrency %d: %d ran at once, want %d", depth, limit, tokens, got, most)
						}
					})
				}
			}
		}
	}
}

// M3: Limit bounds the live branches of a visit, those included whose children run or whose record is being saved.
func TestM3_LimitBoundsLiveBranches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var live gauge
		enter := burdock.Func("enter", func(_ context.Context, in twigIn) (twigOut, error) {
			live.enter()
			return twigOut{in.Name}, nil
		})
		inner := rigOf(numbered(3)...)
		inner.do = func(ctx context.Context, name string) (string, error) {
			time.Sleep(time.Second)
			return name, nil
		}
		leave := burdock.Func("leave", func(context.Context, burdock.None) (burdock.None, error) {
			defer live.leave()
			return burdock.None{}, nil
		})
		r := rigOf(numbered(20)...)
		r.opts = &burdock.MapOptions{Limit: 3}
		g := burdock.MustGraph("g", burdock.Node(r.over(burdock.MustGraph("b", burdock.Chain(enter, inner.action(), leave)))))
		runTo(t, newApp(t, g, stored(slowStore{memory()}, nil)), burdock.StopDone)
		if live.most.Load() != 3 {
			t.Errorf("%d branches lived at once, want 3", live.most.Load())
		}
	})
}

// slowStore takes 10 ms for a save.
type slowStore struct{ burdock.Store }

func (s slowStore) Save(ctx context.Context, f burdock.Fence, batch []burdock.Checkpoint) error {
	time.Sleep(10 * time.Millisecond)
	return s.Store.Save(ctx, f, batch)
}

// M5: while its checkpoint is being committed a branch holds no token, so that another function may run.
func TestM5_CommitHoldsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf(numbered(10)...)
		r.do = func(_ context.Context, name string) (string, error) {
			time.Sleep(10 * time.Millisecond)
			return name, nil
		}
		o := stored(slowStore{memory()}, nil)
		o.MaxConcurrency = 1
		begin := time.Now()
		if _, err := r.runWith(t.Context(), t, o); err != nil {
			t.Fatal(err)
		}
		// 10 functions one after another, and the saves of the beginning, the last branch and the end.
		if took := time.Since(begin); took != 130*time.Millisecond {
			t.Errorf("it took %v, want 130ms", took)
		}
	})
}

// M6: a reduce that does not read holds back new branches when Buffer is full.
func TestM6_BufferIsBackpressure(t *testing.T) {
	for _, o := range []burdock.MapOptions{{Limit: 2, Buffer: 5}, {Limit: 8, Buffer: 3}, {Limit: 4}} {
		synctest.Test(t, func(t *testing.T) {
			r := rigOf(numbered(3000)...)
			r.opts = &o
			want := o.Buffer
			if want == 0 {
				want = o.Limit + 1024
			}
			r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
				synctest.Wait()
				if n := r.countStarted(); n != want {
					t.Errorf("%d branches have started before reduce read, want %d", n, want)
				}
				for range rs.OK() {
					synctest.Wait()
					if n := r.countStarted(); n != want+1 {
						t.Errorf("%d branches have started after one was read, want %d", n, want+1)
					}
					break
				}
				return nil, nil
			}
			if _, err := r.run(t); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMaxBranches(t *testing.T) {
	for n, fails := range map[int]bool{4: false, 5: false, 6: true} {
		r := rigOf(numbered(n)...)
		r.opts = &burdock.MapOptions{MaxBranches: 5, Failures: burdock.Collect}
		_, err := r.run(t)
		if fails {
			wantTexts(t, err, `action "fan": its sequence yields more than MaxBranches (5) branches`)
		} else if err != nil {
			t.Errorf("%d branches: %v", n, err)
		}
	}
}

// Limit and MaxConcurrency hold at every depth while branches fail, wait and are cancelled at random.
func TestLimitsAtRandom(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 4))
			limit, tokens := 1+rnd.IntN(4), 1+rnd.IntN(4)
			var inside gauge
			var calls atomic.Uint64
			depth := 1 + rnd.IntN(3)
			g := nest(depth, 1+rnd.IntN(5), &burdock.MapOptions{Limit: limit, Buffer: 1 + rnd.IntN(5), Failures: burdock.Collect},
				func(ctx context.Context) error {
					inside.enter()
					defer inside.leave()
					own := rand.New(rand.NewPCG(seed, 1000+calls.Add(1)))
					time.Sleep(time.Duration(own.IntN(5)) * time.Millisecond)
					switch own.IntN(8) {
					case 0:
						return errKilled
					case 1:
						panic("no")
					}
					return nil
				})
			app := newApp(t, g.(*burdock.Graph), &burdock.Options{MaxConcurrency: tokens})
			ctx := t.Context()
			if rnd.IntN(2) == 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(60))*time.Millisecond)
				defer cancel()
			}
			_, _ = app.Run(ctx)
			if inside.most.Load() > int64(tokens) || inside.now.Load() != 0 {
				t.Errorf("seed %d: %d functions at once with MaxConcurrency %d, %d left", seed, inside.most.Load(), tokens, inside.now.Load())
			}
		})
	}
}

// M2: the token is held while the sequence is pulled, and not before there is room.
func TestM2_TokenAfterRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The outer map's buffer is full while its branch runs a map of its own, with the only token there is.
		inner := rigOf(numbered(4)...)
		outer := rigOf(numbered(4)...)
		outer.opts = &burdock.MapOptions{Buffer: 1}
		outer.names = func(context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for _, n := range numbered(4) {
					time.Sleep(time.Second)
					if !yield(n, nil) {
						return
					}
				}
			}
		}
		g := burdock.MustGraph("g", burdock.Node(outer.over(inBranch(inner))))
		runTo(t, newApp(t, g, &burdock.Options{MaxConcurrency: 1}), burdock.StopDone)
	})
}

// M4: a branch that was restored in the middle of the wait of its Retry holds no token while it waits on.
func TestM4_RestoredWaitHoldsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("a", "b", "c")
		fail := true
		begin := time.Now()
		took := map[string]time.Duration{}
		say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) {
			if in.Name == "a" && fail {
				fail = false
				return twigOut{}, errKilled
			}
			took[in.Name] = time.Since(begin)
			return twigOut{in.Name}, nil
		}).With(burdock.Retry{Attempts: 9, Backoff: 1000 * time.Hour, MaxBackoff: 1000 * time.Hour})
		r.opts = &burdock.MapOptions{Limit: 2}
		g := burdock.MustGraph("g", burdock.Node(r.over(say)))
		store := memory()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.names = func(ctx context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				if yield("a", nil) {
					<-ctx.Done()
				}
			}
		}
		o := stored(store, nil)
		o.MaxConcurrency = 1
		if _, err := newApp(t, g, o).Run(ctx); err == nil {
			t.Fatal("no error")
		}
		r.names = rigOf("a", "b", "c").names
		runTo(t, openApp(t, g, o), burdock.StopDone)
		if took["a"] < time.Hour || took["b"] > time.Minute || took["c"] > time.Minute {
			t.Errorf("they ran after %v", took)
		}
	})
}

// P4: when the claim is lost everything is cancelled, ErrConflict is told, and nothing more is written.
func TestP4_ClaimLostWhileBranchesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &losingStore{Store: memory(), lost: make(chan struct{})}
		r := rigOf("s1", "s5", "s9")
		r.do = after
		time.AfterFunc(3*time.Second, func() { close(store.lost) })
		begin := time.Now()
		_, err := r.runWith(t.Context(), t, stored(store, nil))
		wantIs(t, err, burdock.ErrConflict)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		wantEqual(t, "statuses", statuses(branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})), "s1:completed")
	})
}

// losingStore loses its claims.
type losingStore struct {
	burdock.Store
	lost chan struct{}
}

type losingClaim struct {
	burdock.Claim
	lost chan struct{}
}

func (s *losingStore) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	c, err := s.Store.Claim(ctx, root)
	return losingClaim{c, s.lost}, err
}

func (c losingClaim) Lost() <-chan struct{} { return c.lost }
