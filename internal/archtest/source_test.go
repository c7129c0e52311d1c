// Package archtest holds the tests of what no compiler checks: which package may import which, that every package
// looks for leaked goroutines, that the code in the documentation is code that runs, and that no file tells where it
// was written.
package archtest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the directory of the repository, seen from this package.
const root = "../.."

// rootModule is the path of the root module and the prefix of all others.
const rootModule = "github.com/burdock-go/burdock"

// A sourcePackage is one package of the workspace with all its files, whatever their build constraints.
type sourcePackage struct {
	Path   string // relative to rootModule; "." is package burdock
	Module string // relative to rootModule; "." is the root module
	Files  []sourceFile
}

// A sourceFile is one Go file of a package.
type sourceFile struct {
	Name    string // relative to the repository
	Test    bool
	Imports []string
	Syntax  *ast.File
}

// sourcePackages returns every package of every module in go.work.
func sourcePackages(t *testing.T) []sourcePackage {
	t.Helper()
	modules := strings.Fields(goList(t, "-m", "-f", "{{.Dir}}"))
	var all []sourcePackage
	for _, dir := range modules {
		dec := json.NewDecoder(strings.NewReader(goList(t, "-json=ImportPath,Dir,Module", dir+"/...")))
		for {
			var listed struct {
				ImportPath, Dir string
				Module          struct{ Path string }
			}
			if err := dec.Decode(&listed); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			all = append(all, sourcePackage{
				Path:   relative(listed.ImportPath),
				Module: relative(listed.Module.Path),
				Files:  sourceFiles(t, listed.Dir),
			})
		}
	}
	return all
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "GOWORK="+filepath.Join(abs, "go.work"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func sourceFiles(t *testing.T, dir string) []sourceFile {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []sourceFile
	for _, name := range names {
		syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		files = append(files, sourceFile{
			Name:    fromRoot(t, name),
			Test:    strings.HasSuffix(name, "_test.go"),
			Imports: imports(syntax),
			Syntax:  syntax,
		})
	}
	return files
}

func imports(file *ast.File) []string {
	var paths []string
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// relative returns an import path of this project relative to rootModule, and others as they are.
func relative(path string) string {
	if path == rootModule {
		return "."
	}
	return strings.TrimPrefix(path, rootModule+"/")
}

func fromRoot(t *testing.T, name string) string {
	t.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(abs, name)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}
