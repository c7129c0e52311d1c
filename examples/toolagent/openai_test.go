package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"

	"github.com/burdock-go/burdock"
)

// heard collects the tokens of a run, each with the attempt that it belongs to, and the retries between them.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) Track(_ context.Context, e burdock.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if token, ok := burdock.ChunkOf[string](e); ok {
		h.lines = append(h.lines, fmt.Sprintf("%d %s", e.Attempt, token))
	}
	if e.Kind == burdock.EventRetry {
		h.lines = append(h.lines, fmt.Sprintf("retry of %d", e.Attempt))
	}
	return nil
}

func quiet(string, ...any) {}

// converse runs an agent on a server and returns what was said after the question.
func converse(t *testing.T, a *agent) ([]message, []string, error) {
	t.Helper()
	if a.timeout == 0 {
		a.timeout = time.Minute
	}
	if a.tools == nil {
		a.tools = (&market{say: quiet}).tools()
	}
	graph, err := a.graph()
	if err != nil {
		t.Fatal(err)
	}
	var told heard
	app, err := burdock.New(t.Context(), graph, &burdock.Options{
		ID:      "run",
		State:   burdock.StateOf(conversation{[]message{{Role: "user", Text: "Lamps?"}}}),
		Cascade: burdock.Cascade{Tracker: &told},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := burdock.Read[conversation](app.Run(t.Context()))
	if err != nil {
		return nil, told.lines, err
	}
	return got.Messages[1:], told.lines, nil
}

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var twoPrices = []call{
	{"call_a", "price", `{"shop":"north","item":"lamp"}`},
	{"call_b", "price", `{"shop":"south","item":"lamp"}`},
}

// Tokens are chunks as they come; calls come in pieces and interleaved, and are answered by id in their order.
func TestAStreamedConversation(t *testing.T) {
	s := serve(t, calls(twoPrices...), says("South", " is", " cheaper."))
	got, tokens, err := converse(t, &agent{model: s.endpoint(true)})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "conversation", got, []message{
		{Role: "assistant", Calls: twoPrices},
		{Role: "tool", Text: "19.90 each", CallID: "call_a"},
		{Role: "tool", Text: "17.50 each", CallID: "call_b"},
		{Role: "assistant", Text: "South is cheaper."},
	})
	wantEqual(t, "tokens", tokens, []string{"1 South", "1  is", "1  cheaper."})

	asked := s.requests()
	first, second := asked[0], asked[1]
	if first.Model != "test-model" || !first.Stream || len(first.Tools) != 2 {
		t.Errorf("got %+v, want a stream of test-model with two tools", first)
	}
	if f := first.Tools[0].Function; f.Name != "price" || f.Description == "" || !strings.Contains(string(f.Parameters), `"description":"north, south or west"`) {
		t.Errorf("got tool %s %q %s", f.Name, f.Description, f.Parameters)
	}
	var roles []string
	for _, m := range second.Messages {
		roles = append(roles, m.Role+" "+m.ToolCallID)
	}
	wantEqual(t, "second request", roles, []string{"user ", "assistant ", "tool call_a", "tool call_b"})
	if sent := second.Messages[1].ToolCalls; len(sent) != 2 || sent[1].ID != "call_b" || sent[1].Function.Arguments != twoPrices[1].Arguments {
		t.Errorf("got calls %+v, want those that the model made", sent)
	}
}

// The program as it is called: the endpoint and the question from the command line, the key from the environment.
func TestTheProgramAsksAnEndpoint(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "test-key")
	s := serve(t, stream(func(s sender) { s.text("La"); s.breakOff() }), calls(call{"call_a", "price", `{}`}), says("No", " lamps."))
	var out strings.Builder
	if err := run(t.Context(), []string{"-model", "test-model", "-base-url", s.URL, "Any", "lamps?"}, &out); err != nil {
		t.Fatal(err)
	}
	want := `question: Any lamps?
model: La
  purchase: step 1 (model), attempt 1: unexpected EOF; once more
  purchase/tools#2/0: step 1 (price), attempt 1: action "price": "shop" is missing
"item" is missing
model: No lamps.
answer: No lamps.
`
	wantEqual(t, "output", out.String(), want)
	if asked := s.requests()[0].Messages; len(asked) != 2 || asked[1].Content != "Any lamps?" {
		t.Errorf("got messages %+v, want the duty and the question", asked)
	}
}

