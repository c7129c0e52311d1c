package record_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/memstore"
)

// What cannot be forked is an error that names the thing and the way out, and nothing is saved.
func TestP9_WrongForksWithoutTheGraph(t *testing.T) {
	store := counting.store(t, originID)
	words := styling(map[string]int{}, false).store(t, originID)
	set := func(key, value string) *record.ForkOptions {
		return &record.ForkOptions{Set: map[string]json.RawMessage{key: json.RawMessage(value)}}
	}
	for name, c := range map[string]struct {
		store burdock.Store
		ref   burdock.Ref
		opts  *record.ForkOptions
		is    error
		says  string
	}{
		"no such application":  {store, burdock.Ref{App: "none", Seq: 1}, nil, burdock.ErrNotFound, `"none"`},
		"no latest step":       {store, burdock.Ref{App: "none", Seq: -1}, nil, burdock.ErrNotFound, `"none"`},
		"no such step":         {store, burdock.Ref{App: originID, Seq: 9}, nil, burdock.ErrNotFound, "its latest is 5"},
		"the id is taken":      {store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{ID: originID}, burdock.ErrExists, "name another"},
		"a long id":            {store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{ID: strings.Repeat("x", 201)}, nil, "it has 1 to 200"},
		"a control character":  {store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{ID: "a\nb"}, nil, "control character"},
		"an id that is bytes":  {store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{ID: "a\xff"}, nil, "UTF-8"},
		"no JSON":              {store, burdock.Ref{App: originID, Seq: 1}, set("n", "x"), nil, `key "n": its value is no valid JSON`},
		"JSON that is bytes":   {store, burdock.Ref{App: originID, Seq: 1}, set("start", "\"\xff\""), nil, "UTF-8"},
		"an unknown key":       {store, burdock.Ref{App: originID, Seq: 1}, set("m", "1"), nil, `known are "extra", "n", "notes", "odd", "raw", "start"`},
		"a string for a list":  {store, burdock.Ref{App: originID, Seq: 1}, set("notes", `"a"`), nil, "is not an array"},
		"a number for a bool":  {store, burdock.Ref{App: originID, Seq: 1}, set("odd", "1"), nil, "is not true or false"},
		"a fraction":           {store, burdock.Ref{App: originID, Seq: 1}, set("n", "1.5"), nil, "is not an integer (int)"},
		"rerun of no branches": {store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{Rerun: []string{}}, nil, "step 1 (add) has started no branches"},
		"rerun of step 0":      {store, burdock.Ref{App: originID, Seq: 0}, &record.ForkOptions{Rerun: []string{"a"}}, nil, "step 0 is its beginning"},
		"rerun of other keys":  {words, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{Rerun: []string{"a", "x", "y"}}, nil, `no branch with the key "x" or "y"; it has "a", "b:c", "bad"`},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := record.Fork(t.Context(), c.store, c.ref, c.opts)
			if id != "" || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v\nwant an error that is %v and says %s", id, err, c.is, c.says)
			}
		})
	}
	for _, s := range []*memstore.Store{store, words} {
		if roots := listed(t, s, burdock.Query{Roots: true}); len(roots) != 1 {
			t.Errorf("got %d roots, want the origin alone", len(roots))
		}
	}
}

