package progress

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/burdock-go/burdock"
)

// A fan counts the branches of one step of the root.
//
//	started ──▶ running ──▶ done, failed, cancelled, waiting
//	                        skipped: never started
//	restored ─────────────▶ done, failed: by an earlier run
type fan struct {
	ref   burdock.Ref
	name  string
	began time.Time
	first sync.Once

	total    atomic.Int64 // 0: not known
	started  atomic.Int64
	left     atomic.Int64 // started ones that have ended
	restored atomic.Int64

	done, failed, cancelled, waiting, skipped atomic.Int64

	speed speed // guarded by View.mu
}

func newFan(ref burdock.Ref, action string) *fan {
	now := time.Now()
	return &fan{ref: ref, name: printable(action), began: now, speed: speed{{at: now}}}
}

// count counts what happened to a branch.
func (f *fan) count(e *burdock.Event) {
	switch {
	case e.Kind == burdock.EventBranchStarted:
		f.started.Add(1)
		return
	case e.Kind == burdock.EventRestored:
		f.restored.Add(1)
	case e.Status != burdock.StatusSkipped:
		f.left.Add(1)
	}
	f.of(e.Status).Add(1)
}

// of returns the counter of a status.
func (f *fan) of(s burdock.Status) *atomic.Int64 {
	switch s {
	case burdock.StatusFailed:
		return &f.failed
	case burdock.StatusCancelled:
		return &f.cancelled
	case burdock.StatusWaiting:
		return &f.waiting
	case burdock.StatusSkipped:
		return &f.skipped
	}
	return &f.done
}

// visible reports whether the step is worth a line. A step with an attribute "total" may be no fan-out at all, and a
// sub-graph is a single branch.
func (f *fan) visible() bool {
	branches := f.started.Load() + f.restored.Load()
	return branches > 1 || branches == 1 && f.total.Load() > 1
}

// A part of a line is left out of a narrow one: the lowest keep first.
type part struct {
	keep int
	text string
}

// line says how far the fan-out has come.
func (f *fan) line(now time.Time) []part {
	parts := []part{{always, f.name + ": "}, {always, f.progress()}}
	parts = append(parts, f.counted()...)
	left := f.left.Load()
	parts = appendCount(parts, 5, f.started.Load()-left, "running")
	rate := f.speed.rate(now, left)
	if rate == 0 {
		return parts
	}
	parts = append(parts, part{1, perTime(rate)})
	if rest := f.total.Load() - left - f.restored.Load() - f.skipped.Load(); rest > 0 {
		seconds := math.Ceil(min(float64(rest)/rate, maxLeft.Seconds()))
		parts = append(parts, part{6, roughly(time.Duration(seconds)*time.Second) + " left"})
	}
	return parts
}

// ending says how the step has ended.
func (f *fan) ending(s burdock.Status, now time.Time) []part {
	name := f.name
	if s != burdock.StatusCompleted {
		name += " " + string(s)
	}
	parts := append([]part{{always, name + ": "}, {always, f.progress()}}, f.counted()...)
	return append(parts, part{always, "in " + roughly(now.Sub(f.began))})
}

func (f *fan) progress() string {
	total, done := f.total.Load(), f.done.Load()
	if total > 0 && total != done {
		return fmt.Sprintf("%d of %d done", done, total)
	}
	return fmt.Sprintf("%d done", done)
}

// counted names the branches that did not simply complete.
func (f *fan) counted() (parts []part) {
	parts = appendCount(parts, 4, f.restored.Load(), "restored")
	parts = appendCount(parts, 7, f.failed.Load(), "failed")
	parts = appendCount(parts, 3, f.cancelled.Load(), "cancelled")
	parts = appendCount(parts, 3, f.waiting.Load(), "waiting")
	return appendCount(parts, 2, f.skipped.Load(), "skipped")
}

func appendCount(parts []part, keep int, n int64, what string) []part {
	if n <= 0 {
		return parts
	}
	return append(parts, part{keep, fmt.Sprintf("%d %s", n, what)})
}

// A speed is how many branches had ended at some moments, the oldest first: one a second over half a minute, so that the
// rate is that of the work at hand and not of how the run began.
type speed []sample

type sample struct {
	at time.Time
	n  int64
}

const (
	window  = 30 * time.Second
	spacing = time.Second
	maxLeft = 1000 * time.Hour
)

// rate takes a sample and returns how many ended per second.
func (s *speed) rate(now time.Time, n int64) float64 {
	if now.Sub((*s)[len(*s)-1].at) >= spacing {
		*s = append(*s, sample{now, n})
	}
	for len(*s) > 1 && now.Sub((*s)[1].at) >= window {
		*s = (*s)[1:]
	}
	oldest := (*s)[0]
	passed := now.Sub(oldest.at)
	if passed < spacing {
		return 0
	}
	return float64(n-oldest.n) / passed.Seconds()
}

func perTime(perSecond float64) string {
	switch {
	case perSecond >= 10:
		return fmt.Sprintf("%.0f/s", perSecond)
	case perSecond >= 1:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return fmt.Sprintf("%.1f/min", perSecond*60)
}

// roughly writes a duration with two units at most.
func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// number returns the value of the attribute "total".
func number(value any) (int64, bool) {
	switch v := reflect.ValueOf(value); {
	case !v.IsValid():
		return 0, false
	case v.CanInt():
		return v.Int(), v.Int() > 0
	case v.CanUint():
		return int64(v.Uint()), v.Uint() > 0 && v.Uint() < 1<<62
	case v.CanFloat():
		return int64(v.Float()), v.Float() >= 1 && v.Float() < 1<<62
	}
	return 0, false
}
