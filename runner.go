package burdock

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// A runner advances one application: a root or a branch. It is used by one goroutine at a time.
//
//	next ──gather──▶ waiting
//	  │
//	  ▼
//	attempt ──▶ completed ──▶ next, or done
//	  │    └──▶ failed ──OnError──▶ next, or failed
//	  └──────▶ cancelled
//
// The position is (seq, next): the last ended step and the node that runs after it. A step that failed, was cancelled
// or waits does not move the position, so it runs again under the same number.
//
// A branch's runner is lent from runners until the branch has ended; no function of the user ever sees one.
type runner struct {
	course

	opening opening  // of a branch
	asks    *inquiry // of a branch whose map has a Cache
	cur     current
	spares  [2][]slot    // for the states of a branch between its steps
	batch   []Checkpoint // has room for the records of a step, see preceding
}

// A course is where an application stands, and what one call leaves for the next.
type course struct {
	*member

	has     *env // the member's, looked up once
	plan    *plan
	sch     *schema
	vals    []slot // never written to once shared
	seq     int64
	next    *planNode // nil: the application has ended
	last    string    // the action of step seq
	status  Status    // of the step after seq, if it was begun: how it stands
	rerun   bool      // the step after seq was recorded failed or cancelled: its failed branches run again
	attempt int       // of the step after seq
	failure *Failure  // what the next node handles, if an error route leads to it
	sources sources
	halted  string // the node before which the last call halted

	messages []string      // of the Inbox, that the step after seq has used
	recalled []InputRecord // the events that the step after seq was recorded with
	kept     values        // the events that the step after seq was given in this process and did not use up
	origin   Ref           // of a fork
	passedOn []InputRecord // of a fork: the events that its first step was given in the origin
	copies   []Checkpoint  // of the origin's branches, to be committed with sequence 0
	spent    int           // failed attempts of the step after seq that its Retry has seen
	tried    time.Time     // when the first of these attempts began
	retryAt  time.Time     // no attempt of it begins before this moment
	deadline time.Time     // of a branch whose task has a Timeout
	doubtful bool          // of a branch that may have a fault
	revisit  bool          // the step after seq may have recorded branches
	spawned  bool          // its action has spawned some, or may have
	pending  []Pending

	holds   bool                            // a token
	placed  string                          // the path, once a record has asked for it
	born    bool                            // sequence 0 is recorded
	unsaved []Checkpoint                    // the record of an ended step that the store did not take
	owed    []Event                         // of the end of that step
	after   func() (step Step, passed bool) // moves the position behind that step, if it has passed, once it is saved
	since   int                             // bytes of deltas since the last snapshot
	opened  bool                            // the first event of the next attempt has been told
}

// runners has those of branches that have ended. What they refer to lives until the next branch or the collector comes:
// to clear half a kilobyte that is about to be overwritten would be a twentieth of what a short branch costs.
var runners = sync.Pool{New: func() any { return new(runner) }}

// A member is who an application is among those of its tree, as long as anybody asks: contexts and results that
// functions have kept refer to it after its runner is gone.
type member struct {
	tree    *tree
	visit   *visit  // of a branch: the visit that started it
	branch  *branch // of a branch
	watched *watched
}

// watched is what records and events of an application need. A branch that is neither recorded nor tracked has none.
type watched struct {
	id     string       // of a branch
	print  string       // of a branch: its fingerprint
	began  int64        // of a branch, in nanoseconds since 1970, if it is tracked
	events atomic.Int64 // of the last attempt
	spans  atomic.Int64 // of the last attempt
	watch  atomic.Pointer[stopwatch]

	ctx    context.Context //nolint:containedctx // of a branch that messages may cancel; it lives as long as the branch runs
	cancel context.CancelCauseFunc
}

