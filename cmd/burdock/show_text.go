package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/record"
)

// lineWidth is where shortened values end.
const lineWidth = 80

// maxSteps bounds how many steps the text shows, the last ones.
const maxSteps = 100

// A showing is one run of show.
type showing struct {
	show    *show
	ctx     context.Context //nolint:containedctx // it lives as long as the call of Run
	program *program
	store   inspect.Source
	app     *inspect.App
	view    inspect.View
	out     strings.Builder
}

func (s *showing) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

// all shows an application with its steps and its state.
func (s *showing) all() error {
	s.header()
	if err := s.steps(); err != nil {
		return err
	}
	state, err := inspect.StateAt(s.ctx, s.store, s.app.ID, -1)
	if err != nil {
		return err
	}
	s.state("STATE", state)
	return s.program.print(s.out.String())
}

func (s *showing) header() {
	a := s.app
	s.printf("%s  %s\n", s.name(), a.Status)
	if a.Path != "" {
		s.field("id", a.ID)
		s.field("branch of", stepOf(a.Parent))
	}
	s.field("graph", a.Graph)
	s.field("project", a.Project)
	s.field("partition", a.Partition)
	s.origin()
	s.field("started", fmt.Sprintf("%s, %s", term.Moment(a.Started), term.Ago(s.view.Now, a.Started)))
	s.field("took", term.Duration(time.Duration(a.Took)))
	if a.Status != burdock.StatusRunning {
		s.field("next", a.Next)
	}
	s.field("halted", prefixed("before ", a.Halted))
	s.field("waits for", strings.Join(a.Needs, ", "))
}

// origin says what a fork began from, or of which branch one that came with a fork is the copy.
func (s *showing) origin() {
	switch a := s.app; {
	case a.Origin == nil:
	case a.Path != "":
		s.field("copy of", a.Origin.App)
	default:
		s.field("fork of", stepOf(a.Origin))
	}
}

// stepOf names a step of an application.
func stepOf(r *inspect.Ref) string { return fmt.Sprintf("%s, step %d", r.App, r.Seq) }

