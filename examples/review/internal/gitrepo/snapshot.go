package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Snapshot is what a review looks at, fixed once: nothing later asks HEAD or
// the clock. It holds names and no contents, and survives JSON.
type Snapshot struct {
	Range  string    `json:"range"`  // as typed; empty for all files of HEAD
	Base   string    `json:"base"`   // commit id of A in A..B; empty when all files are taken
	Commit string    `json:"commit"` // commit id that is reviewed
	Time   time.Time `json:"time"`   // when Commit was committed, in UTC: the reference for ages
	Files  []File    `json:"files"`  // in Git's order
}

// A File is one entry of a commit's tree.
type File struct {
	Path string `json:"path"` // in the form of Quote
	Mode string `json:"mode"` // six octal digits
	OID  string `json:"oid"`
	Size int64  `json:"size"` // in bytes; 0 for a submodule
}

// The modes of a tree that are not plain files.
const (
	ModeSymlink   = "120000"
	ModeSubmodule = "160000"
)

// Snapshot is Resolve and Fill in one.
func (r *Repo) Snapshot(ctx context.Context, rng string) (Snapshot, error) {
	s, err := r.Resolve(ctx, rng)
	if err != nil {
		return Snapshot{}, err
	}
	return r.Fill(ctx, s)
}

// Resolve turns a range as typed into commit ids, without files and time. Empty means all files of HEAD, a revision means
// all files of it, and A..B means the files that differ between A and B and
// exist in B, reviewed at B; a missing end is HEAD. It returns an error that
// is [ErrEmpty] or [ErrUnknownRange] when there is nothing of that name.
func (r *Repo) Resolve(ctx context.Context, rng string) (s Snapshot, err error) {
	if strings.Contains(rng, "...") {
		return s, fmt.Errorf("%w %q: three dots are not supported: write A..B", ErrUnknownRange, rng)
	}
	s.Range = Quote(rng)
	from, to, changes := strings.Cut(rng, "..")
	if !changes {
		s.Commit, err = r.commit(ctx, rng, from)
		return s, err
	}
	if s.Commit, err = r.commit(ctx, rng, to); err == nil {
		s.Base, err = r.commit(ctx, rng, from)
	}
	return s, err
}

// Fill adds the time and the files to a resolved snapshot.
func (r *Repo) Fill(ctx context.Context, s Snapshot) (_ Snapshot, err error) {
	if s.Time, err = r.committed(ctx, s.Commit); err != nil {
		return Snapshot{}, fmt.Errorf("time of commit %s: %w", s.Commit, err)
	}
	if s.Files, err = r.Tree(ctx, s.Commit); err != nil {
		return Snapshot{}, err
	}
	if s.Base == "" {
		return s, nil
	}
	if s.Files, err = r.changed(ctx, s.Base, s.Commit, s.Files); err != nil {
		return Snapshot{}, fmt.Errorf("files changed in %s: %w", s.Range, err)
	}
	return s, nil
}

// commit returns the id of one end of a range. A name that begins with a dash
// would be an option to git, and no revision begins with one.
func (r *Repo) commit(ctx context.Context, rng, rev string) (string, error) {
	name := rev
	if name == "" {
		name = "HEAD"
	}
	unknown := fmt.Errorf("%w %q: the repository has no commit %q: give a branch, tag or commit id, or A..B; git log lists commits", ErrUnknownRange, rng, name)
	if strings.HasPrefix(name, "-") {
		return "", unknown
	}
	out, err := r.git(ctx, "rev-parse", "--verify", "--quiet", name+"^{commit}")
	if _, exited := errors.AsType[*exitError](err); exited {
		if name == "HEAD" {
			return "", fmt.Errorf("%w at HEAD of %q: commit something, or give a branch, tag or commit id", ErrEmpty, r.root)
		}
		return "", unknown
	}
	return line(out), err
}

// committed returns the committer time, read from the commit object because
// git log can be configured to print more.
func (r *Repo) committed(ctx context.Context, commit string) (time.Time, error) {
	out, err := r.git(ctx, "cat-file", "commit", commit)
	if err != nil {
		return time.Time{}, err
	}
	header, _, _ := bytes.Cut(out, []byte("\n\n"))
	for l := range bytes.Lines(header) {
		fields := strings.Fields(string(l))
		if len(fields) < 3 || fields[0] != "committer" {
			continue
		}
		seconds, err := strconv.ParseInt(fields[len(fields)-2], 10, 64)
		return time.Unix(seconds, 0).UTC(), err
	}
	return time.Time{}, errors.New("the commit has no committer")
}

// Tree lists every entry of a commit, in Git's order, directories left out.
func (r *Repo) Tree(ctx context.Context, commit string) ([]File, error) {
	out, err := r.git(ctx, "ls-tree", "-r", "-z", "--long", "--full-tree", commit)
	if err != nil {
		return nil, fmt.Errorf("list commit %s: %w", commit, err)
	}
	files := make([]File, 0, bytes.Count(out, []byte{0}))
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if entry == "" {
			continue // the empty tree
		}
		f, err := parseEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("list commit %s: %w", commit, err)
		}
		files = append(files, f)
	}
	return files, nil
}

// parseEntry reads "<mode> <type> <oid> <size>\t<path>".
func parseEntry(entry string) (File, error) {
	meta, path, ok := strings.Cut(entry, "\t")
	fields := strings.Fields(meta)
	if !ok || len(fields) != 4 {
		return File{}, fmt.Errorf("git ls-tree said %q", entry)
	}
	f := File{Path: Quote(path), Mode: fields[0], OID: strings.Clone(fields[2])}
	if fields[3] == "-" {
		return f, nil
	}
	var err error
	f.Size, err = strconv.ParseInt(fields[3], 10, 64)
	return f, err
}

// changed keeps the files that differ between two commits.
func (r *Repo) changed(ctx context.Context, from, to string, files []File) ([]File, error) {
	out, err := r.git(ctx, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=d", from, to)
	if err != nil {
		return nil, err
	}
	differs := map[string]bool{}
	for path := range strings.SplitSeq(string(out), "\x00") {
		differs[Quote(path)] = true
	}
	kept := []File{}
	for _, f := range files {
		if differs[f.Path] {
			kept = append(kept, f)
		}
	}
	return kept, nil
}
