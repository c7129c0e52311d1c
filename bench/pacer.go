package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/burdock-go/burdock"
)

// A pacer is an application that runs one step whenever it is asked to. Asking takes two switches of goroutines, each of
// which wakes a thread after an fsync; so the time of a step is taken within the run, from the return of its action to
// the next call.
type pacer struct {
	next  chan struct{}
	took  chan time.Duration
	ended chan error
	began time.Time
	sum   time.Duration // of the last run of either side
}

// newPacer starts a pacer and returns the record of a step of it. The folder ends it.
func newPacer(ctx context.Context, f *folder, c burdock.Cascade) (p *pacer, last burdock.Checkpoint, err error) {
	p = &pacer{next: make(chan struct{}), took: make(chan time.Duration), ended: make(chan error, 1)}
	a := burdock.Func("count", p.count)
	g, err := burdock.NewGraph("loop", burdock.Node(a, burdock.Then(a)))
	if err != nil {
		return nil, last, err
	}
	app, err := burdock.New(ctx, g, &burdock.Options{ID: "bench", State: burdock.StateOf(counter{}), Cascade: c})
	if err != nil {
		return nil, last, err
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, err := app.Run(ctx)
		p.ended <- err
	}()
	f.later(func() error {
		cancel()
		if err := <-p.ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	for range 2 { // the first step saves the beginning too
		if err := p.step(ctx); err != nil {
			return nil, last, err
		}
	}
	last, err = c.Store.Load(ctx, burdock.Ref{App: app.ID(), Seq: -1})
	return p, last, err
}

// count is the action.
func (p *pacer) count(ctx context.Context, c counter) (counter, error) {
	if !p.began.IsZero() {
		p.took <- time.Since(p.began)
	}
	select {
	case <-p.next:
	case <-ctx.Done():
		return c, ctx.Err()
	}
	p.began = time.Now()
	return count(ctx, c)
}

// step runs one step and adds its time to the sum.
func (p *pacer) step(context.Context) error {
	select {
	case p.next <- struct{}{}:
	case err := <-p.ended:
		return p.gone(err)
	}
	select {
	case took := <-p.took:
		p.sum += took
		return nil
	case err := <-p.ended:
		return p.gone(err)
	}
}

func (p *pacer) gone(err error) error {
	p.ended <- err
	return fmt.Errorf("the loop has ended: %w", err)
}

// against is the pair of n steps and n inserts.
func (p *pacer) against(insert func(context.Context) error, n int) pair {
	ours, raw := repeat(n, p.step), repeat(n, insert)
	return pair{
		ops:    n,
		figure: func() float64 { return float64(p.sum) },
		ours: func(ctx context.Context) error {
			p.sum = 0
			return ours(ctx)
		},
		raw: func(ctx context.Context) error {
			began := time.Now()
			err := raw(ctx)
			p.sum = time.Since(began)
			return err
		},
	}
}
