package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
)

// journal is the store as a Journal with a tracker of its own; for one that is none the check is skipped.
func (s *suite) journal() (burdock.Journal, burdock.Tracker) {
	s.Helper()
	j, ok := s.Store.(burdock.Journal)
	if !ok {
		s.Skipf("skipped: %T is no burdock.Journal", s.Store)
	}
	if s.opts.Tracker == nil || s.opts.Events == nil {
		s.Skip("skipped: Options.Tracker or Options.Events is nil, so what the journal writes is not checked")
	}
	return j, s.opts.Tracker(s.T, s.Store)
}

// told is the event of a step's end.
func told(c burdock.Checkpoint, n int64) burdock.Event {
	return burdock.Event{
		Kind: burdock.EventStepEnded, Time: c.Ended, Root: c.Root, App: c.App, Path: c.Path, Seq: c.Seq, Attempt: c.Attempt, N: n,
		Action: c.Action, Status: c.Status, Started: c.Started,
	}
}

// tells expects the numbers of the events that were stored of one application.
func (s *suite) tells(tr burdock.Tracker, app string, want ...int64) {
	s.Helper()
	var got []int64
	for _, e := range s.opts.Events(s.T, tr, app) {
		got = append(got, e.N)
	}
	if !slices.Equal(got, want) {
		s.Errorf("the events of %s are %v, want %v", app, got, want)
	}
}

var journalChecks = []check{
	{"T1_a_step_and_its_events_are_saved_together", func(s *suite) {
		j, tr := s.journal()
		c := step("r", 1, "b", set("x", "1"))
		if err := j.SaveJournal(s.Context(), c.Fence, []burdock.Checkpoint{c}, []burdock.Event{told(c, 1), told(c, 2)}); err != nil {
			s.Fatal(err)
		}
		s.same(s.load("r", 1), c)
		s.tells(tr, "r", 1, 2)
	}},
	{"T1_a_journal_knows_its_own_tracker", func(s *suite) {
		j, tr := s.journal()
		if !j.Journals(tr) {
			s.Error("it does not journal the tracker of this store")
		}
		if j.Journals(burdock.Trackers(tr, deaf{})) || j.Journals(nil) || j.Journals(deaf{}) {
			s.Error("it journals a tracker that writes elsewhere")
		}
	}},
	{"T1_a_stale_fence_writes_neither", func(s *suite) {
		j, tr := s.journal()
		c := step("r", 1, "b")
		if err := s.Save(s.Context(), burdock.Fence{Root: "r", Epoch: 2}, []burdock.Checkpoint{c}); err != nil {
			s.Fatal(err)
		}
		late := step("r", 2, "b")
		err := j.SaveJournal(s.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{late}, []burdock.Event{told(late, 1)})
		if !errors.Is(err, burdock.ErrConflict) {
			s.Errorf("got %v, want ErrConflict", err)
		}
		s.missing("r", 2)
		s.tells(tr, "r")
	}},
	{"T1_a_batch_that_is_refused_writes_neither", func(s *suite) {
		j, tr := s.journal()
		c, other := step("r", 1, "b"), step("other", 1, "b")
		if err := j.SaveJournal(s.Context(), c.Fence, []burdock.Checkpoint{c, other}, []burdock.Event{told(c, 1)}); err == nil {
			s.Error("a batch of two roots was saved")
		}
		s.missing("r", 1)
		s.tells(tr, "r")
	}},
	{"T1_an_event_that_cannot_be_stored_is_dropped_alone", func(s *suite) {
		j, tr := s.journal()
		c := step("r", 1, "b")
		bad := told(c, 2)
		bad.Value = make(chan int)
		if err := j.SaveJournal(s.Context(), c.Fence, []burdock.Checkpoint{c}, []burdock.Event{told(c, 1), bad, told(c, 3)}); err != nil {
			s.Fatal(err)
		}
		s.load("r", 1)
		s.tells(tr, "r", 1, 3)
	}},
	{"T1_concurrent_journals_share_commits_and_keep_their_events_apart", func(s *suite) {
		j, tr := s.journal()
		const n = 40
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				for seq := range int64(5) {
					c := step(fmt.Sprint("r", i), seq+1, "b")
					if i%4 == 3 { // these are stale from their second step on
						c.Fence.Epoch = 5 - seq
					}
					err := j.SaveJournal(s.Context(), c.Fence, []burdock.Checkpoint{c}, []burdock.Event{told(c, 1)})
					if stale := i%4 == 3 && seq > 0; stale != errors.Is(err, burdock.ErrConflict) {
						s.Errorf("root %d, step %d: got %v", i, seq+1, err)
					}
				}
			})
		}
		all.Wait()
		for i := range n {
			want := []int64{1, 1, 1, 1, 1}
			if i%4 == 3 {
				want = want[:1]
			}
			s.tells(tr, fmt.Sprint("r", i), want...)
		}
	}},
}

