// Package inspect reads what a store holds of applications, in the form in which the commands show it.
//
//	Roots ──> App, one per application    what `burdock ls` shows
//	Find ──> the latest record ──> Open ──> App
//	                                ├ Steps ──> Step ── Visit ──> Groups ──> Branch
//	                                └ State ──> Value
//
// Everything is read in streams: of a visit with a million branches it holds one branch, a duration for each, and as
// many branches as the caller wants to see. The types have the JSON form that the commands print with --json.
package inspect

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A Source is the reading half of a store that knows who lives.
type Source interface {
	Load(ctx context.Context, ref burdock.Ref) (burdock.Checkpoint, error)
	List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error]
	// Live reports whether a living process advances root.
	Live(ctx context.Context, root string) (bool, error)
}

// live is Live, and true where this user may not know: the record then says all there is.
func live(ctx context.Context, src Source, root string) (bool, error) {
	lives, err := src.Live(ctx, root)
	if errors.Is(err, fs.ErrPermission) {
		return true, nil
	}
	return lives, err
}

// Statuses are all statuses that a root may have.
var Statuses = []burdock.Status{
	burdock.StatusRunning, burdock.StatusWaiting, burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusCancelled,
	record.StatusPaused, record.StatusStale,
}

// stored are the statuses that the latest record of an application may have if the application has one of statuses.
func stored(statuses []burdock.Status) []burdock.Status {
	if len(statuses) == 0 {
		return nil
	}
	var all []burdock.Status
	for _, s := range statuses {
		switch s {
		case burdock.StatusRunning: // an owner that lives hides every other status
			return nil
		case record.StatusPaused:
			all = append(all, burdock.StatusCompleted, burdock.StatusFailed)
		case record.StatusStale:
			all = append(all, burdock.StatusRunning)
		default:
			all = append(all, s)
		}
	}
	return all
}
