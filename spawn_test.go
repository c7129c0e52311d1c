package burdock_test

import (
	"context"
	"testing"

	"github.com/burdock-go/burdock"
)

func TestSmoke(t *testing.T) {
	db := newStore()
	g := line(doing("top", func(ctx context.Context) error {
		h, err := burdock.Spawn(ctx, "a", adder("add", 1), number{4}, nil)
		if err != nil {
			return err
		}
		n, err := burdock.Read[number](h.Wait())
		t.Log(n, err, h.ID(), h.Path())
		return err
	}))
	app := newApp(t, g, stored(db, nil))
	runTo(t, app, burdock.StopDone)
	for _, cp := range branchRecords(t, db, burdock.Ref{App: "app", Seq: 1}) {
		t.Logf("%+v", cp)
	}
}
