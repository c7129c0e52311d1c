package burdock_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/exec/exectest"
)

// elsewhere returns an executor whose workers know the graphs, for what crosses as bytes.
func elsewhere(t *testing.T, graphs ...*burdock.Graph) *exectest.Encoder {
	t.Helper()
	ex, err := exectest.Encoded(nil, graphs...)
	if err != nil {
		t.Fatal(err)
	}
	return ex
}

// M19, E1: an action that runs elsewhere spawns there.
func TestM19_ABranchSpawnsElsewhere(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		r := leading(nil)
		rig := rigOf("a", "b")
		lead := burdock.Func("lead", func(ctx context.Context, in struct {
			Name string `state:"name"`
			Yes  string `input:"yes,optional"`
		},
		) (twigOut, error) {
			if in.Name == "b" {
				return twigOut{"<b>"}, nil
			}
			word, err := wordOf(spawnIt(ctx, "person", r.ask(), burdock.None{}))
			return twigOut{word}, err
		})
		g := burdock.MustGraph("g", burdock.Node(rig.over(lead)))
		o := stored(db, nil)
		o.Cascade.Executor = elsewhere(t, g)
		app := openApp(t, g, o)
		out := runTo(t, app, burdock.StopWaiting)
		if len(out.Pending) != 1 || out.Pending[0].Path != "app/fan#1/a/lead#1/person" {
			t.Fatalf("got %+v", out.Pending)
		}
		if db != nil {
			app = openApp(t, g, o)
			answerTo(t, db, out.Pending[0].Ref, yesIn{"go"})
			out = runTo(t, app, burdock.StopDone)
			wantEqual(t, "messages", messages(t, db.(burdock.Inbox)), 0)
		} else {
			out = runTo(t, app, burdock.StopDone, burdock.Input("yes", "go"))
		}
		wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, ""), "yes:go<b>")
	})
}

// M19: a map in what an action spawns runs here, as no worker could know its graph.
func TestM19_MapsOfSpawnedGraphsUnderAnExecutor(t *testing.T) {
	r := leading(nil)
	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "")}, nil })
	nested := burdock.MustGraph("nested", burdock.Chain(mapOver("inner", say, nil, twigKey{"x"}, twigKey{"y"}), join))
	r.lead = func(ctx context.Context) (string, error) { return wordOf(spawnIt(ctx, "n", nested, burdock.None{})) }
	g := r.graph()
	o := r.options(newStore())
	o.Cascade.Executor = elsewhere(t, g)
	out := runTo(t, openApp(t, g, o), burdock.StopDone)
	wantEqual(t, "word", view[leadOut](t, out.State).Word, "xy")
}

// R7: a loop over Events reads what happens in branches that run elsewhere.
func TestR7_EventsOfBranchesElsewhere(t *testing.T) {
	var want string
	for _, away := range []bool{false, true} {
		stream := burdock.Stream("say", func(_ context.Context, in twigIn, emit func(string) error) (twigOut, error) {
			return twigOut{in.Name}, emit(in.Name)
		})
		g := burdock.MustGraph("g", burdock.Node(mapOver("fan", stream, nil, twigKey{"a"})))
		o := stored(newStore(), nil)
		if away {
			o.Cascade.Executor = elsewhere(t, g)
		}
		var got []string
		for e, err := range newApp(t, g, o).Events(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %d.%d.%d of %s below %v: %s %s %d",
				e.Path, e.Kind, e.Seq, e.Attempt, e.N, e.App, e.Parent, e.Task, e.Key, e.Index))
		}
		if s := strings.Join(got, "\n"); !away {
			want = s
		} else if s != want {
			t.Errorf("got\n%s\nwant\n%s", s, want)
		}
	}
}

// A mortalWorker is an executor whose first worker of each branch dies: from a given save on nobody hears of it.
type mortalWorker struct {
	*exectest.Encoder
	worker *burdock.Worker
	mu     sync.Mutex
	died   map[string]bool
}

