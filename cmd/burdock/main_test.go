package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata expect")

// A runs function is what testscript.Main runs when no command is asked for.
type runs func() int

func (r runs) Run() int { return r() }

func TestMain(m *testing.M) {
	testscript.Main(runs(func() (code int) {
		goleak.VerifyTestMain(m, goleak.Cleanup(func(c int) { code = c }))
		return code
	}), map[string]func(){
		"burdock": runBurdock,
		"nobody":  runAsNobody,
		"fixture": func() { exit(fixture(os.Args[1:])) },
		"code":    runCode,
		"closed":  runClosed,
	})
}

// exit ends a helper.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runBurdock is the program at a fixed moment. It fails if a command has left a goroutine.
//
//	BURDOCK_TEST_NOW=never     the true time
//	BURDOCK_TEST_IMPATIENT=1   a locked database is waited for 100 ms
//	BURDOCK_TEST_STOP=INT:3    this signal comes while the third file is reviewed; KILL, TERM and INTINT, twice, too;
//	                           with WAIT the file "held" is written instead, and the review stands still
func runBurdock() {
	p := &program{stdout: os.Stdout, stderr: os.Stderr, now: func() time.Time { return testNow }}
	if os.Getenv("BURDOCK_TEST_IMPATIENT") != "" {
		p.busy = 100 * time.Millisecond
	}
	if os.Getenv("BURDOCK_TEST_NOW") == "never" {
		p.now = time.Now
	}
	if stop := os.Getenv("BURDOCK_TEST_STOP"); stop != "" {
		p.reviewed = stopper(stop)
	}
	code := p.run(context.Background(), os.Args[1:])
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines were left:", err)
		code = 99
	}
	os.Exit(code)
}

// runCode runs a command and succeeds if it exits with the code that is its first argument.
func runCode() {
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		exit(err)
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...) //nolint:noctx // the script ends it
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		exit(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		exit(fmt.Errorf("exit code %d, want %d", got, want))
	}
	exit(nil)
}

// runClosed runs a command whose standard output nobody reads, and exits with its code.
func runClosed() {
	r, w, err := os.Pipe()
	if err != nil {
		exit(err)
	}
	_ = r.Close()
	cmd := exec.Command(os.Args[1], os.Args[2:]...) //nolint:noctx // the script ends it
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err = cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(max(cmd.ProcessState.ExitCode(), 1))
}

// The scripts see nothing of the user's databases, settings and time zone.
func TestScripts(t *testing.T) {
	top := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("BURDOCK_DB", filepath.Join(env.WorkDir, "db"))
			env.Setenv("TZ", "UTC")
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+who+"_NAME", "a")
				env.Setenv("GIT_"+who+"_EMAIL", "a@example.com")
				env.Setenv("GIT_"+who+"_DATE", "2025-12-01T00:00:00Z")
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "mount":
				return canMount(filepath.Join(top, "probe")), nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"mount":   mountTmpfs,
			"waitfor": waitFor,
			"public":  public,
			"patch":   patch,
			"masked":  masked,
		},
	})
}

// waitFor waits until the files exist, for a command in the background.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		deadline := time.Now().Add(time.Minute)
		for {
			if _, err := os.Stat(ts.MkAbs(name)); err == nil {
				break
			}
			if time.Now().After(deadline) {
				ts.Fatalf("%s does not appear", name)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// masked copies the last standard output to a file, without the ids of branches and the hashes of graphs, which change
// with the code: masked FILE.
func masked(ts *testscript.TestScript, _ bool, args []string) {
	out := regexp.MustCompile(`\b[a-z2-7]{26}\b`).ReplaceAllString(ts.ReadFile("stdout"), "ID")
	out = regexp.MustCompile(`\b[0-9a-f]{32}\b`).ReplaceAllString(out, "HASH")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o600))
}

// public lets everybody into the folders around and including the one that is named.
func public(ts *testscript.TestScript, _ bool, args []string) {
	for dir := ts.MkAbs(args[0]); dir != filepath.Dir(dir) && dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		ts.Check(err)
		ts.Check(os.Chmod(dir, info.Mode().Perm()|0o055))
	}
}

// patch writes bytes, in hexadecimal, into a file: patch FILE OFFSET BYTES.
func patch(ts *testscript.TestScript, _ bool, args []string) {
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	for i := 0; i+2 <= len(args[2]); i += 2 {
		b, err := strconv.ParseUint(args[2][i:i+2], 16, 8)
		ts.Check(err)
		data[offset+i/2] = byte(b)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

func TestQuotedWordsAreReadByAShellAsTheyWere(t *testing.T) {
	for in, want := range map[string]string{
		"plain-1.2/x": "plain-1.2/x", "": "''", "two words": "'two words'", "it's": `'it'\''s'`, "a..b": "a..b", "$x": "'$x'",
	} {
		if got := quoted(in); got != want {
			t.Errorf("quoted(%q): got %s, want %s", in, got, want)
		}
	}
}

func TestErrorsAreOneOrTwoLinesWithoutControlCharacters(t *testing.T) {
	var stderr strings.Builder
	p := &program{stderr: &stderr}
	p.fail(&problem{"bad \x1b[31mname", "try \u202ethis"})
	if got, want := stderr.String(), "burdock: bad \\x1b[31mname\n  try \\u202ethis\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