// deaf is a tracker that no store has.
type deaf struct{}

func (deaf) Track(context.Context, burdock.Event) error { return nil }

// relaxed is the store as a Relaxer; for one that is none the check is skipped.
func (s *suite) relaxed() burdock.Store {
	s.Helper()
	r, ok := s.Store.(burdock.Relaxer)
	if !ok {
		s.Skipf("skipped: %T is no burdock.Relaxer", s.Store)
	}
	return r.Relaxed()
}

var relaxedChecks = []check{
	{"P7_what_a_relaxed_view_saved_the_store_has", func(s *suite) {
		view := s.relaxed()
		c := step("r", 1, "b", set("x", "1"))
		if err := view.Save(s.Context(), c.Fence, []burdock.Checkpoint{c}); err != nil {
			s.Fatal(err)
		}
		s.same(s.load("r", 1), c)
		s.save(step("r", 2, "b"))
		if got, err := view.Load(s.Context(), burdock.Ref{App: "r", Seq: -1}); err != nil || got.Seq != 2 {
			s.Errorf("the view loads step %d, %v, want what the store saved", got.Seq, err)
		}
	}},
	{"P7_a_relaxed_view_has_the_claims_and_fences_of_the_store", func(s *suite) {
		view := s.relaxed()
		claim, err := view.Claim(s.Context(), "r")
		if err != nil {
			s.Fatal(err)
		}
		if _, err := s.Claim(s.Context(), "r"); !errors.Is(err, burdock.ErrConflict) {
			s.Errorf("the store claims what the view holds: %v", err)
		}
		if err := claim.Release(s.Context()); err != nil {
			s.Fatal(err)
		}
		c := step("r", 1, "b")
		if err := s.Save(s.Context(), burdock.Fence{Root: "r", Epoch: 7}, []burdock.Checkpoint{c}); err != nil {
			s.Fatal(err)
		}
		if err := view.Save(s.Context(), burdock.Fence{Root: "r", Epoch: 6}, []burdock.Checkpoint{step("r", 2, "b")}); !errors.Is(err, burdock.ErrConflict) {
			s.Errorf("a stale save of the view: got %v, want ErrConflict", err)
		}
		s.missing("r", 2)
	}},
}

var takenOverChecks = []check{
	{"P8_a_beginning_is_replaced_by_one_of_another_graph", func(s *suite) {
		zero := step("r", 0, "a1", set("x", "1"))
		zero.Description = []byte(`{"name":"g"}`)
		s.save(zero, step("r", 1, "a2"))
		zero.Graph, zero.GraphHash, zero.Description = "h", "h2", []byte(`{"name":"h"}`)
		one := step("r", 1, "c", set("y", "2"))
		one.Graph, one.GraphHash = "h", "h2"
		snap := snapshot(one)
		s.save(zero, one, snap)
		s.same(s.load("r", 0), zero)
		s.same(s.load("r", 1), one)
		s.lists(burdock.Query{App: "r"}, "r 0", "r 1", "r 1 s")
		two := step("q", 0, "a1")
		two.Description = []byte(`{"name":"g"}`)
		s.save(two)
		s.same(s.load("q", 0), two)
	}},
	{"P1_branches_may_be_saved_before_their_root", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		inner := burdock.Ref{App: "r.1.0", Seq: 1}
		deep := branch("r", inner, 0, 1)
		s.save(deep)
		s.save(branch("r", visit, 0, 1), branch("r", visit, 1, 1))
		s.missing("r", -1)
		s.lists(burdock.Query{Roots: true})
		s.save(step("r", 0, "a1"), step("r", 1, ""))
		s.lists(burdock.Query{Root: "r"}, "r 0", "r 1", "r.1.0 1", deep.App+" 1", "r.1.1 1")
		s.lists(burdock.Query{Roots: true}, "r 1")
	}},
	{"L_an_application_that_is_its_own_parent_is_listed_once", func(s *suite) {
		c := step("r", 1, "")
		c.Parent = burdock.Ref{App: "r", Seq: 1}
		s.save(c)
		a, b := branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 1), branch("r", burdock.Ref{App: "r", Seq: 1}, 1, 1)
		s.save(a, b)
		inner := branch("r", burdock.Ref{App: a.App, Seq: 1}, 0, 1)
		s.save(inner)
		ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
		defer cancel()
		list, err := collect(s.List(ctx, burdock.Query{Root: "r"}))
		if got := len(list); err != nil || got != 4 {
			s.Errorf("got %d checkpoints, %v, want each of the 4 once", got, err)
		}
	}},
}
