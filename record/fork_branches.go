package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
)

// A rerun chooses the branches of a step that a fork copies: those that have completed, but for the named ones.
type rerun struct {
	keys  []string
	found map[string]bool // of keys
	other []string        // some keys that were not named
	own   string          // the id that a task gave its branch, which cannot be copied

	copies []burdock.Checkpoint
	branch []burdock.Checkpoint // the records of the one that is being read
}

// maxNamed bounds how many keys an error names.
const maxNamed = 10

// add takes the next record; those of one branch come together.
func (r *rerun) add(c burdock.Checkpoint) {
	if n := len(r.branch); n > 0 && r.branch[n-1].App != c.App {
		r.end()
	}
	r.branch = append(r.branch, c)
}

// end chooses whether the branch that has been read is copied, and returns all that are.
func (r *rerun) end() []burdock.Checkpoint {
	if len(r.branch) == 0 {
		return r.copies
	}
	last := &r.branch[len(r.branch)-1]
	switch {
	case slices.Contains(r.keys, last.Key):
		r.found[last.Key] = true
	case last.Done():
		r.copies = append(r.copies, r.branch...)
		if last.App != branchID(last.Parent, last.Task, last.Key, last.Fingerprint) {
			r.own = last.App
		}
		fallthrough
	default:
		if len(r.other) <= maxNamed {
			r.other = append(r.other, last.Key)
		}
	}
	r.branch = r.branch[:0]
	return r.copies
}

// check fails if a named branch is not there.
func (r *rerun) check(at *burdock.Checkpoint) error {
	if len(r.other) == 0 && len(r.found) == 0 {
		return fmt.Errorf("step %d (%s) has started no branches that could run anew", at.Seq, at.Action)
	}
	if r.own != "" {
		return fmt.Errorf("step %d (%s) has a branch whose task gave it the id %q, and no other application can have that; fork after the step", at.Seq, at.Action, r.own)
	}
	var missing []string
	for _, key := range r.keys {
		if !r.found[key] {
			missing = append(missing, fmt.Sprintf("%q", key))
		}
	}
	if missing == nil {
		return nil
	}
	for key := range r.found {
		r.other = append(r.other, key)
	}
	slices.Sort(r.other)
	return fmt.Errorf("step %d (%s) has no branch with the key %s; it has %s", at.Seq, at.Action, strings.Join(missing, " or "), named(r.other))
}

// named lists keys, the first of them if there are many.
func named(keys []string) string {
	if len(keys) == 0 {
		return "none"
	}
	var all []string
	for _, key := range keys[:min(len(keys), maxNamed)] {
		all = append(all, fmt.Sprintf("%q", key))
	}
	if len(keys) > maxNamed {
		all = append(all, "...")
	}
	return strings.Join(all, ", ")
}
