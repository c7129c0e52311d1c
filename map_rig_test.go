package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// The tests of maps fan out over names. A branch is known by its name and ends with a word; reduce joins the words.
type (
	twigKey struct {
		Name string `state:"name,key"`
	}
	twigIn struct {
		Name string `state:"name"`
	}
	twigOut struct {
		Word string `state:"word"`
	}
	bunch struct {
		Words []string `state:"words"`
	}

	twigResults = burdock.Results[twigKey, twigOut]
)

// A fanRig is a map over names, and what was seen of it.
type fanRig struct {
	names  func(context.Context) iter.Seq2[string, error]
	do     func(ctx context.Context, name string) (string, error)
	reduce func(context.Context, *twigResults) ([]string, error)
	opts   *burdock.MapOptions

	mu      sync.Mutex
	started []string // names of the branches whose action was called, in that order
	events  []burdock.Event
}

func rigOf(names ...string) *fanRig {
	return &fanRig{names: func(context.Context) iter.Seq2[string, error] { return eachName(names...) }}
}

func eachName(names ...string) iter.Seq2[string, error] {
	return burdock.Each(names, func(n string) string { return n })
}

// numbered returns n names.
func numbered(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("b%02d", i))
	}
	return names
}

// action is the map: its branch says the name back, unless do says otherwise, and reduce joins what is OK.
func (r *fanRig) action() *burdock.Action {
	say := burdock.Func("say", func(ctx context.Context, in twigIn) (twigOut, error) {
		r.mu.Lock()
		r.started = append(r.started, in.Name)
		r.mu.Unlock()
		if r.do == nil {
			return twigOut{"<" + in.Name + ">"}, nil
		}
		word, err := r.do(ctx, in.Name)
		return twigOut{word}, err
	})
	return r.over(say)
}

func (r *fanRig) over(branch burdock.Runnable) *burdock.Action {
	return burdock.MapStates("fan", branch,
		func(ctx context.Context, _ burdock.None) iter.Seq2[twigKey, error] {
			return func(yield func(twigKey, error) bool) {
				for name, err := range r.names(ctx) {
					if !yield(twigKey{name}, err) {
						return
					}
				}
			}
		},
		func(ctx context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			if r.reduce == nil {
				return bunch{wordsOf(rs.OK())}, nil
			}
			words, err := r.reduce(ctx, rs)
			return bunch{words}, err
		}, r.opts)
}

func wordsOf(seq iter.Seq[burdock.Result[twigKey, twigOut]]) []string {
	var words []string
	for r := range seq {
		if r.Err != nil {
			words = append(words, r.Key()+"!")
			continue
		}
		words = append(words, r.Out.Word)
	}
	return words
}

func (r *fanRig) graph() *burdock.Graph { return burdock.MustGraph("fans", burdock.Node(r.action())) }

// run runs the map without a store.
func (r *fanRig) run(t *testing.T) ([]string, error) {
	t.Helper()
	return r.runWith(t.Context(), t, &burdock.Options{})
}

func (r *fanRig) runWith(ctx context.Context, t *testing.T, o *burdock.Options) ([]string, error) {
	t.Helper()
	app, err := burdock.Open(ctx, r.graph(), o)
	if err != nil {
		return nil, err
	}
	out, err := burdock.Read[bunch](app.Run(ctx))
	return out.Words, err
}

// takeStarted returns the names that have started since the last call, sorted.
func (r *fanRig) takeStarted() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.started)
	s := strings.Join(r.started, " ")
	r.started = nil
	return s
}

func (r *fanRig) countStarted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.started)
}

// Track implements burdock.Tracker.
func (r *fanRig) Track(_ context.Context, e burdock.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return nil
}

func wantWords(t *testing.T, got []string, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatalf("got error %v, want %s", err, want)
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %q, want %q", s, want)
	}
}

// A frailStore stops acknowledging at a given Save: that one and all later ones fail. So does a process that is killed.
type frailStore struct {
	burdock.Store

	mu    sync.Mutex
	left  int  // saves that succeed; below zero all
	lost  bool // the save that fails is written but not acknowledged
	saves int
	acked map[string]burdock.Checkpoint // by application: its latest record that was acknowledged
}

var errKilled = errors.New("killed")

func frail(s burdock.Store, left int) *frailStore {
	return &frailStore{Store: s, left: left, acked: map[string]burdock.Checkpoint{}}
}

func (f *frailStore) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		if f.lost {
			f.lost = false
			_ = f.Store.Save(ctx, fence, batch)
		}
		return errKilled
	}
	f.left--
	if err := f.Store.Save(ctx, fence, batch); err != nil {
		return err
	}
	f.saves++
	for _, cp := range batch {
		if cp.Kind == burdock.KindStep {
			f.acked[cp.App] = cp
		}
	}
	return nil
}

// branchRecords returns the latest record of each branch of a step, by key.
func branchRecords(t *testing.T, s burdock.Store, parent burdock.Ref) map[string]burdock.Checkpoint {
	t.Helper()
	found := map[string]burdock.Checkpoint{}
	for cp, err := range s.List(context.Background(), burdock.Query{Parent: parent, Latest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if old, twice := found[cp.Key]; twice {
			cp.Key += "+"
			_ = old
		}
		found[cp.Key] = cp
	}
	return found
}

// statuses writes records as "key:status key:status", sorted.
func statuses(records map[string]burdock.Checkpoint) string {
	var all []string
	for key, cp := range records {
		all = append(all, key+":"+string(cp.Status))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func memory() *memstore.Store { return memstore.New() }

func isStoreError(err error) bool {
	_, ok := errors.AsType[*burdock.StoreError](err)
	return ok
}
