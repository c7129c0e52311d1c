package burdock

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/burdock-go/burdock/internal/bind"
	"github.com/burdock-go/burdock/internal/codec"
)

// A Graph is a state machine: nodes, each an action with the routes that follow it. It is an immutable value, made by
// NewGraph, and may serve any number of applications at once.
type Graph struct {
	name     string
	parts    graphParts
	start    string
	exits    map[string]bool // Until: the graph ends after these
	plan     func() (*plan, error)
	hashed   func() hashed
	executor Executor // of On
	err      error    // of From, Until and Replace, reported by whoever uses the graph
	plain    *Graph   // of one with a Fallback: without it
}

// graphParts is what NewGraph was given, sorted.
type graphParts struct {
	nodes     []nodePart
	every     []Route
	codecs    []codec.Custom
	sentinels []error
	fallback  *Action // of a branch: a node that MapOptions adds
}

// A Part is something a graph is made of: Node, Chain, EveryNode, Codec, Sentinels.
type Part interface {
	addTo(p *graphParts)
}

type nodePart struct {
	action *Action
	routes []Route
}

func (n nodePart) addTo(p *graphParts) { p.nodes = append(p.nodes, n) }

// Node adds an action and the routes that follow it. The first node of a graph is where it starts.
func Node(a *Action, routes ...Route) Part { return nodePart{a, routes} }

type chainPart []*Action

func (c chainPart) addTo(p *graphParts) {
	for i, a := range c {
		n := nodePart{action: a}
		if i+1 < len(c) {
			n.routes = []Route{Then(c[i+1])}
		}
		n.addTo(p)
	}
}

// Chain adds actions that follow each other in a line.
func Chain(actions ...*Action) Part { return chainPart(actions) }

type everyPart []Route

func (e everyPart) addTo(p *graphParts) { p.every = append(p.every, e...) }

// EveryNode adds error routes to all nodes, after their own. A handler gets no route to itself.
func EveryNode(routes ...Route) Part { return everyPart(routes) }

type sentinelsPart []error

func (s sentinelsPart) addTo(p *graphParts) { p.sentinels = append(p.sentinels, s...) }

// Sentinels registers errors that a Failure still Is after a restart. Branch graphs inherit them.
func Sentinels(errs ...error) Part { return sentinelsPart(errs) }

// NewGraph makes a graph and checks it. It reports everything that is wrong at once, joined: windows and types that
// cannot be saved, names that stand twice, routes to unknown nodes, nodes that cannot be reached, routes that can never
// be taken, one key with two types, and branch graphs that read what they are not given or do not write their result.
// A name of GraphNamed that no graph around it has is left to whoever makes an application of the graph.
func NewGraph(name string, parts ...Part) (*Graph, error) {
	g := &Graph{name: name, exits: map[string]bool{}}
	for _, p := range parts {
		if p == nil {
			g.err = errors.Join(g.err, fmt.Errorf("graph %q: a nil part", name))
			continue
		}
		p.addTo(&g.parts)
	}
	if why := bind.BadName(name); why != "" {
		g.err = errors.Join(g.err, fmt.Errorf("graph %q: its name %s", name, why))
	}
	if len(g.parts.nodes) > 0 && g.parts.nodes[0].action != nil {
		g.start = g.parts.nodes[0].action.name
	}
	g.prepare()
	if _, err := g.plan(); err != nil {
		return nil, err
	}
	return g, nil
}

// MustGraph is NewGraph for graphs written in the program text. It panics on an error.
func MustGraph(name string, parts ...Part) *Graph {
	g, err := NewGraph(name, parts...)
	if err != nil {
		panic(err)
	}
	return g
}

// prepare arranges for the plan and the hash to be computed once, when they are asked for.
func (g *Graph) prepare() {
	g.plan = sync.OnceValues(func() (*plan, error) { return compile(g, inherited{}) })
	g.hashed = sync.OnceValue(func() hashed { return hashGraph(g) })
}

// Name returns the graph's name.
func (g *Graph) Name() string { return g.name }

// Action returns the action of the node of that name, or nil.
func (g *Graph) Action(name string) *Action {
	if n := g.node(name); n != nil {
		return n.action
	}
	return nil
}

func (g *Graph) node(name string) *nodePart {
	for i := range g.parts.nodes {
		if n := &g.parts.nodes[i]; n.action != nil && n.action.name == name {
			return n
		}
	}
	return nil
}

// changed returns a copy with its own plan.
func (g *Graph) changed() *Graph {
	c := &Graph{name: g.name, parts: g.parts, start: g.start, exits: g.exits, executor: g.executor, err: g.err}
	c.prepare()
	return c
}

