package tracktest_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/track/tracktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A recorder is the smallest tracker that keeps what it should.
type recorder struct {
	mu   sync.Mutex
	list []burdock.Event
}

func (r *recorder) Track(_ context.Context, e burdock.Event) error {
	data, err := record.MarshalEvent(e, 0)
	if err != nil {
		return err
	}
	if e, err = record.UnmarshalEvent(data); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
	return nil
}

func TestTheSuiteAcceptsARecorder(t *testing.T) {
	tracktest.Run(t, func(*testing.T) burdock.Tracker { return new(recorder) }, &tracktest.Options{
		MaxValue: record.MaxEventValue,
		Read: func(_ *testing.T, tr burdock.Tracker, app string) (list []burdock.Event) {
			for _, e := range tr.(*recorder).list {
				if e.App == app {
					list = append(list, e)
				}
			}
			slices.SortStableFunc(list, func(a, b burdock.Event) int {
				return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Attempt, b.Attempt), cmp.Compare(a.N, b.N))
			})
			return list
		},
	})
}
