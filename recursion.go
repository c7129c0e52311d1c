package burdock

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/burdock-go/burdock/internal/bind"
)

// GraphNamed refers, as what a map or a Subgraph runs, to the graph of that name around it, so that a graph can use
// itself as a branch: directly, through other graphs, to any depth. Of several around it the nearest counts; an action
// that a map runs is a graph of one node. Options.MaxDepth guards against a recursion without an end.
//
// What it refers to is the whole graph: From and Until of a copy say where an application begins and ends, Replace
// and On hold in the branches too. Codecs and Sentinels are those that the graph has where it stands, and a Fallback is the
// one of the map that runs it.
//
// A graph that refers to one around it is made before that one, so NewGraph leaves a name open that no graph around it
// has yet. New, Resume, Open and Fork refuse a graph with a name that is still open.
func GraphNamed(name string) Runnable { return graphNamed(name) }

// graphNamed is no *Graph, so the compiler refuses it as the graph of an application.
type graphNamed string

// Name names the branch.
func (n graphNamed) Name() string { return string(n) }

// asGraph is for whoever does not resolve references: the graph says that it is none.
func (n graphNamed) asGraph() *Graph {
	g := &Graph{name: string(n), err: fmt.Errorf("GraphNamed(%q) refers to a graph around it; only what a map or a Subgraph runs can", string(n))}
	g.prepare()
	return g
}

// A family is a graph and all graphs that run in its branches, while they are compiled. With references it is no tree, so
// it is compiled in rounds:
//
//	1  the graphs as they stand in each other: nodes, windows, routes
//	2  what references refer to, each a plan of its own, as it ends with what its map reads
//	3  the inputs that branches pass on, until there are no more
//	4  the windows with which branches begin and end
//
// Each branch is compiled once for each place in the program text, whether it is reached through a reference or not; and
// that is how a branch comes to contain itself.
type family struct {
	compilers  []*compiler // inner graphs before those around them
	references []*link
	open       []openName
}

// A scope is a graph in which references may stand, or to which they may refer.
type scope struct {
	graph    *Graph // whole, and without a Fallback
	around   *scope // nil: nothing
	inherits inherited
	branches map[site]*branchPlan
	first    *compiler // of the graph where it stands
}

// A site is one of the runnables of a parallel action.
type site struct {
	par *parallel
	run int
}

// A link is a branch and who has compiled it.
type link struct {
	by   *compiler
	node *planNode
	b    *branchPlan
	of   *compiler // of the branch's graph; nil if that is not known, or not sound
}

// openName is a reference to a graph that is not around it.
type openName struct {
	name, action string
	graphs       []string // around it, the nearest first
}

func (o openName) Error() string {
	return fmt.Sprintf("graph %q: action %q: GraphNamed(%q): no graph around it has that name; there is %s",
		o.graphs[0], o.action, o.name, strings.Join(o.graphs, ", and around that "))
}

// compile turns a graph into a plan, or says everything that is wrong with it.
func compile(g *Graph, inh inherited) (*plan, error) {
	f := &family{}
	c := f.compile(g, &scope{graph: g.whole(), inherits: inh})
	for i := 0; i < len(f.references); i++ { // a Fallback may add some
		f.resolve(f.references[i])
	}
	f.passInputs()
	c.checkBranches()
	c.p.open = f.open
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.p, nil
}

// resolve compiles what a reference refers to.
func (f *family) resolve(l *link) {
	var names []string
	for s := l.by.scope; s != nil; s = s.around {
		names = append(names, s.graph.name)
		if s.graph.name != l.b.name {
			continue
		}
		if len(s.first.errs) == 0 { // what is wrong with it is reported there
			l.of = f.compile(s.graph.withFallback(l.par().opts.Fallback), s)
			l.b.plan = l.of.p
		}
		return
	}
	f.open = append(f.open, openName{l.b.name, l.node.action.name, names})
}

// passInputs makes the inputs of branches inputs of the parallel actions that run them. Where a branch contains itself
// they go round, so it is done until nothing changes.
func (f *family) passInputs() {
	for changed := true; changed; {
		changed = false
		for _, c := range f.compilers {
			changed = c.innerInputs() || changed
		}
		changed = changed && len(f.references) > 0
	}
}

func (l *link) par() *parallel { return l.node.action.spec.par }

func (l *link) who() string { return fmt.Sprintf("action %q", l.node.action.name) }

// err joins what is wrong with the graph and with those in its branches.
func (c *compiler) err() error {
	errs := slices.Clone(c.errs)
	for _, l := range c.links {
		if l.of == nil {
			continue
		}
		if err := l.of.err(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.who(), err))
		}
	}
	return joined(fmt.Sprintf("graph %q", c.g.name), errs)
}

// whole returns the graph without what From, Until and a Fallback have made of it.
func (g *Graph) whole() *Graph {
	if g.plain != nil {
		return g.plain.whole()
	}
	if len(g.parts.nodes) == 0 || g.parts.nodes[0].action == nil {
		return g
	}
	first := g.parts.nodes[0].action.name
	if g.start == first && len(g.exits) == 0 {
		return g
	}
	w := *g
	w.start, w.exits = first, map[string]bool{}
	w.prepare()
	return &w
}

// root returns the plan of a graph that an application is to run.
func (g *Graph) root() (*plan, error) {
	p, err := g.plan()
	if err == nil {
		err = p.unresolved()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// unresolved says which references lead to graphs that are not around.
func (p *plan) unresolved() error {
	if len(p.open) == 0 {
		return nil
	}
	var errs []error
	for _, o := range p.open {
		errs = append(errs, o)
	}
	return fmt.Errorf("graph %q cannot be an application: %w", p.graph.name, errors.Join(errs...))
}

// below yields all branches of the plan and those of their plans, each once.
func (p *plan) below() iter.Seq[*branchPlan] {
	return func(yield func(*branchPlan) bool) {
		seen := map[*branchPlan]bool{}
		for todo := []*plan{p}; len(todo) > 0; todo = todo[1:] {
			for _, n := range todo[0].nodes {
				for _, b := range n.branches {
					if seen[b] || b.plan == nil {
						continue
					}
					seen[b] = true
					if !yield(b) {
						return
					}
					todo = append(todo, b.plan)
				}
			}
		}
	}
}

// openWindows checks the windows of a branch whose graph is not known yet.
func (c *compiler) openWindows(l *link) {
	if sub := l.par().sub; sub != reflect.TypeFor[State]() {
		_, errs := bind.Of(sub, bind.Begin)
		c.errs = append(c.errs, wrapAll(l.who(), errs)...)
	}
	_, errs := bind.Of(l.par().res, bind.Result)
	c.errs = append(c.errs, wrapAll(l.who(), errs)...)
}

// defaultMaxDepth is how deep branches nest unless Options.MaxDepth says otherwise.
const defaultMaxDepth = 100

// depth is how many branches the application is in, itself included.
func (m *member) depth() int {
	switch {
	case m.visit != nil:
		return m.visit.depth
	case m.tree.guest != nil:
		return len(m.tree.guest.At)
	}
	return 0
}

// tooDeep reports whether the branch must not begin.
func (b *branch) tooDeep() bool { return b.visit.depth > b.tree.maxDepth }
