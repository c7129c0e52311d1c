package burdock_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// spelling emits the letters of a name one by one, and returns it as a word.
func spelling(name string, pause time.Duration, letters int) *burdock.Action {
	return burdock.Stream(name, func(_ context.Context, in twigIn, emit func(string) error) (twigOut, error) {
		for i := range letters {
			time.Sleep(pause)
			if err := emit(fmt.Sprintf("%s.%d", in.Name, i)); err != nil {
				return twigOut{}, err
			}
		}
		return twigOut{"<" + in.Name + ">"}, nil
	})
}

// spelled is a map whose branches spell their names.
func spelled(names []string, branch burdock.Runnable, opts *burdock.MapOptions) *burdock.Action {
	r := rigOf(names...)
	r.opts = opts
	return r.over(branch)
}

// allEvents reads all events of a run, and its error, which only the last may have.
func allEvents(t *testing.T, app *burdock.App, opts ...burdock.RunOption) ([]burdock.Event, error) {
	t.Helper()
	return eventsOf(t.Context(), t, app, func(burdock.Event) {}, opts...)
}

// eventsOf reads all events of a run and calls f with each.
func eventsOf(ctx context.Context, t *testing.T, app *burdock.App, f func(burdock.Event), opts ...burdock.RunOption) ([]burdock.Event, error) {
	t.Helper()
	var all []burdock.Event
	var last error
	for e, err := range app.Events(ctx, opts...) {
		if last != nil {
			t.Errorf("%s came after the error %v", e.Kind, last)
		}
		last = err
		if e.Kind != "" {
			all = append(all, e)
		}
		f(e)
	}
	return all, last
}

// inOrder wants the events of each application in their order.
func inOrder(t *testing.T, all []burdock.Event) {
	t.Helper()
	before := map[string]burdock.Event{}
	for _, e := range all {
		last, ok := before[e.App]
		before[e.App] = e
		if ok && placed(last, e) >= 0 {
			t.Errorf("%s: %s (%d.%d.%d) came before %s (%d.%d.%d)", e.Path, last.Kind, last.Seq, last.Attempt, last.N, e.Kind, e.Seq, e.Attempt, e.N)
		}
	}
}

func placed(a, b burdock.Event) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Attempt, b.Attempt), cmp.Compare(a.N, b.N))
}

func lastOf(all []burdock.Event) burdock.Event {
	if len(all) == 0 {
		return burdock.Event{}
	}
	return all[len(all)-1]
}

func readEnd(t *testing.T, all []burdock.Event, stop burdock.Stop) burdock.Event {
	t.Helper()
	end := lastOf(all)
	if end.Kind != burdock.EventAppEnded || end.Stop != stop || strings.Contains(end.Path, "/") {
		t.Errorf("got %s of %q, %q, as the last event; want the end of the root, %q", end.Kind, end.Path, end.Stop, stop)
	}
	return end
}

// R7: chunks of all branches come in one loop, interleaved as they happen, named, and in order within each branch.
func TestR7_ChunksOfTwentyBranchesInOneLoop(t *testing.T) {
	for _, db := range []burdock.Store{nil, memory()} {
		synctest.Test(t, func(t *testing.T) {
			o := stored(db, nil)
			app := newApp(t, line(spelled(numbered(20), spelling("spell", time.Second, 5), nil)), o)
			all, err := allEvents(t, app)
			if err != nil {
				t.Fatal(err)
			}
			inOrder(t, all)
			readEnd(t, all, burdock.StopDone)
			chunks := map[string][]string{}
			var order []string
			for _, e := range all {
				if chunk, ok := burdock.ChunkOf[string](e); ok {
					chunks[e.Path] = append(chunks[e.Path], chunk)
					order = append(order, chunk)
				}
			}
			wantEqual(t, "branches with chunks", len(chunks), 20)
			for _, name := range numbered(20) {
				want := []string{name + ".0", name + ".1", name + ".2", name + ".3", name + ".4"}
				if got := chunks["app/fan#1/"+name]; !slices.Equal(got, want) {
					t.Errorf("branch %s: got %v, want %v", name, got, want)
				}
			}
			for i, chunk := range order { // all sleep for the same time, so each round of letters comes whole before the next
				if want := fmt.Sprintf(".%d", i/20); !strings.HasSuffix(chunk, want) {
					t.Errorf("chunk %d of the run is %s, want one that ends in %s", i, chunk, want)
				}
			}
		})
	}
}

