package celltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A cell is one entry of the table.
type cell struct {
	fate   string // of the special branches
	policy string
	order  string
	limit  int // 0: unlimited
	where  string
	how    string // first, resumed, killed
}

var (
	fates    = []string{"ok", "fail", "panic", "goexit", "timeout", "cancelled", "skipped", "waits"}
	policies = []string{"fail_fast", "collect", "tolerate"}
	orders   = []string{"OK", "All", "AsDone", "early"}
	limits   = []int{1, 2, 8, 0}
	wheres   = []string{"memory", "sqlite", "encoded"}
	hows     = []string{"first", "resumed"}
)

func (c cell) String() string {
	return fmt.Sprintf("%s/%s/%s/%d/%s/%s", c.fate, c.policy, c.order, c.limit, c.where, c.how)
}

// parseCell is the inverse of String, for a child process.
func parseCell(s string) (c cell) {
	p := strings.Split(s, "/")
	_, _ = fmt.Sscan(p[3], &c.limit)
	c.fate, c.policy, c.order, c.where, c.how = p[0], p[1], p[2], p[4], p[5]
	return c
}

// width is how many branches there are.
const width = 6

// specials are the branches whose fate is the cell's; the others are ok. Tolerate(1) is asked by two.
func (c cell) specials() []int {
	if c.policy == "tolerate" {
		return []int{2, 5}
	}
	return []int{2}
}

func (c cell) special(i int) bool { return slices.Contains(c.specials(), i) }

// fails reports whether the fate is a failure of the branch.
func (c cell) fails() bool { return slices.Contains([]string{"fail", "panic", "goexit", "timeout"}, c.fate) }

// doomed reports whether the run is stopped from outside: the first one of a cell that goes on later, and where being
// stopped is the fate itself.
func (c cell) doomed(resumed bool) bool {
	return !resumed && (c.how != "first" || c.fate == "cancelled" || c.fate == "skipped")
}

// trigger is the branch in whose action a doomed run is stopped: the first special one, but one that waits has no action.
func (c cell) trigger() int {
	if c.fate == "waits" {
		return 4
	}
	return c.specials()[0]
}

// asks reports whether the branch waits for an input.
func (c cell) asks(i int) bool { return c.fate == "waits" && c.special(i) }

// want is what a run of a cell should come to.
type want struct {
	stop   string         // done, failed, cancelled, waiting
	seen   []string       // what reduce reads, sorted; nil if what it returns is discarded
	ends   map[int]string // how the branches stand; of others timing decides
	ran    map[int]int    // how often their actions have been called, over all runs; of others timing decides
	failed int
}

// idles reports whether a special branch does nothing until it is cancelled: where an early return or the stop of the run
// would race with its fate.
func (c cell) idles(i int, resumed bool) bool {
	return c.special(i) && (c.doomed(resumed) && i != c.trigger() || c.order == "early" && !c.doomed(resumed))
}

// gate are the branches that must have ended before i comes to its fate, so that timing decides nothing: with limit 1
// the sequence sees to that.
func (c cell) gate(i int) []int {
	if c.limit == 1 || c.asks(i) || !c.special(i) && (c.fate != "waits" || i != c.trigger()) {
		return nil
	}
	var before []int
	for j := range width {
		if j != i && (!c.special(j) || c.asks(j) || j < i) {
			before = append(before, j)
		}
	}
	return before
}

// completions is the order in which the branches end: that of the sequence with limit 1, and otherwise first those that wait for nobody.
func (c cell) completions() []int {
	var first, last []int
	for i := range width {
		if c.gate(i) == nil {
			first = append(first, i)
		} else {
			last = append(last, i)
		}
	}
	return append(first, last...)
}

// model runs the cell one branch after another. before is what an earlier run has come to.
func (c cell) model(resumed bool, before *want) want {
	w := want{stop: "done", ends: map[int]string{}, ran: map[int]int{}}
	if before != nil {
		maps.Copy(w.ran, before.ran)
	}
	kept := func(i int) bool { return before != nil && before.ends[i] == "completed" }
	early := c.order == "early" && !c.doomed(resumed)
	if early && slices.ContainsFunc(c.completions(), kept) {
		w.seen = []string{"one"} // what is restored comes first, so nothing starts
		return w
	}
	var seen []string
	waiting := 0
	for _, i := range c.completions() {
		switch {
		case kept(i):
			w.ends[i] = "completed"
			seen = append(seen, fmt.Sprint(i))
		case i == c.trigger() && c.doomed(resumed):
			w.stop, w.ends[i] = "cancelled", "cancelled"
			w.ran[i]++
			return w
		case c.asks(i) && before == nil:
			w.ends[i] = "waiting"
			waiting++
		case c.special(i) && c.fails():
			w.ran[i]++
			w.ends[i] = "failed"
			w.failed++
			seen = append(seen, fmt.Sprint(i, "!"))
			if c.policy == "fail_fast" || c.policy == "tolerate" && w.failed > 1 {
				w.stop = "failed"
				return w
			}
		default:
			w.ran[i]++
			w.ends[i] = "completed"
			seen = append(seen, fmt.Sprint(i))
		}
		if early && w.ends[i] == "completed" {
			return want{stop: "done", seen: []string{"one"}}
		}
	}
	if waiting > 0 {
		w.stop = "waiting"
		return w
	}
	w.seen = seen
	if c.order != "All" {
		w.seen = slices.DeleteFunc(seen, func(s string) bool { return strings.HasSuffix(s, "!") })
	}
	slices.Sort(w.seen)
	return w
}
