package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/burdock-go/burdock"
)

var batchChecks = []check{
	{"P5_a_batch_is_saved_whole", func(s *suite) {
		s.save(step("r", 0, "a1"), step("r", 1, ""), branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 1))
		s.load("r", 0)
		s.load("r", 1)
		s.load("r.1.0", 1)
	}},
	{"P5_an_empty_batch_is_no_error", func(s *suite) {
		if err := s.Save(s.Context(), burdock.Fence{Root: "r", Epoch: 1}, nil); err != nil {
			s.Fatal(err)
		}
		s.missing("r", -1)
	}},
	{"P5_ten_thousand_checkpoints_in_one_batch", func(s *suite) {
		const n = 10_000
		visit := burdock.Ref{App: "r", Seq: 1}
		batch := []burdock.Checkpoint{step("r", 1, "")}
		for i := range int64(n) {
			batch = append(batch, branch("r", visit, i, 1))
		}
		s.save(batch...)
		seen := int64(0)
		for _, c := range s.all(burdock.Query{Parent: visit, Latest: true}) {
			if c.Index != seen {
				s.Fatalf("got branch %d, want %d", c.Index, seen)
			}
			seen++
		}
		if seen != n {
			s.Errorf("got %d branches, want %d", seen, n)
		}
	}},
	{"P5_an_equal_checkpoint_saved_again_is_no_conflict", func(s *suite) {
		c := step("r", 1, "b", set("x", "1"))
		s.save(c)
		s.save(c)
		s.save(c, c)
		s.same(s.load("r", 1), c)
		s.lists(burdock.Query{App: "r"}, "r 1")
	}},
	{"P5_a_save_whose_context_is_done_writes_all_or_nothing", func(s *suite) {
		err := s.Save(done(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "b"), step("r", 2, "b")})
		switch n := len(s.all(burdock.Query{App: "r"})); {
		case err == nil && n != 2:
			s.Errorf("Save returned nil and %d of 2 are there", n)
		case err != nil && (n != 0 || !errors.Is(err, context.Canceled)):
			s.Errorf("Save returned %v and %d of 2 are there", err, n)
		}
	}},
	{"P5_a_save_cancelled_meanwhile_writes_all_or_nothing", func(s *suite) {
		for round := range int64(50) {
			ctx, cancel := context.WithCancel(s.Context())
			go cancel()
			err := s.Save(ctx, burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 2*round, "b"), step("r", 2*round+1, "b")})
			_, one := s.Load(s.Context(), burdock.Ref{App: "r", Seq: 2 * round})
			_, two := s.Load(s.Context(), burdock.Ref{App: "r", Seq: 2*round + 1})
			if (one == nil) != (two == nil) || err == nil && one != nil {
				s.Fatalf("round %d: Save returned %v; the first is there: %v, the second: %v", round, err, one == nil, two == nil)
			}
		}
	}},
	{"P5_reads_with_a_done_context_fail_with_its_error", func(s *suite) {
		s.save(step("r", 1, "b"))
		if _, err := s.Load(done(), burdock.Ref{App: "r", Seq: 1}); !errors.Is(err, context.Canceled) {
			s.Errorf("Load: got %v, want context.Canceled", err)
		}
		if _, err := collect(s.List(done(), burdock.Query{App: "r"})); !errors.Is(err, context.Canceled) {
			s.Errorf("List: got %v, want context.Canceled", err)
		}
	}},
	{"P5_a_stale_save_among_good_ones_fails_alone", func(s *suite) {
		old := s.claim("stale").Fence()
		if err := s.Save(s.Context(), burdock.Fence{Root: "stale", Epoch: old.Epoch + 1}, []burdock.Checkpoint{step("stale", 0, "b")}); err != nil {
			s.Fatal(err)
		}
		results := make([]chan error, 16)
		for i := range results {
			results[i] = make(chan error, 1)
			root, fence := fmt.Sprintf("good%d", i), burdock.Fence{Root: fmt.Sprintf("good%d", i), Epoch: 1}
			if i%4 == 3 {
				root, fence = "stale", old
			}
			go func() { results[i] <- s.Save(s.Context(), fence, []burdock.Checkpoint{step(root, int64(i), "b")}) }()
		}
		for i, r := range results {
			if err := <-r; i%4 == 3 {
				s.conflict(err)
				s.missing("stale", int64(i))
			} else if err != nil {
				s.Errorf("save %d: %v", i, err)
			} else {
				s.load(fmt.Sprintf("good%d", i), int64(i))
			}
		}
	}},
}
