// Package tracktest is the conformance suite of burdock.Tracker. A new tracker needs nothing more to be right:
//
//	func TestTracker(t *testing.T) {
//		tracktest.Run(t, func(t *testing.T) burdock.Tracker { return mytrack.New() }, nil)
//	}
//
// A tracker whose events can be read back passes Options.Read, and is then also checked for what it keeps and in which
// order. Each subtest is named after the rule it checks: T2 what is dropped and the order, T3 how Track may be called.
// Run it with -race.
package tracktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// Options tell Run what else a tracker can do.
type Options struct {
	// Read returns the events of one application that tr has been given, after writing what waits. Defaults to nil:
	// what needs it is skipped.
	Read func(t *testing.T, tr burdock.Tracker, app string) []burdock.Event
	// MaxValue is the size from which on the tracker drops a Value. Defaults to 0: nothing is dropped for its size.
	MaxValue int
}

// Run checks the tracker that open returns, a fresh one for each subtest. open registers its own clean-up with t. A nil
// opts is fine.
func Run(t *testing.T, open func(t *testing.T) burdock.Tracker, opts *Options) {
	if opts == nil {
		opts = &Options{}
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(&suite{T: t, Tracker: open(t), opts: opts}) })
	}
}

type suite struct {
	*testing.T
	burdock.Tracker
	opts *Options
}

// read returns what the tracker kept; if it cannot be read the check is skipped.
func (s *suite) read(app string) []burdock.Event {
	s.Helper()
	if s.opts.Read == nil {
		s.Skip("skipped: Options.Read is nil, so what this tracker keeps is not checked")
	}
	return s.opts.Read(s.T, s.Tracker, app)
}

func (s *suite) track(e burdock.Event) {
	s.Helper()
	if err := s.Track(s.Context(), e); err != nil {
		s.Errorf("Track: %v", err)
	}
}

// event is one that could happen.
func event(app string, seq int64, attempt int, n int64) burdock.Event {
	return burdock.Event{
		Kind: burdock.EventAttr, Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Root: "r", App: app, Path: app, Seq: seq, Attempt: attempt, N: n,
		Action: "act", Name: "tokens", Value: n,
	}
}

var kinds = []burdock.EventKind{
	burdock.EventAppStarted, burdock.EventAppEnded, burdock.EventStepStarted, burdock.EventStepEnded, burdock.EventBranchStarted,
	burdock.EventBranchEnded, burdock.EventRestored, burdock.EventWaiting, burdock.EventRetry, burdock.EventSpanStarted, burdock.EventSpanEnded,
	burdock.EventAttr, burdock.EventChunk,
}

// panics is a value whose marshaler panics.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no JSON today") }

// A check is one subtest; its name begins with the rule it checks.
type check struct {
	name string
	run  func(s *suite)
}

