package burdock_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// keptEvents is a tracker that keeps all events.
type keptEvents []burdock.Event

func (k *keptEvents) Track(_ context.Context, e burdock.Event) error {
	*k = append(*k, e)
	return nil
}

// told describes the events in the order in which they came.
func (k *keptEvents) told() []string {
	var out []string
	for _, e := range *k {
		out = append(out, strings.TrimRight(fmt.Sprintf("%s %d.%d %s %s%s %s", e.Kind, e.Seq, e.Attempt, e.Action, e.Status, e.Stop, e.Next), " "))
	}
	return out
}

// The events of a run, in order.
func TestTheEventsOfARun(t *testing.T) {
	var events keptEvents
	h := reads[failed]("handler")
	bad := failing("bad", &errTest)
	g := burdock.MustGraph("g", burdock.Node(idle("a"), burdock.Then(bad)), burdock.Node(bad, burdock.OnError(burdock.AnyError, h)),
		burdock.Node(h, burdock.Then(askAction)), burdock.Node(askAction))
	o := stored(newStore(), prompted{"p"})
	o.Project, o.Partition, o.Cascade.Tracker = "proj", "part", &events
	app := newApp(t, g, o)
	if len(events) != 0 {
		t.Errorf("New told of %v", events)
	}
	runTo(t, app, burdock.StopWaiting)
	runTo(t, app, burdock.StopDone, burdock.Input("model", "m"))
	want := []string{
		"app_started 1.1 a",
		"step_started 1.1 a running",
		"step_ended 1.1 a completed bad",
		"step_started 2.1 bad running",
		"step_ended 2.1 bad failed handler",
		"step_started 3.1 handler running",
		"step_ended 3.1 handler completed ask",
		"waiting 4.1 ask waiting",
		"app_ended 4.1 ask waiting",
		"app_started 4.2 ask",
		"step_started 4.2 ask running",
		"step_ended 4.2 ask completed",
		"app_ended 5.0  done",
	}
	if diff := gocmp.Diff(want, events.told()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, e := range events {
		if e.Root != "app" || e.App != "app" || e.Path != "app" || e.Project != "proj" || e.Partition != "part" || e.Time.IsZero() || e.Time.Location().String() != "UTC" {
			t.Errorf("got %+v", e)
		}
		switch e.Kind {
		case burdock.EventAppStarted, burdock.EventAppEnded:
			if e.Graph != "g" || e.GraphHash != g.Hash() {
				t.Errorf("got %+v", e)
			}
		case burdock.EventStepEnded:
			if e.Started.IsZero() || e.Time.Before(e.Started) || (e.Error == "") != (e.Status == burdock.StatusCompleted) {
				t.Errorf("got %+v", e)
			}
		case burdock.EventWaiting:
			if !slices.Equal(e.Needs, []string{"model"}) {
				t.Errorf("got %+v", e)
			}
		}
	}
}

// T2: events of one application are ordered by (Seq, Attempt, N), also over several calls and processes.
func TestTheOrderOfEvents(t *testing.T) {
	for _, apart := range []bool{false, true} {
		var events keptEvents
		fail := errTest
		chatty := doing("chatty", func(ctx context.Context) error {
			burdock.Attr(ctx, "a", 1)
			_, end := burdock.Span(ctx, "s")
			end(nil)
			return fail
		})
		g := line(idle("first"), chatty, askAction)
		o := stored(newStore(), prompted{"p"})
		o.Cascade.Tracker = &events
		app := newApp(t, g, o)
		next := func() *burdock.App {
			if apart {
				app = openApp(t, g, o)
			}
			return app
		}
		runTo(t, next(), burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("first")))
		runFails(t, next(), "test error")
		runFails(t, next(), "test error")
		fail = nil
		runTo(t, next(), burdock.StopWaiting)
		runTo(t, next(), burdock.StopDone, burdock.Input("model", "m"))
		order := func(a, b burdock.Event) int {
			return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Attempt, b.Attempt), cmp.Compare(a.N, b.N))
		}
		for i := 1; i < len(events); i++ {
			if order(events[i-1], events[i]) >= 0 {
				t.Errorf("apart %v: %s (%d.%d.%d) came before %s (%d.%d.%d)", apart, events[i-1].Kind, events[i-1].Seq, events[i-1].Attempt, events[i-1].N,
					events[i].Kind, events[i].Seq, events[i].Attempt, events[i].N)
			}
		}
	}
}

