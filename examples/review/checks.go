package review

import (
	"context"
	"errors"

	"github.com/burdock-go/burdock/examples/review/internal/cache"
	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
	"github.com/burdock-go/burdock/examples/review/internal/gosrc"
)

// MaxFile is the size in bytes above which a file is not read.
const MaxFile = gosrc.MaxFile

// What is kept in memory, in bytes.
const (
	blobBytes   = 16 << 20
	parsedBytes = 24 << 20
)

// ChecksOptions configure [NewChecks].
type ChecksOptions struct {
	// Limit bounds the git children alive at once: as many that read objects,
	// and as many that blame. Defaults to 2.
	Limit int

	// GOROOT is where the standard library's source is. Defaults to what the
	// go tool in PATH says; "none" stands for a machine without one.
	GOROOT string
}

// Checks are the checks of a review and what they share: contents, parsed
// files and types. Each check is an ordinary function of a [Subject], which
// answers the same for the same commit however often and in whatever order it
// is called. Checks are safe for concurrent use.
//
// A check returns an error when ctx ends or Git fails, and never because of
// what is in a file: that is a [Finding] or a [Note].
type Checks struct {
	repo     *gitrepo.Repo
	blobs    *gitrepo.Blobs
	parsed   *gosrc.Files
	programs *cache.Cache[string, *gosrc.Program] // the one of the commit under review
	blames   chan struct{}                        // held by those that run git blame
	goroot   string
}

// NewChecks returns the checks for a repository, to be closed after use.
func NewChecks(repo *gitrepo.Repo, opts *ChecksOptions) *Checks {
	o := ChecksOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Limit <= 0 {
		o.Limit = 2
	}
	return &Checks{
		repo:     repo,
		blobs:    repo.Blobs(&gitrepo.BlobsOptions{Processes: o.Limit, Cache: blobBytes}),
		parsed:   gosrc.NewFiles(parsedBytes),
		programs: cache.New[string](1, func(*gosrc.Program) int64 { return 1 }),
		blames:   make(chan struct{}, o.Limit),
		goroot:   o.GOROOT,
	}
}

// Close ends the git children, after the checks under way.
func (c *Checks) Close() { c.blobs.Close() }

// program returns the packages of a commit. The commit's own list of files is
// read again, because a snapshot of a range has only those that changed.
func (c *Checks) program(ctx context.Context, commit string) (*gosrc.Program, error) {
	return c.programs.Get(ctx, commit, func(ctx context.Context) (*gosrc.Program, error) {
		tree, err := c.repo.Tree(ctx, commit)
		if err != nil {
			return nil, err
		}
		root := c.goroot
		switch root {
		case "none":
			root = ""
		case "":
			if root, err = gosrc.FindGOROOT(ctx); err != nil {
				return nil, err
			}
		}
		return gosrc.Load(ctx, c.blobs, tree, &gosrc.Options{GOROOT: root})
	})
}

// unavailable turns the reason of a failed type check into a note.
func unavailable(err error, path string) (Note, bool) {
	why, ok := errors.AsType[*gosrc.Unavailable](err)
	if !ok {
		return Note{}, false
	}
	return Note{Check: CheckErrors, Path: path, Reason: why.Reason, Detail: printable(why.Detail)}, true
}
