package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/burdock-go/burdock"
)

// A message is one entry of the conversation. It is a type of our own and not the client's, since what stands in the
// state is saved and has to come back equal.
type message struct {
	Role   string `json:"role"` // system, user, assistant or tool
	Text   string `json:"text"`
	Calls  []call `json:"calls"`   // of an assistant: the tools that it wants
	CallID string `json:"call_id"` // of a tool: the call that it answers
}

// A call is what the model wants a tool to do. Arguments are as the model wrote them, whether they are JSON or not.
type call struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type (
	conversation struct {
		Messages []message `state:"messages"`
	}
	said struct { // an append: a step is saved with what it adds, however long the conversation is
		Messages []message `state:"messages,append"`
	}
	result struct { // what every tool writes
		Text string `state:"result"`
	}
	stray struct {
		Name string `state:"name"`
	}
)

func (c conversation) last() message { return c.Messages[len(c.Messages)-1] }

// A model answers a conversation. It emits the text in pieces as it comes, and returns all of it.
type model interface {
	answer(ctx context.Context, history []message, tools []tool, emit func(token string) error) (message, error)
}

// A tool is an action with words for the model.
type tool struct {
	*burdock.Action
	about string
}

// An agent asks its model, runs the tools that the model calls, and asks again, until the model calls none.
type agent struct {
	model   model
	tools   []tool
	timeout time.Duration // of one attempt of the model
}

const (
	rounds   = 20               // of tool calls, before the agent gives up
	toolTime = 30 * time.Second // that one tool may take
)

var (
	wantsTools = burdock.When("the model calls tools", func(c conversation) bool { return len(c.last().Calls) > 0 })

	// The client's own retries are switched off. These are seen by trackers, recorded, and go on after a restart.
	patience = burdock.Retry{Attempts: 5, MaxElapsed: 10 * time.Minute, Delay: retryAfter, If: transient}

	// unknown runs in the place of a tool that there is not.
	unknown = burdock.Func("unknown_tool", func(_ context.Context, in stray) (result, error) {
		return result{}, fmt.Errorf("there is no tool %q", in.Name)
	})
)

// graph is the loop of every agent:
//
//	model ──no calls──▶ end
//	 ▲ └──calls──▶ tools ──▶ one branch per call
//	 └───────────────┘
func (a *agent) graph() (*burdock.Graph, error) {
	uses := burdock.Actions(unknown)
	for _, t := range a.tools {
		uses = append(uses, t.Action)
	}
	ask := burdock.Stream("model", a.ask).With(burdock.Timeout(a.timeout), patience)
	tools := burdock.MapTasks("tools", uses, a.tasks, collect, &burdock.MapOptions{Failures: burdock.Collect})
	return burdock.NewGraph("agent",
		burdock.Node(ask, wantsTools.Then(tools)),
		burdock.Node(tools, burdock.Then(ask)),
	)
}

func (a *agent) ask(ctx context.Context, c conversation, emit func(string) error) (said, error) {
	m, err := a.model.answer(ctx, c.Messages, a.tools, emit)
	return said{[]message{m}}, err
}

// tasks makes a branch of each call. Their keys are their positions: an id that a model makes up may come twice.
func (a *agent) tasks(_ context.Context, c conversation) iter.Seq2[burdock.Task[burdock.State], error] {
	asked := 0
	for _, m := range c.Messages {
		if len(m.Calls) > 0 {
			asked++
		}
	}
	if asked > rounds {
		return func(yield func(burdock.Task[burdock.State], error) bool) {
			yield(burdock.Task[burdock.State]{}, fmt.Errorf("no answer after %d rounds of tool calls", rounds))
		}
	}
	return burdock.Each(c.last().Calls, a.task)
}

// task makes the branch of one call. Arguments that do not fit the tool fail this branch, before it begins.
func (a *agent) task(c call) burdock.Task[burdock.State] {
	i := slices.IndexFunc(a.tools, func(t tool) bool { return t.Name() == c.Name })
	if i < 0 {
		return burdock.Task[burdock.State]{Run: unknown, State: burdock.StateOf(stray{c.Name})}
	}
	state, err := a.tools[i].Decode([]byte(c.Arguments))
	return burdock.Task[burdock.State]{Run: a.tools[i].Action, State: state, Err: err, Timeout: toolTime}
}

// collect answers every call, in the order of the calls. What failed is an answer too: the model may do better next time.
func collect(_ context.Context, c conversation, rs *burdock.Results[burdock.State, result]) (out said, err error) {
	calls := c.last().Calls
	for r := range rs.All() {
		m := message{Role: "tool", Text: r.Out.Text, CallID: calls[r.Index()].ID}
		if r.Err != nil {
			m.Text = "error: " + reason(r.Err).Error()
		}
		out.Messages = append(out.Messages, m)
	}
	return out, nil
}

// reason leaves out where in our application it happened, which is nothing to the model.
func reason(err error) error {
	if step, ok := errors.AsType[*burdock.StepError](err); ok {
		return step.Err
	}
	return err
}
