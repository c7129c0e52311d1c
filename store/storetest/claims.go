package storetest

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/burdock-go/burdock"
)

// ended reports whether a claim is known to be lost.
func ended(c burdock.Claim) bool {
	select {
	case <-c.Lost():
		return true
	default:
		return false
	}
}

var claimChecks = []check{
	{"P3_a_first_claim_has_epoch_1_and_each_later_one_more", func(s *suite) {
		for want := range int64(4) {
			c := s.claim("r")
			if got := c.Fence(); got != (burdock.Fence{Root: "r", Epoch: want + 1}) {
				s.Fatalf("got fence %+v, want epoch %d", got, want+1)
			}
			s.release(c)
		}
	}},
	{"P3_a_second_claim_conflicts_while_the_first_lives", func(s *suite) {
		c := s.claim("r")
		_, err := s.Claim(s.Context(), "r")
		s.conflict(err)
		s.claim("another")
		s.release(c)
		s.claim("r")
	}},
	{"P3_of_two_stores_one_has_the_claim", func(s *suite) {
		two := s.second()
		c := s.claim("r")
		_, err := two.Claim(s.Context(), "r")
		s.conflict(err)
		s.release(c)
		d, err := two.Claim(s.Context(), "r")
		if err != nil || d.Fence().Epoch != 2 {
			s.Fatalf("got claim %v, error %v, want epoch 2", d, err)
		}
		s.conflict(s.Save(s.Context(), c.Fence(), []burdock.Checkpoint{step("r", 1, "b")}))
		s.missing("r", -1)
		_, err = s.Claim(s.Context(), "r")
		s.conflict(err)
		if err := d.Release(s.Context()); err != nil {
			s.Fatal(err)
		}
	}},
	{"P3_what_one_store_saved_another_reads", func(s *suite) {
		two := s.second()
		want := step("r", 1, "b", set("x", "1"))
		s.save(want)
		got, err := two.Load(s.Context(), burdock.Ref{App: "r", Seq: -1})
		if err != nil {
			s.Fatal(err)
		}
		s.same(got, want)
	}},
	{"P3_Release_is_idempotent_and_frees_only_its_own_claim", func(s *suite) {
		c := s.claim("r")
		s.release(c)
		s.release(c)
		d := s.claim("r")
		s.release(c)
		_, err := s.Claim(s.Context(), "r")
		s.conflict(err)
		s.release(d)
	}},
	{"P3_Release_works_with_a_done_context", func(s *suite) {
		if err := s.claim("r").Release(done()); err != nil {
			s.Fatal(err)
		}
		s.release(s.claim("r"))
	}},
	{"P3_a_claim_with_a_done_context_holds_nothing", func(s *suite) {
		if _, err := s.Claim(done(), "r"); err == nil {
			s.Fatal("Claim returned nil")
		}
		s.claim("r")
	}},
	{"P3_of_many_concurrent_claims_one_wins", func(s *suite) {
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				switch _, err := s.Claim(s.Context(), "r"); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, burdock.ErrConflict):
					lost.Add(1)
				default:
					s.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 15 {
			s.Errorf("%d claims won and %d conflicted, want 1 and 15", won.Load(), lost.Load())
		}
	}},
	{"P4_a_stale_fence_is_refused_for_the_root_and_its_descendants", func(s *suite) {
		old := s.claim("r")
		s.saveAs(old, step("r", 1, "b"))
		s.release(old)
		cur := s.claim("r")
		s.conflict(s.Save(s.Context(), old.Fence(), []burdock.Checkpoint{step("r", 2, "b")}))
		s.conflict(s.Save(s.Context(), old.Fence(), []burdock.Checkpoint{branch("r", burdock.Ref{App: "r", Seq: 2}, 0, 1)}))
		s.lists(burdock.Query{Root: "r"}, "r 1")
		s.saveAs(cur, step("r", 2, "b"))
	}},
	{"P4_a_claim_alone_makes_earlier_fences_stale", func(s *suite) {
		old := s.claim("r")
		s.release(old)
		s.release(s.claim("r"))
		s.conflict(s.Save(s.Context(), old.Fence(), []burdock.Checkpoint{step("r", 1, "b")}))
		s.missing("r", 1)
	}},
	{"P4_a_lower_dispatch_of_one_epoch_is_stale", func(s *suite) {
		f := s.claim("r").Fence()
		higher := f
		higher.Dispatch = 2
		if err := s.Save(s.Context(), higher, []burdock.Checkpoint{step("r", 1, "b")}); err != nil {
			s.Fatal(err)
		}
		s.conflict(s.Save(s.Context(), f, []burdock.Checkpoint{step("r", 2, "b")}))
		s.missing("r", 2)
	}},
	{"P4_a_stale_save_of_an_equal_checkpoint_is_refused_too", func(s *suite) {
		old, c := s.claim("r"), step("r", 1, "b")
		s.saveAs(old, c)
		s.release(old)
		s.claim("r")
		s.conflict(s.Save(s.Context(), old.Fence(), []burdock.Checkpoint{c}))
	}},
	{"P4_a_higher_fence_seen_in_a_save_counts", func(s *suite) {
		if err := s.Save(s.Context(), burdock.Fence{Root: "r", Epoch: 7}, []burdock.Checkpoint{step("r", 1, "b")}); err != nil {
			s.Fatal(err)
		}
		if got := s.claim("r").Fence().Epoch; got != 8 {
			s.Errorf("got epoch %d, want 8", got)
		}
	}},
	{"P4_Lost_is_closed_when_a_save_finds_a_newer_owner", func(s *suite) {
		c := s.claim("r")
		if ended(c) {
			s.Fatal("Lost is closed while the claim is held")
		}
		newer := burdock.Fence{Root: "r", Epoch: c.Fence().Epoch + 1}
		if err := s.Save(s.Context(), newer, []burdock.Checkpoint{step("r", 1, "b")}); err != nil {
			s.Fatal(err)
		}
		s.conflict(s.Save(s.Context(), c.Fence(), []burdock.Checkpoint{step("r", 2, "b")}))
		if !ended(c) {
			s.Error("Lost is open after a save was refused")
		}
		s.release(c)
	}},
	{"P4_fences_of_one_root_do_not_touch_another", func(s *suite) {
		s.release(s.claim("r"))
		s.release(s.claim("r"))
		q := s.claim("q")
		s.saveAs(q, step("q", 1, "b"))
	}},
}

func (s *suite) saveAs(c burdock.Claim, batch ...burdock.Checkpoint) {
	s.Helper()
	if err := s.Save(s.Context(), c.Fence(), batch); err != nil {
		s.Fatalf("Save with %+v: %v", c.Fence(), err)
	}
}