func (m *mortalWorker) Execute(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
	m.mu.Lock()
	again := m.died[b.ID()]
	m.died[b.ID()] = true
	m.mu.Unlock()
	if again {
		return m.Encoder.Execute(ctx, b)
	}
	there, err := b.Encode()
	if err != nil {
		return nil, err
	}
	_, err = m.worker.Run(ctx, there, burdock.Cascade{Store: frail(b.Store(), 1), Tracker: b.Tracker()})
	return nil, fmt.Errorf("the worker is lost: %w", err)
}

// R1, E2: an attempt that a worker has begun and not ended before it was lost is an attempt: what the next worker tells
// belongs to another one, so that no event comes twice and a reader need not take the chunks of both for one text.
func TestR1_TheAttemptOfALostWorkerCounts(t *testing.T) {
	for _, deep := range []bool{false, true} {
		stream := burdock.Stream("say", func(_ context.Context, in twigIn, emit func(string) error) (twigOut, error) {
			return twigOut{in.Name}, emit(in.Name)
		})
		more := burdock.Stream("more", func(_ context.Context, in twigOut, emit func(string) error) (twigOut, error) {
			return twigOut{in.Word + "!"}, emit(in.Word)
		})
		branch := burdock.MustGraph("branch", burdock.Chain(stream, more))
		if deep {
			join := burdock.Func("join", func(_ context.Context, in bunch) (twigOut, error) { return twigOut{in.Words[0]}, nil })
			branch = burdock.MustGraph("branch", burdock.Chain(mapOver("inner", stream, nil, twigKey{"b"}), join))
		}
		g := burdock.MustGraph("g", burdock.Node(mapOver("fan", branch, nil, twigKey{"a"})))
		worker, err := burdock.NewWorker(nil, g)
		if err != nil {
			t.Fatal(err)
		}
		o := stored(newStore(), nil)
		o.Cascade.Executor = &mortalWorker{Encoder: elsewhere(t, g), worker: worker, died: map[string]bool{}}
		var chunks []string
		last := map[string][]int64{}
		for e, err := range newApp(t, g, o).Events(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if at := []int64{e.Seq, int64(e.Attempt), e.N}; slices.Compare(at, last[e.App]) <= 0 {
				t.Errorf("%s %s is %v, after %v", e.Path, e.Kind, at, last[e.App])
			} else {
				last[e.App] = at
			}
			if e.Kind == burdock.EventChunk {
				chunks = append(chunks, fmt.Sprintf("%d.%d", e.Seq, e.Attempt))
			}
		}
		want := "1.1 2.1 2.2"
		if deep {
			want = "1.1 1.2"
		}
		wantEqual(t, "chunks", strings.Join(chunks, " "), want)
	}
}

// I8, E1: a branch that runs elsewhere and is cancelled is a failed one, and the message has been used.
func TestI8_CancelABranchElsewhere(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var log notes
			g := asksWhileBusy(&log, time.Hour, &burdock.MapOptions{Failures: burdock.Collect}, "a")
			store := memory()
			o := stored(store, nil)
			worker := elsewhere(t, g)
			o.Cascade.Executor = executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
				out, err := worker.Execute(ctx, b)
				if lost && ctx.Err() != nil {
					return nil, ctx.Err()
				}
				return out, err
			})
			app := newApp(t, g, o)
			go func() {
				time.Sleep(time.Minute)
				cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["slow"]
				if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: cp.App}); err != nil {
					t.Error(err)
				}
			}()
			out := runTo(t, app, burdock.StopDone)
			wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "slow! a")
			wantEqual(t, "messages", messages(t, store), 0)
			cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["slow"]
			if cp.Status != burdock.StatusCancelled || cp.Join == 0 || cp.Seq != 2 || len(cp.Messages) != 1 {
				t.Errorf("its record is step %d %s, join %d, messages %v", cp.Seq, cp.Status, cp.Join, cp.Messages)
			}
			first, err := store.Load(t.Context(), burdock.Ref{App: cp.App, Seq: 1})
			if err != nil || first.Status != burdock.StatusCompleted {
				t.Errorf("its first step is %s, %v", first.Status, err)
			}
		})
	}
}

