package record_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/memstore"
)

// export is what record.Export writes.
func export(t testing.TB, s burdock.Store, root string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := record.Export(context.Background(), s, root, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// imported is a new store with what was exported.
func imported(t testing.TB, data []byte) *memstore.Store {
	t.Helper()
	s := memstore.New()
	if _, err := record.Import(context.Background(), s, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return s
}

// save saves checkpoints under a claim that is given up.
func save(t testing.TB, s burdock.Store, list ...burdock.Checkpoint) {
	t.Helper()
	claim, err := s.Claim(context.Background(), list[0].Root)
	if err != nil {
		t.Fatal(err)
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Fence = claim.Fence()
	}
	if err := errors.Join(s.Save(context.Background(), claim.Fence(), list), claim.Release(context.Background())); err != nil {
		t.Fatal(err)
	}
}

// step is a completed step of r.
func step(seq int64) burdock.Checkpoint {
	return burdock.Checkpoint{
		Root: "r", App: "r", Path: "r", Graph: "g", GraphHash: "h", Seq: seq, Kind: burdock.KindStep, Attempt: 1, Action: "a",
		Status: burdock.StatusCompleted, Next: "a", Delta: burdock.Delta{{Key: "x", Op: burdock.OpSet, Value: json.RawMessage(fmt.Sprint(seq))}},
		Started: at.Add(time.Duration(seq) * time.Second), Ended: at.Add(time.Duration(seq)*time.Second + 1),
	}
}

// branch is a step of a branch that a step of parent has started.
func branch(parent string, of, index int64, id string, seq int64) burdock.Checkpoint {
	c := step(seq)
	c.App, c.Parent, c.Index, c.Key, c.Task, c.Fingerprint = id, burdock.Ref{App: parent, Seq: of}, index, fmt.Sprint(index), "b", "f"
	return c
}

func snapshot(c burdock.Checkpoint) burdock.Checkpoint {
	c.Kind, c.Action, c.Next, c.Attempt = burdock.KindSnapshot, "", "", 0
	return c
}

// apps are the ids in the lines of an export, each once where it stands together.
func apps(t testing.TB, data []byte) string {
	t.Helper()
	var ids []string
	for line := range bytes.Lines(data) {
		if c, err := record.Unmarshal(line); err == nil {
			ids = append(ids, c.App)
		}
	}
	return strings.Join(slices.Compact(ids), " ")
}

func TestExportHasOneForm(t *testing.T) {
	s := memstore.New()
	save(t, s, step(0), step(1), snapshot(step(1)), branch("r", 1, 0, "b", 1))
	body := `{"format":"burdock-export","version":1,"root":"r"}
{"v":1,"root":"r","app":"r","path":"r","graph":"g","graph_hash":"h","attempt":1,"action":"a","status":"completed","next":"a","delta":[{"key":"x","value":0}],"started":"2026-01-02T03:04:05.000000006Z","ended":"2026-01-02T03:04:05.000000007Z"}
{"v":1,"root":"r","app":"r","path":"r","graph":"g","graph_hash":"h","seq":1,"attempt":1,"action":"a","status":"completed","next":"a","delta":[{"key":"x","value":1}],"started":"2026-01-02T03:04:06.000000006Z","ended":"2026-01-02T03:04:06.000000007Z"}
{"v":1,"root":"r","app":"r","path":"r","graph":"g","graph_hash":"h","seq":1,"kind":"snapshot","status":"completed","delta":[{"key":"x","value":1}],"started":"2026-01-02T03:04:06.000000006Z","ended":"2026-01-02T03:04:06.000000007Z"}
{"v":1,"root":"r","app":"b","parent":"r","parent_seq":1,"path":"r","graph":"g","graph_hash":"h","seq":1,"attempt":1,"action":"a","task":"b","key":"0","fingerprint":"f","status":"completed","next":"a","delta":[{"key":"x","value":1}],"started":"2026-01-02T03:04:06.000000006Z","ended":"2026-01-02T03:04:06.000000007Z"}
`
	want := body + fmt.Sprintf(`{"apps":2,"checkpoints":4,"sha256":"%x"}`+"\n", sha256.Sum256([]byte(body)))
	if got := string(export(t, s, "r")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestExportOrdersBranchesByStepIndexAndID(t *testing.T) {
	s := memstore.New()
	moved := branch("r", 1, 5, "moved", 1)
	save(
		t, s, step(0), step(1), step(2),
		branch("r", 2, 0, "later", 0), branch("r", 1, 2, "two", 0), branch("r", 1, 1, "one-b", 0), branch("r", 1, 1, "one-a", 0),
		branch("one-b", 1, 0, "below", 0), branch("r", 1, 0, "moved", 0), moved,
	)
	if got, want := apps(t, export(t, s, "r")), "r one-a one-b below two moved later"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A disorderly store lists what is below a root in an order of its own.
type disorderly struct {
	burdock.Store
	t    testing.TB
	seed uint64
}

func (s disorderly) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	list := s.Store.List(ctx, q)
	if q.Root == "" {
		return list
	}
	byApp, ids := map[string][]burdock.Checkpoint{}, []string(nil)
	for c, err := range list {
		if err != nil {
			s.t.Fatal(err)
		}
		if byApp[c.App] == nil {
			ids = append(ids, c.App)
		}
		byApp[c.App] = append(byApp[c.App], c)
	}
	return func(yield func(burdock.Checkpoint, error) bool) {
		rand.New(rand.NewPCG(s.seed, 2)).Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, id := range ids {
			for _, c := range byApp[id] {
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

// forest is a random tree, an application after the other and a parent before its branches.
func forest(random *rand.Rand) (list []burdock.Checkpoint) {
	list = append(list, step(0), step(1), step(2), step(3))
	ids := []string{"r"}
	for n := range random.IntN(40) {
		parent, id, index := ids[random.IntN(len(ids))], fmt.Sprintf("b%d", n*7919%101), random.Int64N(4)
		ids = append(ids, id)
		of := 1 + random.Int64N(3)
		for seq := range 1 + random.Int64N(4) {
			c := branch(parent, of, index, id, seq)
			list = append(list, c)
			if random.IntN(3) == 0 {
				list = append(list, snapshot(c))
			}
			if random.IntN(5) == 0 {
				index = random.Int64N(4)
			}
		}
	}
	return list
}

func TestExportDependsOnWhatIsStoredAlone(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		list := forest(random)
		s := memstore.New()
		save(t, s, list...)
		want := export(t, s, "r")

		other := memstore.New()
		save(t, other, step(0))
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		save(t, other, list...) // under another claim, each application's checkpoints in another order
		for name, again := range map[string]burdock.Store{
			"saved in another order":  other,
			"listed in another order": disorderly{s, t, seed},
			"imported":                imported(t, want),
		} {
			if got := export(t, again, "r"); !bytes.Equal(got, want) {
				t.Fatalf("seed %d: %s: got\n%s\nwant\n%s", seed, name, got, want)
			}
		}
	}
}

func TestExportTakesRootsOnly(t *testing.T) {
	s := memstore.New()
	save(t, s, step(0), branch("r", 1, 0, "b", 0))
	if err := record.Export(t.Context(), s, "b", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), `a branch of "r"`) {
		t.Errorf("got error %v, want one that names the root", err)
	}
	var b bytes.Buffer
	if err := record.Export(t.Context(), s, "none", &b); !errors.Is(err, burdock.ErrNotFound) || b.Len() > 0 {
		t.Errorf("got error %v and %d bytes, want ErrNotFound and none", err, b.Len())
	}
}

func TestExportRefusesWhatImportWould(t *testing.T) {
	status := step(1)
	status.Status = "of 2031"
	long := step(1)
	long.Delta[0].Value = json.RawMessage(`"` + strings.Repeat("x", record.MaxExportLine) + `"`)
	for says, list := range map[string][]burdock.Checkpoint{
		"of 2031":              {step(0), status},
		"snapshot":             {step(0), snapshot(step(1))},
		"no checkpoint":        {step(0), branch("nobody", 1, 0, "b", 0)},
		`its parent is step 0`: {step(0), branch("r", 0, 0, "b", 0)},
		"before it was step 1": {step(0), branch("r", 1, 0, "b", 0), branch("r", 2, 0, "b", 1)},
		"control character":    {step(0), branch("r", 1, 0, "b\n", 0)},
		"a line of an export":  {step(0), long},
	} {
		s := memstore.New()
		save(t, s, list...)
		if err := record.Export(t.Context(), s, "r", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got error %.200v, want one that says %q", err, says)
		}
	}
}

// A moving store changes between two listings.
type moving struct {
	burdock.Store
	move func()
}

func (s moving) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	if q.Root != "" && !q.Latest {
		s.move()
	}
	return s.Store.List(ctx, q)
}

func TestExportIsOfOneMoment(t *testing.T) {
	for name, then := range map[string][]burdock.Checkpoint{
		"a step of the root":      {step(2)},
		"a step of a branch":      {branch("r", 1, 0, "b", 1)},
		"another branch":          {branch("r", 1, 1, "c", 0)},
		"a branch that moved":     {branch("r", 1, 7, "b", 0)},
		"a branch in its middle":  {branch("r", 1, 0, "a", 0)},
		"a branch below a branch": {branch("b", 1, 0, "c", 0)},
	} {
		s := memstore.New()
		save(t, s, step(0), step(1), branch("r", 1, 0, "b", 0))
		err := record.Export(t.Context(), moving{s, func() { save(t, s, then...) }}, "r", &bytes.Buffer{})
		if !errors.Is(err, burdock.ErrConflict) {
			t.Errorf("%s: got error %v, want ErrConflict", name, err)
		}
	}
}

func TestExportEndsWithItsContextAndItsWriter(t *testing.T) {
	s := memstore.New()
	save(t, s, forest(rand.New(rand.NewPCG(1, 1)))...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := record.Export(ctx, s, "r", &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
	whole := export(t, s, "r")
	for _, room := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		if err := record.Export(t.Context(), s, "r", &narrow{room: room}); !errors.Is(err, errNoRoom) {
			t.Errorf("room for %d bytes: got error %v, want the writer's", room, err)
		}
	}
}

var errNoRoom = errors.New("no room")

// A narrow takes so many bytes.
type narrow struct{ room int }

func (w *narrow) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return 0, errNoRoom
	}
	w.room -= len(p)
	return len(p), nil
}
