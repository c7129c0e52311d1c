package burdock

import (
	"fmt"
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
	if cond.err != nil {
		c.errorf("node %q: %w", n.action.name, cond.err)
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
	seen := c.p.reached()
	if c.g.start != c.g.parts.nodes[0].action.name || len(c.g.exits) > 0 {
		return
	}
	for _, n := range c.p.nodes {
		if !seen[n.index] {
			c.errorf("node %q cannot be reached from %q; add a route to it or remove it", n.action.name, c.p.start.action.name)
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
		if c := r.route.cond; c.not && slices.ContainsFunc(n.routes[:i], func(e planRoute) bool { return e.route.cond == c.parts[0] }) {
			return false // a condition and its negation leave nothing over
		}
	}
	return true
}

// describe names the exit for an error text.
func (n *planNode) describe() string { return fmt.Sprintf("%q", n.action.name) }
