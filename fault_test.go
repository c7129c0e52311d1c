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

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// A faultyStore fails when it is told to. The zero value of its fields never does.
type faultyStore struct {
	burdock.Store
	mu     sync.Mutex
	saves  int                              // how many Saves were asked for
	before map[int]error                    // the n-th Save fails and does nothing
	after  map[int]error                    // the n-th Save takes effect and fails
	onSave func(batch []burdock.Checkpoint) // sees each batch
	load   error                            // of all Loads and Lists
	claim  error
}

// refuse makes the n-th Save fail before it does anything.
func (s *faultyStore) refuse(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = map[int]error{n: err}
}

func (s *faultyStore) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	s.mu.Lock()
	s.saves++
	n := s.saves
	before, after, onSave := s.before[n], s.after[n], s.onSave
	s.mu.Unlock()
	if before != nil {
		return before
	}
	if onSave != nil {
		onSave(batch)
	}
	if err := s.Store.Save(ctx, fence, batch); err != nil {
		return err
	}
	return after
}

func (s *faultyStore) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	if s.claim != nil {
		return nil, s.claim
	}
	return s.Store.Claim(ctx, root)
}

func (s *faultyStore) Load(ctx context.Context, ref burdock.Ref) (burdock.Checkpoint, error) {
	if s.load != nil {
		return burdock.Checkpoint{}, s.load
	}
	return s.Store.Load(ctx, ref)
}

func (s *faultyStore) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	if s.load != nil {
		return func(yield func(burdock.Checkpoint, error) bool) { yield(burdock.Checkpoint{}, s.load) }
	}
	return s.Store.List(ctx, q)
}

// counting is a line of three actions that note their runs, the middle one with an error route of its own.
func counting(log *notes) *burdock.Graph {
	add := func(name string, fail error) *burdock.Action {
		return burdock.Func(name, func(_ context.Context, s number) (number, error) {
			log.add(name)
			return number{s.N + 1}, fail
		})
	}
	a, bad, h, c := add("a", nil), add("bad", errTest), add("h", nil), add("c", nil)
	return burdock.MustGraph("g", burdock.Node(a, burdock.Then(bad)), burdock.Node(bad, burdock.OnError(burdock.AnyError, h)),
		burdock.Node(h, burdock.Then(c)), burdock.Node(c))
}

var errDisk = errors.New("disk full")

