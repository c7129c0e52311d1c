package burdock_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// M4: inside Unslotted an action has no token, and afterwards it has one again.
func TestM4_UnslottedLendsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		decision := make(chan string)
		waits := burdock.Func("waits", func(ctx context.Context, _ promptOnly) (told, error) {
			var d string
			burdock.Unslotted(ctx, func() { d = <-decision })
			time.Sleep(time.Second) // with a token again
			return told{d}, nil
		})
		decides := burdock.Func("decides", func(_ context.Context, in promptOnly) (told, error) {
			time.Sleep(time.Second)
			decision <- in.Prompt
			time.Sleep(time.Second)
			return told{in.Prompt}, nil
		})
		began := time.Now()
		got, err := runTexts(t, tasksOf(burdock.Actions(waits, decides), nil, burdock.Task[promptOnly]{Run: waits}, burdock.Task[promptOnly]{Run: decides, State: promptOnly{"yes"}}),
			&burdock.Options{MaxConcurrency: 1})
		if want := []string{"waits 0 yes", "decides 1 yes"}; err != nil || !slices.Equal(got, want) || time.Since(began) != 3*time.Second {
			t.Errorf("got %q, %v after %v, want %q after 3s", got, err, time.Since(began), want)
		}
	})
}

// M2: a sequence that yields what its own branches have found waits for them inside Unslotted.
func TestM2_ASequenceMayWaitForItsBranches(t *testing.T) {
	found := make(chan int, 1)
	follow := burdock.Func("follow", func(_ context.Context, in forkCount) (forkCount, error) {
		found <- in.N + 1
		return in, nil
	})
	crawl := burdock.MapStates("crawl", follow, func(ctx context.Context, _ burdock.None) iter.Seq2[forkCount, error] {
		return func(yield func(forkCount, error) bool) {
			n := 0
			for yield(forkCount{n}, nil) && n < 20 {
				burdock.Unslotted(ctx, func() { n = <-found })
			}
			burdock.Unslotted(ctx, func() { <-found })
		}
	}, burdock.List[forkCount, forkCount, burdock.None](func(all []forkCount) forkCount { return forkCount{len(all)} }), nil)
	got, err := burdock.Read[forkCount](runNew(t, mustGraph(t, "g", burdock.Node(crawl)), &burdock.Options{MaxConcurrency: 1}))
	if err != nil || got.N != 21 {
		t.Errorf("got %+v, %v, want 21 branches", got, err)
	}
}

// M4: however Unslotted is used, and however its callers end, no token is lost and none is made.
func TestM4_NoTokenIsLostOrMade(t *testing.T) {
	for range 50 {
		var mu sync.Mutex
		running, most := 0, 0
		enter := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		var left sync.WaitGroup
		act := burdock.Func("act", func(ctx context.Context, in forkCount) (forkCount, error) {
			switch in.N % 7 {
			case 0:
				burdock.Unslotted(ctx, runtime.Gosched)
			case 1: // two at once
				var both sync.WaitGroup
				both.Go(func() { burdock.Unslotted(ctx, runtime.Gosched) })
				both.Go(func() { burdock.Unslotted(ctx, runtime.Gosched) })
				both.Wait()
			case 2: // one that outlives the action
				left.Go(func() { burdock.Unslotted(ctx, runtime.Gosched) })
				return in, nil
			case 3:
				defer burdock.Unslotted(ctx, func() {})
				panic("in the middle")
			case 4:
				burdock.Unslotted(ctx, func() { burdock.Unslotted(ctx, runtime.Gosched) })
			case 5:
				burdock.Unslotted(ctx, runtime.Goexit)
			}
			enter(1) // with the token
			runtime.Gosched()
			enter(-1)
			return in, nil
		})
		each := burdock.MapStates("each", act, func(ctx context.Context, _ burdock.None) iter.Seq2[forkCount, error] {
			return func(yield func(forkCount, error) bool) {
				for n := range 70 {
					if n%5 == 0 {
						burdock.Unslotted(ctx, runtime.Gosched)
					}
					if !yield(forkCount{n}, nil) {
						return
					}
				}
			}
		}, func(ctx context.Context, _ burdock.None, rs *burdock.Results[forkCount, forkCount]) (n forkCount, err error) {
			burdock.Unslotted(ctx, runtime.Gosched) // reduce has no token to lend
			for range rs.OK() {
				n.N++
			}
			return n, nil
		}, &burdock.MapOptions{Failures: burdock.Collect, Limit: 5})
		after := burdock.Func("after", func(_ context.Context, in forkCount) (forkCount, error) { return in, nil })
		got, err := burdock.Read[forkCount](runNew(t, mustGraph(t, "g", burdock.Chain(each, after)), &burdock.Options{MaxConcurrency: 3}))
		left.Wait()
		if err != nil || got.N != 50 || most > 3 {
			t.Fatalf("got %+v, %v with %d running at once, want 50 and at most 3", got, err, most)
		}
	}
}

// Unslotted ends like f when the run is cancelled, and outside of actions it only calls f.
func TestM4_UnslottedOutsideOfActions(t *testing.T) {
	called := false
	burdock.Unslotted(t.Context(), func() { called = true })
	if !called {
		t.Error("it has not called f")
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBusy)
		defer cancel()
		waits := burdock.Func("waits", func(ctx context.Context, _ burdock.None) (burdock.None, error) {
			burdock.Unslotted(ctx, func() { <-ctx.Done() })
			return burdock.None{}, ctx.Err()
		})
		app, err := burdock.New(t.Context(), mustGraph(t, "g", burdock.Node(waits)), &burdock.Options{MaxConcurrency: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := app.Run(ctx); !errors.Is(err, errBusy) {
				t.Errorf("got %v, want the run's cause", err)
			}
		}
	})
}
