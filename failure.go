package burdock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

var errDeadline = context.DeadlineExceeded

// A Failure is the recorded form of an error, and what the handler of an OnError route reads through a field
// `input:"failure"`. It survives a restart: the text, the type's name and those sentinels do that the graph registers
// with Sentinels.
type Failure struct {
	Action    string   // the action that failed
	Seq       int64    // its step
	Attempt   int      // its last attempt
	Text      string   // of the action's own error, without the step it belongs to
	Type      string   // the type of the innermost error, such as *net.OpError
	Sentinels []string // texts of the registered sentinels that the error Is
	Stack     string   // of a panic

	err error
}

// Err returns the live error. After a restart it is an error of the same text that Is the registered sentinels.
func (f Failure) Err() error { return f.err }

// IsZero reports whether nothing failed.
func (f Failure) IsZero() bool { return f.Text == "" && f.err == nil }

type failureJSON struct {
	Action    string   `json:"action,omitempty"`
	Seq       int64    `json:"seq,omitempty"`
	Attempt   int      `json:"attempt,omitempty"`
	Text      string   `json:"text"`
	Type      string   `json:"type,omitempty"`
	Sentinels []string `json:"sentinels,omitzero"` // an empty list stays one
	Stack     string   `json:"stack,omitempty"`
}

// MarshalJSON encodes what survives a restart.
func (f Failure) MarshalJSON() ([]byte, error) {
	return json.Marshal(failureJSON{f.Action, f.Seq, f.Attempt, f.Text, f.Type, f.Sentinels, f.Stack})
}

// UnmarshalJSON decodes what MarshalJSON wrote. Err is then an error of the same text.
func (f *Failure) UnmarshalJSON(data []byte) error {
	var j failureJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*f = Failure{j.Action, j.Seq, j.Attempt, j.Text, j.Type, j.Sentinels, j.Stack, nil}
	f.err = &restoredError{text: j.Text}
	return nil
}

// revive gives a decoded Failure an error that Is its sentinels.
func (f *Failure) revive(known []error) {
	var is []error
	for _, s := range slices.Concat(ownSentinels, known) {
		if slices.Contains(f.Sentinels, s.Error()) {
			is = append(is, s)
		}
	}
	f.err = &restoredError{text: f.Text, is: is}
}

// ownSentinels are the errors of this package that a failure still Is after a restart, whatever the graph registers.
var ownSentinels = []error{ErrTimeout, ErrCancelled}

// newFailure records err, which ended the given step.
func newFailure(err error, action string, seq int64, attempt int, known []error) *Failure {
	if step, ok := err.(*StepError); ok { //nolint:errorlint // Only the outermost wrapper is taken off.
		err = step.Err
	}
	f := &Failure{Action: action, Seq: seq, Attempt: attempt, Text: errorText(err), Type: typeName(err), err: err}
	for _, s := range slices.Concat(ownSentinels, known) {
		if errors.Is(err, s) {
			f.Sentinels = append(f.Sentinels, s.Error())
		}
	}
	if p, ok := errors.AsType[*PanicError](err); ok {
		f.Stack = validUTF8(string(p.Stack))
	}
	return f
}

// errorText returns the text of any error, also of one whose Error method panics.
func errorText(err error) string { return validUTF8(fmt.Sprintf("%v", err)) }

// typeName names the innermost error that is not one of our own wrappers.
func typeName(err error) string {
	for {
		switch e := err.(type) { //nolint:errorlint // It takes wrappers off one by one.
		case *StepError:
			err = e.Err
		case *BranchError:
			err = e.Err
		default:
			return fmt.Sprintf("%T", err)
		}
	}
}

// A restoredError stands for an error of an earlier process.
type restoredError struct {
	text string
	is   []error
}

func (e *restoredError) Error() string { return e.text }

func (e *restoredError) Unwrap() []error { return e.is }
