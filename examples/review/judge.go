package review

// The severities of a verdict.
const (
	High   = "high"
	Medium = "medium"
	Low    = "low"
	None   = "none" // seen and set aside
)

// A Verdict is a finding with what it weighs here.
type Verdict struct {
	Finding  Finding `json:"finding"`
	Severity string  `json:"severity"`
	Weight   int     `json:"weight"`
	Because  string  `json:"because"` // why it weighs less than elsewhere; may be empty
}

// weights leave room between them for what makes one finding worse than
// another of its severity.
var weights = map[string]int{High: 100, Medium: 30, Low: 5}

// Judge weighs one finding by what it is and where it is. The same finding
// always gets the same verdict.
func Judge(f Finding) Verdict {
	v := Verdict{Finding: f, Severity: severity(f)}
	switch f.Place {
	case PlaceTest:
		v.Because = "in a test"
		if v.Severity == Medium {
			v.Severity = Low
		}
		if v.Severity == High {
			v.Severity = Medium
		}
	case PlaceGenerated, PlaceTestdata, PlaceVendored:
		v.Severity, v.Because = None, f.Place
	}
	if v.Severity != None {
		v.Weight = weights[v.Severity] + excess(f)
	}
	return v
}

// staleDays is when a TODO is no plan any more.
const staleDays = 3 * 365

func severity(f Finding) string {
	switch f.Check {
	case CheckParse:
		return High
	case CheckErrors:
		return pick(!f.Minor, Medium, Low)
	case CheckLong:
		return pick(f.Measure > 3*MaxFunctionLines, High, pick(f.Measure > 2*MaxFunctionLines, Medium, Low))
	case CheckNesting:
		return pick(f.Measure > MaxNesting+4, High, pick(f.Measure > MaxNesting+2, Medium, Low))
	case CheckTodo:
		return pick(f.Measure > staleDays, Medium, Low)
	}
	return Low
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// excess adds to a weight what the finding's measure is over the limit, in
// units of the check and never enough to reach the next severity.
func excess(f Finding) int {
	over := 0
	switch f.Check {
	case CheckLong:
		over = (f.Measure - MaxFunctionLines) / 20
	case CheckNesting:
		over = 2 * (f.Measure - MaxNesting)
	case CheckTodo:
		over = f.Measure / 365
	case CheckLines:
		over = f.Measure / MaxColumns
	}
	return max(0, min(over, 20))
}
