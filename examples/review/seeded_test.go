package review

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/burdock-go/burdock/examples/review/internal/gittest"
)

// marker stands in every file of a seeded repository, where no finding quotes it.
const marker = "content-7f3a91"

// seeded returns a repository of about 600 files of all kinds, for reviews in a process without the race detector.
func seeded(t *testing.T) *gittest.Repo {
	t.Helper()
	return seed(t, 40, 300, 20)
}

// medium returns a repository of the same kinds with 80 files.
func medium(t *testing.T) *gittest.Repo {
	t.Helper()
	return seed(t, 6, 33, 2)
}

// seed returns the same repository for every test, with two commits.
func seed(t *testing.T, packages, texts, odds int) *gittest.Repo {
	t.Helper()
	g := gittest.New(t)
	s := &seeder{rand: rand.New(rand.NewPCG(20, 26)), files: map[string]string{"go.mod": "module example.com/seeded // " + marker + "\n"}}
	for p := range packages {
		s.goPackage(p)
	}
	g.Write(s.files)
	g.Commit()
	for i := range texts {
		s.text(i)
	}
	for i := range odds {
		s.odd(i)
	}
	g.Write(s.files)
	for _, link := range [][2]string{{"loop", "loop"}, {".", "docs/self"}} {
		if err := os.Symlink(link[0], filepath.Join(g.Dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	g.Commit()
	return g
}

// A seeder writes files.
type seeder struct {
	rand  *rand.Rand
	files map[string]string
}

// goPackage writes a package that imports the one before it; one file in eight does not parse. The findings are few,
// because each is a branch, and a test runs many reviews.
func (s *seeder) goPackage(p int) {
	for f := range 6 {
		var b strings.Builder
		fmt.Fprintf(&b, "// %s\npackage p%d\n\nimport \"strconv\"\n", marker, p)
		if p > 0 && f == 0 {
			fmt.Fprintf(&b, "\nimport \"example.com/seeded/p%d\"\n\nfunc use() { p%d.F0(\"\") }\n", p-1, p-1)
		}
		if f > 0 {
			fmt.Fprintf(&b, "\n// F%d is exported.", f)
		}
		fmt.Fprintf(&b, "\nfunc F%d(s string) error {\n", f)
		for range s.rand.IntN(100) {
			fmt.Fprint(&b, "\tprintln(s)\n")
		}
		fmt.Fprintf(&b, "\t_, err := strconv.Atoi(s)\n\treturn err\n}\n")
		if s.rand.IntN(3) == 0 {
			fmt.Fprintf(&b, "\nfunc g%d() { F%d(\"\") }\n", f, f)
		}
		if s.rand.IntN(8) == 0 {
			fmt.Fprintf(&b, "\n// TODO: number %d of package %d\n", f, p)
		}
		if s.rand.IntN(8) == 0 {
			fmt.Fprint(&b, "\nfunc (\n")
		}
		s.files[fmt.Sprintf("p%d/f%d.go", p, f)] = b.String()
	}
}

func (s *seeder) text(i int) {
	var b strings.Builder
	fmt.Fprintln(&b, marker)
	for line := range s.rand.IntN(80) {
		switch s.rand.IntN(100) {
		case 0, 1:
			if i%6 > 0 {
				continue // git blame, the dearest of all checks, runs for each file that has one
			}
			fmt.Fprintf(&b, "FIXME line %d\n", line)
		case 2:
			fmt.Fprintln(&b, strings.Repeat("long ", 50))
		case 3:
			fmt.Fprint(&b, "\ttab\n  spaces\n")
		default:
			fmt.Fprintln(&b, "a line of text")
		}
	}
	if i%10 == 0 {
		b.WriteByte(0) // binary
	}
	s.files[fmt.Sprintf("docs/%d/t%d.md", i%7, i)] = b.String()
}

func (s *seeder) odd(i int) {
	for name, content := range map[string]string{
		"with space %d.txt": marker + "\n", "line\nfeed %d.txt": "text\n", "latin-\xe9-%d.txt": "text\n", "percent%%25-%d.go": "package odd\n",
	} {
		if i == 0 {
			content += "// TODO\n"
		}
		s.files["odd/"+fmt.Sprintf(name, i)] = content
	}
}

// small returns a repository of a few files.
func small(t *testing.T) *gittest.Repo {
	t.Helper()
	g := gittest.New(t)
	files := map[string]string{"go.mod": "module example.com/small\n", "a.go": "package small\n\nfunc f() error { f(); return nil }\n"}
	for i := range 20 {
		files[fmt.Sprintf("t%d.txt", i)] = "TODO\n"
	}
	g.Write(files)
	g.Commit()
	return g
}
