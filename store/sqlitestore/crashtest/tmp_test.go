//go:build unix

package crashtest_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

func TestTmp(t *testing.T) {
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	seen := map[string]int{}
	p := crashtest.NewPlan(seed)
	for range 200 {
		o, err := undisturbed(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		seen[o.state]++
		if seen[o.state] == 1 {
			os.WriteFile(fmt.Sprintf("/tmp/end%d", len(seen)), []byte(o.state), 0o600)
			if len(seen) == 1 {
				fmt.Println(o.drawing)
			}
		}
	}
	for _, n := range seen {
		fmt.Println(n)
	}
}
