package burdock

import (
	"fmt"
	"slices"
	"strings"
)

// The data-flow check follows, for one key at a time, every path on which nothing has written the key yet. A place is a
// node and whether the key has a value when the node begins; a breadth-first walk finds the shortest path to each reader
// that would find nothing.

// place is a point of the walk.
type place struct {
	node *planNode // nil: the end of the graph
	has  bool
}

type walk struct {
	p     *plan
	slot  int
	from  map[place]place
	order []place
}

// unwritten reports the reads of all keys that some path reaches before anything wrote them. given says which keys have
// a value at the beginning, result which ones must have one at the end, with the name of who reads them there.
func (p *plan) unwritten(given func(key string) bool, result []load, reader string) []error {
	var errs []error
	for slot, k := range p.sch.keys {
		w := p.walk(slot, given(k.name))
		reported := map[string]bool{}
		for _, at := range w.order {
			if at.has {
				continue
			}
			if at.node == nil {
				if wants(result, slot, k.name) && !reported[""] {
					reported[""] = true
					errs = append(errs, fmt.Errorf("key %q is read by %s, but nothing wrote it on the path %s", k.name, reader, w.path(at)))
				}
				continue
			}
			if who := at.node.readerOf(slot); who != "" && !reported[who] {
				reported[who] = true
				errs = append(errs, fmt.Errorf("key %q is read by %s before anything wrote it, on the path %s; give it in Options.State, write it earlier or mark the field optional", k.name, who, w.path(at)))
			}
		}
		errs = append(errs, w.conditions(reported, k.name)...)
	}
	return errs
}

func wants(result []load, slot int, key string) bool {
	return slices.ContainsFunc(result, func(l load) bool {
		return !l.optional && l.field.Name == key && l.slot == slot
	})
}

func (p *plan) walk(slot int, has bool) *walk {
	w := &walk{p: p, slot: slot, from: map[place]place{}}
	w.visit(place{p.start, has}, place{})
	for i := 0; i < len(w.order); i++ {
		at := w.order[i]
		if at.node == nil {
			continue
		}
		after := at.node.after(slot, at.has)
		if at.node.mayEnd() {
			w.visit(place{nil, after}, at)
		}
		if !at.node.exit {
			for _, r := range at.node.routes {
				w.visit(place{r.to, after}, at)
			}
		}
		for _, r := range at.node.onError {
			w.visit(place{r.to, at.has}, at)
		}
	}
	return w
}

func (w *walk) visit(to, from place) {
	if _, seen := w.from[to]; !seen {
		w.from[to] = from
		w.order = append(w.order, to)
	}
}

// path returns the names of the nodes that lead to at, at's own included.
func (w *walk) path(at place) string {
	var names []string
	if at.node == nil {
		names, at = append(names, "end"), w.from[at]
	}
	for p := at; p.node != nil; p = w.from[p] {
		names = append(names, p.node.action.name)
	}
	slices.Reverse(names)
	return strings.Join(names, " → ")
}

// conditions reports the conditions that are asked while the key has no value.
func (w *walk) conditions(reported map[string]bool, key string) []error {
	var errs []error
	for _, at := range w.order {
		if at.node == nil || at.node.exit || at.node.after(w.slot, at.has) {
			continue
		}
		for _, r := range at.node.routes {
			if r.asked == nil || !r.asked.reads(w.slot) || reported[r.route.label()] {
				continue
			}
			reported[r.route.label()] = true
			errs = append(errs, fmt.Errorf("key %q is read by condition %q before anything wrote it, on the path %s", key, r.route.label(), w.path(at)))
		}
	}
	return errs
}

func (c *planCondition) reads(slot int) bool {
	for _, l := range c.loads {
		if l.slot == slot && !l.optional {
			return true
		}
	}
	return slices.ContainsFunc(c.parts, func(p *planCondition) bool { return p.reads(slot) })
}

// readerOf names the node if it requires the key.
func (n *planNode) readerOf(slot int) string {
	for _, l := range n.loads {
		if l.slot == slot && !l.optional {
			return fmt.Sprintf("action %q", n.action.name)
		}
	}
	return ""
}

// after returns whether the key has a value after the node completed, if has says whether it had one before.
// A field with omitzero may write nothing and one with delete may take the value away: neither can be relied on.
func (n *planNode) after(slot int, has bool) bool {
	if n.action.spec.raw != nil {
		return n.rawAfter(slot, has)
	}
	for _, s := range n.stores {
		switch {
		case s.slot != slot:
		case s.field.Delete:
			has = false
		case !s.field.OmitZero:
			return true
		}
	}
	return has
}

// rawAfter trusts a Raw action to write what it declares.
func (n *planNode) rawAfter(slot int, has bool) bool {
	return has || slices.Contains(n.rawWrites, slot)
}