// A tracker that fails or panics never changes the result; it is counted and logged.
func TestATrackerThatFailsChangesNothing(t *testing.T) {
	for name, track := range map[string]func() error{
		"error": func() error { return errTest },
		"panic": func() error { panic("tracking") },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			o := stored(newStore(), number{1})
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			o.Cascade.Tracker = trackFunc(func(context.Context, burdock.Event) error { return track() })
			stream := burdock.Stream("stream", func(ctx context.Context, s number, emit func(int) error) (number, error) {
				ctx, end := burdock.Span(ctx, "s")
				defer end(nil)
				burdock.Attr(ctx, "a", 1)
				return number{s.N + 1}, emit(1)
			})
			out := runTo(t, newApp(t, line(stream, adder("b", 1)), o), burdock.StopDone)
			wantEqual(t, "n", view[number](t, out.State).N, 3)
			if n := strings.Count(log.String(), "an event was not tracked"); n == 0 || n > 5 {
				t.Errorf("got %d lines in the log, want the 1st, 2nd, 4th, 8th failure:\n%s", n, log.String())
			}
		})
	}
}

// A tracker that calls runtime.Goexit, as a test's Fatal does, ends the run with an error and leaves nothing running.
func TestATrackerThatCallsGoexitEndsTheRun(t *testing.T) {
	for _, kind := range []burdock.EventKind{burdock.EventStepStarted, burdock.EventStepEnded, burdock.EventWaiting} {
		o := starting(prompted{"p"})
		o.Cascade.Tracker = trackFunc(func(_ context.Context, e burdock.Event) error {
			if e.Kind == kind {
				exit()
			}
			return nil
		})
		_, err := newApp(t, line(idle("a"), askAction), o).Run(t.Context())
		wantTexts(t, err, "called runtime.Goexit")
	}
	o := starting(prompted{"p"})
	o.Cascade.Tracker = trackFunc(func(_ context.Context, e burdock.Event) error {
		if e.Kind == burdock.EventWaiting {
			exit()
		}
		return nil
	})
	_, err := newApp(t, line(askAction), o).Run(t.Context())
	wantTexts(t, err, "the store or the tracker called runtime.Goexit")
}

// T3: a tracker that calls runtime.Goexit whenever it is told of something leaves nothing running.
func TestT3_ATrackerThatAlwaysCallsGoexit(t *testing.T) {
	for _, saved := range []bool{false, true} { // a branch whose store is an Inbox can be cancelled alone
		for _, kind := range []burdock.EventKind{burdock.EventBranchStarted, burdock.EventBranchEnded, burdock.EventStepStarted, burdock.EventStepEnded} {
			var told atomic.Int64
			r := rigOf("a", "b", "c")
			o := &burdock.Options{Logger: slog.New(slog.DiscardHandler)}
			if saved {
				o.ID, o.Cascade.Store = "app", newStore()
			}
			o.Cascade.Tracker = trackFunc(func(_ context.Context, e burdock.Event) error {
				if e.Kind == kind && e.Key != "" && told.Add(1) < 1000 { // otherwise the test would not end
					exit()
				}
				return nil
			})
			words, err := r.runWith(t.Context(), t, o)
			if kind == burdock.EventBranchEnded {
				wantWords(t, words, err, "<a> <b> <c>")
			} else {
				wantTexts(t, err, "called runtime.Goexit")
			}
			if n := told.Load(); n > 20 {
				t.Errorf("%s: the tracker was told %d times", kind, n)
			}
		}
	}
}

