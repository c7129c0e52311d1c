package pgstore_test

import (
	"bytes"
	"context"
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
	"github.com/burdock-go/burdock/store/pgstore"
)

type (
	sheet struct {
		Words []string `state:"words"`
	}
	entry struct {
		Word string `state:"word,key"`
	}
	glyph struct {
		Letter string `state:"letter"`
	}
	found struct {
		Found []string `state:"found,append"`
	}
	findings struct {
		Found []string `state:"found"`
	}
	ruling struct {
		Ruling string `state:"ruling"`
	}
)

// spelling is a graph with a map in a map, lists, branches that fail and a step that waits.
func spelling() *burdock.Graph {
	look := burdock.Func("look", func(_ context.Context, l glyph) (glyph, error) { return glyph{strings.ToUpper(l.Letter)}, nil })
	spell := burdock.MapStates("spell", look, func(_ context.Context, w entry) iter.Seq2[glyph, error] {
		return burdock.Each(strings.Split(w.Word, ""), func(l string) glyph { return glyph{l} })
	}, func(_ context.Context, w entry, rs *burdock.Results[glyph, glyph]) (f found, err error) {
		for r := range rs.OK() {
			f.Found = append(f.Found, r.Out.Letter)
		}
		if w.Word == "bad" {
			return f, errors.New("it is a bad word")
		}
		return f, nil
	}, nil)
	every := burdock.MapStates("every", burdock.MustGraph("word", burdock.Node(spell)), func(_ context.Context, s sheet) iter.Seq2[entry, error] {
		return burdock.Each(s.Words, func(w string) entry { return entry{w} })
	}, func(_ context.Context, _ sheet, rs *burdock.Results[entry, findings]) (f found, err error) {
		for r := range rs.OK() {
			f.Found = append(f.Found, strings.Join(r.Out.Found, "-"))
		}
		return f, nil
	}, &burdock.MapOptions{Failures: burdock.Collect})
	decide := burdock.Func("decide", func(_ context.Context, in struct {
		findings
		Yes bool `input:"yes"`
	},
	) (ruling, error) {
		return ruling{fmt.Sprint(in.Yes, in.Found)}, nil
	})
	return burdock.MustGraph("spelling", burdock.Chain(every, decide))
}

