package burdock

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinels for what a caller can act on. Test for them with errors.Is.
var (
	// ErrConflict means that somebody else advances the application: another process that lives, another call on the
	// same App, or an owner that has taken over since. Nothing was run or written by the call that returns it.
	ErrConflict = errors.New("burdock: the application is advanced by another owner")
	// ErrExists means that New was asked for an id that the store has. Use Resume or Open.
	ErrExists = errors.New("burdock: the application exists")
	// ErrNotFound means that the store has no such application, step or branch.
	ErrNotFound = errors.New("burdock: not found")
	// ErrGraphChanged means that a recorded application was made by a graph with another hash.
	ErrGraphChanged = errors.New("burdock: the graph has changed")

	// ErrPaused is the cause with which leaving Steps or Events early cancels what is running.
	ErrPaused = errors.New("burdock: paused")
	// ErrNotNeeded is the cause with which branches are cancelled after reduce has returned.
	ErrNotNeeded = errors.New("burdock: reduce has returned")
	// ErrSibling is the cause with which branches are cancelled after another one failed the visit.
	ErrSibling = errors.New("burdock: another branch failed")
	// ErrCancelled is the cause with which Cancel ends an application.
	ErrCancelled = errors.New("burdock: cancelled by a message")
	// ErrSuspended is what Results.Err returns when every unfinished branch waits for an input.
	ErrSuspended = errors.New("burdock: every unfinished branch waits")
	// ErrNoResult is what First returns when there was no branch at all.
	ErrNoResult = errors.New("burdock: no branch completed")
	// ErrTimeout is the cause with which an action's Timeout cancels its attempt. It is a context.DeadlineExceeded.
	ErrTimeout error = timeoutError{}
)

type timeoutError struct{}

func (timeoutError) Error() string        { return "burdock: the action's Timeout is over" }
func (timeoutError) Is(target error) bool { return target == errDeadline }
func (timeoutError) Timeout() bool        { return true }

// A StepError says which step failed and why. Run returns one for every failure of an action, and each branch's error
// is one. Err is the action's own error, a *PanicError, a *MapError or a *LeakError.
type StepError struct {
	Path    string // the application's path
	Seq     int64
	Attempt int
	Action  string
	Err     error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("%s: step %d (%s), attempt %d: %v", e.Path, e.Seq, e.Action, e.Attempt, e.Err)
}

// Unwrap returns Err.
func (e *StepError) Unwrap() error { return e.Err }

// A PanicError is a panic in a user's function, recovered. A call of runtime.Goexit is one too, with Value ErrGoexit.
type PanicError struct {
	Where string // which function panicked: "action", "states", "reduce", a condition's label
	Value any
	Stack []byte
}

// ErrGoexit is the Value of a PanicError for a function that called runtime.Goexit.
var ErrGoexit = errors.New("runtime.Goexit was called")

func (e *PanicError) Error() string {
	if e.Value == any(ErrGoexit) {
		return e.Where + " called runtime.Goexit"
	}
	return fmt.Sprintf("%s panicked: %v", e.Where, e.Value)
}

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A MapError says which branches of a parallel action failed, in the order in which they did.
type MapError struct {
	Action   string
	Branches []*BranchError
}

// A BranchError is the failure of one branch.
type BranchError struct {
	Path  string
	Key   string
	Index int64
	Err   error
}

func (e *BranchError) Error() string {
	if _, located := e.Err.(*StepError); located { //nolint:errorlint // A StepError itself begins with the path.
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %v", e.Path, e.Err)
}

// Unwrap returns Err.
func (e *BranchError) Unwrap() error { return e.Err }

// mapErrorLines bounds how many branches the text of a MapError shows.
const mapErrorLines = 5

func (e *MapError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s failed", counted(len(e.Branches), "branch", "branches"), e.Action)
	for i, br := range e.Branches {
		if i == mapErrorLines {
			fmt.Fprintf(&b, "; and %d more", len(e.Branches)-i)
			break
		}
		fmt.Fprintf(&b, "; %v", br)
	}
	return b.String()
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Unwrap returns the branches' errors, so that errors.Is and errors.As find any of them.
func (e *MapError) Unwrap() []error {
	errs := make([]error, len(e.Branches))
	for i, br := range e.Branches {
		errs[i] = br
	}
	return errs
}

// A LeakError says that a function was still running when Options.Grace after its cancellation was over. Its
// goroutine goes on; the store and the application refuse whatever it still does.
type LeakError struct {
	Path   string
	Action string
	Cause  error // why it was cancelled
}

func (e *LeakError) Error() string {
	return fmt.Sprintf("%s: %s ignores its cancellation (%v) beyond Options.Grace; its goroutine is left running", e.Path, e.Action, e.Cause)
}

// Unwrap returns Cause.
func (e *LeakError) Unwrap() error { return e.Cause }

// A StoreError says that the store did not do what was asked. It is no failure of a step: what was acknowledged is
// intact, and the next Run saves what this one could not.
type StoreError struct {
	Op  string // "claim", "save", "load", "list", "release"
	App string
	Err error
}

func (e *StoreError) Error() string { return fmt.Sprintf("store: %s %s: %v", e.Op, e.App, e.Err) }

// Unwrap returns Err.
func (e *StoreError) Unwrap() error { return e.Err }
