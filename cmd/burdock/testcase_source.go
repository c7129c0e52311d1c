package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
)

// A source is the Go source of a test, and what it is made of.
type source struct {
	graph    string // a Go expression
	imported string
	pkg      string

	step      burdock.Checkpoint
	before    inspect.State
	handles   *burdock.Failure // of an error route's handler
	described actionDescription
}

// check reports what would make no Go source.
func (s *source) check() error {
	if s.graph != "" {
		if _, err := parser.ParseExpr(s.graph); err != nil || strings.ContainsAny(s.graph, "\n\r") {
			return fmt.Errorf("--graph %s is no Go expression", s.graph)
		}
	}
	if s.imported != "" && s.graph == "" {
		return fmt.Errorf("--import %s needs --graph, which uses the package", s.imported)
	}
	if strings.ContainsFunc(s.imported, notInPath) {
		return fmt.Errorf("--import %s is no import path", s.imported)
	}
	if s.pkg != "" && !token.IsIdentifier(s.pkg) {
		return fmt.Errorf("--package %s is no name of a package", s.pkg)
	}
	return nil
}

// notInPath reports whether no import path may have the character.
func notInPath(r rune) bool {
	return !unicode.IsGraphic(r) || strings.ContainsRune(" !\"#$%&'()*,:;<=>?[]^`{|}\\\ufffd", r)
}

// write returns the source.
func (s *source) write() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// A test of step %d (%s) of %s, made from its record by burdock testcase. Change it as you like.\n\n",
		s.step.Seq, plain(s.step.Action), plain(s.step.Path))
	fmt.Fprintf(&b, "package %s\n\nimport (\n\t\"testing\"\n\n\t\"github.com/burdock-go/burdock\"\n\t\"github.com/burdock-go/burdock/burdocktest\"\n", s.pkg)
	if s.imported != "" {
		fmt.Fprintf(&b, "\n\t%q\n", s.imported)
	}
	fmt.Fprintf(&b, ")\n\nfunc %s(t *testing.T) {\n", s.name())
	s.named(&b)
	for _, line := range s.remarks() {
		fmt.Fprintf(&b, "\t// %s\n", line)
	}
	b.WriteString("\tburdocktest.Replay(t, graph, burdocktest.Case{\n")
	if err := s.fields(&b); err != nil {
		return "", err
	}
	b.WriteString("\t})\n}\n")
	text, err := format.Source([]byte(b.String()))
	return string(text), err
}

// named is the line that the user fills in.
func (s *source) named(b *strings.Builder) {
	if s.graph != "" {
		fmt.Fprintf(b, "\tvar graph burdock.Runnable = %s\n\n", s.graph)
		return
	}
	what := "the graph"
	if s.step.App != s.step.Root {
		what = "what the branch runs, the graph or action"
	}
	fmt.Fprintf(b, "\t// Put %s %s here, or the action alone: import its package, and write = and its name behind the type.\n", what, quoted(plain(s.step.Graph)))
	b.WriteString("\tvar graph burdock.Runnable\n\n")
}

// remarks is what the reader of the test should know.
func (s *source) remarks() (lines []string) {
	if s.described.Branches != nil {
		lines = append(lines, "The step runs its branches again. Put fakes in the place of what must not be called, with Graph.Replace.")
	}
	if missing := s.missing(); len(missing) > 0 {
		lines = append(lines,
			"Not recorded are inputs that are secret, come from configuration or were given to a branch when it began. If the step",
			"needs one of these, give it: burdocktest.Given(struct{...}{...}) as another argument. They are "+strings.Join(missing, ", ")+".")
	}
	return lines
}

// missing are the inputs that the action or its branches declare, are not bound, and were not recorded.
func (s *source) missing() (names []string) {
	recorded := map[string]bool{"failure": true}
	for _, in := range s.step.Inputs {
		recorded[in.Name] = true
	}
	var add func(a *actionDescription)
	add = func(a *actionDescription) {
		for _, in := range a.Inputs {
			if recorded[in.Name] || slices.Contains(a.Bound, in.Name) {
				continue
			}
			recorded[in.Name] = true
			name := quoted(plain(in.Name))
			if in.Mode != "" {
				name += " (" + strings.ReplaceAll(in.Mode, ",", ", ") + ")"
			}
			names = append(names, name)
		}
		for i := range a.Branches {
			for j := range a.Branches[i].Nodes {
				add(&a.Branches[i].Nodes[j])
			}
		}
	}
	add(&s.described)
	return names
}

