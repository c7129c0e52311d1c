package main

import (
	"context"
	"strings"
	"time"
)

// A script plays the model without a network. What it says next follows from how often it has spoken, so it goes on
// after a restart like a real one.
type script struct{ pace time.Duration }

var lines = []message{
	{Text: "I ask every shop, and for a discount.", Calls: []call{
		{"call_1", "price", `{"shop":"north","item":"lamp"}`},
		{"call_2", "price", `{"shop":"south","item":"lamp"}`},
		{"call_3", "price", `{"shop":"west"}`}, // it forgets the item
		{"call_4", "discount", `{"shop":"north"}`},
	}},
	{Text: "I have forgotten what to ask west for, and nobody gives a discount.", Calls: []call{
		{"call_5", "price", `{"shop":"west","item":"lamp"}`},
	}},
	{Text: "South is the cheapest.", Calls: []call{
		{"call_6", "order", `{"shop":"south","item":"lamp","count":3}`},
	}},
	{Text: "I have ordered 3 lamps from south, for 52.50 in all."},
}

func (s script) answer(ctx context.Context, history []message, _ []tool, emit func(string) error) (message, error) {
	spoken := 0
	for _, m := range history {
		if m.Role == "assistant" {
			spoken++
		}
	}
	m := lines[spoken]
	m.Role = "assistant"
	for token := range strings.SplitAfterSeq(m.Text, " ") {
		if err := pause(ctx, s.pace); err != nil {
			return message{}, err
		}
		if err := emit(token); err != nil {
			return message{}, err
		}
	}
	return m, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
