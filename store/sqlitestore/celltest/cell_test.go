package celltest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/exec/exectest"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

var (
	sampled = flag.Int("kills", 200, "how many cells are killed with SIGKILL and resumed")
	seeded  = flag.Uint64("seed", 1, "which ones")
)

// The test binary is its own child: BURDOCK_CELL names the cell that it runs until it kills itself.
func TestMain(m *testing.M) {
	if name := os.Getenv("BURDOCK_CELL"); name != "" {
		c := parseCell(name)
		r := &rig{cell: c, stop: func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }}
		fmt.Println(r.child(os.Getenv("BURDOCK_CELL_DB")))
		os.Exit(3) // it should have died
	}
	goleak.VerifyTestMain(m)
}

type (
	none   = burdock.None
	branch struct {
		I int `state:"i,key"`
	}
	number struct {
		I int `state:"i"`
	}
	asked struct {
		I   int  `state:"i"`
		Yes bool `input:"yes"`
	}
	approval struct {
		Yes bool `input:"yes"`
	}
	out struct {
		Done int `state:"done"`
	}
	seen struct {
		Seen []string `state:"seen"`
	}
)

var (
	errBad  = errors.New("bad luck")
	errStop = errors.New("stopped from outside")
)

// A rig runs one cell.
type rig struct {
	cell
	resumed bool
	stop    func() // of a doomed run

	mu     sync.Mutex
	change sync.Cond
	ended  map[int]bool // and committed, also waiting
	ran    map[int]int
	events map[string][]burdock.Status // how branches have begun and ended
}

// await waits until the branches that i depends on have completed.
func (r *rig) await(ctx context.Context, i int) {
	defer context.AfterFunc(ctx, func() { // under the lock, or it comes between the question and the wait
		r.mu.Lock()
		defer r.mu.Unlock()
		r.change.Broadcast()
	})()
	r.mu.Lock()
	defer r.mu.Unlock()
	for ctx.Err() == nil && (r.idles(i, r.resumed) || slices.ContainsFunc(r.gate(i), func(j int) bool { return !r.ended[j] })) {
		r.change.Wait()
	}
}

// act is what the action of branch i does.
func (r *rig) act(ctx context.Context, i int) (out, error) {
	r.mu.Lock()
	r.ran[i]++
	doomed := i == r.trigger() && r.doomed(r.resumed)
	r.mu.Unlock()
	if doomed {
		r.stop()
		<-ctx.Done()
		return out{}, context.Cause(ctx)
	}
	if !r.special(i) {
		return out{i}, nil
	}
	switch r.fate {
	case "fail":
		return out{}, fmt.Errorf("branch %d: %w", i, errBad)
	case "panic":
		panic("no way")
	case "goexit":
		runtime.Goexit()
	case "timeout":
		<-ctx.Done()
		return out{}, context.Cause(ctx)
	}
	return out{i}, nil
}

func (r *rig) graph() *burdock.Graph {
	plain := burdock.Func("plain", func(ctx context.Context, n number) (out, error) {
		r.await(ctx, n.I)
		return r.act(ctx, n.I)
	})
	gate := burdock.Func("gate", func(ctx context.Context, n number) (none, error) {
		r.await(ctx, n.I)
		return none{}, context.Cause(ctx)
	})
	act := burdock.Func("act", func(ctx context.Context, n number) (out, error) { return r.act(ctx, n.I) })
	if r.fate == "timeout" {
		act = act.With(burdock.Timeout(5 * time.Millisecond))
	}
	ask := burdock.Func("ask", func(ctx context.Context, a asked) (out, error) { return r.act(ctx, a.I) })
	special := burdock.MustGraph("special", burdock.Chain(gate, act))
	o := &burdock.MapOptions{Limit: r.limit, Failures: burdock.FailFast}
	if r.limit == 0 {
		o.Limit = burdock.Unlimited
	}
	switch r.policy {
	case "collect":
		o.Failures = burdock.Collect
	case "tolerate":
		o.Failures = burdock.Tolerate(1)
	}
	m := burdock.MapTasks("fan", burdock.Actions(plain, special, ask),
		func(context.Context, none) iter.Seq2[burdock.Task[branch], error] {
			return func(yield func(burdock.Task[branch], error) bool) {
				for i := range width {
					t := burdock.Task[branch]{Run: plain, State: branch{i}}
					switch {
					case r.asks(i):
						t.Run = ask
					case r.special(i):
						t.Run = special
					}
					if !yield(t, nil) {
						return
					}
				}
			}
		}, r.reduce, o)
	return burdock.MustGraph("cell", burdock.Node(m), burdock.Sentinels(errBad))
}

