//go:build unix

package crashtest

import (
	"fmt"
	"testing"
)

func TestTmp2(t *testing.T) {
	p := NewPlan(52)
	p.has(func(b *block) bool { fmt.Printf("%+v\n", *b); return false })
}
