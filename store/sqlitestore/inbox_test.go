package sqlitestore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

func cancellation(id, root, app string) burdock.Message {
	return burdock.Message{ID: id, Root: root, To: burdock.Ref{App: app}, Kind: burdock.MessageCancel}
}

func waiting(c burdock.Checkpoint) burdock.Checkpoint {
	c.Status, c.Delta, c.Needs = burdock.StatusWaiting, nil, []string{"approved"}
	return c
}

func answerTo(id string, c burdock.Checkpoint) burdock.Message {
	return burdock.Message{
		ID: id, Root: c.Root, To: c.Ref(), Kind: burdock.MessageAnswer, Posted: c.Started,
		Inputs: []burdock.InputRecord{{Name: "approved", Value: []byte("true"), Source: "answer"}},
	}
}

// kept are the ids of a root's messages.
func kept(t *testing.T, s *sqlitestore.Store, root string) (ids []string) {
	t.Helper()
	for m, err := range s.Messages(t.Context(), root) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	return ids
}

func TestI8_ASaveLooksForMessagesOnlyWhereThereMayBeSome(t *testing.T) {
	var none sqlitestore.Faults
	path := filepath.Join(fastDir(t), "test.db")
	s := open(t, path, none.Options(sqlitestore.Options{}))
	two := open(t, path, nil)
	looks := func(store *sqlitestore.Store, seq int64) bool {
		before := len(none.All())
		c := step("r", seq, "x")
		c.Messages = []string{"m1", "m2"}
		if err := store.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{c}); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(strings.Join(none.All()[before:], "\n"), "inbox")
	}
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{branch(1)}); err != nil {
		t.Fatal(err)
	}
	looks(s, 0)
	for seq := range int64(3) {
		if looks(s, seq) {
			t.Errorf("save %d looks for messages where there are none", seq)
		}
	}
	for i, store := range []*sqlitestore.Store{s, two} {
		if err := store.Post(t.Context(), cancellation(fmt.Sprint("m", i+1), "r", branch(1).App)); err != nil {
			t.Fatal(err)
		}
		if !looks(s, 9) {
			t.Error("a save does not look for the message that was posted")
		}
		if got := kept(t, s, "r"); len(got) > 0 {
			t.Errorf("the messages %q were used and are kept", got)
		}
		looks(s, 10) // and finds that the last one is gone
		if looks(s, 11) {
			t.Error("a save looks for messages although the last one was used")
		}
	}
}

func TestI8_AFailedCommitOfAPostIsResolved(t *testing.T) {
	for _, after := range []bool{false, true} {
		s := open(t, filepath.Join(fastDir(t), "test.db"), nil)
		w := waiting(step("r", 1, ""))
		if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{w}); err != nil {
			t.Fatal(err)
		}
		sqlitestore.Break(t, s, "COMMIT", 1, after)
		if err := s.Post(t.Context(), answerTo("m", w)); err != nil {
			t.Errorf("after %v: %v", after, err)
		}
		if got := kept(t, s, "r"); fmt.Sprint(got) != "[m]" {
			t.Errorf("after %v: got messages %q, want m", after, got)
		}
		if err := s.Post(t.Context(), answerTo("n", w)); !errors.Is(err, burdock.ErrAnswered) {
			t.Errorf("after %v: got error %v, want ErrAnswered", after, err)
		}
	}
}

func TestI8_APostIsSyncedAlsoWhereSavesAreNot(t *testing.T) {
	s := open(t, filepath.Join(fastDir(t), "test.db"), nil)
	view := s.Relaxed()
	if err := view.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	if got := sqlitestore.Pragma(t, s, "synchronous"); got != int64(1) {
		t.Fatalf("after a relaxed save synchronous is %v, want 1", got)
	}
	if err := view.(burdock.Inbox).Post(t.Context(), cancellation("m", "r", "r")); err != nil {
		t.Fatal(err)
	}
	if got := sqlitestore.Pragma(t, s, "synchronous"); got != int64(2) {
		t.Errorf("after a post synchronous is %v, want 2", got)
	}
}

func TestI8_WhoMayOnlyReadListsMessagesAndPostsNone(t *testing.T) {
	path := saved(t)
	s := open(t, path, nil)
	if err := s.Post(t.Context(), cancellation("m", "r", "r")); err != nil {
		t.Fatal(err)
	}
	reader := open(t, path, &sqlitestore.Options{ReadOnly: true})
	if err := reader.Post(t.Context(), cancellation("n", "r", "r")); !errors.Is(err, sqlitestore.ErrReadOnly) {
		t.Errorf("got error %v, want ErrReadOnly", err)
	}
	if got := kept(t, reader, "r"); fmt.Sprint(got) != "[m]" {
		t.Errorf("got messages %q, want m", got)
	}
}
