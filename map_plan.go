package burdock

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/burdock-go/burdock/internal/bind"
)

// branchPlan is one runnable of a map, compiled with the window that its branches begin with.
type branchPlan struct {
	name   string
	refers bool    // it is GraphNamed
	plan   *plan   // nil if no graph around it has the name; no application has such a branch
	sch    *schema // the plan's, with the keys of the window
	begin  []store // nil if Sub is State
	inputs []inputField
	keys   []*bind.Field
	result []load

	bindings func() string // hash of what its actions are bound to
	hash     func() string // of its graph as it stands here, see plan.hashAll
}

// branches compiles the branch graphs of all parallel actions.
func (c *compiler) branches() {
	for _, n := range c.p.nodes {
		par := n.action.spec.par
		if par == nil {
			continue
		}
		if len(par.tasks) == 0 {
			c.errorf("action %q: it has no actions to run", n.action.name)
		}
		names := map[string]bool{}
		for i, r := range par.tasks {
			if isNil(r) {
				c.errorf("action %q: one of the actions to run is nil", n.action.name)
				continue
			}
			if names[r.Name()] {
				c.errorf("action %q: two of the actions to run are named %q; give one another name with Named", n.action.name, r.Name())
			}
			names[r.Name()] = true
			c.branch(n, i)
		}
	}
}

