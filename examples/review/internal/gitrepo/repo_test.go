package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock/examples/review/internal/gittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *Repo {
	t.Helper()
	r, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// snapshot takes one and returns its paths beside it.
func snapshot(t *testing.T, g *gittest.Repo, rng string) (Snapshot, []string) {
	t.Helper()
	s, err := open(t, g.Dir).Snapshot(t.Context(), rng)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range s.Files {
		paths = append(paths, f.Path)
	}
	return s, paths
}

func TestOpenFindsTheRepositoryAround(t *testing.T) {
	g := gittest.New(t)
	g.Write(map[string]string{"sub/dir/a.txt": "a"})
	g.Commit()
	bare := filepath.Join(t.TempDir(), "bare.git")
	g.Git("clone", "-q", "--bare", ".", bare)
	worktree := filepath.Join(t.TempDir(), "linked")
	g.Git("worktree", "add", "-q", worktree)
	for _, path := range []string{g.Dir, filepath.Join(g.Dir, "sub/dir"), filepath.Join(g.Dir, "sub/dir/a.txt"), filepath.Join(g.Dir, ".git"), bare, worktree} {
		s, err := open(t, path).Snapshot(t.Context(), "")
		if err != nil || len(s.Files) != 1 {
			t.Errorf("%s: got %v, %v, want one file", path, s.Files, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	if _, err := Open(t.Context(), t.TempDir()); !errors.Is(err, ErrNotRepository) {
		t.Errorf("got %v, want ErrNotRepository", err)
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Open(t.Context(), t.TempDir()); !errors.Is(err, ErrNoGit) {
		t.Errorf("got %v, want ErrNoGit", err)
	}
}

func TestOpenIgnoresTheRepositoryOfAHook(t *testing.T) {
	g, other := gittest.New(t), gittest.New(t)
	want := g.Commit()
	other.Commit()
	t.Setenv("GIT_DIR", filepath.Join(other.Dir, ".git"))
	t.Setenv("GIT_WORK_TREE", other.Dir)
	t.Setenv("GIT_INDEX_FILE", "/nowhere")
	if s, _ := snapshot(t, &gittest.Repo{Dir: g.Dir}, ""); s.Commit != want {
		t.Errorf("got commit %s, want %s", s.Commit, want)
	}
}

func TestSnapshotSaysWhatIsWrong(t *testing.T) {
	empty := open(t, gittest.New(t).Dir)
	for _, rng := range []string{"", "HEAD", "HEAD..HEAD"} {
		if _, err := empty.Snapshot(t.Context(), rng); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: got %v, want ErrEmpty", rng, err)
		}
	}
	g := gittest.New(t)
	g.Write(map[string]string{"a": "a"})
	g.Commit()
	r := open(t, g.Dir)
	for _, rng := range []string{"nosuch", "HEAD..nosuch", "nosuch..HEAD", "main...HEAD", "--all", "HEAD..-x", "HEAD:a", "\xff", "a b", "HEAD^{tree}"} {
		_, err := r.Snapshot(t.Context(), rng)
		if !errors.Is(err, ErrUnknownRange) || !strings.Contains(err.Error(), "A..B") {
			t.Errorf("%q: got %v, want ErrUnknownRange that says A..B", rng, err)
		}
	}
}

func TestSnapshotTakesTheFilesOfARange(t *testing.T) {
	g := gittest.New(t)
	g.Write(map[string]string{"same": "same", "changed": "one", "gone": "gone", "moved": "moved text"})
	first := g.Commit()
	g.Write(map[string]string{"changed": "two", "fresh": "fresh"})
	g.Git("rm", "-q", "gone")
	g.Git("mv", "moved", "there")
	second := g.Commit()
	g.Write(map[string]string{"later": "later"})
	g.Commit()

	s, got := snapshot(t, g, first+"..HEAD~1")
	if diff := cmp.Diff([]string{"changed", "fresh", "there"}, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if s.Commit != second || s.Base != first {
		t.Errorf("got %s since %s, want %s since %s", s.Commit, s.Base, second, first)
	}
	if want := time.Date(2024, 1, 2, 12, 0, 0, 0, time.UTC); !s.Time.Equal(want) {
		t.Errorf("got time %v, want %v", s.Time, want)
	}
	if _, got = snapshot(t, g, "HEAD..HEAD"); len(got) != 0 {
		t.Errorf("got %q, want no file", got)
	}
	if _, got = snapshot(t, g, "HEAD~2"); len(got) != 4 {
		t.Errorf("got %q, want the four files of the first commit", got)
	}
}

func TestSnapshotKeepsPathsOfAnyBytes(t *testing.T) {
	g := gittest.New(t)
	raw := []string{"a b", "line\nfeed", "latin-\xe9", "quote\"d", "tab\t", "per%cent", "-dash", ":(glob)*", "grüße"}
	for _, name := range raw {
		g.Write(map[string]string{name: "content of " + name})
	}
	commit := g.Commit()
	r := open(t, g.Dir)
	s, err := r.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	blobs := r.Blobs(nil)
	defer blobs.Close()
	if len(s.Files) != len(raw) {
		t.Errorf("got %d files, want %d", len(s.Files), len(raw))
	}
	for _, f := range s.Files {
		name, err := Unquote(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		content, err := blobs.Get(t.Context(), f.OID, 100)
		if got, want := string(content), "content of "+name; got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", f.Path, got, err, want)
		}
		if times, err := r.Blame(t.Context(), commit, f.Path, []int{1}); len(times) != 1 || err != nil {
			t.Errorf("blame %s: got %v, %v, want one line", f.Path, times, err)
		}
	}
}

func TestTreeListsLinksAndSubmodules(t *testing.T) {
	g := gittest.New(t)
	inner := filepath.Join(g.Dir, "module")
	g.Git("init", "-q", inner)
	g.Git("-C", inner, "commit", "-q", "--allow-empty", "-m", "inner")
	for _, link := range [][2]string{{"loop", "loop"}, {"other", "link"}, {"link", "other"}} {
		if err := os.Symlink(link[0], filepath.Join(g.Dir, link[1])); err != nil {
			t.Skipf("skipped: no symbolic links here: %v", err)
		}
	}
	g.Commit()
	s, _ := snapshot(t, g, "")
	modes := map[string]string{}
	for _, f := range s.Files {
		modes[f.Path] = f.Mode
	}
	want := map[string]string{"loop": ModeSymlink, "link": ModeSymlink, "other": ModeSymlink, "module": ModeSubmodule}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}
}

func TestAnswersDoNotDependOnConfiguration(t *testing.T) {
	g := gittest.New(t)
	g.Write(map[string]string{"grüße": "one\ntwo\n", "b": "moved text that is long enough\n"})
	first := g.Commit()
	g.Write(map[string]string{"grüße": "one\nTWO\n"})
	g.Git("mv", "b", "c")
	g.Commit()
	read := func() (Snapshot, map[int]time.Time) {
		s, _ := snapshot(t, g, first+"..HEAD")
		times, err := open(t, g.Dir).Blame(t.Context(), s.Commit, "grüße", []int{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		return s, times
	}
	plainSnapshot, plainTimes := read()
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte(`
[core]
	quotepath = true
	pager = false
	fsmonitor = /bin/false
[blame]
	ignoreRevsFile = /no/such/file
	showEmail = true
	date = relative
[diff]
	renames = copies
	external = /bin/false
	noprefix = true
[log]
	showSignature = true
[color]
	ui = always
[user]
	useConfigOnly = true
`), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	t.Setenv("GIT_TRACE", "1")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	s, times := read()
	if diff := cmp.Diff(plainSnapshot, s); diff != "" {
		t.Errorf("snapshot (-plain +configured):\n%s", diff)
	}
	if diff := cmp.Diff(plainTimes, times); diff != "" {
		t.Errorf("blame (-plain +configured):\n%s", diff)
	}
}

func TestBlameDatesEachLine(t *testing.T) {
	g := gittest.New(t)
	g.Write(map[string]string{"a": "one\ntwo\nthree\n"})
	g.Commit()
	g.Write(map[string]string{"a": "one\n\tTWO\nthree\nfour"})
	commit := g.Commit()
	bare := filepath.Join(t.TempDir(), "bare.git")
	g.Git("clone", "-q", "--bare", ".", bare)
	day := func(n int) time.Time { return time.Date(2024, 1, n, 12, 0, 0, 0, time.UTC) }
	want := map[int]time.Time{1: day(1), 2: day(2), 4: day(2)}
	for _, dir := range []string{g.Dir, bare} {
		got, err := open(t, dir).Blame(t.Context(), commit, "a", []int{1, 2, 4})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", dir, err, diff)
		}
	}
}

func TestBlameOfManyLines(t *testing.T) {
	g := gittest.New(t)
	var lines []int
	for i := range 3 * blameRanges {
		lines = append(lines, i+1)
	}
	g.Write(map[string]string{"a": strings.Repeat("TODO\n", len(lines))})
	commit := g.Commit()
	got, err := open(t, g.Dir).Blame(t.Context(), commit, "a", lines)
	if err != nil || len(got) != len(lines) {
		t.Errorf("got %d lines, %v, want %d", len(got), err, len(lines))
	}
}
