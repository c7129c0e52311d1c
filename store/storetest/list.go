package storetest

import (
	"fmt"
	"slices"

	"github.com/burdock-go/burdock"
)

// tree saves a root whose step 2 started three branches, the second of which started two of its own.
func (s *suite) tree() {
	s.Helper()
	visit, inner := burdock.Ref{App: "r", Seq: 2}, burdock.Ref{App: "r.2.1", Seq: 1}
	// Inner branches first, as a map that is the first step of its branch saves them.
	s.save(branch("r", inner, 1, 1), branch("r", inner, 0, 1))
	s.save(step("r", 0, "a1"), step("r", 1, "a2"))
	s.save(branch("r", visit, 2, 1), branch("r", visit, 0, 1), branch("r", visit, 0, 2))
	s.save(branch("r", visit, 1, 1))
	s.save(step("r", 2, "a3"), step("r", 3, ""))
	s.save(step("other", 1, ""), branch("other", burdock.Ref{App: "other", Seq: 2}, 0, 1))
}

var listChecks = []check{
	{"L_App_yields_one_application_by_number", func(s *suite) {
		s.tree()
		s.save(step("r", 10, "b"), step("r", 9, "b"), snapshot(step("r", 3, "b")))
		s.lists(burdock.Query{App: "r"}, "r 0", "r 1", "r 2", "r 3", "r 3 s", "r 9", "r 10")
		s.lists(burdock.Query{App: "nobody"})
	}},
	{"L_Until_leaves_out_what_came_later", func(s *suite) {
		s.save(step("r", 0, "b"), step("r", 1, "b"), step("r", 2, "b"), snapshot(step("r", 2, "b")), step("r", 3, "b"))
		s.lists(burdock.Query{App: "r", Until: 2}, "r 0", "r 1", "r 2", "r 2 s")
		s.lists(burdock.Query{App: "r", Until: 1}, "r 0", "r 1")
		s.lists(burdock.Query{App: "r", Until: 2, Latest: true}, "r 2")
		s.lists(burdock.Query{App: "r", Until: 9, Latest: true}, "r 3")
	}},
	{"L_Latest_leaves_the_last_step", func(s *suite) {
		s.tree()
		s.save(snapshot(step("r", 3, "b")), snapshot(step("r", 9, "b")))
		s.lists(burdock.Query{App: "r", Latest: true}, "r 3")
		s.lists(burdock.Query{Parent: burdock.Ref{App: "r", Seq: 2}, Latest: true}, "r.2.0 2", "r.2.1 1", "r.2.2 1")
		if got := len(s.all(burdock.Query{Root: "r", Latest: true})); got != 6 {
			s.Errorf("got %d applications of the root, want 6", got)
		}
	}},
	{"P1_Rebuild_without_a_snapshot_yields_every_step", func(s *suite) {
		s.save(step("r", 0, "b"), step("r", 1, "b"), step("r", 2, "b"))
		s.lists(burdock.Query{App: "r", Rebuild: true}, "r 0", "r 1", "r 2")
	}},
	{"P1_Rebuild_yields_the_last_snapshot_the_lists_the_latest_and_the_beginning", func(s *suite) {
		appends := step("r", 2, "b", grow("l", "[1]"))
		appends.Lists = true
		s.save(step("r", 0, "b"), step("r", 1, "b"), appends, snapshot(step("r", 2, "b")), step("r", 3, "b"), step("r", 4, "b"),
			snapshot(step("r", 4, "b")), step("r", 5, "b"), step("r", 6, "b"))
		s.lists(burdock.Query{App: "r", Rebuild: true}, "r 0", "r 2", "r 4 s", "r 5", "r 6")
		s.lists(burdock.Query{App: "r", Rebuild: true, Until: 4}, "r 0", "r 2", "r 4", "r 4 s")
		s.lists(burdock.Query{App: "r", Rebuild: true, Until: 3}, "r 0", "r 2", "r 2 s", "r 3")
		s.lists(burdock.Query{App: "r", Rebuild: true, Until: 1}, "r 0", "r 1")
	}},
	{"P1_Rebuild_of_a_visit_rebuilds_each_branch", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		var batch []burdock.Checkpoint
		for i := range int64(3) {
			for seq := range int64(4) {
				batch = append(batch, branch("r", visit, i, seq))
			}
		}
		batch = append(batch, snapshot(branch("r", visit, 1, 2)))
		s.save(batch...)
		s.lists(burdock.Query{Parent: visit, Rebuild: true},
			"r.1.0 0", "r.1.0 1", "r.1.0 2", "r.1.0 3", "r.1.1 0", "r.1.1 2 s", "r.1.1 3", "r.1.2 0", "r.1.2 1", "r.1.2 2", "r.1.2 3")
	}},
	{"L_Parent_yields_the_branches_of_one_visit_by_index", func(s *suite) {
		s.tree()
		s.save(branch("r", burdock.Ref{App: "r", Seq: 3}, 0, 1))
		s.lists(burdock.Query{Parent: burdock.Ref{App: "r", Seq: 2}}, "r.2.0 1", "r.2.0 2", "r.2.1 1", "r.2.2 1")
		s.lists(burdock.Query{Parent: burdock.Ref{App: "r", Seq: 3}}, "r.3.0 1")
		s.lists(burdock.Query{Parent: burdock.Ref{App: "r.2.1", Seq: 1}}, "r.2.1.1.0 1", "r.2.1.1.1 1")
		s.lists(burdock.Query{Parent: burdock.Ref{App: "r", Seq: 9}})
	}},
	{"M14_Join_orders_by_join_number_and_those_without_last", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		joins := []int64{3, 0, 1, 0, 2}
		for i, join := range joins {
			running := branch("r", visit, int64(i), 1)
			running.Status, running.Next = burdock.StatusCompleted, "b"
			last := branch("r", visit, int64(i), 2)
			last.Join = join
			s.save(running, last)
		}
		s.lists(burdock.Query{Parent: visit, Join: true, Latest: true}, "r.1.2 2", "r.1.4 2", "r.1.0 2", "r.1.1 2", "r.1.3 2")
		s.lists(burdock.Query{Parent: visit, Join: true, Limit: 3}, "r.1.2 1", "r.1.2 2", "r.1.4 1")
	}},
	{"M13_a_branch_that_moved_is_listed_at_its_last_index", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		moved := branch("r", visit, 0, 1)
		moved.Index = 7
		s.save(branch("r", visit, 0, 1), branch("r", visit, 1, 1))
		s.save(moved)
		s.lists(burdock.Query{Parent: visit}, "r.1.1 1", "r.1.0 1")
	}},
	{"L_Root_yields_parents_before_branches_and_each_application_together", func(s *suite) {
		s.tree()
		list := s.all(burdock.Query{Root: "r"})
		got := names(list)
		want := []string{
			"r 0", "r 1", "r 2", "r 3", "r.2.0 1", "r.2.0 2", "r.2.1 1", "r.2.1.1.0 1", "r.2.1.1.1 1", "r.2.2 1",
		}
		if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, slices.Sorted(slices.Values(want))) {
			s.Fatalf("got %q, want, in some order, %q", got, want)
		}
		s.checkOrder(list)
	}},
	{"L_Root_also_yields_branches_whose_parent_has_no_record", func(s *suite) {
		s.save(step("r", 0, "a1"), branch("r", burdock.Ref{App: "unsaved", Seq: 1}, 0, 1))
		s.lists(burdock.Query{Root: "r"}, "r 0", "unsaved.1.0 1")
	}},
	{"L_Limit_bounds_every_listing", func(s *suite) {
		s.tree()
		s.lists(burdock.Query{App: "r", Limit: 2}, "r 0", "r 1")
		s.lists(burdock.Query{Parent: burdock.Ref{App: "r", Seq: 2}, Limit: 3}, "r.2.0 1", "r.2.0 2", "r.2.1 1")
		for _, q := range []burdock.Query{{Root: "r", Limit: 1}, {Roots: true, Limit: 1}} {
			if got := len(s.all(q)); got != 1 {
				s.Errorf("List(%+v): got %d, want 1", q, got)
			}
		}
	}},
	{"L_a_query_that_selects_nothing_definite_is_an_error", func(s *suite) {
		for _, q := range []burdock.Query{
			{},
			{App: "r", Root: "r"},
			{Roots: true, Parent: burdock.Ref{App: "r"}},
			{Root: "r", Rebuild: true},
			{App: "r", Join: true},
			{Parent: burdock.Ref{App: "r"}, Until: 1},
			{App: "r", Prefix: "x"},
			{App: "r", Limit: -1},
		} {
			if _, err := collect(s.List(s.Context(), q)); err == nil {
				s.Errorf("List(%+v): got no error", q)
			}
		}
	}},
	{"L_a_loop_left_early_holds_nothing", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		var batch []burdock.Checkpoint
		for i := range int64(100) {
			batch = append(batch, branch("r", visit, i, 1))
		}
		s.save(batch...)
		for round := range int64(50) { // more than any pool of connections has
			for c, err := range s.List(s.Context(), burdock.Query{Parent: visit}) {
				if err != nil {
					s.Fatal(err)
				}
				if c.Index == round {
					break
				}
			}
		}
		s.save(step("r", 5, "b"))
	}},
	{"L_the_body_of_a_loop_may_use_the_store", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		for i := range int64(50) {
			s.save(branch("r", visit, i, 1))
		}
		var depth func(int)
		depth = func(n int) { // loops nested deeper than any pool of connections
			for c, err := range s.List(s.Context(), burdock.Query{Parent: visit}) {
				if err != nil {
					s.Fatal(err)
				}
				s.save(step("r", 100+c.Index, "b"))
				s.load(c.App, -1)
				if n > 0 {
					depth(n - 1)
				}
				break
			}
		}
		depth(20)
	}},
	{"L_a_listing_is_repeatable", func(s *suite) {
		s.tree()
		seq := s.List(s.Context(), burdock.Query{App: "r"})
		for range 2 {
			if list, err := collect(seq); err != nil || len(list) != 4 {
				s.Fatalf("got %d records, error %v, want 4", len(list), err)
			}
		}
	}},
	{"L_a_long_listing_is_whole", func(s *suite) {
		visit := burdock.Ref{App: "r", Seq: 1}
		const n = 701 // some pages
		for from := int64(0); from < n; from += 300 {
			var batch []burdock.Checkpoint
			for i := from; i < min(from+300, n); i++ {
				batch = append(batch, branch("r", visit, n-1-i, 1), branch("r", visit, n-1-i, 2))
			}
			s.save(batch...)
		}
		for i, c := range s.all(burdock.Query{Parent: visit}) {
			if got, want := fmt.Sprint(c.Index, c.Seq), fmt.Sprint(i/2, i%2+1); got != want {
				s.Fatalf("record %d is %s, want %s", i, got, want)
			}
		}
	}},
}

// checkOrder expects a root's listing in an order that a reader can build a tree from in one pass.
func (s *suite) checkOrder(list []burdock.Checkpoint) {
	s.Helper()
	last, at := map[string]int64{}, ""
	for _, c := range list {
		seq, seen := last[c.App]
		if _, parent := last[c.Parent.App]; c.Parent.App != "" && !parent {
			s.Errorf("%s is listed before its parent %s", c.App, c.Parent.App)
		}
		if seen && (at != c.App || seq > c.Seq) {
			s.Errorf("%s %d is listed after %s %d", c.App, c.Seq, at, last[at])
		}
		last[c.App], at = c.Seq, c.App
	}
}
