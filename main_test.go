package burdock_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// number is the whole state of many of the small machines here.
type number struct {
	N int `state:"n"`
}

// adder returns an action that adds to the number.
func adder(name string, by int) *burdock.Action {
	return burdock.Func(name, func(_ context.Context, s number) (number, error) { return number{s.N + by}, nil })
}

// idle returns an action that neither reads nor writes.
func idle(name string) *burdock.Action {
	return doing(name, func(context.Context) error { return nil })
}

// doing returns an action on no state.
func doing(name string, f func(context.Context) error) *burdock.Action {
	return burdock.Func(name, func(ctx context.Context, _ burdock.None) (burdock.None, error) { return burdock.None{}, f(ctx) })
}

// noted returns an idle action that notes each of its runs.
func noted(name string, log *notes) *burdock.Action {
	return doing(name, func(context.Context) error { log.add(name); return nil })
}

// notes is a list that many may write to.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

// take returns the notes, joined, and forgets them.
func (n *notes) take() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := strings.Join(n.lines, " ")
	n.lines = nil
	return s
}

// line is a graph of actions that follow each other.
func line(actions ...*burdock.Action) *burdock.Graph {
	return burdock.MustGraph("line", burdock.Chain(actions...))
}

// stored are the options of an application named app in a store.
func stored(s burdock.Store, window any) *burdock.Options {
	o := &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: s}}
	if window != nil {
		o.State = burdock.StateOf(window)
	}
	return o
}

// starting are the options of an application without a store.
func starting(window any) *burdock.Options { return &burdock.Options{State: burdock.StateOf(window)} }

func newApp(t *testing.T, g *burdock.Graph, o *burdock.Options) *burdock.App {
	t.Helper()
	return must(t)(burdock.New(t.Context(), g, o))
}

func openApp(t *testing.T, g *burdock.Graph, o *burdock.Options) *burdock.App {
	t.Helper()
	return must(t)(burdock.Open(t.Context(), g, o))
}

func must(t *testing.T) func(*burdock.App, error) *burdock.App {
	return func(app *burdock.App, err error) *burdock.App {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return app
	}
}

// runTo runs the application and wants it to stop in that way, without an error.
func runTo(t *testing.T, app *burdock.App, stop burdock.Stop, opts ...burdock.RunOption) *burdock.Outcome {
	t.Helper()
	out, err := app.Run(t.Context(), opts...)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	if out.Stop != stop {
		t.Fatalf("got stop %q before %q, want %q", out.Stop, out.Next, stop)
	}
	return out
}

// runFails runs the application and wants an error with all of these texts in it, which is also the outcome's.
func runFails(t *testing.T, app *burdock.App, texts ...string) *burdock.Outcome {
	t.Helper()
	out, err := app.Run(t.Context())
	wantTexts(t, err, texts...)
	if out == nil || out.Err == nil || out.Err.Error() != err.Error() {
		t.Fatalf("got outcome %+v beside the error %v", out, err)
	}
	return out
}

// wantTexts wants an error that contains each of the texts.
func wantTexts(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got error:\n%v\nwant in it:\n%s", err, text)
		}
	}
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got error %v, want one that is %v", err, target)
	}
}

func wantEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// view reads a window that must be there.
func view[T any](t *testing.T, s burdock.State) T {
	t.Helper()
	v, err := burdock.View[T](s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// records returns what the store has of an application.
func records(t *testing.T, s burdock.Store, id string) []burdock.Checkpoint {
	t.Helper()
	var all []burdock.Checkpoint
	for cp, err := range s.List(t.Context(), burdock.Query{App: id}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cp)
	}
	return all
}

// copiedTo returns a store with the application as it stood after its first n records were written.
func copiedTo(t *testing.T, from []burdock.Checkpoint) *memstore.Store {
	t.Helper()
	s := memstore.New()
	if len(from) == 0 {
		return s
	}
	claim, err := s.Claim(t.Context(), from[0].Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), claim.Fence(), slices.Clone(from)); err != nil {
		t.Fatal(err)
	}
	if err := claim.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

var errTest = errors.New("test error")

// exit is runtime.Goexit where the compiler shall not see that what follows is never reached.
var exit = runtime.Goexit

func newStore() *memstore.Store { return memstore.New() }

// copyOf returns another store with the same application.
func copyOf(t *testing.T, from burdock.Store, id string) *memstore.Store {
	t.Helper()
	return copiedTo(t, records(t, from, id))
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// firstStep leaves the loop over the application's steps after one, and returns the outcome.
func firstStep(t *testing.T, app *burdock.App) *burdock.Outcome {
	t.Helper()
	for _, err := range app.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	return app.Outcome()
}
