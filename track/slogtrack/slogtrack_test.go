package slogtrack_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/track/slogtrack"
	"github.com/burdock-go/burdock/track/tracktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTracker(t *testing.T) {
	tracktest.Run(t, func(*testing.T) burdock.Tracker { return slogtrack.New(text(&strings.Builder{}), nil) }, nil)
}

var began = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// full is an event with every field set.
var full = burdock.Event{
	Kind: burdock.EventStepEnded, Time: began.Add(1500 * time.Millisecond),
	Root: "run-7", App: "b1", Path: "run-7/ask#1/k", Parent: burdock.Ref{App: "run-7", Seq: 1}, Project: "p", Partition: "u",
	Seq: 2, Attempt: 3, N: 4, Action: "ask", Task: "asks", Key: "k", Index: 5, Join: 6,
	Graph: "g", GraphHash: "h", Status: burdock.StatusFailed, Stop: burdock.StopFailed, Next: "score", Error: "no luck",
	Needs: []string{"model"}, Started: began, Name: "tokens", Span: 7, ParentSpan: 8, Value: 312,
}

// text returns a logger that writes lines of text to b, and all levels.
func text(b *strings.Builder) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestARecordHasEveryFieldThatIsSetInAFixedOrder(t *testing.T) {
	var got strings.Builder
	if err := slogtrack.New(text(&got), nil).Track(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	want := "time=2026-01-02T15:04:06.500Z level=WARN msg=step_ended root=run-7 project=p partition=u app=b1 path=run-7/ask#1/k" +
		" parent=run-7 parent_seq=1 seq=2 attempt=3 n=4 action=ask task=asks key=k index=5 join=6 graph=g graph_hash=h" +
		" status=failed stop=failed next=score needs=[model] error=\"no luck\" duration=1.5s name=tokens span=7 parent_span=8 value=312\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A field that a later version adds to Event must be written, or left out by a decision.
func TestEveryFieldOfAnEventIsKnown(t *testing.T) {
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("field %s of the event full is not set; add it, and to the attributes", v.Type().Field(i).Name)
		}
	}
}

func TestZeroFieldsAreLeftOut(t *testing.T) {
	var got strings.Builder
	e := burdock.Event{Kind: burdock.EventStepStarted, Time: began, Root: "r", App: "r", Path: "r", Seq: 1, Attempt: 1, N: 1, Action: "ask", Status: burdock.StatusRunning}
	if err := slogtrack.New(text(&got), nil).Track(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	want := "time=2026-01-02T15:04:05.000Z level=INFO msg=step_started app=r path=r seq=1 attempt=1 n=1 action=ask status=running\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHideValuesLeavesOutValuesOnly(t *testing.T) {
	var got strings.Builder
	e := burdock.Event{Kind: burdock.EventAttr, Time: began, Name: "prompt", Value: "my diary"}
	if err := slogtrack.New(text(&got), &slogtrack.Options{HideValues: true}).Track(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if want := "time=2026-01-02T15:04:05.000Z level=DEBUG msg=attr name=prompt\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestLevels(t *testing.T) {
	for _, test := range []struct {
		event burdock.Event
		want  slog.Level
	}{
		{burdock.Event{Kind: burdock.EventAppStarted}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventAppEnded, Stop: burdock.StopDone}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventAppEnded, Stop: burdock.StopWaiting}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventAppEnded, Stop: burdock.StopFailed}, slog.LevelError},
		{burdock.Event{Kind: burdock.EventAppEnded, Stop: burdock.StopCancelled}, slog.LevelWarn},
		{burdock.Event{Kind: burdock.EventStepStarted}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventStepEnded, Status: burdock.StatusCompleted}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventStepEnded, Status: burdock.StatusFailed}, slog.LevelWarn},
		{burdock.Event{Kind: burdock.EventBranchEnded, Status: burdock.StatusFailed}, slog.LevelWarn},
		{burdock.Event{Kind: burdock.EventBranchEnded, Status: burdock.StatusCancelled}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventBranchEnded, Status: burdock.StatusSkipped}, slog.LevelDebug},
		{burdock.Event{Kind: burdock.EventRestored, Status: burdock.StatusFailed}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventWaiting}, slog.LevelInfo},
		{burdock.Event{Kind: burdock.EventRetry}, slog.LevelWarn},
		{burdock.Event{Kind: burdock.EventSpanStarted}, slog.LevelDebug},
		{burdock.Event{Kind: burdock.EventSpanEnded, Error: "no luck"}, slog.LevelDebug},
		{burdock.Event{Kind: burdock.EventAttr}, slog.LevelDebug},
		{burdock.Event{Kind: burdock.EventChunk}, slog.LevelDebug},
	} {
		if got := slogtrack.DefaultLevel(test.event); got != test.want {
			t.Errorf("%s %s%s: got %v, want %v", test.event.Kind, test.event.Status, test.event.Stop, got, test.want)
		}
	}
}

