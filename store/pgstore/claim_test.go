package pgstore_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
	"github.com/burdock-go/burdock/store/pgstore/internal/pgtest"
)

// takeOver claims r as soon as nobody has it, and says how long that took.
func takeOver(t *testing.T, s *pgstore.Store) (burdock.Claim, time.Duration) {
	t.Helper()
	began := time.Now()
	for {
		c, err := s.Claim(t.Context(), "r")
		if err == nil {
			return c, time.Since(began)
		}
		if !errors.Is(err, burdock.ErrConflict) || time.Since(began) > 20*time.Second {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func release(t *testing.T, c burdock.Claim) {
	t.Helper()
	if err := c.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestP3_AKilledOwnersLeaseEnds(t *testing.T) {
	schema, lease := fresh(), 1500*time.Millisecond
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	p := start(t, schema, lease)
	if got := p.line(); got != "claimed" {
		t.Fatal(got)
	}
	time.Sleep(lease) // it lives by renewal
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c, took := takeOver(t, s)
	if took < lease/3 || took > lease+2*time.Second {
		t.Errorf("the claim of a killed process ended after %v, want about %v", took, lease)
	}
	if got := c.Fence().Epoch; got != 2 {
		t.Errorf("got epoch %d, want 2", got)
	}
	release(t, c)
}

func TestP4_AProcessThatSleptIsRefused(t *testing.T) {
	schema, lease := fresh(), 1500*time.Millisecond
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	p := start(t, schema, lease)
	if got := p.line(); got != "claimed" {
		t.Fatal(got)
	}
	p.asks("save before", "saved")
	signal := func(sig syscall.Signal) {
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	time.Sleep(3 * lease / 2)
	signal(syscall.SIGCONT) // nobody has come: it is still the owner
	time.Sleep(lease / 2)
	p.asks("lost", "false")
	p.asks("save woken", "saved")
	signal(syscall.SIGSTOP)
	c, _ := takeOver(t, s)
	if err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{step("r", 2, "after")}); err != nil {
		t.Fatal(err)
	}
	signal(syscall.SIGCONT)
	p.asks("save late", "conflict")
	p.asks("lost", "true")
	if got, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil || text(got) != "woken" {
		t.Errorf("got %q, error %v: the process that slept has written", text(got), err)
	}
	release(t, c)
}

func TestP3_OfManyProcessesOneHasTheClaim(t *testing.T) {
	schema := fresh()
	open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	count := map[string]int{}
	var all []*process
	for range 4 {
		all = append(all, start(t, schema, 15*time.Second))
	}
	for _, p := range all {
		count[p.line()]++
	}
	if count["claimed"] != 1 || count["conflict"] != 3 {
		t.Errorf("got %v, want one claim and three conflicts", count)
	}
}

func TestP3_ALeaseIsRenewedAsLongAsItIsHeld(t *testing.T) {
	schema, dsn := fresh(), shared.Get(t).DSN()
	s, other := open(t, dsn, &pgstore.Options{Schema: schema, Lease: 900 * time.Millisecond}), open(t, dsn, &pgstore.Options{Schema: schema})
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 2500*time.Millisecond; time.Sleep(50 * time.Millisecond) {
		if _, err := other.Claim(t.Context(), "r"); !errors.Is(err, burdock.ErrConflict) {
			t.Fatalf("after %v: got error %v, want ErrConflict", time.Since(began), err)
		}
	}
	if live, err := other.Live(t.Context(), "r"); !live || err != nil || isLost(c) {
		t.Errorf("got live %v, error %v, lost %v", live, err, isLost(c))
	}
	release(t, c)
	if live, err := other.Live(t.Context(), "r"); live || err != nil {
		t.Errorf("after Release: got live %v, error %v", live, err)
	}
}

func TestP3_ALeaseIs15SecondsByTheServersClock(t *testing.T) {
	schema := fresh()
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: schema})
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	var left float64
	if err := connect(t).QueryRow(t.Context(), "SELECT extract(epoch FROM expires - clock_timestamp())::float8 FROM "+schema+".lease").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left < 10 || left > 15 {
		t.Errorf("the lease ends in %v s, want 15", left)
	}
	release(t, c)
}

func TestP3_OneGoroutineRenewsEverythingAndEndsWithTheLastRelease(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
	one, err := s.Claim(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Claim(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	release(t, one)
	if got := pgstore.Renewals(s); got != 1 {
		t.Errorf("one claim is held and %d goroutines renew", got)
	}
	release(t, two)
	if got := pgstore.Renewals(s); got != 0 {
		t.Errorf("nothing is held and %d goroutines renew", got)
	}
}

func TestP4_LostIsClosedWhenAnotherOwnerHasCome(t *testing.T) {
	schema, dsn := fresh(), shared.Get(t).DSN()
	s := open(t, dsn, &pgstore.Options{Schema: schema, Lease: time.Second})
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	admin(t, "UPDATE "+schema+".lease SET expires = clock_timestamp() - interval '1 s'")
	d, err := open(t, dsn, &pgstore.Options{Schema: schema}).Claim(t.Context(), "r")
	if err != nil {
		t.Skipf("skipped: the owner was faster to renew: %v", err)
	}
	select {
	case <-c.Lost():
	case <-time.After(5 * time.Second):
		t.Error("Lost is open 5 s after the claim was taken over, with a lease of 1 s")
	}
	release(t, c)
	if _, err := s.Claim(t.Context(), "r"); !errors.Is(err, burdock.ErrConflict) {
		t.Errorf("the release of a lost claim freed its successor's: %v", err)
	}
	release(t, d)
}

func TestP4_LostIsClosedWhenTheServerCannotBeReachedForALease(t *testing.T) {
	p, err := pgtest.NewProxy(shared.Get(t))
	if err != nil {
		t.Fatal(err)
	}
	lease := time.Second
	s := open(t, p.DSN(), &pgstore.Options{Schema: fresh(), Lease: lease})
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Lost():
		if took := time.Since(began); took < lease/2 {
			t.Errorf("Lost was closed after %v, with a lease of %v", took, lease)
		}
	case <-time.After(lease + 4*time.Second):
		t.Error("Lost is open")
	}
	if err := c.Release(t.Context()); !errors.Is(err, pgstore.ErrUnreachable) {
		t.Errorf("Release: got %v, want ErrUnreachable", err)
	}
}
