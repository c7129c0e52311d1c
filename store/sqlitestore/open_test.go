package sqlitestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// saved makes a database with one root and returns its path.
func saved(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	s, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// refuses expects Open to fail with a sentinel and a text that names the path and more.
func refuses(t *testing.T, path string, opts *sqlitestore.Options, kind error, says ...string) {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, opts)
	if err == nil {
		_ = s.Close()
		t.Fatalf("Open(%s) succeeded, want %v", path, kind)
	}
	if !errors.Is(err, kind) {
		t.Errorf("got error %v, want one that is %v", err, kind)
	}
	for _, text := range append(says, path, "(") { // the way out stands in brackets
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

func TestOpenMakesFolderAndFileForTheUserOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "a %?# ü.db")
	s := open(t, path, nil)
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: got mode %o, want %o", file, got, want)
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database. "), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, text, nil, sqlitestore.ErrNotADatabase)
	refuses(t, text, &sqlitestore.Options{ReadOnly: true}, sqlitestore.ErrNotADatabase)
	refuses(t, dir, nil, sqlitestore.ErrNotADatabase, "folder")
	if got, err := os.ReadFile(text); err != nil || !bytes.HasPrefix(got, []byte("not a database")) {
		t.Error("the file was changed")
	}
	refuses(t, filepath.Join(dir, "none"), &sqlitestore.Options{ReadOnly: true}, os.ErrNotExist)
	refuses(t, filepath.Join(text, "below"), nil, syscall.ENOTDIR)
}

func TestOpenRefusesAnotherProgramsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	sqlitestore.Execute(t, path, "CREATE TABLE theirs(x)")
	refuses(t, path, nil, sqlitestore.ErrNotADatabase, "another program")
}

func TestOpenRefusesANewerSchemaAndNamesBothVersions(t *testing.T) {
	path := saved(t)
	sqlitestore.Execute(t, path, "PRAGMA user_version = 7")
	refuses(t, path, nil, sqlitestore.ErrNewerSchema, "schema 7", fmt.Sprint("up to ", sqlitestore.SchemaVersion), "later version")
	refuses(t, path, &sqlitestore.Options{ReadOnly: true}, sqlitestore.ErrNewerSchema, "schema 7")
}

func TestALockedDatabaseIsWaitedForAndThenNamed(t *testing.T) {
	path := saved(t)
	s := open(t, path, &sqlitestore.Options{BusyTimeout: 50 * time.Millisecond})
	unlock := sqlitestore.Hold(t, path)
	err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 2, "x")})
	if !errors.Is(err, sqlitestore.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("Save: got %v, want ErrLocked that names the file", err)
	}
	if _, err := s.Claim(t.Context(), "r"); !errors.Is(err, sqlitestore.ErrLocked) {
		t.Errorf("Claim: got %v, want ErrLocked", err)
	}
	if _, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil {
		t.Errorf("Load beside a writer: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, unlock)
	patient := open(t, path, nil)
	if err := patient.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 2, "x")}); err != nil {
		t.Errorf("a patient Save: %v", err)
	}
}

func TestAReadOnlyStoreReadsAndWritesNothing(t *testing.T) {
	path := saved(t)
	s := open(t, path, &sqlitestore.Options{ReadOnly: true})
	if _, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: -1}); err != nil {
		t.Error(err)
	}
	if _, err := s.Claim(t.Context(), "r"); !errors.Is(err, sqlitestore.ErrReadOnly) {
		t.Errorf("Claim: got %v, want ErrReadOnly", err)
	}
	if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 2, "x")}); !errors.Is(err, sqlitestore.ErrReadOnly) {
		t.Errorf("Save: got %v, want ErrReadOnly", err)
	}
	if err := s.Tracker(nil).Track(t.Context(), burdock.Event{App: "r"}); !errors.Is(err, sqlitestore.ErrReadOnly) {
		t.Errorf("Track: got %v, want ErrReadOnly", err)
	}
	writer := open(t, path, nil)
	if err := writer.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", 3, "x")}); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: -1}); err != nil || c.Seq != 3 {
		t.Errorf("beside a writer: got step %d, error %v, want 3", c.Seq, err)
	}
}

// TestAReadOnlyFolderCanBeListed reads as a user who may write neither the file nor its folder.
func TestAReadOnlyFolderCanBeListed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: no file modes")
	}
	path := saved(t)
	for file, mode := range map[string]os.FileMode{path: 0o444, filepath.Dir(path): 0o555} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
	for mode, want := range map[string]string{"read": "r 1", "write": sqlitestore.ErrReadOnly.Error()} {
		lines, failure := startUnprivileged(t, mode, path).finish()
		if got := strings.Join(lines, "\n") + failure; !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", mode, got, want)
		}
	}
	newer := filepath.Join(filepath.Dir(path), "new.db")
	if _, failure := startUnprivileged(t, "write", newer).finish(); !strings.Contains(failure, sqlitestore.ErrReadOnly.Error()) {
		t.Errorf("a new file: got %q, want ErrReadOnly", failure)
	}
}

// TestAFileThatMayNotGrowFailsClearlyAndKeepsWhatWasAcknowledged bounds the child's files by RLIMIT_FSIZE.
func TestAFileThatMayNotGrowFailsClearlyAndKeepsWhatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	lines, failure := start(t, "small", path, "r").finish()
	if !strings.Contains(failure, path) || !strings.Contains(failure, "free some space") {
		t.Errorf("got error %q, want one that names the file and the way out", failure)
	}
	keeps(t, path, len(lines))
}

func TestAFullDiskFailsClearlyAndKeepsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir); err != nil {
		t.Skipf("skipped: a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unmount(dir) })
	path := filepath.Join(dir, "test.db")
	lines, failure := start(t, "write", path, "r").finish()
	if !strings.Contains(failure, sqlitestore.ErrFull.Error()) || !strings.Contains(failure, path) {
		t.Errorf("got error %q, want ErrFull that names the file", failure)
	}
	copied := filepath.Join(t.TempDir(), "test.db")
	for _, suffix := range []string{"", "-wal"} {
		if data, err := os.ReadFile(path + suffix); err == nil {
			if err := os.WriteFile(copied+suffix, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	keeps(t, copied, len(lines))
}

// keeps expects the first n steps, and some.
func keeps(t *testing.T, path string, n int) {
	t.Helper()
	s := open(t, path, nil)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for seq := range int64(n) {
		if _, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: seq}); err != nil {
			t.Fatalf("step %d of %d acknowledged ones: %v", seq, n, err)
		}
	}
	if n == 0 || n == 500 {
		t.Errorf("%d steps were acknowledged; the disk was full at the wrong time", n)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), nil)
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
	if err := c.Release(t.Context()); err != nil {
		t.Errorf("Release: %v", err)
	}
	_, loadErr := s.Load(t.Context(), burdock.Ref{App: "r"})
	_, claimErr := s.Claim(t.Context(), "q")
	saveErr := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{step("r", 1, "x")})
	for _, err := range []error{loadErr, claimErr, saveErr, s.Tracker(nil).Track(t.Context(), burdock.Event{App: "r"})} {
		if !errors.Is(err, sqlitestore.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}