// On returns a copy of the graph whose branches run where ex says, and what is below them too. It holds where the graph
// is a branch, and overrides what a map or the application says; Task.Cascade overrides it. Hash does not change.
func (g *Graph) On(ex Executor) *Graph {
	c := g.changed()
	c.executor = ex
	if ex == nil {
		c.err = errors.Join(c.err, fmt.Errorf("graph %q: On: a nil Executor; Local runs branches in this process", g.name))
	}
	return c
}

// From returns a copy of the graph that starts at another node. What is wrong is reported by whoever uses the copy.
func (g *Graph) From(start Selector) *Graph {
	c := g.changed()
	names := g.selected(start)
	if len(names) != 1 {
		c.err = errors.Join(c.err, fmt.Errorf("graph %q: From(%v) names %d nodes; it names one", g.name, start, len(names)))
		return c
	}
	c.start = names[0]
	return c
}

// Until returns a copy of the graph that ends after any of the given nodes has run; their routes are not asked. What is
// wrong is reported by whoever uses the copy.
func (g *Graph) Until(exits ...Selector) *Graph {
	c := g.changed()
	c.exits = map[string]bool{}
	for _, sel := range exits {
		names := g.selected(sel)
		if len(names) == 0 {
			c.err = errors.Join(c.err, fmt.Errorf("graph %q: Until(%v) names no node", g.name, sel))
		}
		for _, n := range names {
			c.exits[n] = true
		}
	}
	return c
}

// Replace returns a copy of the graph in which the node of the fake's name runs the fake, for tests. What is wrong is
// reported by whoever uses the copy.
func (g *Graph) Replace(fake *Action) *Graph {
	c := g.changed()
	if fake == nil || g.node(fake.name) == nil {
		c.err = errors.Join(c.err, fmt.Errorf("graph %q: Replace: no node of that name", g.name))
		return c
	}
	nodes := make([]nodePart, len(g.parts.nodes))
	for i, n := range g.parts.nodes {
		if n.action.name == fake.name {
			n.action = fake
		}
		n.routes = redirected(n.routes, fake)
		nodes[i] = n
	}
	c.parts.nodes = nodes
	c.parts.every = redirected(c.parts.every, fake)
	return c
}

func redirected(routes []Route, fake *Action) []Route {
	out := make([]Route, len(routes))
	for i, r := range routes {
		if r.to != nil && r.to.name == fake.name {
			r.to = fake
		}
		out[i] = r
	}
	return out
}

// Hash identifies what the graph does, as far as the program text says: names, windows with their structural types,
// routes with labels in order, branch graphs and versions. Timeouts, limits and tags are not part of it. An application
// resumes only with the hash it was recorded with.
func (g *Graph) Hash() string {
	if g.hashed == nil { // no constructor made it
		return ""
	}
	return g.hashed().hash
}

// A Runnable can be a branch: a *Graph, an *Action, which is a graph of one node, or a graph around it by GraphNamed.
type Runnable interface {
	asGraph() *Graph
	// Name names the branch.
	Name() string
}

func (g *Graph) asGraph() *Graph { return g }

// withFallback returns the graph with one more node, to which every other leads when nothing else takes its failure.
func (g *Graph) withFallback(a *Action) *Graph {
	if a == nil {
		return g
	}
	f := *g
	f.parts.nodes = append(slices.Clone(g.parts.nodes), nodePart{action: a})
	f.parts.every = append(slices.Clone(g.parts.every), OnError(AnyError, a))
	f.parts.fallback, f.plain = a, g
	f.prepare()
	return &f
}

func (a *Action) asGraph() *Graph {
	g := &Graph{name: a.name, start: a.name, exits: map[string]bool{}, parts: graphParts{nodes: []nodePart{{action: a}}}}
	g.prepare()
	return g
}

// Actions collects runnables for MapActions.
func Actions(rs ...Runnable) []Runnable { return rs }

// A Selector names nodes: an *Action, ByName or Tag.
type Selector interface {
	selects(a *Action) bool
	fmt.Stringer
}

func (a *Action) selects(b *Action) bool { return a != nil && a.name == b.name }

// String returns the action's name.
func (a *Action) String() string { return a.name }

type byName string

func (n byName) selects(a *Action) bool { return a.name == string(n) }
func (n byName) String() string         { return string(n) }

// ByName selects the node of that name.
func ByName(name string) Selector { return byName(name) }

type byTag string

func (t byTag) selects(a *Action) bool {
	return slices.Contains(a.tags, string(t))
}
func (t byTag) String() string { return "tag " + string(t) }

// Tag selects the nodes whose actions have the tag.
func Tag(tag string) Selector { return byTag(tag) }

// selected returns the names of the nodes that sel selects.
func (g *Graph) selected(sel Selector) []string {
	if sel == nil || reflect.ValueOf(sel).Kind() == reflect.Pointer && reflect.ValueOf(sel).IsNil() {
		return nil
	}
	var names []string
	for _, n := range g.parts.nodes {
		if n.action != nil && sel.selects(n.action) {
			names = append(names, n.action.name)
		}
	}
	return names
}
