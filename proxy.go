package burdock

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// A proxyStore is a branch's store as its worker sees it.
type proxyStore struct {
	b *Branch
	l *ledger
}

func (p *proxyStore) Claim(context.Context, string) (Claim, error) {
	return nil, fmt.Errorf("a worker has no claim of its own: %w", ErrConflict)
}

// Save holds the branch's lock, so that what a lost worker saves comes before or not at all.
func (p *proxyStore) Save(ctx context.Context, _ Fence, batch []Checkpoint) error {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	if p.b.closed {
		return errWithdrawn
	}
	id, path := p.b.b.identity(), p.b.b.path()
	for i := range batch {
		if cp := &batch[i]; cp.App != id && !strings.HasPrefix(cp.Path, path+"/") || cp.Root != p.b.b.tree.root {
			return fmt.Errorf("the worker of %s may not write a record of %s", path, cp.Path)
		}
	}
	return p.l.save(ctx, batch)
}

func (p *proxyStore) Load(ctx context.Context, ref Ref) (Checkpoint, error) {
	if err := p.l.flush(ctx); err != nil {
		return Checkpoint{}, err
	}
	cp, err := p.l.store.Load(ctx, ref)
	p.unread(ctx, "load", ref.App, err)
	return cp, err
}

// unread stops the tree when its store cannot be read, as it does for a branch that runs here. A worker that is lost
// together with its connection has a context that ends.
func (p *proxyStore) unread(ctx context.Context, op, app string, err error) {
	if err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
		p.l.tree.fail(&StoreError{Op: op, App: app, Err: err})
	}
}

func (p *proxyStore) List(ctx context.Context, q Query) iter.Seq2[Checkpoint, error] {
	return func(yield func(Checkpoint, error) bool) {
		if err := p.l.flush(ctx); err != nil {
			yield(Checkpoint{}, err)
			return
		}
		for cp, err := range p.l.store.List(ctx, q) {
			p.unread(ctx, "list", p.b.ID(), err)
			if !yield(cp, err) {
				return
			}
		}
	}
}
