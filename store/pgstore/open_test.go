package pgstore_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
)

func TestOpenMakesASchemaOnceForAllWhoOpenIt(t *testing.T) {
	dsn := shared.Get(t).DSN()
	for _, schema := range []string{fresh(), `Sch"ema 1; $1 ` + fresh()} {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				s, err := pgstore.Open(t.Context(), dsn, &pgstore.Options{Schema: schema})
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := open(t, dsn, &pgstore.Options{Schema: schema})
		if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
			t.Error(err)
		}
		if _, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: -1}); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenWithoutOptionsUsesTheDefaultSchema(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), nil)
	if err := s.Save(t.Context(), burdock.Fence{Root: "default", Epoch: 1}, []burdock.Checkpoint{step("default", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := connect(t).QueryRow(t.Context(), "SELECT count(*) FROM burdock.app WHERE convert_from(name, 'UTF8') = 'default'").Scan(&n); err != nil || n != 1 {
		t.Errorf("got %d rows, error %v", n, err)
	}
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	dsn := shared.Get(t).DSN()
	newer, foreign, similar := fresh(), fresh(), fresh()
	open(t, dsn, &pgstore.Options{Schema: newer})
	admin(t, fmt.Sprintf("UPDATE %s.version SET version = %d", newer, pgstore.SchemaVersion+1))
	admin(t, fmt.Sprintf("CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.orders (id int)", foreign))
	admin(t, fmt.Sprintf("CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.version (major int)", similar))
	for schema, want := range map[string]error{newer: pgstore.ErrNewerSchema, foreign: pgstore.ErrNotOurs, similar: pgstore.ErrNotOurs} {
		_, err := pgstore.Open(t.Context(), dsn, &pgstore.Options{Schema: schema})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), schema) {
			t.Errorf("got error %v, want %v", err, want)
		}
	}
	if _, err := pgstore.Open(t.Context(), dsn, &pgstore.Options{Schema: strings.Repeat("x", 64)}); err == nil {
		t.Error("a name that PostgreSQL cuts was taken")
	}
}

func TestARoleThatMayOnlyUseTheTablesCanOpenThem(t *testing.T) {
	dsn, schema, role := shared.Get(t).DSN(), fresh(), fresh()
	open(t, dsn, &pgstore.Options{Schema: schema})
	admin(t, "CREATE ROLE "+role+" LOGIN")
	as := strings.Replace(dsn, "user=postgres", "user="+role, 1)
	if _, err := pgstore.Open(t.Context(), as, &pgstore.Options{Schema: schema}); !errors.Is(err, pgstore.ErrReadOnly) {
		t.Errorf("without rights: got error %v, want ErrReadOnly", err)
	}
	admin(t, fmt.Sprintf("GRANT USAGE ON SCHEMA %[1]s TO %[2]s; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %[1]s TO %[2]s", schema, role))
	s := open(t, as, &pgstore.Options{Schema: schema})
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Error(err)
	}
	release(t, c)
}

func TestErrorsHoldNoPassword(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:secret-word@localhost:bad/db", "host=/nonexistent user=u password=secret-word dbname=d", "postgres://u:secret-word@/d?host=/nonexistent",
	} {
		_, err := pgstore.Open(t.Context(), dsn, nil)
		if err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("got error %v", err)
		}
	}
}

func TestAnUnreachableServerIsNamed(t *testing.T) {
	_, err := pgstore.Open(t.Context(), "host=/nonexistent user=u dbname=d", nil)
	if !errors.Is(err, pgstore.ErrUnreachable) || !strings.Contains(err.Error(), "u@/nonexistent") {
		t.Errorf("got error %v, want ErrUnreachable and the server's name", err)
	}
}

func TestNewUsesAPoolAndLeavesItOpen(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), shared.Get(t).DSN()+" pool_max_conns=1")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s, err := pgstore.New(t.Context(), pool, &pgstore.Options{Schema: fresh()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(30) {
		if err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{branch(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for c, err := range s.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "r", Seq: 1}}) { // the one connection is free
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), c.Ref()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // gives up the claim too
		t.Fatal(err)
	}
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("the pool is closed: %v", err)
	}
	var held int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'").Scan(&held); err != nil || held != 0 {
		t.Errorf("%d transactions are open, error %v", held, err)
	}
}

func TestACallAfterCloseFails(t *testing.T) {
	schema, dsn := fresh(), shared.Get(t).DSN()
	s, err := pgstore.Open(t.Context(), dsn, &pgstore.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if live, err := open(t, dsn, &pgstore.Options{Schema: schema}).Live(t.Context(), "r"); live || err != nil {
		t.Errorf("a closed store holds a claim: %v, error %v", live, err)
	}
	_, claimErr := s.Claim(t.Context(), "q")
	_, loadErr := s.Load(t.Context(), burdock.Ref{App: "r"})
	for _, err := range []error{
		claimErr, loadErr, s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{step("r", 1, "x")}), s.Tracker(nil).Track(t.Context(), event("r", 1, 1)),
	} {
		if !errors.Is(err, pgstore.ErrClosed) {
			t.Errorf("got error %v, want ErrClosed", err)
		}
	}
	if err := c.Release(t.Context()); err != nil {
		t.Errorf("Release: %v", err)
	}
}
