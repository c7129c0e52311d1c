package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/burdock-go/burdock"
)

// An endpoint is a model behind OpenAI's chat completions, or what speaks like them.
type endpoint struct {
	client openai.Client
	model  string
	stream bool
}

// connect makes an endpoint. The client takes OPENAI_API_KEY and its like from the environment, so that no key is ever
// part of the state.
func connect(model, url string, stream bool, opts ...option.RequestOption) *endpoint {
	opts = append(opts, option.WithMaxRetries(0)) // patience is the only one who retries
	if url != "" {
		opts = append(opts, option.WithBaseURL(url))
	}
	return &endpoint{openai.NewClient(opts...), model, stream}
}

func (e *endpoint) answer(ctx context.Context, history []message, tools []tool, emit func(string) error) (message, error) {
	params := openai.ChatCompletionNewParams{Model: e.model}
	for _, m := range history {
		params.Messages = append(params.Messages, m.param())
	}
	for _, t := range tools {
		params.Tools = append(params.Tools, t.param())
	}
	if !e.stream {
		whole, err := e.client.Chat.Completions.New(ctx, params)
		if err != nil {
			return message{}, err
		}
		m, err := received(whole)
		return m, errors.Join(err, emit(m.Text))
	}
	pieces := e.client.Chat.Completions.NewStreaming(ctx, params)
	defer func() { _ = pieces.Close() }()
	var whole openai.ChatCompletionAccumulator
	for pieces.Next() {
		piece := pieces.Current()
		if !whole.AddChunk(piece) {
			return message{}, errors.New("the pieces of an answer do not fit together")
		}
		for _, choice := range piece.Choices {
			if token := cmp.Or(choice.Delta.Content, choice.Delta.Refusal); token != "" {
				if err := emit(token); err != nil {
					return message{}, err
				}
			}
		}
	}
	if err := pieces.Err(); err != nil {
		return message{}, err
	}
	return received(&whole.ChatCompletion)
}

// received is the client's answer as a message. An answer that does not say why it ended has been cut off.
func received(c *openai.ChatCompletion) (message, error) {
	if len(c.Choices) == 0 || c.Choices[0].FinishReason == "" {
		return message{}, io.ErrUnexpectedEOF
	}
	answer := c.Choices[0].Message
	m := message{Role: "assistant", Text: cmp.Or(answer.Content, answer.Refusal)}
	for _, t := range answer.ToolCalls {
		m.Calls = append(m.Calls, call{t.ID, t.Function.Name, t.Function.Arguments})
	}
	return m, nil
}

// param is a message as the client wants it.
func (m message) param() openai.ChatCompletionMessageParamUnion {
	switch m.Role {
	case "system":
		return openai.SystemMessage(m.Text)
	case "user":
		return openai.UserMessage(m.Text)
	case "tool":
		return openai.ToolMessage(m.Text, m.CallID)
	}
	var p openai.ChatCompletionAssistantMessageParam
	if m.Text != "" {
		p.Content.OfString = openai.String(m.Text)
	}
	for _, c := range m.Calls {
		p.ToolCalls = append(p.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
			OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
				ID:       c.ID,
				Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: c.Name, Arguments: c.Arguments},
			},
		})
	}
	return openai.ChatCompletionMessageParamUnion{OfAssistant: &p}
}

// param tells the model of a tool: the schema is that of the action's window.
func (t tool) param() openai.ChatCompletionToolUnionParam {
	f := openai.FunctionDefinitionParam{Name: t.Name(), Description: openai.String(t.about)}
	_ = json.Unmarshal(t.Schema(), &f.Parameters) // a schema is an object
	return openai.ChatCompletionFunctionTool(f)
}

// retryAfter is how long the endpoint asks to wait: seconds, for some with a fraction, or a date.
func retryAfter(err error) time.Duration {
	refusal, ok := errors.AsType[*openai.Error](err)
	if !ok {
		return 0
	}
	after := refusal.Response.Header.Get("Retry-After")
	if at, err := http.ParseTime(after); err == nil {
		return time.Until(at)
	}
	wait, _ := time.ParseDuration(after + "s")
	return wait
}

// transient reports whether the same request may succeed later: what is wrong is the moment, or the line.
func transient(err error) bool {
	if refusal, ok := errors.AsType[*openai.Error](err); ok {
		code := refusal.StatusCode
		return code == http.StatusRequestTimeout || code == http.StatusConflict || code == http.StatusTooManyRequests || code >= 500
	}
	_, panicked := errors.AsType[*burdock.PanicError](err)
	return !panicked
}
