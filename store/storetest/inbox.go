package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// inbox is the store as an Inbox; for one that is none the check is skipped.
func (s *suite) inbox() burdock.Inbox {
	s.Helper()
	in, ok := s.Store.(burdock.Inbox)
	if !ok {
		s.Skipf("skipped: %T is no burdock.Inbox", s.Store)
	}
	return in
}

// inboxes are the store's and, if there can be one, that of a second store on the same backing.
func (s *suite) inboxes() []burdock.Inbox {
	s.Helper()
	list := []burdock.Inbox{s.inbox()}
	if s.opts.Second != nil {
		list = append(list, s.second().(burdock.Inbox))
	}
	return list
}

// answer is for a step, which is also the root's unless another one is named.
func answer(id string, to burdock.Ref) burdock.Message {
	return burdock.Message{
		ID: id, Root: "r", To: to, Kind: burdock.MessageAnswer, Posted: epoch,
		Inputs: []burdock.InputRecord{{Name: "approved", Value: jsonValue("true"), Source: "answer"}},
	}
}

func cancel(id, root, app string) burdock.Message {
	return burdock.Message{ID: id, Root: root, To: burdock.Ref{App: app}, Kind: burdock.MessageCancel, Posted: epoch}
}

// waits makes c the record of a step that waits.
func waits(c burdock.Checkpoint) burdock.Checkpoint { return standing(c, burdock.StatusWaiting) }

func standing(c burdock.Checkpoint, status burdock.Status) burdock.Checkpoint {
	c.Status, c.Needs = status, nil
	if status == burdock.StatusWaiting {
		c.Needs = []string{"approved"}
	}
	return c
}

// waiting is a branch, the first of step 1 of r, whose second step waits.
func (s *suite) waiting() burdock.Checkpoint {
	s.Helper()
	b := waits(branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 2))
	s.save(step("r", 0, "a1"), standing(step("r", 1, ""), burdock.StatusRunning), branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 1), b)
	return b
}

func (s *suite) post(messages ...burdock.Message) {
	s.Helper()
	for _, m := range messages {
		if err := s.inbox().Post(s.Context(), m); err != nil {
			s.Fatalf("Post(%q): %v", m.ID, err)
		}
	}
}

// refuses expects that Post fails so and keeps nothing.
func (s *suite) refuses(m burdock.Message, want error) {
	s.Helper()
	before := s.kept(s.inbox(), m.Root)
	if err := s.inbox().Post(s.Context(), m); !errors.Is(err, want) {
		s.Errorf("Post(%q) for step %d of %q: got error %v, want %v", m.ID, m.To.Seq, m.To.App, err, want)
	}
	if got := s.kept(s.inbox(), m.Root); !slices.Equal(got, before) {
		s.Errorf("a message that was refused changes what is kept from %q to %q", before, got)
	}
}

// kept are the ids of a root's messages in the order in which an inbox lists them.
func (s *suite) kept(in burdock.Inbox, root string) []string {
	s.Helper()
	ids := []string{}
	for m, err := range in.Messages(s.Context(), root) {
		if err != nil {
			s.Fatalf("Messages(%q): %v", root, err)
		}
		ids = append(ids, m.ID)
	}
	return ids
}

// keeps expects these messages of a root, by their ids.
func (s *suite) keeps(root string, want ...string) {
	s.Helper()
	if got := s.kept(s.inbox(), root); !slices.Equal(got, want) {
		s.Errorf("the messages of %s are %q, want %q", root, got, want)
	}
}

// sameMessage compares two messages as they are stored.
func (s *suite) sameMessage(got, want burdock.Message) {
	s.Helper()
	g, err := record.MarshalMessage(got)
	if err != nil {
		s.Fatalf("what came back cannot be encoded: %v", err)
	}
	w, err := record.MarshalMessage(want)
	if err != nil {
		s.Fatalf("what was posted cannot be encoded: %v", err)
	}
	if !bytes.Equal(g, w) {
		s.Errorf("got  %s\nwant %s", g, w)
	}
}

