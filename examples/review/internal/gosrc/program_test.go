package gosrc

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
	"github.com/burdock-go/burdock/examples/review/internal/gittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A loaded is a program with what a test needs to ask it.
type loaded struct {
	*Program
	blobs *gitrepo.Blobs
	files []gitrepo.File
}

func load(t *testing.T, files map[string]string, opts *Options) *loaded {
	t.Helper()
	g := gittest.New(t)
	g.Write(files)
	g.Commit()
	repo, err := gitrepo.Open(t.Context(), g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := repo.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	blobs := repo.Blobs(nil)
	t.Cleanup(blobs.Close)
	p, err := Load(t.Context(), blobs, s.Files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return &loaded{p, blobs, s.Files}
}

func findGOROOT(t *testing.T) string {
	t.Helper()
	root, err := FindGOROOT(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if root == "" {
		t.Skip("skipped: no go tool in PATH")
	}
	return root
}

// calls checks a file and returns "name type" of its call statements, and the
// missing imports or why there is nothing.
func (l *loaded) calls(ctx context.Context, file string) (calls []string, missing string, err error) {
	content, err := l.repo.read(ctx, file)
	if err != nil {
		return nil, "", err
	}
	unknown, err := l.Check(ctx, file, parse(file, content), func(d ast.Decl, info *types.Info) {
		calls = append(calls, callStatements(d, info)...)
	})
	for _, u := range unknown {
		missing += u.Error() + "\n"
	}
	if why, ok := errors.AsType[*Unavailable](err); ok {
		return nil, why.Error() + "\n", nil
	}
	return calls, missing, err
}

// callStatements returns "name type" of the calls that are statements.
func callStatements(n ast.Node, info *types.Info) (calls []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.ExprStmt); ok {
			if call, ok := s.X.(*ast.CallExpr); ok {
				calls = append(calls, types.ExprString(call.Fun)+" "+typeString(info.TypeOf(call)))
			}
		}
		return true
	})
	return calls
}

func typeString(t types.Type) string {
	if t == nil {
		return "?"
	}
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}

// tree is a repository with most of what can happen to an import.
var tree = map[string]string{
	"go.mod":                           "module example.com/top // the top\n\ngo 1.26\n",
	"a/a.go":                           "package a\n\nfunc Fail() error { return nil }\n\ntype T[P any] struct{ p P }\n\nfunc (t *T[P]) Do() (P, error) { return t.inner() }\n\nfunc (t *T[P]) inner() (P, error) { return t.p, nil }\n",
	"a/in_test.go":                     "package a\n\nfunc Hidden() error { return Fail() }\n\nfunc inTest() { Hidden() }\n",
	"a/out_test.go":                    "package a_test\n\nimport \"example.com/top/a\"\n\nfunc outTest() { a.Hidden(); a.Fail() }\n",
	"b/b.go":                           "package b\n\nimport (\n\t\"example.com/nested/n\"\n\t\"example.com/top/a\"\n\tv \"example.com/vendored\"\n)\n\nvar run = func() { a.Fail() }\n\ntype local struct{}\n\nfunc (l local) m() { l.m(); new(a.T[int]).Do(); n.N(); v.V() }\n\nfunc init() { run() }\n",
	"vendor/example.com/vendored/v.go": "package vendored\n\nfunc V() error { return nil }\n",
	"nested/go.mod":                    "module \"example.com/nested\"\n",
	"nested/n/n.go":                    "package n\n\nfunc N() error { return nil }\n",
	"outside/o.go":                     "package outside\n\nimport \"github.com/x/y\"\n\nfunc f() { y.Do(); g() }\n\nfunc g() error { return nil }\n",
	"gone/g.go":                        "package gone\n\nimport \"example.com/top/none\"\n\nfunc f() { none.Do() }\n",
	"windows/w.go":                     "//go:build windows\n\npackage windows\n",
	"named/n_plan9.go":                 "package named\n",
	"ignored/_x.go":                    "package x\n",
	"ignored/importer.go":              "package x\n\nimport \"example.com/top/windows\"\n\nfunc f() { windows.Do() }\n",
	"two/one.go":                       "package one\n",
	"two/two.go":                       "package two\n",
	"broken/bad.go":                    "package broken\n\nfunc (\n",
	"broken/good.go":                   "package broken\n\nfunc f() { g(); missing() }\n\nfunc g() error { return nil }\n",
	"cycle/x/x.go":                     "package x\n\nimport \"example.com/top/cycle/y\"\n\nfunc X() error { return y.Y() }\n",
	"cycle/y/y.go":                     "package y\n\nimport \"example.com/top/cycle/z\"\n\nfunc Y() error { return z.Z() }\n",
	"cycle/z/z.go":                     "package z\n\nimport (\n\t\"example.com/top/a\"\n\t\"example.com/top/cycle/x\"\n)\n\nfunc Z() error { a.Fail(); return x.X() }\n",
	"cycle/user.go":                    "package cycle\n\nimport \"example.com/top/cycle/y\"\n\nfunc f() { y.Y() }\n",
	"cgo/c.go":                         "package cgo\n\n// #include <stdio.h>\nimport \"C\"\n\nfunc f() { C.puts(nil); g() }\n\nfunc g() error { return nil }\n",
	"std/s.go":                         "package std\n\nimport (\n\t\"os\"\n\t\"unsafe\"\n)\n\nvar size = unsafe.Sizeof(0)\n\nfunc f() { os.Remove(\"\") }\n",
	"self/s.go":                        "package self\n\nimport \"example.com/top/self\"\n\nfunc f() { self.F() }\n",
	"main/m.go":                        "package main\n\nfunc main() { f() }\n\nfunc f() error { main(); return nil }\n",
	"onlytests/o_test.go":              "package onlytests\n\nfunc f() error { f(); return nil }\n",
}

