package archtest

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the documentation's Go code from the files that it is taken from")

// The Go code in the README and in docs is code that is compiled and tested. The line before each fence says where it
// is taken from:
//
//	<!-- code: examples/counter/main.go -->                    the whole file
//	<!-- code: example_counter_test.go#tally,ExampleNew -->    declarations, of an Example function its body
//	<!-- code: example_bot_test.go#Bot.Graph -->               a method
//	<!-- unchecked: why it cannot be compiled -->              nowhere
//
// go test ./internal/archtest -run Documentation -update writes the fences anew.
func TestDocumentationShowsTestedCode(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(docs, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		fresh, problems := refresh(string(text), func(from string) (string, error) { return codeFrom(root, from) })
		if *update && fresh != string(text) {
			if err := os.WriteFile(name, []byte(fresh), 0o644); err != nil {
				t.Fatal(err)
			}
			_, problems = refresh(fresh, func(from string) (string, error) { return codeFrom(root, from) })
		}
		for _, p := range problems {
			t.Errorf("%s:%s", strings.TrimPrefix(filepath.ToSlash(name), root+"/"), p)
		}
	}
}

var (
	fence  = regexp.MustCompile("^\\s*(```+|~~~+)\\s*(\\S*)")
	origin = regexp.MustCompile(`^<!-- (code|unchecked): (.*\S) -->$`)
)

// refresh returns the document with the code of every Go fence replaced by that of its origin, and what was wrong
// with it, each problem beginning with the line.
func refresh(doc string, code func(from string) (string, error)) (fresh string, problems []string) {
	lines := strings.Split(doc, "\n")
	var out []string
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			continue
		}
		end := i + 1
		for end < len(lines) && strings.TrimSpace(lines[end]) != open[1] {
			end++
		}
		body := lines[i+1 : end]
		if open[2] == "go" {
			var problem string
			if body, problem = refreshFence(lines[:i], body, code); problem != "" {
				problems = append(problems, fmt.Sprintf("%d: %s", i+1, problem))
			}
		}
		out = append(out, body...)
		if end < len(lines) {
			out = append(out, lines[end])
		}
		i = end
	}
	return strings.Join(out, "\n"), problems
}

// refreshFence returns what should stand in a fence that stands below the lines before and contains body, and a
// problem if that is not body or cannot be known.
func refreshFence(before, body []string, code func(string) (string, error)) (fresh []string, problem string) {
	from := []string(nil)
	if len(before) > 0 {
		from = origin.FindStringSubmatch(before[len(before)-1])
	}
	if from == nil {
		return body, "the line before this Go code does not say where it is taken from, such as " +
			"<!-- code: example_counter_test.go#ExampleNew --> (CONTRIBUTING.md)"
	}
	if from[1] == "unchecked" {
		return body, ""
	}
	want, err := code(from[2])
	if err != nil {
		return body, err.Error()
	}
	fresh = strings.Split(want, "\n")
	if !slices.Equal(fresh, body) {
		return fresh, "this code differs from " + from[2] + "; to take it from there:\n" +
			"\tgo test ./internal/archtest -run Documentation -update"
	}
	return body, ""
}

// codeFrom returns the code that from names, a file relative to dir with or without names of declarations.
func codeFrom(dir, from string) (string, error) {
	file, names, some := strings.Cut(from, "#")
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	if !some {
		return strings.TrimSpace(string(text)), nil
	}
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	var parts []string
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(syntax.Decls, func(d ast.Decl) bool { return slices.Contains(declared(d), name) })
		if i < 0 {
			return "", fmt.Errorf("%s declares no %s", file, name)
		}
		from, to := extent(syntax.Decls[i])
		part := string(text[files.Position(from).Offset:files.Position(to).Offset])
		if strings.HasPrefix(name, "Example") {
			part = dedent(part)
		}
		parts = append(parts, strings.TrimSpace(part))
	}
	return strings.Join(parts, "\n\n"), nil
}

