package burdock

import (
	"fmt"
	"maps"
	"slices"
)

// routes resolves the routes of all nodes.
func (c *compiler) routes() {
	for _, n := range c.g.parts.nodes {
		if n.action == nil || c.named[n.action.name] == nil {
			continue
		}
		pn := c.named[n.action.name]
		closed := false
		for _, r := range n.routes {
			if closed && r.match == nil {
				c.errorf("node %q: a route stands after Then, which always matches; put Then last", n.action.name)
			}
			closed = closed || r.match == nil && r.cond == nil
			c.route(pn, r)
		}
		if n.action == c.g.parts.fallback {
			continue // what it returns, or fails with, is the end of the branch
		}
		for _, r := range c.g.parts.every {
			if r.match != nil && (r.to == nil || r.to.name != n.action.name) {
				c.route(pn, r)
			}
		}
	}
	for _, r := range c.g.parts.every {
		if r.match == nil {
			c.errorf("EveryNode takes error routes only; add others to the nodes themselves")
		}
	}
}

// route resolves one route of a node.
func (c *compiler) route(n *planNode, r Route) {
	if r.to == nil {
		c.errorf("node %q: a route to a nil action", n.action.name)
		return
	}
	to := c.named[r.to.name]
	if to == nil {
		c.errorf("node %q: a route to %q, which is no node; add Node(%s)", n.action.name, r.to.name, r.to.name)
		return
	}
	if why := to.action.differs(r.to); why != "" {
		c.errorf("node %q: its route's action %q is not the one of the node %q: %s; use one variable for both, or Named", n.action.name, r.to.name, r.to.name, why)
	}
	pr := planRoute{route: r, to: to}
	if r.match != nil {
		if r.match.match == nil {
			c.errorf("node %q: OnError without a matcher", n.action.name)
		}
		n.onError = append(n.onError, pr)
		return
	}
	if r.cond != nil {
		pr.asked = c.condition(n, r.cond)
	}
	n.routes = append(n.routes, pr)
}

func (c *compiler) condition(n *planNode, cond *Condition) *planCondition {
	pc := &planCondition{cond: cond}
	switch {
	case cond.err != nil:
		c.errorf("node %q: %w", n.action.name, cond.err)
		return pc
	case cond.ask == nil && len(cond.parts) == 0:
		c.errorf("node %q: a condition that no function made; use When, Eq, Not, And or Or", n.action.name)
		return pc
	}
	if cond.typ != nil {
		w, _ := cond.window()
		for i := range w.Fields {
			f := &w.Fields[i]
			pc.loads = append(pc.loads, load{f, c.p.sch.index[f.Name], f.Optional})
		}
	}
	for _, part := range cond.parts {
		pc.parts = append(pc.parts, c.condition(n, part))
	}
	return pc
}

// reachable checks that every node can be reached. With From only what can be reached counts: the rest of the graph is
// the enclosing graph's affair.
func (c *compiler) reachable() {
	if c.p.start == nil {
		return
	}
	c.seen = c.p.reached()
	c.handlers(c.seen)
	c.declared(c.seen)
	if first := c.g.parts.nodes[0].action; first == nil || c.g.start != first.name || len(c.g.exits) > 0 {
		return
	}
	for _, n := range c.p.nodes {
		if !c.seen[n.index] {
			c.errorf("node %q cannot be reached from %q; add a route to it or remove it", n.action.name, c.p.start.action.name)
		}
	}
}

// declared drops the inputs that no reachable action declares: nobody would take them. Those of branches come later.
func (c *compiler) declared(seen []bool) {
	used := map[string]bool{}
	for _, n := range c.p.nodes {
		if !seen[n.index] {
			continue
		}
		for _, in := range n.inputs {
			used[in.field.Name] = used[in.field.Name] || !in.bound.IsValid()
		}
	}
	maps.DeleteFunc(c.p.inputs, func(name string, _ *inputUse) bool { return !used[name] })
	c.p.inputList = slices.DeleteFunc(c.p.inputList, func(u *inputUse) bool { return !used[u.name] })
}

// handlers reports actions that require a failure and would run without one: they would wait for it forever.
func (c *compiler) handlers(seen []bool) {
	without := map[*planNode]string{c.p.start: "where the graph starts"}
	for _, n := range c.p.nodes {
		if !seen[n.index] || n.exit {
			continue
		}
		for _, r := range n.routes {
			if without[r.to] == "" {
				without[r.to] = fmt.Sprintf("what follows %q", n.action.name)
			}
		}
	}
	for _, n := range c.p.nodes {
		needs := slices.ContainsFunc(n.inputs, func(in inputField) bool {
			return in.field.Name == failureInput && !in.field.Optional && !in.bound.IsValid()
		})
		if needs && seen[n.index] && without[n] != "" {
			c.errorf("node %q reads input %q, but it is also %s, where nothing has failed; mark the field optional", n.action.name, failureInput, without[n])
		}
	}
}

// reached returns which nodes can run, by index.
func (p *plan) reached() []bool {
	seen := make([]bool, len(p.nodes))
	todo := []*planNode{p.start}
	seen[p.start.index] = true
	for len(todo) > 0 {
		n := todo[0]
		todo = todo[1:]
		for _, next := range n.successors() {
			if !seen[next.index] {
				seen[next.index] = true
				todo = append(todo, next)
			}
		}
	}
	return seen
}

func (n *planNode) successors() []*planNode {
	var out []*planNode
	if !n.exit {
		for _, r := range n.routes {
			out = append(out, r.to)
		}
	}
	for _, r := range n.onError {
		out = append(out, r.to)
	}
	return out
}

// mayEnd reports whether the graph can end after n has completed.
func (n *planNode) mayEnd() bool {
	if n.exit {
		return true
	}
	for i, r := range n.routes {
		if r.asked == nil {
			return false
		}
		if slices.ContainsFunc(n.routes[:i], func(e planRoute) bool { return opposite(e.route.cond, r.route.cond) }) {
			return false // a condition and its negation leave nothing over
		}
	}
	return true
}

// opposite reports whether one of the conditions is the negation of the other.
func opposite(a, b *Condition) bool {
	return a.not && a.parts[0] == b || b.not && b.parts[0] == a
}
