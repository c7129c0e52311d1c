// Package gittest makes Git repositories for tests.
package gittest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Repo is a repository in a temporary directory. Its commits have fixed
// people and dates, so their ids are the same in every run.
type Repo struct {
	Dir     string
	t       testing.TB
	commits int
}

// New returns an empty repository. It skips the test where there is no git.
func New(t testing.TB) *Repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("skipped: git is not in PATH")
	}
	r := &Repo{Dir: t.TempDir(), t: t}
	r.Git("init", "-q", "-b", "main")
	return r
}

// Write writes files into the working tree, by path and content.
func (r *Repo) Write(files map[string]string) {
	r.t.Helper()
	for name, content := range files {
		path := filepath.Join(r.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			r.t.Fatal(err)
		}
	}
}

// Commit commits the working tree as it is and returns the commit's id. The
// n-th commit is dated n days into 2024, counted from zero.
func (r *Repo) Commit() string {
	r.t.Helper()
	r.Git("add", "-A")
	r.commits++
	r.Git("commit", "-q", "--allow-empty", "-m", fmt.Sprint("commit ", r.commits))
	return r.Git("rev-parse", "HEAD")
}

// Git runs a git command in the repository and returns its output without the
// last line end.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	out, err := r.Try(args...)
	if err != nil {
		r.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return out
}

// Try is Git for a command that may fail.
func (r *Repo) Try(args ...string) (string, error) {
	date := fmt.Sprintf("2024-01-%02dT12:00:00Z", max(1, r.commits))
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.Dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com", "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	return strings.TrimSuffix(string(out), "\n"), err
}
