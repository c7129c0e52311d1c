package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// A rig is one application of the scripted agent in a store, with what its tools have done.
type rig struct {
	t     *testing.T
	store burdock.Store

	mu      sync.Mutex
	effects []string
}

func (r *rig) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.effects = append(r.effects, fmt.Sprintf(format, args...))
}

// run opens the application, as a process does that starts, and cancels the run with the n-th event. 0 is never.
func (r *rig) run(n int) (conversation, error) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	var mu sync.Mutex
	events := 0
	told := burdock.TrackerFunc(func(context.Context, burdock.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if events++; events == n {
			cancel()
		}
		return nil
	})
	shops := &market{pace: 100 * time.Millisecond, say: r.say}
	graph, err := (&agent{model: script{pace: time.Millisecond}, tools: shops.tools(), timeout: time.Minute}).graph()
	if err != nil {
		r.t.Fatal(err)
	}
	app, err := burdock.Open(r.t.Context(), graph, &burdock.Options{
		ID:      "run",
		State:   burdock.StateOf(conversation{[]message{{Role: "user", Text: question}}}),
		Cascade: burdock.Cascade{Store: r.store, Tracker: told},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return burdock.Read[conversation](app.Run(ctx))
}

// Wherever a run is stopped, it comes to the same conversation when it goes on, in a process that knows only the store;
// what a tool has done it has done once, and calls that failed are told to the model in the same words.
func TestAStoppedRunGoesOnAndRepeatsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		undisturbed := &rig{t: t, store: memstore.New()}
		want, err := undisturbed.run(0)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(undisturbed.effects); n != 4 {
			t.Fatalf("got %d effects, want 4: %q", n, undisturbed.effects)
		}
		slices.Sort(undisturbed.effects)
		stopped := 0
		for n := 1; ; n++ {
			r := &rig{t: t, store: memstore.New()}
			if _, err := r.run(n); err == nil {
				break // fewer events than that
			}
			stopped++
			got, err := r.run(0)
			if err != nil {
				t.Fatalf("stopped at event %d: %v", n, err)
			}
			slices.Sort(r.effects)
			wantEqual(t, fmt.Sprintf("conversation, stopped at event %d", n), got, want)
			wantEqual(t, fmt.Sprintf("effects, stopped at event %d", n), r.effects, undisturbed.effects)
		}
		if stopped < 50 {
			t.Errorf("stopped at %d events, want the whole run", stopped)
		}
	})
}