// R7: the reader is told what a tracker is told, the same events with the same numbers, and no more.
func TestR7_TheReaderIsToldWhatATrackerIsTold(t *testing.T) {
	for _, db := range []burdock.Store{nil, memory()} {
		synctest.Test(t, func(t *testing.T) {
			tracked := rigOf()
			o := stored(db, nil)
			o.Cascade.Tracker = tracked
			all, err := allEvents(t, newApp(t, taleGraph(new(completions)), o))
			if err != nil {
				t.Fatal(err)
			}
			inOrder(t, all)
			alike := func(events []burdock.Event) []burdock.Event {
				events = slices.Clone(events)
				slices.SortFunc(events, func(a, b burdock.Event) int { return cmp.Or(cmp.Compare(a.App, b.App), placed(a, b)) })
				return events
			}
			if diff := gocmp.Diff(alike(tracked.events), alike(all)); diff != "" {
				t.Errorf("events of tracker and reader (-tracker +reader):\n%s", diff)
			}
		})
	}
}

// R7, M20: NoTracker keeps trackers from being told of branches, not the loop.
func TestR7_TheReaderIsToldOfBranchesWithoutATracker(t *testing.T) {
	tracked := rigOf()
	o := starting(nil)
	o.State = burdock.State{}
	o.Cascade.Tracker = tracked
	m := spelled(numbered(3), spelling("spell", 0, 1), &burdock.MapOptions{Branches: &burdock.Cascade{Tracker: burdock.NoTracker}})
	all, err := allEvents(t, newApp(t, line(m), o))
	if err != nil {
		t.Fatal(err)
	}
	inOrder(t, all)
	counts := func(events []burdock.Event) (branches, chunks int) {
		for _, e := range events {
			if strings.Contains(e.Path, "/") {
				branches++
			}
			if e.Kind == burdock.EventChunk {
				chunks++
			}
		}
		return branches, chunks
	}
	if branches, _ := counts(tracked.events); branches != 0 {
		t.Errorf("the tracker was told of %d events of branches", branches)
	}
	if branches, chunks := counts(all); branches != 3*5 || chunks != 3 {
		t.Errorf("got %d events of branches with %d chunks, want 15 with 3", branches, chunks)
	}
}

// R7: a slow reader makes those who emit wait, and no Timeout fires for it: not that of the action, of the steps around
// it, or of a task.
func TestR7_NoTimeoutRunsWhileTheReaderIsSlow(t *testing.T) {
	for _, db := range []burdock.Store{nil, memory()} {
		synctest.Test(t, func(t *testing.T) {
			words := spelling("spell", 300*time.Millisecond, 3).With(burdock.Timeout(time.Second))
			tasks := burdock.MapTasks("fan", burdock.Actions(words),
				func(context.Context, burdock.None) iter.Seq2[burdock.Task[twigKey], error] {
					return burdock.Each(numbered(3), func(name string) burdock.Task[twigKey] {
						return burdock.Task[twigKey]{State: twigKey{name}, Timeout: time.Second}
					})
				},
				func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
					return bunch{wordsOf(rs.OK())}, nil
				}, nil).With(burdock.Timeout(time.Second))
			app := newApp(t, line(tasks), stored(db, nil))
			began := time.Now()
			all, err := eventsOf(t.Context(), t, app, func(burdock.Event) { time.Sleep(time.Hour) })
			if err != nil {
				t.Fatal(err)
			}
			readEnd(t, all, burdock.StopDone)
			got, err := burdock.Read[bunch](app.Outcome(), nil)
			wantWords(t, got.Words, err, "<b00> <b01> <b02>")
			if took := time.Since(began); took < time.Duration(len(all))*time.Hour {
				t.Errorf("%d events took %v: the reader was not waited for", len(all), took)
			}
		})
	}
}

