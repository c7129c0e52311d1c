package record

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
)

// Two more statuses that an application may have and a step has not. They follow from the latest record and from
// whether somebody holds the root.
const (
	// StatusPaused is an application between two steps that nobody advances: a halt, a left loop or a killed process
	// stopped it there.
	StatusPaused burdock.Status = "paused"
	// StatusStale is an application in mid-step that nobody advances: its process was killed.
	StatusStale burdock.Status = "stale"
)

// AppStatus says how an application stands, by its latest step record and by whether its root has a living owner:
//
//	latest step              owner lives    nobody
//	completed, no next       completed      completed
//	completed, next          running        paused
//	failed, next (a route)   running        paused
//	running                  running        stale
//	failed, no next          running        failed
//	cancelled, waiting       running        cancelled, waiting
//	skipped, superseded      skipped, superseded
//
// For a branch, whose owner lives longer than the branch, see BranchStatus.
func AppStatus(latest burdock.Checkpoint, live bool) burdock.Status {
	if live && !latest.Done() && latest.Status != burdock.StatusSkipped && latest.Status != burdock.StatusSuperseded {
		return burdock.StatusRunning
	}
	return standing(&latest, StatusPaused, StatusStale)
}

// BranchStatus says how a branch stands. Its root's owner may live while the branch has long failed or waits, so only
// what is in the middle of its work differs by live.
func BranchStatus(latest burdock.Checkpoint, live bool) burdock.Status {
	if live {
		return standing(&latest, burdock.StatusRunning, burdock.StatusRunning)
	}
	return standing(&latest, StatusPaused, StatusStale)
}

// standing names the status of a record; between is what lies between two steps, within what is in mid-step.
func standing(latest *burdock.Checkpoint, between, within burdock.Status) burdock.Status {
	switch latest.Status {
	case burdock.StatusRunning:
		return within
	case burdock.StatusCompleted, burdock.StatusFailed:
		if latest.Next != "" {
			return between
		}
	}
	return latest.Status
}

// Written is the moment by which stores order roots and which Query.Before is compared with: when the step ended, or
// began if it has not ended.
func Written(c burdock.Checkpoint) time.Time {
	if c.Ended.IsZero() {
		return c.Started
	}
	return c.Ended
}

// statusOrder is the order in which counts are shown.
var statusOrder = [...]burdock.Status{
	burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusRunning, burdock.StatusWaiting, StatusPaused, StatusStale,
	burdock.StatusCancelled, burdock.StatusSkipped, burdock.StatusSuperseded,
}

// Counts says how many applications stand in each status. The zero value counts none.
type Counts struct {
	n     [len(statusOrder)]int64
	other int64 // statuses of later versions
}

// Add counts one more application.
func (c *Counts) Add(s burdock.Status) {
	for i, known := range statusOrder {
		if s == known {
			c.n[i]++
			return
		}
	}
	c.other++
}

// Of is how many have the status s.
func (c *Counts) Of(s burdock.Status) int64 {
	for i, known := range statusOrder {
		if s == known {
			return c.n[i]
		}
	}
	return 0
}

// Total is how many were counted.
func (c *Counts) Total() int64 {
	total := c.other
	for _, n := range c.n {
		total += n
	}
	return total
}

// All yields the statuses that some application has, in a fixed order: what is good first, then what needs a look.
func (c *Counts) All() iter.Seq2[burdock.Status, int64] {
	return func(yield func(burdock.Status, int64) bool) {
		for i, n := range c.n {
			if n != 0 && !yield(statusOrder[i], n) {
				return
			}
		}
	}
}

// String is like "9871 completed, 12 failed, 117 running"; "none" if nothing was counted.
func (c *Counts) String() string {
	var parts []string
	for s, n := range c.All() {
		parts = append(parts, fmt.Sprintf("%d %s", n, s))
	}
	if c.other > 0 {
		parts = append(parts, fmt.Sprintf("%d of a status that this version does not know", c.other))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// CountBranches reads the latest record of every branch of one visit and counts them by BranchStatus. It stops at the
// first error of the sequence.
func CountBranches(latest iter.Seq2[burdock.Checkpoint, error], live bool) (Counts, error) {
	var counts Counts
	for c, err := range latest {
		if err != nil {
			return counts, err
		}
		counts.Add(BranchStatus(c, live))
	}
	return counts, nil
}
