package storetest

import (
	"fmt"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// runs saves four roots with one branch each; run-3 was written last.
func (s *suite) runs() {
	s.Helper()
	for i := range 4 {
		c := step(fmt.Sprintf("run-%d", i), int64(i), "next")
		c.Project, c.Partition = []string{"p", "q"}[i%2], []string{"x", "y"}[i/2]
		c.Started = epoch.Add(time.Duration(i) * time.Minute)
		c.Ended = c.Started.Add(time.Second)
		s.save(step(c.App, 0, "a"), c, branch(c.App, c.Ref(), 0, 1))
	}
}

var rootsChecks = []check{
	{"L_Roots_yields_the_latest_step_of_each_root_the_last_written_first", func(s *suite) {
		s.runs()
		s.lists(burdock.Query{Roots: true}, "run-3 3", "run-2 2", "run-1 1", "run-0 0")
		again := step("run-1", 2, "")
		again.Ended = epoch.Add(time.Hour)
		s.save(again)
		s.lists(burdock.Query{Roots: true}, "run-1 2", "run-3 3", "run-2 2", "run-0 0")
		s.lists(burdock.Query{Roots: true, Latest: true, Limit: 2}, "run-1 2", "run-3 3")
	}},
	{"L_Roots_is_narrowed_by_project_partition_prefix_and_status", func(s *suite) {
		s.runs()
		failed := step("run-2", 3, "")
		failed.Project, failed.Partition, failed.Status = "p", "y", burdock.StatusFailed
		failed.Ended = epoch.Add(2*time.Minute + 2*time.Second)
		s.save(failed)
		s.save(step("%_", 1, ""))
		s.lists(burdock.Query{Roots: true, Project: "p"}, "run-2 3", "run-0 0")
		s.lists(burdock.Query{Roots: true, Partition: "y"}, "run-3 3", "run-2 3")
		s.lists(burdock.Query{Roots: true, Prefix: "run-", Project: "q"}, "run-3 3", "run-1 1")
		s.lists(burdock.Query{Roots: true, Prefix: "run-2"}, "run-2 3")
		s.lists(burdock.Query{Roots: true, Prefix: "%_"}, "%_ 1")
		s.lists(burdock.Query{Roots: true, Prefix: "%"}, "%_ 1")
		s.lists(burdock.Query{Roots: true, Prefix: "n"})
		s.lists(burdock.Query{Roots: true, Status: []burdock.Status{burdock.StatusFailed}}, "run-2 3")
		s.lists(burdock.Query{Roots: true, Prefix: "run", Status: []burdock.Status{burdock.StatusFailed, burdock.StatusCompleted}, Limit: 3},
			"run-3 3", "run-2 3", "run-1 1")
	}},
	{"L_Roots_with_Before_pages_through_all", func(s *suite) {
		s.runs()
		var got []string
		q := burdock.Query{Roots: true, Limit: 1}
		for {
			page := s.all(q)
			if len(page) == 0 {
				break
			}
			got = append(got, names(page)...)
			q.Before = record.Written(page[0])
		}
		if want := "[run-3 3 run-2 2 run-1 1 run-0 0]"; fmt.Sprint(got) != want {
			s.Errorf("got %v, want %v", got, want)
		}
	}},
	{"L_Roots_follows_the_latest_step_not_the_latest_save", func(s *suite) {
		s.runs()
		old := step("run-3", 1, "b")
		old.Status, old.Ended = burdock.StatusFailed, epoch.Add(time.Hour)
		s.save(old)
		s.lists(burdock.Query{Roots: true, Limit: 1}, "run-3 3")
		s.lists(burdock.Query{Roots: true, Status: []burdock.Status{burdock.StatusFailed}})
		s.save(snapshot(step("run-0", 9, "b")))
		s.lists(burdock.Query{Roots: true, Prefix: "run-0"}, "run-0 0")
	}},
	{"L_Roots_leaves_out_what_has_branches_only", func(s *suite) {
		s.save(branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 1))
		s.lists(burdock.Query{Roots: true})
	}},
	{"L_Roots_yields_many", func(s *suite) {
		const n = 600
		for i := range n {
			c := step(fmt.Sprintf("run-%04d", i), 1, "")
			c.Ended = epoch.Add(time.Duration(i/3) * time.Second) // some at one moment
			s.save(c)
		}
		seen := map[string]bool{}
		last := epoch.Add(time.Hour)
		for _, c := range s.all(burdock.Query{Roots: true}) {
			if seen[c.App] || c.Ended.After(last) {
				s.Fatalf("%s is listed twice or late", c.App)
			}
			seen[c.App], last = true, c.Ended
		}
		if len(seen) != n {
			s.Errorf("got %d roots, want %d", len(seen), n)
		}
	}},
}
