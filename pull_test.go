package burdock_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
)

// R9: a sequence that Grace has left behind shares nothing with its visit, and ends when it yields after all. Real time,
// as a bubble's clock would order what is to race.
func TestR9_ASequenceLeftBehindSharesNothing(t *testing.T) {
	const grace = 5 * time.Millisecond
	for wait := grace; wait < 6*grace; wait += grace / 4 {
		over := make(chan struct{})
		var wanted bool
		r := rigOf()
		r.opts = &burdock.MapOptions{Limit: 8}
		r.names = func(context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				defer close(over)
				for until := time.Now().Add(wait); time.Now().Before(until); { // nothing that puts it in order with others
				}
				wanted = yield("late", nil)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), grace)
		_, err := r.runWith(ctx, t, &burdock.Options{Grace: grace})
		cancel()
		<-over
		if _, left := errors.AsType[*burdock.LeakError](err); left && wanted {
			t.Errorf("after %v: a sequence that was left behind is asked for more", wait)
		}
	}
}

// A countingKey counts how often it is asked for its text.
type countingKey string

var countedKeys atomic.Int64

func (k countingKey) MarshalText() ([]byte, error) {
	countedKeys.Add(1)
	return []byte(k), nil
}

func (k *countingKey) UnmarshalText(text []byte) error {
	*k = countingKey(text)
	return nil
}

// M1: a sequence that broke in the middle of a turn has no more to say, although it has kept its yield.
func TestM1_AKeptYieldOfABrokenSequence(t *testing.T) {
	type sub struct {
		Name countingKey `state:"name,key"`
	}
	type in struct {
		Name countingKey `state:"name"`
	}
	for what, breaks := range map[string]func(){"panic": func() { panic("broken") }, "Goexit": runtime.Goexit} {
		var kept func(sub, error) bool
		say := burdock.Func("say", func(_ context.Context, in in) (twigOut, error) { return twigOut{string(in.Name)}, nil })
		m := burdock.MapStates("m", say,
			func(context.Context, burdock.None) iter.Seq2[sub, error] {
				return func(yield func(sub, error) bool) {
					kept = yield
					yield(sub{"a"}, nil)
					breaks()
				}
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[sub, twigOut]) (bunch, error) {
				for range rs.OK() {
				}
				return bunch{}, nil
			}, &burdock.MapOptions{Limit: 8})
		if _, err := newApp(t, burdock.MustGraph("g", burdock.Node(m)), nil).Run(t.Context()); err == nil {
			t.Errorf("%s: the visit has not failed", what)
		}
		before := countedKeys.Load()
		if kept(sub{"b"}, nil) {
			t.Errorf("%s: more is wanted", what)
		}
		if countedKeys.Load() != before {
			t.Errorf("%s: what is yielded after the visit is taken", what)
		}
	}
}
