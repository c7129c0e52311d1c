//go:build unix

package crashtest_test

import (
	"testing"

	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

func TestPlanAndItsEndFollowFromTheSeed(t *testing.T) {
	for seed := range uint64(100) {
		one, err := undisturbed(t.Context(), crashtest.NewPlan(seed))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		two, err := undisturbed(t.Context(), crashtest.NewPlan(seed))
		if err != nil || one.state != two.state || one.drawing != two.drawing {
			t.Errorf("seed %d: got two ends, %v\n%s\n%s", seed, err, one.state, two.state)
		}
	}
}
