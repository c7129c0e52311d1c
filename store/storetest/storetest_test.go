package storetest

import (
	"regexp"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryCheckIsNamedAfterItsRuleAndOnce(t *testing.T) {
	rule := regexp.MustCompile(`^([PMTI][0-9]+|L|Prune|Size)_[A-Za-z0-9_]+$`)
	seen := map[string]bool{}
	for _, group := range groups {
		for _, c := range group {
			if !rule.MatchString(c.name) || seen[c.name] {
				t.Errorf("the check %q is named twice or after no rule", c.name)
			}
			seen[c.name] = true
		}
	}
}
