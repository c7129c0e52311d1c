package archtest

import (
	"fmt"
	"strings"
	"testing"
)

// layers are the parts of the repository, the lowest first. A package imports its own part and those of lower layers:
//
//	std ← internal ← burdock ← record ← store, track, exec, ui ← burdocktest, exec/exectest ← cmd, examples, bench, docs
//
// A part is a folder with all below it; "." is package burdock. A folder inside a part may stand in another layer,
// such as an internal package that builds on burdock: then it has an entry of its own.
var layers = [][]string{
	{"internal"},
	{"."},
	{"record"},
	{"store", "track", "exec", "ui"},
	{"burdocktest", "exec/exectest"},
	{"cmd", "examples", "bench", "docs"},
}

// testImports are the modules that the root module's tests may use.
var testImports = []string{"github.com/google/go-cmp/", "go.uber.org/goleak"}

func TestImportsPointDown(t *testing.T) {
	pkgs := sourcePackages(t)
	modules := map[string]string{}
	for _, pkg := range pkgs {
		modules[pkg.Path] = pkg.Module
	}
	for _, pkg := range pkgs {
		if _, _, ok := place(pkg.Path); !ok {
			t.Errorf("%s stands in no layer: add its folder to layers", pkg.Path)
			continue
		}
		for _, file := range pkg.Files {
			for _, imported := range file.Imports {
				if rule := broken(pkg.Path, imported, file.Test, modules); rule != "" {
					t.Errorf("%s imports %s: %s", file.Name, imported, rule)
				}
			}
		}
	}
}

// broken returns the rule that importer breaks by importing a package in a test file or another file, or "".
// Modules gives the module of every package of the project, relative to the root module like importer.
func broken(importer, imported string, test bool, modules map[string]string) string {
	inRoot := modules[importer] == "."
	if imported != rootModule && !strings.HasPrefix(imported, rootModule+"/") {
		if inRoot {
			return brokenOutside(imported, test)
		}
		return ""
	}
	to := relative(imported)
	if inRoot && modules[to] != "." {
		return "the root module does not depend on the project's other modules"
	}
	return brokenInside(importer, to, test)
}

// brokenOutside is broken for a package of the root module that imports one of another project.
func brokenOutside(imported string, test bool) string {
	first, _, _ := strings.Cut(imported, "/")
	if imported == "C" {
		return "the root module is pure Go"
	}
	if !strings.Contains(first, ".") || strings.HasPrefix(imported, "golang.org/x/") {
		return ""
	}
	if !test {
		return "the root module imports only the standard library and golang.org/x"
	}
	for _, prefix := range testImports {
		if strings.HasPrefix(imported, prefix) {
			return ""
		}
	}
	return "tests of the root module import only the standard library, golang.org/x, go-cmp and goleak"
}

// brokenInside is broken for two packages of this project.
func brokenInside(from, to string, test bool) string {
	rank, unit, _ := place(from)
	toRank, toUnit, ok := place(to)
	switch {
	case !ok:
		return "it stands in no layer"
	case toRank < rank || toUnit == unit:
		return ""
	case test && forTests(to):
		return ""
	case unit == "cmd" && toUnit == "examples": // burdock demo is one of the examples
		return ""
	case toRank > rank:
		return fmt.Sprintf("%s is a lower layer than %s", unit, toUnit)
	case isDriver(from) && isDriver(to):
		return "drivers never import each other; their tests may use a conformance suite and memstore"
	default:
		return fmt.Sprintf("%s and %s stand in one layer", unit, toUnit)
	}
}

// place returns the layer of a package and what may import each other freely in it: a part, of drivers each one alone.
// It is false for a package in no layer.
func place(path string) (rank int, unit string, ok bool) {
	for i, parts := range layers {
		for _, part := range parts {
			if (path == part || strings.HasPrefix(path, part+"/")) && len(part) > len(unit) {
				rank, unit, ok = i, part, true
			}
		}
	}
	if isDriver(path) {
		unit = strings.Join(strings.SplitN(path, "/", 3)[:2], "/")
	}
	return rank, unit, ok
}

// isDriver reports whether path is a driver, a conformance suite, or inside of one.
func isDriver(path string) bool {
	kind, _, below := strings.Cut(path, "/")
	return below && (kind == "store" || kind == "track" || kind == "exec")
}

// forTests reports whether any package's tests may import path: the conformance suites and the store in memory, which
// is the fake of all stores, and the tools for users' tests.
func forTests(path string) bool {
	return path == "store/memstore" || path == "burdocktest" || isDriver(path) && strings.HasSuffix(path, "test")
}

func TestBrokenFindsWhatIsForbidden(t *testing.T) {
	modules := map[string]string{"store/sqlitestore": "store/sqlitestore", "cmd/burdock": "cmd/burdock"}
	for _, path := range []string{
		".", "internal/fan", "internal/bind", "record", "store/memstore", "store/storetest", "track/slogtrack",
		"track/tracktest", "ui", "burdocktest", "nowhere",
	} {
		modules[path] = "."
	}
	const inTest = true
	for _, c := range []struct {
		from, to string
		test     bool
		allowed  bool
	}{
		{".", "context", false, true},
		{".", "golang.org/x/sync/errgroup", false, true},
		{".", "github.com/google/go-cmp/cmp", false, false},
		{".", "github.com/google/go-cmp/cmp", inTest, true},
		{".", "go.uber.org/goleak", inTest, true},
		{".", "github.com/stretchr/testify/assert", inTest, false},
		{".", "C", false, false},
		{"store/sqlitestore", "modernc.org/sqlite", false, true},

		{".", rootModule + "/internal/fan", false, true},
		{"internal/fan", rootModule + "/internal/bind", false, true},
		{"internal/fan", rootModule, false, false},
		{".", rootModule + "/record", false, false},
		{"record", rootModule, false, true},
		{"record", rootModule + "/ui", false, false},
		{"ui", rootModule + "/record", false, true},
		{"ui", rootModule + "/store/memstore", false, false},
		{"burdocktest", rootModule + "/store/memstore", false, true},
		{"cmd/burdock", rootModule + "/examples/review", false, true},
		{"examples/review", rootModule + "/cmd/burdock", false, false},
		{"ui", rootModule + "/nowhere", false, false},

		{".", rootModule + "/store/memstore", inTest, true},
		{".", rootModule + "/store/sqlitestore", inTest, false},
		{"burdocktest", rootModule + "/store/sqlitestore", inTest, false},
		{"store/sqlitestore", rootModule + "/store/memstore", false, false},
		{"store/sqlitestore", rootModule + "/store/memstore", inTest, true},
		{"store/sqlitestore", rootModule + "/store/storetest", inTest, true},
		{"store/sqlitestore", rootModule + "/store/sqlitestore/internal/schema", false, true},
		{"store/sqlitestore", rootModule + "/track/slogtrack", inTest, false},
		{"store/sqlitestore", rootModule + "/track/tracktest", inTest, true},
		{"store/sqlitestore", rootModule + "/ui", false, false},
	} {
		rule := broken(c.from, c.to, c.test, modules)
		if allowed := rule == ""; allowed != c.allowed {
			t.Errorf("%s imports %s, in a test: %v: got allowed %v (%s), want %v",
				c.from, c.to, c.test, allowed, rule, c.allowed)
		}
	}
}
