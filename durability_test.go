package burdock_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// savings is a store that counts saves, and a journal whose tracker is itself.
type savings struct {
	*memstore.Store
	saves     int
	records   int
	journaled []burdock.EventKind
	tracked   []burdock.EventKind
	fail      error
}

func newSavings() *savings { return &savings{Store: memstore.New()} }

func (s *savings) Save(ctx context.Context, f burdock.Fence, batch []burdock.Checkpoint) error {
	return s.SaveJournal(ctx, f, batch, nil)
}

func (s *savings) Journals(t burdock.Tracker) bool { return t == burdock.Tracker(s) }

func (s *savings) SaveJournal(ctx context.Context, f burdock.Fence, batch []burdock.Checkpoint, events []burdock.Event) error {
	if s.fail != nil {
		return s.fail
	}
	s.saves++
	s.records += len(batch)
	for _, e := range events {
		s.journaled = append(s.journaled, e.Kind)
	}
	return s.Store.Save(ctx, f, batch)
}

func (s *savings) Track(_ context.Context, e burdock.Event) error {
	s.tracked = append(s.tracked, e.Kind)
	return nil
}

type stepCount struct {
	N int `state:"n"`
}

func threeSteps(t *testing.T, seen *burdock.Durability) *burdock.Graph {
	t.Helper()
	add := burdock.Func("add", func(ctx context.Context, in stepCount) (stepCount, error) {
		if seen != nil {
			*seen = burdock.Info(ctx).Durable
		}
		return stepCount{in.N + 1}, nil
	})
	below := burdock.When("n < 3", func(s stepCount) bool { return s.N < 3 })
	return burdock.MustGraph("three", burdock.Node(add, below.Then(add)))
}

// T1: the event of a step's end goes with its checkpoint, and only there; other trackers are told after the commit.
func TestT1_AJournalCommitsAStepWithItsEvent(t *testing.T) {
	s := newSavings()
	var other []burdock.EventKind
	listen := burdock.TrackerFunc(func(_ context.Context, e burdock.Event) error {
		other = append(other, e.Kind)
		return nil
	})
	_, err := runNew(t, threeSteps(t, nil), &burdock.Options{
		State: burdock.StateOf(stepCount{}), Cascade: burdock.Cascade{Store: s, Tracker: burdock.Trackers(listen, s)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := burdock.EventStepEnded
	if got, want := s.journaled, []burdock.EventKind{ended, ended, ended}; !slices.Equal(got, want) {
		t.Errorf("got journaled %v, want %v", got, want)
	}
	if slices.Contains(s.tracked, ended) {
		t.Errorf("got tracked %v, want no %s beside the journal", s.tracked, ended)
	}
	if got := len(other); got != len(s.tracked)+len(s.journaled) {
		t.Errorf("the other tracker was told of %d events, want all %d", got, len(s.tracked)+len(s.journaled))
	}
}

// T1: a step that cannot be saved has no ended event either.
func TestT1_WithoutItsCheckpointAnEventIsNotWritten(t *testing.T) {
	s := newSavings()
	s.fail = errors.New("disk full")
	_, err := runNew(t, threeSteps(t, nil), &burdock.Options{
		State: burdock.StateOf(stepCount{}), Cascade: burdock.Cascade{Store: s, Tracker: s},
	})
	if _, ok := errors.AsType[*burdock.StoreError](err); !ok {
		t.Fatalf("got %v, want a StoreError", err)
	}
	if len(s.journaled) > 0 || slices.Contains(s.tracked, burdock.EventStepEnded) {
		t.Errorf("got %v journaled and %v tracked, want no ended step", s.journaled, s.tracked)
	}
}

// P7: OnHalt saves everything in one batch when the call comes back.
func TestP7_OnHaltSavesOnceAtTheEnd(t *testing.T) {
	s := newSavings()
	var seen burdock.Durability
	opts := &burdock.Options{
		ID: "app", State: burdock.StateOf(stepCount{}), Durability: burdock.OnHalt, Cascade: burdock.Cascade{Store: s},
	}
	if _, err := runNew(t, threeSteps(t, &seen), opts); err != nil {
		t.Fatal(err)
	}
	if s.saves != 1 || s.records != 4 {
		t.Errorf("got %d saves with %d records, want one with four", s.saves, s.records)
	}
	if seen != burdock.OnHalt {
		t.Errorf("got Info.Durable %q, want %q", seen, burdock.OnHalt)
	}
	app, err := burdock.Resume(t.Context(), threeSteps(t, nil), opts)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := burdock.Key[int]("n").Get(app.State()); n != 3 {
		t.Errorf("got n = %d after a resume, want 3", n)
	}
}

// P7, P6: what OnHalt could not save is saved by the next call, which does not run it again.
func TestP7_OnHaltKeepsWhatCouldNotBeSaved(t *testing.T) {
	s := newSavings()
	s.fail = errors.New("disk full")
	app, err := burdock.New(t.Context(), threeSteps(t, nil), &burdock.Options{
		ID: "app", State: burdock.StateOf(stepCount{}), Durability: burdock.OnHalt, Cascade: burdock.Cascade{Store: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Run(t.Context()); err == nil {
		t.Fatal("got no error from a store that fails")
	}
	s.fail = nil
	out, err := app.Run(t.Context())
	if err != nil || out.Stop != burdock.StopDone || out.Seq != 3 {
		t.Fatalf("got %+v, %v, want it done at step 3", out, err)
	}
	if cp, err := s.Load(t.Context(), burdock.Ref{App: "app", Seq: -1}); err != nil || cp.Seq != 3 {
		t.Errorf("got record %d, %v, want 3", cp.Seq, err)
	}
}

// P7: a mode that the store cannot keep is an error of New, and so is one without a store.
func TestP7_WrongModes(t *testing.T) {
	type plain struct{ burdock.Store }
	for name, opts := range map[string]*burdock.Options{
		"a store that cannot relax": {Durability: burdock.Relaxed, Cascade: burdock.Cascade{Store: plain{memstore.New()}}},
		"no store":                  {Durability: burdock.OnHalt},
		"an unknown mode":           {Durability: "often", Cascade: burdock.Cascade{Store: memstore.New()}},
	} {
		opts.State = burdock.StateOf(stepCount{})
		if _, err := burdock.New(t.Context(), threeSteps(t, nil), opts); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
