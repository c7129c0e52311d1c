package exectest

import (
	"context"
	"sync/atomic"

	"github.com/burdock-go/burdock"
)

// An Encoder is an executor whose workers are in the same process. Each branch crosses as bytes, both ways, and so do all
// that it fans out to.
type Encoder struct {
	worker *burdock.Worker
	runs   atomic.Int64
}

// Encoded returns an executor whose workers know the given graphs.
func Encoded(opts *burdock.WorkerOptions, graphs ...*burdock.Graph) (*Encoder, error) {
	w, err := burdock.NewWorker(opts, graphs...)
	return &Encoder{worker: w}, err
}

// Runs returns how many branches have been handed over.
func (e *Encoder) Runs() int64 { return e.runs.Load() }

// Execute implements burdock.Executor.
func (e *Encoder) Execute(ctx context.Context, b *burdock.Branch) (*burdock.Outcome, error) {
	e.runs.Add(1)
	there, err := b.Encode()
	if err != nil {
		return nil, err
	}
	back, err := e.worker.Run(ctx, there, burdock.Cascade{Store: b.Store(), Tracker: b.Tracker(), Executor: e})
	if err != nil {
		return nil, err
	}
	return b.Decode(back)
}
