package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
)

// The windows of a plan. Every application, the root included, begins with a name and a value; each step mixes its own
// name into the value, so the value tells which steps have run in which order.
type (
	item struct {
		Name    string `state:"name"`
		Value   uint64 `state:"value"`
		Edition int    `state:"edition"` // of the window that a branch began with
	}
	keyedItem struct {
		Name    string `state:"name,key"`
		Value   uint64 `state:"value"`
		Edition int    `state:"edition"`
	}
	place struct {
		Name  string `state:"name"`
		Value uint64 `state:"value"`
	}
	turning struct {
		Name  string `state:"name"`
		Value uint64 `state:"value"`
		Turn  int    `state:"turn,optional"`
	}
	turned struct {
		Value uint64   `state:"value"`
		Log   []string `state:"log,append"`
		Turn  int      `state:"turn"` // zero after the last one
	}
	written struct {
		Value uint64   `state:"value"`
		Log   []string `state:"log,append"`
	}
	blob struct {
		Value uint64 `state:"value"`
		Blob  string `state:"blob"`
	}
	scratched struct {
		Value   uint64 `state:"value"`
		Scratch string `state:"scratch"`
	}
	wiped struct {
		Value   uint64 `state:"value"`
		Scratch bool   `state:"scratch,delete"`
	}
	handled struct {
		Name    string          `state:"name"`
		Value   uint64          `state:"value"`
		Failure burdock.Failure `input:"failure"`
	}
	alphaIn struct {
		Name  string `state:"name"`
		Value uint64 `state:"value"`
		Word  string `input:"alpha"`
	}
	betaIn struct {
		Name  string `state:"name"`
		Value uint64 `state:"value"`
		Word  string `input:"beta"`
	}
	replyIn struct {
		Name  string `state:"name"`
		Value uint64 `state:"value"`
		Reply string `input:"reply"`
	}
	subOut struct {
		Value uint64 `state:"value"`
	}
	result struct {
		Name    string   `state:"name"`
		Value   uint64   `state:"value"`
		Edition int      `state:"edition"`
		Log     []string `state:"log,optional"`
	}
	final struct {
		Name    string   `state:"name"`
		Value   uint64   `state:"value"`
		Edition int      `state:"edition"`
		Turn    int      `state:"turn,optional"`
		Log     []string `state:"log,optional"`
		Blob    string   `state:"blob,optional"`
		Scratch string   `state:"scratch,optional"`
	}
)

// words are the values of the plan's inputs.
var words = map[string]string{"alpha": "aleph", "beta": "beth"}

// errNo is the error of an attempt that fails. Error routes know it after a restart too.
var errNo = errors.New("crashtest: no")

// A World is what the functions of a graph touch besides their windows.
type World interface {
	// Process numbers the process that runs, from 1; 0 is the undisturbed run.
	Process() int
	// Pause takes some time, and an error if the attempt is cancelled meanwhile.
	Pause(ctx context.Context) error
	// Effect is the side effect of an attempt, and says how the attempt will end.
	Effect(step *burdock.StepInfo, ok bool)
	// Received is told each result that a reduce was given.
	Received(visit *burdock.StepInfo, branch string, ok bool)
	// Replied is told which answer an attempt has, before its effect.
	Replied(step *burdock.StepInfo, word string)
	// Decided is told what a reduce that returned early has chosen.
	Decided(visit *burdock.StepInfo, choice string)
}

// Root is the id of every plan's application.
const Root = "root"

// Options are those with which a process runs the plan.
func (p *Plan) Options(store burdock.Store, process int) *burdock.Options {
	return &burdock.Options{
		ID: Root, State: burdock.StateOf(item{Name: "r", Value: p.Seed}), Cascade: burdock.Cascade{Store: store},
		MaxConcurrency: dice(4, p.Seed, "tokens", process),
	}
}

// Inputs returns the values of inputs by name.
func Inputs(names []string) []burdock.RunOption {
	var all []burdock.RunOption
	for _, name := range names {
		all = append(all, burdock.Input(name, words[name]))
	}
	return all
}

// Needs returns the inputs that the plan asks for somewhere.
func (p *Plan) Needs() []string {
	var names []string
	for _, k := range []kind{kindAlpha, kindBeta} {
		if p.has(func(b *block) bool { return b.kind == k }) {
			names = append(names, string(k))
		}
	}
	return names
}

