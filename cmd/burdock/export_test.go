package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

type topic struct {
	Topic int `state:"topic,key"`
}

// conference is a graph whose branches are surveys with branches of their own, some of which fail. It makes two rounds,
// and then waits for an approval.
func conference(topics int) *burdock.Graph {
	everyTopic := burdock.MapStates("every_topic", burdock.MustGraph("topic", burdock.Chain(collect, everyPrompt)),
		func(context.Context, burdock.None) iter.Seq2[topic, error] {
			return func(yield func(topic, error) bool) {
				for i := range topics {
					if !yield(topic{i}, nil) {
						return
					}
				}
			}
		},
		func(_ context.Context, _ burdock.None, rs *burdock.Results[topic, digested]) (d digest, err error) {
			for r := range rs.OK() {
				d.Answers = append(d.Answers, fmt.Sprint(r.In.Topic, r.Out.Answers))
				d.Failed += r.Out.Failed
			}
			return d, nil
		}, nil)
	return burdock.MustGraph("conference", burdock.Chain(everyTopic.Named("morning"), everyTopic.Named("evening"), approve, publish))
}

// stores are the kinds of stores between which applications move.
var stores = map[string]func(t *testing.T) burdock.Store{
	"memstore": func(*testing.T) burdock.Store { return memstore.New() },
	"sqlitestore": func(t *testing.T) burdock.Store {
		s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "db"), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	},
}

func exported(t *testing.T, s burdock.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := record.Export(t.Context(), s, "run", &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// finish resumes the application, or begins it where it has not begun, approves, and returns its state.
func finish(t *testing.T, s burdock.Store, graph *burdock.Graph) digested {
	t.Helper()
	app, err := burdock.Open(t.Context(), graph, &burdock.Options{ID: "run", Cascade: burdock.Cascade{Store: s}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := app.Run(t.Context(), burdock.Given(approval{true}))
	if err != nil || out.Stop != burdock.StopDone {
		t.Fatalf("got %+v, error %v", out, err)
	}
	d, err := burdock.View[digested](app.State())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A mortal store saves so many times and then fails, as if the process had been killed.
type mortal struct {
	burdock.Store
	saves atomic.Int64
}

var errKilled = errors.New("killed")

func (s *mortal) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	if s.saves.Add(-1) < 0 {
		return errKilled
	}
	return s.Store.Save(ctx, fence, batch)
}

// An application that was killed after any of its saves, or waits, goes on from an import like one that was never
// interrupted, whatever the stores.
func TestAnImportedApplicationComesToTheSameEnd(t *testing.T) {
	graph := conference(2)
	want := finish(t, memstore.New(), graph)
	if len(want.Answers) != 4 || want.Failed != 4 {
		t.Fatalf("undisturbed: got %+v", want)
	}
	for from, open := range stores {
		for to, openOther := range stores {
			t.Run(from+" to "+to, func(t *testing.T) {
				for saves := int64(1); ; saves += 5 {
					origin := &mortal{Store: open(t)}
					origin.saves.Store(saves)
					app, err := burdock.New(t.Context(), graph, &burdock.Options{ID: "run", Cascade: burdock.Cascade{Store: origin}})
					if err != nil {
						t.Fatal(err)
					}
					out, ran := app.Run(t.Context())
					if ran != nil && !errors.Is(ran, errKilled) {
						t.Fatal(ran)
					}
					data := exported(t, origin.Store)
					other := openOther(t)
					if _, err := record.Import(t.Context(), other, bytes.NewReader(data)); err != nil {
						t.Fatal(err)
					}
					if again := exported(t, other); !bytes.Equal(again, data) {
						t.Fatalf("after %d saves: exported again it is\n%s\nand was\n%s", saves, again, data)
					}
					if got := finish(t, other, graph); got.Failed != want.Failed || !slices.Equal(got.Answers, want.Answers) {
						t.Fatalf("after %d saves: got %+v, want %+v", saves, got, want)
					}
					if ran == nil {
						if out.Stop != burdock.StopWaiting {
							t.Errorf("the last one ended with %v, and was to wait", out.Stop)
						}
						return
					}
				}
			})
		}
	}
}

func TestAnImportThatWasKilledIsRepeated(t *testing.T) {
	origin := memstore.New()
	graph := conference(60)
	want := finish(t, origin, graph)
	data := exported(t, origin)
	store := stores["sqlitestore"](t)
	for saves := range int64(4) {
		killed := &mortal{Store: store}
		killed.saves.Store(saves)
		done, err := record.Import(t.Context(), killed, bytes.NewReader(data))
		if killed.saves.Load() >= 0 {
			if err != nil || done.Apps != 1+2*60*6 {
				t.Fatalf("got %+v, error %v", done, err)
			}
			break
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("got error %v, want %v", err, errKilled)
		}
		for c, err := range store.List(t.Context(), burdock.Query{Roots: true}) {
			t.Errorf("%s is listed, error %v", c.App, err)
		}
	}
	if again := exported(t, store); !bytes.Equal(again, data) {
		t.Error("exported again it is something else")
	}
	app, err := burdock.Resume(t.Context(), graph, &burdock.Options{ID: "run", Cascade: burdock.Cascade{Store: store}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := burdock.View[digested](app.State()); err != nil || strings.Join(got.Answers, "") != strings.Join(want.Answers, "") {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
}

func TestExportSaysWhyItIsNotWhole(t *testing.T) {
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupt signal received"))
	full := &fs.PathError{Op: "write", Path: ".run-123", Err: errors.New("no space left on device")}
	changed := fmt.Errorf("record: export: %w", burdock.ErrConflict)
	for want, c := range map[string]struct {
		export
		ctx       context.Context //nolint:containedctx // of one case
		sink, err error
	}{
		"run was advanced while it was exported":                        {ctx: t.Context(), err: changed},
		"the export of run was stopped: interrupt signal received":      {ctx: stopped, err: context.Canceled},
		"cannot write to standard output: no space left on device":      {ctx: t.Context(), sink: full, err: full},
		"cannot write the export to run.jsonl: no space left on device": {export: export{Out: "run.jsonl"}, ctx: t.Context(), sink: full, err: full},
		"cannot export run: a line is too long":                         {ctx: t.Context(), err: fmt.Errorf("record: export: %w", errors.New("a line is too long"))},
		"cannot read the database db: damaged":                          {ctx: t.Context(), err: &sqlitestore.Error{Op: "list", Path: "db", Kind: sqlitestore.ErrCorrupt}},
	} {
		if got, _ := explain(c.unexported(c.ctx, "run", &sink{err: c.sink}, c.err)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
