package burdock

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Mermaid draws the graph as the text of a Mermaid flowchart, which many Markdown viewers show as a picture. The same
// graph always gives the same text, and no name or label can break it.
//
//	start ──▶ node ──condition──▶ node ──▶ end       a dashed arrow is an error route
//
// A node's second line names the inputs that it needs and takes, constants of Bind left out. A parallel action is a box:
// "each ..." stands where it fans out and "reduce" where the results come together, with the branch graphs between
// them, parallel actions of theirs included. Where a branch runs a graph around it the drawing has ↺ and the graph's
// name. With From and Until the drawing is of what can still run.
//
// A graph that From, Until or Replace made wrong is drawn as one node with the error.
func (g *Graph) Mermaid() string {
	p, err := g.plan()
	if err != nil {
		return header + fmt.Sprintf("    n1[%s]\n", quote(err.Error()))
	}
	return draw(describe(p))
}

// MermaidOf draws a graph from its description, which stands in Checkpoint.Description of sequence 0 of every root. So
// the graph of an application can be drawn by a program that does not have it. It fails if the text describes no graph.
func MermaidOf(description json.RawMessage) (string, error) {
	d, err := readDescription(description)
	if err != nil {
		return "", err
	}
	return draw(d), nil
}

func readDescription(text json.RawMessage) (description, error) {
	var d description
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("burdock: no description of a graph: %w", err)
	}
	if d.Reference {
		return d, fmt.Errorf("burdock: a broken description: graph %q is a reference to itself", d.Name)
	}
	if err := errors.Join(d.broken()...); err != nil {
		return d, fmt.Errorf("burdock: a broken description: %w", err)
	}
	return d, nil
}

// broken returns what a description from outside says of nodes that it does not have.
func (d *description) broken() (errs []error) {
	if !d.Reference && d.node(d.Start) == nil {
		errs = append(errs, fmt.Errorf("graph %q starts at %q, which is no node", d.Name, d.Start))
	}
	own := d.own()
	for i := range own {
		n := &own[i]
		for _, r := range n.Routes {
			if d.node(r.To) == nil {
				errs = append(errs, fmt.Errorf("graph %q: node %q has a route to %q, which is no node", d.Name, n.Name, r.To))
			}
		}
		for j := range n.Branches {
			errs = append(errs, n.Branches[j].broken()...)
		}
	}
	return errs
}

func (d *description) node(name string) *nodeDescription {
	for i := range d.Nodes {
		if d.Nodes[i].Name == name {
			return &d.Nodes[i]
		}
	}
	return nil
}

// taken returns the routes that a node can take: those of an exit are not asked, and nothing matches after Then.
func (n *nodeDescription) taken() (routes []routeDescription) {
	for _, r := range n.Routes {
		if r.Error || !n.Exit {
			routes = append(routes, r)
		}
	}
	return routes
}

// mayEnd reports whether the graph can end after the node, as far as its labels tell.
func (n *nodeDescription) mayEnd() bool {
	asked := map[string]bool{}
	for _, r := range n.taken() {
		opposite, negated := strings.CutPrefix(r.Label, "not (")
		switch {
		case r.Error:
		case r.Label == "", negated && asked[strings.TrimSuffix(opposite, ")")]:
			return false
		default:
			asked[r.Label] = true
		}
	}
	return true
}