// has reports whether a block of the plan is of a kind.
func (p *Plan) has(is func(*block) bool) bool {
	var in func([]*block) bool
	in = func(blocks []*block) bool {
		return slices.ContainsFunc(blocks, func(b *block) bool {
			return is(b) || in(b.inner) || slices.ContainsFunc(b.below, func(l *level) bool { return in(l.blocks) })
		})
	}
	return in(p.root.blocks)
}

// Dump is a text of a final state: equal states have equal texts.
func Dump(s burdock.State) (string, error) {
	f, err := burdock.View[final](s)
	if err != nil {
		return "", err
	}
	sum := fnv.New64a()
	sum.Write([]byte(f.Blob))
	f.Blob = fmt.Sprintf("%d bytes %x", len(f.Blob), sum.Sum64())
	data, err := json.MarshalIndent(f, "", " ")
	return fmt.Sprintf("keys %q\n%s", slices.Sorted(s.Keys()), data), err
}

// Graph makes the plan's graph for a process.
func (p *Plan) Graph(w World) (*burdock.Graph, error) {
	m := &maker{plan: p, world: w}
	if err := errors.Join(m.graph(p.root), m.err); err != nil {
		return nil, err
	}
	return m.graphs[p.root], nil
}

// A maker turns blocks into nodes.
type maker struct {
	plan   *Plan
	world  World
	graphs map[*level]*burdock.Graph
	err    error
}

func (m *maker) graph(l *level) error {
	if m.graphs == nil {
		m.graphs = map[*level]*burdock.Graph{}
	}
	_, parts := m.chain(l.blocks, nil)
	g, err := burdock.NewGraph(l.name, append(parts, burdock.Sentinels(errNo))...)
	m.graphs[l] = g
	return err
}

// runnable is what the branches of a map run: a graph, or a single action where that is all.
func (m *maker) runnable(l *level) burdock.Runnable {
	if len(l.blocks) == 1 && l.blocks[0].kind == kindStep {
		return m.step(l.blocks[0])
	}
	m.err = errors.Join(m.err, m.graph(l))
	return m.graphs[l]
}

// chain makes the nodes of blocks that follow each other, and then next; nil is the end.
func (m *maker) chain(blocks []*block, next *burdock.Action) (entry *burdock.Action, parts []burdock.Part) {
	if len(blocks) == 0 {
		return next, nil
	}
	after, rest := m.chain(blocks[1:], next)
	entry, parts = m.nodes(blocks[0], after)
	return entry, append(parts, rest...)
}

func then(next *burdock.Action) []burdock.Route {
	if next == nil {
		return nil
	}
	return []burdock.Route{burdock.Then(next)}
}

func (m *maker) nodes(b *block, next *burdock.Action) (entry *burdock.Action, parts []burdock.Part) {
	switch b.kind {
	case kindLoop:
		turn := m.turn(b)
		first, inner := m.chain(b.inner, turn)
		again := burdock.When("turn > 0", func(t struct {
			Turn int `state:"turn"`
		},
		) bool {
			return t.Turn > 0
		})
		return first, append(inner, burdock.Node(turn, append([]burdock.Route{again.Then(first)}, then(next)...)...))
	case kindScratch:
		wipe := leaf(m, b, "_wipe", func(in place, value uint64) wiped { return wiped{value, true} })
		write := leaf(m, b, "", func(in place, value uint64) scratched { return scratched{value, "of " + in.Name} })
		return write, []burdock.Part{burdock.Node(write, burdock.Then(wipe)), burdock.Node(wipe, then(next)...)}
	}
	a := m.action(b)
	if !b.caught {
		return a, []burdock.Part{burdock.Node(a, then(next)...)}
	}
	h := m.handler(b)
	routes := append(then(next), burdock.OnError(burdock.AnyError, h))
	return a, []burdock.Part{burdock.Node(a, routes...), burdock.Node(h, then(next)...)}
}