func TestCheckKnowsTypesAndSaysWhatItDoesNot(t *testing.T) {
	p := load(t, tree, &Options{GOROOT: findGOROOT(t)})
	for _, tt := range []struct {
		file    string
		want    []string
		missing string
	}{
		{"a/in_test.go", []string{"Hidden error"}, ""},
		{"a/out_test.go", []string{"a.Hidden error", "a.Fail error"}, ""},
		{"b/b.go", []string{"a.Fail error", "l.m ()", "new(a.T[int]).Do (int, error)", "n.N error", "v.V error", "run ()"}, ""},
		{"nested/n/n.go", nil, ""},
		{"outside/o.go", []string{"y.Do ?", "g error"}, ReasonOutside + ": github.com/x/y\n"},
		{"gone/g.go", []string{"none.Do ?"}, ReasonMissing + ": example.com/top/none\n"},
		{"windows/w.go", nil, ReasonExcluded + "\n"},
		{"named/n_plan9.go", nil, ReasonExcluded + "\n"},
		{"ignored/_x.go", nil, ReasonIgnored + "\n"},
		{"ignored/importer.go", []string{"windows.Do ?"}, ReasonMissing + ": example.com/top/windows\n"},
		{"two/one.go", nil, ReasonSeveral + ": one, two\n"},
		{"broken/bad.go", nil, ReasonSyntax + "\n"},
		{"broken/good.go", []string{"g error", "missing ?"}, ""},
		{"cgo/c.go", []string{"C.puts ?", "g error"}, ""},
		{"std/s.go", []string{"os.Remove error"}, ""},
		{"self/s.go", nil, ReasonCycle + "\n"},
		{"cycle/user.go", nil, ReasonCycle + "\n"},
		{"main/m.go", []string{"f error", "main ()"}, ""},
		{"onlytests/o_test.go", []string{"f error"}, ""},
	} {
		got, missing, err := p.calls(t.Context(), tt.file)
		if diff := cmp.Diff(tt.want, got); diff != "" || missing != tt.missing || err != nil {
			t.Errorf("%s: missing %q, want %q, %v; calls (-want +got):\n%s", tt.file, missing, tt.missing, err, diff)
		}
	}
}

