package burdocktest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
)

// A Trace is what was recorded of an application: its steps, and for each parallel step its branches.
type Trace struct {
	Path  string // the application's, which begins with the id of the root
	Graph string
	Key   string // of a branch
	Steps []TraceStep
}

// A TraceStep is one recorded step. The step with number 0 is the beginning.
type TraceStep struct {
	Seq      int64
	Action   string
	Status   burdock.Status
	Attempt  int    // the last one
	Next     string // the action that follows; "" if none does
	Route    string // label of the route taken
	Inputs   []burdock.InputRecord
	Needs    []string      // with StatusWaiting
	Changes  burdock.Delta // what the step wrote
	Error    string        // why it failed or was cancelled, with paths for ids
	Branches []*Trace      // in the order of their tasks
}

// TraceOf reads the trace of a root application from a store, for applications that Run has not run. The test fails if
// the store has none.
func TraceOf(t testing.TB, store burdock.Store, id string) *Trace {
	t.Helper()
	tr, err := traceOf(t.Context(), store, id)
	if err == nil && len(tr.Steps) == 0 {
		err = burdock.ErrNotFound
	}
	if err != nil {
		t.Fatalf("burdocktest: the trace of %s: %v", id, err)
	}
	return tr
}

// traceOf reads a trace, which is empty if nothing was recorded.
func traceOf(ctx context.Context, store burdock.Store, id string) (*Trace, error) {
	b := &tracer{paths: map[string]string{}, root: id, below: map[burdock.Ref][]*traced{}}
	for c, err := range store.List(ctx, burdock.Query{Root: id}) {
		if err != nil {
			return nil, err
		}
		b.add(c)
	}
	if b.top == nil {
		return &Trace{Path: id}, nil
	}
	return b.trace(b.top), nil
}

// A tracer puts the records of a root together.
type tracer struct {
	root  string
	top   *traced
	last  *traced
	below map[burdock.Ref][]*traced
	paths map[string]string // of branches, by id
}

// traced is the records of one application.
type traced struct {
	records []burdock.Checkpoint // steps only
}

func (tr *traced) latest() *burdock.Checkpoint { return &tr.records[len(tr.records)-1] }

// add takes the next record of a listing, in which those of one application stand together.
func (b *tracer) add(c burdock.Checkpoint) {
	if c.Kind != burdock.KindStep {
		return
	}
	if b.last == nil || b.last.latest().App != c.App {
		b.last = &traced{}
		if c.App == b.root {
			b.top = b.last
		} else {
			b.below[c.Parent] = append(b.below[c.Parent], b.last)
			b.paths[c.App] = c.Path
		}
	}
	b.last.records = append(b.last.records, c)
}

// trace makes the trace of one application and of all below it.
func (b *tracer) trace(of *traced) *Trace {
	first := of.latest()
	tr := &Trace{Path: first.Path, Graph: first.Graph, Key: first.Key}
	for i := range of.records {
		c := &of.records[i]
		step := TraceStep{
			Seq: c.Seq, Action: c.Action, Status: c.Status, Attempt: c.Attempt, Next: c.Next, Route: c.Route,
			Inputs: c.Inputs, Needs: c.Needs, Changes: c.Delta,
		}
		if c.Error != nil {
			step.Error = b.readable(c.Error.Text)
		}
		branches := b.below[c.Ref()]
		slices.SortStableFunc(branches, func(x, y *traced) int {
			return cmp.Or(cmp.Compare(x.latest().Index, y.latest().Index), strings.Compare(x.latest().Path, y.latest().Path))
		})
		for _, branch := range branches {
			step.Branches = append(step.Branches, b.trace(branch))
		}
		tr.Steps = append(tr.Steps, step)
	}
	return tr
}

// readable puts paths in the place of ids.
func (b *tracer) readable(text string) string {
	for id, path := range b.paths {
		text = strings.ReplaceAll(text, id, path)
	}
	return text
}

// each calls f with the trace and all below it.
func (tr *Trace) each(f func(*Trace)) {
	f(tr)
	for i := range tr.Steps {
		for _, b := range tr.Steps[i].Branches {
			b.each(f)
		}
	}
}

// String is the trace as a text that depends on nothing but what was done: it has no times and no ids, and the root's
// own id is left out of paths. Values stand there as they were recorded.
//
//	survey
//	  0 beginning → collect
//	  1 collect: completed → every_prompt
//	      prompts = ["a","b"]
//	  2 every_prompt: completed → publish (failed > 0)
//	      answers + ["A"]
//	      failed = 1
//	    every_prompt#2/a of ask
//	      0 beginning → ask
//	          prompt = "a"
//	      1 ask: completed
//	          answer = "A"
func (tr *Trace) String() string {
	w := &traceWriter{root: tr.Path, begin: regexp.MustCompile(`(^|[^\pL\pN_.%/-])` + regexp.QuoteMeta(tr.Path) + `(?:/|: (step ))`)}
	w.trace(tr, "")
	return w.String()
}

type traceWriter struct {
	strings.Builder
	root  string
	begin *regexp.Regexp // of a path, or of what is said of the root itself
}

func (w *traceWriter) line(indent, text string) {
	w.WriteString(indent + strings.ReplaceAll(text, "\n", "\n"+indent+"  ") + "\n")
}

// relative leaves out the root's id where a path begins with it.
func (w *traceWriter) relative(text string) string { return w.begin.ReplaceAllString(text, "$1$2") }

func (w *traceWriter) trace(tr *Trace, indent string) {
	title := tr.Graph
	if tr.Path != w.root {
		title = w.relative(tr.Path) + " of " + tr.Graph
	}
	w.line(indent, title)
	for i := range tr.Steps {
		w.step(&tr.Steps[i], indent+"  ")
	}
}

func (w *traceWriter) step(s *TraceStep, indent string) {
	text := fmt.Sprintf("%d %s: %s", s.Seq, s.Action, s.Status)
	if s.Seq == 0 {
		text = "0 beginning"
	}
	if s.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", s.Attempt)
	}
	if s.Next != "" {
		text += " → " + s.Next
	}
	if s.Route != "" {
		text += " (" + s.Route + ")"
	}
	w.line(indent, text)
	below := indent + "    "
	for _, in := range s.Inputs {
		w.value(below, "input "+in.Name+" = ", in.Value)
	}
	for _, need := range s.Needs {
		w.line(below, "needs "+need)
	}
	changes := slices.SortedFunc(slices.Values(s.Changes), func(a, b burdock.Change) int { return strings.Compare(a.Key, b.Key) })
	for _, ch := range changes {
		switch ch.Op {
		case burdock.OpDelete:
			w.line(below, ch.Key+" -")
		case burdock.OpAppend:
			w.value(below, ch.Key+" + ", ch.Value)
		default:
			w.value(below, ch.Key+" = ", ch.Value)
		}
	}
	if s.Error != "" {
		w.line(below, "error: "+w.relative(s.Error))
	}
	for _, b := range s.Branches {
		w.trace(b, indent+"  ")
	}
}

// maxLine is the length from which on a value stands on several lines, so that a difference in it is one of a line.
const maxLine = 100

func (w *traceWriter) value(indent, what string, value json.RawMessage) {
	var b bytes.Buffer
	if len(value) > maxLine && json.Indent(&b, value, indent, "  ") == nil {
		value = b.Bytes()
	}
	w.WriteString(indent + what + string(value) + "\n")
}