// All that is wrong with the values is reported at once.
func TestForkReportsAllWrongValuesAtOnce(t *testing.T) {
	store := counting.store(t, originID)
	_, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{Set: map[string]json.RawMessage{
		"n": json.RawMessage(`"1"`), "odd": json.RawMessage("{}"), "none": json.RawMessage("1"),
	}})
	for _, want := range []string{`key "n"`, `key "odd"`, `key "none"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
	}
}

// A key that only the graph knows can be set, null is the zero value, and what a key holds may be anything where nothing
// says its type.
func TestForkSetsWhatTheGraphOrTheStateHas(t *testing.T) {
	store := counting.store(t, originID)
	id, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: 0}, &record.ForkOptions{Set: map[string]json.RawMessage{
		"notes": json.RawMessage("null"), "extra": json.RawMessage("[ 1 ]"), "n": json.RawMessage("4"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := stateOf(t, store, id), `{"extra":[1],"n":4,"notes":null,"raw":{"z":1,"a":[]},"start":"x"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// An id that is free is found; one that was claimed and is held is somebody else's.
func TestForksFindAFreeID(t *testing.T) {
	store := counting.store(t, "run")
	ref := burdock.Ref{App: "run", Seq: 1}
	held, err := store.Claim(t.Context(), "run-fork-2")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"run-fork-1", "run-fork-3"} {
		if id, err := record.Fork(t.Context(), store, ref, nil); err != nil || id != want {
			t.Errorf("got %q, %v, want %q", id, err, want)
		}
	}
	if _, err := record.Fork(t.Context(), store, ref, &record.ForkOptions{ID: "run-fork-2"}); !errors.Is(err, burdock.ErrConflict) {
		t.Errorf("a held id: got %v, want ErrConflict", err)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if id, err := record.Fork(t.Context(), store, burdock.Ref{App: "run-fork-1", Seq: 0}, nil); err != nil || id != "run-fork-1-fork-1" {
		t.Errorf("a fork of a fork: got %q, %v", id, err)
	}
	long := strings.Repeat("x", 192) + "é" // cut in the midst of é
	if id, err := record.Fork(t.Context(), counting.store(t, long), burdock.Ref{App: long, Seq: 1}, nil); err != nil || id != long[:192]+"-fork-1" {
		t.Errorf("a long origin: got %q, %v", id, err)
	}
}

// Nobody owns a fork that was made: its claim can be had at once.
func TestAForkIsReleased(t *testing.T) {
	store := counting.store(t, originID)
	id, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := store.Claim(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := claim.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// A brokenStore fails from a given call of its writing half on.
type brokenStore struct {
	burdock.Store
	save, release error
}

func (s *brokenStore) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	c, err := s.Store.Claim(ctx, root)
	return &brokenClaim{c, s.release}, err
}

func (s *brokenStore) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	if s.save != nil {
		return s.save
	}
	return s.Store.Save(ctx, fence, batch)
}

type brokenClaim struct {
	burdock.Claim
	err error
}

func (c *brokenClaim) Release(ctx context.Context) error {
	return errors.Join(c.err, c.Claim.Release(ctx))
}

// What the store refuses is an error, which says whether the fork is there.
func TestAForkThatCannotBeSaved(t *testing.T) {
	full := errors.New("full")
	for name, s := range map[string]*brokenStore{"save": {save: full}, "release": {release: full}} {
		t.Run(name, func(t *testing.T) {
			s.Store = counting.store(t, originID)
			id, err := record.Fork(t.Context(), s, burdock.Ref{App: originID, Seq: 1}, nil)
			_, missing := s.Load(t.Context(), burdock.Ref{App: originID + "-fork-1", Seq: 0})
			saved := missing == nil
			if id != "" || !errors.Is(err, full) || saved != strings.Contains(err.Error(), "is saved") || saved != (name == "release") {
				t.Errorf("got %q, %v, saved: %v", id, err, saved)
			}
			claim, err := s.Store.Claim(t.Context(), originID+"-fork-1")
			if err != nil {
				t.Fatal(err)
			}
			_ = claim.Release(t.Context())
		})
	}
}

type coded []int

// Lists whose type says itself how it is written can be put together only by who has it; where nothing was appended they
// are copied.
func TestForkRefusesListsOfACodec(t *testing.T) {
	type out struct {
		L coded `state:"l,append"`
	}
	chain := burdock.Chain(
		burdock.Func("add", func(context.Context, burdock.None) (out, error) { return out{coded{1}}, nil }),
		burdock.Func("more", func(context.Context, burdock.None) (out, error) { return out{coded{2}}, nil }))
	for name, encode := range map[string]func(coded) ([]byte, error){
		"a string": func(c coded) ([]byte, error) { return json.Marshal(fmt.Sprint(len(c))) },
		"an array": func(c coded) ([]byte, error) { return json.Marshal([]int{len(c)}) },
	} {
		t.Run(name, func(t *testing.T) {
			o := &origin{graph: burdock.MustGraph("coded", chain, burdock.Codec[coded]{
				Encode: encode, Decode: func([]byte) (coded, error) { return coded{}, nil },
			})}
			store := o.store(t, originID)
			if _, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: 0}, nil); err != nil {
				t.Errorf("at the beginning: %v", err)
			}
			_, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: 2}, nil)
			if err == nil || !strings.Contains(err.Error(), `key "l"`) || !strings.Contains(err.Error(), "use burdock.Fork") {
				t.Errorf("got %v, want an error that says what can fork it", err)
			}
		})
	}
}

// A branch with an id of its own has no copy: ids are unique.
func TestForkCopiesNoBranchWithAnIDOfItsOwn(t *testing.T) {
	store := memstore.New()
	claim, err := store.Claim(t.Context(), originID)
	if err != nil {
		t.Fatal(err)
	}
	batch := recordsOf(t, styling(map[string]int{}, false).store(t, originID), originID)
	for i := range batch {
		if batch[i].Fence = claim.Fence(); batch[i].Key == "a" {
			batch[i].App = "mine"
		}
	}
	if err := store.Save(t.Context(), claim.Fence(), batch); err != nil {
		t.Fatal(err)
	}
	_, err = record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: 1}, &record.ForkOptions{Rerun: []string{"bad"}})
	if err == nil || !strings.Contains(err.Error(), `"mine"`) {
		t.Errorf("got %v, want an error that names the id", err)
	}
	if _, err := record.Fork(t.Context(), store, burdock.Ref{App: originID, Seq: 1}, nil); err != nil {
		t.Errorf("after the step: %v", err)
	}
}
