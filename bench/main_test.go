package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tiny makes budgets that are measured at once and always kept.
func tiny(table []budget) []budget {
	for i := range table {
		table[i].size, table[i].rounds = min(table[i].size, 20), 1
		table[i].price = price{time: time.Hour, allocs: 1e9}
	}
	return table
}

func TestEveryBudgetCanBeMeasured(t *testing.T) {
	for _, b := range tiny(budgets()) {
		t.Run(b.name, func(t *testing.T) {
			r, err := b.measure(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.ours.value < 0 || r.raw.value < 0 || r.spread == "" {
				t.Errorf("the reading is %+v", r)
			}
		})
	}
}

func TestEveryBudgetSaysWhatItCompares(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range budgets() {
		if b.versus == "" || b.price == (price{}) || b.size == 0 || b.rounds == 0 {
			t.Errorf("budget %q is incomplete: %+v", b.name, b)
		}
		if seen[b.name] {
			t.Errorf("two budgets are named %q", b.name)
		}
		seen[b.name] = true
	}
}

func TestTableHasOneLinePerBudget(t *testing.T) {
	var out, problems bytes.Buffer
	if code := run(t.Context(), tiny(budgets()), []string{"-run", "^step/", "-v"}, &out, &problems); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &problems)
	}
	for _, want := range []string{
		`(?m)^name +ours +raw +ratio +budget +verdict$`,
		`(?m)^step/1 key +\S+ µs, \S+ allocs +\S+ µs, \S+ allocs +\S+  ≤ .+ ok$`,
		`(?m)^    1 rounds; the middle half`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the table has no %s:\n%s", want, &out)
		}
	}
}

func TestBudgetThatIsOverExitsOne(t *testing.T) {
	table := tiny(budgets())[:1]
	table[0].price = price{time: 1}
	var out, problems bytes.Buffer
	if got := run(t.Context(), table, nil, &out, &problems); got != exitOver {
		t.Errorf("exit code %d, want %d", got, exitOver)
	}
	if !strings.Contains(out.String(), "over") || !strings.Contains(problems.String(), "step/1 key: over budget") {
		t.Errorf("got %q and %q", &out, &problems)
	}
}

func TestWrongUsageExitsTwo(t *testing.T) {
	for _, args := range [][]string{{"-run", "("}, {"-run", "nothing"}, {"-count", "-1"}, {"-nosuch"}, {"step"}} {
		var out, problems bytes.Buffer
		if got := run(t.Context(), budgets(), args, &out, &problems); got != exitUsage {
			t.Errorf("run(%q) exits %d, want %d", args, got, exitUsage)
		}
		if problems.Len() == 0 {
			t.Errorf("run(%q) says nothing", args)
		}
	}
}

func TestPrices(t *testing.T) {
	mb := float64(1 << 20)
	for _, tt := range []struct {
		price price
		r     reading
		want  bool
	}{
		{price{ratio: 1.5}, reading{ratio: 1.5}, true},
		{price{ratio: 1.5}, reading{ratio: 1.51}, false},
		{price{time: 500, allocs: 4}, reading{ours: sample{499, 4.001}}, true},
		{price{time: 500, allocs: 4}, reading{ours: sample{501, 4}}, false},
		{price{time: 500, allocs: 4}, reading{ours: sample{499, 5}}, false},
		{price{more: 1 << 20}, reading{more: -mb}, true},
		{price{more: 1 << 20}, reading{more: mb + 1}, false},
	} {
		if got := tt.price.kept(tt.r); got != tt.want {
			t.Errorf("%v kept by %+v: %v, want %v", tt.price, tt.r, got, tt.want)
		}
	}
}

func TestRoundsUseThePairsInTurn(t *testing.T) {
	var runs []string
	var pairs []pair
	for _, name := range []string{"a", "b"} {
		run := func(side string) func(context.Context) error {
			return func(context.Context) error {
				runs = append(runs, name+side)
				return nil
			}
		}
		pairs = append(pairs, pair{ops: 2, ours: run(" ours"), raw: run(" raw"), figure: func() float64 { return float64(len(runs)) }})
	}
	b := budget{rounds: 2, gauge: weight, open: func(context.Context, int) (pair, error) {
		return inTurns(pairs, func() error { return nil }), nil
	}}
	r, err := b.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(runs, ", "), "a ours, a raw, b ours, b raw, a ours, a raw"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if r.ours.value != (3+5)/2./2 || r.raw.value != (4+6)/2./2 { // medians of the last two rounds, per operation
		t.Errorf("the figures are %v and %v, not those that the sides tell", r.ours.value, r.raw.value)
	}
}

func TestCommitterSavesEveryStep(t *testing.T) {
	f := &folder{path: t.TempDir()}
	c, err := newCommitter(t.Context(), f, 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.branches(t.Context(), 20, 3, [3][]byte{{1}, {2}, {3}}); err != nil {
			t.Error(err)
		}
	}
	var rows int
	if err := c.db.QueryRowContext(t.Context(), "SELECT count(*) FROM step").Scan(&rows); err != nil || rows != 2*20*3 {
		t.Errorf("%d rows, %v; want %d", rows, err, 2*20*3)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
}

func TestFolderIsRemovedWhateverFails(t *testing.T) {
	var paths []string
	broken := errors.New("broken on purpose")
	_, err := inFolders(3, func(_ context.Context, f *folder, _ int) (pair, error) {
		paths = append(paths, f.path)
		if len(paths) == 2 {
			return pair{}, broken
		}
		return pair{}, nil
	})(t.Context(), 1)
	if !errors.Is(err, broken) || len(paths) != 2 {
		t.Fatalf("got %v after %d folders", err, len(paths))
	}
	if _, err := os.Stat(filepath.Dir(paths[0])); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

func TestMedianLiesBetweenTheMiddleTwo(t *testing.T) {
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median = %v, want 2.5", got)
	}
	if got := median([]float64{7}); got != 7 {
		t.Errorf("median = %v, want 7", got)
	}
}