// R7: an action that is slow itself has its Timeout, to the moment, however long the reader has kept it waiting.
func TestR7_ASlowActionHasItsTimeoutBesideASlowReader(t *testing.T) {
	tests := map[string]func(a *burdock.Action) *burdock.Action{
		"of the action": func(a *burdock.Action) *burdock.Action {
			return spelled(numbered(1), a.With(burdock.Timeout(time.Second)), nil)
		},
		"of the step around it": func(a *burdock.Action) *burdock.Action {
			return spelled(numbered(1), a, nil).With(burdock.Timeout(time.Second))
		},
		"of the task": func(a *burdock.Action) *burdock.Action {
			return burdock.MapTasks("fan", burdock.Actions(a),
				func(context.Context, burdock.None) iter.Seq2[burdock.Task[twigKey], error] {
					return burdock.Each(numbered(1), func(name string) burdock.Task[twigKey] {
						return burdock.Task[twigKey]{State: twigKey{name}, Timeout: time.Second}
					})
				},
				func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
					return bunch{wordsOf(rs.OK())}, nil
				}, nil)
		},
	}
	for name, of := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var own time.Duration // that the action has spent by itself
				slow := burdock.Stream("slow", func(ctx context.Context, in twigIn, emit func(string) error) (twigOut, error) {
					for {
						began := time.Now()
						select {
						case <-time.After(300 * time.Millisecond):
						case <-ctx.Done():
						}
						own += time.Since(began)
						if ctx.Err() != nil {
							wantEqual(t, "ctx.Err()", ctx.Err(), context.DeadlineExceeded)
							wantIs(t, context.Cause(ctx), burdock.ErrTimeout)
							return twigOut{}, ctx.Err()
						}
						if err := emit(in.Name); err != nil {
							return twigOut{}, err
						}
					}
				})
				app := newApp(t, line(of(slow)), starting(burdock.None{}))
				all, err := eventsOf(t.Context(), t, app, func(burdock.Event) { time.Sleep(time.Hour) })
				wantIs(t, err, burdock.ErrTimeout)
				wantIs(t, err, context.DeadlineExceeded)
				readEnd(t, all, burdock.StopFailed)
				wantEqual(t, "the action's own time", own, time.Second)
			})
		})
	}
}

// R7: an action's context under Events is what it is under Run: its deadline is when it will end, and a context made of it
// ends with the same error and cause.
func TestR7_AContextWhoseClockStandsStillIsLikeAnyOther(t *testing.T) {
	for _, read := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			act := burdock.Stream("act", func(ctx context.Context, _ burdock.None, emit func(int) error) (burdock.None, error) {
				due := func() time.Duration {
					at, ok := ctx.Deadline()
					if !ok {
						t.Error("it has no deadline")
					}
					return time.Until(at)
				}
				wantEqual(t, "time that is left", due(), 3*time.Second)
				time.Sleep(time.Second)
				if err := emit(1); err != nil {
					return burdock.None{}, err
				}
				if err := emit(2); err != nil { // when the first has been looked at
					return burdock.None{}, err
				}
				wantEqual(t, "time that is left after emit", due(), 2*time.Second)
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				longer, cancelLonger := context.WithTimeout(ctx, time.Minute)
				defer cancelLonger()
				shorter, cancelShorter := context.WithTimeout(ctx, time.Second)
				defer cancelShorter()
				<-shorter.Done()
				wantEqual(t, "the context after a shorter one", ctx.Err(), nil)
				<-derived.Done()
				<-longer.Done()
				for what, c := range map[string]context.Context{"its own": ctx, "derived": derived, "longer": longer} {
					wantEqual(t, what, c.Err(), context.DeadlineExceeded)
					wantEqual(t, what, context.Cause(c), burdock.ErrTimeout)
				}
				wantEqual(t, "time that is left at the end", due(), 0)
				return burdock.None{}, derived.Err()
			}).With(burdock.Timeout(3 * time.Second))
			app := newApp(t, line(act), starting(burdock.None{}))
			var err error
			if read {
				_, err = eventsOf(t.Context(), t, app, func(burdock.Event) { time.Sleep(time.Hour) })
			} else {
				_, err = app.Run(t.Context())
			}
			wantIs(t, err, burdock.ErrTimeout)
		})
	}
}

// What ends the run ends an action whose Timeout may stand still, with the same cause.
func TestR7_TheRunEndsAnActionWithATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		act := doing("act", func(ctx context.Context) error {
			cancel(errTest)
			<-ctx.Done()
			wantEqual(t, "ctx.Err()", ctx.Err(), context.Canceled)
			wantEqual(t, "cause", context.Cause(ctx), errTest)
			return ctx.Err()
		}).With(burdock.Timeout(time.Second))
		all, err := eventsOf(ctx, t, newApp(t, line(act), starting(burdock.None{})), func(burdock.Event) {})
		wantIs(t, err, errTest)
		readEnd(t, all, burdock.StopCancelled)
	})
}

