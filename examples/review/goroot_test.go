package review

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
	"github.com/burdock-go/burdock/examples/review/internal/gittest"
)

// TestStandardLibrary reviews a commit made from GOROOT/src and compares its
// counts with independent ones. It takes half a minute:
//
//	REVIEW_GOROOT=1 go test -run TestStandardLibrary -v .
//
// REVIEW_REPORT names a file for the report.
func TestStandardLibrary(t *testing.T) {
	g := standardLibrary(t)
	repo, err := Open(t.Context(), g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s, r, files, err := reviewAll(t.Context(), repo, "", &ChecksOptions{Limit: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files in %v, peak memory %s", len(files), time.Since(start).Round(time.Millisecond), peak())
	var report bytes.Buffer
	if err := WriteReport(&report, s, r); err != nil {
		t.Fatal(err)
	}
	if name := os.Getenv("REVIEW_REPORT"); name != "" {
		if err := os.WriteFile(name, report.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	compareCounts(t, g, s, files)
}

// standardLibrary returns a repository with a commit made from GOROOT/src.
func standardLibrary(t *testing.T) *gittest.Repo {
	t.Helper()
	if os.Getenv("REVIEW_GOROOT") == "" {
		t.Skip("skipped: set REVIEW_GOROOT=1 to review GOROOT/src")
	}
	g := gittest.New(t)
	if err := os.CopyFS(g.Dir, os.DirFS(filepath.Join(runtime.GOROOT(), "src"))); err != nil { //nolint:staticcheck // the test runs under the go tool
		t.Fatal(err)
	}
	g.Commit()
	return g
}

// compareCounts compares with git ls-files, git grep and the parser.
func compareCounts(t *testing.T, g *gittest.Repo, s Snapshot, files []FileReview) {
	t.Helper()
	todos, broken := map[string]int{}, map[string]bool{}
	for _, f := range files {
		for _, v := range f.Verdicts {
			switch v.Finding.Check {
			case CheckTodo:
				todos[f.Path]++
			case CheckParse:
				broken[f.Path] = true
			}
		}
	}
	if got, want := len(files), strings.Count(g.Git("ls-files", "-z"), "\x00"); got != want {
		t.Errorf("got %d files, git ls-files has %d", got, want)
	}
	wantTodos := grepTodos(g)
	refused := 0
	for _, f := range s.Files {
		if got, want := todos[f.Path], wantTodos[f.Path]; got != want && f.Size <= MaxFile {
			t.Errorf("%s: got %d todos, git grep has %d", f.Path, got, want)
		}
		if refuses(g, f) {
			refused++
			if !broken[f.Path] {
				t.Errorf("%s: got no finding, the parser refuses it", f.Path)
			}
		}
	}
	if len(broken) != refused {
		t.Errorf("got %d files that do not parse, the parser refuses %d", len(broken), refused)
	}
	t.Logf("%d files with todos, %d that do not parse", len(todos), refused)
}

// grepTodos counts by git grep, by path.
func grepTodos(g *gittest.Repo) map[string]int {
	counts := map[string]int{}
	out, _ := g.Try("grep", "-z", "-c", "-I", "-w", "-E", "-e", "TODO|FIXME", "HEAD") // exits 1 without a match
	for l := range strings.Lines(out) {
		path, n, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\x00")
		counts[gitrepo.Quote(strings.TrimPrefix(path, "HEAD:"))], _ = strconv.Atoi(n)
	}
	return counts
}

// refuses asks the parser about a file of the working tree.
func refuses(g *gittest.Repo, f File) bool {
	if !strings.HasSuffix(f.Path, ".go") || f.Mode == gitrepo.ModeSymlink {
		return false
	}
	raw, err := gitrepo.Unquote(f.Path)
	if err != nil {
		return true
	}
	src, err := os.ReadFile(filepath.Join(g.Dir, raw))
	if err != nil || isBinary(src) || len(src) > MaxFile {
		return false
	}
	_, err = parser.ParseFile(token.NewFileSet(), raw, src, parser.SkipObjectResolution)
	return err != nil
}

// peak returns the resident memory that this process had at most.
func peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for l := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(l, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(v)[0])
			return fmt.Sprintf("%d MB", kb>>10)
		}
	}
	return "unknown"
}
