package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// inboxSaveChecks are those of what becomes of messages beside the saves, claims and prunes of their owner.
var inboxSaveChecks = []check{
	{"I8_a_save_forgets_the_messages_that_it_names", func(s *suite) {
		s.inbox()
		b := s.waiting()
		s.save(step("q", 1, "b"))
		s.post(cancel("one", "r", "r"), answer("two", b.Ref()), cancel("three", "r", b.App), cancel("four", "r", "r"), cancel("one", "q", "q"))
		c, snap := standing(step("r", 1, ""), burdock.StatusRunning), snapshot(step("r", 0, "a1"))
		c.Messages, snap.Messages = []string{"one", "nobody's"}, []string{"three"}
		s.save(c)
		s.keeps("r", "two", "three", "four")
		used := b
		used.Messages = []string{"two"} // a step that waits for something else has used it
		s.save(used, snap)
		s.keeps("r", "four")
		s.keeps("q", "one")
		s.post(answer("five", b.Ref()))
		s.keeps("r", "four", "five")
	}},
	{"I8_a_save_forgets_the_answers_to_the_steps_that_it_ends", func(s *suite) {
		s.inbox()
		visit := burdock.Ref{App: "r", Seq: 1}
		s.save(standing(step("r", 1, ""), burdock.StatusRunning))
		ends := []burdock.Status{
			burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusCancelled, burdock.StatusSkipped, burdock.StatusSuperseded,
		}
		for i, status := range append(ends, burdock.StatusWaiting, burdock.StatusRunning) {
			a, b := waits(branch("r", visit, int64(2*i), 1)), waits(branch("r", visit, int64(2*i+1), 1))
			s.save(a, b)
			ida, idb := fmt.Sprint(status, "a"), fmt.Sprint(status, "b")
			s.post(answer(ida, a.Ref()), cancel(ida+"c", "r", a.App), answer(idb, b.Ref()))
			s.save(snapshot(step("r", 0, "")), standing(a, status))
			want := []string{ida + "c", idb}
			if i >= len(ends) {
				want = []string{ida, ida + "c", idb}
			}
			s.keeps("r", want...)
			clean := standing(step("r", 0, "a1"), burdock.StatusCompleted)
			clean.Messages = want
			s.save(clean)
			s.keeps("r")
		}
		last := waits(step("r", 2, ""))
		s.save(last)
		s.post(answer("m", last.Ref()))
		s.save(standing(step("r", 3, ""), burdock.StatusRunning), step("r", 1, ""), snapshot(step("r", 2, ""))) // not the step itself
		s.keeps("r", "m")
		s.save(standing(last, burdock.StatusCompleted))
		s.keeps("r")
	}},
	{"I8_a_batch_that_ends_a_step_forgets_its_answer_whatever_else_it_says", func(s *suite) {
		s.inbox()
		b := s.waiting()
		for _, order := range [][]burdock.Status{
			{burdock.StatusWaiting, burdock.StatusRunning, burdock.StatusCompleted}, {burdock.StatusCompleted, burdock.StatusWaiting},
		} {
			s.save(b)
			s.post(answer(fmt.Sprint(order[0]), b.Ref()))
			var batch []burdock.Checkpoint
			for _, status := range order {
				batch = append(batch, standing(b, status))
			}
			s.save(batch...)
			s.keeps("r")
		}
	}},
	{"I8_a_refused_save_forgets_nothing", func(s *suite) {
		s.inbox()
		old := s.claim("r")
		b := s.waiting()
		s.release(old)
		c := s.claim("r")
		s.post(answer("m", b.Ref()), cancel("c", "r", "r"))
		ended := standing(b, burdock.StatusCompleted)
		ended.Messages = []string{"c"}
		s.conflict(s.Save(s.Context(), old.Fence(), []burdock.Checkpoint{ended}))
		s.keeps("r", "m", "c")
		bad := step("r", 2, "b", set("x", "{"))
		for _, second := range []burdock.Checkpoint{step("q", 1, "b"), bad} {
			if err := s.Save(s.Context(), c.Fence(), []burdock.Checkpoint{ended, second}); err == nil {
				s.Fatal("a batch that no store may accept was saved")
			}
			s.keeps("r", "m", "c")
		}
		s.saveAs(c, ended)
		s.keeps("r")
	}},
	{"I8_posting_neither_takes_nor_disturbs_a_claim", func(s *suite) {
		inboxes := s.inboxes()
		c := s.claim("r")
		b := waits(branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 1))
		s.saveAs(c, standing(step("r", 1, ""), burdock.StatusRunning), b)
		for i, in := range inboxes {
			if err := in.Post(s.Context(), cancel(fmt.Sprint("c", i), "r", b.App)); err != nil {
				s.Errorf("while a living owner holds the root: %v", err)
			}
		}
		if err := inboxes[len(inboxes)-1].Post(s.Context(), answer("m", b.Ref())); err != nil {
			s.Errorf("while a living owner holds the root: %v", err)
		}
		if ended(c) {
			s.Error("the owner has lost its claim")
		}
		_, err := s.Claim(s.Context(), "r")
		s.conflict(err)
		b = standing(b, burdock.StatusCompleted)
		b.Messages = []string{"m"}
		s.saveAs(c, b)
		s.release(c)
		s.post(cancel("free", "r", "r"))
		d := s.claim("r")
		if got := d.Fence().Epoch; got != c.Fence().Epoch+1 {
			s.Errorf("got epoch %d after %d, want the next one", got, c.Fence().Epoch)
		}
		s.release(d)
	}},
	{"I8_answers_and_the_saves_that_end_their_steps_run_at_once", func(s *suite) {
		inboxes := s.inboxes()
		c := s.claim("r")
		for seq := range int64(40) {
			at := waits(step("r", seq, "b"))
			s.saveAs(c, at)
			var wg sync.WaitGroup
			for i, in := range inboxes {
				wg.Go(func() {
					err := in.Post(s.Context(), answer(fmt.Sprint(seq, "-", i), at.Ref()))
					if err != nil && !errors.Is(err, burdock.ErrNotWaiting) && !errors.Is(err, burdock.ErrAnswered) {
						s.Error(err)
					}
				})
			}
			wg.Go(func() {
				if err := s.Save(s.Context(), c.Fence(), []burdock.Checkpoint{standing(at, burdock.StatusCompleted)}); err != nil {
					s.Error(err)
				}
			})
			wg.Wait()
			s.keeps("r")
		}
		s.release(c)
	}},
	{"I8_Prune_forgets_the_messages_of_a_root", func(s *suite) {
		s.inbox()
		s.pruner()
		b := s.waiting()
		s.save(step("q", 1, "b"))
		s.post(answer("m", b.Ref()), cancel("c", "r", "r"), cancel("c", "q", "q"))
		s.prune(burdock.Prune{Status: []burdock.Status{"stale"}})
		s.keeps("r", "m", "c")
		s.save(standing(b, burdock.StatusRunning))
		s.prune(burdock.Prune{Status: []burdock.Status{"stale"}}, "r")
		s.keeps("r")
		s.keeps("q", "c")
		s.refuses(cancel("c", "r", "r"), burdock.ErrNotFound)
		d := s.claim("r")
		s.saveAs(d, waits(step("r", 1, "b")))
		s.keeps("r")
		s.post(answer("m", burdock.Ref{App: "r", Seq: 1}))
		s.release(d)
	}},
	{"I8_a_post_whose_context_ends_keeps_the_message_or_fails", func(s *suite) {
		in := s.inbox()
		b := s.waiting()
		if err := in.Post(done(), answer("done", b.Ref())); err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("got error %v, want context.Canceled", err)
		} else if kept := len(s.kept(in, "r")) == 1; kept != (err == nil) {
			s.Errorf("got error %v and the message is kept: %v", err, kept)
		}
		for round := range 50 {
			id := fmt.Sprint("m", round)
			ctx, stop := context.WithCancel(s.Context())
			go stop()
			err := in.Post(ctx, cancel(id, "r", b.App))
			if kept := slices.Contains(s.kept(in, "r"), id); kept != (err == nil) {
				s.Fatalf("round %d: got error %v and the message is kept: %v", round, err, kept)
			}
		}
	}},
	{"I8_listing_with_a_done_context_fails_with_its_error", func(s *suite) {
		in := s.inbox()
		b := s.waiting()
		for range 2 {
			var last error
			for _, err := range in.Messages(done(), "r") {
				last = err
			}
			if !errors.Is(last, context.Canceled) {
				s.Errorf("got error %v, want context.Canceled", last)
			}
			s.post(answer("m", b.Ref()))
		}
	}},
	{"I8_a_message_keeps_nothing_of_its_caller", func(s *suite) {
		in := s.inbox()
		b := s.waiting()
		m, want := answer("m", b.Ref()), answer("m", b.Ref())
		s.post(m)
		m.Inputs[0].Name = "another"
		copy(m.Inputs[0].Value, "null")
		for got, err := range in.Messages(s.Context(), "r") {
			if err != nil {
				s.Fatal(err)
			}
			s.sameMessage(got, want)
		}
	}},
	{"I8_a_relaxed_view_is_the_same_inbox", func(s *suite) {
		in, view := s.inbox(), s.relaxed()
		other, ok := view.(burdock.Inbox)
		if !ok {
			s.Fatalf("the view of an Inbox, a %T, is none", view)
		}
		b := s.waiting()
		if err := other.Post(s.Context(), answer("m", b.Ref())); err != nil {
			s.Fatal(err)
		}
		s.post(cancel("c", "r", "r"))
		if one, two := s.kept(in, "r"), s.kept(other, "r"); !slices.Equal(one, two) || len(one) != 2 {
			s.Errorf("the store has messages %q and its view %q", one, two)
		}
		if err := view.Save(s.Context(), b.Fence, []burdock.Checkpoint{standing(b, burdock.StatusFailed)}); err != nil {
			s.Fatal(err)
		}
		s.keeps("r", "c")
	}},
	{"I8_an_export_leaves_messages_out", func(s *suite) {
		s.inbox()
		b := s.waiting()
		s.post(answer("kept-in-this-store", b.Ref()))
		var out strings.Builder
		if err := record.Export(s.Context(), s.Store, "r", &out); err != nil {
			s.Fatal(err)
		}
		if strings.Contains(out.String(), "kept-in-this-store") {
			s.Errorf("the export has the message:\n%s", out.String())
		}
	}},
}
