package burdocktest

import (
	"flag"
	"slices"
	"testing"
)

// A test may have a flag -update, and so may any package that it imports. They are initialized after this one.
func TestTheUpdateFlagClashesWithNobodys(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  []string
		own   bool // somebody has the flag
		late  bool // wanted
		value string
	}{
		{"nobody has it", []string{"p.test", "-update"}, false, true, "true"},
		{"somebody has it", []string{"p.test", "-update"}, true, true, "true"},
		{"with a value, behind others", []string{"/tmp/p.test.exe", "-v", "--update=false"}, false, true, "false"},
		{"not asked for", []string{"p.test", "-v"}, true, false, "false"},
		{"another flag", []string{"p.test", "-v", "update", "-updates=1"}, true, false, "false"},
		{"another program", []string{"/bin/tool", "-update"}, true, false, "true"},
		{"no arguments", nil, true, false, "false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := flag.NewFlagSet("p", flag.ContinueOnError)
			flags.Bool("v", false, "")
			args := slices.Clone(c.args)
			if late := registerLate(flags, &args); late != c.late {
				t.Errorf("registerLate: got %v, want %v", late, c.late)
			}
			if c.own { // it must not panic
				flags.Bool("update", false, "")
			}
			flags.String("updates", "", "")
			if len(args) > 0 {
				if err := flags.Parse(args[1:]); err != nil {
					t.Fatal(err)
				}
			}
			if f := flags.Lookup("update"); f == nil || f.Value.String() != c.value {
				t.Errorf("got %v, want %s", f, c.value)
			}
			if !slices.Equal(args, c.args) {
				t.Errorf("got arguments %q, want %q", args, c.args)
			}
		})
	}
}