// current is the step that is being run.
type current struct {
	node     *planNode
	att      *attempt
	own      attempt            // att points here unless Options.Grace is set
	res      result             // what the attempt came to
	ctx      context.Context    //nolint:containedctx // of the run; it lives as long as the step
	cancel   context.CancelFunc // of the Timeout
	given    gathered
	inputs   []InputRecord
	started  time.Time
	matching error // what the matchers of error routes are being asked about
	unrouted bool  // one of them called runtime.Goexit: no route is taken
}

// An ending says how a runner stopped.
type ending uint8

const (
	endDone ending = iota
	endFailed
	endCancelled
	endWaiting
	endHalted
	endPaused
	endFatal // the tree was stopped
)

// env returns what the application has. It hides the member's, which has to look for it: this is asked several times
// in each step.
func (r *runner) env() *env { return r.has }

// records reports whether the application is saved.
func (r *runner) records() bool { return r.has.ledger != nil }

// listens reports whether anybody is told of events.
func (r *runner) listens() bool { return r.has.tracker != nil || r.tree.hub.reads(r.member) }

// observed reports whether steps are recorded or told of.
func (r *runner) observed() bool { return r.has.ledger != nil || r.listens() }

// state returns the current state.
func (r *runner) state() State { return State{sch: r.sch, vals: r.vals} }

// records reports whether the application is saved.
func (m *member) records() bool { return m.env().ledger != nil }

func (m *member) branchKey() string {
	if m.branch == nil {
		if g := m.tree.guest; g != nil {
			return string(g.Key)
		}
		return ""
	}
	return m.branch.key()
}

func (m *member) branchIndex() int64 {
	if m.branch == nil {
		if g := m.tree.guest; g != nil {
			return g.Index
		}
		return 0
	}
	return m.branch.node.Index
}

// An attempt is one try of a step, and what an action's function is called with.
type attempt struct {
	ctx     context.Context //nolint:containedctx // the function's; it lives as long as the attempt
	run     *runner
	node    *planNode
	state   State
	args    []reflect.Value
	seq     int64
	number  int
	entered *stepContext // what the function was given, unless the attempt is apart
	ended   bool         // the engine has closed it
	reaped  bool         // what the function has spawned is ended
	apart   *meeting     // with Options.Grace: where the function's goroutine and the engine's meet
	where   string       // which function runs, for a PanicError
	asked   *Condition   // the one that is asked, once the function has returned
}

// A meeting is what a function that may be left behind and the engine know of each other.
type meeting struct {
	entered atomic.Pointer[stepContext]
	closed  atomic.Bool
}

// place names the function that runs.
func (a *attempt) place() string {
	if a.asked != nil {
		return fmt.Sprintf("condition %q", a.asked.label)
	}
	return a.where
}

// close refuses what the attempt's function may still do.
func (a *attempt) close() {
	a.ended = true
	if a.apart != nil {
		a.apart.closed.Store(true)
	}
	if c := a.step(); c != nil && !c.over.Load() {
		c.over.Store(true)
	}
}

// leave ends one call of the attempt's function: a middleware may make another.
func (a *attempt) leave(res *result) {
	c := a.step()
	if c == nil {
		return
	}
	a.reap(res)
	if t := a.run.tree; t.lent(c) {
		t.tokens <- struct{}{}
	}
}

// step returns the context that the function was given, if it has come so far.
func (a *attempt) step() *stepContext {
	if a.apart != nil {
		return a.apart.entered.Load()
	}
	return a.entered
}

// enter fills the window of the action and returns the context of its function.
func (a *attempt) enter(c *stepContext, in reflect.Value) (context.Context, error) {
	c.Context, c.of, c.node, c.seq, c.attempt = a.ctx, a.run.member, a.node, a.seq, a.number
	if m := a.apart; m == nil {
		a.entered = c
	} else if m.entered.Store(c); m.closed.Load() { // Grace was over before the function began
		c.over.Store(true)
	}
	l := loader{a.node.loads, a.state.vals}
	if !l.load(in) {
		return nil, missingKeys(a.node, l.missing())
	}
	for i, v := range a.args {
		if v.IsValid() {
			a.node.inputs[i].field.Value(in).Set(v)
		}
	}
	return c, nil
}
