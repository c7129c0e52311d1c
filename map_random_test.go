package burdock_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

var plans = flag.Int("plans", 5000, "how many random plans of maps are run")

// A randomPlan is a tree of maps. What a leaf does follows from its name, how long it takes from the timing.
type randomPlan struct {
	seed   uint64
	timing uint64
	levels []randomLevel // from the leaves up
	steps  int           // of a leaf
	waits  bool          // some leaves ask for an input

	mu     sync.Mutex
	flaky  bool            // what goes wrong does so once, and ends its visit
	struck map[string]bool // leaves that have gone wrong

	inside  gauge
	live    map[string]*gauge // leaves by visit
	decided map[string]string // by visit: what a reduce that stops early has chosen
	check   func(ctx context.Context, name string)
	ran     int
	errs    []string
}

type randomLevel struct {
	width int
	early int // reduce returns after so many; 0 reads to the end
	opts  burdock.MapOptions
	extra bool // a step before and one after the map
}

func newRandomPlan(seed uint64, early bool) *randomPlan {
	rnd := rand.New(rand.NewPCG(seed, 5))
	p := &randomPlan{seed: seed, steps: 1 + rnd.IntN(3), live: map[string]*gauge{}, decided: map[string]string{}, struck: map[string]bool{}}
	p.waits = rnd.IntN(4) == 0
	for range 1 + rnd.IntN(3) {
		l := randomLevel{width: rnd.IntN(6), extra: rnd.IntN(3) == 0}
		l.opts = burdock.MapOptions{Limit: 1 + rnd.IntN(4), Failures: burdock.Collect}
		if rnd.IntN(2) == 0 {
			l.opts.Buffer = 1 + rnd.IntN(4)
		}
		if rnd.IntN(5) == 0 {
			l.opts.Limit = burdock.Unlimited
		}
		if early && rnd.IntN(2) == 0 {
			l.early = 1 + rnd.IntN(3)
		}
		p.levels = append(p.levels, l)
	}
	return p
}

func (p *randomPlan) dice(name string, salt uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(p.seed+salt, h.Sum64()))
}

func (p *randomPlan) errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs = append(p.errs, fmt.Sprintf(format, args...))
}

// failFast makes every failure end its visit, once.
func (p *randomPlan) failFast() {
	p.flaky = true
	for i := range p.levels {
		p.levels[i].opts.Failures, p.levels[i].early = burdock.FailFast, 0
	}
}

