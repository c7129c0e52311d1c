package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// settings override what a repository's configuration could change in the
// output that this package parses.
var settings = []string{
	"-c", "core.quotepath=off",
	"-c", "core.fsmonitor=false",
	"-c", "diff.renames=false",
	"--no-pager",
	"--literal-pathspecs",
}

// kept are the GIT_ variables that children inherit. The others, such as
// GIT_DIR inside a hook, would point git at another repository than the one
// that was asked for.
var kept = []string{"GIT_CONFIG", "GIT_EXEC_PATH=", "GIT_CEILING_DIRECTORIES=", "GIT_DISCOVERY_ACROSS_FILESYSTEM="}

// environ is the environment of every git child: no prompt, no locks, no
// translation.
func environ() []string {
	env := make([]string, 0, len(os.Environ())+8)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") || hasAnyPrefix(kv, kept) {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// command prepares one git child in a process group of its own, so that a
// Ctrl-C in the terminal reaches the program first, which then ends its steps
// in order. The child dies when ctx ends.
func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", slices.Concat(settings, args)...)
	cmd.Dir = dir
	cmd.Env = environ()
	cmd.WaitDelay = 5 * time.Second
	ownGroup(cmd)
	return cmd
}

// An exitError is a git child that failed, with what it said.
type exitError struct {
	verb   string
	stderr string
	err    error
}

func (e *exitError) Error() string {
	if e.stderr == "" {
		return fmt.Sprintf("git %s: %v", e.verb, e.err)
	}
	return fmt.Sprintf("git %s: %s", e.verb, e.stderr)
}

func (e *exitError) Unwrap() error { return e.err }

// output runs git in dir and returns what it printed. The verb is what errors
// name.
func output(ctx context.Context, dir, verb string, args ...string) ([]byte, error) {
	return run(ctx, verb, command(ctx, dir, args...))
}

func run(ctx context.Context, verb string, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	var stderr tail
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%w: install git and have it in PATH", ErrNoGit)
	}
	return nil, &exitError{verb, stderr.String(), err}
}

// git runs a command on the repository.
func (r *Repo) git(ctx context.Context, verb string, args ...string) ([]byte, error) {
	return run(ctx, verb, r.command(ctx, verb, args...))
}

// command prepares a git child on the repository once it is found. Then the
// configuration of the user and the machine has nothing more to say; it has
// before, as safe.directory decides which repositories may be read. No
// command looks at the working tree, but a relative path in the repository's
// own configuration starts there.
func (r *Repo) command(ctx context.Context, verb string, args ...string) *exec.Cmd {
	cmd := command(ctx, r.root, append([]string{"--git-dir=" + r.dir, verb}, args...)...)
	cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_COUNT=0", "GIT_CONFIG_PARAMETERS=")
	return cmd
}

// A tail keeps the last bytes of what a child says, however much that is.
type tail struct{ buf []byte }

const tailBytes = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - tailBytes; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

// String returns the kept text in one line of valid UTF-8.
func (t *tail) String() string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(t.buf), "?")), " ")
}
