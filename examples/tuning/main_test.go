package main

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func searched(t *testing.T, seed uint64, enough float64, processors int) string {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), seed, enough, processors, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestProgramPrintsWhatItsReadmeShows(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```text\n")
	want, _, _ := strings.Cut(rest, "```")
	if diff := cmp.Diff(want, searched(t, 1, 0.99, runtime.GOMAXPROCS(0))); diff != "" {
		t.Errorf("(-README +got):\n%s", diff)
	}
}

func TestBestOfAllCandidatesWins(t *testing.T) {
	got := searched(t, 1, 1, runtime.GOMAXPROCS(0))
	for _, want := range []string{
		"tree of depth 1                  215 of 274, 78.5%\n",
		"regression, 1000 steps of 1      273 of 274, 99.6%\n",
		"0 of 23 candidates were not needed.\n",
		"The best is regression, 1000 steps of 1. Of penguins that it has never seen it knows 67 of 68, 98.5%.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swant a line\n%s", got, want)
		}
	}
}

func TestWinnerDoesNotDependOnConcurrency(t *testing.T) {
	for seed := range uint64(3) {
		want := searched(t, seed, 0.99, 1)
		for _, processors := range []int{2, 64} {
			if got := searched(t, seed, 0.99, processors); got != want {
				t.Errorf("seed %d: got with %d at once\n%swith one at a time\n%s", seed, processors, got, want)
			}
		}
	}
}

func TestSearchEndsWhenOneIsGoodEnough(t *testing.T) {
	with := func(right int) burdock.Result[candidate, result] {
		return burdock.ResultOf("", "tree", candidate{}, result{score{right, 100}}, nil)
	}
	got, err := best(t.Context(), goal{0.9}, burdock.ResultsOf(with(80), with(92), with(70), with(99)))
	want := found{
		Trials: []trial{{Score: score{80, 100}}, {Score: score{92, 100}}},
		Best:   trial{Score: score{92, 100}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestPenguinsAreAllThere(t *testing.T) {
	all, err := penguins()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(counts{151, 123, 68}, count(all)); diff != "" {
		t.Errorf("samples of each species (-want +got):\n%s", diff)
	}
}
