package burdock_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/burdock-go/burdock"
)

// informed notes which applications a tracker has been told of.
type informed struct {
	mu    sync.Mutex
	paths map[string]bool
}

func (r *informed) Track(_ context.Context, e burdock.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paths == nil {
		r.paths = map[string]bool{}
	}
	r.paths[e.Path] = true
	return nil
}

// M20: what is nearest wins, and holds for everything below: task, map, Options.At, Options.Branches, the application.
func TestM20_TheNearestCascadeWins(t *testing.T) {
	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	app, branches, at, ofMap, ofTask := memory(), memory(), memory(), memory(), memory()
	tasks := burdock.MapTasks("tasks", burdock.Actions(say),
		func(context.Context, burdock.None) iter.Seq2[burdock.Task[twigKey], error] {
			return func(yield func(burdock.Task[twigKey], error) bool) {
				_ = yield(burdock.Task[twigKey]{State: twigKey{"plain"}}, nil) &&
					yield(burdock.Task[twigKey]{State: twigKey{"own"}, Cascade: &burdock.Cascade{Store: ofTask}}, nil) &&
					yield(burdock.Task[twigKey]{State: twigKey{"none"}, Cascade: &burdock.Cascade{Store: burdock.NoStore}}, nil)
			}
		},
		func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
			return bunch{wordsOf(rs.OK())}, nil
		}, nil)
	inner := mapOver("inner", say, nil, twigKey{"deep"})
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "")}, nil })
	nested := burdock.MustGraph("nested", burdock.Chain(inner, join))
	g := line(
		mapOver("wide", say, nil, twigKey{"w"}),
		mapOver("at", nested, nil, twigKey{"a"}),
		mapOver("own", say, &burdock.MapOptions{Branches: &burdock.Cascade{Store: ofMap}}, twigKey{"m"}),
		mapOver("none", nested, &burdock.MapOptions{Branches: &burdock.Cascade{Store: burdock.NoStore, Tracker: burdock.NoTracker}}, twigKey{"n"}),
		tasks,
	)
	var tr informed
	o := stored(app, nil)
	o.Cascade.Tracker = &tr
	o.Branches = &burdock.Cascade{Store: branches}
	o.At = map[string]*burdock.Cascade{"at": {Store: at}, "own": {Store: at}}
	runTo(t, newApp(t, g, o), burdock.StopDone)
	for name, test := range map[string]struct {
		store burdock.Store
		want  string
	}{
		"application": {app, "app"},
		"branches":    {branches, "app/tasks#5/plain app/wide#1/w"},
		"at":          {at, "app/at#2/a app/at#2/a/inner#1/deep"},
		"map":         {ofMap, "app/own#3/m"},
		"task":        {ofTask, "app/tasks#5/own"},
	} {
		var paths []string
		for cp, err := range test.store.List(t.Context(), burdock.Query{Root: "app", Latest: true}) {
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, cp.Path)
		}
		if got := strings.Join(slices.Sorted(slices.Values(paths)), " "); got != test.want {
			t.Errorf("%s has %s, want %s", name, got, test.want)
		}
	}
	if tr.paths["app/none#4/n"] || tr.paths["app/none#4/n/inner#1/deep"] || !tr.paths["app/wide#1/w"] {
		t.Errorf("the tracker was told of %v", tr.paths)
	}
}

// M20: a store below NoStore, or below an application without one, is an error of New; so is a name that nobody has.
func TestM20_OverridesThatCannotBe(t *testing.T) {
	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	inner := mapOver("inner", say, &burdock.MapOptions{Branches: &burdock.Cascade{Store: memory()}}, twigKey{"x"})
	join := burdock.Func("join", func(_ context.Context, b bunch) (twigOut, error) { return twigOut{strings.Join(b.Words, "")}, nil })
	nested := burdock.MustGraph("nested", burdock.Chain(inner, join))
	for name, test := range map[string]struct {
		store burdock.Store
		outer *burdock.MapOptions
		edit  func(*burdock.Options)
		text  string
	}{
		"below NoStore":   {memory(), &burdock.MapOptions{Branches: &burdock.Cascade{Store: burdock.NoStore}}, nil, `MapOptions.Branches of action "inner"`},
		"below none":      {nil, nil, nil, "nobody would find them again"},
		"an unknown name": {memory(), nil, func(o *burdock.Options) { o.At = map[string]*burdock.Cascade{"iner": {}} }, `Options.At["iner"]`},
		"RestoreFrom": {memory(), nil, func(o *burdock.Options) {
			o.Branches = &burdock.Cascade{RestoreFrom: memory()}
		}, "RestoreFrom belongs to Options.Cascade"},
	} {
		o := stored(test.store, nil)
		if test.edit != nil {
			test.edit(o)
		}
		_, err := burdock.New(t.Context(), line(mapOver("outer", nested, test.outer, twigKey{"o"})), o)
		if err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: got %v, want %q", name, err, test.text)
		}
	}
}
