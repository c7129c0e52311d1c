package archtest

import (
	"go/ast"
	"testing"
)

// leaksUnchecked lists the packages, relative to the root module, whose tests do not look for leaked goroutines,
// each with the reason.
var leaksUnchecked = map[string]string{}

// Every package's tests end with a look for goroutines that are left: no run of an application leaves one.
func TestEveryPackageLooksForLeakedGoroutines(t *testing.T) {
	tested := map[string]bool{}
	for _, pkg := range sourcePackages(t) {
		var tests, checks bool
		for _, file := range pkg.Files {
			tests = tests || file.Test
			checks = checks || file.Test && callsGoleak(file.Syntax)
		}
		if !tests {
			continue
		}
		tested[pkg.Path] = true
		reason, listed := leaksUnchecked[pkg.Path]
		switch {
		case !checks && !listed:
			t.Errorf("%s: no test file has\n\tfunc TestMain(m *testing.M) { goleak.VerifyTestMain(m) }\n"+
				"Add it, or name the package in leaksUnchecked with the reason.", pkg.Path)
		case checks && listed:
			t.Errorf("%s: calls goleak.VerifyTestMain, so it need not stand in leaksUnchecked", pkg.Path)
		case listed && reason == "":
			t.Errorf("%s: leaksUnchecked gives no reason", pkg.Path)
		}
	}
	for path := range leaksUnchecked {
		if !tested[path] {
			t.Errorf("leaksUnchecked names %s, which has no tests", path)
		}
	}
}

// callsGoleak reports whether TestMain is declared in file and calls goleak's VerifyTestMain.
func callsGoleak(file *ast.File) (found bool) {
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Name.Name != "TestMain" {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "VerifyTestMain" {
				id, ok := sel.X.(*ast.Ident)
				found = found || ok && id.Name == "goleak"
			}
			return true
		})
	}
	return found
}