// declared returns the names that a declaration declares; a method has its type's name before its own.
func declared(decl ast.Decl) (names []string) {
	if fn, ok := decl.(*ast.FuncDecl); ok {
		if fn.Recv == nil {
			return []string{fn.Name.Name}
		}
		receiver := fn.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if generic, ok := receiver.(*ast.IndexExpr); ok {
			receiver = generic.X
		}
		if id, ok := receiver.(*ast.Ident); ok {
			return []string{id.Name + "." + fn.Name.Name}
		}
		return nil
	}
	for _, spec := range decl.(*ast.GenDecl).Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			names = append(names, spec.Name.Name)
		case *ast.ValueSpec:
			for _, id := range spec.Names {
				names = append(names, id.Name)
			}
		}
	}
	return names
}

// extent returns where a declaration begins, with its comment, and ends; of an Example function its body.
func extent(decl ast.Decl) (from, to token.Pos) {
	doc := (*ast.CommentGroup)(nil)
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if strings.HasPrefix(decl.Name.Name, "Example") && decl.Recv == nil {
			return decl.Body.Lbrace + 1, decl.Body.Rbrace
		}
		doc = decl.Doc
	case *ast.GenDecl:
		doc = decl.Doc
	}
	if doc != nil {
		return doc.Pos(), decl.End()
	}
	return decl.Pos(), decl.End()
}

// dedent takes one tab from the beginning of every line.
func dedent(code string) string {
	return strings.ReplaceAll("\n"+code, "\n\t", "\n")
}

func TestRefreshTakesCodeFromItsFile(t *testing.T) {
	dir := t.TempDir()
	const source = `package p

// A tally counts.
type tally struct{ Count int }

func (t *tally) up() { t.Count++ }

func ExampleNew() {
	var t tally
	if t.Count == 0 {
		t.up()
	}
	// Output:
}
`
	if err := os.WriteFile(filepath.Join(dir, "p_test.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{
		"p_test.go":                     strings.TrimSpace(source),
		"p_test.go#tally.up":            "func (t *tally) up() { t.Count++ }",
		"p_test.go#tally,ExampleNew":    "// A tally counts.\ntype tally struct{ Count int }\n\nvar t tally\nif t.Count == 0 {\n\tt.up()\n}\n// Output:",
		"p_test.go#none":                "error",
		"none_test.go":                  "error",
		"p_test.go#ExampleNew,tally.up": "var t tally\nif t.Count == 0 {\n\tt.up()\n}\n// Output:\n\nfunc (t *tally) up() { t.Count++ }",
	} {
		got, err := codeFrom(dir, from)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("codeFrom %s: got\n%s\nwant\n%s", from, got, want)
		}
	}
}

func TestRefreshNamesWhatIsWrong(t *testing.T) {
	code := func(from string) (string, error) {
		if from == "none.go" {
			return "", errors.New("no such file")
		}
		return "x()", nil
	}
	for _, c := range []struct{ name, doc, fresh, problem string }{
		{"equal", "<!-- code: a.go -->\n```go\nx()\n```\n", "", ""},
		{"differs", "<!-- code: a.go -->\n```go\ny()\n```\n", "<!-- code: a.go -->\n```go\nx()\n```\n", "2: this code differs from a.go"},
		{"no origin", "a\n```go\ny()\n```\n", "", "2: the line before this Go code"},
		{"no file", "<!-- code: none.go -->\n```go\ny()\n```", "", "2: no such file"},
		{"unchecked", "<!-- unchecked: a sketch -->\n```go\ny()\n```\n", "", ""},
		{"unchecked without a reason", "<!-- unchecked:  -->\n```go\ny()\n```\n", "", "2: the line before"},
		{"another language", "```sh\ngo run .\n```\n", "", ""},
		{"not closed", "<!-- code: a.go -->\n```go\nx()", "", ""},
		{"a fence in a fence", "````md\n```go\ny()\n```\n````\n", "", ""},
	} {
		fresh, problems := refresh(c.doc, code)
		if want := c.doc; c.fresh == "" && fresh != want || c.fresh != "" && fresh != c.fresh {
			t.Errorf("%s: got\n%s", c.name, fresh)
		}
		got := strings.Join(problems, "\n")
		if c.problem == "" && got != "" || !strings.HasPrefix(got, c.problem) {
			t.Errorf("%s: got problem %q, want %q", c.name, got, c.problem)
		}
	}
}