// reduce reads the results in the cell's order. A doomed run reads them all: otherwise an early return would save it.
func (r *rig) reduce(_ context.Context, _ none, rs *burdock.Results[branch, out]) (seen, error) {
	var s seen
	last := -1
	loop, strict := rs.OK(), true
	switch r.order {
	case "All":
		loop = rs.All()
	case "AsDone", "early":
		loop, strict = rs.AsDone(), false
	}
	for res := range loop {
		switch {
		case r.order == "early" && !r.doomed(r.resumed):
			return seen{[]string{"one"}}, nil
		case strict && int(res.Index()) <= last:
			return s, fmt.Errorf("result %d came after %d", res.Index(), last)
		case res.Err != nil:
			s.Seen = append(s.Seen, fmt.Sprint(res.Index(), "!"))
		case res.Out.Done != int(res.Index()):
			return s, fmt.Errorf("result %d is that of %d", res.Index(), res.Out.Done)
		default:
			s.Seen = append(s.Seen, fmt.Sprint(res.Index()))
		}
		last = int(res.Index())
	}
	slices.Sort(s.Seen)
	return s, nil
}

// Track notes how branches begin and end.
func (r *rig) Track(_ context.Context, e burdock.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case burdock.EventBranchStarted:
		r.events[e.Path] = append(r.events[e.Path], burdock.StatusRunning)
	case burdock.EventBranchEnded, burdock.EventRestored:
		r.events[e.Path] = append(r.events[e.Path], e.Status)
		r.ended[int(e.Index)] = true
		r.change.Broadcast()
	}
	return nil
}

func (r *rig) prepare() {
	r.change.L = &r.mu
	r.ended, r.ran, r.events = map[int]bool{}, map[int]int{}, map[string][]burdock.Status{}
}

func (r *rig) open(ctx context.Context, store burdock.Store) (*burdock.App, error) {
	g := r.graph()
	o := &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: store, Tracker: r}}
	if r.where == "encoded" {
		ex, err := exectest.Encoded(nil, g)
		if err != nil {
			return nil, err
		}
		o.Cascade.Executor = ex
	}
	return burdock.Open(ctx, g, o)
}

// child runs the cell's first run in a process that will be killed.
func (r *rig) child(path string) error {
	r.prepare()
	store, err := sqlitestore.Open(context.Background(), path, nil)
	if err != nil {
		return err
	}
	app, err := r.open(context.Background(), store)
	if err != nil {
		return err
	}
	out, err := app.Run(context.Background())
	return fmt.Errorf("it came back: %v, %w", out, err)
}

// run runs the application and checks that it comes to what the model says.
func (r *rig) run(t *testing.T, app *burdock.App, store burdock.Store, w want, opts ...burdock.RunOption) *burdock.Outcome {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	r.stop = func() { cancel(errStop) }
	got, err := app.Run(ctx, opts...)
	if got == nil || string(got.Stop) != w.stop {
		t.Fatalf("got %v, %v, want %s", got, err, w.stop)
	}
	var m *burdock.MapError
	switch w.stop {
	case "done", "waiting":
		if err != nil {
			t.Errorf("got error %v", err)
		}
	case "cancelled":
		if !errors.Is(err, errStop) {
			t.Errorf("got %v, want the cause of the stop", err)
		}
	case "failed":
		text := map[string]string{"fail": "bad luck", "panic": "panicked: no way", "goexit": "runtime.Goexit", "timeout": "Timeout is over"}[r.fate]
		if !errors.As(err, &m) || len(m.Branches) != w.failed || strings.Count(err.Error(), text) < w.failed {
			t.Errorf("got %v, want a MapError of %d with %q", err, w.failed, text)
		}
		if r.fate == "fail" && !errors.Is(err, errBad) || r.fate == "timeout" && !errors.Is(err, burdock.ErrTimeout) {
			t.Errorf("got %v, which is not what it was", err)
		}
	}
	if w.seen != nil {
		if s, err := burdock.View[seen](got.State); err != nil || !slices.Equal(s.Seen, w.seen) {
			t.Errorf("reduce has seen %v, %v, want %v", s.Seen, err, w.seen)
		}
	}
	r.account(t, store, w)
	return got
}

