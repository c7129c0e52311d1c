package review

import (
	"iter"
	"time"
)

// A Subject is one file with what its checks need to know of the snapshot.
type Subject struct {
	Commit string    `json:"commit"` // as Snapshot.Commit
	Time   time.Time `json:"time"`   // as Snapshot.Time, the reference for ages
	File   File      `json:"file"`
}

// Subjects yields every file of a snapshot, in its order.
func Subjects(s Snapshot) iter.Seq[Subject] {
	return func(yield func(Subject) bool) {
		for _, f := range s.Files {
			if !yield(Subject{Commit: s.Commit, Time: s.Time, File: f}) {
				return
			}
		}
	}
}

// The checks, as findings and notes name them.
const (
	CheckParse       = "does not parse"
	CheckSize        = "too large"
	CheckLong        = "long function"
	CheckNesting     = "deep nesting"
	CheckDocs        = "missing doc comment"
	CheckErrors      = "dropped error"
	CheckTodo        = "todo"
	CheckLines       = "long lines"
	CheckIndentation = "mixed indentation"
	CheckFile        = "file" // of notes about a whole file
)

// The places a finding can be in. They decide how much it matters.
const (
	PlaceSource    = "source"
	PlaceTest      = "test"
	PlaceGenerated = "generated"
	PlaceTestdata  = "testdata"
	PlaceVendored  = "vendored"
)

// A Finding is one thing to look at. Its fields are plain, so that it can be
// part of a state.
type Finding struct {
	Check   string `json:"check"`
	Path    string `json:"path"`
	Line    int    `json:"line"` // from 1; 0 means the whole file
	Name    string `json:"name"` // what the source calls it; may be empty
	Message string `json:"message"`
	Measure int    `json:"measure"` // lines, levels, columns or days, as the check counts
	Place   string `json:"place"`
	Minor   bool   `json:"minor"` // a case of the check that hardly matters
}

// A Note says what was not checked and why. It is no fault of the file.
type Note struct {
	Check  string `json:"check"`
	Path   string `json:"path"`
	Reason string `json:"reason"` // one of a few, so that notes can be counted
	Detail string `json:"detail"`
}

// A Result is what one check says about one file.
type Result struct {
	Findings []Finding `json:"findings"`
	Notes    []Note    `json:"notes"`
}