// completions count what actions have completed, by name.
type completions struct {
	mu      sync.Mutex
	of      map[string]int
	running atomic.Int64
}

// does counts f if it succeeds.
func (c *completions) does(name string, f func() error) error {
	c.running.Add(1)
	defer c.running.Add(-1)
	if err := f(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[name]++
	return nil
}

// taleGraph is a graph with a nested run: first, then two branches that each spell a name and fan out again over two
// words, and last.
func taleGraph(c *completions) *burdock.Graph {
	tell := burdock.Stream("tell", func(ctx context.Context, in twigIn, emit func(string) error) (burdock.None, error) {
		return burdock.None{}, c.does("tell "+in.Name, func() error {
			ctx, end := burdock.Span(ctx, "telling")
			defer end(nil)
			burdock.Attr(ctx, "letters", 2)
			return errors.Join(emit(in.Name+".0"), emit(in.Name+".1"))
		})
	})
	leaf := burdock.Stream("leaf", func(_ context.Context, in twigIn, emit func(string) error) (twigOut, error) {
		return twigOut{"<" + in.Name + ">"}, c.does("leaf "+in.Name, func() error { return emit(in.Name) })
	})
	inner := burdock.MapStates("inner", leaf,
		func(_ context.Context, in nameState) iter.Seq2[twigKey, error] {
			return burdock.Each([]string{in.Name + "1", in.Name + "2"}, func(name string) twigKey { return twigKey{name} })
		},
		func(_ context.Context, _ nameState, rs *twigResults) (twigOut, error) {
			return twigOut{strings.Join(wordsOf(rs.OK()), "")}, nil
		}, nil)
	tale := burdock.MustGraph("tale", burdock.Chain(tell, inner))
	ends := func(name string) *burdock.Action {
		return doing(name, func(context.Context) error { return c.does(name, func() error { return nil }) })
	}
	return line(ends("first"), spelled([]string{"a", "b"}, tale, nil), ends("last"))
}

// R7: a loop that is left at whatever event pauses the run; everything saved stays, and what is run next comes to the
// same end. What was completed does not run again: with a store not even in branches.
func TestR7_LeavingTheLoopAtAnyEventPauses(t *testing.T) {
	for name, db := range map[string]func() burdock.Store{
		"without a store": func() burdock.Store { return nil },
		"memstore":        func() burdock.Store { return memory() },
	} {
		t.Run(name, func(t *testing.T) {
			for at, more := 0, true; more; at++ {
				synctest.Test(t, func(t *testing.T) { more = leavesAt(t, at, db()) })
			}
		})
	}
}

// leavesAt leaves the loop at the event of that number, and runs on. It returns false if there is no such event.
func leavesAt(t *testing.T, at int, db burdock.Store) bool {
	c, tracked := new(completions), rigOf()
	o := stored(db, nil)
	o.Cascade.Tracker = tracked
	g := taleGraph(c)
	app := newApp(t, g, o)
	n, broke := 0, false
	for e, err := range app.Events(t.Context()) {
		if err != nil {
			t.Fatalf("event %d, %s: %v", n, e.Kind, err)
		}
		if n++; n > at {
			broke = true
			break
		}
	}
	wantEqual(t, "actions that run after the loop", c.running.Load(), 0)
	out := app.Outcome()
	if stop := out.Stop; broke && stop != burdock.StopPaused && stop != burdock.StopDone || out.Err != nil {
		t.Fatalf("left at event %d: got stop %q, error %v", at, stop, out.Err)
	}
	tracked.mu.Lock()
	if end := lastOf(tracked.events); end.Kind != burdock.EventAppEnded || end.Stop != out.Stop || end.Error != "" {
		t.Errorf("left at event %d: the tracker's last event is %s %s %s", at, end.Kind, end.Stop, end.Error)
	}
	tracked.mu.Unlock()
	if db != nil && at%2 == 1 { // another process may go on
		app = openApp(t, g, o)
	}
	out = runTo(t, app, burdock.StopDone)
	got, err := burdock.Read[bunch](out, nil)
	wantWords(t, got.Words, err, "<a1><a2> <b1><b2>")
	for name, count := range c.of {
		if count != 1 && (db != nil || name == "first" || name == "last") {
			t.Errorf("left at event %d: %s was completed %d times", at, name, count)
		}
	}
	return broke
}

// R7: a run that is paused whenever a step has completed comes to its end. What is restored is told.
func TestR7_PausedWheneverSomethingCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(completions)
		app := newApp(t, taleGraph(c), stored(memory(), nil))
		restored := 0
		for calls := 0; app.Outcome() == nil || app.Outcome().Stop == burdock.StopPaused; calls++ {
			if calls > 100 {
				t.Fatal("it does not get on")
			}
			for e, err := range app.Events(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind == burdock.EventRestored {
					restored++
				}
				if e.Kind == burdock.EventStepEnded && e.Status == burdock.StatusCompleted {
					break
				}
			}
		}
		if restored == 0 {
			t.Error("no restored branch was told of")
		}
		for name, count := range c.of {
			wantEqual(t, name, count, 1)
		}
	})
}

