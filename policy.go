package burdock

import (
	"fmt"
	"time"
)

// A Policy changes how an action is run. Give it to Action.With.
type Policy interface {
	apply(a *Action) error
}

// Timeout bounds each attempt of an action. When it is over the attempt's context ends with cause ErrTimeout; a function
// that then returns an error has failed with one that Is context.DeadlineExceeded, and one that returns nil has
// completed. A function that ignores its context is waited for, see Options.Grace. The time that a loop over App.Events lets
// the action wait does not count.
func Timeout(d time.Duration) Policy { return timeoutPolicy(d) }

type timeoutPolicy time.Duration

func (t timeoutPolicy) apply(a *Action) error {
	if t <= 0 {
		return fmt.Errorf("a Timeout of %v; it is a positive duration", time.Duration(t))
	}
	if a.timeout != 0 && a.timeout != time.Duration(t) {
		return fmt.Errorf("two Timeouts, %v and %v", a.timeout, time.Duration(t))
	}
	a.timeout = time.Duration(t)
	return nil
}
