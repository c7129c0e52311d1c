package burdock

import (
	"context"
	"fmt"
	"reflect"
)

// Stream makes an action that emits pieces while it runs, such as the tokens of a model, and still returns its Out like
// any other. emit hands one piece to whoever listens, as an event of kind EventChunk; without a listener it costs next
// to nothing. With App.Events it waits until the loop takes the piece. It returns an error when the attempt is over: return
// that error.
func Stream[In, Chunk, Out any](name string, f func(ctx context.Context, in In, emit func(Chunk) error) (Out, error)) *Action {
	s := &spec{in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), chunk: reflect.TypeFor[Chunk]()}
	s.call = func(a *attempt) (any, error) {
		var fr frame[In]
		ctx, err := a.enter(&fr.ctx, reflect.ValueOf(&fr.in).Elem())
		if err != nil {
			return nil, err
		}
		out, err := f(ctx, fr.in, func(c Chunk) error { return fr.ctx.emit(c) })
		return &out, err
	}
	return newAction(name, s, f == nil)
}

// emit tells of one piece.
func (c *stepContext) emit(chunk any) error {
	if c.over.Load() {
		return fmt.Errorf("emit: the attempt is over: %w", context.Canceled)
	}
	if err := c.Err(); err != nil {
		return context.Cause(c)
	}
	if !c.of.listens() {
		return nil
	}
	e := c.event(EventChunk)
	e.Value = chunk
	if !c.track(e) && c.Err() != nil {
		return context.Cause(c)
	}
	return nil
}
