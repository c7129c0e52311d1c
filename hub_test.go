package burdock

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of subscriptions are inside of the package, since what asks for the events of one branch is too.

type (
	hubIn struct {
		Name string `state:"name,key"`
	}
	hubOut struct {
		Word string `state:"word"`
	}
)

// hubTree is a run of two branches, a and b, that each have two below them. Each of these calls leaf.
func hubTree(t *testing.T, tracker Tracker, leaf func(ctx context.Context, name string) error) *App {
	t.Helper()
	each := func(names ...string) iter.Seq2[hubIn, error] {
		return Each(names, func(name string) hubIn { return hubIn{name} })
	}
	join := func(rs *Results[hubIn, hubOut]) (out hubOut, err error) {
		for r := range rs.OK() {
			out.Word += r.Out.Word
		}
		return out, nil
	}
	type in struct {
		Name string `state:"name"`
	}
	act := Func("leaf", func(ctx context.Context, in in) (hubOut, error) { return hubOut{in.Name}, leaf(ctx, in.Name) })
	inner := MapStates("inner", act,
		func(_ context.Context, in in) iter.Seq2[hubIn, error] { return each(in.Name+"1", in.Name+"2") },
		func(_ context.Context, _ in, rs *Results[hubIn, hubOut]) (hubOut, error) { return join(rs) }, &MapOptions{Limit: 1})
	outer := MapStates("outer", inner,
		func(context.Context, None) iter.Seq2[hubIn, error] { return each("a", "b") },
		func(_ context.Context, _ None, rs *Results[hubIn, hubOut]) (hubOut, error) { return join(rs) }, nil)
	app, err := New(t.Context(), MustGraph("g", Node(outer)), &Options{ID: "app", Cascade: Cascade{Tracker: tracker}})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// A subscription of one branch, made while it runs, tells of it and everything below it: of those too that began before
// anybody asked. Numbers and ids are what a tracker would have been told.
func TestASubscriptionOfOneBranchThatRunsAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracked := map[string]string{} // ids by path
		var mu sync.Mutex
		told := hubTree(t, TrackerFunc(func(_ context.Context, e Event) error {
			mu.Lock()
			defer mu.Unlock()
			tracked[e.Path] = e.App
			return nil
		}), func(context.Context, string) error { return nil })
		if _, err := told.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		members := make(chan *member, 4)
		app := hubTree(t, nil, func(ctx context.Context, name string) error {
			if strings.HasPrefix(name, "a") {
				members <- stepOf(ctx).of.visit.of
			}
			time.Sleep(time.Second)
			Attr(ctx, "name", name)
			return nil
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			out, err := app.Run(context.Background())
			if got, readErr := Read[hubOut](out, err); readErr != nil || got.Word != "a1a2b1b2" {
				t.Errorf("got %v, %v", got, readErr)
			}
		}()
		a := <-members
		synctest.Wait() // the first of each sleeps
		s := app.tree.hub.newSubscription(a)
		app.tree.hub.add(s)
		var got []string
		for e, ok := s.next(done); ok; e, ok = s.next(done) {
			got = append(got, fmt.Sprintf("%s %s", e.Path, e.Kind))
			if e.App != tracked[e.Path] {
				t.Errorf("%s: got id %q, a tracker is told %q", e.Path, e.App, tracked[e.Path])
			}
			if above := tracked["app/outer#1/a"]; e.Path != "app/outer#1/a" && e.Parent.App != above {
				t.Errorf("%s: got parent %q, want %q", e.Path, e.Parent.App, above)
			}
		}
		s.leave()
		slices.Sort(got)
		want := []string{
			"app/outer#1/a branch_ended", "app/outer#1/a step_ended",
			"app/outer#1/a/inner#1/a1 attr", "app/outer#1/a/inner#1/a1 branch_ended", "app/outer#1/a/inner#1/a1 step_ended",
			"app/outer#1/a/inner#1/a2 attr", "app/outer#1/a/inner#1/a2 branch_ended",
			"app/outer#1/a/inner#1/a2 branch_started", "app/outer#1/a/inner#1/a2 step_ended", "app/outer#1/a/inner#1/a2 step_started",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for range app.tree.hub.late.Range {
			t.Error("the hub keeps a branch when nobody reads")
		}
	})
}

