package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const docs = "../../docs"

func loaded(t *testing.T, dir string) *index {
	t.Helper()
	x, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The documentation changes, so what is tested is what holds for any: who asks for a passage finds it, where it is.
func TestEveryPassageIsFoundWhereItStands(t *testing.T) {
	x := loaded(t, docs)
	if len(x.passages) < 100 {
		t.Errorf("got %d passages, want all of the documentation", len(x.passages))
	}
	for i := 0; i < len(x.passages); i += 7 {
		p := x.passages[i]
		if len(words(p.Text)) < 5 { // such as a rule between two rows of a table
			continue
		}
		found, err := x.search(t.Context(), p.Text)
		if err != nil {
			t.Fatal(err)
		}
		// Another that has all of its words may come before it.
		if !slices.ContainsFunc(found[:min(3, len(found))], func(h hit) bool { return x.passages[h.Passage].Text == p.Text }) {
			t.Errorf("%s:%d is not found by its text", p.File, p.Line)
		}
		text, err := os.ReadFile(filepath.Join(docs, p.File))
		if err != nil {
			t.Fatal(err)
		}
		if line := strings.TrimSpace(strings.Split(string(text), "\n")[p.Line-1]); !strings.HasPrefix(p.Text, line) {
			t.Errorf("%s:%d is %q, want the beginning of %q", p.File, p.Line, line, p.Text)
		}
	}
}

func TestBothSearchesAreMerged(t *testing.T) {
	dir := t.TempDir()
	text := "# Cats\n\nA cat sleeps.\nAll day.\n\n- The dog barks\n- Dogs bark and the cat runs\n1. nothing\n"
	if err := os.WriteFile(filepath.Join(dir, "pets.md"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ query, want string }{
		{"dog barks", "1. pets.md:6  keywords #1, vectors #1\n   - The dog barks\n2. pets.md:7  vectors #2\n   - Dogs bark and the cat runs\n"},
		{"doggs barrk", "1. pets.md:7  vectors #1\n   - Dogs bark and the cat runs\n2. pets.md:6  vectors #2\n   - The dog barks\n"},
		{"sleepy", "1. pets.md:3  vectors #1\n   A cat sleeps. All day.\n"},
		{"xylophone", "Nothing is like it.\n"},
	} {
		var out strings.Builder
		if err := run(t.Context(), []string{"-docs", dir, test.query}, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, strings.ReplaceAll(out.String(), dir+string(filepath.Separator), "")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.query, diff)
		}
	}
}

func TestReciprocalRanksAreAddedUp(t *testing.T) {
	ranked := func(action string, err error, passages ...int) burdock.Result[query, ranking] {
		return burdock.ResultOf(action, action, query{}, ranking{passages}, err)
	}
	got, err := fuse(t.Context(), query{}, burdock.ResultsOf(ranked("keywords", nil, 7, 8), ranked("vectors", nil, 9, 8)))
	want := hits{[]hit{
		{8, 1/62. + 1/62., []place{{"keywords", 2}, {"vectors", 2}}},
		{7, 1 / 61., []place{{"keywords", 1}}},
		{9, 1 / 61., []place{{"vectors", 1}}},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}

	broken := errors.New("broken")
	got, err = fuse(t.Context(), query{}, burdock.ResultsOf(ranked("keywords", broken), ranked("vectors", nil, 9)))
	if err != nil || len(got.Hits) != 1 {
		t.Errorf("with one search that fails: got %v, %v, want the hits of the other", got, err)
	}
	if _, err = fuse(t.Context(), query{}, burdock.ResultsOf(ranked("keywords", broken), ranked("vectors", broken))); !errors.Is(err, broken) {
		t.Errorf("with two that fail: got %v, want their error", err)
	}
}

func TestDocsAreFoundFromAnyFolderBelow(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "a", "b")
	if err := errors.Join(os.MkdirAll(below, 0o777), os.Mkdir(filepath.Join(root, "docs"), 0o777)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if got, err := folder(""); err != nil || got != filepath.Join("..", "..", "docs") {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := folder("elsewhere"); err != nil || got != "elsewhere" {
		t.Errorf("got %q, %v, want the folder that was named", got, err)
	}
}

func TestWhatCannotBeSearchedIsSaid(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "say what to search for"},
		{[]string{"-docs", t.TempDir(), "x"}, "no Markdown files"},
		{[]string{"-docs", filepath.Join(t.TempDir(), "none"), "x"}, "none"},
		{[]string{"-n", "-3", "x"}, "-n is positive"},
	} {
		if err := run(t.Context(), test.args, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want %q", test.args, err, test.want)
		}
	}
}
