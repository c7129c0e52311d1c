package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/books"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// bookkeeping makes applications of package books in a new database, which it returns.
func bookkeeping(t *testing.T) string {
	t.Helper()
	db := filepath.Join(t.TempDir(), "db")
	store, err := sqlitestore.Open(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for id, a := range map[string]struct {
		old   books.Entry
		entry books.Entry
	}{
		"good": {books.Entry{Text: "rent", Cents: 9007199254740993}, books.Entry{Text: "`ink` \u202e\x00 \U0001f600 <&>", Cents: 18446744073709551615 - 9007199254740993, Tags: map[string][]bool{"z": {true}, "a": nil}}},
		"bad":  {books.Entry{Text: "illegible", Cents: 5}, books.Entry{Text: "pen", Cents: 1}},
		"full": {books.Entry{}, books.Entry{Text: "paper"}},
	} {
		app, err := burdock.New(t.Context(), books.Graph(), &burdock.Options{
			ID: id, State: burdock.StateOf(books.Ledger{Balance: a.old.Cents, Entries: []books.Entry{a.old}, Draft: "d"}),
			Cascade: burdock.Cascade{Store: store},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.Run(t.Context(), burdock.Input("entry", a.entry), burdock.Input("clerk", "Ada"), burdock.Input("token", "secret"))
		if err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// runIn runs the program and returns what it says and prints.
func runIn(t *testing.T, db string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err strings.Builder
	p := &program{stdout: &out, stderr: &err}
	code = p.run(t.Context(), append([]string{"--db", db}, args...))
	return out.String(), err.String(), code
}

// The tests that are made compile and pass, and fail when what was recorded is another. They are added to package books
// by an overlay, so that nothing is written into the source.
func TestTestcasesCompileAndPass(t *testing.T) {
	db, dir := bookkeeping(t), t.TempDir()
	target, err := filepath.Abs(filepath.Join("internal", "books"))
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]string{}
	for i, c := range [][]string{
		{"good", "--step=1"}, {"good", "--step=2"}, {"bad"}, {"bad", "--step=1"}, {"bad", "--step=2"}, {"full", "--step=1"}, {"full"},
	} {
		name := filepath.Join(dir, fmt.Sprintf("case%d_test.go", i))
		args := append(append([]string{"testcase"}, c...), "-o", name, "--package=books_test", "--graph=books.Graph()",
			"--import=github.com/burdock-go/burdock/cmd/burdock/internal/books")
		if _, stderr, code := runIn(t, db, args...); code != 0 || !strings.Contains(stderr, "wrote "+name+"\n  go test -run Test") {
			t.Fatalf("%q: got exit code %d, %s", args, code, stderr)
		}
		overlay[filepath.Join(target, filepath.Base(name))] = name
	}
	// A branch was given an input by its window, which is not recorded.
	branch, stderr, code := runIn(t, db, "testcase", "good/print#2/rent", "--graph=PrintLine", "--package=books")
	if code != 0 {
		t.Fatal(stderr)
	}
	const given = "burdocktest.Given(struct {\n\tSum uint64 `input:\"sum\"`\n}{9007199254740993})"
	branch = strings.Replace(branch, "\t})\n}", "\t}, "+given+")\n}", 1)
	overlay[filepath.Join(target, "branch_test.go")] = filepath.Join(dir, "branch_test.go")
	// And one that says something else than what happens.
	wrong, _, _ := runIn(t, db, "testcase", "good", "--step=1", "--graph=Graph()", "--package=books")
	wrong = strings.Replace(strings.Replace(wrong, "TestGood", "TestWrong", 1), "18446744073709551615", "18446744073709551614", 1)
	overlay[filepath.Join(target, "wrong_test.go")] = filepath.Join(dir, "wrong_test.go")
	for name, text := range map[string]string{"branch_test.go": branch, "wrong_test.go": wrong} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := goTest(t, target, dir, overlay)
	for test, action := range got {
		if want := map[bool]string{true: "fail", false: "pass"}[strings.HasPrefix(test, "TestWrong")]; action != want {
			t.Errorf("%s: got %s, want %s", test, action, want)
		}
	}
	if len(got) != 9 {
		t.Errorf("got %d tests, want 9", len(got))
	}
	if t.Failed() {
		for _, file := range overlay {
			text, _ := os.ReadFile(file)
			t.Logf("%s:\n%s", filepath.Base(file), text)
		}
	}
}

// goTest tests a package with more files than it has, and returns how each test has ended.
func goTest(t *testing.T, pkg, dir string, overlay map[string]string) map[string]string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "-overlay="+file, ".")
	cmd.Dir = pkg
	cmd.Env = append(cmd.Environ(), "GOPROXY=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	ended := map[string]string{}
	var said strings.Builder
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var ev struct{ Action, Test, Output string }
		if err := d.Decode(&ev); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, stderr.String())
		}
		said.WriteString(ev.Output)
		if ev.Test != "" && (ev.Action == "pass" || ev.Action == "fail") {
			ended[ev.Test] = ev.Action
		}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || len(ended) == 0 {
		t.Fatalf("go test: %v\n%s\n%s", err, said.String(), stderr.String())
	}
	const want = `key "balance" differs: got 18446744073709551615, want 18446744073709551614`
	if !strings.Contains(said.String(), want) {
		t.Errorf("got\n%s\nwant in it\n%s", said.String(), want)
	}
	return ended
}

// Without --graph the test has a place for it, compiles and says what is missing. It has the package of its folder.
func TestATestcaseWithoutItsGraphCompiles(t *testing.T) {
	db, dir := bookkeeping(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x_test.go"), []byte("package x_test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "case_test.go")
	if _, stderr, code := runIn(t, db, "testcase", "good", "--step=2", "--out", file); code != 0 || !strings.Contains(stderr, "name the graph in it") {
		t.Fatalf("got exit code %d, %s", code, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "package x_test\n") {
		t.Errorf("got\n%s", text)
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", file)
	cmd.Env = append(cmd.Environ(), "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go vet: %v\n%s\n%s", err, out, text)
	}
}