var checks = []check{
	{"T3_every_kind_is_taken", func(s *suite) {
		for i, k := range kinds {
			e := event("r", 1, 1, int64(i+1))
			e.Kind = k
			s.track(e)
		}
		s.track(burdock.Event{})
		s.track(burdock.Event{Kind: "of a later version", App: "r", N: 100})
	}},
	{"T3_a_context_that_is_done_changes_nothing", func(s *suite) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Track(ctx, event("r", 1, 1, 1)); err != nil {
			s.Errorf("Track: %v", err)
		}
		if got := len(s.read("r")); got != 1 {
			s.Errorf("got %d events, want 1", got)
		}
	}},
	{"T3_many_applications_are_tracked_at_once", func(s *suite) {
		const apps, each = 16, 200
		var wg sync.WaitGroup
		for a := range apps {
			wg.Go(func() {
				for n := range int64(each) {
					if err := s.Track(s.Context(), event(fmt.Sprint("app", a), 1, 1, n+1)); err != nil {
						s.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		for a := range apps {
			if got := len(s.read(fmt.Sprint("app", a))); got != each {
				s.Errorf("application %d has %d events, want %d", a, got, each)
			}
		}
	}},
	{"T2_a_value_that_cannot_be_encoded_does_no_harm", func(s *suite) {
		for i, v := range []any{make(chan int), func() {}, panics{}, map[string]any{"x": complex(1, 2)}} {
			e := event("r", 1, 1, int64(2*i+1))
			e.Value = v
			_ = s.Track(s.Context(), e) // an error or none; no panic
			s.track(event("r", 1, 1, int64(2*i+2)))
		}
		if got := len(s.read("r")); got != 4 {
			s.Errorf("got %d events, want the 4 good ones", got)
		}
	}},
	{"T2_a_value_that_is_too_large_is_dropped_alone", func(s *suite) {
		if s.opts.MaxValue == 0 {
			s.Skip("skipped: Options.MaxValue is 0")
		}
		for i, size := range []int{s.opts.MaxValue - 2, s.opts.MaxValue, 10 * s.opts.MaxValue} {
			e := event("r", 1, 1, int64(i+1))
			e.Value = strings.Repeat("x", size) // and two quotes
			if err := s.Track(s.Context(), e); i > 0 && !errors.Is(err, record.ErrEventTooLarge) {
				s.Errorf("%d bytes: got %v, want ErrEventTooLarge", size, err)
			}
		}
		if got := len(s.read("r")); got != 1 {
			s.Errorf("got %d events, want the one that fits", got)
		}
	}},
	{"T2_events_are_ordered_by_step_attempt_and_number_never_by_time", func(s *suite) {
		var want []string
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for seq := range int64(3) {
			for attempt := range 2 {
				for n := range int64(12) {
					e := event("r", seq, attempt, n)
					at = at.Add(-time.Second) // a clock that runs backwards
					e.Time = at
					s.track(e)
					want = append(want, fmt.Sprint(seq, attempt, n))
				}
			}
		}
		var got []string
		for _, e := range s.read("r") {
			got = append(got, fmt.Sprint(e.Seq, e.Attempt, e.N))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			s.Errorf("got  %v\nwant %v", got, want)
		}
	}},
	{"T2_every_field_comes_back", func(s *suite) {
		want := burdock.Event{
			Kind: burdock.EventSpanEnded, Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Root: "r", App: "child", Path: "r/map#1/k",
			Parent: burdock.Ref{App: "r", Seq: 1}, Project: "p", Partition: "q", Seq: 2, Attempt: 3, N: 4, Action: "act", Task: "task", Key: "k\xff",
			Index: 5, Join: 6, Graph: "g", GraphHash: "h", Status: burdock.StatusFailed, Stop: burdock.StopFailed, Next: "n", Error: "no <good>",
			Needs: []string{"approval"}, Started: time.Date(2026, 1, 2, 3, 4, 5, 5, time.UTC), Name: "embed", Span: 7, ParentSpan: 8,
			Value: map[string]any{"n": uint64(9007199254740993), "s": "<x>"},
		}
		s.track(want)
		s.same(s.read("child"), want)
	}},
	{"T2_no_value_comes_back_as_none_and_null_as_null", func(s *suite) {
		none, null := event("r", 1, 1, 1), event("r", 1, 1, 2)
		none.Value, null.Value = nil, (*int)(nil)
		s.track(none)
		s.track(null)
		s.same(s.read("r"), none, null)
	}},
}

// same compares events as they are stored.
func (s *suite) same(got []burdock.Event, want ...burdock.Event) {
	s.Helper()
	if len(got) != len(want) {
		s.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i := range got {
		g, gotErr := record.MarshalEvent(got[i], 0)
		w, wantErr := record.MarshalEvent(want[i], 0)
		if gotErr != nil || wantErr != nil || !bytes.Equal(g, w) {
			s.Errorf("event %d: %v %v\ngot  %s\nwant %s", i, gotErr, wantErr, g, w)
		}
	}
}
