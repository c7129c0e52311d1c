package sqlitestore

import (
	"sync"

	"github.com/burdock-go/burdock"
)

// A save is one call of Save on its way through a batch. It is used again when the call has returned: its buffers would
// be half of what a step leaves to the garbage collector.
type save struct {
	fence   burdock.Fence
	rows    []row
	bodies  []byte    // of rows
	events  []pending // of a journal
	lightly bool      // need not be synced
	refused error     // its fence is stale
	err     error     // the result; unfinished until there is one
}

var saves = sync.Pool{New: func() any { return new(save) }}

func newSave(fence burdock.Fence, lightly bool) *save {
	sv := saves.Get().(*save)
	sv.fence, sv.lightly = fence, lightly
	return sv
}

// encode fills the rows.
func (sv *save) encode(checkpoints []burdock.Checkpoint) (err error) {
	for i := range checkpoints {
		sv.rows = append(sv.rows, row{})
		if sv.bodies, err = sv.rows[i].encode(&checkpoints[i], sv.bodies); err != nil {
			return err
		}
	}
	return nil
}

// A save that waits for the next call keeps no more room than this.
const maxKeptBytes, maxKeptRows = 64 << 10, 64

// free gives a save back that nobody else knows any more.
func (sv *save) free() {
	clear(sv.rows)
	kept := save{rows: sv.rows[:0], bodies: sv.bodies[:0]}
	if cap(kept.rows) > maxKeptRows {
		kept.rows = nil
	}
	if cap(kept.bodies) > maxKeptBytes {
		kept.bodies = nil
	}
	*sv = kept
	saves.Put(sv)
}
