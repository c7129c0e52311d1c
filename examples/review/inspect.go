package review

import (
	"context"
	"fmt"
)

// An Inspection says what a file is, before it is checked.
type Inspection struct {
	Kind     string    `json:"kind"` // one of the Kind constants
	Findings []Finding `json:"findings"`
	Notes    []Note    `json:"notes"`
}

// Reviewable reports whether the checks have anything to read.
func (i Inspection) Reviewable() bool { return i.Kind == KindText || i.Kind == KindGo }

// Inspect looks at one file. What cannot be reviewed is noted; a file that is
// too large, or Go that does not parse, is a finding.
func (c *Checks) Inspect(ctx context.Context, s Subject) (Inspection, error) {
	t, err := c.open(ctx, s)
	if err != nil {
		return Inspection{}, err
	}
	i := Inspection{Kind: t.kind}
	switch t.kind {
	case KindTooLarge:
		f := t.finding(CheckSize, 0)
		f.Message, f.Measure = fmt.Sprintf("%d MB are not checked", s.File.Size>>20), int(s.File.Size>>20)
		i.Findings = append(i.Findings, f)
	case KindBinary, KindSymlink, KindSubmodule:
		i.Notes = append(i.Notes, Note{Check: CheckFile, Path: s.File.Path, Reason: t.kind})
	case KindGo:
		if t.parsed.Err != "" {
			f := t.finding(CheckParse, t.parsed.ErrLine)
			f.Message = printable(t.parsed.Err)
			i.Findings = append(i.Findings, f)
		}
	}
	return i, nil
}
