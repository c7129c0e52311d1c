package burdock

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/burdock-go/burdock/internal/bind"
	"github.com/burdock-go/burdock/internal/codec"
)

// description is a graph as data: what Hash is computed from, what a store keeps to say later what has changed, and what
// a page draws.
type description struct {
	Name      string            `json:"name"`
	Start     string            `json:"start,omitempty"`
	Nodes     []nodeDescription `json:"nodes,omitempty"`
	Reference bool              `json:"reference,omitempty"` // to the graph of that name around it, which starts at Start
	Fallback  *nodeDescription  `json:"fallback,omitempty"`  // of a reference: what the branch has beside that graph's nodes
}

type nodeDescription struct {
	Name     string             `json:"name"`
	Kind     string             `json:"kind"`
	Reads    []fieldDescription `json:"reads,omitempty"`
	Writes   []fieldDescription `json:"writes,omitempty"`
	Inputs   []fieldDescription `json:"inputs,omitempty"`
	Version  string             `json:"version,omitempty"`
	Exit     bool               `json:"exit,omitempty"`
	Routes   []routeDescription `json:"routes,omitempty"`
	Branches []description      `json:"branches,omitempty"`
	Tags     []string           `json:"tags,omitempty"`  // no part of the hash
	Bound    []string           `json:"bound,omitempty"` // inputs that have a constant; no part of the hash
}

type fieldDescription struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Mode string `json:"mode,omitempty"` // of optional, omitzero, append, delete, key, secret, joined by commas
}

type routeDescription struct {
	Label string `json:"label,omitempty"`
	To    string `json:"to"`
	Error bool   `json:"error,omitempty"`
}

type hashed struct {
	hash string
	text json.RawMessage // the description
}

func hashGraph(g *Graph) hashed {
	p, err := g.plan()
	if err != nil {
		return hashed{}
	}
	return p.hash()
}

func (p *plan) hash() hashed {
	d := describe(p)
	text := plainJSON(d)
	d.untag()
	bare := plainJSON(d)
	sum := sha256.Sum256(bare)
	return hashed{hex.EncodeToString(sum[:16]), text}
}

// hashAll hashes the plan and all that its branches run: with the codecs of the graphs around them, and with the graphs
// that they refer to. Its own hash says of a graph around it no more than the name.
func (p *plan) hashAll() string {
	var all []byte
	seen := map[*plan]bool{}
	var add func(p *plan)
	add = func(p *plan) {
		if seen[p] {
			return
		}
		seen[p] = true
		all = appendParts(all, p.hash().hash)
		for _, n := range p.nodes {
			for _, b := range n.branches {
				add(b.plan)
			}
		}
	}
	add(p)
	sum := sha256.Sum256(all)
	return string(sum[:])
}

// plainJSON encodes a description, whose labels are for people: < and > stay as they are.
func plainJSON(d description) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(d) // strings, booleans and lists of them: it cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// untag removes what the hash does not cover.
func (d *description) untag() {
	// The order of the nodes says nothing: where the graph starts and what follows what is said by name.
	slices.SortFunc(d.Nodes, func(a, b nodeDescription) int { return cmp.Compare(a.Name, b.Name) })
	for i := range d.Nodes {
		d.Nodes[i].untag()
	}
	if d.Fallback != nil {
		d.Fallback.untag()
	}
}

func (n *nodeDescription) untag() {
	n.Tags, n.Bound = nil, nil
	for i := range n.Branches {
		n.Branches[i].untag()
	}
}

func describe(p *plan) description {
	d := description{Name: p.graph.name, Start: p.start.action.name}
	for _, n := range p.nodes {
		d.Nodes = append(d.Nodes, describeNode(p, n))
	}
	return d
}

func describeNode(p *plan, n *planNode) nodeDescription {
	a := n.action
	d := nodeDescription{Name: a.name, Kind: a.spec.kind(), Version: a.version, Exit: n.exit, Tags: a.tags}
	for _, l := range n.loads {
		d.Reads = append(d.Reads, describeField(a, l.field, p.set))
	}
	for _, s := range n.stores {
		d.Writes = append(d.Writes, describeField(a, s.field, p.set))
	}
	for _, in := range n.inputs {
		d.Inputs = append(d.Inputs, describeField(a, in.field, p.set))
		if in.bound.IsValid() {
			d.Bound = append(d.Bound, in.field.Name)
		}
	}
	if raw := a.spec.raw; raw != nil {
		d.Reads, d.Writes = describeKeys(a, raw.reads, p.set), describeKeys(a, raw.writes, p.set)
	}
	for _, r := range n.routes {
		d.Routes = append(d.Routes, routeDescription{Label: r.route.label(), To: r.to.action.name})
	}
	for _, r := range n.onError {
		d.Routes = append(d.Routes, routeDescription{Label: r.route.label(), To: r.to.action.name, Error: true})
	}
	for _, b := range n.branches {
		d.Branches = append(d.Branches, b.describe())
	}
	return d
}

// describe names what a reference refers to, which is described where it stands. One that is open has a name only.
func (b *branchPlan) describe() description {
	if !b.refers {
		return describe(b.plan)
	}
	d := description{Name: b.name, Reference: true}
	if b.plan == nil {
		return d
	}
	d.Start = b.plan.start.action.name
	for _, n := range b.plan.nodes {
		if n.fallback {
			fallback := describeNode(b.plan, n)
			d.Fallback = &fallback
		}
	}
	return d
}

func describeField(a *Action, f *bind.Field, set *codec.Set) fieldDescription {
	d := fieldDescription{Name: f.Name, Type: codec.Describe(f.Type, set)}
	if !f.Input {
		d.Name = a.key(f.Name)
	}
	var mode []string
	for _, o := range []struct {
		on   bool
		name string
	}{{f.Optional, "optional"}, {f.OmitZero, "omitzero"}, {f.Append, "append"}, {f.Delete, "delete"}, {f.Key, "key"}, {f.Secret, "secret"}} {
		if o.on {
			mode = append(mode, o.name)
		}
	}
	d.Mode = strings.Join(mode, ",")
	return d
}

func describeKeys(a *Action, keys []AnyKey, set *codec.Set) []fieldDescription {
	var out []fieldDescription
	for _, k := range keys {
		out = append(out, fieldDescription{Name: a.key(k.keyName()), Type: codec.Describe(k.keyType(), set)})
	}
	return out
}

// kind names the sort of action for people.
func (s *spec) kind() string {
	switch {
	case s.raw != nil:
		return "raw"
	case s.par != nil:
		return s.par.kind
	case s.chunk != nil:
		return "stream"
	}
	return "func"
}
