package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// reading is what one loop over the events of a handle has read.
type reading struct {
	kinds []burdock.EventKind
	paths []string
	last  burdock.Event
	err   error
}

// readAll reads the events of a handle to their end, and takes as long for each.
func readAll(t *testing.T, h *burdock.Handle, pause time.Duration) (got reading) {
	t.Helper()
	for e, err := range h.Events() {
		if got.err != nil {
			t.Errorf("%s came after the error %v", e.Kind, got.err)
		}
		got.kinds, got.paths, got.last, got.err = append(got.kinds, e.Kind), append(got.paths, e.Path), e, err
		time.Sleep(pause)
	}
	return got
}

// M19: a loop reads the events of its child and of everything below it, from when it begins to the child's end, and no
// others, though more is told meanwhile. A second loop reads the same.
func TestM19_EventsOfAHandleAreThoseOfTheChildAndBelow(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			var one, two reading
			var r *spawnRig
			r = leading(func(ctx context.Context) (string, error) {
				fan := rigOf("x", "y")
				over := fan.over(spelling("spell", time.Second, 2))
				r.sayer(ctx, "other")
				h := spawnIt(ctx, "map", over, burdock.None{})
				var readers sync.WaitGroup
				readers.Go(func() { one = readAll(t, h, 0) })
				readers.Go(func() { two = readAll(t, h, 0) })
				readers.Wait()
				_, err := h.Wait()
				return "", err
			})
			runTo(t, r.open(t, db), burdock.StopDone)
			if one.err != nil || one.last.Kind != burdock.EventBranchEnded || one.last.Path != "app/lead#1/map" || one.last.Status != burdock.StatusCompleted {
				t.Errorf("the last event is %+v, %v", one.last, one.err)
			}
			later := min(len(one.kinds), len(two.kinds)) - 2 // one of them may begin when the child has
			if from := func(r reading) []burdock.EventKind { return r.kinds[len(r.kinds)-later:] }; !slices.Equal(from(one), from(two)) {
				t.Errorf("two loops have read\n%v and\n%v", one.kinds, two.kinds)
			}
			chunks := 0
			for i, path := range one.paths {
				if !strings.HasPrefix(path, "app/lead#1/map") {
					t.Errorf("got an event of %s", path)
				}
				if one.kinds[i] == burdock.EventChunk {
					chunks++
				}
			}
			wantEqual(t, "chunks", chunks, 4)
		})
	})
}

// M19: a loop that begins while the child runs reads what happens from then on; one that begins when it has ended reads
// its error alone.
func TestM19_EventsBeginWithTheLoop(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			lead := func(ctx context.Context) (string, error) {
				spell := spawnIt(ctx, "a", spelling("spell", time.Second, 4), twigIn{"a"})
				time.Sleep(2500 * time.Millisecond)
				got := readAll(t, spell, 0)
				want := []burdock.EventKind{burdock.EventChunk, burdock.EventChunk, burdock.EventStepEnded, burdock.EventBranchEnded}
				if !slices.Equal(got.kinds, want) || got.err != nil {
					t.Errorf("got %v, %v, want %v", got.kinds, got.err, want)
				}
				if got := readAll(t, spell, 0); len(got.kinds) > 0 {
					t.Errorf("of a child that has ended: got %v", got.kinds)
				}
				failing := spawnIt(ctx, "b", burdock.Func("no", func(context.Context, twigIn) (twigOut, error) { return twigOut{}, errStop }), twigIn{"b"})
				_, _ = failing.Wait()
				if got := readAll(t, failing, 0); len(got.kinds) != 1 || got.kinds[0] != "" || !errors.Is(got.err, errStop) {
					t.Errorf("of a child that has failed: got %v, %v", got.kinds, got.err)
				}
				return "", nil
			}
			runTo(t, leading(lead).open(t, db), burdock.StopDone)
		})
	})
}

// M19: a child waits for a slow reader, and for nobody else; a handle that nobody reads blocks nothing.
func TestM19_ASlowReaderOfAHandleSlowsItsChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		took := map[string]time.Duration{}
		lead := func(ctx context.Context) (string, error) {
			read := spawnIt(ctx, "a", spelling("spell", time.Second, 10), twigIn{"a"})
			unread := spawnIt(ctx, "b", spelling("spell", time.Second, 10), twigIn{"b"})
			var reader sync.WaitGroup
			reader.Go(func() {
				if got := readAll(t, read, time.Minute); got.err != nil {
					t.Error(got.err)
				}
			})
			_, err1 := unread.Wait()
			took["unread"] = time.Since(began)
			_, err2 := read.Wait()
			took["read"] = time.Since(began)
			reader.Wait()
			return "", errors.Join(err1, err2)
		}
		runTo(t, leading(lead).open(t, nil), burdock.StopDone)
		if took["unread"] != 10*time.Second || took["read"] < 10*time.Minute {
			t.Errorf("the children took %v", took)
		}
	})
}