func isNil(r Runnable) bool {
	v := reflect.ValueOf(r)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// branch compiles one of the runnables of a map, unless its graph has another plan that has done so.
func (c *compiler) branch(n *planNode, run int) {
	par := n.action.spec.par
	b := c.scope.branches[site{par, run}]
	if b == nil {
		b = &branchPlan{name: par.tasks[run].Name()}
		b.bindings = sync.OnceValue(func() string { return b.hashBindings(map[*branchPlan]string{}) })
		b.hash = sync.OnceValue(func() string { return b.plan.hashAll() })
		c.scope.branches[site{par, run}] = b
		c.link(&link{by: c, node: n, b: b}, par.tasks[run])
	}
	n.branches = append(n.branches, b)
}

// link compiles what a branch runs. What a reference refers to has to wait.
func (c *compiler) link(l *link, r Runnable) {
	c.links = append(c.links, l)
	if _, l.b.refers = r.(graphNamed); l.b.refers {
		if why := bind.BadName(l.b.name); why != "" {
			c.errorf("%s: GraphNamed(%q): the name %s", l.who(), l.b.name, why)
			return
		}
		c.family.references = append(c.family.references, l)
		return
	}
	g := r.asGraph()
	inner := &scope{graph: g.whole(), around: c.scope, inherits: inherited{c.p.customs, c.p.sentinels}}
	l.of = c.family.compile(g.withFallback(l.par().opts.Fallback), inner)
	l.b.plan = l.of.p
}

// checkBranches checks the windows with which the branches begin and end, the inner ones first.
func (c *compiler) checkBranches() {
	for _, l := range c.links {
		if l.of == nil {
			c.openWindows(l)
			continue
		}
		l.of.checkBranches()
		if l.of.err() == nil {
			c.checkBranch(l)
		}
	}
}

func (c *compiler) checkBranch(l *link) {
	b, par, who := l.b, l.par(), l.who()
	b.sch = b.plan.sch
	before := len(c.errs)
	given := c.begin(b, par, who)
	c.result(b, par, who)
	if len(c.errs) == before && b.begin != nil {
		reader := fmt.Sprintf("the result %s of %s", windowName(par.res), who)
		c.errs = append(c.errs, wrapAll(fmt.Sprintf("%s: branch %q", who, b.name), b.unwritten(given, reader))...)
	}
	for _, last := range b.plan.nodes {
		last.last = b.returnedBy(last, par)
	}
}

// returnedBy reports whether the branch ends with n, and the result is of the type that n returns and holds the same
// keys in the same fields.
func (b *branchPlan) returnedBy(n *planNode, par *parallel) bool {
	if !n.exit && len(n.routes) > 0 || n.action.spec.out != par.res || len(b.result) != len(n.stores) {
		return false
	}
	for i, s := range n.stores {
		l := b.result[i]
		if s.field.Append || s.field.Delete || s.field.OmitZero || l.slot != s.slot || !slices.Equal(l.field.Index, s.field.Index) {
			return false
		}
	}
	return true
}

// unwritten checks the branch graph against the window it begins with and the result that is read from it.
func (b *branchPlan) unwritten(given map[string]bool, reader string) []error {
	p := *b.plan
	p.sch = b.sch
	return p.unwritten(func(key string) bool { return given[key] }, b.result, reader)
}

// begin resolves the window that a branch begins with, and returns the keys that it surely gives.
func (c *compiler) begin(b *branchPlan, par *parallel, who string) map[string]bool {
	given := map[string]bool{}
	if par.sub == reflect.TypeFor[State]() {
		return given
	}
	w, errs := bind.Of(par.sub, bind.Begin)
	c.errs = append(c.errs, wrapAll(who, errs)...)
	extra := newSchema()
	for i := range w.Fields {
		if f := &w.Fields[i]; !f.Input {
			extra.add(f.Name, f.Type)
			given[f.Name] = !f.OmitZero
		}
	}
	sch, err := b.plan.extended(extra)
	if err != nil {
		c.errorf("%s: window %s of branch %q: %w", who, windowName(par.sub), b.name, err)
		return given
	}
	b.sch, b.begin = sch, []store{}
	for i := range w.Fields {
		f := &w.Fields[i]
		switch {
		case f.Input:
			b.inputs = append(b.inputs, c.branchInput(b, f, who))
		default:
			slot := sch.index[f.Name]
			b.begin = append(b.begin, store{f, slot, sch.keys[slot].codec})
		}
		if f.Key {
			b.keys = append(b.keys, f)
		}
	}
	return given
}

func (c *compiler) branchInput(b *branchPlan, f *bind.Field, who string) inputField {
	use := b.plan.inputs[f.Name]
	switch {
	case use == nil && b.plan.boundType[f.Name] == f.Type:
	case use == nil:
		c.errorf("%s: the window of branch %q gives input %q, which no action of it declares%s", who, b.name, f.Name, oneOf(b.plan.inputNames()))
	case use.typ != f.Type:
		c.errorf("%s: the window of branch %q gives input %q as %s, but %s declares it as %s", who, b.name, f.Name, f.Type, use.by, use.typ)
	}
	return inputField{field: f, codec: c.p.set.For(f.Type)}
}

// result resolves the window that is read from a finished branch.
func (c *compiler) result(b *branchPlan, par *parallel, who string) {
	w, errs := bind.Of(par.res, bind.Result)
	c.errs = append(c.errs, wrapAll(who, errs)...)
	for i := range w.Fields {
		f := &w.Fields[i]
		slot, ok := b.sch.index[f.Name]
		if !ok {
			if !f.Optional && par.sub != reflect.TypeFor[State]() {
				c.errorf("%s: result %s reads key %q, which branch %q neither begins with nor writes", who, windowName(par.res), f.Name, b.name)
			}
			continue
		}
		if typ := b.sch.keys[slot].typ; typ != f.Type {
			c.errorf("%s: result %s reads key %q as %s, but in branch %q it is %s", who, windowName(par.res), f.Name, f.Type, b.name, typ)
		}
		b.result = append(b.result, load{f, slot, f.Optional})
	}
}

// innerInputs makes the inputs of branches inputs of the parallel actions that run them, as far as they can run. It
// reports whether that changes those of the graph.
func (c *compiler) innerInputs() (changed bool) {
	for _, n := range c.p.nodes {
		n.inner = nil
		if n.index >= len(c.seen) || !c.seen[n.index] {
			continue
		}
		for _, b := range n.branches {
			if b.plan == nil {
				continue
			}
			for _, u := range b.plan.inputList {
				outer := *u
				outer.optional = outer.optional || gives(n.action.spec.par.sub, u.name)
				n.inner = append(n.inner, &outer)
				changed = c.declare(&outer) || changed
			}
		}
	}
	return changed
}

// gives reports whether a window that branches begin with has a field for the input.
func gives(sub reflect.Type, input string) bool {
	if sub == reflect.TypeFor[State]() {
		return false
	}
	w, _ := bind.Of(sub, bind.Begin)
	return slices.ContainsFunc(w.Fields, func(f bind.Field) bool { return f.Input && f.Name == input })
}

func (p *plan) inputNames() []string { return sortedKeys(p.inputs) }
