package crashtest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// A Plan is a random application. All of it follows from its seed: the graph, what each action writes, which attempts
// fail and how many branches there are. What differs between processes, such as limits and the order of a sequence,
// does not reach the final state.
type Plan struct {
	Seed uint64
	root *level
}

// A level is one graph: the root's, or that of branches.
type level struct {
	name   string
	blocks []*block
}

// A block is a node of a level, or a few that belong together. Its name is unique in the plan.
type block struct {
	kind  kind
	name  string
	n     int      // loop: turns; blob: bytes; flaky: attempts that fail; fail: attempts
	inner []*block // loop: what it repeats
	fate  fate     // fail: how

	below    []*level // map: what its branches run
	width    int      // map: how many branches; below zero there is no end
	reduce   reduce
	need     int  // map: how many results reduce waits for, if it returns early
	keyed    bool // map: branches have keys of their own, else indexes
	shuffled bool // map: each process yields the branches in another order
	edited   bool // map: some windows differ between processes
	failFast bool // map: the first failure ends the visit
	caught   bool // fail, map: an error route leads on
	retried  bool // map: it has a Retry, and its branches fail at first
	cancels  bool // reply: some branches are cancelled instead of answered
}

type kind string

const (
	kindStep    kind = "step"
	kindBlob    kind = "blob"    // writes a large value, for snapshots
	kindScratch kind = "scratch" // writes a key that a second node deletes
	kindLoop    kind = "loop"
	kindFlaky   kind = "flaky" // its first attempts fail
	kindFail    kind = "fail"  // some names fail for good
	kindAlpha   kind = "alpha" // needs the input alpha
	kindBeta    kind = "beta"  // needs the input beta
	kindReply   kind = "reply" // needs an input that somebody else answers
	kindMap     kind = "map"
	kindActions kind = "actions"
	kindSub     kind = "sub"
)

// parallel reports whether the block's node runs branches.
func (k kind) parallel() bool { return k == kindMap || k == kindActions || k == kindSub }

// A fate is how an attempt ends.
type fate string

const (
	fine   fate = ""
	errs   fate = "error"
	panics fate = "panic"
	exits  fate = "goexit"
)

// A reduce is how a map joins its branches.
type reduce string

const (
	joinAll    reduce = "all"    // reads everything, failures included
	joinQuorum reduce = "quorum" // returns after the first that complete, whichever they are
	joinFirst  reduce = "first"  // returns after the first in the order of the sequence
)

// The bounds of a plan's work: how many effects an undisturbed run has, roughly.
const (
	leastWork = 10
	mostWork  = 160
	maxDepth  = 3
)

// NewPlan makes the plan of a seed.
func NewPlan(seed uint64) *Plan {
	for try := uint64(0); ; try++ {
		g := &generator{rnd: rand.New(rand.NewPCG(seed, try))}
		p := &Plan{Seed: seed, root: g.root()}
		if w := work(p.root.blocks); w >= leastWork && w <= mostWork {
			return p
		}
	}
}

// work estimates how many effects the blocks have.
func work(blocks []*block) int {
	sum := 0
	for _, b := range blocks {
		switch {
		case b.kind == kindLoop:
			sum += b.n * (1 + work(b.inner))
		case b.kind.parallel():
			for _, l := range b.below {
				sum += max(b.width, b.need+2, 1) * work(l.blocks)
			}
		default:
			sum++
		}
	}
	return sum
}

type generator struct {
	rnd    *rand.Rand
	names  int
	levels int
}

// A frame is what surrounds a block and restricts it.
type frame struct {
	depth  int
	inLoop bool
	fails  bool // a failure without an error route is allowed
	asks   bool // waiting for inputs is allowed
	ends   bool // the sequence around it does
}

func (g *generator) chance(percent int) bool { return g.rnd.IntN(100) < percent }

func (g *generator) root() *level {
	f := frame{asks: true, ends: true}
	l := g.level(f)
	at := g.rnd.IntN(len(l.blocks) + 1)
	l.blocks = append(l.blocks[:at:at], append([]*block{g.anyMap(f)}, l.blocks[at:]...)...)
	return l
}

func (g *generator) level(f frame) *level {
	g.levels++
	l := &level{name: fmt.Sprintf("level%d", g.levels)}
	for range 1 + g.rnd.IntN(4) {
		l.blocks = append(l.blocks, g.block(f))
	}
	return l
}

func (g *generator) named(k kind) *block {
	g.names++
	return &block{kind: k, name: fmt.Sprintf("%s%d", k, g.names)}
}

