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
	Name  string `json:"name"`
	Nodes []struct {
		Name     string            `json:"name"`
		Reads    []windowField     `json:"reads"`
		Writes   []windowField     `json:"writes"`
		Branches []json.RawMessage `json:"branches"`
	} `json:"nodes"`
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
	if step.Parent.App == "" {
		zero, err := store.Load(ctx, burdock.Ref{App: step.App, Seq: 0})
		if err != nil || zero.GraphHash != step.GraphHash { // the graph has changed since
			return nil, err
		}
		return zero.Description, nil
	}
	parent, err := store.Load(ctx, step.Parent)
	if errors.Is(err, burdock.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	around, err := describe(ctx, store, &parent)
	if err != nil {
		return nil, err
	}
	return within(around, parent.Action, step.Graph), nil
}

// within returns the description of a branch graph of one node.
func within(description json.RawMessage, node, name string) json.RawMessage {
	var g graph
	if json.Unmarshal(description, &g) != nil {
		return nil
	}
	for _, n := range g.Nodes {
		if n.Name != node {
			continue
		}
		for _, b := range n.Branches {
			var branch graph
			if json.Unmarshal(b, &branch) == nil && branch.Name == name {
				return b
			}
		}
	}
	return nil
}
