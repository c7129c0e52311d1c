package burdock_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// trackFunc is a function as a Tracker.
type trackFunc func(context.Context, burdock.Event) error

func (f trackFunc) Track(ctx context.Context, e burdock.Event) error { return f(ctx, e) }

func TestTrackersTellsAllInOrderWhateverOneDoes(t *testing.T) {
	errFull, errPanic := errors.New("the disk is full"), errors.New("a bug")
	var told []string
	tracker := func(name string, do func() error) burdock.Tracker {
		return trackFunc(func(_ context.Context, e burdock.Event) error {
			told = append(told, name+" "+string(e.Kind))
			return do()
		})
	}
	all := burdock.Trackers(
		tracker("a", func() error { panic(errPanic) }),
		nil,
		tracker("b", func() error { return errFull }),
		tracker("c", func() error { return nil }),
	)
	err := all.Track(t.Context(), burdock.Event{Kind: burdock.EventChunk})
	if diff := cmp.Diff([]string{"a chunk", "b chunk", "c chunk"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if !errors.Is(err, errFull) {
		t.Errorf("got error %v, want one that is %v", err, errFull)
	}
	if want := "burdock_test.trackFunc panicked: a bug\nthe disk is full"; err == nil || err.Error() != want {
		t.Errorf("got error %q, want %q", err, want)
	}
}

func TestTrackersOfNoneIsNil(t *testing.T) {
	if got := burdock.Trackers(nil, nil); got != nil {
		t.Errorf("got %v, want nil: an App without a listener builds no event", got)
	}
}

func TestTrackersOfOneIsThatOne(t *testing.T) {
	one := &recorder{}
	if got := burdock.Trackers(nil, one); got != one {
		t.Errorf("got %v, want the one tracker itself", got)
	}
}

func TestTrackersOfTrackersThatDoNotFailDoNotAllocate(t *testing.T) {
	quiet := trackFunc(func(context.Context, burdock.Event) error { return nil })
	all := burdock.Trackers(quiet, quiet)
	if n := testing.AllocsPerRun(100, func() { _ = all.Track(t.Context(), burdock.Event{}) }); n > 0 {
		t.Errorf("Track allocates %v times, want none", n)
	}
}

// recorder keeps the kinds it was told of.
type recorder struct{ kinds []burdock.EventKind }

func (r *recorder) Track(_ context.Context, e burdock.Event) error {
	r.kinds = append(r.kinds, e.Kind)
	return nil
}
