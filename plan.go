package burdock

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/burdock-go/burdock/internal/bind"
	"github.com/burdock-go/burdock/internal/codec"
)

// A plan is a graph compiled for running: names resolved to slots and nodes, so that a step looks nothing up.
//
//	plan ── schema: key → slot
//	  └── nodes ── loads: slot → field of In        routes: condition, label, node
//	           ├── stores: field of Out → slot      branches: the plans of a parallel action
//	           └── inputs: name → field of In
type plan struct {
	graph     *Graph
	sch       *schema
	nodes     []*planNode
	start     *planNode
	set       *codec.Set
	customs   []codec.Custom
	sentinels []error
	inputs    map[string]*inputUse // every input that some action declares, bound ones left out
	inputList []*inputUse          // the same in order of declaration
	bound     map[string]string    // inputs that are bound, by whom
	boundType map[string]reflect.Type
	open      []openName  // references to graphs that are not around this one
	spawns    *spawnPlans // of what its actions spawn
}

// planNode is one node, ready to run.
type planNode struct {
	action    *Action
	index     int
	loads     []load
	stores    []store
	inputs    []inputField
	routes    []planRoute
	onError   []planRoute
	exit      bool
	fallback  bool          // of a branch: it is MapOptions.Fallback
	last      bool          // of a branch: it ends the branch, and what it returns is the result as it stands
	branches  []*branchPlan // of a parallel action
	inner     []*inputUse   // inputs that its branches declare
	rawWrites []int         // slots that a Raw action declares as written
}

type planRoute struct {
	route Route
	asked *planCondition // nil: always
	to    *planNode
}

// A store copies a field of a window into a slot.
type store struct {
	field *bind.Field
	slot  int
	codec *codec.Type
}

// inputField is a field of In that is bound to an input.
type inputField struct {
	field *bind.Field
	bound reflect.Value // the constant of Bind; invalid if there is none
	codec *codec.Type
}

// inputUse is an input that a graph declares.
type inputUse struct {
	name     string
	typ      reflect.Type
	optional bool // for all who declare it
	secret   bool // for one who declares it
	by       string
	codec    *codec.Type
}

// inherited is what a branch graph takes over from the graph around it.
type inherited struct {
	customs   []codec.Custom
	sentinels []error
}

// compiler turns one graph into a plan and collects everything that is wrong with it.
type compiler struct {
	g      *Graph
	p      *plan
	family *family
	scope  *scope
	named  map[string]*planNode
	owner  map[string]string // key → who gave it its type
	seen   []bool            // which nodes can run, by index
	links  []*link           // the branches of the graph that it has compiled
	errs   []error           // without those of the branches' graphs
}

// compile compiles a graph that stands in a scope, and the graphs within it. References among these are left for later.
func (f *family) compile(g *Graph, s *scope) *compiler {
	c := &compiler{g: g, family: f, scope: s, named: map[string]*planNode{}, owner: map[string]string{}}
	if s.first == nil {
		s.first, s.branches = c, map[site]*branchPlan{}
	}
	inh := s.inherits
	c.p = &plan{
		graph: g, sch: newSchema(), spawns: &spawnPlans{}, inputs: map[string]*inputUse{}, bound: map[string]string{}, boundType: map[string]reflect.Type{},
		customs:   append(slices.Clone(inh.customs), g.parts.codecs...),
		sentinels: append(slices.Clone(inh.sentinels), g.parts.sentinels...),
	}
	c.p.set = codec.NewSet(c.p.customs...)
	if g.err != nil {
		c.errs = append(c.errs, g.err)
	}
	c.nodes()
	c.windows()
	c.branches()
	c.routes()
	c.reachable()
	f.compilers = append(f.compilers, c)
	return c
}

func (c *compiler) errorf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// nodes makes the nodes and checks their names.
func (c *compiler) nodes() {
	c.sentinels()
	if len(c.g.parts.nodes) == 0 {
		c.errorf("it has no nodes; add one with Node")
	}
	for _, n := range c.g.parts.nodes {
		switch {
		case n.action == nil:
			c.errorf("a node without an action")
			continue
		case n.action.spec == nil:
			c.errorf("an action that no constructor made; use Func")
			continue
		case c.named[n.action.name] != nil:
			c.errorf("two nodes are named %q; give one another name with Named", n.action.name)
			continue
		}
		c.errs = append(c.errs, n.action.errs...)
		pn := &planNode{action: n.action, index: len(c.p.nodes), exit: c.g.exits[n.action.name]}
		pn.fallback = n.action == c.g.parts.fallback
		c.p.nodes = append(c.p.nodes, pn)
		c.named[n.action.name] = pn
	}
	c.p.start = c.named[c.g.start]
}

