package burdock

import (
	"context"
)

// hooks is what a root's run adds to the loop; a branch has none.
type hooks struct {
	haltBefore map[string]bool
	haltAfter  map[string]bool
	committed  func() // told when a step is committed
	reader
}

// halts returns the name of the next node if the run halts before it.
func (h *hooks) halts(last, next *planNode) string {
	if h == nil || next == nil || !h.haltBefore[next.action.name] || h.haltAfter[last.action.name] {
		return ""
	}
	return next.action.name
}

func (h *hooks) tell(s Step) bool {
	return h == nil || h.stepped == nil || h.stepped(s)
}

// halt stops before the next node although this run has done nothing. The mark is written to the checkpoint before it.
func (r *runner) halt(ctx context.Context) (ending, error) {
	r.halted = r.next.action.name
	if r.records() {
		if err := r.remark(ctx); err != nil {
			r.halted = ""
			return endFatal, err
		}
	}
	return endHalted, nil
}

// follow decides whether the run goes on to the next step.
func (r *runner) follow(h *hooks, step Step) (ending, bool) {
	if h == nil {
		return endDone, r.next != nil
	}
	h.committed()
	told := h.tell(step)
	switch {
	case h.halts(r.cur.node, r.next) != "" || h.haltAfter[r.last]:
		if !h.haltAfter[r.last] {
			r.halted = r.next.action.name
		}
		return endHalted, false
	case !told && r.next != nil:
		return endPaused, false
	}
	return endDone, r.next != nil
}
