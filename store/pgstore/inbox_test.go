package pgstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
	"github.com/burdock-go/burdock/store/pgstore/internal/pgtest"
)

func waiting(c burdock.Checkpoint) burdock.Checkpoint {
	c.Status, c.Delta, c.Needs = burdock.StatusWaiting, nil, []string{"approved"}
	return c
}

func answerTo(id string, c burdock.Checkpoint) burdock.Message {
	return burdock.Message{ID: id, Root: c.Root, To: c.Ref(), Kind: burdock.MessageAnswer, Posted: c.Started}
}

func cancellation(id, root string) burdock.Message {
	return burdock.Message{ID: id, Root: root, To: burdock.Ref{App: root}, Kind: burdock.MessageCancel}
}

// kept are the ids of a root's messages.
func kept(t *testing.T, s *pgstore.Store, root string) string {
	t.Helper()
	var ids []string
	for m, err := range s.Messages(t.Context(), root) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

func TestI8_APostOfUnknownOutcomeIsResolved(t *testing.T) {
	for name, fault := range map[string]pgtest.Fault{
		"nothing reached the server": {None: true}, "a part reached the server": {Forward: 1}, "all reached the server": {Forward: -1},
		"all reached it, the client waits": {Forward: -1, Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := proxied(t, &pgstore.Options{Schema: fresh(), Timeout: 2 * time.Second})
			w := waiting(step("r", 1, ""))
			if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{w}); err != nil {
				t.Fatal(err)
			}
			fault.Trigger = []byte("marked id")
			met := p.Break(fault)
			if err := s.Post(t.Context(), answerTo("marked id", w)); err != nil {
				t.Errorf("Post: %v", err)
			}
			<-met
			if got := kept(t, s, "r"); got != "marked id" {
				t.Errorf("got messages %q, want the one that was posted", got)
			}
			if err := s.Post(t.Context(), answerTo("another", w)); !errors.Is(err, burdock.ErrAnswered) {
				t.Errorf("got error %v, want ErrAnswered", err)
			}
		})
	}
}

func TestI8_APostThatCannotBeResolvedIsAClearError(t *testing.T) {
	schema := fresh()
	s, p := proxied(t, &pgstore.Options{Schema: schema, Timeout: time.Second})
	met := p.Break(pgtest.Fault{Trigger: []byte("marked id"), Forward: -1})
	go func() {
		<-met
		_ = p.Close()
	}()
	if err := s.Post(t.Context(), cancellation("marked id", "r")); !errors.Is(err, pgstore.ErrUncertain) {
		t.Errorf("got error %v, want ErrUncertain", err)
	}
	other := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	if err := other.Post(t.Context(), cancellation("marked id", "r")); err != nil {
		t.Errorf("posted again: %v", err)
	}
	if got := kept(t, other, "r"); got != "marked id" {
		t.Errorf("got messages %q, want one", got)
	}
}

// The tables of schema 1 are those of schema 2 without the inbox.
func TestASchemaWithoutAnInboxIsMigrated(t *testing.T) {
	dsn, schema := shared.Get(t).DSN(), fresh()
	s := open(t, dsn, &pgstore.Options{Schema: schema})
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "before")}); err != nil {
		t.Fatal(err)
	}
	admin(t, fmt.Sprintf("DROP TABLE %s.inbox", schema))
	admin(t, fmt.Sprintf("UPDATE %s.version SET version = 1", schema))
	s = open(t, dsn, &pgstore.Options{Schema: schema})
	if got, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil || text(got) != "before" {
		t.Errorf("got %q, error %v", text(got), err)
	}
	if err := s.Post(t.Context(), cancellation("m", "r")); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, s, "r"); got != "m" {
		t.Errorf("got messages %q, want m", got)
	}
	var version int
	if err := connect(t).QueryRow(t.Context(), fmt.Sprintf("SELECT version FROM %s.version", schema)).Scan(&version); err != nil || version != pgstore.SchemaVersion {
		t.Errorf("got schema %d, error %v, want %d", version, err, pgstore.SchemaVersion)
	}
}
