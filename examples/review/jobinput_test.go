package review

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/examples/review/internal/gittest"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

func TestJobNamesWhatIsWrongAndSavesNothing(t *testing.T) {
	t.Parallel()
	g := small(t)
	for _, tt := range []struct {
		job  Job
		is   error
		says []string
	}{
		{Job{Path: t.TempDir()}, ErrNotRepository, []string{"git init"}},
		{Job{Path: filepath.Join(g.Dir, "nowhere")}, os.ErrNotExist, []string{"nowhere", "give the path of a Git repository"}},
		{Job{Path: gittest.New(t).Dir}, ErrEmpty, []string{"commit something"}},
		{Job{Path: g.Dir, Range: "nowhere"}, ErrUnknownRange, []string{`"nowhere"`, "git log"}},
		{Job{Path: g.Dir, Range: "nowhere..main"}, ErrUnknownRange, []string{`"nowhere"`, "git log"}},
		{Job{Path: g.Dir, Range: "main...main"}, ErrUnknownRange, []string{"write A..B"}},
		{Job{Path: g.Dir, Range: "--all"}, ErrUnknownRange, []string{`"--all"`}},
		{Job{Path: g.Dir, Limit: -1}, nil, []string{"limit -1", "positive"}},
	} {
		for _, resume := range []bool{false, true} {
			db := memstore.New()
			j := tt.job
			j.Store, j.Resume = db, resume
			r := runJob(t.Context(), j)
			if r.err == nil || tt.is != nil && !errors.Is(r.err, tt.is) {
				t.Errorf("%s %q: got %v, want %v", j.Path, j.Range, r.err, tt.is)
				continue
			}
			for _, want := range tt.says {
				if !strings.Contains(r.err.Error(), want) {
					t.Errorf("%s %q: got %q, want it to say %q", j.Path, j.Range, r.err, want)
				}
			}
			if r.report != "" || len(reviews(t, db)) > 0 {
				t.Errorf("%s %q: got a report of %d bytes and the reviews %q, want none", j.Path, j.Range, len(r.report), reviews(t, db))
			}
		}
	}
}

// What a review says of files that no other tool would read, among them one of 50 MB and names of any bytes, is what
// the plain functions say, also when it was stopped on the way.
func TestBadFilesAreReviewedLikeAnyAlsoAfterAResume(t *testing.T) {
	t.Parallel()
	g := odd(t)
	repo, err := Open(t.Context(), g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	s, r, files, err := reviewAll(t.Context(), repo, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := WriteReport(&want, s, r); err != nil {
		t.Fatal(err)
	}
	for _, stop := range []int{0, len(files) / 2} {
		db := database(t)
		j := Job{Path: g.Dir, Store: db, Tracker: db.Tracker(nil), Limit: 1}
		if stop > 0 {
			stopAfter(t, stop, j)
			j.Resume = true
		}
		j.Limit = 8
		if diff := cmp.Diff(want.String(), complete(t, j).report); diff != "" {
			t.Errorf("stopped after %d (-plain functions +job):\n%s", stop, diff)
		}
	}
}

func TestDatabaseThatCannotBeUsedIsNamedWithTheWayOut(t *testing.T) {
	t.Parallel()
	path := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	used := filepath.Join(t.TempDir(), "used.db")
	if err := openDatabase(t, used).Close(); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(t.TempDir(), "newer.db")
	if err := openDatabase(t, newer).Close(); err != nil {
		t.Fatal(err)
	}
	execSQL(t, newer, "PRAGMA user_version = 9999")
	busy := filepath.Join(t.TempDir(), "busy.db")
	if err := openDatabase(t, busy).Close(); err != nil {
		t.Fatal(err)
	}
	defer holdLock(t, busy)()
	quick := &sqlitestore.Options{BusyTimeout: 50 * time.Millisecond}
	for _, tt := range []struct {
		path string
		opts *sqlitestore.Options
		is   error
		says string
	}{
		{path("text.db", "this is no database, and long enough to be sure of it\n"), nil, sqlitestore.ErrNotADatabase, "another"},
		{newer, nil, sqlitestore.ErrNewerSchema, "later version of this program"},
		{busy, quick, sqlitestore.ErrLocked, "end the program that holds it"},
		{used, &sqlitestore.Options{ReadOnly: true}, sqlitestore.ErrReadOnly, "writing"},
		{t.TempDir(), nil, sqlitestore.ErrNotADatabase, "name a file in it"},
		{filepath.Join(path("file", ""), "below.db"), nil, nil, "check the path"},
	} {
		err := reviewInto(t, tt.path, tt.opts)
		if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: got %v, want %v", tt.path, err, tt.is)
			continue
		}
		if !strings.Contains(err.Error(), tt.path) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("got %q, want it to name %s and to say %q", err, tt.path, tt.says)
		}
	}
}

