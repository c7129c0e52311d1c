package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
	"github.com/burdock-go/burdock/store/pgstore/internal/pgtest"
)

// storm saves branches from many goroutines while disturb runs. Every save is acknowledged, and everything acknowledged
// is there; so are all events, once.
func storm(t *testing.T, s *pgstore.Store, disturb func()) {
	t.Helper()
	const workers = 12
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	tr := s.Tracker(nil)
	var stop atomic.Bool
	var total atomic.Int64
	var wg sync.WaitGroup
	for w := range int64(workers) {
		wg.Go(func() {
			for i := w; !stop.Load(); i += workers {
				b := branch(i)
				if err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{b}); err != nil {
					t.Errorf("save %d: %v", i, err)
					return
				}
				if err := tr.Track(t.Context(), event(b.App, 1, 1)); err != nil {
					t.Error(err)
				}
				if got, err := s.Load(t.Context(), b.Ref()); err != nil || got.Index != i {
					t.Errorf("branch %d was acknowledged and is not there: %v", i, err)
				}
				total.Add(1)
			}
		})
	}
	disturb()
	stop.Store(true)
	wg.Wait()
	if isLost(c) {
		t.Error("the claim was lost")
	}
	release(t, c)
	if err := tr.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for c, err := range s.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "r", Seq: 1}}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%37 == 0 {
			if got := len(events(t, s, c.App, pgstore.Position{})); got != 1 {
				t.Errorf("%s has %d events, want 1", c.App, got)
			}
		}
	}
	t.Logf("%d branches", n)
	if n != total.Load() || n == 0 {
		t.Errorf("%d branches were acknowledged and %d are there", total.Load(), n)
	}
}

