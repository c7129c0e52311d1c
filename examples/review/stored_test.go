package review

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
)

// storedReviews reads what a review has saved about each file, sorted by path.
func storedReviews(t *testing.T, s burdock.Store, root string) (files []FileReview) {
	t.Helper()
	const step = 2 // of the root: the one that reviews the files
	for cp, err := range s.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: root, Seq: step}}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cp.Delta {
			if c.Key != "review" || cp.Kind != burdock.KindStep {
				continue
			}
			var f FileReview
			if err := json.Unmarshal(c.Value, &f); err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b FileReview) int { return strings.Compare(a.Path, b.Path) })
	return files
}