// T3: an event of a step that ends comes after its checkpoint is committed (T1: checkpoint first).
func TestAStepIsCommittedBeforeItsEndIsTold(t *testing.T) {
	db := &faultyStore{Store: newStore()}
	o := stored(db, number{1})
	seen := 0
	o.Cascade.Tracker = trackFunc(func(ctx context.Context, e burdock.Event) error {
		if e.Kind == burdock.EventStepEnded {
			cp, err := db.Load(ctx, burdock.Ref{App: "app", Seq: e.Seq})
			if err != nil || cp.Status != e.Status || cp.Attempt != e.Attempt {
				t.Errorf("step %d ended %s, but the store has %v, %v", e.Seq, e.Status, cp.Status, err)
			}
			seen++
		}
		return nil
	})
	bad := failing("bad", &errTest)
	runFails(t, newApp(t, line(adder("a", 1), bad), o), "test error")
	wantEqual(t, "ended steps", seen, 2)
	db.refuse(db.saves+1, errDisk)
	_, err := must(t)(burdock.Resume(t.Context(), line(adder("a", 1), bad), o)).Run(t.Context())
	wantIs(t, err, errDisk)
	wantEqual(t, "ended steps after a save that failed", seen, 2)
}

// Spans nest by their contexts; a second end does nothing; outside of actions they are nothing at all.
func TestSpansAndAttributes(t *testing.T) {
	var events keptEvents
	act := doing("act", func(ctx context.Context) error {
		outer, endOuter := burdock.Span(ctx, "outer")
		inner, endInner := burdock.Span(outer, "inner")
		burdock.Attr(inner, "tokens", 312)
		burdock.Attr(ctx, "of the step", "x")
		endInner(errTest)
		endInner(nil)
		endOuter(nil)
		return nil
	})
	runTo(t, newApp(t, line(act), &burdock.Options{Cascade: burdock.Cascade{Tracker: &events}}), burdock.StopDone)
	var got []string
	for _, e := range events {
		if e.Name != "" {
			got = append(got, fmt.Sprintf("%s %s %d in %d %v %s %s", e.Kind, e.Name, e.Span, e.ParentSpan, e.Value, e.Error, e.Action))
		}
	}
	want := []string{
		"span_started outer 1 in 0 <nil>  act",
		"span_started inner 2 in 1 <nil>  act",
		"attr tokens 2 in 0 312  act",
		"attr of the step 0 in 0 x  act",
		"span_ended inner 2 in 1 <nil> test error act",
		"span_ended outer 1 in 0 <nil>  act",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	ctx, end := burdock.Span(t.Context(), "outside")
	end(nil)
	burdock.Attr(ctx, "outside", 1)
	if ctx != t.Context() {
		t.Error("a span outside of an action made a context")
	}
}

// What an action leaves running tells nothing more once the step has ended.
func TestWhatAStepLeavesBehindTellsNothing(t *testing.T) {
	var events keptEvents
	var late func()
	act := doing("act", func(ctx context.Context) error {
		ctx, end := burdock.Span(ctx, "left")
		late = func() {
			end(nil)
			burdock.Attr(ctx, "late", 1)
			burdock.Span(ctx, "late")
		}
		return nil
	})
	after := doing("after", func(context.Context) error { late(); return nil })
	runTo(t, newApp(t, line(act, after), &burdock.Options{Cascade: burdock.Cascade{Tracker: &events}}), burdock.StopDone)
	late()
	named := slices.DeleteFunc(events, func(e burdock.Event) bool { return e.Name == "" })
	if len(named) != 1 || named[0].Kind != burdock.EventSpanStarted {
		t.Errorf("got %v, want the span that began in time only", named.told())
	}
}

// An error of the run is told with its text.
func TestTheEndOfARunTellsItsError(t *testing.T) {
	var events keptEvents
	app := newApp(t, line(failing("bad", &errTest)), &burdock.Options{Cascade: burdock.Cascade{Tracker: &events}})
	_, err := app.Run(t.Context())
	last := events[len(events)-1]
	if last.Kind != burdock.EventAppEnded || last.Stop != burdock.StopFailed || last.Error != err.Error() || !errors.Is(err, errTest) {
		t.Errorf("got %+v", last)
	}
}

func TestChunkOf(t *testing.T) {
	if _, ok := burdock.ChunkOf[int](burdock.Event{Kind: burdock.EventAttr, Value: 1}); ok {
		t.Error("an attribute is no chunk")
	}
	if _, ok := burdock.ChunkOf[string](burdock.Event{Kind: burdock.EventChunk, Value: 1}); ok {
		t.Error("a chunk of int is none of string")
	}
	if v, ok := burdock.ChunkOf[int](burdock.Event{Kind: burdock.EventChunk, Value: 1}); !ok || v != 1 {
		t.Errorf("got %d, %v", v, ok)
	}
}
