package storetest

import (
	"errors"
	"fmt"

	"github.com/burdock-go/burdock"
)

var identityChecks = []check{
	{"P1_a_step_that_was_saved_is_loaded_equal", func(s *suite) {
		want := step("r", 1, "b", set("x", "1"))
		s.save(want)
		s.same(s.load("r", 1), want)
	}},
	{"P1_a_later_record_of_one_step_replaces_it_and_its_delta", func(s *suite) {
		first := step("r", 1, "", set("x", "1"), set("gone", "2"))
		first.Status, first.Inputs, first.Lists = burdock.StatusRunning, []burdock.InputRecord{{Name: "i", Value: []byte("1"), Source: "given"}}, true
		second := step("r", 1, "b", grow("y", "[3]"))
		s.save(step("r", 0, "a1"))
		s.save(first)
		s.save(second)
		s.same(s.load("r", 1), second)
		s.lists(burdock.Query{App: "r"}, "r 0", "r 1")
	}},
	{"P1_the_last_of_two_records_of_one_step_in_a_batch_wins", func(s *suite) {
		first, second := step("r", 1, "", set("x", "1")), step("r", 1, "b", set("x", "2"))
		s.save(first, second)
		s.same(s.load("r", 1), second)
	}},
	{"P1_a_snapshot_and_a_step_of_one_number_are_two_records", func(s *suite) {
		c := step("r", 4, "b", set("x", "1"))
		s.save(c, snapshot(c))
		s.lists(burdock.Query{App: "r"}, "r 4", "r 4 s")
		s.same(s.all(burdock.Query{App: "r"})[1], snapshot(c))
	}},
	{"P1_Load_never_returns_a_snapshot", func(s *suite) {
		c := step("r", 2, "b", set("x", "1"))
		s.save(step("r", 1, "b"), c, snapshot(c), snapshot(step("r", 7, "b")))
		s.same(s.load("r", 2), c)
		s.same(s.load("r", -1), c)
		s.missing("r", 7)
	}},
	{"P1_Load_of_a_negative_number_is_the_latest_step", func(s *suite) {
		for seq := range int64(12) {
			s.save(step("r", seq, "b"))
		}
		s.save(step("r", 3, "c"))
		if got := s.load("r", -1).Seq; got != 11 {
			s.Errorf("got step %d, want 11", got)
		}
	}},
	{"P1_Load_of_what_is_not_there_is_ErrNotFound", func(s *suite) {
		s.missing("r", -1)
		s.missing("r", 0)
		s.save(branch("r", burdock.Ref{App: "unsaved", Seq: 1}, 0, 1))
		s.missing("r", -1)
		s.missing("unsaved", -1)
		s.missing("unsaved.1.0", 2)
	}},
	{"P2_unknown_fields_are_kept", func(s *suite) {
		want := step("r", 1, "b")
		want.Unknown = map[string]jsonValue{"later": jsonValue(`{"a":[1,2]}`), "more": jsonValue("9007199254740993")}
		s.save(want)
		s.same(s.load("r", 1), want)
	}},
	{"P2_a_description_is_returned_where_it_was_given", func(s *suite) {
		one, two, other := step("r", 0, "b"), step("q", 0, "b"), step("q", 1, "b")
		one.Description, two.Description = jsonValue(`{"nodes":["a"]}`), jsonValue(`{"nodes":["a"]}`)
		s.save(one)
		s.save(two, other)
		s.same(s.load("r", 0), one)
		s.same(s.load("q", 0), two)
		s.same(s.load("q", 1), other)
	}},
	{"P2_two_descriptions_of_one_hash_stay_two", func(s *suite) {
		one, two := step("r", 0, "b"), step("q", 0, "b")
		one.Description, two.Description = jsonValue(`{"nodes":["a"]}`), jsonValue(`{"nodes":["b"]}`)
		s.save(one)
		s.save(two)
		s.same(s.load("r", 0), one)
		s.same(s.load("q", 0), two)
	}},
	{"P2_what_belongs_to_the_application_may_change_between_its_steps", func(s *suite) {
		one, two := branch("r", burdock.Ref{App: "r", Seq: 1}, 3, 1), branch("r", burdock.Ref{App: "r", Seq: 1}, 3, 2)
		two.Graph, two.GraphHash, two.Project, two.Partition, two.Index, two.Task, two.Path = "g2", "h2", "p", "q", 5, "t", "elsewhere"
		s.save(one)
		s.save(two)
		s.same(s.load(one.App, 1), one)
		s.same(s.load(one.App, 2), two)
		again := branch("r", burdock.Ref{App: "r", Seq: 1}, 4, 1)
		again.App = one.App
		s.save(again)
		s.same(s.load(one.App, 1), again)
	}},
	{"P5_what_no_store_can_keep_is_refused_with_the_rest_of_its_batch", func(s *suite) {
		bad := map[string]func(*burdock.Checkpoint){
			"no app":          func(c *burdock.Checkpoint) { c.App = "" },
			"another root":    func(c *burdock.Checkpoint) { c.Root = "q" },
			"negative number": func(c *burdock.Checkpoint) { c.Seq = -1 },
			"unknown kind":    func(c *burdock.Checkpoint) { c.Kind = "x" },
			"no JSON":         func(c *burdock.Checkpoint) { c.Delta = burdock.Delta{set("x", "{")} },
		}
		for name, breakIt := range bad {
			c := step("r", 2, "b")
			breakIt(&c)
			err := s.Save(s.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "b"), c})
			if err == nil || errors.Is(err, burdock.ErrConflict) {
				s.Errorf("%s: got error %v, want one that is no conflict", name, err)
			}
			s.missing("r", 1)
		}
	}},
	{"P1_thousands_of_steps_keep_their_order", func(s *suite) {
		const n = 3_000
		batch := make([]burdock.Checkpoint, n)
		for i := range batch {
			batch[i] = step("r", int64(i), "b", set("x", fmt.Sprint(i)))
		}
		s.save(batch...)
		for i, c := range s.all(burdock.Query{App: "r"}) {
			if c.Seq != int64(i) {
				s.Fatalf("record %d has number %d", i, c.Seq)
			}
		}
		s.same(s.load("r", n-1), batch[n-1])
	}},
}
