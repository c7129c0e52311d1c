package burdocktest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The flag -update belongs to whoever wants it. Packages are initialized before those that import them, so a flag
// registered here would make that of a test panic. When flags are parsed, all packages have registered theirs. So, when
// -update is asked for, another flag is put before all arguments; being set, it registers -update unless somebody has,
// and takes itself out of the arguments again.

// lateFlag is the flag that is put before the arguments.
const lateFlag = "burdocktest.late"

var _ = testing.Testing() && registerLate(flag.CommandLine, &os.Args)

// registerLate arranges for -update to be registered when flags parses args. It reports whether that is needed.
func registerLate(flags *flag.FlagSet, args *[]string) bool {
	given := *args
	if len(given) == 0 || !strings.HasSuffix(strings.TrimSuffix(filepath.Base(given[0]), ".exe"), ".test") {
		return false // a test binary that plays another program
	}
	if !slices.ContainsFunc(given[1:], isUpdate) {
		return false
	}
	flags.Var(&late{flags, func() { *args = given }}, lateFlag, "internal")
	*args = slices.Insert(slices.Clone(given), 1, "-"+lateFlag+"=on")
	return true
}

func isUpdate(arg string) bool {
	name, dashed := strings.CutPrefix(arg, "-")
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	return dashed && name == "update"
}

// late is the value of lateFlag.
type late struct {
	flags *flag.FlagSet
	done  func()
}

// String implements flag.Value.
func (*late) String() string { return "" }

// Set implements flag.Value.
func (l *late) Set(string) error {
	if l.flags.Lookup("update") == nil {
		l.flags.Bool("update", false, "write golden files anew")
	}
	l.done()
	return nil
}

// updating reports whether golden files are to be written, by whoever's flag.
func updating() bool {
	f := flag.Lookup("update")
	if f == nil {
		return false
	}
	get, ok := f.Value.(flag.Getter)
	if !ok {
		return f.Value.String() == "true"
	}
	on, _ := get.Get().(bool)
	return on
}