// P6: a failure of the store is no failure of a step. What was acknowledged is intact, and the next Run of the App saves
// first: no step runs twice, whether the save took effect or not.
func TestAStoreThatFailsAtAnySave(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for _, took := range []bool{false, true} {
			t.Run(fmt.Sprintf("save %d took effect %v", n, took), func(t *testing.T) {
				var log notes
				db := &faultyStore{Store: newStore(), before: map[int]error{n: errDisk}}
				if took {
					db.before, db.after = nil, db.before
				}
				app := newApp(t, counting(&log), stored(db, number{1}))
				out, err := app.Run(t.Context())
				wantIs(t, err, errDisk)
				if e, ok := errors.AsType[*burdock.StoreError](err); !ok || e.Op != "save" || e.App != "app" {
					t.Fatalf("got %v, want a StoreError", err)
				}
				if _, ok := errors.AsType[*burdock.StepError](err); ok {
					t.Errorf("got %v, which says that a step failed", err)
				}
				acknowledged := int64(n - 1)
				if out.Seq != acknowledged || out.Stop != burdock.StopCancelled || out.Err == nil {
					t.Errorf("got %+v, want it to stand at step %d", out, acknowledged)
				}
				wantEqual(t, "saves", db.saves, n) // nothing more was written
				if !app.State().Equal(out.State) || view[number](t, out.State).N != []int{1, 2, 2, 3}[n-1] {
					t.Errorf("got state %v, want that of the last acknowledged step", view[number](t, out.State))
				}
				out = runTo(t, app, burdock.StopDone)
				wantEqual(t, "ran", log.take(), "a bad h c")
				wantEqual(t, "n", view[number](t, out.State).N, 4)
				want := newStore()
				runTo(t, newApp(t, counting(&log), stored(want, number{1})), burdock.StopDone)
				if diff := cmp.Diff(trail(records(t, want, "app")), trail(records(t, db, "app"))); diff != "" {
					t.Errorf("records (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// P6: a process that ends after the store failed loses at most the one step that was not acknowledged.
func TestAProcessThatEndsAfterTheStoreFailed(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for _, took := range []bool{false, true} {
			var log notes
			db := &faultyStore{Store: newStore(), before: map[int]error{n: errDisk}}
			if took {
				db.before, db.after = nil, db.before
			}
			_, err := newApp(t, counting(&log), stored(db, number{1})).Run(t.Context())
			wantIs(t, err, errDisk)
			out := runTo(t, openApp(t, counting(&log), stored(db, number{1})), burdock.StopDone)
			wantEqual(t, "n", view[number](t, out.State).N, 4)
			names := []string{"a", "bad", "h", "c"}
			again := n - 1
			if took {
				again = n
			}
			want := strings.Join(append(slices.Clone(names[:n]), names[again:]...), " ")
			wantEqual(t, "ran", log.take(), want)
		}
	}
}

// P6: the store may go on failing; each Run tries to save first and runs nothing until it can.
func TestNothingRunsUntilTheStoreTakesWhatWasKept(t *testing.T) {
	var log notes
	db := &faultyStore{Store: newStore(), before: map[int]error{2: errDisk, 3: errDisk, 4: errDisk}}
	app := newApp(t, counting(&log), stored(db, number{1}))
	for range 3 {
		out, err := app.Run(t.Context())
		wantIs(t, err, errDisk)
		if out == nil || out.Seq != 1 {
			t.Errorf("got %+v", out)
		}
	}
	wantEqual(t, "ran", log.take(), "a bad")
	runTo(t, app, burdock.StopDone)
	wantEqual(t, "ran", log.take(), "h c")
}

// P6: what was kept is dropped when somebody else has advanced the application since.
func TestWhatWasKeptYieldsToAnotherOwner(t *testing.T) {
	var log notes
	db := &faultyStore{Store: newStore(), before: map[int]error{2: errDisk}}
	app := newApp(t, counting(&log), stored(db, number{1}))
	_, err := app.Run(t.Context())
	wantIs(t, err, errDisk)
	runTo(t, openApp(t, counting(&log), stored(db, nil)), burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("h")))
	wantEqual(t, "ran", log.take(), "a bad bad h")
	out := runTo(t, app, burdock.StopDone)
	wantEqual(t, "ran", log.take(), "c")
	wantEqual(t, "n", view[number](t, out.State).N, 4)
	wantEqual(t, "fence", records(t, db, "app")[2].Fence.Epoch, 2)
}

// An App whose reading failed reads again: it never goes on with an old state.
func TestAFailedReloadIsTriedAgain(t *testing.T) {
	var log notes
	db := &faultyStore{Store: newStore()}
	app := newApp(t, counting(&log), stored(db, number{1}))
	runTo(t, app, burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("a")))
	runTo(t, openApp(t, counting(&log), stored(db, nil)), burdock.StopHaltedAfter, burdock.HaltAfter(burdock.ByName("h")))
	log.take()
	db.load = errDisk
	for range 2 {
		out, err := app.Run(t.Context())
		wantIs(t, err, errDisk)
		if out != nil {
			t.Errorf("got %+v", out)
		}
	}
	db.load = nil
	runTo(t, app, burdock.StopDone)
	wantEqual(t, "ran", log.take(), "c")
}

// P4: ErrConflict stops the run, writes nothing more and is no failure of a step.
func TestAConflictAtASaveStopsTheRun(t *testing.T) {
	var log notes
	db := &faultyStore{Store: newStore(), before: map[int]error{2: fmt.Errorf("stale: %w", burdock.ErrConflict)}}
	app := newApp(t, counting(&log), stored(db, number{1}))
	out, err := app.Run(t.Context())
	wantIs(t, err, burdock.ErrConflict)
	if out.Seq != 1 || db.saves != 2 {
		t.Errorf("got %+v after %d saves", out, db.saves)
	}
	wantEqual(t, "ran", log.take(), "a bad")
}

// A claim that is lost while a step runs cancels it, and its result is not written.
func TestALostClaimStopsTheRun(t *testing.T) {
	db := newStore()
	var app *burdock.App
	act := burdock.Func("act", func(ctx context.Context, s number) (number, error) {
		thief := burdock.Fence{Root: "app", Epoch: 5}
		cp := burdock.Checkpoint{Root: "app", App: "app", Kind: burdock.KindStep, Status: burdock.StatusCompleted, Next: "act", Delta: burdock.Delta{{Key: "n", Op: burdock.OpSet, Value: []byte("7")}}, GraphHash: app.Graph().Hash()}
		if err := db.Save(ctx, thief, []burdock.Checkpoint{cp}); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		wantIs(t, context.Cause(ctx), burdock.ErrConflict)
		return number{99}, nil
	})
	app = newApp(t, line(act), stored(db, number{1}))
	_, err := app.Run(t.Context())
	wantIs(t, err, burdock.ErrConflict)
	all := records(t, db, "app")
	if len(all) != 1 || string(all[0].Delta[0].Value) != "7" {
		t.Errorf("got %s", asJSON(all))
	}
}

// A claim that fails runs nothing.
func TestAClaimThatFailsRunsNothing(t *testing.T) {
	var log notes
	db := &faultyStore{Store: newStore()}
	app := newApp(t, counting(&log), stored(db, number{1}))
	db.claim = errDisk
	out, err := app.Run(t.Context())
	wantIs(t, err, errDisk)
	if out != nil || log.take() != "" {
		t.Errorf("got %+v", out)
	}
	db.claim = nil
	runTo(t, app, burdock.StopDone)
}

// P6 for a parallel step: branches that were acknowledged do not run again in the next Run of the same App, and its
// inputs are still there.
func TestAStoreThatFailsInABranch(t *testing.T) {
	type item struct {
		I     int    `state:"i,key"`
		Model string `input:"model,optional"`
	}
	type list struct {
		N []int `state:"all"`
	}
	var log notes
	type read struct {
		I     int    `state:"i"`
		Model string `input:"model"`
	}
	act := burdock.Func("act", func(_ context.Context, in read) (number, error) {
		log.add(fmt.Sprint(in.I, in.Model))
		return number{in.I * 10}, nil
	})
	states := func(context.Context, burdock.None) iter.Seq2[item, error] {
		return burdock.Each([]int{1, 2, 3, 4}, func(i int) item { return item{I: i} })
	}
	g := line(burdock.MapStates("map", act, states, burdock.List[list, item, burdock.None](func(rs []number) (l list) {
		for _, r := range rs {
			l.N = append(l.N, r.N)
		}
		return l
	}), &burdock.MapOptions{Limit: 1}), idle("end"))
	for n := 1; n <= 7; n++ { // running, four branches, the step, the end
		for _, took := range []bool{false, true} {
			db := &faultyStore{Store: newStore(), before: map[int]error{n: errDisk}}
			if took {
				db.before, db.after = nil, db.before
			}
			app := newApp(t, g, stored(db, nil))
			_, err := app.Run(t.Context(), burdock.Input("model", "m"))
			wantIs(t, err, errDisk)
			var opts []burdock.RunOption
			if n == 1 { // nothing was acknowledged: the input is still the caller's
				opts = append(opts, burdock.Input("model", "m"))
			}
			out, err := app.Run(t.Context(), opts...)
			if err != nil || out.Stop != burdock.StopDone {
				t.Fatalf("save %d, took effect %v: got %+v, %v", n, took, out, err)
			}
			if got := view[list](t, out.State).N; !slices.Equal(got, []int{10, 20, 30, 40}) {
				t.Errorf("save %d: got %v", n, got)
			}
			ran := strings.Count(log.take(), "m")
			want := 4
			if n >= 2 && n <= 5 && !took {
				want = 5 // the branch whose save did nothing
			}
			if ran != want {
				t.Errorf("save %d, took effect %v: got %d runs of branches, want %d", n, took, ran, want)
			}
		}
	}
}

// P6: Steps and the tracker are told of a step when it is committed, late as that may be.
func TestAStepThatIsSavedLateIsToldLate(t *testing.T) {
	for n, want := range map[int]string{1: "| a: bad:test error h: c:", 2: "a: | bad:test error h: c:"} {
		var log notes
		var events keptEvents
		db := &faultyStore{Store: newStore(), before: map[int]error{n: errDisk}}
		o := stored(db, number{1})
		o.Cascade.Tracker = &events
		app := newApp(t, counting(&log), o)
		var got []string
		for range 2 {
			for step, err := range app.Steps(t.Context()) {
				if err != nil {
					wantIs(t, err, errDisk)
					got = append(got, "|")
					continue
				}
				text := ""
				if step.Err != nil {
					text = "test error"
				}
				got = append(got, step.Action+":"+text)
			}
		}
		wantEqual(t, "told", strings.Join(got, " "), want)
		var ended []string
		for _, e := range events {
			if e.Kind == burdock.EventStepEnded {
				ended = append(ended, e.Action)
			}
		}
		wantEqual(t, "tracked", strings.Join(ended, " "), "a bad h c")
		wantEqual(t, "ran", log.take(), "a bad h c")
	}
	var log notes
	app := newApp(t, counting(&log), stored(&faultyStore{Store: newStore(), before: map[int]error{1: errDisk}}, number{1}))
	_, err := app.Run(t.Context())
	wantIs(t, err, errDisk)
	wantEqual(t, "stop", firstStep(t, app).Stop, burdock.StopPaused)
	wantEqual(t, "ran", log.take(), "a")
	runTo(t, app, burdock.StopDone)
	wantEqual(t, "ran", log.take(), "bad h c")
}
