package burdock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"
)

// stepContext is the context of one attempt. It carries what Info, Span, Attr and emit need.
type stepContext struct {
	context.Context //nolint:containedctx // it is one
	of              *member
	node            *planNode
	seq             int64
	attempt         int
	over            atomic.Bool // the attempt has ended; what a leaked function still does is refused
}

type stepKey struct{}

// Value returns the step itself for its own key. The spans of the steps above are not those of this one.
func (c *stepContext) Value(key any) any {
	switch key {
	case stepKey{}:
		return c
	case spanKey{}:
		return nil
	case holderKey{}:
		return c.holder()
	}
	return c.Context.Value(key)
}

// stepOf returns the step that ctx belongs to, or nil.
func stepOf(ctx context.Context) *stepContext {
	c, _ := ctx.Value(stepKey{}).(*stepContext)
	return c
}

// A StepInfo says which step of which application is running.
type StepInfo struct {
	Root    string // the application that the program runs
	App     string // the application or branch of this step
	Path    string // the same, readable
	Seq     int64
	Attempt int
	Action  string
	Key     string // of a branch
	Index   int64  // of a branch: its position in the sequence
	Durable Durability
}

// Info returns which step ctx belongs to, or nil outside of actions.
func Info(ctx context.Context) *StepInfo {
	c := stepOf(ctx)
	if c == nil {
		return nil
	}
	m := c.of
	return &StepInfo{
		Root: m.tree.root, App: m.identity(), Path: m.path(), Seq: c.seq, Attempt: c.attempt, Action: c.node.action.name,
		Key: m.branchKey(), Index: m.branchIndex(), Durable: m.durable(),
	}
}

// IdempotencyKey identifies what the step does for the world outside. It is the same for all attempts, also after a
// restart, so a service that knows it can refuse a second time.
func (i *StepInfo) IdempotencyKey() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%d:%d:%s", len(i.App), i.App, i.Seq, len(i.Action), i.Action))
	return hex.EncodeToString(sum[:16])
}