// reached returns the nodes that can run, in the order in which they stand.
func (d *description) reached() (nodes []*nodeDescription) {
	seen := map[string]bool{d.Start: true}
	for todo := []string{d.Start}; len(todo) > 0; todo = todo[1:] {
		for _, r := range d.node(todo[0]).taken() {
			if !seen[r.To] {
				seen[r.To] = true
				todo = append(todo, r.To)
			}
		}
	}
	for i := range d.Nodes {
		if n := &d.Nodes[i]; seen[n.Name] {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

const header = "flowchart TD\n"

// A drawing is the text of a flowchart so far. Names never become ids, so that no name can be a word of Mermaid's.
// Arrows stand below all nodes: one within a box would pull the nodes that it names into the box.
type drawing struct {
	nodes  strings.Builder
	arrows []string
	ids    int
}

// An anchor is where arrows reach and leave a node. For a leaf both are the node.
type anchor struct{ in, out string }

func draw(d description) string {
	w := &drawing{}
	w.line(1, `start(["start"])`)
	w.graph(&d, 1, anchor{in: "stop", out: "start"})
	w.line(1, `stop(["end"])`)
	for _, arrow := range w.arrows {
		w.line(1, "%s", arrow)
	}
	return header + w.nodes.String()
}

func (w *drawing) line(depth int, format string, args ...any) {
	w.nodes.WriteString(strings.Repeat("    ", depth))
	fmt.Fprintf(&w.nodes, format, args...)
	w.nodes.WriteByte('\n')
}

func (w *drawing) id() string {
	w.ids++
	return fmt.Sprintf("n%d", w.ids)
}

func (w *drawing) arrow(from, how, label, to string) {
	if strings.TrimSpace(label) != "" {
		how += "|" + quote(label) + "|"
	}
	w.arrows = append(w.arrows, fmt.Sprintf("%s %s %s", from, how, to))
}

// graph draws the nodes and routes of a graph between two ends: its start follows around.out, and what can end leads to
// around.in. Its arrows stand before those of the graphs within.
func (w *drawing) graph(d *description, depth int, around anchor) {
	nodes, before := d.reached(), len(w.arrows)
	anchors := map[string]anchor{}
	for _, n := range nodes {
		anchors[n.Name] = w.node(n, depth)
	}
	within := slices.Clone(w.arrows[before:])
	w.arrows = w.arrows[:before]
	defer func() { w.arrows = append(w.arrows, within...) }()
	w.arrow(around.out, "-->", "", anchors[d.Start].in)
	for _, n := range nodes {
		out, end := anchors[n.Name].out, ""
		for _, r := range n.taken() {
			if r.Error {
				w.arrow(out, "-.->", r.Label, anchors[r.To].in)
				continue
			}
			w.arrow(out, "-->", r.Label, anchors[r.To].in)
			end = "otherwise"
		}
		if n.mayEnd() {
			w.arrow(out, "-->", end, around.in)
		}
	}
}

// node draws a leaf as a rectangle, and a parallel action as a box with what its branches run.
func (w *drawing) node(n *nodeDescription, depth int) anchor {
	if len(n.Branches) == 0 {
		id := w.id()
		w.line(depth, "%s[%s]", id, quote(n.Name, n.inputs()...))
		return anchor{id, id}
	}
	w.line(depth, "subgraph %s[%s]", w.id(), quote(n.Name))
	ends := anchor{w.id(), w.id()}
	fan, join := n.ends()
	w.line(depth+1, "%s([%s])", ends.in, quote(fan, n.inputs()...))
	for i := range n.Branches {
		w.branch(&n.Branches[i], depth+1, anchor{in: ends.out, out: ends.in})
	}
	w.line(depth+1, "%s([%s])", ends.out, quote(join))
	w.line(depth, "end")
	return ends
}

// branch draws the graph of a branch in a box of its own, unless it is a single action.
func (w *drawing) branch(d *description, depth int, around anchor) {
	if d.Reference {
		w.reference(d, depth, around)
		return
	}
	if len(d.Nodes) == 1 && d.Nodes[0].Name == d.Name {
		w.graph(d, depth, around)
		return
	}
	w.line(depth, "subgraph %s[%s]", w.id(), quote(d.Name))
	w.graph(d, depth+1, around)
	w.line(depth, "end")
}

// reference draws a graph that is drawn elsewhere, around this one.
func (w *drawing) reference(d *description, depth int, around anchor) {
	id := w.id()
	w.line(depth, "%s[[%s]]", id, quote("↺ "+d.Name))
	w.arrow(around.out, "-->", "", id)
	w.arrow(id, "-->", "", around.in)
	if d.Fallback == nil {
		return
	}
	fallback := w.node(d.Fallback, depth)
	w.arrow(id, "-.->", OnError(AnyError, nil).label(), fallback.in)
	w.arrow(fallback.out, "-->", "", around.in)
}

// ends says what a parallel action does where it begins and ends.
func (n *nodeDescription) ends() (fan, join string) {
	switch n.Kind {
	case "map_states":
		return "each state", "reduce"
	case "map_actions":
		return "each action", "reduce"
	case "map_actions_and_states":
		return "each action with each state", "reduce"
	case "map_tasks":
		return "each task", "reduce"
	}
	return "in", "out"
}

// inputs returns the lines that say what the node is given from outside.
func (n *nodeDescription) inputs() (lines []string) {
	var needs, takes []string
	for _, in := range n.Inputs {
		switch {
		case in.Name == failureInput || slices.Contains(n.Bound, in.Name):
		case slices.Contains(strings.Split(in.Mode, ","), "optional"):
			takes = append(takes, in.Name)
		default:
			needs = append(needs, in.Name)
		}
	}
	if needs != nil {
		lines = append(lines, "needs "+strings.Join(needs, ", "))
	}
	if takes != nil {
		lines = append(lines, "takes "+strings.Join(takes, ", "))
	}
	return lines
}

// maxLabel is how many characters of a line are drawn.
const maxLabel = 100

// quote makes a quoted label of one or more lines.
func quote(line string, more ...string) string {
	var b strings.Builder
	b.WriteByte('"')
	escapeLabel(&b, line)
	for _, l := range more {
		b.WriteString("<br/>")
		escapeLabel(&b, l)
	}
	b.WriteByte('"')
	return b.String()
}

// escapeLabel writes text so that Mermaid shows it as it is. Its strings know no escape but the entity #n;, and beside
// quotes and brackets much has a meaning in them: HTML, Markdown at the beginning of a line and around words, icons such
// as fa:fa-car, directives. So all that is neither a letter, a digit nor plainly harmless becomes an entity.
func escapeLabel(b *strings.Builder, text string) {
	runes := []rune(strings.Join(strings.FieldsFunc(text, unicode.IsSpace), " "))
	if len(runes) == 0 {
		runes = []rune{'\u00a0'}
	}
	if len(runes) > maxLabel {
		runes = append(runes[:maxLabel-1:maxLabel-1], '…')
	}
	for i, r := range runes {
		within := i > 0 && i+1 < len(runes) && isWord(runes[i-1]) && isWord(runes[i+1])
		switch {
		case isWord(r), r == ' ', r == ',', r == '…', r == '↺', within && strings.ContainsRune("_-./", r):
			b.WriteRune(r)
		case unicode.IsControl(r):
			fmt.Fprintf(b, "#%d;", unicode.ReplacementChar)
		default:
			fmt.Fprintf(b, "#%d;", r)
		}
	}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