// I8, E1: what waits below a branch that runs elsewhere, spawned or of a map, can be cancelled alone.
func TestI8_CancelBelowABranchElsewhere(t *testing.T) {
	ask := burdock.Func("ask", func(_ context.Context, in yesIn) (twigOut, error) { return twigOut{"yes:" + in.Yes}, nil })
	lead := burdock.Func("lead", func(ctx context.Context, _ leadIn) (twigOut, error) {
		word, err := wordOf(spawnIt(ctx, "child", ask, burdock.None{}))
		if errors.Is(err, burdock.ErrCancelled) {
			return twigOut{"cancelled"}, nil
		}
		return twigOut{word}, err
	})
	inner := burdock.MapStates("inner", ask,
		func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
			return burdock.Each([]string{"c"}, func(n string) twigKey { return twigKey{n} })
		},
		func(_ context.Context, _ burdock.None, rs *twigResults) (twigOut, error) {
			for r := range rs.All() {
				if errors.Is(r.Err, burdock.ErrCancelled) {
					return twigOut{"cancelled"}, nil
				}
			}
			return twigOut{}, rs.Err()
		}, &burdock.MapOptions{Failures: burdock.Collect})
	for _, branch := range []*burdock.Action{lead, inner} {
		for _, away := range []bool{false, true} {
			g := line(mapOver("fan", branch, nil, twigKey{"a"}, twigKey{"b"}))
			db := memory()
			o := stored(db, nil)
			if away {
				o.Cascade.Executor = elsewhere(t, g)
			}
			for _, p := range runTo(t, openApp(t, g, o), burdock.StopWaiting).Pending {
				if err := burdock.Cancel(t.Context(), db, p.Ref); err != nil {
					t.Fatal(err)
				}
			}
			out := runTo(t, openApp(t, g, o), burdock.StopDone)
			wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "cancelled cancelled")
			wantEqual(t, "messages", messages(t, db), 0)
		}
	}
}

// M18: a branch that was answered elsewhere is no answer for others.
func TestM18_AnsweredElsewhereIsNotKept(t *testing.T) {
	var log notes
	g := burdock.MustGraph("g", burdock.Node(mapOver("fan", asking(&log), &burdock.MapOptions{Cache: &burdock.Cache{Store: memory()}}, twigKey{"?a"})))
	for range 2 {
		o := stored(memory(), nil)
		o.Cascade.Executor = elsewhere(t, g)
		o.ID = "app"
		app := newApp(t, g, o)
		out := runTo(t, app, burdock.StopWaiting)
		runTo(t, app, burdock.StopDone, burdock.InputFor(out.Pending[0].Ref, consent{true}))
		log.take()
	}
	// The same while its owner runs.
	synctest.Test(t, func(t *testing.T) {
		entries := frail(memory(), -1)
		g := asksWhileBusy(&log, time.Minute, &burdock.MapOptions{Cache: &burdock.Cache{Store: entries}}, "?a")
		store := memory()
		o := stored(store, nil)
		o.Cascade.Executor = elsewhere(t, g)
		go func() {
			time.Sleep(time.Second)
			answerTo(t, store, waitingBelow(t, store)[0].Ref(), consent{true})
		}()
		runTo(t, newApp(t, g, o), burdock.StopDone)
		wantEqual(t, "entries", entries.saves, 1)
	})
}