func TestP5_NothingIsLostWhenTheServerCrashes(t *testing.T) {
	server := shared.Get(t)
	storm(t, open(t, server.DSN(), &pgstore.Options{Schema: fresh()}), func() {
		for range 2 {
			time.Sleep(300 * time.Millisecond)
			server.Crash()
			if err := server.Start(); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(300 * time.Millisecond)
		server.Shutdown()
		if err := server.Start(); err != nil {
			t.Error(err)
		}
		time.Sleep(300 * time.Millisecond)
	})
}

func TestP5_NothingIsLostWhenSessionsAreTerminated(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
	c := connect(t)
	storm(t, s, func() {
		for range 40 {
			time.Sleep(50 * time.Millisecond)
			if _, err := c.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'burdock'
				AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2`); err != nil {
				t.Error(err)
			}
		}
	})
}

// proxied opens a store behind a proxy.
func proxied(t *testing.T, opts *pgstore.Options) (*pgstore.Store, *pgtest.Proxy) {
	t.Helper()
	p, err := pgtest.NewProxy(shared.Get(t))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, p.DSN(), opts)
	t.Cleanup(func() { _ = p.Close() })
	// The statements are known to the connection, so what follows is one message.
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 0, "first")}); err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestP5_ACommitOfUnknownOutcomeIsResolved(t *testing.T) {
	for name, fault := range map[string]pgtest.Fault{
		"nothing reached the server":            {None: true},
		"a part reached the server":             {Forward: 1},
		"all reached the server":                {Forward: -1},
		"all reached it, the client waits":      {Forward: -1, Stall: true},
		"a part reached it, and the rest later": {Forward: 1, Hold: closed()},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := proxied(t, &pgstore.Options{Schema: fresh(), Timeout: 2 * time.Second})
			if err := s.Tracker(nil).Track(t.Context(), event("r", 1, 1)); err != nil {
				t.Fatal(err)
			}
			fault.Trigger = []byte("marked text")
			met := p.Break(fault)
			if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "marked text"), branch(1)}); err != nil {
				t.Errorf("Save: %v", err)
			}
			<-met
			if got, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil || text(got) != "marked text" {
				t.Errorf("got %q, error %v", text(got), err)
			}
			if err := s.Tracker(nil).Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(events(t, s, "r", pgstore.Position{})); got != 1 {
				t.Errorf("got %d events, want 1", got)
			}
		})
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// A commit that was cut and resolved must not take effect later: it would bring back an old record.
func TestP5_WhatACutSessionWasSentNeverArrivesLater(t *testing.T) {
	s, p := proxied(t, &pgstore.Options{Schema: fresh()})
	hold := make(chan struct{})
	met := p.Break(pgtest.Fault{Trigger: []byte("old text"), None: true, Hold: hold})
	fence := burdock.Fence{Root: "r", Epoch: 1}
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "old text")}); err != nil {
		t.Fatal(err)
	}
	<-met
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "later text")}); err != nil {
		t.Fatal(err)
	}
	close(hold)
	time.Sleep(300 * time.Millisecond)
	if got, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil || text(got) != "later text" {
		t.Errorf("got %q, error %v, want the later record", text(got), err)
	}
}

func TestP5_ACommitThatCannotBeResolvedIsACLearError(t *testing.T) {
	schema := fresh()
	s, p := proxied(t, &pgstore.Options{Schema: schema, Timeout: time.Second})
	met := p.Break(pgtest.Fault{Trigger: []byte("marked text"), Forward: -1})
	go func() {
		<-met
		_ = p.Close()
	}()
	fence := burdock.Fence{Root: "r", Epoch: 1}
	err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "marked text")})
	if !errors.Is(err, pgstore.ErrUncertain) {
		t.Errorf("got error %v, want ErrUncertain", err)
	}
	// Another program finds what was there, and the fence makes the rest stale.
	other := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	if got, err := other.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil || text(got) != "marked text" {
		t.Errorf("got %q, error %v", text(got), err)
	}
}

// The rows were committed, the answer was lost, and before it could be asked for another owner came.
func TestP4_ACutCommitIsAcknowledgedThoughAnotherOwnerHasCome(t *testing.T) {
	schema := fresh()
	s, p := proxied(t, &pgstore.Options{Schema: schema})
	other := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	met := p.Break(pgtest.Fault{Trigger: []byte("marked text"), Forward: -1, Stall: true})
	saved := make(chan error)
	fence := burdock.Fence{Root: "r", Epoch: 1}
	go func() { saved <- s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "marked text")}) }()
	<-met
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := other.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err == nil {
			break
		} else if time.Since(began) > 5*time.Second {
			t.Fatal(err)
		}
	}
	c, err := other.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	p.CutAll()
	if err := <-saved; err != nil {
		t.Errorf("Save of what is there: %v", err)
	}
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 2, "more")}); !errors.Is(err, burdock.ErrConflict) {
		t.Errorf("got error %v, want ErrConflict", err)
	}
	release(t, c)
}

func TestP3_AClaimOfUnknownOutcomeHasItsOwnEpoch(t *testing.T) {
	for _, none := range []bool{true, false} {
		s, p := proxied(t, &pgstore.Options{Schema: fresh()})
		for i := range 3 { // the first makes the connection know the statement
			root := fmt.Sprintf("another root %d", i)
			p.Break(pgtest.Fault{Trigger: []byte(root), None: none, Forward: -1})
			c, err := s.Claim(t.Context(), root)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Fence().Epoch; got != 1 {
				t.Errorf("with None %v: got epoch %d, want 1", none, got)
			}
			release(t, c)
		}
	}
}

// The claim was committed, the answer was lost, and for a while nobody can be asked.
func TestP3_AClaimThatCannotBeResolvedAtOnceIsNoConflict(t *testing.T) {
	s, p := proxied(t, &pgstore.Options{Schema: fresh()})
	for i := range 2 { // the first makes the connection know the statement
		root := fmt.Sprintf("another root %d", i)
		met := p.Break(pgtest.Fault{Trigger: []byte(root), Forward: -1, Refuse: true})
		go func() {
			<-met
			time.Sleep(200 * time.Millisecond)
			p.Admit()
		}()
		c, err := s.Claim(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Fence().Epoch; got != 1 {
			t.Errorf("got epoch %d, want 1", got)
		}
		release(t, c)
	}
}

func TestP4_AProcessThatStoppedInATransactionBlocksNobody(t *testing.T) {
	schema := fresh()
	s, p := proxied(t, &pgstore.Options{Schema: schema})
	other := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	met := p.Break(pgtest.Fault{Trigger: []byte("marked text"), Forward: 1, Stall: true})
	saved := make(chan error)
	go func() {
		saved <- s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "marked text")})
	}()
	<-met
	for look, locked := connect(t), false; !locked; time.Sleep(5 * time.Millisecond) { // the server has read what came
		tag, err := look.Exec(t.Context(), "SELECT FROM "+schema+".fence FOR UPDATE SKIP LOCKED")
		if err != nil {
			t.Fatal(err)
		}
		locked = tag.RowsAffected() == 0
	}
	began := time.Now()
	c, err := other.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < pgstore.StuckAfter/2 || took > pgstore.StuckAfter+8*time.Second {
		t.Errorf("the claim took %v, want about %v", took, pgstore.StuckAfter)
	}
	if err := <-saved; !errors.Is(err, burdock.ErrConflict) {
		t.Errorf("got error %v, want ErrConflict", err)
	}
	if _, err := other.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); !errors.Is(err, burdock.ErrNotFound) {
		t.Errorf("got error %v: the stopped save was written", err)
	}
	release(t, c)
}

func TestP6_StatementTimeoutIsAClearErrorAndLosesNothing(t *testing.T) {
	schema := fresh()
	s := open(t, shared.Get(t).DSN()+" statement_timeout=300", &pgstore.Options{Schema: schema})
	fence := burdock.Fence{Root: "r", Epoch: 1}
	save := func(seq int64) error {
		return s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", seq, "x")})
	}
	if err := save(0); err != nil {
		t.Fatal(err)
	}
	tx, err := connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM "+schema+".fence FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	err = save(1)
	if !errors.Is(err, pgstore.ErrTimeout) || !strings.Contains(err.Error(), "statement_timeout") {
		t.Errorf("got error %v, want ErrTimeout", err)
	}
	// What waits for one root does not hold up another for longer than the shared attempt.
	var wg sync.WaitGroup
	wg.Go(func() { _ = save(1) })
	other := step("q", 1, "x")
	if err := s.Save(t.Context(), burdock.Fence{Root: "q", Epoch: 1}, []burdock.Checkpoint{other}); err != nil {
		t.Errorf("a save of another root: %v", err)
	}
	wg.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := save(1); err != nil {
		t.Errorf("when the lock is free: %v", err)
	}
}

func TestP5_SerializationFailuresAreTriedAgain(t *testing.T) {
	schema := fresh()
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	admin(t, strings.ReplaceAll(`CREATE SEQUENCE @.tries; CREATE FUNCTION @.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('@.tries') <= 5 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER fail BEFORE INSERT ON @.checkpoint FOR EACH ROW EXECUTE FUNCTION @.fail()`, "@", schema))
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Errorf("Save: %v", err)
	}
	if _, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil {
		t.Error(err)
	}
}

func TestP5_ADeadlockIsTriedAgain(t *testing.T) {
	schema := fresh()
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	fence := burdock.Fence{Root: "r", Epoch: 1}
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	c := connect(t)
	exec := func(statement string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("SET deadlock_timeout = '1 min'") // so that the store's session is the one that fails
	exec("BEGIN")
	exec("SELECT FROM " + schema + ".checkpoint FOR UPDATE")
	saved := make(chan error)
	go func() { saved <- s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "y")}) }()
	time.Sleep(200 * time.Millisecond)
	exec("SELECT FROM " + schema + ".fence FOR UPDATE")
	exec("COMMIT")
	if err := <-saved; err != nil {
		t.Errorf("Save: %v", err)
	}
	if got, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil || text(got) != "y" {
		t.Errorf("got %q, error %v", text(got), err)
	}
}

func TestP5_OneSaveThatTheServerRefusesFailsAlone(t *testing.T) {
	schema := fresh()
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	admin(t, "ALTER TABLE "+schema+".checkpoint ADD CHECK (position('poison' in convert_from(body, 'UTF8')) = 0)")
	var wg sync.WaitGroup
	for i := range int64(16) {
		wg.Go(func() {
			root := fmt.Sprintf("root%d", i)
			c := step(root, 1, map[bool]string{true: "poison"}[i == 7])
			err := s.Save(t.Context(), burdock.Fence{Root: root, Epoch: 1}, []burdock.Checkpoint{c})
			if (err != nil) != (i == 7) {
				t.Errorf("save %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// Whatever the role or the database sets, an acknowledged commit was waited for, and the fence is checked as it is.
func TestP5_WeakSettingsOfTheDatabaseDoNotCount(t *testing.T) {
	schema := fresh()
	open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	admin(t, strings.ReplaceAll(`CREATE FUNCTION @.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF current_setting('synchronous_commit') <> 'on' OR current_setting('transaction_isolation') <> 'read committed'
		THEN RAISE EXCEPTION 'weak'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER look BEFORE INSERT ON @.checkpoint FOR EACH ROW EXECUTE FUNCTION @.look()`, "@", schema))
	s := open(t, shared.Get(t).DSN()+" synchronous_commit=off default_transaction_isolation=serializable default_transaction_read_only=on",
		&pgstore.Options{Schema: schema})
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Error(err)
	}
}

func TestP6_AServerThatStaysAwayIsAClearErrorAndLosesNothing(t *testing.T) {
	server := shared.Get(t)
	s := open(t, server.DSN(), &pgstore.Options{Schema: fresh(), Timeout: 500 * time.Millisecond})
	fence := burdock.Fence{Root: "r", Epoch: 1}
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	server.Crash()
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 2, "x")}); !errors.Is(err, pgstore.ErrUnreachable) && !errors.Is(err, pgstore.ErrUncertain) {
		t.Errorf("Save: got error %v, want ErrUnreachable or ErrUncertain", err)
	}
	if _, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); !errors.Is(err, pgstore.ErrUnreachable) {
		t.Errorf("Load: got error %v, want ErrUnreachable", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Claim(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Claim: got error %v, want that of its context", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 2, "x")}); err != nil {
		t.Errorf("when the server is back: %v", err)
	}
	if _, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil {
		t.Error(err)
	}
}
