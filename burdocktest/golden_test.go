package burdocktest_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
	"github.com/burdock-go/burdock/store/memstore"
)

// A text is what Golden takes.
type text string

func (s text) String() string { return string(s) }

// The trace has everything but times and ids, and no timing changes it.
func TestATraceDependsOnWhatWasDoneAlone(t *testing.T) {
	hurry := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			for range (s.Index * 7) % 5 {
				runtime.Gosched()
			}
			return next(ctx, s)
		}
	}
	for range 3 {
		res := burdocktest.Run[approved](t, survey, prompts{[]string{"alpha", "bad/1", "a \"long\" prompt, " + strings.Repeat("longer ", 20), "d"}},
			burdocktest.Given(), burdocktest.Given(approval{true}),
			burdocktest.With(burdock.Options{Cascade: burdock.Cascade{Middleware: []burdock.Middleware{hurry}}}))
		burdocktest.Golden(t, "testdata/survey.golden", res.Trace)
	}
}

// An application of any id has the same trace.
func TestATraceHasNoIDs(t *testing.T) {
	fail := burdock.Subgraph[burdock.None, burdock.None]("outer", burdock.Subgraph[burdock.None, burdock.None]("inner",
		burdock.Func("fail", func(ctx context.Context, _ burdock.None) (burdock.None, error) {
			return burdock.None{}, fmt.Errorf("failed in %s of latest/test", burdock.Info(ctx).App)
		})))
	wait := burdock.Func("wait", func(context.Context, approval) (burdock.None, error) { return burdock.None{}, nil })
	g := burdock.MustGraph("g", burdock.Node(fail, burdock.OnError(burdock.AnyError, wait)), burdock.Node(wait))
	for _, id := range []string{"", "a/b", "test"} {
		store := memstore.New()
		app, err := burdock.New(t.Context(), g, &burdock.Options{ID: id, Cascade: burdock.Cascade{Store: store}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		burdocktest.Golden(t, "testdata/failure.golden", burdocktest.TraceOf(t, store, app.ID()))
	}
	wantFailure(t, func(t testing.TB) { burdocktest.TraceOf(t, memstore.New(), "none") }, "the trace of none: burdock: not found")
}

func TestATraceShowsChangesOfAllKinds(t *testing.T) {
	type changed struct {
		Gone bool     `state:"words,delete"`
		Talk []string `state:"talk,append"`
		Big  uint64   `state:"big"`
	}
	change := burdock.Func("change", func(context.Context, burdock.None) (changed, error) {
		return changed{true, []string{"<a>", "b\nc"}, 18446744073709551615}, nil
	})
	state := struct {
		Words []string `state:"words"`
		Talk  []string `state:"talk"`
	}{[]string{"w"}, []string{"z"}}
	res := burdocktest.Run[burdock.None](t, change, state, burdocktest.Resumed())
	got, want := res.Trace.String(), `change
  0 beginning → change
      talk = ["z"]
      words = ["w"]
  1 change: completed
      big = 18446744073709551615
      talk + ["<a>","b\nc"]
      words -
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGoldenShowsLinesAndHowToUpdate(t *testing.T) {
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		t.Skip("golden files are written")
	}
	file := filepath.Join(t.TempDir(), "x.golden")
	wantFailure(t, func(t testing.TB) { burdocktest.Golden(t, file, text("a\n")) },
		"there is no file "+file+" yet", "go test -run '^TestGoldenShowsLinesAndHowToUpdate$' -update")
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\r\n")+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantNone(t, func(t testing.TB) { burdocktest.Golden(t, file, text(strings.Join(lines, "\n"))) })
	changed := strings.Join(append(append(lines[:10:10], "new", "line x"), lines[11:19]...), "\n")
	wantFailure(t, func(t testing.TB) { burdocktest.Golden(t, file, text(changed)) },
		"…\n\t  line 7\n\t  line 8\n\t  line 9\n\t- line 10\n\t+ new\n\t+ line x\n\t  line 11\n\t  line 12\n\t  line 13\n\t…\n\t  line 16\n\t  line 17\n\t  line 18\n\t- line 19\n",
		"-update")
}

// In this binary nobody has a flag -update. It is registered when it is asked for.
func TestGoldenUpdates(t *testing.T) {
	if file := os.Getenv("BURDOCKTEST_GOLDEN"); file != "" {
		burdocktest.Golden(t, file, text("written"))
		return
	}
	file := filepath.Join(t.TempDir(), "deep", "x.golden")
	for _, arg := range []string{"-update", "--update=true"} {
		if out, err := again(t, file, arg); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != "written\n" {
			t.Errorf("%s: got %q, %v", arg, got, err)
		}
		if err := os.WriteFile(file, []byte("another\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, arg := range []string{"-update=false", "-test.v"} {
		if out, err := again(t, file, arg); err == nil || !strings.Contains(string(out), "- another") {
			t.Errorf("%s: got %v\n%s", arg, err, out)
		}
	}
}

// again runs the test anew, in a process of its own.
func again(t *testing.T, file, arg string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGoldenUpdates$", arg)
	cmd.Env = append(cmd.Environ(), "BURDOCKTEST_GOLDEN="+file)
	return cmd.CombinedOutput()
}
