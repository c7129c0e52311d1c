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

// pruner is the store as a Pruner; for one that is none the check is skipped.
func (s *suite) pruner() burdock.Pruner {
	s.Helper()
	p, ok := s.Store.(burdock.Pruner)
	if !ok {
		s.Skipf("skipped: %T is no burdock.Pruner", s.Store)
	}
	return p
}

// prune expects Prune to forget these roots, and a DryRun to say so before and nothing after.
func (s *suite) prune(p burdock.Prune, want ...string) burdock.Pruned {
	s.Helper()
	store := s.pruner()
	dry := p
	dry.DryRun = true
	would, err := store.Prune(s.Context(), dry)
	if err != nil {
		s.Fatalf("Prune(%+v): %v", dry, err)
	}
	did, err := store.Prune(s.Context(), p)
	if err != nil {
		s.Fatalf("Prune(%+v): %v", p, err)
	}
	if !slices.Equal(did.Roots, want) {
		s.Fatalf("Prune(%+v) forgot %q, want %q", p, did.Roots, want)
	}
	if fmt.Sprint(would) != fmt.Sprint(did) {
		s.Errorf("with DryRun Prune said %+v and without %+v", would, did)
	}
	for _, root := range want {
		s.lists(burdock.Query{App: root})
		s.lists(burdock.Query{Root: root})
		s.missing(root, -1)
	}
	return did
}

// everything is before whatever the suite saves.
var everything = burdock.Prune{Before: epoch.AddDate(1, 0, 0)}

// stands saves a root whose only step has this status, at a minute of the day.
func (s *suite) stands(id string, status burdock.Status, next string, minute int) {
	s.Helper()
	c := step(id, 1, next)
	c.Status, c.Started = status, epoch.Add(time.Duration(minute)*time.Minute)
	c.Ended = c.Started.Add(time.Second)
	if status == burdock.StatusRunning {
		c.Ended = time.Time{}
	}
	s.save(c)
}