// R7: what is running is cancelled with ErrPaused. What completes in spite of it is committed.
func TestR7_LeavingTheLoopCancelsWithErrPaused(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var cause error
			heedful := burdock.Func("heedful", func(ctx context.Context, in twigIn) (twigOut, error) {
				if in.Name == "b00" {
					time.Sleep(500 * time.Millisecond) // and completes
					return twigOut{"<b00>"}, nil
				}
				<-ctx.Done()
				cause = context.Cause(ctx)
				return twigOut{}, cause
			})
			db := memory()
			o := stored(db, nil)
			o.Grace = grace
			app := newApp(t, line(spelled(numbered(2), heedful, nil)), o)
			began := time.Now()
			started := 0
			for e, err := range app.Events(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				if e.Kind == burdock.EventStepStarted {
					started++
				}
				if started == 3 {
					break
				}
			}
			wantEqual(t, "time to the end of the loop", time.Since(began), 500*time.Millisecond)
			wantEqual(t, "cause", cause, burdock.ErrPaused)
			wantEqual(t, "stop", app.Outcome().Stop, burdock.StopPaused)
			got := statuses(branchRecords(t, db, burdock.Ref{App: "app", Seq: 1}))
			wantEqual(t, "branches", got, "b00:completed b01:cancelled")
		})
	}
}

// R7: an emit that waits when the loop is left returns, and so does one that comes later.
func TestR7_EmitReturnsWhenTheLoopIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		act := burdock.Stream("act", func(_ context.Context, _ burdock.None, emit func(int) error) (burdock.None, error) {
			for i := range 4 {
				errs = append(errs, emit(i))
			}
			return burdock.None{}, nil
		})
		app := newApp(t, line(act), starting(burdock.None{}))
		for e, err := range app.Events(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			if e.Kind == burdock.EventChunk {
				synctest.Wait() // the next one waits
				break
			}
		}
		want := []error{nil, burdock.ErrPaused, burdock.ErrPaused, burdock.ErrPaused}
		if !slices.Equal(errs, want) {
			t.Errorf("got %v, want %v", errs, want)
		}
		wantEqual(t, "stop of a run that was done anyway", app.Outcome().Stop, burdock.StopDone)
	})
}

// R7: when ctx ends, an emit that waits returns with its cause. The reader is told the rest, down to the end.
func TestR7_TheContextEndsInTheMidst(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			tracked := rigOf()
			o := starting(burdock.None{})
			o.Cascade.Tracker, o.Grace = tracked, grace
			app := newApp(t, line(spelled(numbered(8), spelling("spell", time.Second, 3), nil)), o)
			all, err := eventsOf(ctx, t, app, func(e burdock.Event) {
				if e.Value == "b03.1" {
					synctest.Wait() // the other branches wait with theirs
					cancel(errTest)
					time.Sleep(time.Hour) // long after Grace
				}
			})
			wantIs(t, err, errTest)
			if errors.Is(err, burdock.ErrPaused) || strings.Contains(err.Error(), "left behind") {
				t.Errorf("got error %v", err)
			}
			readEnd(t, all, burdock.StopCancelled)
			inOrder(t, all)
			wantEqual(t, "events", len(all), len(tracked.events))
			runTo(t, app, burdock.StopDone)
		})
	}
}

