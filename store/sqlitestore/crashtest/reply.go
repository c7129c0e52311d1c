package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/burdock-go/burdock"
)

// A Store is what a round's processes share: a store that takes messages.
type Store interface {
	burdock.Store
	burdock.Inbox
}

// replyInput is the input that no call gives: somebody else answers the step that needs it.
const replyInput = "reply"

// A Question is a step that waits for a reply, and what the plan says the reply is.
type Question struct {
	Ref    burdock.Ref
	Path   string
	Word   string // the answer
	Cancel bool   // it is cancelled instead
}

// Questions returns the steps that wait for a reply.
func (p *Plan) Questions(ctx context.Context, s Store) ([]Question, error) {
	var all []Question
	names := map[string]string{} // of applications
	for cp, err := range s.List(ctx, burdock.Query{Root: Root}) {
		switch {
		case err != nil:
			return nil, err
		case cp.Kind != burdock.KindStep:
		case cp.Seq == 0:
			names[cp.App] = nameIn(cp.Delta)
		case cp.Status == burdock.StatusWaiting && slices.Contains(cp.Needs, replyInput):
			all = append(all, p.question(&cp, names[cp.App]))
		}
	}
	return all, nil
}

// nameIn returns the name that the window of an application has.
func nameIn(d burdock.Delta) (name string) {
	for _, c := range d {
		if c.Key == "name" {
			_ = json.Unmarshal(c.Value, &name) // a damaged one has no answer, and its branch shows it
		}
	}
	return name
}

// question is what a step of an application asks. The reply follows from the name, which does not depend on the process,
// and from where the application stands, so that a turn of a loop is not answered with the word of another one.
func (p *Plan) question(cp *burdock.Checkpoint, name string) Question {
	q := Question{Ref: cp.Ref(), Path: cp.Path, Word: Word(name, cp.Action, cp.Seq)}
	q.Cancel = p.has(func(b *block) bool {
		return b.name == cp.Action && b.cancels && dice(4, p.Seed, b.name, name, "cancel") == 0
	})
	return q
}

// Word is the answer to one step.
func Word(name, action string, seq int64) string {
	return fmt.Sprintf("to %s at %s#%d", name, action, seq)
}

// Reply answers or cancels.
func (q *Question) Reply(ctx context.Context, s Store) error {
	if q.Cancel {
		return burdock.Cancel(ctx, s, q.Ref)
	}
	return burdock.Answer(ctx, s, q.Ref, burdock.Input(replyInput, q.Word))
}

// Replied returns the reply that a record says its step was given.
func Replied(cp *burdock.Checkpoint) (word string, yes bool) {
	for _, in := range cp.Inputs {
		if in.Name == replyInput {
			return strings.Trim(string(in.Value), `"`), true
		}
	}
	return "", false
}

// Asks reports whether the plan has steps that wait for replies.
func (p *Plan) Asks() bool { return p.has(func(b *block) bool { return b.kind == kindReply }) }

// RunToEnd runs the application, gives it the inputs and replies that it waits for, and returns the text of its final state.
func (p *Plan) RunToEnd(ctx context.Context, app *burdock.App, s Store) (string, error) {
	var give []string
	for {
		out, err := app.Run(ctx, Inputs(give)...)
		switch {
		case err != nil:
			return "", err
		case out.Stop == burdock.StopDone:
			return Dump(out.State)
		case len(out.Pending) == 0:
			return "", fmt.Errorf("the application has stopped: %s", out.Stop)
		}
		give = given(out.Pending)
		all, err := p.Questions(ctx, s)
		if err != nil {
			return "", err
		}
		for _, q := range all {
			if err := q.Reply(ctx, s); err != nil {
				return "", err
			}
		}
	}
}

// given returns the inputs of the first pending step that a call can give.
func given(all []burdock.Pending) []string {
	for _, p := range all {
		if !slices.Contains(p.Needs, replyInput) {
			return p.Needs
		}
	}
	return nil
}
