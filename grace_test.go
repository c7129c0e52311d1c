package burdock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// R3, R9: when Grace is over the step fails with a LeakError that names it; what the function still does is refused.
func TestGraceEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan bool)
		over := make(chan error)
		var chunks int
		o := stored(newStore(), number{1})
		o.Grace = time.Second
		o.Cascade.Tracker = trackFunc(func(_ context.Context, e burdock.Event) error {
			switch e.Kind {
			case burdock.EventChunk, burdock.EventAttr, burdock.EventSpanStarted, burdock.EventSpanEnded:
				chunks++
			}
			return nil
		})
		deaf := burdock.Stream("deaf", func(ctx context.Context, s number, emit func(int) error) (number, error) {
			ctx, end := burdock.Span(ctx, "span")
			<-release
			err := emit(1)
			burdock.Attr(ctx, "name", 1)
			_, again := burdock.Span(ctx, "another")
			again(nil)
			end(nil)
			over <- err
			return number{99}, nil
		}).With(burdock.Timeout(time.Minute))
		handler := burdock.Func("handler", func(_ context.Context, in failed) (number, error) {
			if _, ok := errors.AsType[*burdock.LeakError](in.Failure.Err()); !ok {
				t.Errorf("got %v, want a LeakError", in.Failure.Err())
			}
			return number{5}, nil
		})
		g := burdock.MustGraph("g", burdock.Node(deaf, burdock.OnError(burdock.Is(burdock.ErrTimeout), handler)), burdock.Node(handler))
		start := time.Now()
		out := runTo(t, newApp(t, g, o), burdock.StopDone)
		wantEqual(t, "took", time.Since(start), time.Minute+time.Second)
		close(release)
		if err := <-over; err == nil {
			t.Error("emit of a leaked function was taken")
		}
		synctest.Wait()
		wantEqual(t, "events of it", chunks, 1) // the span that began in time
		wantEqual(t, "n", view[number](t, out.State).N, 5)
		wantEqual(t, "records", len(records(t, o.Cascade.Store, "app")), 3)
	})
}

// A leak after the run's own cancellation takes no error route.
func TestALeakAfterCancellationTakesNoRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan bool)
		deaf, h := doing("deaf", func(context.Context) error { <-release; return nil }), idle("handler")
		g := burdock.MustGraph("g", burdock.Node(deaf, burdock.OnError(burdock.AnyError, h)), burdock.Node(h))
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(errStop) })
		app := newApp(t, g, &burdock.Options{ID: "app", Grace: time.Second})
		out, err := app.Run(ctx)
		leak, ok := errors.AsType[*burdock.LeakError](err)
		if !ok || leak.Action != "deaf" || leak.Path != "app" {
			t.Fatalf("got %v", err)
		}
		wantIs(t, err, errStop)
		wantEqual(t, "next", out.Next, "deaf")
		wantTexts(t, err, "app: deaf ignores its cancellation (stop it) beyond Options.Grace; its goroutine is left running")
		close(release)
		synctest.Wait()
		runTo(t, app, burdock.StopDone)
	})
}

// A function that heeds its cancellation within Grace has ended like any other.
func TestWithinGraceNothingLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			returns error
			want    error
		}{{nil, nil}, {errTest, burdock.ErrTimeout}} {
			slow := doing("slow", func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second / 2)
				return c.returns
			}).With(burdock.Timeout(time.Minute))
			_, err := newApp(t, line(slow), &burdock.Options{Grace: time.Second}).Run(t.Context())
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		}
	})
}