// R7: a panic of the loop's body pauses like break, and is the body's own.
func TestR7_APanicOfTheLoopsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(completions)
		app := newApp(t, taleGraph(c), stored(memory(), nil))
		func() {
			defer func() { wantEqual(t, "panic", recover(), any("body")) }()
			for e, err := range app.Events(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				if e.Kind == burdock.EventChunk {
					panic("body")
				}
			}
		}()
		wantEqual(t, "actions that run", c.running.Load(), 0)
		wantEqual(t, "stop", app.Outcome().Stop, burdock.StopPaused)
		runTo(t, app, burdock.StopDone)
	})
}

// R7: runtime.Goexit in the loop's body, as a test's Fatal calls it, leaves nothing running.
func TestR7_GoexitInTheLoopsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(completions)
		app := newApp(t, taleGraph(c), stored(memory(), nil))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range app.Events(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				exit()
			}
		}()
		<-done
		wantEqual(t, "actions that run", c.running.Load(), 0)
		runTo(t, app, burdock.StopDone)
	})
}

// R7: the last event says how the run ended, with the error that Run would return.
func TestR7_TheLastEventSaysHowItEnded(t *testing.T) {
	inBranch := func(f func() (string, error)) *burdock.Action {
		r := rigOf("x")
		r.do = func(context.Context, string) (string, error) { return f() }
		return r.action()
	}
	tests := map[string]struct {
		graph *burdock.Graph
		opts  []burdock.RunOption
		stop  burdock.Stop
		text  string
	}{
		"done":        {line(idle("a")), nil, burdock.StopDone, ""},
		"failed":      {line(idle("a"), failing("bad", &errTest)), nil, burdock.StopFailed, "test error"},
		"waiting":     {line(idle("a"), askAction), nil, burdock.StopWaiting, ""},
		"halted":      {line(idle("a"), idle("b")), []burdock.RunOption{burdock.HaltBefore(burdock.ByName("b"))}, burdock.StopHaltedBefore, ""},
		"branch":      {line(inBranch(func() (string, error) { return "", errTest })), nil, burdock.StopFailed, "app/fan#1/x"},
		"branch left": {line(inBranch(func() (string, error) { exit(); return "", nil })), nil, burdock.StopFailed, "Goexit"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app := newApp(t, test.graph, stored(memory(), prompted{"p"}))
			all, err := allEvents(t, app, test.opts...)
			end := readEnd(t, all, test.stop)
			if (err != nil) != (test.text != "") || err != nil && (end.Error != err.Error() || !strings.Contains(end.Error, test.text)) {
				t.Errorf("got error %v, and %q in the event; want %q", err, end.Error, test.text)
			}
			wantEqual(t, "outcome", app.Outcome().Stop, test.stop)
		})
	}
}

// R7, R10: the call is over when its last event is yielded, so the loop's body may begin another; before that another is
// refused, and disturbs nothing.
func TestR10_AnotherCallWhileEventsAreRead(t *testing.T) {
	app := newApp(t, line(adder("a", 1), idle("b")), stored(memory(), number{1}))
	for e, err := range app.Events(t.Context(), burdock.HaltAfter(burdock.ByName("a"))) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != burdock.EventAppEnded {
			refused := 0
			for e, err := range app.Events(t.Context()) {
				wantIs(t, err, burdock.ErrConflict)
				wantEqual(t, "kind of the event", e.Kind, "")
				refused++
			}
			wantEqual(t, "what a refused call yields", refused, 1)
			_, err := app.Run(t.Context())
			wantIs(t, err, burdock.ErrConflict)
			continue
		}
		runTo(t, app, burdock.StopDone)
	}
	wantEqual(t, "n", view[number](t, app.State()).N, 2)
}

// A call that fails before anything has run yields its error alone.
func TestR7_ACallThatFailsBeforeAnythingRuns(t *testing.T) {
	app := newApp(t, line(idle("a")), starting(burdock.None{}))
	all, err := allEvents(t, app, burdock.Input("nobody", "x"))
	wantTexts(t, err, "nobody")
	wantEqual(t, "events", len(all), 0)
	db := memory()
	claim, err := db.Claim(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = claim.Release(t.Context()) }()
	all, err = allEvents(t, newApp(t, line(idle("a")), stored(db, nil)))
	wantIs(t, err, burdock.ErrConflict)
	wantEqual(t, "events", len(all), 0)
}

