package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// A history is a database with what it held after each of its commits.
type history struct {
	db, wal []byte
	states  []string
}

// makeHistory saves batches, the first half into the file and the rest into its log only.
func makeHistory(t *testing.T) *history {
	t.Helper()
	h, path := &history{}, filepath.Join(fastDir(t), "test.db")
	s, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	remember := func() {
		text, err := everythingIn(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		h.states = append(h.states, text)
	}
	remember()
	for n := range int64(24) {
		if n == 12 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = sqlitestore.Open(t.Context(), path, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := saveSome(t.Context(), s, n); err != nil {
			t.Fatal(err)
		}
		remember()
	}
	if h.db, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if h.wal, err = os.ReadFile(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

// saveSome commits a step of a root, some branches of it, and their events.
func saveSome(ctx context.Context, s *sqlitestore.Store, n int64) error {
	root := fmt.Sprint("run-", n%3)
	fence := burdock.Fence{Root: root, Epoch: 1}
	c := step(root, n/3, strings.Repeat(fmt.Sprint(n), 150))
	c.Description, c.Graph = []byte(`{"nodes":["`+strings.Repeat("n", 300)+`"]}`), "g"
	batch := []burdock.Checkpoint{c}
	var events []burdock.Event
	for i := range int64(4) {
		b := branch(i)
		b.Root, b.Parent, b.App, b.Key = root, c.Ref(), fmt.Sprintf("%s.%d.%d", root, c.Seq, i), fmt.Sprint("key", i)
		batch = append(batch, b, later(b))
		e := event(b.App, 1, 1)
		e.Root = root
		events = append(events, e)
	}
	return s.SaveJournal(ctx, fence, batch, events)
}

// everythingIn is a text of all records and events that a reader can see, by every way that leads to them.
func everythingIn(ctx context.Context, s *sqlitestore.Store) (string, error) {
	var b strings.Builder
	var names []string
	for c, err := range s.List(ctx, burdock.Query{Roots: true}) {
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, "root", c.App, c.Seq)
		names = append(names, c.App)
	}
	for _, root := range names {
		for c, err := range s.List(ctx, burdock.Query{Root: root}) {
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%+v\n", c)
			if one, err := s.Load(ctx, c.Ref()); err != nil || fmt.Sprintf("%+v", one) != fmt.Sprintf("%+v", c) {
				return "", fmt.Errorf("listed and loaded differ: %w", err)
			}
			if c.Kind == burdock.KindStep && c.App == root {
				for br, err := range s.List(ctx, burdock.Query{Parent: c.Ref(), Rebuild: true}) {
					if err != nil {
						return "", err
					}
					fmt.Fprintln(&b, "branch", br.App, br.Seq)
				}
			}
			for e, err := range s.Events(ctx, c.App, sqlitestore.Position{}) {
				if err != nil {
					return "", err
				}
				fmt.Fprintf(&b, "%+v\n", e)
			}
		}
	}
	return b.String(), nil
}

// A wound is one way to damage the files.
type wound struct {
	name    string
	db, wal []byte
}

// wounds cut and flip a file at every 512th byte, the bit depending on the place.
func (h *history) wounds() (list []wound) {
	flip := func(data []byte, at int) []byte {
		data = append([]byte(nil), data...)
		data[at] ^= 1 << (at / 512 % 8)
		return data
	}
	for at := 0; at < len(h.db); at += 512 {
		list = append(list, wound{fmt.Sprintf("database cut at %d", at), h.db[:at], h.wal},
			wound{fmt.Sprintf("database flipped at %d", at), flip(h.db, at), h.wal},
			wound{fmt.Sprintf("database without its log flipped at %d", at), flip(h.db, at), nil},
			wound{fmt.Sprintf("database flipped at %d", at+at/512%512), flip(h.db, at+at/512%512), h.wal})
	}
	for at := 0; at < len(h.wal); at += 512 {
		list = append(list, wound{fmt.Sprintf("log cut at %d", at), h.db, h.wal[:at]}, wound{fmt.Sprintf("log flipped at %d", at), h.db, flip(h.wal, at)})
	}
	return list
}

func TestZZDamage(t *testing.T) {
	h := makeHistory(t)
	known := map[string]int{}
	for i, s := range h.states {
		known[s] = i
	}
	wounds := h.wounds()
	t.Logf("%d wounds of %d bytes and %d bytes of log", len(wounds), len(h.db), len(h.wal))
	dir := fastDir(t)
	counts := map[string]int{}
	for i, w := range wounds {
		path := filepath.Join(dir, fmt.Sprint(i), "test.db")
		os.MkdirAll(filepath.Dir(path), 0o700)
		os.WriteFile(path, w.db, 0o600)
		if w.wal != nil {
			os.WriteFile(path+"-wal", w.wal, 0o600)
		}
		began := time.Now()
		kind := func() string {
			s, err := sqlitestore.Open(t.Context(), path, nil)
			if err != nil {
				return "open: " + short(err)
			}
			defer s.Close()
			text, err := everythingIn(t.Context(), s)
			check := s.Check(t.Context())
			ck := " (check " + short(check) + ")"
			if err != nil {
				return "list: " + short(err) + ck
			}
			k, ok := known[text]
			if !ok {
				t.Log("UNKNOWN", w.name, ck)
				return "unknown" + ck
			}
			what := "prefix"
			if k == len(h.states)-1 { what = "whole" } else if k== 0 { what = "empty"}
			return what + ck
		}()
		if d := time.Since(began); d > time.Second {
			t.Log("slow", w.name, d)
		}
		counts[strings.Join(strings.Fields(w.name)[:2], " ")+" -> "+kind]++
		os.RemoveAll(filepath.Dir(path))
	}
	for k, n := range counts {
		t.Log(n, k)
	}
}

func short(err error) string {
	if err == nil {
		return "nil"
	}
	for _, k := range []error{sqlitestore.ErrCorrupt, sqlitestore.ErrNotADatabase, sqlitestore.ErrNewerSchema, sqlitestore.ErrReadOnly, sqlitestore.ErrLocked} {
		if errors.Is(err, k) {
			return k.Error()
		}
	}
	return "OTHER " + err.Error()
}