func (m *maker) action(b *block) *burdock.Action {
	switch b.kind {
	case kindBlob:
		return leaf(m, b, "", func(in place, value uint64) blob {
			return blob{value, strings.Repeat(fmt.Sprintf("%s %x ", in.Name, value), b.n/20)}
		})
	case kindFlaky:
		if !b.retried {
			return m.step(b).With(quickly(b.n + 1))
		}
	case kindFail:
		if b.n > 1 {
			return m.step(b).With(quickly(b.n))
		}
	case kindAlpha:
		return asking(m, b, func(in alphaIn) (place, string) { return place{in.Name, in.Value}, in.Word })
	case kindBeta:
		return asking(m, b, func(in betaIn) (place, string) { return place{in.Name, in.Value}, in.Word })
	case kindReply:
		return asking(m, b, func(in replyIn) (place, string) { return place{in.Name, in.Value}, in.Reply }).With(quickly(2))
	case kindMap:
		return m.mapStates(b)
	case kindActions:
		return m.mapActions(b)
	case kindSub:
		return burdock.Subgraph[item, subOut](b.name, m.runnable(b.below[0]))
	}
	return m.step(b)
}

// quickly is a Retry that does not hold up a round.
func quickly(attempts int) burdock.Retry {
	return burdock.Retry{Attempts: attempts, Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond}
}

// mix is a number that tells both what it was made of and the order.
func mix(value uint64, parts ...string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%x%q", value, parts)
	return h.Sum64()
}

// act is what every leaf does: take some time, have its effect, and end as planned.
func (m *maker) act(ctx context.Context, b *block, name string) error {
	if err := m.world.Pause(ctx); err != nil {
		return err
	}
	info := burdock.Info(ctx)
	fate := m.plan.ends(b, name, info.Attempt)
	m.world.Effect(info, fate == fine)
	switch fate {
	case errs:
		return fmt.Errorf("%s of %s: %w", b.name, name, errNo)
	case panics:
		panic(b.name)
	case exits:
		runtime.Goexit()
	}
	return nil
}

// leaf is an action that writes what out makes of the place and the new value.
func leaf[Out any](m *maker, b *block, suffix string, out func(in place, value uint64) Out) *burdock.Action {
	name := b.name + suffix
	return burdock.Func(name, func(ctx context.Context, in place) (none Out, err error) {
		if err := m.act(ctx, b, in.Name); err != nil {
			return none, err
		}
		return out(in, mix(in.Value, name)), nil
	})
}

func (m *maker) step(b *block) *burdock.Action {
	return leaf(m, b, "", func(in place, value uint64) written { return written{value, []string{in.Name + " " + b.name}} })
}

// turn counts the turns of a loop.
func (m *maker) turn(b *block) *burdock.Action {
	return burdock.Func(b.name, func(ctx context.Context, in turning) (turned, error) {
		if err := m.act(ctx, b, in.Name); err != nil {
			return turned{}, err
		}
		turn := (in.Turn + 1) % b.n
		return turned{mix(in.Value, b.name), []string{fmt.Sprintf("%s %s %d", in.Name, b.name, turn)}, turn}, nil
	})
}

// asking is an action that needs an input.
func asking[In any](m *maker, b *block, of func(In) (place, string)) *burdock.Action {
	return burdock.Func(b.name, func(ctx context.Context, w In) (written, error) {
		in, word := of(w)
		if b.kind == kindReply {
			m.world.Replied(burdock.Info(ctx), word)
		}
		if err := m.act(ctx, b, in.Name); err != nil {
			return written{}, err
		}
		return written{mix(in.Value, b.name, word), []string{in.Name + " " + b.name + " " + word}}, nil
	})
}

// handler goes on after a failure. Which branches a failed map names depends on timing, so only of a leaf's own error
// more is written than that there was one.
func (m *maker) handler(b *block) *burdock.Action {
	name := b.name + "_caught"
	return burdock.Func(name, func(ctx context.Context, in handled) (written, error) {
		if err := m.act(ctx, &block{name: name}, in.Name); err != nil {
			return written{}, err
		}
		line := in.Name + " " + name + " " + in.Failure.Action
		if !b.kind.parallel() {
			line += fmt.Sprintf(" %v %s", errors.Is(in.Failure.Err(), errNo), in.Failure.Text)
		}
		return written{mix(in.Value, line), []string{line}}, nil
	})
}
