package archtest

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// No file that is committed, or would be, tells where it was written: paths of one machine mean nothing on another, and
// the hosts that modules and packages come from are the choice of who builds. The names below are spelled in halves, so
// that this file passes too.
func TestFilesNameNoMachine(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	if err := git(t, "rev-parse", "--is-inside-work-tree").Run(); err != nil {
		t.Skip("not a git checkout")
	}
	for what, patterns := range map[string][]string{
		"a path of one machine": {
			`(^|[^[:alnum:]_./-])/` + `(work|root)/`,
		},
		"a host of a package registry": {
			`proxy\.` + `golang\.org`, `sum\.` + `golang\.org`, `goproxy\.` + `(io|cn)`,
			`registry\.` + `(npmjs|yarnpkg)`, `(files\.)?python` + `hosted\.org`, `pypi\.` + `org`,
			`registry-1\.` + `docker`, `(deb|security)\.` + `debian`, `archive\.` + `ubuntu`,
		},
	} {
		pattern := strings.Join(patterns, "|")
		out, err := git(t, "grep", "--untracked", "-I", "-n", "-E", "-e", pattern, "--", ":/").Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
			continue // nothing found
		}
		if err != nil {
			t.Fatalf("git grep %s: %v", pattern, err)
		}
		t.Errorf("these lines name %s:\n%s", what, out)
	}
}

func git(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	// The checkout may belong to another user than the one who runs this.
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = root
	return cmd
}
