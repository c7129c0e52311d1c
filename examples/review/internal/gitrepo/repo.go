// Package gitrepo reads a Git repository at one commit.
//
//	Open(path) ─> Repo ── Snapshot(range) ─> commit, reference time, files
//	               ├── Tree(commit)  ──────> every file of the commit
//	               ├── Blame(commit, path) ─> when lines were written
//	               └── Blobs(limit) ───────> contents by object id
//
// Everything after Snapshot is named by commit or object id, so its answers
// never change: a run that is resumed next week reads the same bytes. The
// package asks git's plumbing commands, never a working tree or an index, so
// it works in bare repositories and symbolic links lead nowhere.
//
// What it promises:
//   - Paths may hold any bytes. In results they are in the form of [Quote],
//     which is valid UTF-8 and comes back exactly.
//   - The user's and the machine's configuration change no answer, and git never
//     prompts.
//   - When ctx ends, the git child of the call is killed and waited for.
package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What a caller can act on. The errors that wrap these say what to do.
var (
	ErrNoGit         = errors.New("git not found")
	ErrNotRepository = errors.New("not a Git repository")
	ErrEmpty         = errors.New("no commit")
	ErrUnknownRange  = errors.New("unknown range")
)

// A Repo is one repository. It holds no process and needs no Close.
type Repo struct {
	root string
	dir  string
}

// Open finds the repository around path, a directory or a file. It returns
// an error that is [ErrNotRepository] or [ErrNoGit] when there is none.
func Open(ctx context.Context, path string) (*Repo, error) {
	at, err := directory(path)
	if err != nil {
		return nil, err
	}
	dir, err := output(ctx, at, "rev-parse", "rev-parse", "--absolute-git-dir")
	if err != nil {
		return nil, openError(path, err)
	}
	r := &Repo{dir: line(dir)}
	r.root = r.dir
	if top, err := output(ctx, at, "rev-parse", "rev-parse", "--show-toplevel"); err == nil && line(top) != "" {
		r.root = line(top)
	}
	return r, ctx.Err()
}

// directory returns where to run git for a path as the user typed it.
func directory(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open repository %q: %w", path, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return "", fmt.Errorf("open repository: %w: give the path of a Git repository", err)
	}
	if !info.IsDir() {
		abs = filepath.Dir(abs)
	}
	return abs, nil
}

// openError says which way out there is from a failed discovery. A repository
// of another owner comes with git's own advice.
func openError(path string, err error) error {
	if said, ok := errors.AsType[*exitError](err); ok && strings.Contains(said.stderr, "not a git repository") {
		return fmt.Errorf("%w: %q and no directory above it has one: give the path of a repository, or run git init and commit", ErrNotRepository, path)
	}
	return fmt.Errorf("open repository %q: %w", path, err)
}

// line returns one line of output without its end. A path may itself hold
// line feeds, so only the last is dropped.
func line(out []byte) string { return strings.TrimSuffix(string(out), "\n") }

// Root returns the top of the working tree, or the Git directory of a bare
// repository. It is absolute, without symbolic links, and may hold any bytes.
func (r *Repo) Root() string { return r.root }
