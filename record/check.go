package record

import (
	"errors"
	"fmt"
	"slices"

	"github.com/burdock-go/burdock"
)

// CheckBatch reports what no store may accept: a checkpoint without an application or root, of another root than the
// fence's, with a negative sequence number or an unknown kind. Every store calls it before it writes.
func CheckBatch(fence burdock.Fence, batch []burdock.Checkpoint) error {
	if fence.Root == "" {
		return errors.New("record: the fence names no root")
	}
	for i := range batch {
		if err := checkOne(fence, &batch[i]); err != nil {
			return fmt.Errorf("record: checkpoint %s of %q: %w", position(&batch[i]), batch[i].App, err)
		}
	}
	return nil
}

func checkOne(fence burdock.Fence, c *burdock.Checkpoint) error {
	switch {
	case c.App == "":
		return errors.New("it names no application")
	case c.Root != fence.Root:
		return fmt.Errorf("its root is %q and the fence's is %q", c.Root, fence.Root)
	case c.Seq < 0:
		return errors.New("its sequence number is negative")
	case c.Kind != burdock.KindStep && c.Kind != burdock.KindSnapshot:
		return fmt.Errorf("its kind %q is unknown", c.Kind)
	}
	return nil
}

// CheckQuery reports a query that selects nothing well defined: not exactly one of App, Parent, Root and Roots, or a
// field that does not narrow what it selects. Every store's List yields this error.
func CheckQuery(q burdock.Query) error {
	selected := 0
	for _, set := range []bool{q.App != "", q.Parent.App != "", q.Root != "", q.Roots} {
		if set {
			selected++
		}
	}
	if selected != 1 {
		return fmt.Errorf("record: a query sets exactly one of App, Parent, Root and Roots; this one sets %d", selected)
	}
	rootsOnly := q.Project != "" || q.Partition != "" || q.Prefix != "" || len(q.Status) > 0 || !q.Before.IsZero()
	switch {
	case q.Until != 0 && q.App == "":
		return errors.New("record: Query.Until goes with App only")
	case q.Until < 0 || q.Limit < 0:
		return errors.New("record: Query.Until and Query.Limit are not negative")
	case q.Rebuild && q.App == "" && q.Parent.App == "":
		return errors.New("record: Query.Rebuild goes with App or Parent only")
	case q.Join && q.Parent.App == "":
		return errors.New("record: Query.Join goes with Parent only")
	case rootsOnly && !q.Roots:
		return errors.New("record: Project, Partition, Prefix, Status and Before of a Query go with Roots only")
	}
	return nil
}

// CheckPrune reports a Prune that selects nothing in particular, or keeps a negative number. Every store's Prune returns
// this error.
func CheckPrune(p burdock.Prune) error {
	switch {
	case p.Keep < 0:
		return errors.New("record: Prune.Keep is not negative")
	case p.Before.IsZero() && p.Keep == 0 && len(p.Status) == 0 && p.Project == "":
		return errors.New("record: a Prune sets at least one of Before, Keep, Status and Project; set Before to this moment to forget all")
	}
	return nil
}

// Prunes reports whether the Status of p selects an application by its latest record, should nobody advance it.
func Prunes(p burdock.Prune, latest burdock.Checkpoint) bool {
	return len(p.Status) == 0 || slices.Contains(p.Status, AppStatus(latest, false))
}
