package crashtest

import "testing"

// What a harness never generates it never finds: within the rounds of one make test there is everything that can meet a
// crash.
func TestPlansHaveEverything(t *testing.T) {
	parts := map[string]func(*block) bool{
		"loop":         func(b *block) bool { return b.kind == kindLoop },
		"loop of maps": func(b *block) bool { return b.kind == kindLoop && b.inner[0].kind.parallel() },
		"map in a map": func(b *block) bool {
			return b.kind.parallel() && (&Plan{root: b.below[0]}).has(func(b *block) bool { return b.kind.parallel() })
		},
		"actions":          func(b *block) bool { return b.kind == kindActions },
		"subgraph":         func(b *block) bool { return b.kind == kindSub },
		"snapshots":        func(b *block) bool { return b.kind == kindBlob && b.n > 4096 },
		"delete":           func(b *block) bool { return b.kind == kindScratch },
		"retry":            func(b *block) bool { return b.kind == kindFlaky && !b.retried },
		"retry of a map":   func(b *block) bool { return b.kind == kindMap && b.retried },
		"collected":        func(b *block) bool { return b.kind == kindFail && !b.caught },
		"error route":      func(b *block) bool { return b.kind == kindFail && b.caught },
		"panic":            func(b *block) bool { return b.fate == panics },
		"goexit":           func(b *block) bool { return b.fate == exits },
		"failed map":       func(b *block) bool { return b.kind == kindMap && b.failFast && b.caught },
		"quorum":           func(b *block) bool { return b.reduce == joinQuorum },
		"first":            func(b *block) bool { return b.reduce == joinFirst },
		"endless":          func(b *block) bool { return b.width < 0 },
		"shuffled, keyed":  func(b *block) bool { return b.shuffled && b.keyed },
		"shuffled indexes": func(b *block) bool { return b.shuffled && !b.keyed },
		"edited":           func(b *block) bool { return b.edited && b.keyed },
		"no branches":      func(b *block) bool { return b.kind == kindMap && b.width == 0 },
		"replies":          func(b *block) bool { return b.kind == kindReply },
		"cancelled":        func(b *block) bool { return b.kind == kindReply && b.cancels },
		"waiting":          func(b *block) bool { return b.kind == kindAlpha || b.kind == kindBeta },
	}
	for name, is := range parts {
		plans := 0
		for seed := range uint64(200) {
			if NewPlan(seed + 1).has(is) {
				plans++
			}
		}
		if plans < 5 {
			t.Errorf("%s: in %d of 200 plans, want 5", name, plans)
		}
	}
	waiting := 0
	for seed := range uint64(200) {
		for _, b := range NewPlan(seed + 1).root.blocks {
			if b.kind == kindAlpha || b.kind == kindBeta {
				waiting++
			}
		}
	}
	if waiting < 20 {
		t.Errorf("%d steps of roots wait for an input, want 20", waiting)
	}
}
