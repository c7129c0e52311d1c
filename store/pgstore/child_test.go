package pgstore_test

import (
	"fmt"
	"strconv"
	"time"

	"github.com/burdock-go/burdock"
)

func child(string) error { return nil }

func step(root string, seq int64, text string) burdock.Checkpoint {
	at := time.Date(2026, 1, 1, 0, 0, int(seq), 0, time.UTC)
	return burdock.Checkpoint{
		Root: root, App: root, Path: root, Seq: seq, Kind: burdock.KindStep, Status: burdock.StatusCompleted, Next: "more", Started: at, Ended: at,
		Delta: burdock.Delta{{Key: "x", Op: burdock.OpSet, Value: []byte(strconv.Quote(text))}},
	}
}

func branch(i int64) burdock.Checkpoint {
	c := step("r", 1, "")
	c.App, c.Parent, c.Index = fmt.Sprintf("r.%d", i), burdock.Ref{App: "r", Seq: 1}, i
	return c
}