var pruneChecks = []check{
	{"Prune_forgets_a_root_with_all_its_descendants_and_leaves_the_rest_as_it_was", func(s *suite) {
		s.pruner()
		s.runs()
		deep := branch("run-1", burdock.Ref{App: "run-1.1.0", Seq: 1}, 0, 1)
		lost := branch("run-1", burdock.Ref{App: "nobody", Seq: 1}, 0, 1)
		s.save(deep, snapshot(deep), lost)
		rest := map[string][]burdock.Checkpoint{}
		for _, root := range []string{"run-0", "run-2", "run-3"} {
			rest[root] = s.all(burdock.Query{Root: root})
		}
		did := s.prune(burdock.Prune{Before: epoch.Add(90 * time.Second), Project: "q"}, "run-1")
		if did.Checkpoints != 6 || did.Bytes <= 0 {
			s.Errorf("got %+v, want 6 checkpoints and their bytes", did)
		}
		for _, app := range []string{"run-1.1.0", deep.App, lost.App} {
			s.missing(app, -1)
		}
		s.lists(burdock.Query{Parent: burdock.Ref{App: "run-1", Seq: 1}})
		s.lists(burdock.Query{Roots: true}, "run-3 3", "run-2 2", "run-0 0")
		for root, want := range rest {
			got := s.all(burdock.Query{Root: root})
			if len(got) != len(want) {
				s.Fatalf("%s: got %d records, want %d", root, len(got), len(want))
			}
			for i := range want {
				s.same(got[i], want[i])
			}
		}
		s.prune(burdock.Prune{Before: epoch.Add(90 * time.Second), Project: "q"})
	}},
	{"Prune_keeps_what_a_living_owner_has_claimed", func(s *suite) {
		s.pruner()
		s.stands("live", burdock.StatusCompleted, "", 1)
		s.stands("dead", burdock.StatusCompleted, "", 2)
		c := s.claim("live")
		s.prune(everything, "dead")
		s.saveAs(c, step("live", 2, ""))
		s.release(c)
		s.prune(everything, "live")
	}},
	{"Prune_keeps_what_waits_itself_or_in_a_branch", func(s *suite) {
		s.pruner()
		s.stands("waits", burdock.StatusWaiting, "", 1)
		s.stands("parent", burdock.StatusCompleted, "", 2)
		child := branch("parent", burdock.Ref{App: "parent", Seq: 1}, 0, 1)
		grandchild := branch("parent", child.Ref(), 0, 1)
		grandchild.Status = burdock.StatusWaiting
		s.save(child, grandchild)
		s.stands("waited", burdock.StatusWaiting, "", 3)
		answered := step("waited", 2, "")
		s.save(answered)
		s.prune(everything, "waited")
		s.prune(burdock.Prune{Status: []burdock.Status{burdock.StatusWaiting}})
		grandchild.Status = burdock.StatusCancelled
		s.save(grandchild)
		s.prune(everything, "parent")
		s.lists(burdock.Query{Roots: true}, "waits 1")
	}},
	{"Prune_selects_by_how_an_application_stands", func(s *suite) {
		s.pruner()
		s.stands("done", burdock.StatusCompleted, "", 1)
		s.stands("between", burdock.StatusCompleted, "more", 2)
		s.stands("within", burdock.StatusRunning, "", 3)
		s.stands("failed", burdock.StatusFailed, "", 4)
		s.stands("handled", burdock.StatusFailed, "handler", 5)
		s.stands("cancelled", burdock.StatusCancelled, "", 6)
		s.prune(burdock.Prune{Status: []burdock.Status{burdock.StatusRunning}})
		s.prune(burdock.Prune{Status: []burdock.Status{burdock.StatusFailed, burdock.StatusCancelled}}, "failed", "cancelled")
		s.prune(burdock.Prune{Status: []burdock.Status{"stale"}}, "within")
		s.prune(burdock.Prune{Status: []burdock.Status{burdock.StatusCompleted}}, "done")
		s.prune(burdock.Prune{Status: []burdock.Status{"paused"}}, "between", "handled")
	}},
	{"Prune_Keep_leaves_the_last_written_of_those_selected", func(s *suite) {
		s.pruner()
		s.runs()
		s.prune(burdock.Prune{Keep: 4})
		s.prune(burdock.Prune{Keep: 1, Project: "p"}, "run-0")
		s.prune(burdock.Prune{Keep: 1, Before: epoch.Add(150 * time.Second)}, "run-1")
		c := s.claim("run-3")
		s.prune(burdock.Prune{Keep: 1}, "run-2")
		s.release(c)
		s.lists(burdock.Query{Roots: true}, "run-3 3")
	}},
	{"Prune_that_selects_nothing_in_particular_is_an_error", func(s *suite) {
		store := s.pruner()
		s.runs()
		for _, p := range []burdock.Prune{{}, {DryRun: true}, {Keep: -1}} {
			if did, err := store.Prune(s.Context(), p); err == nil || len(did.Roots) > 0 {
				s.Errorf("Prune(%+v): got %+v and no error", p, did)
			}
		}
		s.lists(burdock.Query{Roots: true}, "run-3 3", "run-2 2", "run-1 1", "run-0 0")
	}},
	{"Prune_with_a_done_context_forgets_nothing", func(s *suite) {
		store := s.pruner()
		s.runs()
		if did, err := store.Prune(done(), everything); !errors.Is(err, context.Canceled) || len(did.Roots) > 0 {
			s.Errorf("got %+v, error %v, want nothing and context.Canceled", did, err)
		}
		s.lists(burdock.Query{Roots: true}, "run-3 3", "run-2 2", "run-1 1", "run-0 0")
	}},
	{"P4_whoever_slept_since_before_a_Prune_writes_nothing_into_what_was_forgotten", func(s *suite) {
		s.pruner()
		old := s.claim("r")
		s.saveAs(old, step("r", 1, "b"))
		s.release(old)
		s.prune(everything, "r")
		s.conflict(s.Save(s.Context(), old.Fence(), []burdock.Checkpoint{step("r", 2, "b")}))
		s.missing("r", -1)
		c := s.claim("r")
		if got := c.Fence().Epoch; got != 3 {
			s.Errorf("got epoch %d, want 3: one for Prune and one for this claim", got)
		}
		again := step("r", 1, "b", set("x", "2"))
		s.saveAs(c, again)
		s.same(s.load("r", -1), again)
		s.lists(burdock.Query{Roots: true}, "r 1")
		s.release(c)
	}},
	{"Prune_and_the_saves_of_others_run_at_once", func(s *suite) {
		store := s.pruner()
		var wg sync.WaitGroup
		var mu sync.Mutex
		forgotten := map[string]bool{}
		for w := range 3 {
			wg.Go(func() {
				for i := range 20 {
					root := fmt.Sprintf("run-%d-%d", w, i)
					one := step(root, 1, "")
					if err := s.Save(s.Context(), one.Fence, []burdock.Checkpoint{one, branch(root, one.Ref(), 0, 1)}); err != nil {
						s.Errorf("save %s: %v", root, err)
					}
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				for range 10 {
					did, err := store.Prune(s.Context(), burdock.Prune{Keep: 5})
					if err != nil {
						s.Error(err)
					}
					mu.Lock()
					for _, root := range did.Roots {
						if forgotten[root] {
							s.Errorf("%s was forgotten twice", root)
						}
						forgotten[root] = true
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for w := range 3 {
			for i := range 20 {
				root, want := fmt.Sprintf("run-%d-%d", w, i), 2
				if forgotten[root] {
					want = 0
				}
				if got := len(s.all(burdock.Query{Root: root})); got != want {
					s.Errorf("%s has %d records, want %d", root, got, want)
				}
			}
		}
	}},
	{"Size_counts_a_root_with_its_descendants", func(s *suite) {
		store, ok := s.Store.(burdock.Sizer)
		if !ok {
			s.Skipf("skipped: %T is no burdock.Sizer", s.Store)
		}
		s.runs()
		small, err := store.Size(s.Context(), "run-0")
		if err != nil || small.Apps != 2 || small.Checkpoints != 2 || small.Bytes <= 0 {
			s.Errorf("got %+v, error %v, want 2 applications with 2 checkpoints", small, err)
		}
		large := branch("run-0", burdock.Ref{App: "run-0", Seq: 1}, 7, 1)
		large.Delta = burdock.Delta{set("x", fmt.Sprintf("\"%10000d\"", 1))}
		s.save(large, snapshot(large))
		got, err := store.Size(s.Context(), "run-0")
		if err != nil || got.Apps != 3 || got.Checkpoints != 4 || got.Bytes < small.Bytes+10_000 || got.Bytes > small.Bytes+12_000 {
			s.Errorf("got %+v after %+v, error %v, want one application, 2 checkpoints and 10,000 bytes more", got, small, err)
		}
		for _, root := range []string{"nobody", "run-0.0.0"} {
			if _, err := store.Size(s.Context(), root); !errors.Is(err, burdock.ErrNotFound) {
				s.Errorf("%s: got error %v, want ErrNotFound", root, err)
			}
		}
	}},
}