func (g *generator) block(f frame) *block {
	switch n := g.rnd.IntN(100); {
	case n < 8:
		b := g.named(kindBlob)
		b.n = 500 + g.rnd.IntN(4000)
		return b
	case n < 14:
		return g.named(kindScratch)
	case n < 22 && !f.inLoop:
		return g.loop(f)
	case n < 32:
		b := g.named(kindFlaky)
		b.n = 1 + g.rnd.IntN(3)
		return b
	case n < 42:
		return g.failing(f)
	case n < 50 && f.asks:
		return g.named([]kind{kindAlpha, kindBeta}[g.rnd.IntN(2)])
	case n < 58 && f.ends:
		b := g.named(kindReply)
		b.cancels = f.fails && g.chance(50)
		return b
	case n > 70 && f.depth < maxDepth:
		return g.anyMap(f)
	}
	return g.named(kindStep)
}

func (g *generator) loop(f frame) *block {
	b := g.named(kindLoop)
	b.n = 2 + g.rnd.IntN(3)
	f.inLoop = true
	for range 1 + g.rnd.IntN(2) {
		b.inner = append(b.inner, g.block(f))
	}
	return b
}

func (g *generator) failing(f frame) *block {
	b := g.named(kindFail)
	b.caught = !f.fails || g.chance(30)
	b.n = 1 + g.rnd.IntN(3)
	b.fate = []fate{errs, errs, panics, exits}[g.rnd.IntN(4)]
	return b
}

// anyMap makes one of the parallel actions. What its branches may do depends on how their results are joined.
func (g *generator) anyMap(f frame) *block {
	b := g.named(kindMap)
	below := frame{depth: f.depth + 1, asks: f.asks && g.chance(40), ends: f.ends}
	b.reduce, b.keyed, b.width = joinAll, g.chance(60), g.rnd.IntN(7)
	switch n := g.rnd.IntN(100); {
	case n < 35:
		below.fails = true
		b.shuffled, b.edited = g.chance(50), g.chance(40)
	case n < 47:
		below.fails, b.failFast, b.caught = true, true, true
		b.shuffled = g.chance(30)
	case n < 57:
		b.failFast, b.retried = true, true
	case n < 70:
		below.fails = true
		g.early(b, &below, joinQuorum)
	case n < 80:
		below.fails = true
		g.early(b, &below, joinFirst)
	case n < 92:
		b.kind, b.name, b.width, below.fails = kindActions, fmt.Sprintf("%s%d", kindActions, g.names), 1, true
		for range 2 + g.rnd.IntN(3) {
			b.below = append(b.below, g.level(below))
		}
		return b
	default:
		b.kind, b.name, b.width = kindSub, fmt.Sprintf("%s%d", kindSub, g.names), 1
	}
	l := g.level(below)
	if b.retried {
		first := g.named(kindFlaky)
		first.n, first.retried = 1+g.rnd.IntN(2), true // the map retries it, not the node
		l.blocks = append([]*block{first}, l.blocks...)
	}
	b.below = []*level{l}
	return b
}

// early makes a map whose reduce returns before it has read everything. An endless one must not wait for ever.
func (g *generator) early(b *block, below *frame, how reduce) {
	b.reduce, b.need = how, 1+g.rnd.IntN(3)
	if g.chance(40) {
		b.width, below.asks, below.ends = -1, false, false
	}
}

// Reruns reports whether a step that has failed for good may run again: a branch of a visit which failed, and is tried
// again after a crash or by a Retry.
func (p *Plan) Reruns() bool { return p.has(func(b *block) bool { return b.failFast }) }

// Decides reports whether some reduce returns with whichever results come first.
func (p *Plan) Decides() bool { return p.has(func(b *block) bool { return b.reduce == joinQuorum }) }

// dice returns a random number below n that follows from what it is about.
func dice(n int, about ...any) int {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q", about)
	return rand.New(rand.NewPCG(h.Sum64(), 1)).IntN(n)
}

// ends says how an attempt of a leaf ends, in the application of that name.
func (p *Plan) ends(b *block, name string, attempt int) fate {
	switch {
	case b.kind == kindReply && attempt == 1 && dice(4, p.Seed, b.name, name) == 0:
		return errs
	case b.kind == kindFlaky && attempt <= b.n && dice(3, p.Seed, b.name, name) > 0:
		return errs
	case b.kind == kindFail && dice(10, p.Seed, b.name, name) < 4:
		return b.fate
	}
	return fine
}