func TestOptionsLevelDecides(t *testing.T) {
	var got strings.Builder
	logger := slog.New(slog.NewTextHandler(&got, nil))
	chunks := func(e burdock.Event) slog.Level {
		if e.Kind == burdock.EventChunk {
			return slog.LevelInfo
		}
		return slog.LevelDebug
	}
	tracker := slogtrack.New(logger, &slogtrack.Options{Level: chunks})
	for _, kind := range []burdock.EventKind{burdock.EventAppEnded, burdock.EventChunk} {
		if err := tracker.Track(t.Context(), burdock.Event{Kind: kind, Time: began}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "time=2026-01-02T15:04:05.000Z level=INFO msg=chunk\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestAnEventBelowTheLevelOfTheLoggerCostsNothing(t *testing.T) {
	tracker := slogtrack.New(slog.New(slog.DiscardHandler), nil)
	if n := testing.AllocsPerRun(100, func() { _ = tracker.Track(t.Context(), full) }); n > 0 {
		t.Errorf("Track allocates %v times, want none", n)
	}
}

// A failing handler keeps its error and returns it.
type failing struct{ slog.Handler }

var errFull = errors.New("the disk is full")

func (failing) Handle(context.Context, slog.Record) error { return errFull }

func TestTrackReturnsTheErrorOfTheHandler(t *testing.T) {
	var b strings.Builder
	err := slogtrack.New(slog.New(failing{text(&b).Handler()}), nil).Track(t.Context(), full)
	if !errors.Is(err, errFull) {
		t.Errorf("got error %v, want %v", err, errFull)
	}
}

func TestNewWithoutALoggerTakesTheDefault(t *testing.T) {
	var got strings.Builder
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(text(&got))
	if err := slogtrack.New(nil, nil).Track(t.Context(), full); err != nil || !strings.Contains(got.String(), "msg=step_ended") {
		t.Errorf("got %q and error %v, want the event", got.String(), err)
	}
}

// What fails is told from the inside out, and only the end of the application is an error.
func TestARunIsTold(t *testing.T) {
	type window struct {
		Text string `state:"text"`
	}
	fails := burdock.Func("fails", func(ctx context.Context, in window) (window, error) {
		burdock.Attr(ctx, "tokens", 12)
		return in, errFull
	})
	g := &gist{}
	app, err := burdock.New(t.Context(), burdock.MustGraph("g", burdock.Node(fails)), &burdock.Options{
		ID: "run-7", State: burdock.StateOf(window{"x"}),
		Cascade: burdock.Cascade{Tracker: slogtrack.New(slog.New(g), nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Run(t.Context()); !errors.Is(err, errFull) {
		t.Fatalf("got error %v, want %v", err, errFull)
	}
	want := []string{
		"INFO app_started graph=g",
		"INFO step_started seq=1 action=fails status=running",
		"DEBUG attr seq=1 action=fails name=tokens value=12",
		"WARN step_ended seq=1 action=fails status=failed error=run-7: step 1 (fails), attempt 1: the disk is full",
		"ERROR app_ended graph=g stop=failed error=run-7: step 1 (fails), attempt 1: the disk is full",
	}
	if diff := cmp.Diff(want, g.lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// gist is a handler that keeps what matters of each record.
type gist struct {
	slog.Handler
	lines []string
}

func (*gist) Enabled(context.Context, slog.Level) bool { return true }

func (g *gist) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	ofStep := !strings.HasPrefix(r.Message, "app_")
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "seq", "action", "status":
			if ofStep {
				line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
			}
		case "graph", "stop", "error", "name", "value":
			line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		}
		return true
	})
	g.lines = append(g.lines, line)
	return nil
}