// fields writes those of the Case.
func (s *source) fields(b *strings.Builder) error {
	fmt.Fprintf(b, "\t\tAction: %s,\n", literal(s.step.Action))
	before, err := s.before.MarshalJSON()
	if err != nil {
		return err
	}
	b.WriteString(object("Before", before))
	inputs, after, appended := inspect.State{}, inspect.State{}, inspect.State{}
	for _, in := range s.step.Inputs {
		inputs = append(inputs, inspect.Value{Key: in.Name, JSON: in.Value})
	}
	var deleted []string
	for _, ch := range s.step.Delta {
		switch ch.Op {
		case burdock.OpDelete:
			deleted = append(deleted, literal(ch.Key))
		case burdock.OpAppend:
			appended = append(appended, inspect.Value{Key: ch.Key, JSON: ch.Value})
		default:
			after = append(after, inspect.Value{Key: ch.Key, JSON: ch.Value})
		}
	}
	for _, f := range []struct {
		name   string
		values inspect.State
	}{{"Inputs", inputs}, {"After", after}, {"Appended", appended}} {
		if len(f.values) == 0 {
			continue
		}
		text, err := f.values.MarshalJSON()
		if err != nil {
			return err
		}
		b.WriteString(object(f.name, text))
	}
	if len(deleted) > 0 {
		fmt.Fprintf(b, "\t\tDeleted: []string{%s},\n", strings.Join(deleted, ", "))
	}
	if s.handles != nil {
		bare := *s.handles
		bare.Stack = ""
		text, err := bare.MarshalJSON()
		if err != nil {
			return err
		}
		b.WriteString(object("Failure", text))
	}
	if s.step.Next != "" {
		fmt.Fprintf(b, "\t\tNext: %s,\n", literal(s.step.Next))
	}
	if s.step.Status == burdock.StatusFailed && s.step.Error != nil {
		fmt.Fprintf(b, "\t\tError: %s, // a part of the text is enough\n", literal(s.errorText()))
	}
	return nil
}

// errorText is the error as the test will see it: in another application, with the step as its first.
func (s *source) errorText() string {
	branch := regexp.MustCompile(regexp.QuoteMeta(s.step.Path) + `/([^/#\s]+)#` + strconv.FormatInt(s.step.Seq, 10) + `/`)
	return branch.ReplaceAllString(s.step.Error.Text, "replay/$1#1/")
}

// name is that of the test.
func (s *source) name() string {
	var b strings.Builder
	b.WriteString("Test")
	up := true
	for i, r := range []rune(fmt.Sprintf("%s step %d %s", s.step.Path, s.step.Seq, s.step.Action)) {
		switch {
		case i == 120: // keys may be long
			return b.String()
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain is a recorded text that can stand in a comment.
func plain(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// literal is a recorded text as a Go string.
func literal(s string) string { return strconv.Quote(s) }

// wide is how long an object may be that stands on one line.
const wide = 80

// object writes a field of the Case that is JSON.
func object(field string, text []byte) string {
	if len(text) > wide {
		var b bytes.Buffer
		if json.Indent(&b, text, "\t\t", "\t") == nil {
			text = b.Bytes()
		}
	}
	return "\t\t" + field + ": `" + raw(text) + "`,\n"
}

// raw is valid JSON that can stand between backquotes. What cannot be seen is written as \u and four digits, and so are
// backquotes; both can stand only in strings.
func raw(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		switch {
		case r == '\n' || r == '\t' || r != '`' && r != unicode.ReplacementChar && unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// packageAt is the package of the folder of a file, or else the name of the graph as one.
func packageAt(file, graph string) string {
	found, dir := "", filepath.Dir(file)
	entries, _ := os.ReadDir(dir) // of a folder that is not there, nothing
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.PackageClauseOnly)
		if err != nil || f.Name.Name == "documentation" {
			continue
		}
		if found == "" || !strings.HasSuffix(e.Name(), "_test.go") {
			found = f.Name.Name
		}
	}
	if found != "" {
		return found
	}
	name := strings.ToLower(strings.Map(func(r rune) rune {
		if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, graph))
	if !token.IsIdentifier(name) {
		return "main"
	}
	return name
}
