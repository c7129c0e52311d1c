package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/guarantees.md names the test that shows each promise, docs/from_burr.md and the file of tests that it cites the test
// that guards against each defect. A test that was renamed must not leave a promise without one.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	tests := map[string]bool{}
	for _, p := range sourcePackages(t) {
		for _, f := range p.Files {
			for _, d := range f.Syntax.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && f.Test && strings.HasPrefix(fn.Name.Name, "Test") {
					tests[fn.Name.Name] = true
				}
			}
		}
	}
	for name, least := range map[string]int{"docs/guarantees.md": 50, "docs/from_burr.md": 20, "regression_burr_test.go": 20} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9_]+\b`).FindAllString(string(text), -1)
		if len(named) < least {
			t.Errorf("%s names %d tests, want at least %d", name, len(named), least)
		}
		for _, test := range named {
			if !tests[test] {
				t.Errorf("%s names %s, which is no test of any module", name, test)
			}
		}
	}
}
