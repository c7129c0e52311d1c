package sqlitestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// The test binary is its own child process: BURDOCK_CHILD names what it does instead of testing.
func child(mode string) error {
	if mode == "small" { // no file may grow beyond 300 kB
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 300_000, Max: 300_000}); err != nil {
			return err
		}
	}
	ctx, path := context.Background(), os.Args[1]
	switch mode {
	case "few":
		return few(ctx, path, 1)
	case "stubborn":
		return few(ctx, path, 60)
	case "steps":
		return steps(ctx, path)
	}
	opts := &sqlitestore.Options{ReadOnly: mode == "read", BusyTimeout: 20 * time.Second}
	s, err := sqlitestore.Open(ctx, path, opts)
	if err != nil {
		return err
	}
	switch mode {
	case "hold":
		err = hold(ctx, s)
	case "write", "small":
		err = write(ctx, s, os.Args[2])
	case "storm":
		err = storm(ctx, s, os.Args[2])
	case "read":
		for c, e := range s.List(ctx, burdock.Query{Roots: true}) {
			if err = e; e == nil {
				fmt.Println(c.App, c.Seq)
			}
		}
	}
	return errors.Join(err, s.Close())
}

// hold claims a root until its input ends.
func hold(ctx context.Context, s *sqlitestore.Store) error {
	c, err := s.Claim(ctx, "r")
	if err != nil {
		return err
	}
	fmt.Println("claimed", c.Fence().Epoch)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// write saves 500 steps of a root, one by one.
func write(ctx context.Context, s *sqlitestore.Store, root string) error {
	c, err := s.Claim(ctx, root)
	if err != nil {
		return err
	}
	for seq := range int64(500) {
		if err := s.Save(ctx, c.Fence(), []burdock.Checkpoint{step(root, seq, strings.Repeat("x", 1000))}); err != nil {
			return err
		}
		fmt.Println("saved", seq)
	}
	return c.Release(ctx)
}

// storm saves branches from many goroutines, from a number on, and tells which were acknowledged, until it is killed.
func storm(ctx context.Context, s *sqlitestore.Store, from string) error {
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return err
	}
	c, err := s.Claim(ctx, "r")
	if err != nil {
		return err
	}
	t := s.Tracker(nil)
	var wg sync.WaitGroup
	for w := range int64(16) {
		wg.Go(func() {
			for i := first + w; err == nil; i += 16 {
				b := branch(i)
				if e := s.Save(ctx, c.Fence(), []burdock.Checkpoint{b, later(b)}); e != nil {
					fmt.Println("error", e)
					return
				}
				fmt.Println("ack", i)
				_ = t.Track(ctx, burdock.Event{Kind: burdock.EventStepEnded, Root: "r", App: b.App, Seq: 1, Attempt: 1, N: 1})
			}
		})
	}
	wg.Wait()
	return nil
}

func step(root string, seq int64, text string) burdock.Checkpoint {
	at := time.Date(2026, 1, 1, 0, 0, int(seq), 0, time.UTC)
	return burdock.Checkpoint{
		Root: root, App: root, Path: root, Seq: seq, Kind: burdock.KindStep, Status: burdock.StatusCompleted, Next: "more", Started: at, Ended: at,
		Delta: burdock.Delta{{Key: "x", Op: burdock.OpSet, Value: []byte(strconv.Quote(text))}},
	}
}

func branch(i int64) burdock.Checkpoint {
	c := step("r", 1, "")
	c.App, c.Parent, c.Index = fmt.Sprintf("r.%d", i), burdock.Ref{App: "r", Seq: 1}, i
	return c
}

func later(c burdock.Checkpoint) burdock.Checkpoint {
	c.Seq++
	return c
}

// A process is a running child.
type process struct {
	*exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	errs  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}

// start runs a child; a killed test kills it too.
func start(t *testing.T, mode string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, exec.CommandContext(t.Context(), exe), mode, args...)
}

func run(t *testing.T, cmd *exec.Cmd, mode string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: cmd, errs: &lockedBuffer{}}
	p.Args = append(p.Args, args...)
	p.Env = append(os.Environ(), "BURDOCK_CHILD="+mode, "GORACE=atexit_sleep_ms=0") // the detector would wait 1 s in each child
	p.Stderr = p.errs
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// line reads the child's next line of output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("the child ended: %v %s", p.Wait(), p.errs)
	}
	return p.lines.Text()
}

// finish waits for the child and returns what it printed and its error's text.
func (p *process) finish() (lines []string, failure string) {
	_ = p.in.Close()
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	if err := p.Wait(); err != nil {
		failure = p.errs.String()
	}
	return lines, failure
}

// unprivileged makes a child one that file modes bind; tests may run as root. Its binary is copied to where anybody
// may run it.
func unprivileged(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	data, err := os.ReadFile(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path = filepath.Join(t.TempDir(), "child")
	if err := os.Chmod(filepath.Dir(filepath.Dir(cmd.Path)), 0o755); err != nil { // shared by all of the test's folders
		t.Fatal(err)
	}
	if err := os.WriteFile(cmd.Path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// startUnprivileged is start for a user whom file modes bind.
func startUnprivileged(t *testing.T, mode, path string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	unprivileged(t, cmd)
	return run(t, cmd, mode, path, "r")
}
