package crashtest

import (
	"context"
	"fmt"
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

// RunToEnd runs the application, gives it the inputs that it waits for, and returns the text of its final state.
func RunToEnd(ctx context.Context, app *burdock.App) (string, error) {
	var give []string
	for {
		out, err := app.Run(ctx, Inputs(give)...)
		switch {
		case err != nil:
			return "", err
		case out.Stop == burdock.StopDone:
			return Dump(out.State)
		case len(out.Pending) == 0:
			return "", fmt.Errorf("the application has stopped: %s", out.Stop)
		}
		give = out.Pending[0].Needs
	}
}
