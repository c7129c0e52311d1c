package review

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudgeWeighsByPlaceAndMeasure(t *testing.T) {
	for _, tt := range []struct {
		f    Finding
		want string
	}{
		{Finding{Check: CheckParse}, High},
		{Finding{Check: CheckParse, Place: PlaceTest}, Medium},
		{Finding{Check: CheckParse, Place: PlaceTestdata}, None},
		{Finding{Check: CheckErrors}, Medium},
		{Finding{Check: CheckErrors, Minor: true}, Low},
		{Finding{Check: CheckErrors, Place: PlaceTest}, Low},
		{Finding{Check: CheckErrors, Place: PlaceVendored}, None},
		{Finding{Check: CheckLong, Measure: 81}, Low},
		{Finding{Check: CheckLong, Measure: 161}, Medium},
		{Finding{Check: CheckLong, Measure: 1 << 40}, High},
		{Finding{Check: CheckLong, Measure: 1 << 40, Place: PlaceGenerated}, None},
		{Finding{Check: CheckNesting, Measure: 8}, Medium},
		{Finding{Check: CheckTodo, Measure: -1}, Low},
		{Finding{Check: CheckTodo, Measure: staleDays + 1}, Medium},
		{Finding{Check: CheckDocs}, Low},
	} {
		got := Judge(tt.f)
		if got.Severity != tt.want || got.Weight < weights[got.Severity] || got.Weight > weights[got.Severity]+20 {
			t.Errorf("%+v: got %s, weight %d, want %s", tt.f, got.Severity, got.Weight, tt.want)
		}
	}
}

func TestRankingDoesNotDependOnOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	checks := []string{CheckParse, CheckErrors, CheckLong, CheckTodo, CheckDocs}
	var files []FileReview
	for i := range 500 {
		path := fmt.Sprintf("f%d.go", i)
		var verdicts []Verdict
		for range random.IntN(6) {
			verdicts = append(verdicts, Judge(Finding{Check: checks[random.IntN(len(checks))], Path: path, Line: random.IntN(5), Measure: random.IntN(300)}))
		}
		files = append(files, Score(path, verdicts, []Note{{Check: CheckErrors, Path: path, Reason: checks[random.IntN(2)]}}))
	}
	rank := func() (r Ranking) {
		for _, f := range files {
			r.Add(f)
		}
		return r
	}
	want := rank()
	if len(want.Worst) != RankedFiles || len(want.Findings) != RankedFindings {
		t.Errorf("got %d files and %d findings, want %d and %d", len(want.Worst), len(want.Findings), RankedFiles, RankedFindings)
	}
	if !slices.IsSortedFunc(want.Findings, byWeight) {
		t.Error("the findings are not in order")
	}
	for range 5 {
		random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		if diff := cmp.Diff(want, rank()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestCodeSpansEndWhereTheirTextEnds(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a.go", "`a.go`"},
		{"a`b", "``a`b``"},
		{"`a``b", "``` `a``b ```"},
		{" a ", "`  a  `"},
		{"", "`  `"},
	} {
		if got := code(tt.text); got != tt.want {
			t.Errorf("code(%q): got %q, want %q", tt.text, got, tt.want)
		}
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteReportSaysWhenItCannotWrite(t *testing.T) {
	if err := WriteReport(full{}, Snapshot{}, Ranking{}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}
