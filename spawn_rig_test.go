package burdock_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
)

// The tests of Spawn have one action, lead, that spawns. What it writes is a word.
type (
	leadIn struct {
		Yes string `input:"yes,optional"` // for a child that asks
	}
	leadOut struct {
		Word string `state:"word"`
	}
	yesIn struct {
		Yes string `input:"yes"`
	}
)

// A spawnRig is an application whose action leads children, and what was seen of it.
type spawnRig struct {
	lead func(ctx context.Context) (string, error)
	with []burdock.Policy
	ran  notes // what children have done
	fanRig
}

func leading(lead func(context.Context) (string, error)) *spawnRig { return &spawnRig{lead: lead} }

func (r *spawnRig) graph() *burdock.Graph {
	return line(r.leader(), idle("after"))
}

func (r *spawnRig) leader() *burdock.Action {
	return burdock.Func("lead", func(ctx context.Context, _ leadIn) (leadOut, error) {
		word, err := r.lead(ctx)
		return leadOut{word}, err
	}).With(r.with...)
}

// options are those of an application with the rig as its tracker.
func (r *spawnRig) options(db burdock.Store) *burdock.Options {
	return &burdock.Options{ID: "app", Cascade: burdock.Cascade{Store: db, Tracker: r}}
}

func (r *spawnRig) open(t *testing.T, db burdock.Store) *burdock.App {
	t.Helper()
	return openApp(t, r.graph(), r.options(db))
}

// say is a child's action that says its name back after as many seconds as its name has letters.
func (r *spawnRig) say() *burdock.Action {
	return burdock.Func("say", func(ctx context.Context, in twigIn) (twigOut, error) {
		r.ran.add(in.Name)
		select {
		case <-time.After(time.Duration(len(in.Name)) * time.Second):
			return twigOut{"<" + in.Name + ">"}, nil
		case <-ctx.Done():
			return twigOut{}, context.Cause(ctx)
		}
	})
}

// ask is a child's action that needs an input.
func (r *spawnRig) ask() *burdock.Action {
	return burdock.Func("ask", func(_ context.Context, in yesIn) (twigOut, error) {
		r.ran.add("ask")
		return twigOut{"yes:" + in.Yes}, nil
	})
}

// sayer spawns say with a name for a key.
func (r *spawnRig) sayer(ctx context.Context, name string) *burdock.Handle {
	return spawnIt(ctx, name, r.say(), twigIn{name})
}

// spawnIt spawns what cannot fail to be.
func spawnIt(ctx context.Context, key string, run burdock.Runnable, window any) *burdock.Handle {
	h, err := burdock.Spawn(ctx, key, run, window, nil)
	if err != nil {
		panic(err)
	}
	return h
}

func wordOf(h *burdock.Handle) (string, error) {
	out, err := burdock.Read[twigOut](h.Wait())
	return out.Word, err
}

// seen returns the events of children as "key:kind:status", in order.
func (r *spawnRig) seen(kinds ...burdock.EventKind) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		for _, k := range kinds {
			if e.Kind == k && e.Key != "" {
				all = append(all, fmt.Sprintf("%s:%s:%s", e.Key, e.Kind, e.Status))
			}
		}
	}
	r.events = nil
	return all
}

func spawnedRecords(t *testing.T, db burdock.Store) map[string]burdock.Checkpoint {
	t.Helper()
	return branchRecords(t, db, burdock.Ref{App: "app", Seq: 1})
}

// inMemoryAndStore runs a test without a store and with one.
func inMemoryAndStore(t *testing.T, test func(t *testing.T, db burdock.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { test(t, nil) })
	t.Run("store", func(t *testing.T) { test(t, newStore()) })
}
