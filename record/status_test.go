package record_test

import (
	"errors"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

func TestAppStatusAndBranchStatus(t *testing.T) {
	for _, c := range []struct {
		status              burdock.Status
		next                string
		live, dead, liveKid burdock.Status
	}{
		{"completed", "", "completed", "completed", "completed"},
		{"completed", "b", "running", "paused", "running"},
		{"failed", "b", "running", "paused", "running"},
		{"running", "", "running", "stale", "running"},
		{"failed", "", "running", "failed", "failed"},
		{"cancelled", "b", "running", "cancelled", "cancelled"},
		{"waiting", "", "running", "waiting", "waiting"},
		{"skipped", "", "skipped", "skipped", "skipped"},
		{"superseded", "", "superseded", "superseded", "superseded"},
	} {
		latest := burdock.Checkpoint{Status: c.status, Next: c.next}
		for _, got := range [][2]burdock.Status{
			{record.AppStatus(latest, true), c.live},
			{record.AppStatus(latest, false), c.dead},
			{record.BranchStatus(latest, true), c.liveKid},
			{record.BranchStatus(latest, false), c.dead},
		} {
			if got[0] != got[1] {
				t.Errorf("%s, next %q: got %s, want %s", c.status, c.next, got[0], got[1])
			}
		}
	}
}

func TestCountsAreShownInAFixedOrder(t *testing.T) {
	var counts record.Counts
	if got := counts.String(); got != "none" {
		t.Errorf("got %q", got)
	}
	for _, s := range []burdock.Status{"failed", "completed", "stale", "completed", "of 2031"} {
		counts.Add(s)
	}
	if got, want := counts.String(), "2 completed, 1 failed, 1 stale, 1 of a status that this version does not know"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if counts.Total() != 5 || counts.Of("completed") != 2 || counts.Of("waiting") != 0 {
		t.Errorf("got %+v", counts)
	}
	for s := range counts.All() {
		if s != "completed" {
			t.Errorf("the first is %s, want completed", s)
		}
		break
	}
}

func TestCountBranchesStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	counts, err := record.CountBranches(func(yield func(burdock.Checkpoint, error) bool) {
		_ = yield(burdock.Checkpoint{Status: "failed"}, nil) && yield(burdock.Checkpoint{Status: "completed"}, nil) && yield(burdock.Checkpoint{}, broken)
	}, true)
	if !errors.Is(err, broken) || counts.String() != "1 completed, 1 failed" {
		t.Errorf("got %v, error %v", &counts, err)
	}
}
