package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A source is a store in memory in which everybody lives, or nobody.
type source struct {
	*memstore.Store
	lives bool
	err   error
}

func (s *source) Live(context.Context, string) (bool, error) { return s.lives, s.err }

var now = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// saved is a source with the checkpoints of the root "run".
func saved(t *testing.T, list ...burdock.Checkpoint) *source {
	t.Helper()
	s := &source{Store: memstore.New()}
	claim, err := s.Claim(t.Context(), "run")
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		c := &list[i]
		c.Root, c.Fence = "run", claim.Fence()
		if c.App == "" {
			c.App = "run"
		}
		if c.Kind == "" {
			c.Kind = burdock.KindStep
		}
		if c.Status == "" {
			c.Status = burdock.StatusCompleted
		}
		if c.Started.IsZero() {
			c.Started, c.Ended = now.Add(-time.Minute), now.Add(-30*time.Second)
		}
	}
	if err := s.Save(t.Context(), claim.Fence(), list); err != nil {
		t.Fatal(err)
	}
	if err := claim.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func set(key, value string) burdock.Change {
	return burdock.Change{Key: key, Op: burdock.OpSet, Value: json.RawMessage(value)}
}

func added(key, value string) burdock.Change {
	return burdock.Change{Key: key, Op: burdock.OpAppend, Value: json.RawMessage(value)}
}

func TestStateIsWhatTheStepsMadeOfIt(t *testing.T) {
	s := saved(
		t,
		burdock.Checkpoint{Seq: 0, Delta: burdock.Delta{set("list", `[1]`), set("draft", `"x"`)}, Lists: true},
		burdock.Checkpoint{Seq: 1, Delta: burdock.Delta{added("list", `[2,3]`), added("late", `[]`), set("n", `9007199254740993`)}, Lists: true},
		burdock.Checkpoint{Seq: 2, Delta: burdock.Delta{{Key: "draft", Op: burdock.OpDelete}, added("late", `null`), added("late", `["<"]`)}, Lists: true},
		burdock.Checkpoint{Seq: 2, Kind: burdock.KindSnapshot, Delta: burdock.Delta{set("n", `9007199254740993`)}},
		burdock.Checkpoint{Seq: 3, Delta: burdock.Delta{set("n", `1`)}},
		burdock.Checkpoint{Seq: 4, Status: burdock.StatusFailed},
	)
	for until, want := range map[int64]string{
		-1: `{"late":["<"],"list":[1,2,3],"n":1}`,
		0:  `{"draft":"x","list":[1]}`,
		1:  `{"draft":"x","late":[],"list":[1,2,3],"n":9007199254740993}`,
		2:  `{"late":["<"],"list":[1,2,3],"n":9007199254740993}`,
	} {
		state, err := inspect.StateAt(t.Context(), s, "run", until)
		if err != nil {
			t.Fatal(err)
		}
		got, err := state.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("after step %d: got %s, want %s", until, got, want)
		}
	}
}

func TestWhatWasAppendedToNoListIsAnError(t *testing.T) {
	s := saved(t, burdock.Checkpoint{Seq: 1, Delta: burdock.Delta{set("n", `1`)}}, burdock.Checkpoint{Seq: 2, Delta: burdock.Delta{added("n", `[2]`)}})
	if _, err := inspect.StateAt(t.Context(), s, "run", -1); err == nil {
		t.Error("got no error")
	}
}

