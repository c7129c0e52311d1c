// Package fromburr has the Go code of docs/from_burr.md, which is compiled and run here.
package fromburr

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run opens an application, runs it, and reads a window out of its final state.
func run[T any](g *burdock.Graph, o *burdock.Options, given ...burdock.RunOption) (T, error) {
	ctx := context.Background()
	app, err := burdock.Open(ctx, g, o)
	if err != nil {
		var none T
		return none, err
	}
	return burdock.Read[T](app.Run(ctx, given...))
}
