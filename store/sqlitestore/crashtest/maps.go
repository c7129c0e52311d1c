package crashtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
)

// options vary by process: they may not change what a map comes to.
func (m *maker) options(b *block) *burdock.MapOptions {
	o := &burdock.MapOptions{Failures: burdock.Collect, Limit: 1 + dice(4, m.plan.Seed, b.name, "limit", m.world.Process())}
	if dice(2, m.plan.Seed, b.name, "buffered", m.world.Process()) == 0 {
		o.Buffer = 1 + dice(4, m.plan.Seed, b.name, "buffer", m.world.Process())
	}
	if b.failFast {
		o.Failures = burdock.FailFast
	}
	return o
}

// items yields the windows of a map's branches. Process 0 is the undisturbed run.
func (m *maker) items(b *block, in place) iter.Seq[item] {
	return func(yield func(item) bool) {
		order := make([]int, max(b.width, 0))
		for i := range order {
			order[i] = i
		}
		if b.shuffled {
			rand.New(rand.NewPCG(m.plan.Seed, uint64(m.world.Process()))).Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
		}
		for i := 0; b.width < 0 || i < b.width; i++ {
			number := i
			if i < len(order) {
				number = order[i]
			}
			it := item{Name: fmt.Sprintf("%s.%d", in.Name, number), Value: mix(in.Value, fmt.Sprint(number))}
			if b.edited && m.world.Process() > 0 {
				it.Edition = dice(2, m.plan.Seed, it.Name, m.world.Process())
			}
			if !yield(it) {
				return
			}
		}
	}
}

func (m *maker) mapStates(b *block) *burdock.Action {
	var a *burdock.Action
	if b.keyed {
		a = mapOver(m, b, func(it item) keyedItem { return keyedItem(it) }, func(k keyedItem) item { return item(k) })
	} else {
		a = mapOver(m, b, func(it item) item { return it }, func(it item) item { return it })
	}
	if b.retried {
		return a.With(quickly(100)) // a crash may cost it one
	}
	return a
}

func mapOver[Sub any](m *maker, b *block, sub func(item) Sub, it func(Sub) item) *burdock.Action {
	states := func(_ context.Context, in place) iter.Seq2[Sub, error] {
		return func(yield func(Sub, error) bool) {
			for it := range m.items(b, in) {
				if !yield(sub(it), nil) {
					return
				}
			}
		}
	}
	return burdock.MapStates(b.name, m.runnable(b.below[0]), states, reduceOf(m, b, it), m.options(b))
}

func (m *maker) mapActions(b *block) *burdock.Action {
	var all []burdock.Runnable
	for _, l := range b.below {
		all = append(all, m.runnable(l))
	}
	state := func(_ context.Context, in place) (item, error) {
		return item{Name: in.Name + "." + b.name, Value: mix(in.Value, b.name)}, nil
	}
	return burdock.MapActions(b.name, all, state, reduceOf(m, b, func(it item) item { return it }), m.options(b))
}

// A joined is what one branch brings to its map.
type joined struct {
	line string
	log  []string
}

func reduceOf[Sub any](m *maker, b *block, itemOf func(Sub) item) func(context.Context, place, *burdock.Results[Sub, result]) (written, error) {
	return func(ctx context.Context, in place, rs *burdock.Results[Sub, result]) (written, error) {
		visit := burdock.Info(ctx)
		results := rs.All()
		switch b.reduce {
		case joinFirst:
			results = rs.OK()
		case joinQuorum:
			results = rs.AsDone()
		}
		var all []joined
		var choice []string
		for r := range results {
			m.world.Received(visit, r.ID(), r.Err == nil)
			it := itemOf(r.In)
			all = append(all, join(it, r.Action(), r.Out, r.Err))
			choice = append(choice, it.Name)
			if b.reduce != joinAll && len(all) == b.need {
				break
			}
		}
		if err := stopped(rs.Err()); err != nil && (b.reduce == joinAll || len(all) < b.need) {
			return written{}, err
		}
		if b.reduce == joinQuorum { // which ones have won is a matter of timing, and only logged
			m.world.Decided(visit, strings.Join(choice, " "))
			return written{Value: mix(in.Value, b.name, fmt.Sprint(len(all))), Log: []string{in.Name + " " + b.name}}, nil
		}
		return m.joined(b, in, all), nil
	}
}

// stopped is why the results ended before all branches did.
func stopped(err error) error {
	if _, failed := errors.AsType[*burdock.MapError](err); failed {
		return nil
	}
	return err
}

// join notes what became of a branch. A result of another branch, or of another edition of it, is mixed up.
func join(it item, action string, out result, err error) joined {
	line := it.Name + " " + action
	switch {
	case err != nil:
		return joined{line: line + " failed"}
	case out.Name != it.Name || out.Edition != it.Edition:
		return joined{line: fmt.Sprintf("%s mixed up with edition %d of %s", line, out.Edition, out.Name)}
	}
	return joined{line: fmt.Sprintf("%s %x", line, out.Value), log: out.Log}
}

// joined is what a map writes that has read its results; their order is that of the process.
func (m *maker) joined(b *block, in place, all []joined) written {
	slices.SortFunc(all, func(x, y joined) int { return strings.Compare(x.line, y.line) })
	out := written{Value: mix(in.Value, b.name), Log: []string{in.Name + " " + b.name}}
	for _, j := range all {
		out.Value = mix(out.Value, j.line)
		if strings.Contains(j.line, " mixed up ") {
			out.Log = append(out.Log, j.line)
		}
		out.Log = append(out.Log, j.log...)
	}
	return out
}