// name is the id of a root and the path of a branch.
func (s *showing) name() string {
	if s.app.Path != "" {
		return term.Escape(s.app.Path)
	}
	return term.Escape(s.app.ID)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// field is a line of the header; one without a value is left out.
func (s *showing) field(name, value string) {
	if value != "" {
		s.printf("  %-9s  %s\n", name, term.Escape(value))
	}
}

// steps shows the steps, each with its branches.
func (s *showing) steps() error {
	first := max(1, s.app.Step-maxSteps+1)
	s.printf("\nSTEPS\n")
	if first > 1 {
		s.printf("  steps 1 to %d are not listed: --json has them, --step N shows one\n", first-1)
	}
	table := term.Table{Indent: "  ", Right: []bool{true, false, false, true}}
	table.Add("#", "ACTION", "STATUS", "TOOK", "NEXT")
	n := 0
	for step, err := range s.app.Steps(s.ctx, s.store, first, s.view) {
		if err != nil {
			return err
		}
		n++
		s.row(&table, step)
	}
	if n == 0 {
		s.printf("  none yet\n")
		return nil
	}
	s.printf("%s", table.String())
	return nil
}

func (s *showing) row(table *term.Table, step *inspect.Step) {
	status := string(step.Status)
	if step.Attempt > 1 {
		status += fmt.Sprintf(", attempt %d", step.Attempt)
	}
	table.Add(fmt.Sprint(step.Seq), term.Escape(step.Action), status, length(step.Took), term.Escape(next(step)))
	if step.Error != "" {
		table.Note("     " + term.Line(step.Error, 300))
	}
	if len(step.Needs) > 0 {
		table.Note("     waits for " + term.Escape(strings.Join(step.Needs, ", ")))
	}
	if step.Visit != nil {
		for line := range strings.Lines(visit(step.Visit)) {
			table.Note("     " + strings.TrimRight(line, "\n"))
		}
	}
}

// next says what a step led to, and by which route.
func next(step *inspect.Step) string {
	switch {
	case step.Next == "":
		return step.Route
	case step.Route == "":
		return step.Next
	}
	return step.Next + " (" + step.Route + ")"
}

// length is a duration, "" where it is not known.
func length(d inspect.Seconds) string {
	if d == 0 {
		return ""
	}
	return term.Duration(time.Duration(d))
}

// counts is like "11,480 completed, 12 failed".
func counts(c *record.Counts) string {
	var parts []string
	known := int64(0)
	for status, n := range c.All() {
		parts = append(parts, term.Number(n)+" "+string(status))
		known += n
	}
	if other := c.Total() - known; other > 0 {
		parts = append(parts, term.Number(other)+" of a status of a later version")
	}
	return strings.Join(parts, ", ")
}

// visit shows the branches of a step: a table of the groups, then those that are listed.
func visit(v *inspect.Visit) string {
	groups := term.Table{Right: []bool{true, false, false, true, true, true}}
	groups.Add("BRANCHES", "OF", "STATUS", "MIN", "MEDIAN", "MAX")
	var listed strings.Builder
	for _, g := range v.Groups {
		groups.Add(term.Number(g.Count), term.Escape(g.Task), string(g.Status), length(g.Min), length(g.Median), length(g.Max))
		for i := range g.Branches {
			listed.WriteString(branch(&g.Branches[i]))
		}
		if more := g.Count - int64(len(g.Branches)); more > 0 && len(g.Branches) > 0 {
			fmt.Fprintf(&listed, "  and %s more %s\n", term.Number(more), g.Status)
		}
	}
	return groups.String() + listed.String()
}

// branch shows one branch: its key, why it stands as it does, and its path, by which it can be shown.
func branch(b *inspect.Branch) string {
	about := string(b.Status)
	if took := length(b.Took); took != "" {
		about += ", " + took
	}
	text := fmt.Sprintf("- %s (%s)\n", term.Escape(b.Key), about)
	if b.Error != "" {
		text += "  " + term.Line(b.Error, 300) + "\n"
	}
	if len(b.Needs) > 0 {
		text += "  waits for " + term.Escape(strings.Join(b.Needs, ", ")) + "\n"
	}
	return text + "  " + term.Escape(b.Path) + "\n"
}

// state shows values, shortened unless they shall be whole.
func (s *showing) state(title string, state inspect.State) {
	s.printf("\n%s\n", title)
	if len(state) == 0 {
		s.printf("  empty\n")
		return
	}
	width := 0
	for _, v := range state {
		width = max(width, utf8.RuneCountInString(term.Escape(v.Key)))
	}
	for _, v := range state {
		s.value(v.Key, width, v.JSON)
	}
}

func (s *showing) value(key string, width int, value json.RawMessage) {
	key = term.Escape(key)
	pad := strings.Repeat(" ", width-utf8.RuneCountInString(key))
	text := string(term.EscapeJSON(value))
	room := lineWidth - 2 - width - 2
	switch {
	case utf8.RuneCountInString(text) <= room:
	case s.show.State:
		var indented bytes.Buffer
		if json.Indent(&indented, value, "    ", "  ") == nil {
			text = "\n    " + string(term.EscapeJSON(indented.Bytes()))
		}
	default:
		size := " (" + term.Bytes(len(value)) + ")"
		text = term.Cut(text, max(room-len(size), 20)) + size
	}
	s.printf("%s\n", strings.TrimRight("  "+key+pad+"  "+text, " "))
}

// oneStep shows a step in full.
func (s *showing) oneStep() error {
	step, err := s.findStep()
	if err != nil {
		return err
	}
	action := step.Action
	if step.Seq == 0 {
		action = "beginning"
	}
	s.printf("%s, step %d: %s  %s\n", s.name(), step.Seq, term.Escape(action), step.Status)
	s.field("started", fmt.Sprintf("%s, %s", term.Moment(step.Started), term.Ago(s.view.Now, step.Started)))
	s.field("took", length(step.Took))
	if step.Seq == 0 {
		s.origin()
	}
	if step.Attempt > 1 {
		s.field("attempt", fmt.Sprint(step.Attempt))
	}
	s.field("next", next(step))
	s.field("halted", prefixed("before ", step.Halted))
	s.field("waits for", strings.Join(step.Needs, ", "))
	s.inputs(step)
	s.failure(step)
	if step.Visit != nil {
		s.printf("\nBRANCHES\n")
		for line := range strings.Lines(visit(step.Visit)) {
			s.printf("  %s", line)
		}
	}
	s.changes(step)
	if s.show.State {
		state, err := inspect.StateAt(s.ctx, s.store, s.app.ID, step.Seq)
		if err != nil {
			return err
		}
		s.state("STATE AFTER IT", state)
	}
	return s.program.print(s.out.String())
}

func (s *showing) inputs(step *inspect.Step) {
	if len(step.Inputs) == 0 {
		return
	}
	var values inspect.State
	for _, in := range step.Inputs {
		values = append(values, inspect.Value{Key: in.Name, JSON: in.Value})
	}
	s.state("INPUTS", values)
}

// failure shows the whole text, and the stack of a panic.
func (s *showing) failure(step *inspect.Step) {
	if step.Failure == nil {
		return
	}
	kind := ""
	if step.Failure.Type != "" {
		kind = " (" + term.Escape(step.Failure.Type) + ")"
	}
	s.printf("\nERROR%s\n%s\n", kind, indented(step.Error))
	if step.Failure.Stack != "" {
		s.printf("\nSTACK\n%s\n", indented(step.Failure.Stack))
	}
}

func indented(text string) string {
	lines := strings.Split(strings.TrimRight(term.EscapeLines(text), "\n"), "\n")
	return "  " + strings.Join(lines, "\n  ")
}

func (s *showing) changes(step *inspect.Step) {
	if len(step.Changes) == 0 {
		return
	}
	var values inspect.State
	for _, ch := range step.Changes {
		v := inspect.Value{Key: ch.Key + " =", JSON: ch.Value}
		switch ch.Op {
		case burdock.OpAppend:
			v.Key = ch.Key + " +"
		case burdock.OpDelete:
			v = inspect.Value{Key: ch.Key, JSON: json.RawMessage("deleted")}
		}
		values = append(values, v)
	}
	s.state("CHANGES", values)
}
