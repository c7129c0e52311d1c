package review

import (
	"cmp"
	"slices"
)

// How much a ranking keeps. Everything is counted.
const (
	RankedFiles    = 20
	RankedFindings = 300
)

// A FileReview is what a review says about one file.
type FileReview struct {
	Path     string    `json:"path"`
	Score    int       `json:"score"` // sum of the weights
	Verdicts []Verdict `json:"verdicts"`
	Notes    []Note    `json:"notes"`
}

// Score sums up one file. The verdicts come in the order of their lines,
// whatever order they had.
func Score(path string, verdicts []Verdict, notes []Note) FileReview {
	r := FileReview{Path: path, Verdicts: slices.Clone(verdicts), Notes: slices.Clone(notes)}
	slices.SortFunc(r.Verdicts, byLine)
	slices.SortFunc(r.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Detail, b.Detail))
	})
	for _, v := range r.Verdicts {
		r.Score += v.Weight
	}
	return r
}

// A Ranking is what a report needs of all files. It has the same content in
// whatever order the files were added.
type Ranking struct {
	Files    int         `json:"files"`
	Clean    int         `json:"clean"` // files without any finding
	Checks   []Tally     `json:"checks"`
	Unknown  []NoteTally `json:"unknown"`
	Worst    []FileScore `json:"worst"`    // at most RankedFiles, worst first
	Findings []Verdict   `json:"findings"` // at most RankedFindings, worst first
}

// A Tally counts the findings of one check by severity.
type Tally struct {
	Check  string `json:"check"`
	High   int    `json:"high"`
	Medium int    `json:"medium"`
	Low    int    `json:"low"`
	None   int    `json:"none"`
}

// A NoteTally counts the notes of one reason.
type NoteTally struct {
	Check   string `json:"check"`
	Reason  string `json:"reason"`
	Count   int    `json:"count"`
	Example string `json:"example"` // the first path in order
}

// A FileScore is one of the worst files.
type FileScore struct {
	Path  string `json:"path"`
	Score int    `json:"score"`
	Tally Tally  `json:"tally"` // over all checks
}

// Add counts one more file.
func (r *Ranking) Add(f FileReview) {
	r.Files++
	if len(f.Verdicts) == 0 {
		r.Clean++
	}
	total := Tally{}
	for _, v := range f.Verdicts {
		count(r.tally(v.Finding.Check), v.Severity)
		count(&total, v.Severity)
		if v.Weight > 0 {
			r.Findings = insert(r.Findings, v, RankedFindings, byWeight)
		}
	}
	if f.Score > 0 {
		r.Worst = insert(r.Worst, FileScore{f.Path, f.Score, total}, RankedFiles, byScore)
	}
	for _, n := range f.Notes {
		r.note(n)
	}
}

// insert puts x in its place of a sorted list and keeps the first max.
func insert[T any](list []T, x T, max int, compare func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(list, x, compare)
	if at == max {
		return list
	}
	if len(list) == max {
		list = list[:max-1]
	}
	return slices.Insert(list, at, x)
}

// tally returns the line of one check; the lines are sorted by name.
func (r *Ranking) tally(check string) *Tally {
	at, found := slices.BinarySearchFunc(r.Checks, check, func(t Tally, check string) int { return cmp.Compare(t.Check, check) })
	if !found {
		r.Checks = slices.Insert(r.Checks, at, Tally{Check: check})
	}
	return &r.Checks[at]
}

func count(t *Tally, severity string) {
	switch severity {
	case High:
		t.High++
	case Medium:
		t.Medium++
	case Low:
		t.Low++
	default:
		t.None++
	}
}

func (r *Ranking) note(n Note) {
	at, found := slices.BinarySearchFunc(r.Unknown, n, func(t NoteTally, n Note) int {
		return cmp.Or(cmp.Compare(t.Check, n.Check), cmp.Compare(t.Reason, n.Reason))
	})
	if !found {
		r.Unknown = slices.Insert(r.Unknown, at, NoteTally{Check: n.Check, Reason: n.Reason, Example: n.Path})
	}
	t := &r.Unknown[at]
	t.Count++
	t.Example = min(t.Example, n.Path)
}

// byLine orders the verdicts of one file.
func byLine(a, b Verdict) int {
	f, g := a.Finding, b.Finding
	return cmp.Or(
		cmp.Compare(f.Line, g.Line),
		cmp.Compare(f.Check, g.Check),
		cmp.Compare(f.Name, g.Name),
		cmp.Compare(f.Message, g.Message),
	)
}

// byWeight orders verdicts from the worst on, and completely.
func byWeight(a, b Verdict) int {
	return cmp.Or(
		cmp.Compare(b.Weight, a.Weight),
		cmp.Compare(a.Finding.Path, b.Finding.Path),
		byLine(a, b),
	)
}

func byScore(a, b FileScore) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Path, b.Path))
}
