package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
)

// event is one of a root's or branch's events.
func event(app string, seq, n int64) burdock.Event {
	return burdock.Event{
		Kind: burdock.EventAttr, Time: time.Date(2026, 1, 1, 0, 0, 0, int(n), time.UTC), Root: "r", App: app, Path: app,
		Seq: seq, Attempt: 1, N: n, Name: "tokens", Value: n,
	}
}

func events(t *testing.T, s *pgstore.Store, app string, after pgstore.Position) (list []burdock.Event) {
	t.Helper()
	for e, err := range s.Events(t.Context(), app, after) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// A lockedBuffer is a log that many may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestT1_EventsAreWritten200MillisecondsLaterAtTheLatest(t *testing.T) {
	schema, dsn := fresh(), shared.Get(t).DSN()
	s, reader := open(t, dsn, &pgstore.Options{Schema: schema}), open(t, dsn, &pgstore.Options{Schema: schema})
	began := time.Now()
	if err := s.Tracker(nil).Track(t.Context(), event("r", 1, 1)); err != nil {
		t.Fatal(err)
	}
	for len(events(t, reader, "r", pgstore.Position{})) == 0 {
		if time.Since(began) > 3*time.Second { // 200 ms and whatever a loaded machine needs
			t.Fatal("the event is not there after 3 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestT1_EventsShareTheCommitOfACheckpoint(t *testing.T) {
	schema := fresh()
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	for n := range int64(10) {
		if err := s.Tracker(nil).Track(t.Context(), event("r", 1, n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	var n, transactions int
	err := connect(t).QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*), count(DISTINCT x) FROM (SELECT xmin::text x FROM %[1]s.event
		UNION ALL SELECT xmin::text FROM %[1]s.checkpoint) rows`, schema)).Scan(&n, &transactions)
	if err != nil || n != 11 || transactions != 1 {
		t.Errorf("got %d rows in %d transactions, error %v, want 11 in one", n, transactions, err)
	}
}

func TestCloseWritesTheEventsThatWait(t *testing.T) {
	schema, dsn := fresh(), shared.Get(t).DSN()
	s, err := pgstore.Open(t.Context(), dsn, &pgstore.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tracker(nil).Track(t.Context(), event("r", 1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Tracker(nil).Track(t.Context(), event("r", 1, 2)); err == nil {
		t.Error("Track after Close returned nil")
	}
	if got := len(events(t, open(t, dsn, &pgstore.Options{Schema: schema}), "r", pgstore.Position{})); got != 1 {
		t.Errorf("got %d events, want 1", got)
	}
}

func TestT2_WhatIsDroppedIsCountedAndLogged(t *testing.T) {
	var log lockedBuffer
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	tr := s.Tracker(&pgstore.TrackerOptions{MaxValue: 100})
	e := event("r", 1, 1)
	e.Value = strings.Repeat("x", 101)
	if err := tr.Track(t.Context(), e); err == nil {
		t.Error("Track returned nil")
	}
	if got := tr.Dropped(); got != 1 {
		t.Errorf("Dropped: got %d, want 1", got)
	}
	for _, text := range []string{"tokens", "limit of 100", "total=1", "postgres@"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("the log %q does not say %q", log.String(), text)
		}
	}
}

func TestT2_EventsThatTheServerRefusesHoldUpNoSave(t *testing.T) {
	var log lockedBuffer
	schema := fresh()
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema, Log: slog.New(slog.NewTextHandler(&log, nil))})
	admin(t, "ALTER TABLE "+schema+".event ADD CHECK (n < 100)")
	tr := s.Tracker(nil)
	if err := tr.Track(t.Context(), event("r", 1, 100)); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Errorf("Save: %v", err)
	}
	_ = tr.Flush(t.Context()) // the timer may have had the event when the save began
	if got := tr.Dropped(); got != 1 || !strings.Contains(log.String(), "check") {
		t.Errorf("got %d dropped, log %q", got, log.String())
	}
}

func TestEventsGoOnAfterAPosition(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
	tr := s.Tracker(nil)
	for seq := range int64(3) {
		for n := range int64(700) { // more than a page
			if err := tr.Track(t.Context(), event("r", seq, n+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tr.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := events(t, s, "r", pgstore.Position{})
	if len(all) != 2100 || fmt.Sprintf("%s", all[0].Value) != "1" || all[0].Root != "r" || all[0].Time != event("r", 0, 1).Time {
		t.Errorf("got %d events, want 2100; the first is %+v", len(all), all[0])
	}
	got := events(t, s, "r", pgstore.Position{Seq: 1, Attempt: 1, N: 699})
	if len(got) != 701 || got[0].Seq != 1 || got[0].N != 700 {
		t.Errorf("got %d events from %+v on, want 701 from step 1, number 700", len(got), got[0])
	}
	for _, err := range s.Events(t.Context(), "r", pgstore.Position{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if got := len(events(t, s, "nobody", pgstore.Position{})); got != 0 {
		t.Errorf("got %d events of nobody", got)
	}
}

func TestABufferThatIsFullIsWrittenByWhoeverFillsIt(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
	tr := s.Tracker(nil)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range int64(25) {
				e := event(fmt.Sprint("app", w), 1, n+1)
				e.Value = strings.Repeat("x", 60_000)
				if err := tr.Track(context.Background(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := tr.Dropped(); got != 0 {
		t.Errorf("%d events were dropped", got)
	}
	if err := tr.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for w := range 4 {
		if got := len(events(t, s, fmt.Sprint("app", w), pgstore.Position{})); got != 25 {
			t.Errorf("application %d has %d events, want 25", w, got)
		}
	}
}

func TestT1_AJournalsEventsCommitWithTheirCheckpoint(t *testing.T) {
	schema, fence := fresh(), burdock.Fence{Root: "r", Epoch: 2}
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	if !s.Journals(s.Tracker(nil)) || s.Journals(nil) {
		t.Error("Journals does not know its own tracker")
	}
	if err := s.SaveJournal(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "x")}, []burdock.Event{event("r", 1, 1), event("r.1", 1, 1)}); err != nil {
		t.Fatal(err)
	}
	var n, transactions int
	err := connect(t).QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*), count(DISTINCT x) FROM (SELECT xmin::text x FROM %[1]s.event
		UNION ALL SELECT xmin::text FROM %[1]s.checkpoint) rows`, schema)).Scan(&n, &transactions)
	if err != nil || n != 3 || transactions != 1 {
		t.Errorf("got %d rows in %d transactions, error %v, want 3 in one", n, transactions, err)
	}
	fence.Epoch = 1
	if err := s.SaveJournal(t.Context(), fence, []burdock.Checkpoint{step("r", 2, "x")}, []burdock.Event{event("r", 2, 1), event("r.2", 1, 1)}); !errors.Is(err, burdock.ErrConflict) {
		t.Errorf("got error %v, want ErrConflict", err)
	}
	if got := len(events(t, s, "r", pgstore.Position{})) + len(events(t, s, "r.2", pgstore.Position{})); got != 1 {
		t.Errorf("got %d events, want 1: a stale journal has written", got)
	}
}

func TestT2_AnEventThatTheServerRefusesFailsNoJournal(t *testing.T) {
	schema, fence := fresh(), burdock.Fence{Root: "r", Epoch: 1}
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema, Log: slog.New(slog.DiscardHandler)})
	admin(t, "ALTER TABLE "+schema+".event ADD CHECK (n < 100)")
	tooLarge := event("r", 1, 2)
	tooLarge.Value = strings.Repeat("x", 100_000)
	for _, e := range []burdock.Event{event("r", 1, 100), tooLarge} {
		if err := s.SaveJournal(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "x")}, []burdock.Event{e}); err != nil {
			t.Errorf("SaveJournal: %v", err)
		}
	}
	if got := s.Tracker(nil).Dropped(); got != 2 {
		t.Errorf("got %d events dropped, want 2", got)
	}
}

func TestPruneForgetsEventsOfApplicationsThatSavedNothing(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
	early := event("r.early", 1, 1)
	early.Parent, early.Index = burdock.Ref{App: "r", Seq: 1}, 3
	for _, e := range []burdock.Event{event("r", 0, 1), early} {
		if err := s.Tracker(nil).Track(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tracker(nil).Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Size(t.Context(), "r"); !errors.Is(err, burdock.ErrNotFound) {
		t.Errorf("got %+v, error %v: nothing is saved yet", got, err)
	}
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	did, err := s.Prune(t.Context(), burdock.Prune{Before: time.Now()})
	if err != nil || did.Events != 2 || did.Checkpoints != 1 {
		t.Errorf("got %+v, error %v, want 2 events and a checkpoint", did, err)
	}
	if got := len(events(t, s, "r.early", pgstore.Position{})) + len(events(t, s, "r", pgstore.Position{})); got != 0 {
		t.Errorf("%d events are left", got)
	}
}
