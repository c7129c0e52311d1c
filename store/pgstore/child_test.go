package pgstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
)

// The test binary is its own child process: BURDOCK_CHILD names the length of its leases. It claims the root r and then
// does what its input says, a line for each.
func child(lease string) error {
	d, err := time.ParseDuration(lease)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := pgstore.Open(ctx, os.Args[1], &pgstore.Options{Schema: os.Args[2], Lease: d})
	if err != nil {
		return err
	}
	c, err := s.Claim(ctx, "r")
	fmt.Println(outcome("claimed", err))
	for in := bufio.NewScanner(os.Stdin); err == nil && in.Scan(); {
		switch word, arg, _ := strings.Cut(in.Text(), " "); word {
		case "epoch":
			fmt.Println(c.Fence().Epoch)
		case "lost":
			fmt.Println(isLost(c))
		case "save":
			fmt.Println(outcome("saved", s.Save(ctx, c.Fence(), []burdock.Checkpoint{step("r", 1, arg)})))
		}
	}
	return s.Close()
}

func outcome(done string, err error) string {
	switch {
	case errors.Is(err, burdock.ErrConflict):
		return "conflict"
	case err != nil:
		return "error " + err.Error()
	}
	return done
}

func isLost(c burdock.Claim) bool {
	select {
	case <-c.Lost():
		return true
	default:
		return false
	}
}

// A process is a running child.
type process struct {
	*exec.Cmd
	t     *testing.T
	in    io.WriteCloser
	lines *bufio.Scanner
	errs  strings.Builder
}

// start runs a child that claims r in a schema; a killed test kills it too.
func start(t *testing.T, schema string, lease time.Duration) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, Cmd: exec.CommandContext(t.Context(), exe, shared.Get(t).DSN(), schema)}
	p.Env = append(os.Environ(), "BURDOCK_CHILD="+lease.String())
	p.Stderr = &p.errs
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
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.Wait() // it may have been killed
	})
	return p
}

// line reads the child's next line of output.
func (p *process) line() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("the child ended: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// asks gives the child an order and expects its answer.
func (p *process) asks(order, want string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, order); err != nil {
		p.t.Fatal(err)
	}
	if got := p.line(); got != want {
		p.t.Fatalf("the child was asked to %s: got %q, want %q", order, got, want)
	}
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

// text is what step put into a checkpoint.
func text(c burdock.Checkpoint) string {
	if len(c.Delta) == 0 {
		return ""
	}
	s, err := strconv.Unquote(string(c.Delta[0].Value))
	if err != nil {
		return err.Error()
	}
	return s
}