// reviewInto reviews a small repository into a database that may be impossible to open.
func reviewInto(t *testing.T, path string, opts *sqlitestore.Options) error {
	t.Helper()
	db, err := sqlitestore.Open(t.Context(), path, opts)
	if err != nil {
		return err
	}
	defer db.Close()
	return runJob(t.Context(), Job{Path: small(t).Dir, Store: db}).err
}

func execSQL(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// holdLock locks a database as another program would, until the returned function is called.
func holdLock(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestDatabaseLockedInTheMiddleStopsTheReviewAndLosesNothing(t *testing.T) {
	t.Parallel()
	g := small(t)
	path := filepath.Join(t.TempDir(), "burdock.db")
	want := complete(t, Job{Path: g.Dir, Store: memstore.New()}).report
	db, err := sqlitestore.Open(t.Context(), path, &sqlitestore.Options{BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const acked = 5
	release := func() {}
	j := Job{Path: g.Dir, Limit: 1}
	j.Store = &observed{Store: db, acked: func(n int) {
		if n == acked {
			release = holdLock(t, path)
		}
	}}
	r := runJob(t.Context(), j)
	release()
	if !errors.Is(r.err, sqlitestore.ErrLocked) || !strings.Contains(r.err.Error(), path) || !strings.Contains(r.err.Error(), "--resume goes on with it") {
		t.Fatalf("got %v, want ErrLocked with the path and the way out", r.err)
	}
	var again []string
	j.Store, j.Resume, j.Reviewed = db, true, func(path string) { again = append(again, path) }
	last := complete(t, j)
	if diff := cmp.Diff(want, last.report); diff != "" {
		t.Errorf("report (-undisturbed +resumed):\n%s", diff)
	}
	if !strings.Contains(last.log, "5 files restored, 17 reviewed.") || len(again) != 17 {
		t.Errorf("got %q and %d files reviewed, want 5 restored and 17 reviewed", last.log, len(again))
	}
}

func TestReviewThatOtherCodeChangedSaysHowToStartAnother(t *testing.T) {
	t.Parallel()
	g := small(t)
	db := memstore.New()
	stopAfter(t, 3, Job{Path: g.Dir, Store: db})
	changed := &changedGraph{Store: db}
	r := runJob(t.Context(), Job{Path: g.Dir, Store: changed, Resume: true})
	if !errors.Is(r.err, burdock.ErrGraphChanged) || !strings.Contains(r.err.Error(), "without --resume starts another review") {
		t.Errorf("got %v, want ErrGraphChanged and the way out", r.err)
	}
}

// A changedGraph has the records of another version of the program.
type changedGraph struct{ burdock.Store }

func (s *changedGraph) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	return func(yield func(burdock.Checkpoint, error) bool) {
		for cp, err := range s.Store.List(ctx, q) {
			cp.GraphHash = strings.Repeat("0", len(cp.GraphHash))
			if !yield(cp, err) {
				return
			}
		}
	}
}