// Two subscriptions are told independently, and whoever tells something waits for both. One that is left lets go.
func TestTwoSubscriptionsOfOneTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := hubTree(t, nil, func(ctx context.Context, name string) error {
			Attr(ctx, "name", name)
			return nil
		})
		h := &app.tree.hub
		all, some := h.newSubscription(nil), h.newSubscription(nil)
		h.add(all)
		h.add(some)
		done := make(chan struct{})
		began := time.Now()
		go func() {
			defer close(done)
			if _, err := app.Run(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for range 2 {
				time.Sleep(time.Minute)
				some.next(done)
			}
			some.leave()
			some.leave() // a second time does nothing
		}()
		n := 0
		for _, ok := all.next(done); ok; _, ok = all.next(done) {
			n++
		}
		<-gone
		all.leave()
		if took := time.Since(began); took != 2*time.Minute || n != 4+2*4+4*5 {
			t.Errorf("got %d events in %v, want 32 in 2m, as the slow one has left after two", n, took)
		}
		if h.readers.Load() != nil {
			t.Error("somebody reads")
		}
	})
}

// What a function tells when its attempt is over has neither a number nor a place.
func TestAnEventOfAnAttemptThatIsOverIsNotPosted(t *testing.T) {
	m := &member{tree: new(tree), watched: &watched{}}
	h := &m.tree.hub
	s := h.newSubscription(nil)
	h.add(s)
	var over atomic.Bool
	over.Store(true)
	e := m.anyEvent(EventChunk)
	if sent, ok := h.post(m, &e, &over); ok || len(sent) > 0 || e.N != 0 || len(s.queue) > 0 || m.number() != 1 {
		t.Errorf("got %v, %v and number %d", sent, ok, e.N)
	}
}

// A branch that waits for the reader of one branch does not stop the clocks around that branch: whoever is slow there is
// the action itself.
func TestASubscriptionStopsNoClockAroundIt(t *testing.T) {
	root := &member{watched: &watched{}}
	middle := &member{branch: &branch{}, visit: &visit{of: root}, watched: &watched{}}
	below := &member{branch: &branch{}, visit: &visit{of: middle}, watched: &watched{}}
	for _, m := range []*member{root, middle, below} {
		m.watched.stopwatch()
	}
	waits := func(m *member) int { return m.watched.watch.Load().waits }
	for of, want := range map[*member][3]int{nil: {1, 1, 1}, root: {1, 1, 1}, middle: {0, 1, 1}, below: {0, 0, 1}} {
		goOn := (&parcel{of: below, to: &subscription{of: of}}).stopClocks()
		if got := [3]int{waits(root), waits(middle), waits(below)}; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		goOn()
		if got := [3]int{waits(root), waits(middle), waits(below)}; got != [3]int{} {
			t.Errorf("got %v after it, want none", got)
		}
	}
}

// The time of a stopwatch stands still while anything waits, however many waits overlap.
func TestAStopwatchStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(stopwatch)
		began := s.now()
		pause := func() { time.Sleep(time.Second) }
		pause()
		s.stop()
		pause()
		s.stop()
		pause()
		s.goOn()
		pause()
		if got := s.now().Sub(began); got != time.Second {
			t.Errorf("got %v in the midst of it, want 1s", got)
		}
		ctx, cancel := s.within(t.Context(), 2*time.Second) // it begins while something waits
		pause()
		s.goOn()
		pause()
		if got := s.now().Sub(began); got != 2*time.Second || ctx.Err() != nil {
			t.Errorf("got %v, %v; want 2s and no error", got, ctx.Err())
		}
		<-ctx.Done()
		if got := s.now().Sub(began); got != 3*time.Second {
			t.Errorf("the clock has ended at %v, want 3s", got)
		}
		cancel()
		ctx, cancel = s.within(t.Context(), time.Second)
		cancel()
		<-ctx.Done()
		if ctx.Err() != context.Canceled {
			t.Errorf("got %v after the attempt's end", ctx.Err())
		}
		s.stop()
		s.goOn() // nothing is left of an ended clock
		pause()
	})
}