// account looks at what is left of every branch.
func (r *rig) account(t *testing.T, store burdock.Store, w want) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for path, statuses := range r.events {
		if last := statuses[len(statuses)-1]; last == burdock.StatusRunning {
			t.Errorf("%s was started and never ended: %v", path, statuses)
		}
	}
	for i, n := range w.ran {
		if w.ends != nil && r.ran[i] != n {
			t.Errorf("branch %d was called %d times, want %d", i, r.ran[i], n)
		}
	}
	found := map[int]burdock.Status{}
	for cp, err := range store.List(context.Background(), burdock.Query{Parent: burdock.Ref{App: "app", Seq: 1}, Latest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		found[int(cp.Index)] = cp.Status
	}
	for i, status := range w.ends {
		if string(found[i]) != status {
			t.Errorf("branch %d is recorded %q, want %q", i, found[i], status)
		}
	}
}

// all goes through both runs of a cell.
func (r *rig) all(t *testing.T, store burdock.Store, reopen bool) {
	r.prepare()
	app, err := r.open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	w := r.model(false, nil)
	out := r.run(t, app, store, w)
	if w.stop != "waiting" && r.how != "resumed" {
		return
	}
	r.resumed = true
	if reopen {
		if app, err = r.open(t.Context(), store); err != nil {
			t.Fatal(err)
		}
	}
	r.second(t, app, store, w, out)
}

// second is the run after the first one.
func (r *rig) second(t *testing.T, app *burdock.App, store burdock.Store, w want, out *burdock.Outcome) {
	t.Helper()
	var opts []burdock.RunOption
	if r.fate == "waits" {
		opts = append(opts, burdock.Given(approval{true}))
		if out != nil && len(out.Pending) > 0 { // each is answered by itself
			opts = nil
			for _, p := range out.Pending {
				if err := burdock.Answer(t.Context(), store, p.Ref, approval{true}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	next := r.model(true, &w)
	if r.order == "early" {
		next.ends = nil
	}
	r.run(t, app, store, next, opts...)
}

func cells() iter.Seq[cell] {
	return func(yield func(cell) bool) {
		for _, where := range wheres {
			for _, fate := range fates {
				for _, policy := range policies {
					for _, order := range orders {
						for _, limit := range limits {
							for _, how := range hows {
								if !yield(cell{fate, policy, order, limit, where, how}) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

// R2, M8, M9, M10, M14, M15, M16, I5, I6: every fate under every policy, order and limit, wherever it is kept and runs.
func TestEveryCell(t *testing.T) {
	for _, where := range wheres {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			for c := range cells() {
				if c.where != where {
					continue
				}
				t.Run(c.String(), func(t *testing.T) {
					var store burdock.Store = memstore.New()
					if where != "memory" {
						s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "db"), nil)
						if err != nil {
							t.Fatal(err)
						}
						defer func() { _ = s.Close() }()
						store = s
					}
					(&rig{cell: c}).all(t, store, where != "memory")
				})
			}
		})
	}
}

// The same with a process that is killed when the special branch comes to its fate, a sample of the cells.
func TestKilledCells(t *testing.T) {
	var all []cell
	for c := range cells() {
		if c.how == "resumed" && c.where != "memory" {
			all = append(all, c)
		}
	}
	rnd := rand.New(rand.NewPCG(*seeded, 0))
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, c := range all[:min(*sampled, len(all))] {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "db")
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), "BURDOCK_CELL="+c.String(), "BURDOCK_CELL_DB="+path)
			said, err := child.CombinedOutput()
			if state, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || !state.Signaled() {
				t.Fatalf("the child was not killed: %v\n%s", err, said)
			}
			store, err := sqlitestore.Open(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			r := &rig{cell: c, resumed: true}
			r.prepare()
			w := r.model(false, nil)
			maps.Copy(r.ran, w.ran) // those of the child, which are not run again here
			app, err := r.open(t.Context(), store)
			if err != nil {
				t.Fatal(err)
			}
			r.second(t, app, store, w, nil)
		})
	}
}