// sentinels checks that a restart can tell the registered errors apart by their texts.
func (c *compiler) sentinels() {
	for i, e := range c.p.sentinels {
		if e == nil {
			c.errorf("Sentinels: a nil error")
			continue
		}
		for _, first := range c.p.sentinels[:i] {
			if first != nil && first.Error() == e.Error() && !errors.Is(first, e) {
				c.errorf("Sentinels: two errors have the text %q, by which they are told apart after a restart; change one", e.Error())
			}
		}
	}
}

// windows resolves what each action and condition reads and writes.
func (c *compiler) windows() {
	for _, n := range c.p.nodes {
		a := n.action
		used := map[string]bool{}
		if a.spec.raw != nil {
			c.rawKeys(n, used)
		} else {
			in, out := roles(a.spec)
			c.reads(n, in, used)
			c.writes(n, out, used)
		}
		c.renames(a, used)
	}
	for _, n := range c.g.parts.nodes {
		for _, r := range n.routes {
			if r.cond != nil {
				r.cond.leaves(func(leaf *Condition) { c.conditionKeys(leaf) })
			}
		}
	}
}

// roles returns the windows of an action with the roles in which their types are used.
func roles(s *spec) (in, out windowOf) {
	in, out = windowOf{s.in, bind.Read}, windowOf{s.out, bind.Write}
	if s.in == s.out {
		in.role, out.role = bind.Read|bind.Write, bind.Read|bind.Write
	}
	return in, out
}

type windowOf struct {
	typ  reflect.Type
	role bind.Role
}

func (c *compiler) reads(n *planNode, of windowOf, used map[string]bool) {
	a := n.action
	w, errs := bind.Of(of.typ, of.role)
	c.prefix(a, errs)
	bindings := map[string]any{}
	for _, b := range a.binds {
		bindings[b.name] = b.value
	}
	for i := range w.Fields {
		f := &w.Fields[i]
		at := windowName(of.typ) + "." + f.Go
		if f.Input {
			n.inputs = append(n.inputs, c.input(a, f, at, bindings))
			delete(bindings, f.Name)
			continue
		}
		used[f.Name] = true
		slot := c.key(a.key(f.Name), f.Type, at, fmt.Sprintf("action %q", a.name))
		n.loads = append(n.loads, load{f, slot, f.Optional})
	}
	for _, b := range a.binds {
		if _, left := bindings[b.name]; left {
			c.errorf("action %q: Bind(%q): it declares no such input%s", a.name, b.name, oneOf(inputNames(w)))
		}
	}
}

func (c *compiler) writes(n *planNode, of windowOf, used map[string]bool) {
	a := n.action
	w, errs := bind.Of(of.typ, of.role)
	if of.typ != a.spec.in {
		c.prefix(a, errs)
	}
	for i := range w.Fields {
		f := &w.Fields[i]
		if f.Input {
			continue
		}
		used[f.Name] = true
		at := windowName(of.typ) + "." + f.Go
		typ := f.Type
		if f.Delete {
			typ = nil
		}
		slot := c.key(a.key(f.Name), typ, at, fmt.Sprintf("action %q", a.name))
		if f.Append {
			c.p.sch.keys[slot].list = true
		}
		n.stores = append(n.stores, store{f, slot, c.codecOf(typ)})
	}
}

func (c *compiler) codecOf(t reflect.Type) *codec.Type {
	if t == nil {
		return nil
	}
	return c.p.set.For(t)
}

// key gives a key its slot and checks that all who use it agree on its type. A nil type agrees with any.
func (c *compiler) key(name string, t reflect.Type, at, who string) int {
	slot := c.p.sch.add(name, t)
	k := &c.p.sch.keys[slot]
	switch {
	case t == nil:
		return slot
	case c.owner[name] == "":
		k.typ = t
		c.owner[name] = who
		c.cannotSave(t, at, who)
	case k.typ != t:
		c.errorf("key %q has two types: %s of %s, %s of %s", name, k.typ, c.owner[name], t, who)
	}
	k.codec = c.p.set.For(k.typ)
	return slot
}

// cannotSave reports why values of type t would not come back equal.
func (c *compiler) cannotSave(t reflect.Type, at, who string) {
	for _, problem := range c.p.set.Check(t, at) {
		c.errorf("%s: %s", who, problem.Error())
	}
}

func (c *compiler) input(a *Action, f *bind.Field, at string, bindings map[string]any) inputField {
	in := inputField{field: f, codec: c.p.set.For(f.Type)}
	who := fmt.Sprintf("action %q", a.name)
	if !f.Secret {
		c.cannotSave(f.Type, at, who)
	}
	if value, ok := bindings[f.Name]; ok {
		v, err := constant(value, f.Type)
		if err != nil {
			c.errorf("%s: Bind(%q): %w", who, f.Name, err)
		}
		in.bound = v
		c.p.bound[f.Name], c.p.boundType[f.Name] = who, f.Type
		return in
	}
	if f.Name == failureInput {
		if f.Type != reflect.TypeFor[Failure]() {
			c.errorf("%s: input %q is the failure that an error route handles; its type is burdock.Failure, not %s", who, f.Name, f.Type)
		}
		return in
	}
	c.declare(&inputUse{f.Name, f.Type, f.Optional, f.Secret, who, in.codec})
	return in
}

