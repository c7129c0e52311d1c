package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
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
	for n := range int64(14) {
		if n == 7 {
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
		if err := s.Post(t.Context(), cancellation(fmt.Sprint("m", n), "run-0", "run-0")); err != nil {
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

// saveSome commits a step of a root, some branches of it, and their events. Each step is first running and then completed.
func saveSome(ctx context.Context, s *sqlitestore.Store, n int64) error {
	root := fmt.Sprint("run-", n/2%2)
	fence := burdock.Fence{Root: root, Epoch: 1}
	c := step(root, n/4, strings.Repeat(fmt.Sprint(n), 150))
	c.Description, c.Graph = []byte(`{"nodes":["`+strings.Repeat("n", 300)+`"]}`), "g"
	if n%2 == 0 {
		c.Status, c.Delta, c.Ended = burdock.StatusRunning, nil, time.Time{}
		return s.Save(ctx, fence, []burdock.Checkpoint{c})
	}
	batch, events := []burdock.Checkpoint{c}, []burdock.Event(nil)
	for i := range int64(3) {
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
		for m, err := range s.Messages(ctx, root) {
			if err != nil {
				return "", err
			}
			text, err := record.MarshalMessage(m)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "message %s\n", text)
		}
		for c, err := range s.List(ctx, burdock.Query{Root: root}) {
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s\n", encoded(c))
			if one, err := s.Load(ctx, c.Ref()); err == nil {
				fmt.Fprintf(&b, "loaded %s\n", encoded(one))
			} else if !errors.Is(err, burdock.ErrNotFound) {
				return "", err
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
				text, err := record.MarshalEvent(e, 0)
				if err != nil {
					return "", err
				}
				fmt.Fprintf(&b, "%s\n", text)
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
			wound{fmt.Sprintf("database without its log flipped at %d", at+at*7/512%512), flip(h.db, at+at*7/512%512), nil})
	}
	for at := 0; at < len(h.wal); at += 512 {
		list = append(list, wound{fmt.Sprintf("log cut at %d", at), h.db, h.wal[:at]}, wound{fmt.Sprintf("log flipped at %d", at), h.db, flip(h.wal, at)})
	}
	return list
}

// TestDamageGivesAPrefixOrAClearError opens databases that were cut or changed in one bit at every 512th byte, of the
// file and of its log. What Check finds sound is exactly what was there after some commit. What it does not may lack
// rows, and has none that was not written, nor rows of two moments. Nothing panics or hangs.
func TestDamageGivesAPrefixOrAClearError(t *testing.T) {
	t.Parallel()
	h := makeHistory(t)
	wounds, dir := h.wounds(), fastDir(t)
	verdicts := map[string]int{}
	for _, i := range sampled(t, 16, len(wounds)) {
		verdicts[h.open(t, filepath.Join(dir, fmt.Sprint(i), "test.db"), wounds[i])]++
	}
	t.Logf("%d and %d bytes, %d wounds: %v", len(h.db), len(h.wal), len(wounds), verdicts)
}

// open opens a damaged copy and says what came of it.
func (h *history) open(t *testing.T, path string, w wound) (verdict string) {
	t.Helper()
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(path)) }()
	for file, data := range map[string][]byte{path: w.db, path + "-wal": w.wal} {
		if data == nil {
			continue
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := sqlitestore.Open(ctx, path, nil)
	if err != nil {
		isClear(t, w, err)
		return "Open fails"
	}
	defer s.Close()
	text, err := everythingIn(ctx, s)
	damage := s.Check(ctx)
	if damage != nil {
		isClear(t, w, damage)
	}
	switch {
	case err != nil:
		isClear(t, w, err)
		if damage == nil {
			t.Errorf("%s: reading fails and Check does not: %v", w.name, err)
		}
		return "reading fails"
	case slices.Contains(h.states, text) && damage == nil:
		return "prefix"
	case slices.Contains(h.states, text):
		return "prefix, Check fails"
	case damage == nil:
		t.Errorf("%s: what is read was there after no commit:\n%s", w.name, text)
	case !h.partOf(text):
		t.Errorf("%s: something is read that was not written, or of two moments:\n%s", w.name, text)
	}
	return "rows lack, Check fails"
}

// partOf reports whether all lines of a text were there at one moment.
func (h *history) partOf(text string) bool {
	return slices.ContainsFunc(h.states, func(state string) bool {
		for line := range strings.Lines(text) {
			if !strings.Contains(state, line) {
				return false
			}
		}
		return true
	})
}

// isClear expects an *Error that says what is wrong with which file, and what to do.
func isClear(t *testing.T, w wound, err error) {
	t.Helper()
	e, ok := errors.AsType[*sqlitestore.Error](err)
	if !ok || e.Path == "" || e.Hint == "" || !slices.Contains([]error{sqlitestore.ErrCorrupt, sqlitestore.ErrNotADatabase, sqlitestore.ErrNewerSchema}, e.Kind) {
		t.Errorf("%s: got error %v, want one that names the kind of damage and the way out", w.name, err)
	}
}

func TestAnEmptyFileBesideALogIsDamaged(t *testing.T) {
	path, log := filepath.Join(fastDir(t), "test.db"), []byte("what was acknowledged")
	for file, data := range map[string][]byte{path: nil, path + "-wal": log} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, path, nil, sqlitestore.ErrCorrupt, "-wal")
	if got, err := os.ReadFile(path + "-wal"); err != nil || len(got) != len(log) {
		t.Errorf("the log has %d of %d bytes, error %v", len(got), len(log), err)
	}
}

func TestChangedTablesAreDamage(t *testing.T) {
	path := saved(t)
	sqlitestore.Execute(t, path, "ALTER TABLE checkpoint RENAME COLUMN joined TO joints")
	refuses(t, path, nil, sqlitestore.ErrCorrupt, "not as they were made")
	refuses(t, path, &sqlitestore.Options{ReadOnly: true}, sqlitestore.ErrCorrupt)
}

func TestTablesOfOthersMayStandBesideOurs(t *testing.T) {
	path := saved(t)
	sqlitestore.Execute(t, path, "CREATE TABLE theirs(x)")
	if _, err := open(t, path, nil).Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil {
		t.Error(err)
	}
}

func TestAChangedRowIsDamage(t *testing.T) {
	for name, statement := range map[string]string{
		"a checkpoint":        "UPDATE checkpoint SET status = 'failed'",
		"a checkpoint's body": "UPDATE checkpoint SET body = replace(body, '\"x\"', '\"y\"')",
		"an application":      "UPDATE app SET path = 'elsewhere'",
		"a graph's name":      "UPDATE graph SET name = 'another'",
		"a listing":           "UPDATE run SET updated = 1",
		"a message":           "UPDATE inbox SET body = replace(body, '\"m\"', '\"n\"')",
		"a message's place":   "UPDATE inbox SET n = n + 1",
	} {
		path := saved(t)
		before, err := sqlitestore.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(before.Post(t.Context(), cancellation("m", "r", "r")), before.Close()); err != nil {
			t.Fatal(err)
		}
		sqlitestore.Execute(t, path, statement)
		refuses(t, path, &sqlitestore.Options{Check: true}, sqlitestore.ErrCorrupt)
		s, err := sqlitestore.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := everythingIn(t.Context(), s); !errors.Is(err, sqlitestore.ErrCorrupt) {
			t.Errorf("%s: got error %v, want ErrCorrupt; read %s", name, err, text)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARootThatNamesItselfAsParentIsListedOnce(t *testing.T) {
	s := open(t, filepath.Join(fastDir(t), "test.db"), nil)
	c := step("r", 1, "x")
	c.Parent = c.Ref()
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{c}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range s.List(t.Context(), burdock.Query{Root: "r"}) {
		if n++; err != nil || n > 1 {
			t.Fatalf("record %d, error %v", n, err)
		}
	}
}