// strike returns how a leaf ends this time.
func (p *randomPlan) strike(name string) string {
	fate := p.fate(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flaky && fate != "ask" {
		if p.struck[name] {
			return "ok"
		}
		p.struck[name] = true
	}
	return fate
}

// fate is how a leaf ends.
func (p *randomPlan) fate(name string) string {
	switch n := p.dice(name, 0).IntN(20); {
	case n == 0:
		return "panic"
	case n == 1:
		return "goexit"
	case n < 5:
		return "fail"
	case n < 8 && p.waits:
		return "ask"
	}
	return "ok"
}

type nameState struct {
	Name string `state:"name"`
}

// leaf is a graph of some steps; the last one ends it.
func (p *randomPlan) leaf() burdock.Runnable {
	step := func(i int) func(ctx context.Context, in nameState) (twigOut, error) {
		return func(ctx context.Context, in nameState) (twigOut, error) {
			p.enter(ctx, in.Name, i)
			defer p.leave(in.Name, i)
			time.Sleep(time.Duration(p.dice(in.Name, p.timing+uint64(i)).IntN(6)) * time.Millisecond)
			if ctx.Err() != nil && p.flaky {
				return twigOut{}, context.Cause(ctx)
			}
			if i < p.steps-1 {
				return twigOut{in.Name}, nil
			}
			switch p.strike(in.Name) {
			case "panic":
				panic("no")
			case "goexit":
				runtime.Goexit()
			case "fail":
				return twigOut{}, errors.New("no")
			}
			return twigOut{in.Name}, nil
		}
	}
	var chain []*burdock.Action
	for i := range p.steps {
		chain = append(chain, burdock.Func(fmt.Sprint("step", i), step(i)))
	}
	ask := burdock.Func("ask", func(ctx context.Context, in struct {
		Name string `state:"name"`
		Yes  bool   `input:"yes"`
	},
	) (burdock.None, error) {
		return burdock.None{}, nil
	})
	end := idle("end")
	asks := burdock.When("asks", func(in nameState) bool { return p.fate(in.Name) == "ask" })
	parts := []burdock.Part{}
	for i, a := range chain {
		next := end
		if i+1 < len(chain) {
			next = chain[i+1]
		}
		if i == 0 {
			parts = append(parts, burdock.Node(a, asks.Then(ask), burdock.Then(next)))
			parts = append(parts, burdock.Node(ask, burdock.Then(next)))
			continue
		}
		parts = append(parts, burdock.Node(a, burdock.Then(next)))
	}
	return burdock.MustGraph("leaf", append(parts, burdock.Node(end))...)
}

func (p *randomPlan) enter(ctx context.Context, name string, i int) {
	p.inside.enter()
	p.mu.Lock()
	p.ran++
	visit := name[:strings.LastIndex(name, ".")]
	g := p.live[visit]
	if g == nil {
		g = &gauge{}
		p.live[visit] = g
	}
	p.mu.Unlock()
	g.enter()
	if p.check != nil {
		p.check(ctx, name)
	}
}

func (p *randomPlan) leave(name string, _ int) {
	p.mu.Lock()
	g := p.live[name[:strings.LastIndex(name, ".")]]
	p.mu.Unlock()
	g.leave()
	p.inside.leave()
}

// graph is the map of a level over what is below it.
func (p *randomPlan) graph(level int) *burdock.Graph {
	below := p.leaf()
	if level > 0 {
		below = p.graph(level - 1)
	}
	l := p.levels[level]
	m := burdock.MapStates("map", below,
		func(_ context.Context, in nameState) iter.Seq2[twigKey, error] {
			return func(yield func(twigKey, error) bool) {
				for i := range l.width {
					if !yield(twigKey{fmt.Sprintf("%s.%d", in.Name, i)}, nil) {
						return
					}
				}
			}
		},
		func(_ context.Context, in nameState, rs *burdock.Results[twigKey, twigOut]) (twigOut, error) {
			var words []string
			if l.early > 0 {
				return p.choose(in.Name, l.early, rs)
			}
			for r := range rs.All() {
				if r.Err != nil {
					words = append(words, "!")
				} else {
					words = append(words, r.Out.Word)
				}
				if d := p.dice(in.Name, p.timing+100).IntN(8); d < 3 {
					time.Sleep(time.Duration(d) * time.Millisecond)
				}
			}
			return twigOut{"[" + strings.Join(words, " ") + "]"}, nil
		}, &l.opts)
	if l.extra {
		return burdock.MustGraph("level", burdock.Chain(idle("before"), m, idle("after")))
	}
	return burdock.MustGraph("level", burdock.Node(m))
}

// choose takes the first that complete. What it once chose it must choose again.
func (p *randomPlan) choose(name string, n int, rs *burdock.Results[twigKey, twigOut]) (twigOut, error) {
	var words []string
	for r := range rs.AsDone() {
		if words = append(words, r.Out.Word); len(words) == n {
			break
		}
	}
	if len(words) < n && rs.Err() != nil {
		if _, ok := errors.AsType[*burdock.MapError](rs.Err()); !ok {
			return twigOut{}, rs.Err() // ended early: it chooses nothing
		}
	}
	choice := "(" + strings.Join(words, " ") + ")"
	p.mu.Lock()
	old, chosen := p.decided[name]
	p.decided[name] = choice
	p.mu.Unlock()
	if chosen && old != choice {
		p.errorf("visit %s chose %s and now %s", name, old, choice)
	}
	return twigOut{choice}, nil
}

// expect is the reference: what the map of a level comes to when everything runs one after another.
func (p *randomPlan) expect(level int, name string) string {
	var words []string
	for i := range p.levels[level].width {
		child := fmt.Sprintf("%s.%d", name, i)
		switch {
		case level > 0:
			words = append(words, p.expect(level-1, child))
		case p.flaky || slices.Contains([]string{"ok", "ask"}, p.fate(child)):
			words = append(words, child)
		default:
			words = append(words, "!")
		}
	}
	return "[" + strings.Join(words, " ") + "]"
}

// verifyRecords looks at every map that was recorded as completed: its reduce has seen everything.
func (p *randomPlan) verifyRecords(t *testing.T, store burdock.Store) {
	t.Helper()
	names := map[string]string{}
	for _, cp := range tree(t, store, "app") {
		for _, c := range cp.Delta {
			switch {
			case cp.Seq == 0 && c.Key == "name":
				names[cp.App] = strings.Trim(string(c.Value), `"`)
			case c.Key == "word" && cp.Action == "map" && cp.Status == burdock.StatusCompleted:
				name := names[cp.App]
				level := len(p.levels) - 1 - strings.Count(name, ".")
				if slices.ContainsFunc(p.levels[:level+1], func(l randomLevel) bool { return l.early > 0 }) {
					continue
				}
				if got, want := strings.Trim(string(c.Value), `"`), p.expect(level, name); got != want {
					p.errorf("%s is recorded with\n%s\nwant\n%s", cp.Path, got, want)
				}
			}
		}
	}
}

func (p *randomPlan) verify(t *testing.T, tokens int) {
	t.Helper()
	if most := p.inside.most.Load(); tokens > 0 && most > int64(tokens) {
		p.errorf("%d functions ran at once with MaxConcurrency %d", most, tokens)
	}
	if p.inside.now.Load() != 0 {
		p.errorf("%d functions run after Run has returned", p.inside.now.Load())
	}
	for visit, g := range p.live {
		if limit := p.levels[0].opts.Limit; limit > 0 && g.most.Load() > int64(limit) {
			p.errorf("%d branches of %s lived at once, limit %d", g.most.Load(), visit, limit)
		}
	}
	for _, e := range p.errs {
		t.Errorf("plan %d: %s", p.seed, e)
	}
}

// Reading to the end under Collect gives one final state, whatever the timing; limits hold at every depth; nothing runs
// after Run has returned.
func TestRandomPlans(t *testing.T) {
	for seed := range uint64(*plans) {
		for timing := range uint64(2) {
			synctest.Test(t, func(t *testing.T) {
				p := newRandomPlan(seed, false)
				p.timing = timing * 1000
				top := len(p.levels) - 1
				tokens := p.dice("tokens", 0).IntN(4)
				o := starting(nameState{"r"})
				if seed%2 == 0 {
					o = stored(memory(), nameState{"r"})
				}
				o.MaxConcurrency = tokens
				if p.dice("grace", 0).IntN(4) == 0 {
					o.Grace = time.Minute
				}
				if p.dice("tracker", 0).IntN(4) == 0 {
					o.Cascade.Tracker = &fanRig{}
				}
				app := newApp(t, p.graph(top), o)
				out, err := app.Run(t.Context())
				if err == nil && out.Stop == burdock.StopWaiting {
					out, err = app.Run(t.Context(), burdock.Given(consent{true}))
				}
				if err != nil || out.Stop != burdock.StopDone {
					t.Fatalf("plan %d: %v, %v", seed, out, err)
				}
				if got, want := view[twigOut](t, out.State).Word, p.expect(top, "r"); got != want {
					t.Errorf("plan %d: got\n%s\nwant\n%s", seed, got, want)
				}
				ran := p.ran
				time.Sleep(time.Hour)
				if p.ran != ran {
					t.Errorf("plan %d: a function has started after Run returned", seed)
				}
				p.verify(t, tokens)
			})
		}
		if t.Failed() {
			return
		}
	}
}

// The same with a process that dies, or is cancelled, again and again at random moments: the final state is equal, what
// reduce chose it chooses again, and no branch whose end was acknowledged runs again.
func TestRandomCrashes(t *testing.T) {
	for seed := range uint64(*plans/10) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 6))
			cancels := rnd.IntN(3) == 0
			p := newRandomPlan(seed, !cancels)
			if rnd.IntN(2) == 0 {
				p.failFast()
			}
			top := len(p.levels) - 1
			tokens := rnd.IntN(4)
			store := memory()
			acked := map[string]burdock.Checkpoint{}
			f := frail(store, 0)
			p.check = func(ctx context.Context, name string) {
				f.mu.Lock()
				cp := acked[burdock.Info(ctx).App]
				f.mu.Unlock()
				if cp.Join != 0 && (cp.Status == burdock.StatusCompleted || !cancels && !p.flaky) {
					p.errorf("%s runs again although its end was acknowledged", name)
				}
			}
			given, final, g := false, "", p.graph(top)
			for round := 0; ; round++ {
				if round > 300 {
					t.Fatalf("plan %d: no end", seed)
				}
				f = frail(store, rnd.IntN(10+round))
				f.acked = acked
				f.lost = rnd.IntN(4) == 0
				o := stored(f, nameState{"r"})
				o.MaxConcurrency = tokens
				p.timing = uint64(round) * 1000
				ctx, cancel := context.WithCancel(t.Context())
				if cancels {
					time.AfterFunc(time.Duration(rnd.IntN(20))*time.Millisecond, cancel)
				}
				var opts []burdock.RunOption
				if given {
					opts = append(opts, burdock.Given(consent{true}))
				}
				app := openApp(t, g, o)
				out, err := app.Run(ctx, opts...)
				cancel()
				switch {
				case err == nil && out.Stop == burdock.StopDone:
					final = view[twigOut](t, out.State).Word
				case err == nil && out.Stop == burdock.StopWaiting:
					given = true
					continue
				case isStoreError(err) || cancels && errors.Is(err, context.Canceled) || p.flaky && isMapError(err):
					continue
				default:
					t.Fatalf("plan %d: %v, %v", seed, out, err)
				}
				break
			}
			early := slices.ContainsFunc(p.levels, func(l randomLevel) bool { return l.early > 0 })
			if want := p.expect(top, "r"); !early && final != want {
				t.Errorf("plan %d: got\n%s\nwant\n%s", seed, final, want)
			}
			if want := p.decided["r"]; want != "" && final != want {
				t.Errorf("plan %d: got\n%s\nbut reduce chose\n%s", seed, final, want)
			}
			p.verifyRecords(t, store)
			p.verify(t, tokens)
		})
		if t.Failed() {
			return
		}
	}
}

func isMapError(err error) bool {
	_, ok := errors.AsType[*burdock.MapError](err)
	return ok
}
