package burdocktest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// maxKills bounds how often Resumed makes a run again.
const maxKills = 100

var errKilled = errors.New("burdocktest: the process was killed")

// killed makes the run again, killed after each of its saves and resumed.
func (g *rig) killed(t testing.TB, first *playing) {
	t.Helper()
	saves := first.ledger.saved()
	n := min(saves, maxKills)
	for i := range n {
		g.killedAfter(t, first, 1+i*saves/n)
		if t.Failed() {
			return // one is enough to read
		}
	}
}

// killedAfter makes the run again, killed after so many saves, and resumes it.
func (g *rig) killedAfter(t testing.TB, first *playing, saves int) {
	t.Helper()
	p := &playing{store: memstore.New()}
	p.ledger = &mortal{store: p.store, left: saves}
	app, err := burdock.New(t.Context(), g.graph, g.with(p.ledger))
	if err != nil {
		t.Fatalf("burdocktest: Resumed: %v", err)
	}
	if err := g.drive(t.Context(), app, p, g.calls[0]); err != nil && !errors.Is(err, errKilled) && first.err == nil {
		t.Errorf("burdocktest: Resumed: made again, the run fails: %v", err)
		return
	}
	at := p.ledger.last
	app, err = burdock.Open(t.Context(), g.graph, g.with(p.store))
	if err == nil {
		err = g.drive(t.Context(), app, p, g.left(t.Context(), p))
	}
	switch {
	case err != nil && first.err == nil:
		t.Errorf("burdocktest: Resumed: killed after %s and resumed, the run fails: %v", at, err)
	case err == nil && first.err != nil:
		t.Errorf("burdocktest: Resumed: killed after %s and resumed, the run no longer fails", at)
	case err == nil && p.out.Stop != first.out.Stop:
		t.Errorf("burdocktest: Resumed: killed after %s and resumed, the run stopped otherwise: %s, not %s", at, p.out.Stop, first.out.Stop)
	default:
		for _, d := range differences(first.out.State, app.State()) {
			t.Errorf("burdocktest: Resumed: killed after %s and resumed, %s", at, d)
		}
	}
}

// left is what the call that was interrupted was given and no completed step has recorded. What is recorded with a step
// that has not completed may be given again, since it is the same value; secret inputs have to be.
func (g *rig) left(ctx context.Context, p *playing) (inputs []input) {
	now := uses(ctx, p.store, g.options.ID)
	for _, in := range g.calls[p.call] {
		if in.secret || now[in.name] == p.used[in.name] {
			inputs = append(inputs, in)
		}
	}
	return inputs
}

// A mortal is a store as a process sees it that is killed: after so many saves it answers nothing any more. Below zero it
// lives for ever.
type mortal struct {
	store *memstore.Store

	mu    sync.Mutex
	left  int
	saves int
	last  string // what was saved last
}

func (m *mortal) saved() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saves
}

func (m *mortal) dead() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		return errKilled
	}
	return nil
}

// Claim implements burdock.Store. The claim is released also after death, as that of a dead process is.
func (m *mortal) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	if err := m.dead(); err != nil {
		return nil, err
	}
	return m.store.Claim(ctx, root)
}

// Save implements burdock.Store. The save with which the process dies is done, and nobody is told.
func (m *mortal) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		return errKilled
	}
	if err := m.store.Save(ctx, fence, batch); err != nil {
		return err
	}
	m.saves++
	for i := range batch {
		if c := &batch[i]; c.Kind == burdock.KindStep {
			m.last = fmt.Sprintf("save %d (%s, step %d, %s, %s)", m.saves, c.Path, c.Seq, c.Action, c.Status)
		}
	}
	if m.left > 0 {
		if m.left--; m.left == 0 {
			return errKilled
		}
	}
	return nil
}

// Load implements burdock.Store.
func (m *mortal) Load(ctx context.Context, ref burdock.Ref) (burdock.Checkpoint, error) {
	if err := m.dead(); err != nil {
		return burdock.Checkpoint{}, err
	}
	return m.store.Load(ctx, ref)
}

// List implements burdock.Store.
func (m *mortal) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	return func(yield func(burdock.Checkpoint, error) bool) {
		if err := m.dead(); err != nil {
			yield(burdock.Checkpoint{}, err)
			return
		}
		for c, err := range m.store.List(ctx, q) {
			if !yield(c, err) {
				return
			}
		}
	}
}

// Relaxed implements burdock.Relaxer, as the store in memory does.
func (m *mortal) Relaxed() burdock.Store { return m }