// M19: leaving the loop leaves the child running, whichever way the loop is left.
func TestM19_LeavingTheEventsOfAHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := func(ctx context.Context) (word string, err error) {
			for name, leave := range map[string]func() bool{
				"break":  func() bool { return true },
				"panics": func() bool { panic("no more") },
			} {
				h := spawnIt(ctx, name, spelling("spell", time.Second, 5), twigIn{name})
				func() {
					defer func() { _ = recover() }()
					for _, err := range h.Events() {
						if err != nil || leave() {
							break
						}
					}
				}()
				said, err := wordOf(h)
				if err != nil || said != "<"+name+">" {
					t.Errorf("%s: got %q, %v", name, said, err)
				}
			}
			return "", nil
		}
		runTo(t, leading(lead).open(t, nil), burdock.StopDone)
	})
}

// M19: when the action returns, its loops end and its children are cancelled, though a reader is slow, or in the loop's
// body for ever. A loop that begins later reads nothing.
func TestM19_LoopsEndWhenTheActionReturns(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			var slow, waiting reading
			var readers sync.WaitGroup
			var kept *burdock.Handle
			let := make(chan struct{})
			var r *spawnRig
			r = leading(func(ctx context.Context) (string, error) {
				h := spawnIt(ctx, "a", spelling("spell", time.Second, 10), twigIn{"a"})
				kept = h
				readers.Go(func() { slow = readAll(t, h, time.Hour) })
				readers.Go(func() { waiting = readAll(t, r.sayer(ctx, strings.Repeat("z", 100)), 0) })
				readers.Go(func() {
					for _, err := range h.Events() {
						if err != nil {
							t.Error(err)
						}
						<-let
					}
				})
				time.Sleep(5 * time.Second)
				return "done", nil
			})
			began := time.Now()
			out := runTo(t, r.open(t, db), burdock.StopDone)
			if took := time.Since(began); took > 6*time.Second { // the pause before a letter cannot be interrupted
				t.Errorf("the run took %v, want 6s at most", took)
			}
			wantEqual(t, "word", view[leadOut](t, out.State).Word, "done")
			close(let)
			readers.Wait()
			if slow.err != nil || waiting.err != nil || len(slow.kinds) > 1 {
				t.Errorf("got %v, %v, %v", slow.kinds, slow.err, waiting.err)
			}
			if got := readAll(t, kept, 0); len(got.kinds) > 0 {
				t.Errorf("after the action: got %v", got.kinds)
			}
		})
	})
}

// M19, I5: a child that waits does not end the loop, since it may go on; that it cannot does.
func TestM19_EventsOfAChildThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got reading
		var readers sync.WaitGroup
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			h := spawnIt(ctx, "who", r.ask(), burdock.None{})
			readers.Go(func() { got = readAll(t, h, 0) })
			time.Sleep(time.Hour) // it waits, and the loop with it
			defer readers.Wait()
			return wordOf(h)
		})
		app := r.open(t, newStore())
		runTo(t, app, burdock.StopWaiting)
		if got.last.Kind != "" || !errors.Is(got.err, burdock.ErrSuspended) {
			t.Errorf("got %v, %v", got.kinds, got.err)
		}
		r.lead = func(ctx context.Context) (string, error) {
			h := spawnIt(ctx, "who", r.ask(), burdock.None{})
			got = readAll(t, h, 0)
			return wordOf(h)
		}
		out := runTo(t, app, burdock.StopDone, burdock.Input("yes", "!"))
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "yes:!")
		if got.err != nil { // the child may have ended before the loop begins
			t.Errorf("got %v, %v", got.kinds, got.err)
		}
	})
}

// M19: an answer from elsewhere lets a child go on that waits, and the loop reads on.
func TestM19_EventsGoOnWhenAChildIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newStore()
		var got reading
		var r *spawnRig
		r = leading(func(ctx context.Context) (string, error) {
			h := spawnIt(ctx, "who", r.ask(), burdock.None{})
			go func() {
				time.Sleep(time.Minute)
				ref := burdock.Ref{App: h.ID(), Seq: -1}
				if err := burdock.Answer(context.Background(), db, ref, burdock.Input("yes", "!")); err != nil {
					t.Error(err)
				}
			}()
			got = readAll(t, h, 0)
			return wordOf(h)
		})
		out := runTo(t, r.open(t, db), burdock.StopDone)
		wantEqual(t, "word", view[leadOut](t, out.State).Word, "yes:!")
		if text := fmt.Sprint(got.kinds); got.err != nil || got.last.Status != burdock.StatusCompleted || !strings.Contains(text, string(burdock.EventWaiting)) {
			t.Errorf("got %s, %v", text, got.err)
		}
	})
}

// M19: a loop that begins in the midst of a step is not told that it began when a step of another branch did.
func TestM19_TheBeginningThatNobodyHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("a", "b")
		if _, err := r.runWith(t.Context(), t, &burdock.Options{Cascade: burdock.Cascade{Tracker: r}}); err != nil {
			t.Fatal(err)
		}
		child := doing("child", func(context.Context) error { time.Sleep(2 * time.Second); return nil })
		lead := doing("lead", func(ctx context.Context) error {
			h := spawnIt(ctx, "child", child, burdock.None{})
			time.Sleep(time.Second)
			for e, err := range h.Events() {
				if err != nil || e.Kind == burdock.EventStepEnded && !e.Started.IsZero() {
					t.Errorf("%s began at %v (%v)", e.Kind, e.Started, err)
				}
			}
			return nil
		})
		runTo(t, newApp(t, line(lead), nil), burdock.StopDone)
	})
}