// branches are n branches of step 1, each of two steps, every tenth of them failed and the last one in mid-step.
func branches(n int) []burdock.Checkpoint {
	list := []burdock.Checkpoint{{Seq: 1, Action: "each", Status: burdock.StatusRunning, Started: now.Add(-time.Hour)}}
	for i := range n {
		b := burdock.Checkpoint{
			App: fmt.Sprintf("branch-%d", i), Parent: burdock.Ref{App: "run", Seq: 1}, Path: fmt.Sprintf("run/each#1/%d", i),
			Task: "work", Key: fmt.Sprint(i), Index: int64(i), Started: now.Add(-time.Minute),
		}
		b.Ended = b.Started.Add(time.Duration(i+1) * time.Millisecond)
		for b.Seq = range int64(3) {
			last := b
			switch {
			case b.Seq < 2:
				last.Next = "next"
			case i == n-1:
				last.Status, last.Ended = burdock.StatusRunning, time.Time{}
			case i%10 == 0:
				last.Status, last.Error = burdock.StatusFailed, &burdock.Failure{Text: fmt.Sprintf("no %d", i)}
			}
			list = append(list, last)
		}
	}
	return list
}

func step(t *testing.T, s *source, view inspect.View) *inspect.Step {
	t.Helper()
	latest, err := s.Load(t.Context(), burdock.Ref{App: "run", Seq: -1})
	if err != nil {
		t.Fatal(err)
	}
	a, err := inspect.Open(t.Context(), s, latest, now)
	if err != nil {
		t.Fatal(err)
	}
	one, err := a.OneStep(t.Context(), s, 1, view)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func TestBranchesAreGroupedCountedAndTimed(t *testing.T) {
	s := saved(t, branches(3001)...)
	visit := step(t, s, inspect.View{Now: now, Troubled: 2}).Visit
	if visit.Total != 3001 || len(visit.Groups) != 3 {
		t.Fatalf("got %d branches in %d groups, want 3001 in 3", visit.Total, len(visit.Groups))
	}
	type group struct {
		Status           burdock.Status
		Count            int64
		Min, Median, Max time.Duration
		Branches         int
	}
	const ms = time.Millisecond
	for i, want := range []group{
		{burdock.StatusCompleted, 2700, 4 * ms, 3004 * ms, 6000 * ms, 0},
		{burdock.StatusFailed, 300, 2 * ms, 3002 * ms, 5982 * ms, 2},
		{record.StatusStale, 1, 3001 * ms, 3001 * ms, 3001 * ms, 0},
	} {
		g := visit.Groups[i]
		got := group{g.Status, g.Count, time.Duration(g.Min), time.Duration(g.Median), time.Duration(g.Max), len(g.Branches)}
		if got != want {
			t.Errorf("group %d: got %+v, want %+v", i, got, want)
		}
	}
	failed := visit.Groups[1].Branches[1]
	if failed.Key != "10" || failed.Error != "no 10" || failed.Path != "run/each#1/10" || failed.ID != "branch-10" {
		t.Errorf("the second failure: got %+v", failed)
	}
}

func TestWhatLivesRunsAndWhatDoesNotIsStale(t *testing.T) {
	s := saved(t, branches(1)...)
	for _, c := range []struct {
		lives bool
		err   error
		want  burdock.Status
	}{
		{true, nil, burdock.StatusRunning},
		{false, nil, record.StatusStale},
		{false, &fs.PathError{Op: "open", Err: fs.ErrPermission}, burdock.StatusRunning}, // nobody may say otherwise
	} {
		s.lives, s.err = c.lives, c.err
		for a, err := range inspect.Roots(t.Context(), s, inspect.Filter{}, now) {
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != c.want || a.Branches[c.want] != 1 {
				t.Errorf("lives %v, %v: got %s with branches %v, want %s", c.lives, c.err, a.Status, a.Branches, c.want)
			}
		}
		if got := step(t, s, inspect.View{Now: now}).Status; got != c.want {
			t.Errorf("lives %v, %v: got step %s, want %s", c.lives, c.err, got, c.want)
		}
	}
	s.err = errors.New("the disk is on fire")
	for _, err := range inspect.Roots(t.Context(), s, inspect.Filter{}, now) {
		if !errors.Is(err, s.err) {
			t.Errorf("got %v, want %v", err, s.err)
		}
	}
}

func TestSupersededBranchIsFoundOnlyIfNothingElseHasItsPath(t *testing.T) {
	at := burdock.Ref{App: "run", Seq: 1}
	branch := func(id, key string, s burdock.Status) burdock.Checkpoint {
		return burdock.Checkpoint{App: id, Parent: at, Path: "run/each#1/" + key, Key: key, Seq: 1, Status: s}
	}
	s := saved(
		t,
		burdock.Checkpoint{Seq: 1, Path: "run"},
		branch("old-a", "a", burdock.StatusSuperseded), branch("new-a", "a", burdock.StatusCompleted),
		branch("old-b", "b", burdock.StatusSuperseded),
		branch("c-1", "c", burdock.StatusCompleted), branch("c-2", "c", burdock.StatusCompleted),
	)
	for path, want := range map[string]string{"run/each#1/a": "new-a", "ru/each#1/b": "old-b", "new-a": "new-a"} {
		c, err := inspect.Find(t.Context(), s, path)
		if err != nil || c.App != want {
			t.Errorf("Find(%q): got %q, %v, want %q", path, c.App, err, want)
		}
	}
	_, err := inspect.Find(t.Context(), s, "run/each#1/c")
	if many, ok := errors.AsType[*inspect.AmbiguousError](err); !ok || len(many.Candidates) != 2 {
		t.Errorf("two of one path: got %v", err)
	}
}

func TestBranchGraphIsAPartOfItsRoots(t *testing.T) {
	s := saved(t, burdock.Checkpoint{
		Seq:         0,
		Description: json.RawMessage(`{"name":"outer","nodes":[{"branches":[{"name":"mid","nodes":[{"branches":[{"name":"inner"}]}]}]}]}`),
	})
	for _, c := range []struct{ app, graph, want string }{
		{"b", "inner", `{"name":"inner"}`},
		{"b", "mid", `{"name":"mid","nodes":[{"branches":[{"name":"inner"}]}]}`},
	} {
		got, err := inspect.Description(t.Context(), s, burdock.Checkpoint{Root: "run", App: c.app, Graph: c.graph})
		if err != nil || string(got) != c.want {
			t.Errorf("%s of %s: got %s, %v", c.graph, c.app, got, err)
		}
	}
	got, err := inspect.Description(t.Context(), s, burdock.Checkpoint{Root: "run", App: "b", Graph: "unknown"})
	if err != nil || len(got) < 90 {
		t.Errorf("of an unknown graph: got %s, %v, want the root's", got, err)
	}
	s = saved(t, burdock.Checkpoint{Seq: 0, Description: json.RawMessage(`{"name":"outer","nodes":[{"branches":[` +
		`{"name":"outer","reference":true,"fallback":{"branches":[{"name":"rescue"}]}},{"name":"mid"}]}]}`)})
	for graph, want := range map[string]string{"outer": `{"name":"outer","nodes"`, "mid": `{"name":"mid"}`, "rescue": `{"name":"rescue"}`} {
		got, err := inspect.Description(t.Context(), s, burdock.Checkpoint{Root: "run", App: "b", Graph: graph})
		if err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s of a graph that runs itself: got %s, %v, want %s", graph, got, err, want)
		}
	}
	if _, err := inspect.Description(t.Context(), s, burdock.Checkpoint{Root: "none"}); !errors.Is(err, burdock.ErrNotFound) {
		t.Errorf("of nothing: got %v", err)
	}
}

func TestEntriesOfCachesAreListedOnlyIfTheirProjectIsNamed(t *testing.T) {
	s := saved(t, burdock.Checkpoint{Project: burdock.CacheProject})
	for project, want := range map[string]int{"": 0, "other": 0, burdock.CacheProject: 1} {
		n := 0
		for _, err := range inspect.Roots(t.Context(), s, inspect.Filter{Project: project}, now) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != want {
			t.Errorf("project %q: got %d, want %d", project, n, want)
		}
	}
}
