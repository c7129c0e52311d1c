package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3/option"
)

// A server speaks chat completions on loopback: the n-th request gets the n-th reply. It is a server and no fake client,
// so what runs is the real client with its real protocol.
type server struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	replies []reply
	asked   []request
}

type reply func(w http.ResponseWriter, r *http.Request)

// A request is what the tests look at of a request's body.
type request struct {
	at       time.Time
	Model    string `json:"model"`
	Stream   bool   `json:"stream"`
	Messages []struct {
		Role       string        `json:"role"`
		Content    string        `json:"content"`
		ToolCallID string        `json:"tool_call_id"`
		ToolCalls  []wireToolUse `json:"tool_calls"`
	} `json:"messages"`
	Tools []struct {
		Type     string `json:"type"`
		Function struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parameters"`
		} `json:"function"`
	} `json:"tools"`
}

// The wire's own types, apart from those of the client.
type (
	wireToolUse struct {
		Index    int          `json:"index"`
		ID       string       `json:"id,omitempty"`
		Type     string       `json:"type,omitempty"`
		Function wireFunction `json:"function"`
	}
	wireFunction struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	}
	wireMessage struct {
		Role      string        `json:"role,omitempty"`
		Content   string        `json:"content,omitempty"`
		ToolCalls []wireToolUse `json:"tool_calls,omitempty"`
	}
)

func serve(t *testing.T, replies ...reply) *server {
	s := &server{t: t, replies: replies}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// endpoint is the agent's model on this server.
func (s *server) endpoint(stream bool) *endpoint {
	return connect("test-model", s.URL, stream, option.WithHTTPClient(s.Client()), option.WithAPIKey("test-key"))
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := request{at: time.Now()}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.t.Errorf("the request's body: %v", err)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/chat/completions" || r.Header.Get("Authorization") != "Bearer test-key" {
		s.t.Errorf("got %s %s with authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}
	s.mu.Lock()
	s.asked = append(s.asked, in)
	n := len(s.asked)
	s.mu.Unlock()
	if n > len(s.replies) {
		s.t.Errorf("request %d, but there are %d replies", n, len(s.replies))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.replies[n-1](w, r)
}

// requests returns what was asked so far.
func (s *server) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// refuse replies with an error and headers, which come in pairs.
func refuse(code int, headers ...string) reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprint(w, `{"error":{"message":"not this time","type":"server_error","param":null,"code":null}}`)
	}
}

// whole replies at once.
func whole(m wireMessage) reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		m.Role = "assistant"
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"id": "c", "object": "chat.completion", "created": 1, "model": "test-model",
			"choices": []any{map[string]any{"index": 0, "message": m, "finish_reason": finish(m)}},
		})
	}
}

func finish(m wireMessage) string {
	if len(m.ToolCalls) > 0 {
		return "tool_calls"
	}
	return "stop"
}

// A sender sends pieces of a stream.
type sender struct {
	w http.ResponseWriter
	r *http.Request
}

func (s sender) data(text string) {
	fmt.Fprintf(s.w, "data: %s\n\n", text)
	s.w.(http.Flusher).Flush()
}

// piece sends one delta; an empty finish is none.
func (s sender) piece(delta wireMessage, finish string) {
	choice := map[string]any{"index": 0, "delta": delta, "finish_reason": nil}
	if finish != "" {
		choice["finish_reason"] = finish
	}
	data, _ := json.Marshal(map[string]any{
		"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "test-model", "choices": []any{choice},
	})
	s.data(string(data))
}

func (s sender) text(tokens ...string) {
	for _, token := range tokens {
		s.piece(wireMessage{Content: token}, "")
	}
}

// end is how a stream ends that has not failed.
func (s sender) end(finish string) {
	s.piece(wireMessage{}, finish)
	s.data("[DONE]")
}

// breakOff ends the connection in the middle of the stream.
func (s sender) breakOff() { panic(http.ErrAbortHandler) }

// hang sends nothing more until the client has gone.
func (s sender) hang() { <-s.r.Context().Done() }

// stream replies in pieces.
func stream(send func(s sender)) reply {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		s := sender{w, r}
		s.piece(wireMessage{Role: "assistant"}, "")
		send(s)
	}
}

// says streams a text.
func says(tokens ...string) reply {
	return stream(func(s sender) {
		s.text(tokens...)
		s.end("stop")
	})
}

// calls streams tool calls: the id and the name first, then the arguments, in pieces of three bytes, all calls in turn.
func calls(all ...call) reply {
	return stream(func(s sender) {
		for i, c := range all {
			s.piece(wireMessage{ToolCalls: []wireToolUse{{Index: i, ID: c.ID, Type: "function", Function: wireFunction{Name: c.Name}}}}, "")
		}
		for at, more := 0, true; more; at += 3 {
			more = false
			for i, c := range all {
				if at < len(c.Arguments) {
					more = true
					s.piece(wireMessage{ToolCalls: []wireToolUse{{Index: i, Function: wireFunction{Arguments: c.Arguments[at:min(at+3, len(c.Arguments))]}}}}, "")
				}
			}
		}
		s.end("tool_calls")
	})
}
