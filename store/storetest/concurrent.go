package storetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/burdock-go/burdock"
)

var concurrencyChecks = []check{
	{"P5_branches_of_one_root_save_concurrently", func(s *suite) {
		const workers, steps = 24, 10
		visit := burdock.Ref{App: "r", Seq: 1}
		claim := s.claim("r")
		var wg sync.WaitGroup
		for w := range int64(workers) {
			wg.Go(func() {
				for seq := range int64(steps) {
					c := branch("r", visit, w, seq)
					if err := s.Save(s.Context(), claim.Fence(), []burdock.Checkpoint{c}); err != nil {
						s.Errorf("save %d of branch %d: %v", seq, w, err)
						return
					}
					if got, err := s.Load(s.Context(), c.Ref()); err != nil || got.Seq != seq {
						s.Errorf("what was acknowledged is not there: %s %d: %v", c.App, seq, err)
					}
				}
			})
		}
		wg.Wait()
		if got := len(s.all(burdock.Query{Parent: visit})); got != workers*steps {
			s.Errorf("got %d records, want %d", got, workers*steps)
		}
		s.release(claim)
	}},
	{"P5_listings_and_saves_run_at_once", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		var wg sync.WaitGroup
		for w := range int64(4) {
			wg.Go(func() {
				for seq := range int64(40) {
					if err := s.Save(s.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{branch("r", visit, w, seq)}); err != nil {
						s.Error(err)
						return
					}
				}
			})
			wg.Go(func() {
				for range 20 {
					last := map[string]int64{}
					for c, err := range s.List(s.Context(), burdock.Query{Parent: visit}) {
						if before, seen := last[c.App]; err != nil || seen && c.Seq != before+1 {
							s.Errorf("got %s %d after %d, error %v", c.App, c.Seq, before, err)
							return
						}
						last[c.App] = c.Seq
					}
				}
			})
		}
		wg.Wait()
	}},
	{"P4_of_two_stores_saving_under_one_root_the_stale_one_fails_whole", func(s *suite) {
		two := s.second()
		old := s.claim("r")
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range int64(50) {
				batch := []burdock.Checkpoint{branch("r", burdock.Ref{App: "r", Seq: 1}, i, 0), branch("r", burdock.Ref{App: "r", Seq: 1}, i, 1)}
				if err := s.Save(s.Context(), old.Fence(), batch); err != nil && !errors.Is(err, burdock.ErrConflict) {
					s.Errorf("got error %v, want ErrConflict", err)
				}
			}
		})
		newer := burdock.Fence{Root: "r", Epoch: old.Fence().Epoch + 1}
		for i := range int64(50) {
			if err := two.Save(s.Context(), newer, []burdock.Checkpoint{step("r", i, "b")}); err != nil {
				s.Error(err)
			}
		}
		wg.Wait()
		count := map[string]int{}
		for _, c := range s.all(burdock.Query{Parent: burdock.Ref{App: "r", Seq: 1}}) {
			count[c.App]++
		}
		for app, n := range count {
			if n != 2 {
				s.Errorf("%s has %d of 2 records", app, n)
			}
		}
		s.conflict(s.Save(s.Context(), old.Fence(), []burdock.Checkpoint{step("r", 99, "b")}))
		if !ended(old) {
			s.Error("the old owner was not told")
		}
	}},
	{"P3_two_stores_take_turns", func(s *suite) {
		two := s.second()
		stores := []burdock.Store{s.Store, two}
		for i := range int64(10) {
			c, err := stores[i%2].Claim(s.Context(), "r")
			if err != nil {
				s.Fatalf("turn %d: %v", i, err)
			}
			batch := []burdock.Checkpoint{step("r", i, "b"), branch("r", burdock.Ref{App: "r", Seq: i}, 0, 0)}
			if err := stores[i%2].Save(s.Context(), c.Fence(), batch); err != nil {
				s.Fatalf("turn %d: %v", i, err)
			}
			if _, err := stores[(i+1)%2].Load(s.Context(), batch[1].Ref()); err != nil {
				s.Fatalf("turn %d: %v", i, err)
			}
			s.release(c)
		}
		s.lists(burdock.Query{App: "r", Latest: true}, "r 9")
		if got := fmt.Sprint(len(s.all(burdock.Query{Root: "r"}))); got != "20" {
			s.Errorf("got %s records, want 20", got)
		}
	}},
}
