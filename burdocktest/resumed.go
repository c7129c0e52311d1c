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

// killed makes the run again, killed at each of its saves and resumed, and once more after the last.
func (g *rig) killed(t testing.TB, first *playing) {
	t.Helper()
	points := first.ledger.saved() + 1
	n := min(points, maxKills)
	for i := range n {
		if g.killedAt(t, first, 1+i*points/n); t.Failed() {
			return // one is enough to read
		}
	}
}

// killedAt makes the run again, killed when it saves for the given time, and resumes it.
func (g *rig) killedAt(t testing.TB, first *playing, save int) {
	t.Helper()
	p := &playing{store: memstore.New()}
	p.ledger = &mortal{store: p.store, left: save}
	app, err := burdock.New(t.Context(), g.graph, g.with(p.ledger))
	if err != nil {
		t.Fatalf("burdocktest: Resumed: %v", err)
	}
	if err := g.drive(t.Context(), app, p, g.calls[0]); err != nil && !errors.Is(err, errKilled) && first.err == nil {
		t.Errorf("burdocktest: Resumed: made again, the run fails: %v", err)
		return
	}
	at := p.ledger.when()
	app, err = burdock.Open(t.Context(), g.graph, g.with(p.store))
	if err == nil {
		err = g.drive(t.Context(), app, p, g.left(t.Context(), p))
	}
	switch {
	case err != nil && first.err == nil:
		t.Errorf("burdocktest: Resumed: killed %s and resumed, the run fails: %v", at, err)
	case err == nil && first.err != nil:
		t.Errorf("burdocktest: Resumed: killed %s and resumed, the run no longer fails", at)
	case err == nil && p.out.Stop != first.out.Stop:
		t.Errorf("burdocktest: Resumed: killed %s and resumed, the run stopped otherwise: %s, not %s", at, p.out.Stop, first.out.Stop)
	default:
		for _, d := range differences(first.out.State, app.State()) {
			t.Errorf("burdocktest: Resumed: killed %s and resumed, %s", at, d)
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

// A mortal is a store as a process sees it that is killed: with the save for which left comes to 0 it answers nothing any
// more. Below zero it lives for ever.
type mortal struct {
	store *memstore.Store

	mu    sync.Mutex
	left  int
	saves int
	lost  string // what was not saved
}

func (m *mortal) saved() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saves
}

// when says when the process was killed.
func (m *mortal) when() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost == "" {
		return "after its last save"
	}
	return "before " + m.lost + " was saved"
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

// Save implements burdock.Store.
func (m *mortal) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left > 0 {
		if m.left--; m.left == 0 {
			m.lost = describe(batch)
		}
	}
	if m.left == 0 {
		return errKilled
	}
	m.saves++
	return m.store.Save(ctx, fence, batch)
}

// describe names the last step of a batch.
func describe(batch []burdock.Checkpoint) (text string) {
	for i := range batch {
		if c := &batch[i]; c.Kind == burdock.KindStep {
			text = fmt.Sprintf("%s of %s, step %d, as %s", c.Action, c.Path, c.Seq, c.Status)
		}
	}
	return text
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
