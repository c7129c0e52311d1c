package burdock

import (
	"context"
	"sync"
	"sync/atomic"
)

// Unslotted runs f while the calling action, or the states or tasks function of a map, gives its token of
// Options.MaxConcurrency to others; it has one again when Unslotted returns. Use it around what waits for other branches of
// the same tree, and around what only waits:
//
//	burdock.Unslotted(ctx, func() { approved = <-decision })
//
// A states function may wait so for what earlier branches have found, but only where nothing is restored, without a store
// and without Retry: a sequence that is pulled again must yield the same without them.
//
// Where there is no token to give, in reduce, outside of actions or without MaxConcurrency, it just calls f.
func Unslotted(ctx context.Context, f func()) {
	h, _ := ctx.Value(holderKey{}).(*holder)
	if h == nil || !h.lend() {
		f()
		return
	}
	defer h.takeBack()
	f()
}

type holderKey struct{}

// A holder is who has a token: an attempt of an action, or whoever pulls a map's sequence. It knows whether the token is
// lent, as long as functions run that lend it.
type holder struct {
	tree *tree

	mu    sync.Mutex
	holds bool // it has a token, or has lent it
	loans int  // calls of Unslotted that run
}

// end says that the holder's turn is over, and reports whether its token is lent: a function that was left behind, or a
// goroutine of its own, is still at it.
func (h *holder) end() (lent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	lent = h.holds && h.loans > 0
	h.holds = false
	return lent
}

// lend gives the token away with the first of the calls that run at once. It reports whether there was one.
func (h *holder) lend() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.holds {
		return false
	}
	if h.loans++; h.loans == 1 {
		h.tree.giveToken()
	}
	return true
}

// takeBack waits for a token when the last call ends, also when everything is being cancelled: those who have tokens give
// them back then. What its holder does not need any more it does not keep.
func (h *holder) takeBack() {
	h.mu.Lock()
	last := h.loans == 1 && h.holds
	if !last {
		h.loans--
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()
	h.tree.tokens <- struct{}{}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loans--; h.loans > 0 || !h.holds {
		h.tree.giveToken()
	}
}

// lenders are the holders of attempts that have asked for one. Few do, so an attempt has no room for it.
type lenders struct {
	some atomic.Bool
	of   sync.Map // *stepContext → *holder
}

// holder returns the holder of the attempt's token, or nil.
func (c *stepContext) holder() *holder {
	t := c.of.tree
	if t.tokens == nil || c.node.action.spec.par != nil || c.over.Load() {
		return nil
	}
	t.lenders.some.Store(true)
	h, _ := t.lenders.of.LoadOrStore(c, &holder{tree: t, holds: true})
	if c.over.Load() { // between the two, and then nobody would take it out again
		t.lenders.of.Delete(c)
		return nil
	}
	return h.(*holder)
}

// lent ends the attempt, which is over, as a holder and reports whether its token is lent.
func (t *tree) lent(c *stepContext) bool {
	if c == nil || !t.lenders.some.Load() {
		return false
	}
	h, ok := t.lenders.of.LoadAndDelete(c)
	return ok && h.(*holder).end()
}

// A pullContext is the context of a states function: what it may lend is the token of whoever pulls.
type pullContext struct {
	context.Context //nolint:containedctx // it is one
	v               *visit
}

// Value returns the holder for its key.
func (c *pullContext) Value(key any) any {
	if key == (holderKey{}) {
		return c.v.puller.Load()
	}
	return c.Context.Value(key)
}