// E1: below a branch that runs elsewhere everything is saved where the branch is, whatever its maps name, or not at all.
func TestE1_AnotherStoreBelowAnExecutor(t *testing.T) {
	for name, other := range map[string]burdock.Store{"other": memory(), "none": burdock.NoStore} {
		say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
		join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "")}, nil })
		inner := mapOver("inner", say, &burdock.MapOptions{Branches: &burdock.Cascade{Store: other}}, twigKey{"x"}, twigKey{"y"})
		nested := burdock.MustGraph("nested", burdock.Chain(inner, join))
		g := burdock.MustGraph("g", burdock.Node(mapOver("outer", nested, nil, twigKey{"a"}, twigKey{"b"}, twigKey{"c"})))
		o := stored(memory(), nil)
		o.Cascade.Executor = elsewhere(t, g)
		out, err := newApp(t, g, o).Run(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantEqual(t, name, strings.Join(view[bunch](t, out.State).Words, " "), "xy xy xy")
	}
}

// E2: a branch whose workers were lost is recorded with its own inputs, behind what they have saved.
func TestE2_LostForGoodIsRecordedAsItself(t *testing.T) {
	for _, durable := range []burdock.Durability{burdock.Durable, burdock.OnHalt} {
		t.Run(string(durable), func(t *testing.T) { lostForGood(t, durable) })
	}
}

func lostForGood(t *testing.T, durable burdock.Durability) {
	t.Helper()
	type given struct {
		Name string `state:"name"`
		Hint string `input:"hint,optional"`
	}
	store := memory()
	use := burdock.Func("use", func(_ context.Context, in given) (twigOut, error) { return twigOut{in.Name + in.Hint}, nil })
	more := burdock.Func("more", func(_ context.Context, in twigOut) (twigOut, error) { return in, nil })
	two := burdock.MustGraph("two", burdock.Chain(use, more))
	m := mapOver("fan", two, &burdock.MapOptions{Limit: 1, Failures: burdock.Collect}, twigKey{"a"}, twigKey{"b"}, twigKey{"c"})
	g := burdock.MustGraph("g", burdock.Node(m))
	worker := elsewhere(t, g)
	o := stored(store, nil)
	o.Durability = durable
	calls := 0
	o.Cascade.Executor = executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
		switch b.Key() {
		case "a":
			return b.Run(ctx)
		case "b":
			return nil, errTest
		}
		if calls++; calls <= burdock.Redispatch {
			return nil, errTest
		}
		_, _ = worker.Execute(ctx, b)
		return nil, errTest
	})
	out := runTo(t, newApp(t, g, o), burdock.StopDone, burdock.Input("hint", "h"))
	wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "ah ch")
	all := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})
	if cp := all["b"]; len(cp.Inputs) != 0 || cp.Seq != 1 || cp.Status != burdock.StatusFailed {
		t.Errorf("b: step %d %s inputs %v", cp.Seq, cp.Status, cp.Inputs)
	}
	for _, cp := range records(t, store, all["c"].App) {
		if cp.Status != burdock.StatusCompleted || cp.Seq == 2 && cp.Join == 0 {
			t.Errorf("c: step %d is %s, join %d; only the news of its end was lost", cp.Seq, cp.Status, cp.Join)
		}
	}
}

// E2: a branch that an executor has given up while it runs in this process is waited for before anything else happens to it.
func TestE2_GivenUpWhileItRunsHere(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			var running, most, tries atomic.Int64
			r := rigOf("a")
			r.do = func(ctx context.Context, name string) (string, error) {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				if tries.Add(1) == 1 {
					<-ctx.Done()
					time.Sleep(time.Second)
					return "", context.Cause(ctx)
				}
				return name, nil
			}
			o := &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: db}}
			o.Cascade.Executor = executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
				type end struct {
					out *burdock.Outcome
					err error
				}
				done := make(chan end, 1)
				go func() {
					out, err := b.Run(ctx)
					done <- end{out, err}
				}()
				select {
				case e := <-done:
					return e.out, e.err
				case <-time.After(time.Minute):
					return nil, errTest
				}
			})
			words, err := r.runWith(t.Context(), t, o)
			wantWords(t, words, err, "a")
			wantEqual(t, "at once", most.Load(), 1)
		})
	})
}

// blind is a store that does not find what is two levels below the root.
type blind struct {
	burdock.Store
	on bool
}