// spell runs the application r until it waits.
func spell(t *testing.T, s burdock.Store) {
	t.Helper()
	app, err := burdock.New(t.Context(), spelling(), &burdock.Options{
		ID: "r", State: burdock.StateOf(sheet{[]string{"ox", "bad", "a"}}), Cascade: burdock.Cascade{Store: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := app.Run(t.Context()); err != nil || out.Stop != burdock.StopWaiting {
		t.Fatalf("got %+v, error %v", out, err)
	}
}

// decided is how the application r ends.
func decided(t *testing.T, s burdock.Store) string {
	t.Helper()
	app, err := burdock.Resume(t.Context(), spelling(), &burdock.Options{ID: "r", Cascade: burdock.Cascade{Store: s}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := burdock.Read[ruling](app.Run(t.Context(), burdock.Input("yes", true)))
	if err != nil {
		t.Fatal(err)
	}
	return v.Ruling
}

// anew opens a store with a schema of its own.
func anew(t *testing.T) *pgstore.Store {
	t.Helper()
	return open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
}

func exported(t *testing.T, s burdock.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := record.Export(t.Context(), s, "r", &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func imported[S burdock.Store](t *testing.T, s S, data []byte) S {
	t.Helper()
	if _, err := record.Import(t.Context(), s, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return s
}

// same fails unless an export of s has these bytes.
func same(t *testing.T, name string, s burdock.Store, want []byte) {
	t.Helper()
	if got := exported(t, s); !bytes.Equal(got, want) {
		t.Errorf("%s exports\n%s\nwant\n%s", name, got, want)
	}
}

func TestAnApplicationMovesAsOneFileBetweenKindsOfStores(t *testing.T) {
	origin := anew(t)
	spell(t, origin)
	data := exported(t, origin)
	if want := `"apps":10,"checkpoints":21,`; !bytes.Contains(data, []byte(want)) { // three words with six letters
		t.Fatalf("the export has no %s:\n%s", want, data)
	}
	other, mem := imported(t, anew(t), data), imported(t, memstore.New(), data)
	back := imported(t, anew(t), exported(t, mem))
	for name, s := range map[string]burdock.Store{"another pgstore": other, "memstore": mem, "a pgstore by way of memstore": back} {
		same(t, name, s, data)
		if got, want := decided(t, s), "true [O-X A]"; got != want {
			t.Errorf("%s: the application ends with %q, want %q", name, got, want)
		}
	}
	same(t, "the origin", origin, data)
}

// tree is a random application with branches of branches, an application after the other and a parent before its
// branches. Branches share indexes and move.
func tree(random *rand.Rand) (list []burdock.Checkpoint) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	record := func(id string, seq int64) burdock.Checkpoint {
		return burdock.Checkpoint{
			Root: "r", App: id, Path: id, Graph: "g", GraphHash: "h", Seq: seq, Kind: burdock.KindStep, Attempt: 1, Action: "a",
			Status: burdock.StatusCompleted, Next: "a", Delta: burdock.Delta{{Key: "x", Op: burdock.OpSet, Value: json.RawMessage(fmt.Sprint(seq))}},
			Started: at.Add(time.Duration(seq) * time.Second), Ended: at.Add(time.Duration(seq)*time.Second + 1),
		}
	}
	for seq := range int64(4) {
		list = append(list, record("r", seq))
	}
	list[0].Description = json.RawMessage(`{"name":"g"}`)
	ids := []string{"r"}
	for n := range random.IntN(40) {
		parent, id, index := ids[random.IntN(len(ids))], fmt.Sprintf("b%d", n*7919%101), random.Int64N(4)
		ids = append(ids, id)
		of := 1 + random.Int64N(3)
		for seq := range 1 + random.Int64N(4) {
			c := record(id, seq)
			c.Parent, c.Index, c.Task, c.Key, c.Fingerprint = burdock.Ref{App: parent, Seq: of}, index, "b", fmt.Sprint(index), "f"
			if list = append(list, c); random.IntN(3) == 0 {
				c.Kind, c.Action, c.Next, c.Attempt = burdock.KindSnapshot, "", "", 0
				list = append(list, c)
			}
			if random.IntN(5) == 0 {
				index = random.Int64N(4)
			}
		}
	}
	return list
}

// save saves checkpoints under a claim that is given up.
func save(t *testing.T, s burdock.Store, list []burdock.Checkpoint) {
	t.Helper()
	claim, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Fence = claim.Fence()
	}
	if err := errors.Join(s.Save(t.Context(), claim.Fence(), list), claim.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func TestExportsOfPostgreSQLHaveTheBytesOfOtherStores(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		list := tree(random)
		mem, pg, shuffled := memstore.New(), anew(t), anew(t)
		save(t, mem, list)
		save(t, pg, list)
		save(t, shuffled, list[:1])
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		save(t, shuffled, list)
		want := exported(t, mem)
		for name, s := range map[string]burdock.Store{
			"a pgstore": pg, "a pgstore that was saved to in another order": shuffled, "a pgstore after an import": imported(t, anew(t), want),
		} {
			same(t, fmt.Sprintf("seed %d: %s", seed, name), s, want)
		}
	}
}

func TestAnImportIntoPostgreSQLTakesNothingThatIsThere(t *testing.T) {
	s := anew(t)
	spell(t, s)
	data := exported(t, s)
	if _, err := record.Import(t.Context(), s, bytes.NewReader(data)); !errors.Is(err, burdock.ErrExists) {
		t.Errorf("a second application of that id: got %v, want ErrExists", err)
	}
	same(t, "the store", s, data)

	held := anew(t)
	claim, err := held.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Import(t.Context(), held, bytes.NewReader(data)); !errors.Is(err, burdock.ErrConflict) {
		t.Errorf("a root that somebody holds: got %v, want ErrConflict", err)
	}
	if err := claim.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "the store whose claim was released", imported(t, held, data), data)

	cut := data[:len(data)/2]
	none := anew(t)
	if _, err := record.Import(t.Context(), none, bytes.NewReader(cut)); err == nil {
		t.Error("half an export is taken")
	}
	for c, err := range none.List(t.Context(), burdock.Query{Root: "r"}) {
		t.Fatalf("half an export has left %v, error %v", c.Ref(), err)
	}
}