// A store that fails stops the run; its error comes with the last event.
func TestR7_AStoreThatFails(t *testing.T) {
	db := frail(memory(), 1)
	all, err := allEvents(t, newApp(t, line(idle("a"), idle("b")), stored(db, nil)))
	if !isStoreError(err) {
		t.Errorf("got error %v, want that of the store", err)
	}
	end := readEnd(t, all, burdock.StopCancelled)
	wantEqual(t, "error in the event", end.Error, err.Error())
}

// R7: Events, Run and Steps are calls on one App like each other: what one leaves the next goes on with.
func TestR7_EventsRunAndStepsTakeTurns(t *testing.T) {
	app := newApp(t, line(adder("a", 1), adder("b", 10), adder("c", 100), adder("d", 1000)), stored(memory(), number{}))
	after := func(name string) burdock.RunOption { return burdock.HaltAfter(burdock.ByName(name)) }
	if _, err := allEvents(t, app, after("a")); err != nil {
		t.Fatal(err)
	}
	runTo(t, app, burdock.StopHaltedAfter, after("b"))
	firstStep(t, app)
	wantEqual(t, "n", view[number](t, app.State()).N, 111)
	all, err := allEvents(t, app)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprintf("%s %d.%d.%d", e.Kind, e.Seq, e.Attempt, e.N))
	}
	want := []string{"app_started 4.1.1", "step_started 4.1.2", "step_ended 4.1.3", "app_ended 5.0.4"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	wantEqual(t, "n", view[number](t, app.State()).N, 1111)
}

// R7: the end of a step is told when its checkpoint is committed.
func TestR7_AStepIsCommittedBeforeItsEndIsRead(t *testing.T) {
	db := memory()
	all, err := eventsOf(t.Context(), t, newApp(t, taleGraph(new(completions)), stored(db, nil)), func(e burdock.Event) {
		if e.Kind != burdock.EventStepEnded {
			return
		}
		cp, err := db.Load(t.Context(), burdock.Ref{App: e.App, Seq: e.Seq})
		if err != nil || cp.Status != e.Status {
			t.Errorf("%s ended step %d as %s, but the store has %v, %v", e.Path, e.Seq, e.Status, cp.Status, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	inOrder(t, all)
}

// R4, R7: chunks carry the attempt, and the event of a retry tells the reader to drop what it has shown.
func TestR7_ChunksOfAnAttemptThatIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := burdock.Stream("act", func(ctx context.Context, _ burdock.None, emit func(string) error) (burdock.None, error) {
			attempt := burdock.Info(ctx).Attempt
			if err := emit(fmt.Sprintf("try %d", attempt)); err != nil {
				return burdock.None{}, err
			}
			if attempt < 3 {
				return burdock.None{}, errTest
			}
			return burdock.None{}, nil
		}).With(burdock.Retry{Attempts: 3})
		var shown []string
		all, err := eventsOf(t.Context(), t, newApp(t, line(act), starting(burdock.None{})), func(e burdock.Event) {
			if e.Kind == burdock.EventRetry {
				shown = nil
			}
			if chunk, ok := burdock.ChunkOf[string](e); ok {
				shown = append(shown, fmt.Sprintf("%s of %d", chunk, e.Attempt))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		inOrder(t, all)
		if !slices.Equal(shown, []string{"try 3 of 3"}) {
			t.Errorf("got %q", shown)
		}
	})
}

// R7: events of one action come in the order of their numbers, also when its own goroutines tell them at once.
func TestR7_OneActionTellsFromManyGoroutines(t *testing.T) {
	act := burdock.Stream("act", func(ctx context.Context, _ burdock.None, emit func(int) error) (burdock.None, error) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 50 {
					_, end := burdock.Span(ctx, "s")
					_ = emit(i)
					end(nil)
				}
			})
		}
		all.Wait()
		return burdock.None{}, nil
	})
	all, err := allEvents(t, newApp(t, line(act), starting(burdock.None{})))
	if err != nil {
		t.Fatal(err)
	}
	inOrder(t, all)
	wantEqual(t, "events", len(all), 8*50*3+4)
	for i, e := range all[:len(all)-1] {
		wantEqual(t, "number", e.N, int64(i+1))
	}
}

