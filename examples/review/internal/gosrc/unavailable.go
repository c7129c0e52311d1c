package gosrc

import "fmt"

// Why something is not type-checked. Reports count them.
const (
	ReasonOutside  = "imports from outside the repository and the standard library"
	ReasonMissing  = "imports a package that has no Go files for linux/amd64"
	ReasonNoGo     = "no go tool, so no standard library"
	ReasonExcluded = "excluded by build constraints"
	ReasonIgnored  = "ignored by the go command"
	ReasonSeveral  = "several packages in one directory"
	ReasonCycle    = "import cycle"
	ReasonSyntax   = "does not parse"
	ReasonTooLarge = "too large"
	ReasonPanic    = "the type checker panicked"
)

// An Unavailable says why a package, or an import, is not known. It is the
// same for the same commit, whatever was asked for before.
type Unavailable struct {
	Reason string // one of the Reason constants
	Detail string // an import path or package names; may be empty
}

// Error returns the reason with its detail.
func (u *Unavailable) Error() string {
	if u.Detail == "" {
		return u.Reason
	}
	return fmt.Sprintf("%s: %s", u.Reason, u.Detail)
}