// failureInput names the input that carries what an error route handles.
const failureInput = "failure"

// declare adds an input to those of the graph, and reports whether that changes them.
func (c *compiler) declare(u *inputUse) (changed bool) {
	old := c.p.inputs[u.name]
	switch {
	case old == nil:
		copied := *u
		c.p.inputs[u.name] = &copied
		c.p.inputList = append(c.p.inputList, &copied)
		return true
	case old.typ != u.typ:
		c.conflict(fmt.Errorf("input %q has two types: %s of %s, %s of %s", u.name, old.typ, old.by, u.typ, u.by))
		return false
	}
	optional, secret := old.optional && u.optional, old.secret || u.secret
	changed = optional != old.optional || secret != old.secret
	old.optional, old.secret = optional, secret
	return changed
}

// conflict reports an error that may be found several times.
func (c *compiler) conflict(err error) {
	if !slices.ContainsFunc(c.errs, func(e error) bool { return e.Error() == err.Error() }) {
		c.errs = append(c.errs, err)
	}
}

func (c *compiler) rawKeys(n *planNode, used map[string]bool) {
	a := n.action
	for _, k := range append(slices.Clone(a.spec.raw.reads), a.spec.raw.writes...) {
		if k == nil {
			continue
		}
		if why := bind.BadName(k.keyName()); why != "" {
			c.errorf("action %q: a key's name %s", a.name, why)
			continue
		}
		used[k.keyName()] = true
		slot := c.key(a.key(k.keyName()), k.keyType(), k.keyName(), fmt.Sprintf("action %q", a.name))
		if slices.Contains(a.spec.raw.writes, k) {
			n.rawWrites = append(n.rawWrites, slot)
		}
	}
	for _, b := range a.binds {
		c.errorf("action %q: Bind(%q): a Raw action declares no inputs", a.name, b.name)
	}
}

func (c *compiler) renames(a *Action, used map[string]bool) {
	taken := map[string]string{}
	for own := range used {
		to := a.key(own)
		if first, dup := taken[to]; dup {
			c.errorf("action %q: Rename maps both %q and %q to %q", a.name, min(first, own), max(first, own), to)
		}
		taken[to] = own
	}
	for own := range a.rename {
		if !used[own] {
			c.errorf("action %q: Rename(%q): it uses no such key%s", a.name, own, oneOf(sortedKeys(used)))
		}
	}
}

func (c *compiler) conditionKeys(leaf *Condition) {
	w, errs := leaf.window()
	c.errs = append(c.errs, wrapAll(fmt.Sprintf("condition %q", leaf.label), errs)...)
	for i := range w.Fields {
		f := &w.Fields[i]
		c.key(f.Name, f.Type, windowName(leaf.typ)+"."+f.Go, fmt.Sprintf("condition %q", leaf.label))
	}
}

func (c *compiler) prefix(a *Action, errs []error) {
	c.errs = append(c.errs, wrapAll(fmt.Sprintf("action %q", a.name), errs)...)
}

func wrapAll(what string, errs []error) []error {
	out := make([]error, len(errs))
	for i, err := range errs {
		out[i] = fmt.Errorf("%s: %w", what, err)
	}
	return out
}

// extended returns sch as the plan's schema followed by the keys of extra, whose types must agree and be storable.
func (p *plan) extended(extra *schema) (*schema, error) {
	sch := p.sch.with(extra)
	if sch == p.sch && slices.ContainsFunc(sch.keys, func(k keyType) bool { return k.typ == nil }) {
		sch = &schema{keys: slices.Clone(sch.keys), index: sch.index}
	}
	var errs []error
	for i := range extra.keys {
		e := &extra.keys[i]
		k := &sch.keys[sch.index[e.name]]
		if k.typ == nil { // the graph only deletes it
			k.typ = e.typ
		}
		if k.typ != e.typ {
			errs = append(errs, fmt.Errorf("key %q is a %s, but graph %q uses it as a %s", e.name, e.typ, p.graph.name, k.typ))
			continue
		}
		if k.codec != nil {
			continue
		}
		if problems := p.set.Check(k.typ, e.name); len(problems) > 0 {
			for _, problem := range problems {
				errs = append(errs, problem)
			}
			continue
		}
		k.codec = p.set.For(k.typ)
	}
	return sch, errors.Join(errs...)
}
