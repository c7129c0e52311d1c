package burdock

import (
	"context"
	"sync"
)

// spanContext is a context inside a span.
type spanContext struct {
	context.Context //nolint:containedctx // it is one
	id              int64
}

type spanKey struct{}

func (c *spanContext) Value(key any) any {
	if key == (spanKey{}) {
		return c.id
	}
	return c.Context.Value(key)
}

// Span marks a part of an action, such as one call of a model, for whoever watches. Spans nest by their contexts. Call
// end when the part is over, with its error or nil; a second call does nothing. Outside of an action, or without a
// listener, Span costs next to nothing.
//
//	ctx, end := burdock.Span(ctx, "embed")
//	vectors, err := embed(ctx, texts)
//	end(err)
func Span(ctx context.Context, name string) (_ context.Context, end func(error)) {
	c := stepOf(ctx)
	if c == nil || !c.of.listens() || c.over.Load() {
		return ctx, func(error) {}
	}
	parent, _ := ctx.Value(spanKey{}).(int64)
	id := c.of.noted().spans.Add(1)
	started := c.event(EventSpanStarted)
	started.Name, started.Span, started.ParentSpan = name, id, parent
	c.track(started)
	var once sync.Once
	return &spanContext{ctx, id}, func(err error) {
		once.Do(func() {
			if c.over.Load() {
				return
			}
			e := c.event(EventSpanEnded)
			e.Name, e.Span, e.ParentSpan, e.Started = name, id, parent, started.Time
			if err != nil {
				e.Error = validUTF8(err.Error())
			}
			c.track(e)
		})
	}
}

// Attr attaches a named value to the current span or step, such as a count of tokens. The value is what encoding/json
// can encode. Outside of an action, or without a listener, it does nothing.
//
// An attribute "total" of a parallel action, set in its states function, tells progress views how many branches to
// expect.
func Attr(ctx context.Context, name string, value any) {
	c := stepOf(ctx)
	if c == nil || !c.of.listens() || c.over.Load() {
		return
	}
	e := c.event(EventAttr)
	e.Name, e.Value = name, value
	e.Span, _ = ctx.Value(spanKey{}).(int64)
	c.track(e)
}

// event returns an event of the step that c belongs to, also when a function calls it from a goroutine of its own.
func (c *stepContext) event(kind EventKind) Event {
	e := c.of.anyEvent(kind)
	e.Seq, e.Attempt, e.Action = c.seq, c.attempt, c.node.action.name
	return e
}
