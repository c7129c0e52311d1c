package burdock_test

import (
	"context"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
)

// P8: the hash covers names, windows with structural types, routes with labels in order, branch graphs and versions; not
// Timeout, tags, bindings or limits.
func TestWhatTheHashCovers(t *testing.T) {
	type n64 struct {
		N int64 `state:"n"`
	}
	type omit struct {
		N int `state:"n,omitzero"`
	}
	type alike struct {
		N int `state:"n"`
	}
	act := adder("act", 1)
	end, last := idle("end"), idle("last")
	graph := func(a *burdock.Action, routes ...burdock.Route) *burdock.Graph {
		return burdock.MustGraph("g", burdock.Node(a, routes...), burdock.Node(end, burdock.Then(last)), burdock.Node(last))
	}
	routes := []burdock.Route{always.Then(end), never.Then(last)}
	base := graph(act, routes...)
	sub := func(inner *burdock.Action, o *burdock.MapOptions) *burdock.Graph {
		m := burdock.MapActions("map", burdock.Actions(inner), nil, burdock.List[burdock.None, burdock.None, burdock.None](func([]burdock.None) burdock.None { return burdock.None{} }), o)
		return line(m)
	}
	for _, c := range []struct {
		name string
		a, b *burdock.Graph
		same bool
	}{
		{"the same again", base, graph(act, routes...), true},
		{"another function", base, graph(adder("act", 2), routes...), true},
		{"another type of one structure", base, graph(whole[alike](), routes...), true},
		{"a timeout", base, graph(act.With(burdock.Timeout(time.Second)), routes...), true},
		{"a tag", base, graph(act.Tag("t"), routes...), true},
		{"the order of nodes", base, burdock.MustGraph("g", burdock.Node(act, routes...), burdock.Node(last), burdock.Node(end, burdock.Then(last))), true},
		{"a binding", line(askAction), line(askAction.Bind("model", "x")), true},
		{"a map's limit", sub(idle("in"), nil), sub(idle("in"), &burdock.MapOptions{Limit: 3}), true},
		{"sentinels", base, burdock.MustGraph("g", burdock.Node(act, routes...), burdock.Node(end, burdock.Then(last)), burdock.Node(last), burdock.Sentinels(errTest)), true},
		{"the graph's name", base, burdock.MustGraph("h", burdock.Node(act, routes...), burdock.Node(end, burdock.Then(last)), burdock.Node(last)), false},
		{"an action's name", line(act), line(act.Named("other")), false},
		{"a version", base, graph(act.Version("2"), routes...), false},
		{"a type", line(act), line(whole[n64]()), false},
		{"an option", line(writes[number]("w")), line(writes[omit]("w")), false},
		{"a renamed key", line(act), line(act.Rename(burdock.Keys{"n": "m"})), false},
		{"the order of routes", base, graph(act, routes[1], routes[0]), false},
		{"a label", base, graph(act, burdock.When("ever", func(burdock.None) bool { return true }).Then(end), routes[1]), false},
		{"a route more", base, graph(act, append(routes, burdock.Then(end))...), false},
		{"an error route", base, graph(act, append(routes, burdock.OnError(burdock.AnyError, end))...), false},
		{"the start", base, base.From(end), false},
		{"an exit", base, base.Until(end), false},
		{"a branch graph", sub(idle("in"), nil), sub(idle("in").Version("2"), nil), false},
		{"the kind", line(idle("x")), line(burdock.Stream("x", func(context.Context, burdock.None, func(int) error) (burdock.None, error) { return burdock.None{}, nil })), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := c.a.Hash(), c.b.Hash()
			if len(a) != 32 || (a == b) != c.same {
				t.Errorf("got hashes %s and %s, want the same: %v", a, b, c.same)
			}
		})
	}
}
