package burdock

import (
	"errors"
	"fmt"
	"strings"
)

// A Stop says why a run came back.
type Stop string

// The reasons for which a run stops. With the last two there is an error, which Outcome.Err has too.
const (
	StopDone         Stop = "done"          // no route matched after the last action
	StopHaltedBefore Stop = "halted_before" // HaltBefore named the next action
	StopHaltedAfter  Stop = "halted_after"  // HaltAfter named the last action
	StopWaiting      Stop = "waiting"       // a required input has no source; see Outcome.Pending
	StopPaused       Stop = "paused"        // the loop over Steps or Events was left
	StopFailed       Stop = "failed"        // a step failed, and no route took its error
	StopCancelled    Stop = "cancelled"     // ctx ended, Cancel was called, the store failed, or somebody else has taken over
)

// An Outcome says how a run came back.
type Outcome struct {
	Stop    Stop
	Action  string    // the last action that ended
	Seq     int64     // its step
	Next    string    // the action that would run next; "" if there is none
	State   State     // the last committed state
	Pending []Pending // with StopWaiting: the first 1,000 steps that wait
	Unused  []string  // event inputs that no step has used
	Err     error     // with StopFailed and StopCancelled
}

// A Pending is a step that waits for inputs.
type Pending struct {
	Ref    Ref      // the step
	Path   string   // the application it belongs to
	Action string   // what will run
	Needs  []string // the inputs without a source
	State  State    // the state it will see
}

// Read reads a window out of the outcome of a run that is done. It takes what Run returns:
//
//	digest, err := burdock.Read[digest](app.Run(ctx))
//
// It fails with the run's error, or says why there is no value: the run waits, has halted or was paused.
func Read[T any](out *Outcome, err error) (T, error) {
	var none T
	switch {
	case err != nil:
		return none, err
	case out == nil:
		return none, errors.New("burdock: Read: no outcome")
	case out.Stop == StopWaiting && len(out.Pending) > 0:
		p := out.Pending[0]
		return none, fmt.Errorf("burdock: Read: %s waits before %s for %s; give it with Given", p.Path, p.Action, strings.Join(p.Needs, ", "))
	case out.Stop != StopDone && out.Stop != StopHaltedAfter:
		return none, fmt.Errorf("burdock: Read: the application is not done: %s, next is %s", out.Stop, out.Next)
	}
	return View[T](out.State)
}

// A Step is one ended step of the root, as Steps yields it.
type Step struct {
	Seq     int64
	Attempt int
	Action  string
	Status  Status
	Next    string // the action that follows; "" if none does
	State   State  // after the step
	Err     error  // of a failed or cancelled step
}

// String describes the step for people.
func (s Step) String() string { return fmt.Sprintf("%d %s: %s", s.Seq, s.Action, s.Status) }

// stepDone describes the step that has just ended; the position is behind it, unless it will run again.
func (r *runner) stepDone(status Status, attempt int, err error) Step {
	if r.branch != nil {
		return Step{}
	}
	s := Step{Seq: r.seq, Attempt: attempt, Action: r.cur.node.action.name, Status: status, State: r.state(), Err: err}
	switch {
	case r.rerun:
		s.Seq++
	case r.next != nil:
		s.Next = r.next.action.name
	}
	return s
}
