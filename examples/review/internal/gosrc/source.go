package gosrc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
)

// MaxFile is the size in bytes above which a Go source is not read.
const MaxFile = 4 << 20

// A source is a tree of directories with Go files: a commit or GOROOT/src.
// Directories are slash-separated and the top is ".".
type source interface {
	// goFiles returns the names of a directory's Go files, sorted; none is no
	// error.
	goFiles(dir string) ([]string, error)
	// read returns the content of one of them.
	read(ctx context.Context, file string) ([]byte, error)
}

// A commitSource is the tree of one commit.
type commitSource struct {
	blobs *gitrepo.Blobs
	files map[string]gitrepo.File // Go files by raw path
	dirs  map[string][]string     // names of Go files by directory
}

func newCommitSource(blobs *gitrepo.Blobs, tree []gitrepo.File) (*commitSource, error) {
	s := &commitSource{blobs: blobs, files: map[string]gitrepo.File{}, dirs: map[string][]string{}}
	for _, f := range tree {
		if f.Mode == gitrepo.ModeSymlink || f.Mode == gitrepo.ModeSubmodule || !strings.HasSuffix(f.Path, ".go") {
			continue
		}
		raw, err := gitrepo.Unquote(f.Path)
		if err != nil {
			return nil, err
		}
		s.files[raw] = f
		s.dirs[path.Dir(raw)] = append(s.dirs[path.Dir(raw)], path.Base(raw))
	}
	for _, names := range s.dirs {
		slices.Sort(names)
	}
	return s, nil
}

func (s *commitSource) goFiles(dir string) ([]string, error) { return s.dirs[dir], nil }

func (s *commitSource) read(ctx context.Context, file string) ([]byte, error) {
	f, ok := s.files[file]
	if !ok {
		return nil, fmt.Errorf("%s: %w", gitrepo.Quote(file), fs.ErrNotExist)
	}
	if f.Size > MaxFile {
		return nil, &Unavailable{Reason: ReasonTooLarge}
	}
	return s.blobs.Get(ctx, f.OID, MaxFile)
}

// A goroot is the source of the standard library on disk; empty when there is
// no go tool.
type goroot string

// FindGOROOT asks the go tool in PATH where its standard library is. Without
// one it returns "", which is no error: then nothing of the standard library
// is known.
func FindGOROOT(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
	cmd.Dir = os.TempDir() // not in a module, whose go.mod could choose another toolchain
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	root := strings.TrimSpace(string(out))
	if err != nil || root == "" {
		return "", nil
	}
	if _, err := os.Stat(filepath.Join(root, "src", "fmt")); err != nil {
		return "", nil
	}
	return root, nil
}

func (g goroot) path(file string) string {
	return filepath.Join(string(g), "src", filepath.FromSlash(file))
}

func (g goroot) goFiles(dir string) ([]string, error) {
	if g == "" {
		return nil, &Unavailable{Reason: ReasonNoGo}
	}
	entries, err := os.ReadDir(g.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (g goroot) read(_ context.Context, file string) ([]byte, error) {
	return os.ReadFile(g.path(file))
}
