package burdock_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// M18: a branch never waits for a flight that needs it: of two topics that lead to each other each is asked about below
// the other too.
func TestM18_FlightsThatNeedEachOther(t *testing.T) {
	type (
		topic struct {
			Topic string `state:"topic,key"`
		}
		seen struct {
			Topic string `state:"topic"`
		}
		count struct {
			N int `state:"n"`
		}
	)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		o := &burdock.MapOptions{Cache: &burdock.Cache{Store: memory(), SingleFlight: true}}
		sum := burdock.List[count, topic, seen](func(all []count) (c count) {
			for _, x := range all {
				c.N += x.N
			}
			return count{c.N + 1}
		})
		research := burdock.MustGraph("research", burdock.Chain(
			burdock.MapStates("below", burdock.GraphNamed("research"), func(_ context.Context, s seen) iter.Seq2[topic, error] {
				other := map[string]string{"x": "y", "y": "x"}[s.Topic]
				var next []string
				if asked.Add(1) <= 4 { // what is known elsewhere ends it
					next = []string{other}
				}
				time.Sleep(time.Second)
				return burdock.Each(next, func(s string) topic { return topic{s} })
			}, sum, o),
		))
		top := burdock.MapStates("top", research, func(context.Context, burdock.None) iter.Seq2[topic, error] {
			return burdock.Each([]string{"x", "y"}, func(s string) topic { return topic{s} })
		}, func(_ context.Context, _ burdock.None, rs *burdock.Results[topic, count]) (c count, err error) {
			for r := range rs.OK() {
				c.N += r.Out.N
			}
			return c, nil
		}, o)
		runTo(t, newApp(t, line(top), nil), burdock.StopDone)
	})
}

// M18: the graphs that a branch refers to are part of its key.
func TestM18_AGraphAroundTheBranchIsPartOfItsKey(t *testing.T) {
	type depth struct {
		N int `state:"n"`
	}
	var ran atomic.Int64
	cache := &burdock.Cache{Store: memory()}
	first := func(all []depth) (d depth) {
		if len(all) > 0 {
			d = all[0]
		}
		return d
	}
	list := burdock.List[depth, depth, depth](first)
	for i, version := range []string{"1", "2", "1"} {
		ran.Store(0)
		work := burdock.Func("work", func(_ context.Context, d depth) (depth, error) {
			ran.Add(1)
			return depth{d.N * 10}, nil
		}).Version(version)
		again := burdock.MustGraph("again", burdock.Chain(
			burdock.MapStates("again", burdock.GraphNamed("around"), func(_ context.Context, d depth) iter.Seq2[depth, error] {
				if d.N == 0 {
					return burdock.Each([]depth{}, func(d depth) depth { return d })
				}
				return burdock.Each([]depth{{d.N - 1}}, func(d depth) depth { return d })
			}, list, nil)))
		around := burdock.MustGraph("around", burdock.Chain(
			burdock.MapStates("in", again, func(_ context.Context, d depth) iter.Seq2[depth, error] {
				return burdock.Each([]depth{d}, func(d depth) depth { return d })
			}, list, &burdock.MapOptions{Cache: cache}), work))
		runTo(t, newApp(t, around, &burdock.Options{State: burdock.StateOf(depth{1})}), burdock.StopDone)
		wantEqual(t, "runs of work, version "+version, ran.Load(), []int64{2, 2, 1}[i])
	}
}