func TestAnswersDoNotDependOnOrderOrMemory(t *testing.T) {
	root := findGOROOT(t)
	answers := func(opts *Options, files []string, workers int) map[string]string {
		p := load(t, tree, opts)
		got := map[string]string{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		next := make(chan string)
		for range workers {
			wg.Go(func() {
				for file := range next {
					calls, missing, err := p.calls(t.Context(), file)
					mu.Lock()
					got[file] = fmt.Sprint(calls, missing, err)
					mu.Unlock()
				}
			})
		}
		for _, file := range files {
			next <- file
		}
		close(next)
		wg.Wait()
		return got
	}
	var files []string
	for name := range tree {
		if strings.HasSuffix(name, ".go") {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	want := answers(&Options{GOROOT: root}, files, 1)
	reversed := slices.Clone(files)
	slices.Reverse(reversed)
	if diff := cmp.Diff(want, answers(&Options{GOROOT: root}, reversed, 1)); diff != "" {
		t.Errorf("in reverse (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, answers(&Options{GOROOT: root, Universe: 1}, files, 8)); diff != "" {
		t.Errorf("concurrently, with a universe for each check (-want +got):\n%s", diff)
	}
}

func TestWithoutAGoToolTheRepositoryIsStillKnown(t *testing.T) {
	p := load(t, tree, nil)
	got, missing, err := p.calls(t.Context(), "b/b.go")
	if len(got) != 6 || missing != "" || err != nil {
		t.Errorf("got %q, %q, %v, want six calls", got, missing, err)
	}
	if _, missing, _ = p.calls(t.Context(), "std/s.go"); missing != ReasonNoGo+"\n" && !strings.HasPrefix(missing, ReasonNoGo) {
		t.Errorf("got %q, want %q", missing, ReasonNoGo)
	}
	t.Setenv("PATH", t.TempDir())
	if root, err := FindGOROOT(t.Context()); root != "" || err != nil {
		t.Errorf("got %q, %v, want none", root, err)
	}
}

func TestCancelledChecksLeaveNothingWrongBehind(t *testing.T) {
	p := load(t, tree, &Options{GOROOT: findGOROOT(t)})
	for range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		done := make(chan struct{})
		go func() { cancel(why); close(done) }()
		if _, _, err := p.calls(ctx, "std/s.go"); err != nil && !errors.Is(err, why) {
			t.Errorf("got %v, want the cause", err)
		}
		<-done
	}
	if got, missing, err := p.calls(t.Context(), "std/s.go"); !slices.Equal(got, []string{"os.Remove error"}) || missing != "" || err != nil {
		t.Errorf("got %q, %q, %v, want os.Remove", got, missing, err)
	}
}

// TestBodiesAgreeWithAWholeCheck compares with go/types run over whole
// packages, bodies and declarations together.
func TestBodiesAgreeWithAWholeCheck(t *testing.T) {
	root := findGOROOT(t)
	dirs := []string{"archive/zip", "encoding/json", "iter", "net/textproto", "slices", "sync", "text/template"}
	if testing.Short() {
		dirs = dirs[:2]
	}
	files := map[string]string{"go.mod": "module std\n"}
	for _, dir := range dirs {
		names, err := goroot(root).goFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			content, err := os.ReadFile(filepath.Join(root, "src", dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[path.Join(dir, name)] = string(content)
		}
	}
	p := load(t, files, &Options{GOROOT: root})
	fset := token.NewFileSet()
	standard := importer.ForCompiler(fset, "source", nil)
	compared := 0
	for _, dir := range dirs {
		want := wholeCheck(t, p, fset, standard, root, dir)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			got, _, err := p.calls(t.Context(), path.Join(dir, name))
			if diff := cmp.Diff(want[name], got); diff != "" || err != nil {
				t.Errorf("%s/%s: %v, calls (-whole +bodies):\n%s", dir, name, err, diff)
			}
			compared += len(got)
		}
	}
	t.Logf("%d calls compared", compared)
}

// wholeCheck returns the call statements by file of a directory's package,
// tests left out.
func wholeCheck(t *testing.T, p *loaded, fset *token.FileSet, standard types.Importer, root, dir string) map[string][]string {
	t.Helper()
	var parsed []*ast.File
	var names []string
	all, _ := goroot(root).goFiles(dir)
	for _, name := range all {
		content, err := p.repo.read(t.Context(), path.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if isTest(name) || !matches(place{dir: dir}, name, content) {
			continue
		}
		f, err := parser.ParseFile(fset, name, content, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed, names = append(parsed, f), append(names, name)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: standard, FakeImportC: true, Error: func(error) {}}
	_, _ = conf.Check(dir, fset, parsed, info)
	calls := map[string][]string{}
	for i, f := range parsed {
		calls[names[i]] = callStatements(f, info)
	}
	return calls
}
