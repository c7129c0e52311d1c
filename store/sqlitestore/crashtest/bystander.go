package crashtest

import (
	"context"
	"sync/atomic"

	"github.com/burdock-go/burdock"
)

// A Bystander is the World of a run that leaves no traces; it only counts.
type Bystander struct {
	Number  int
	Effects atomic.Int64
}

// Process implements World.
func (b *Bystander) Process() int { return b.Number }

// Pause implements World.
func (b *Bystander) Pause(ctx context.Context) error { return ctx.Err() }

// Effect implements World.
func (b *Bystander) Effect(*burdock.StepInfo, bool) { b.Effects.Add(1) }

// Received implements World.
func (b *Bystander) Received(*burdock.StepInfo, string, bool) {}

// Decided implements World.
func (b *Bystander) Decided(*burdock.StepInfo, string) {}

// Replied implements World.
func (b *Bystander) Replied(*burdock.StepInfo, string) {}