// An endpoint that does not stream gives the same conversation, with its text as one chunk.
func TestAConversationWithoutAStream(t *testing.T) {
	s := serve(t,
		whole(wireMessage{Content: "I ask.", ToolCalls: []wireToolUse{{ID: "call_a", Type: "function", Function: wireFunction{"price", twoPrices[0].Arguments}}}}),
		whole(wireMessage{Content: "19.90"}))
	got, tokens, err := converse(t, &agent{model: s.endpoint(false)})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "conversation", got, []message{
		{Role: "assistant", Text: "I ask.", Calls: twoPrices[:1]},
		{Role: "tool", Text: "19.90 each", CallID: "call_a"},
		{Role: "assistant", Text: "19.90"},
	})
	wantEqual(t, "tokens", tokens, []string{"1 I ask.", "1 19.90"})
	if s.requests()[0].Stream {
		t.Error("it asked for a stream")
	}
}

// The endpoint says when to come again, and is asked no sooner: neither by the client, whose retries are off, nor by
// the backoff, which would wait 100 ms at most.
func TestRetryAfterIsHonoured(t *testing.T) {
	for name, headers := range map[string][]string{
		"in seconds": {"Retry-After", "0.3"},
		"as a date":  {"Retry-After", time.Now().Add(2 * time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, refuse(429, headers...), says("Done."))
			got, tokens, err := converse(t, &agent{model: s.endpoint(true)})
			if err != nil || got[0].Text != "Done." {
				t.Fatalf("got %v, %v", got, err)
			}
			wantEqual(t, "tokens", tokens, []string{"retry of 1", "2 Done."})
			asked := s.requests()
			if gap := asked[1].at.Sub(asked[0].at); len(asked) != 2 || gap < 300*time.Millisecond {
				t.Errorf("got %d requests, the second after %v; want 2, and at least 300ms", len(asked), gap)
			}
		})
	}
}

// What may be well the next time is tried again; a refusal is not.
func TestWhatIsTriedAgain(t *testing.T) {
	s := serve(t, refuse(500), refuse(503), says("Done."))
	if got, _, err := converse(t, &agent{model: s.endpoint(true)}); err != nil || got[0].Text != "Done." {
		t.Errorf("after a 500 and a 503: got %v, %v", got, err)
	}
	for _, code := range []int{400, 401, 404} {
		s := serve(t, refuse(code))
		_, _, err := converse(t, &agent{model: s.endpoint(true)})
		if refusal, ok := errors.AsType[*openai.Error](err); !ok || refusal.StatusCode != code || len(s.requests()) != 1 {
			t.Errorf("a %d: got %v after %d requests", code, err, len(s.requests()))
		}
	}
	down := serve(t)
	down.Close()
	if _, tokens, err := converse(t, &agent{model: down.endpoint(true)}); err == nil || len(tokens) != 4 {
		t.Errorf("without a server: got %v after %q, want four retries", err, tokens)
	}
}

// A stream that stands still is given up when the attempt's time is over, and only then.
func TestASlowStreamIsTriedAgain(t *testing.T) {
	s := serve(t, stream(func(s sender) { s.text("Lamps"); s.hang() }), says("Done."))
	got, tokens, err := converse(t, &agent{model: s.endpoint(true), timeout: 500 * time.Millisecond})
	if err != nil || got[0].Text != "Done." {
		t.Fatalf("got %v, %v", got, err)
	}
	wantEqual(t, "tokens", tokens, []string{"1 Lamps", "retry of 1", "2 Done."})
}

