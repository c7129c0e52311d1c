package burdock

import (
	"context"
	"errors"
	"fmt"
)

// Trackers makes one Tracker of several: each is told of every event, in the order given. An error or a panic of one
// keeps none of the others from being told; Track returns what went wrong, joined. Nil trackers are left out. Without
// any the result is nil, so that no event is built.
//
//	Cascade: burdock.Cascade{Store: db, Tracker: burdock.Trackers(db.Tracker(nil), progress.New(os.Stderr, nil))}
func Trackers(ts ...Tracker) Tracker {
	var told trackers
	for _, t := range ts {
		if t != nil {
			told = append(told, t)
		}
	}
	switch len(told) {
	case 0:
		return nil
	case 1:
		return told[0]
	}
	return told
}

type trackers []Tracker

// Track implements Tracker.
func (ts trackers) Track(ctx context.Context, e Event) error {
	var failed []error // stays nil, and costs nothing, while all is well
	for _, t := range ts {
		if err := tell(ctx, t, e); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// tell tracks one event and returns a panic as an error.
func tell(ctx context.Context, t Tracker, e Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%T panicked: %v", t, v)
		}
	}()
	return t.Track(ctx, e)
}