func (s *blind) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	if s.on && q.Parent.App != "" && q.Parent.App != "app" {
		return func(yield func(burdock.Checkpoint, error) bool) { yield(burdock.Checkpoint{}, errKilled) }
	}
	return s.Store.List(ctx, q)
}

// P6: a store that cannot be read for a worker stops the tree, as it does for a branch that runs here.
func TestP6_AStoreThatFailsAWorkerStopsTheTree(t *testing.T) {
	var log notes
	inner := mapOver("inner", asking(&log), nil, twigKey{"?x"})
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "")}, nil })
	nested := burdock.MustGraph("nested", burdock.Chain(inner, join))
	g := burdock.MustGraph("g", burdock.Node(mapOver("outer", nested, &burdock.MapOptions{Failures: burdock.Collect}, twigKey{"a"})))
	store := &blind{Store: memory()}
	for _, away := range []bool{false, true} {
		store.on = false
		store.Store = memory()
		o := stored(store, nil)
		if away {
			o.Cascade.Executor = elsewhere(t, g)
		}
		runTo(t, newApp(t, g, o), burdock.StopWaiting)
		store.on = true
		_, err := openApp(t, g, o).Run(t.Context(), burdock.Given(consent{true}))
		if !isStoreError(err) {
			t.Errorf("away %v: got %v", away, err)
		}
		store.on = false
		runTo(t, openApp(t, g, o), burdock.StopDone, burdock.Given(consent{true}))
	}
}

// R5: a Fallback stands in for a task whose Timeout is over, elsewhere too.
func TestR5_FallbackAfterATimeoutElsewhere(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			hang := burdock.Func("hang", func(ctx context.Context, _ twigIn) (twigOut, error) {
				<-ctx.Done()
				return twigOut{}, context.Cause(ctx)
			})
			instead := burdock.Func("instead", func(context.Context, twigIn) (twigOut, error) { return twigOut{"instead"}, nil })
			m := burdock.MapTasks("fan", burdock.Actions(hang),
				func(context.Context, burdock.None) iter.Seq2[burdock.Task[twigKey], error] {
					return func(yield func(burdock.Task[twigKey], error) bool) {
						yield(burdock.Task[twigKey]{State: twigKey{"a"}, Timeout: time.Minute}, nil)
					}
				},
				func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
					return bunch{wordsOf(rs.All())}, nil
				},
				&burdock.MapOptions{Fallback: instead})
			g := burdock.MustGraph("g", burdock.Node(m))
			o := stored(memory(), nil)
			if away {
				o.Cascade.Executor = elsewhere(t, g)
			}
			out, err := newApp(t, g, o).Run(t.Context())
			if err != nil {
				t.Errorf("away %v: %v", away, err)
				return
			}
			wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, " "), "instead")
		})
	}
}

// R9: Options.Grace bounds how long an executor may ignore its cancellation; what it still does is refused.
func TestR9_AnExecutorThatIgnoresItsCancellation(t *testing.T) {
	inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
		synctest.Test(t, func(t *testing.T) {
			release, late := make(chan struct{}), make(chan error)
			r := rigOf("a")
			o := &burdock.Options{ID: "app", Grace: time.Second, Cascade: burdock.Cascade{Store: db}}
			o.Cascade.Executor = executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
				<-release
				_, err := b.Run(ctx)
				late <- err
				return nil, err
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			_, err := r.runWith(ctx, t, o)
			wantEqual(t, "took", time.Since(began), time.Minute+time.Second)
			if leak, ok := errors.AsType[*burdock.LeakError](err); !ok || leak.Path != "app/fan#1/a" {
				t.Errorf("got %v, want a LeakError of the branch", err)
			}
			close(release)
			wantTexts(t, <-late, "while its Executor waits for it")
			wantEqual(t, "started", r.takeStarted(), "")
		})
	})
}