// What an action leaves running tells the reader nothing once the attempt is over.
func TestR7_WhatAnAttemptLeavesBehindIsNotRead(t *testing.T) {
	for range 200 {
		var left sync.WaitGroup
		act := burdock.Stream("act", func(ctx context.Context, _ burdock.None, emit func(int) error) (burdock.None, error) {
			left.Go(func() {
				for i := 0; i < 100 && emit(i) == nil; i++ {
					burdock.Attr(ctx, "a", i)
				}
			})
			return burdock.None{}, nil
		})
		all, err := allEvents(t, newApp(t, line(act, idle("next")), starting(burdock.None{})))
		left.Wait()
		if err != nil {
			t.Fatal(err)
		}
		inOrder(t, all)
		readEnd(t, all, burdock.StopDone)
	}
}

// An emit that waits keeps its token of MaxConcurrency, so nothing runs ahead of a slow reader; and with one token for a
// nested run everything is read.
func TestR7_AnEmitThatWaitsKeepsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		spell := burdock.Stream("spell", func(_ context.Context, in twigIn, emit func(string) error) (twigOut, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			return twigOut{in.Name}, errors.Join(emit(in.Name), emit(in.Name))
		})
		o := starting(burdock.None{})
		o.MaxConcurrency = 2
		all, err := eventsOf(t.Context(), t, newApp(t, line(spelled(numbered(9), spell, nil)), o), func(burdock.Event) { time.Sleep(time.Minute) })
		if err != nil {
			t.Fatal(err)
		}
		readEnd(t, all, burdock.StopDone)
		wantEqual(t, "actions that run at once", most.Load(), 2)
		o = stored(memory(), nil)
		o.MaxConcurrency = 1
		all, err = eventsOf(t.Context(), t, newApp(t, taleGraph(new(completions)), o), func(burdock.Event) { time.Sleep(time.Minute) })
		if err != nil {
			t.Fatal(err)
		}
		readEnd(t, all, burdock.StopDone)
	})
}

// R7, M9: losers that a slow reader keeps waiting are let go when reduce has its winner, and are no leaks.
func TestR7_LosersThatWaitForTheReaderAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		race := burdock.Stream("race", func(_ context.Context, in twigIn, emit func(string) error) (twigOut, error) {
			if in.Name == "b02" {
				return twigOut{"won"}, nil
			}
			for {
				if err := emit(in.Name); err != nil {
					return twigOut{}, err
				}
			}
		})
		r := rigOf(numbered(4)...)
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			for r := range rs.AsDone() {
				return []string{r.Out.Word}, nil
			}
			return nil, rs.Err()
		}
		o := starting(burdock.None{})
		o.Grace = time.Second
		app := newApp(t, line(r.over(race)), o)
		all, err := eventsOf(t.Context(), t, app, func(burdock.Event) { time.Sleep(time.Minute) })
		if err != nil {
			t.Fatal(err)
		}
		inOrder(t, all)
		readEnd(t, all, burdock.StopDone)
		got, err := burdock.Read[bunch](app.Outcome(), nil)
		wantWords(t, got.Words, err, "won")
		cancelled := 0
		for _, e := range all {
			if e.Kind == burdock.EventBranchEnded && e.Status == burdock.StatusCancelled {
				cancelled++
			}
		}
		wantEqual(t, "branches that were cancelled", cancelled, 3)
	})
}

// R7: the reader is told which branches wait, and what becomes of them in the next call.
func TestR7_WaitingBranchesAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks := burdock.Func("asks", func(_ context.Context, in struct {
			Name  string `state:"name"`
			Model string `input:"model"`
		},
		) (twigOut, error) {
			return twigOut{in.Name + in.Model}, nil
		})
		names := []string{"x", "y"}
		g := line(spelled(names, asks, nil))
		app := newApp(t, g, stored(memory(), nil))
		kinds := func(all []burdock.Event) map[burdock.EventKind]int {
			n := map[burdock.EventKind]int{}
			for _, e := range all {
				n[e.Kind]++
			}
			return n
		}
		all, err := allEvents(t, app)
		if err != nil {
			t.Fatal(err)
		}
		readEnd(t, all, burdock.StopWaiting)
		wantEqual(t, "waiting branches", kinds(all)[burdock.EventWaiting], 2)
		all, err = allEvents(t, app, burdock.Input("model", "!"))
		if err != nil {
			t.Fatal(err)
		}
		inOrder(t, all)
		got, err := burdock.Read[bunch](app.Outcome(), nil)
		wantWords(t, got.Words, err, "x! y!")
	})
}
