package burdock

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// graphChanged says how the graph differs from the one that the application was recorded with.
func (a *App) graphChanged(ctx context.Context, cp *Checkpoint) error {
	what := "their descriptions cannot be compared"
	if zero, err := a.origin.Load(ctx, Ref{App: cp.App, Seq: 0}); err == nil {
		var old, now description
		if json.Unmarshal(zero.Description, &old) == nil && json.Unmarshal(a.graph.hashed().text, &now) == nil {
			what = strings.Join(old.differences(now, ""), "; ")
			if what == "" {
				what = "the order of their branches differs"
			}
		}
	}
	return fmt.Errorf("application %q was recorded with another form of graph %q: %w: %s; run it with the program that made it, begin a new one, or set Options.AllowGraphChange or Options.Migrate",
		cp.App, a.graph.name, ErrGraphChanged, what)
}

// differences lists what a graph has that another has not.
func (d description) differences(now description, at string) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, at+fmt.Sprintf(format, args...)) }
	if d.Name != now.Name {
		say("its name was %q and is %q", d.Name, now.Name)
	}
	if d.Reference != now.Reference {
		what := map[bool]string{true: "the one of that name around it", false: "a graph of its own"}
		say("graph %q was %s and is %s", d.Name, what[d.Reference], what[now.Reference])
		return out
	}
	if d.Start != now.Start {
		say("it started at %q and starts at %q", d.Start, now.Start)
	}
	old := map[string]nodeDescription{}
	for _, n := range d.own() {
		old[n.Name] = n
	}
	for _, n := range now.own() {
		was, ok := old[n.Name]
		if !ok {
			say("node %q is new", n.Name)
			continue
		}
		delete(old, n.Name)
		out = append(out, was.differences(n, at)...)
	}
	for _, n := range d.own() {
		if _, gone := old[n.Name]; gone {
			say("node %q is gone", n.Name)
		}
	}
	return out
}

// own returns the nodes, or what a reference has beside those that it refers to.
func (d description) own() []nodeDescription {
	if d.Fallback != nil {
		return []nodeDescription{*d.Fallback}
	}
	return d.Nodes
}

func (n nodeDescription) differences(now nodeDescription, at string) []string {
	var out []string
	for _, part := range []struct {
		name     string
		was, are any
	}{
		{"kind", n.Kind, now.Kind},
		{"reads", n.Reads, now.Reads},
		{"writes", n.Writes, now.Writes},
		{"inputs", n.Inputs, now.Inputs},
		{"version", n.Version, now.Version},
		{"routes", n.Routes, now.Routes},
		{"exit", n.Exit, now.Exit},
	} {
		if !reflect.DeepEqual(part.was, part.are) {
			out = append(out, fmt.Sprintf("%snode %q: %s were %s and are %s", at, n.Name, part.name, compact(part.was), compact(part.are)))
		}
	}
	was := map[string]description{}
	for _, b := range n.Branches {
		was[b.Name] = b
	}
	for _, b := range now.Branches {
		if w, ok := was[b.Name]; ok {
			out = append(out, w.differences(b, at+"in "+n.Name+": ")...)
		} else {
			out = append(out, fmt.Sprintf("%snode %q: branch %q is new", at, n.Name, b.Name))
		}
		delete(was, b.Name)
	}
	for _, b := range n.Branches {
		if _, gone := was[b.Name]; gone {
			out = append(out, fmt.Sprintf("%snode %q: branch %q is gone", at, n.Name, b.Name))
		}
	}
	return out
}

func compact(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}