// slowSaves is a store whose first save takes its time.
type slowSaves struct {
	burdock.Store
	saves atomic.Int64
	fails bool // the first save
}

func (s *slowSaves) Save(ctx context.Context, f burdock.Fence, batch []burdock.Checkpoint) error {
	batch = slices.Clone(batch)
	if s.saves.Add(1) == 1 {
		time.Sleep(time.Minute)
		if s.fails {
			return errTest
		}
	}
	return s.Store.Save(ctx, f, batch)
}

// P7, P1: what OnHalt saves early, for a branch that ends elsewhere say, never comes to stand behind what was saved later,
// and what could not be saved does not displace what has come since.
func TestP7_EarlySavesKeepTheirOrder(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
			join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "")}, nil })
			slow := burdock.Func("slow", func(_ context.Context, in twigIn) (twigOut, error) {
				time.Sleep(time.Second)
				return twigOut{in.Name}, nil
			})
			inner := mapOver("inner", slow, nil, twigKey{"x"})
			nested := burdock.MustGraph("nested", burdock.Chain(inner, join))
			m := burdock.MapTasks("fan", burdock.Actions(say, nested),
				func(context.Context, burdock.None) iter.Seq2[burdock.Task[twigKey], error] {
					return func(yield func(burdock.Task[twigKey], error) bool) {
						_ = yield(burdock.Task[twigKey]{Run: nested, State: twigKey{"n"}}, nil) &&
							yield(burdock.Task[twigKey]{Run: say, State: twigKey{"s"}}, nil)
					}
				},
				func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
					return bunch{wordsOf(rs.OK())}, nil
				}, nil)
			db := &slowSaves{Store: memory(), fails: fails}
			o := stored(db, nil)
			o.Durability = burdock.OnHalt
			o.Cascade.Executor = executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
				if b.Key() == "s" {
					time.Sleep(time.Millisecond) // until the others have begun
				}
				return b.Run(ctx)
			})
			app := newApp(t, burdock.MustGraph("g", burdock.Node(m)), o)
			if fails {
				_, err := app.Run(t.Context())
				wantIs(t, err, errTest)
			}
			runTo(t, app, burdock.StopDone)
			for _, cp := range tree(t, db, "app") {
				if cp.Status != burdock.StatusCompleted {
					t.Errorf("%s step %d is %s", cp.Path, cp.Seq, cp.Status)
				}
			}
		})
	}
}

