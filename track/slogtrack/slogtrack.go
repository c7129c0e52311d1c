// Package slogtrack writes what an application does to a *slog.Logger.
//
// # The model
//
// One event is one log record. The message is the event's kind, the time the event's own, and the attributes are those
// fields of the event that are set, under the names that they have in the stored form (package record):
//
//	time=… level=INFO msg=step_ended app=run-7 path=run-7 seq=2 attempt=1 n=2 action=ask status=completed duration=1.2s next=score
//
// A record has up to these attributes, in this order:
//
//	root project partition app path parent parent_seq   where it happened; root only if it is not app
//	seq attempt n action task key index join            in which step, attempt and branch
//	graph graph_hash                                    of the application that starts or ends
//	status stop next needs error duration               how it went; duration is that of what has ended
//	name span parent_span value                         of a span, an attribute or a chunk
//
// The level follows from how grave the event is:
//
//	ERROR  the application ends in failure
//	WARN   a step or branch fails, which a route or a reduce may yet handle; a retry; a run is cancelled
//	INFO   steps, branches and applications begin and end; a recorded result is used again; a step waits
//	DEBUG  spans, attributes, chunks, and branches that were never started
//
// Options.Level decides otherwise.
//
// # Guarantees
//
//   - The records of one branch are written in order, from the goroutine that runs it.
//   - An event below the logger's level costs one call of Enabled.
//   - Secret inputs are in no event and so in no record. Values of attributes and chunks are written unless
//     Options.HideValues is set.
//   - An error of the logger's handler is returned by Track; it changes no step.
//
// In plain words: the log tells what happened, in words to grep for. Not promised: that a log is complete enough to
// rebuild a run from; that is what a store is for.
package slogtrack

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/burdock-go/burdock"
)

// Options say what is written. Nil is fine.
type Options struct {
	// Level chooses the level of an event. Defaults to DefaultLevel.
	Level func(burdock.Event) slog.Level
	// HideValues leaves out the values of attributes and chunks, which may be long or private. Defaults to false.
	HideValues bool
}

// A Tracker writes events to a logger. It is safe for concurrent use if the logger's handler is, as those of log/slog
// are. It has nothing to close.
type Tracker struct {
	handler slog.Handler
	opts    Options
}

var _ burdock.Tracker = (*Tracker)(nil)

// New returns a Tracker that writes to logger; nil is slog.Default().
func New(logger *slog.Logger, opts *Options) *Tracker {
	t := &Tracker{handler: cmp.Or(logger, slog.Default()).Handler()}
	if opts != nil {
		t.opts = *opts
	}
	if t.opts.Level == nil {
		t.opts.Level = DefaultLevel
	}
	return t
}

// Track implements burdock.Tracker. The handler is given ctx, the context of the step, with the values that the
// program's own handlers may look for.
func (t *Tracker) Track(ctx context.Context, e burdock.Event) error {
	level := t.opts.Level(e)
	if !t.handler.Enabled(ctx, level) {
		return nil
	}
	r := slog.NewRecord(e.Time, level, string(e.Kind), 0)
	w := writer{record: &r}
	w.place(&e)
	w.outcome(&e)
	w.detail(&e)
	if e.Value != nil && !t.opts.HideValues {
		w.add(slog.Any("value", e.Value))
	}
	w.flush()
	return t.handler.Handle(ctx, r)
}

// DefaultLevel is the level of an event where Options say no other; see the package documentation.
func DefaultLevel(e burdock.Event) slog.Level {
	switch e.Kind {
	case burdock.EventSpanStarted, burdock.EventSpanEnded, burdock.EventAttr, burdock.EventChunk:
		return slog.LevelDebug
	case burdock.EventRetry:
		return slog.LevelWarn
	case burdock.EventAppEnded:
		return levelOfStop(e.Stop)
	case burdock.EventStepEnded, burdock.EventBranchEnded:
		return levelOfEnd(e.Status)
	}
	return slog.LevelInfo
}

func levelOfStop(s burdock.Stop) slog.Level {
	switch s {
	case burdock.StopFailed:
		return slog.LevelError
	case burdock.StopCancelled:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func levelOfEnd(s burdock.Status) slog.Level {
	switch s {
	case burdock.StatusFailed:
		return slog.LevelWarn
	case burdock.StatusSkipped:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// A writer collects attributes in an array, so that a record costs one allocation and not one per attribute.
type writer struct {
	record *slog.Record
	attrs  [32]slog.Attr // more than an event has fields
	n      int
}

func (w *writer) add(a slog.Attr) {
	w.attrs[w.n] = a
	w.n++
}

func (w *writer) text(name, v string) {
	if v != "" {
		w.add(slog.String(name, v))
	}
}

func (w *writer) int(name string, v int64) {
	if v != 0 {
		w.add(slog.Int64(name, v))
	}
}

func (w *writer) flush() { w.record.AddAttrs(w.attrs[:w.n]...) }

// place says where the event happened.
func (w *writer) place(e *burdock.Event) {
	if e.Root != e.App {
		w.text("root", e.Root)
	}
	w.text("project", e.Project)
	w.text("partition", e.Partition)
	w.text("app", e.App)
	w.text("path", e.Path)
	w.text("parent", e.Parent.App)
	w.int("parent_seq", e.Parent.Seq)
	w.int("seq", e.Seq)
	w.int("attempt", int64(e.Attempt))
	w.int("n", e.N)
	w.text("action", e.Action)
	w.text("task", e.Task)
	w.text("key", e.Key)
	if e.Key != "" {
		w.add(slog.Int64("index", e.Index)) // a branch's, and 0 is one
	}
	w.int("join", e.Join)
	w.text("graph", e.Graph)
	w.text("graph_hash", e.GraphHash)
}

// outcome says how what the event reports went.
func (w *writer) outcome(e *burdock.Event) {
	w.text("status", string(e.Status))
	w.text("stop", string(e.Stop))
	w.text("next", e.Next)
	if len(e.Needs) > 0 {
		w.add(slog.Any("needs", e.Needs))
	}
	w.text("error", e.Error)
	if !e.Started.IsZero() {
		w.add(slog.Duration("duration", e.Time.Sub(e.Started)))
	}
}

// detail names the span or attribute.
func (w *writer) detail(e *burdock.Event) {
	w.text("name", e.Name)
	w.int("span", e.Span)
	w.int("parent_span", e.ParentSpan)
}