var inboxChecks = []check{
	{"I8_messages_are_listed_as_they_were_posted_and_in_that_order", func(s *suite) {
		in := s.inbox()
		s.keeps("r")
		b := s.waiting()
		s.save(step("q", 1, "b"))
		full := answer("m\x00\xff \"1\"", b.Ref())
		full.Inputs = []burdock.InputRecord{
			{Name: "n", Value: jsonValue("9007199254740993"), Source: "answer"}, {Name: "läuft", Value: jsonValue(`{"a":[1,null]}`)},
		}
		full.Posted = time.Date(2026, 3, 29, 2, 30, 0, 999_999_999, time.UTC)
		posted := []burdock.Message{cancel("z", "r", "r"), full, cancel("a", "r", b.App), {ID: "m", Root: "r", To: burdock.Ref{App: "r", Seq: 1}, Kind: burdock.MessageCancel}}
		for _, m := range posted {
			s.post(m, cancel(m.ID, "q", "q"))
		}
		i := 0
		for m, err := range in.Messages(s.Context(), "r") {
			if err != nil || i == len(posted) {
				s.Fatalf("message %d: %q, error %v", i, m.ID, err)
			}
			if s.sameMessage(m, posted[i]); m.Posted.Location() != time.UTC {
				s.Errorf("got a time in %v, want UTC", m.Posted.Location())
			}
			i++
		}
		if i != len(posted) {
			s.Errorf("got %d messages, want %d", i, len(posted))
		}
	}},
	{"I8_many_messages_are_listed_and_used_while_they_are_listed", func(s *suite) {
		const n = 1200
		in := s.inbox()
		s.save(step("r", 1, "b"))
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint(n-i))
			s.post(cancel(want[i], "r", "r"))
		}
		i := 0
		for m, err := range in.Messages(s.Context(), "r") {
			if err != nil || i == n || m.ID != want[i] {
				s.Fatalf("message %d: got %q, error %v", i, m.ID, err)
			}
			if i++; i%400 == 0 {
				c := step("r", int64(i), "b")
				c.Messages = want[i-400 : i]
				s.save(c)
			}
		}
		s.keeps("r")
	}},
	{"I8_a_message_is_there_for_every_store", func(s *suite) {
		s.inbox()
		two, ok := s.second().(burdock.Inbox)
		if !ok {
			s.Fatal("the second store is no Inbox")
		}
		b := s.waiting()
		s.post(answer("one", b.Ref()))
		if err := two.Post(s.Context(), cancel("two", "r", "r")); err != nil {
			s.Fatal(err)
		}
		if err := two.Post(s.Context(), answer("three", b.Ref())); !errors.Is(err, burdock.ErrAnswered) {
			s.Errorf("got error %v, want ErrAnswered", err)
		}
		for _, in := range []burdock.Inbox{s.inbox(), two} {
			if got := s.kept(in, "r"); !slices.Equal(got, []string{"one", "two"}) {
				s.Errorf("got messages %q, want one and two", got)
			}
		}
		b.Status, b.Needs, b.Messages = burdock.StatusCompleted, nil, []string{"one"}
		if err := two.(burdock.Store).Save(s.Context(), b.Fence, []burdock.Checkpoint{b}); err != nil {
			s.Fatal(err)
		}
		s.keeps("r", "two")
		s.save(step("r", 2, "b"))
		if err := two.Post(s.Context(), cancel("four", "r", "r")); err != nil {
			s.Fatal(err)
		}
		c := step("r", 3, "b")
		c.Messages = []string{"two", "four"} // what another store posted since the last save
		s.save(c)
		s.keeps("r")
	}},
	{"I8_an_answer_is_refused_unless_the_latest_step_is_that_one_and_waits", func(s *suite) {
		s.inbox()
		for _, status := range []burdock.Status{burdock.StatusRunning, burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusCancelled} {
			s.save(standing(step("r", 1, "b"), status))
			s.refuses(answer("m", burdock.Ref{App: "r", Seq: 1}), burdock.ErrNotWaiting)
		}
		s.save(waits(step("r", 1, "b")), waits(step("r", 2, "b")))
		for _, seq := range []int64{0, 1, 3} {
			s.refuses(answer("m", burdock.Ref{App: "r", Seq: seq}), burdock.ErrNotWaiting)
		}
		s.save(snapshot(step("r", 2, "b")))
		s.post(answer("m", burdock.Ref{App: "r", Seq: 2}))
		s.keeps("r", "m")
		s.save(step("r", 3, "b"))
		s.refuses(answer("n", burdock.Ref{App: "r", Seq: 2}), burdock.ErrNotWaiting)
	}},
	{"I8_a_second_answer_is_refused", func(s *suite) {
		s.inbox()
		b := s.waiting()
		other := waits(branch("r", burdock.Ref{App: "r", Seq: 1}, 1, 2))
		s.save(other)
		s.post(cancel("c", "r", b.App), answer("one", b.Ref()))
		s.refuses(answer("two", b.Ref()), burdock.ErrAnswered)
		s.post(answer("three", other.Ref()))
		s.keeps("r", "c", "one", "three")
	}},
	{"I8_of_many_answers_at_once_one_is_taken", func(s *suite) {
		inboxes := s.inboxes()
		b := s.waiting()
		var won, lost atomic.Int64
		var winner atomic.Value
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				m := answer(fmt.Sprint("m", i), b.Ref())
				switch err := inboxes[i%len(inboxes)].Post(s.Context(), m); {
				case err == nil:
					won.Add(1)
					winner.Store(m.ID)
				case errors.Is(err, burdock.ErrAnswered):
					lost.Add(1)
				default:
					s.Errorf("answer %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 49 {
			s.Fatalf("%d answers were taken and %d refused, want 1 and 49", won.Load(), lost.Load())
		}
		s.keeps("r", winner.Load().(string))
	}},
	{"I8_the_same_message_posted_again_is_no_error_and_changes_nothing", func(s *suite) {
		in := s.inbox()
		b := s.waiting()
		first := answer("m", b.Ref())
		s.post(first, cancel("c", "r", "r"), first)
		later := first
		later.Inputs, later.Posted = nil, epoch.Add(time.Hour)
		other := cancel("m", "r", "r")
		s.post(later, other, cancel("c", "r", b.App))
		s.keeps("r", "m", "c")
		for m, err := range in.Messages(s.Context(), "r") {
			if err != nil {
				s.Fatal(err)
			}
			s.sameMessage(m, first)
			break
		}
		s.save(step("q", 1, "b"))
		s.post(cancel("m", "q", "q")) // another root's is another message
		s.keeps("q", "m")
	}},
	{"I8_the_same_message_posted_many_times_at_once_is_kept_once", func(s *suite) {
		inboxes := s.inboxes()
		b := s.waiting()
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				for _, m := range []burdock.Message{answer("m", b.Ref()), cancel("c", "r", "r")} {
					if err := inboxes[i%len(inboxes)].Post(s.Context(), m); err != nil {
						s.Errorf("%s: %v", m.ID, err)
					}
				}
			})
		}
		wg.Wait()
		if got := s.kept(s.inbox(), "r"); len(got) != 2 {
			s.Errorf("got messages %q, want m and c", got)
		}
	}},
	{"I8_a_message_that_a_step_has_used_is_not_kept_again", func(s *suite) {
		s.inbox()
		b := s.waiting()
		s.post(answer("m", b.Ref()), cancel("c", "r", "r"))
		used, ended := standing(b, burdock.StatusRunning), standing(step("r", 1, ""), burdock.StatusCancelled)
		used.Messages, ended.Messages = []string{"m"}, []string{"c"}
		s.save(used, ended)
		s.post(answer("m", b.Ref()), cancel("c", "r", "r"))
		s.keeps("r")
		used.Status = burdock.StatusCompleted
		next := waits(branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 3))
		s.save(used, next)
		s.post(answer("m", b.Ref()))
		s.keeps("r")
		s.post(answer("n", next.Ref()))
		s.keeps("r", "n")
	}},
	{"I8_an_application_that_is_not_there_is_not_found", func(s *suite) {
		s.inbox()
		s.release(s.claim("r"))
		s.refuses(cancel("c", "r", "r"), burdock.ErrNotFound)
		s.refuses(answer("m", burdock.Ref{App: "r", Seq: 1}), burdock.ErrNotFound)
		b := s.waiting()
		s.refuses(answer("m", burdock.Ref{App: "nobody", Seq: 2}), burdock.ErrNotFound)
		s.save(branch("q", burdock.Ref{App: "q", Seq: 1}, 0, 1)) // q is a name so far
		s.refuses(cancel("c", "q", "q"), burdock.ErrNotFound)
		s.post(answer("m", b.Ref()))
	}},
	{"I8_an_application_of_another_root_is_refused", func(s *suite) {
		in := s.inbox()
		b := s.waiting()
		s.save(waits(step("q", 1, "")))
		for _, m := range []burdock.Message{
			cancel("m", "q", b.App), cancel("m", "q", "r"), cancel("m", b.App, b.App), cancel("m", "nobody", "r"), answer("m", burdock.Ref{App: "q", Seq: 1}),
		} {
			err := in.Post(s.Context(), m)
			if err == nil || errors.Is(err, burdock.ErrNotFound) || errors.Is(err, burdock.ErrNotWaiting) {
				s.Errorf("a message of %q for %q: got error %v", m.Root, m.To.App, err)
			}
		}
		for _, root := range []string{"r", "q", b.App, "nobody"} {
			s.keeps(root)
		}
	}},
	{"I8_a_message_that_says_too_little_is_refused", func(s *suite) {
		in := s.inbox()
		b := s.waiting()
		bad := answer("m", b.Ref())
		bad.Inputs[0].Value = jsonValue("{")
		for _, m := range []burdock.Message{
			answer("", b.Ref()), cancel("m", "", "r"), cancel("m", "r", ""), {ID: "m", Root: "r", To: b.Ref()}, {ID: "m", Root: "r", To: b.Ref(), Kind: "shout"}, bad,
		} {
			if err := in.Post(s.Context(), m); err == nil {
				s.Errorf("the message %+v was taken", m)
			}
		}
		s.keeps("r")
	}},
	{"I8_cancellations_are_for_any_status_and_several", func(s *suite) {
		s.inbox()
		var want []string
		for _, status := range []burdock.Status{
			burdock.StatusRunning, burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusCancelled, burdock.StatusWaiting,
		} {
			s.save(standing(step("r", 1, "b"), status))
			for i := range 2 {
				id := fmt.Sprint(status, i)
				m := cancel(id, "r", "r")
				m.To.Seq = int64(7 * i)
				s.post(m)
				want = append(want, id)
			}
		}
		s.keeps("r", want...)
		s.post(answer("m", burdock.Ref{App: "r", Seq: 1}))
		s.keeps("r", append(want, "m")...)
	}},
	{"I8_messages_of_branches_are_listed_under_their_root", func(s *suite) {
		s.inbox()
		b := s.waiting()
		deep := waits(branch("r", b.Ref(), 3, 1))
		s.save(deep)
		s.post(answer("deep", deep.Ref()), answer("branch", b.Ref()), cancel("root", "r", "r"), cancel("again", "r", deep.App))
		s.keeps("r", "deep", "branch", "root", "again")
		s.keeps(b.App)
		s.keeps(deep.App)
	}},
}