// E3: a worker says which version it was given, and which it reads.
func TestE3_AHandOverOfAnotherVersionIsRefused(t *testing.T) {
	w, err := burdock.NewWorker(nil, burdock.MustGraph("g", burdock.Node(idle("first"))))
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{"version":7}`: "a hand-over of version 7; this worker reads version 1",
		"no JSON":       "no hand-over: invalid character",
	} {
		if _, err := w.Run(t.Context(), []byte(data), burdock.Cascade{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", data, err, want)
		}
	}
}

// E3: what a worker of another version sends back is refused too, and says so.
func TestE3_AnOutcomeOfAnotherVersionIsRefused(t *testing.T) {
	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	for data, want := range map[string]string{
		`{"version":7}`: "an outcome of version 7; this process reads version 1",
		"no JSON":       "no outcome: invalid character",
	} {
		o := stored(newStore(), nil)
		o.Cascade.Executor = executorFunc(func(_ context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
			return b.Decode([]byte(data))
		})
		_, err := newApp(t, line(mapOver("fan", say, nil, twigKey{"a"})), o).Run(t.Context())
		wantTexts(t, err, want)
	}
}

// E3, I3: a secret input of InputFor does not cross; the others do.
func TestE3_SecretsOfInputForDoNotCross(t *testing.T) {
	type in struct {
		Name  string `state:"name"`
		Pin   string `input:"pin,secret"`
		Plain string `input:"plain"`
	}
	ask := burdock.Func("ask", func(_ context.Context, in in) (twigOut, error) { return twigOut{in.Name + in.Plain}, nil })
	g := burdock.MustGraph("g", burdock.Node(mapOver("fan", burdock.MustGraph("two", burdock.Chain(idle("first"), ask)), nil, twigKey{"a"})))
	o := stored(memory(), nil)
	w, err := burdock.NewWorker(&burdock.WorkerOptions{Given: burdock.Input("pin", "worker's")}, g)
	if err != nil {
		t.Fatal(err)
	}
	o.Cascade.Executor = executorFunc(func(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
		data, err := b.Encode()
		if err != nil {
			return nil, err
		}
		if bytes.Contains(data, []byte("hush")) {
			t.Errorf("it crosses: %s", data)
		}
		back, err := w.Run(ctx, data, burdock.Cascade{Store: b.Store()})
		if err != nil {
			return nil, err
		}
		return b.Decode(back)
	})
	app := newApp(t, g, o)
	out := runTo(t, app, burdock.StopWaiting)
	out = runTo(t, app, burdock.StopDone, burdock.InputFor(out.Pending[0].Ref, burdock.Input("pin", "hush"), burdock.Input("plain", "p")))
	wantEqual(t, "words", strings.Join(view[bunch](t, out.State).Words, ""), "ap")
}

// I8, R4: Cancel ends the wait between two attempts, here and elsewhere.
func TestI8_CancelDuringABackoff(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			bad := burdock.Func("bad", func(context.Context, twigIn) (twigOut, error) { return twigOut{}, errTest }).With(
				burdock.Retry{Attempts: 5, Delay: func(error) time.Duration { return time.Hour }})
			g := burdock.MustGraph("g", burdock.Node(mapOver("fan", bad, &burdock.MapOptions{Failures: burdock.Collect}, twigKey{"a"})))
			store := memory()
			o := stored(store, nil)
			if away {
				o.Cascade.Executor = elsewhere(t, g)
			}
			go func() {
				time.Sleep(time.Minute)
				cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["a"]
				if err := burdock.Cancel(t.Context(), store, burdock.Ref{App: cp.App}); err != nil {
					t.Error(err)
				}
			}()
			began := time.Now()
			runTo(t, newApp(t, g, o), burdock.StopDone)
			if time.Since(began) > 2*time.Minute {
				t.Error("too late")
			}
			cp := branchRecords(t, store, burdock.Ref{App: "app", Seq: 1})["a"]
			if cp.Status != burdock.StatusCancelled || cp.Join == 0 || len(cp.Messages) != 1 || messages(t, store) != 0 || cp.Attempt != 1 || cp.Spent != 1 {
				t.Errorf("away %v: %s join %d messages %v left %d attempt %d spent %d", away, cp.Status, cp.Join, cp.Messages, messages(t, store), cp.Attempt, cp.Spent)
			}
		})
	}
}

// lossyClaims is a store whose claims are lost when somebody says so.
type lossyClaims struct {
	burdock.Store
	lost chan struct{}
}
type lossyClaim struct {
	burdock.Claim
	lost chan struct{}
}

func (c lossyClaim) Lost() <-chan struct{} { return c.lost }
func (s lossyClaims) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	c, err := s.Store.Claim(ctx, root)
	return lossyClaim{c, s.lost}, err
}

// P4: a claim that is lost while a branch is elsewhere stops the tree, and is no failure of the branch.
func TestP4_ClaimLostWhileABranchIsElsewhere(t *testing.T) {
	r := rigOf("a", "b")
	store := lossyClaims{memory(), make(chan struct{})}
	p := &store
	r.do = func(ctx context.Context, name string) (string, error) {
		if name == "a" {
			close(store.lost)
		}
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	g := r.graph()
	o := stored(p, nil)
	o.Cascade.Executor = elsewhere(t, g)
	_, err := newApp(t, g, o).Run(t.Context())
	wantIs(t, err, burdock.ErrConflict)
	if _, failed := errors.AsType[*burdock.MapError](err); failed {
		t.Errorf("a branch has failed: %v", err)
	}
}
