package record

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
)

// A key is what a graph's description says of one key.
type key struct {
	typ  string // as internal/codec describes types; "" where nothing says
	list bool   // some action appends to it
}

// A graph is what Fork reads of a graph's description.
type graph struct {
	Name      string                     `json:"name"`
	Start     string                     `json:"start"`
	Reference bool                       `json:"reference"`
	Fallback  map[string]json.RawMessage `json:"fallback"`
	Nodes     []node                     `json:"nodes"`
}

// A node is one action of a described graph.
type node struct {
	Name     string            `json:"name"`
	Exit     bool              `json:"exit"`
	Reads    []windowField     `json:"reads"`
	Writes   []windowField     `json:"writes"`
	Branches []json.RawMessage `json:"branches"`
}

// A windowField is one field of what an action reads or writes.
type windowField struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Mode string `json:"mode"`
}

// keysOf returns the keys that the actions of a described graph use.
func keysOf(description json.RawMessage) map[string]key {
	keys := map[string]key{}
	var g graph
	if json.Unmarshal(description, &g) != nil {
		return keys
	}
	for _, n := range g.Nodes {
		for _, f := range slices.Concat(n.Reads, n.Writes) {
			k := keys[f.Name]
			modes := strings.Split(f.Mode, ",")
			if !slices.Contains(modes, "delete") { // its type is that of the field which asks for it
				k.typ = f.Type
			}
			k.list = k.list || slices.Contains(modes, "append")
			keys[f.Name] = k
		}
	}
	return keys
}

// describe returns the description of the graph that has run a step, nil if the store does not have it.
func describe(ctx context.Context, store burdock.Store, step *burdock.Checkpoint) (json.RawMessage, error) {
	graphs, err := enclosing(ctx, store, step)
	if len(graphs) == 0 {
		return nil, err
	}
	return graphs[len(graphs)-1], nil
}

// enclosing returns the descriptions of the graph that has run a step and of those around it in the program text, the
// outermost first. A branch that runs a graph around it stands where that one does.
func enclosing(ctx context.Context, store burdock.Store, step *burdock.Checkpoint) ([]json.RawMessage, error) {
	if step.Parent.App == "" {
		zero, err := store.Load(ctx, burdock.Ref{App: step.App, Seq: 0})
		if err != nil || zero.GraphHash != step.GraphHash || zero.Description == nil { // the graph has changed since
			return nil, err
		}
		return []json.RawMessage{zero.Description}, nil
	}
	parent, err := store.Load(ctx, step.Parent)
	if errors.Is(err, burdock.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	around, err := enclosing(ctx, store, &parent)
	if err != nil || around == nil {
		return nil, err
	}
	return within(around, parent.Action, step.Graph), nil
}

// within goes from a graph to the branch graph of one of its nodes.
func within(graphs []json.RawMessage, action, name string) []json.RawMessage {
	var g graph
	if json.Unmarshal(graphs[len(graphs)-1], &g) != nil {
		return nil
	}
	for _, n := range g.Nodes {
		if n.Name != action {
			continue
		}
		for _, b := range n.Branches {
			var branch graph
			switch {
			case json.Unmarshal(b, &branch) != nil || branch.Name != name:
			case branch.Reference:
				return referred(graphs, branch)
			default:
				return append(slices.Clip(graphs), b)
			}
		}
	}
	return nil
}

// referred returns the nearest graph of a reference's name, as a branch runs it, and what is around it.
func referred(graphs []json.RawMessage, ref graph) []json.RawMessage {
	for i, d := range slices.Backward(graphs) {
		var g graph
		if json.Unmarshal(d, &g) == nil && g.Name == ref.Name {
			if ref.Fallback == nil && g.runsWhole(ref.Start) {
				return graphs[: i+1 : i+1]
			}
			return append(slices.Clone(graphs[:i]), asBranch(d, ref))
		}
	}
	return nil
}

// runsWhole reports whether nothing but its beginning tells the graph from one that a reference refers to.
func (g *graph) runsWhole(start string) bool {
	return g.Start == start && !slices.ContainsFunc(g.Nodes, func(n node) bool { return n.Exit })
}

// asBranch returns the description of a graph as a branch runs it: from where the reference says to its end, with the
// reference's Fallback.
func asBranch(description json.RawMessage, ref graph) json.RawMessage {
	var g map[string]json.RawMessage
	var nodes []map[string]json.RawMessage
	if json.Unmarshal(description, &g) != nil || json.Unmarshal(g["nodes"], &nodes) != nil {
		return nil
	}
	for _, n := range nodes {
		delete(n, "exit")
		if ref.Fallback != nil {
			n["routes"] = withRoute(n["routes"], ref.Fallback["name"])
		}
	}
	if ref.Fallback != nil {
		nodes = append(nodes, ref.Fallback)
	}
	g["start"], g["nodes"] = quoted(ref.Start), quoted(nodes)
	return quoted(g)
}

// withRoute adds the route that leads to a Fallback.
func withRoute(routes, to json.RawMessage) json.RawMessage {
	var all []json.RawMessage
	if routes != nil && json.Unmarshal(routes, &all) != nil {
		return routes
	}
	return quoted(append(all, quoted(map[string]any{"label": "on any error", "to": to, "error": true})))
}

// quoted encodes what was decoded from JSON before, or is a text, so it cannot fail.
func quoted(v any) json.RawMessage {
	data, _ := json.Marshal(v)
	return data
}
