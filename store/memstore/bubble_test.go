package memstore_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// TestTimeMovesInABubble: branches that sleep and save let the bubble's time go on, since nobody waits holding a mutex.
func TestTimeMovesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, began := memstore.New(), time.Now()
		c, err := s.Claim(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range int64(100) {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{{Root: "r", App: "r", Seq: i, Kind: burdock.KindStep}})
				if err != nil {
					t.Error(err)
				}
				for range s.List(t.Context(), burdock.Query{App: "r"}) { //nolint:errcheck // only the sleep in the body matters
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		if got := time.Since(began); got < 100*time.Second {
			t.Errorf("%v have passed, want the sleeps' time", got)
		}
		if err := c.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestP3_LiveFollowsTheClaim(t *testing.T) {
	s := memstore.New()
	c, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if live, err := s.Live(t.Context(), "r"); err != nil || !live {
		t.Errorf("got %v, %v, want true", live, err)
	}
	if err := c.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live, err := s.Live(t.Context(), "r"); err != nil || live {
		t.Errorf("got %v, %v, want false", live, err)
	}
}
