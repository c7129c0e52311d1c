package review

import (
	"context"

	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
)

// A Repo is the repository under review.
type Repo = gitrepo.Repo

// A Snapshot is what a review looks at: the first step takes it with
// [Repo.Snapshot], and nothing later asks HEAD or the clock.
type Snapshot = gitrepo.Snapshot

// A File is one entry of a snapshot: a path in the form that survives in a
// state, a mode, an object id and a size.
type File = gitrepo.File

// What a user can act on. The errors that wrap these say what to do.
var (
	ErrNoGit         = gitrepo.ErrNoGit
	ErrNotRepository = gitrepo.ErrNotRepository
	ErrEmpty         = gitrepo.ErrEmpty
	ErrUnknownRange  = gitrepo.ErrUnknownRange
)

// Open finds the repository around a path, which is the current directory
// when empty.
func Open(ctx context.Context, path string) (*Repo, error) {
	if path == "" {
		path = "."
	}
	return gitrepo.Open(ctx, path)
}