// However a stream ends early, what it has said does not count; readers tell it by the attempt.
func TestABrokenStreamIsTriedAgain(t *testing.T) {
	for name, broken := range map[string]func(sender){
		"the connection is lost":   func(s sender) { s.text("La", "m"); s.breakOff() },
		"it ends without a reason": func(s sender) { s.text("La", "m") },
		"an error in the stream":   func(s sender) { s.text("La", "m"); s.data(`{"error":{"message":"overloaded"}}`) },
		"in the middle of a call": func(s sender) {
			s.text("La", "m")
			s.piece(wireMessage{ToolCalls: []wireToolUse{{ID: "x", Type: "function", Function: wireFunction{"order", `{"shop":"nor`}}}}, "")
			s.breakOff()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, stream(broken), says("La", "mps"))
			got, tokens, err := converse(t, &agent{model: s.endpoint(true)})
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, "conversation", got, []message{{Role: "assistant", Text: "Lamps"}})
			wantEqual(t, "tokens", tokens, []string{"1 La", "1 m", "retry of 1", "2 La", "2 mps"})
		})
	}
}

// Calls that do not fit are answered with what is wrong, so that the model can do better; the others go on.
func TestCallsThatDoNotFit(t *testing.T) {
	s := serve(t, calls(
		call{"call_1", "price", `{"shop":"north",`},
		call{"call_2", "discount", `{}`},
		call{"call_3", "price", `{"shop":"north","item":"lamp","colour":"red"}`},
		call{"call_4", "price", `{"shop":"east","item":"lamp"}`},
		call{"call_5", "price", ``},
		call{"call_6", "price", `{"shop":"north","item":"lamp"}`},
		call{"call_6", "price", `{"shop":"south","item":"lamp"}`}, // an id that comes twice
	), says("Done."))
	got, _, err := converse(t, &agent{model: s.endpoint(true)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"no valid JSON", `error: there is no tool "discount"`, `"colour" is unknown; known are shop, item`,
		`error: there is no shop "east"; there are`, "no valid JSON", "19.90 each", "17.50 each",
	} {
		m := got[1+i]
		if !strings.Contains(m.Text, want) || strings.Contains(m.Text, "run/") || m.CallID != got[0].Calls[i].ID {
			t.Errorf("call %d: got %+v, want a text with %q", i+1, m, want)
		}
	}
	sent := s.requests()[1].Messages
	if last := sent[len(sent)-1]; last.Role != "tool" || last.Content != "17.50 each" {
		t.Errorf("got %+v, want the model to be told", last)
	}
}

// The calls of one answer run at once: none of these returns before all have begun.
func TestCallsOfOneAnswerRunAtOnce(t *testing.T) {
	const n = 8
	var begun sync.WaitGroup
	begun.Add(n)
	meet := burdock.Func("meet", func(_ context.Context, in stray) (result, error) {
		begun.Done()
		begun.Wait()
		return result{"met " + in.Name}, nil
	})
	var all []call
	for i := range n {
		all = append(all, call{fmt.Sprint("call_", i), "meet", fmt.Sprintf(`{"name":"%d"}`, i)})
	}
	s := serve(t, calls(all...), says("Done."))
	got, _, err := converse(t, &agent{model: s.endpoint(true), tools: []tool{{meet, "Meets."}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range got[1 : 1+n] {
		if m.Text != fmt.Sprint("met ", i) {
			t.Errorf("call %d: got %q", i, m.Text)
		}
	}
}

// A model that never stops calling tools is stopped.
func TestRoundsAreBounded(t *testing.T) {
	s := serve(t, slices.Repeat([]reply{calls(twoPrices[0])}, rounds+1)...)
	if _, _, err := converse(t, &agent{model: s.endpoint(true)}); err == nil || !strings.Contains(err.Error(), "no answer after 20 rounds") {
		t.Errorf("got %v", err)
	}
}
