package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A batch is one "git cat-file --batch" child. It serves one read at a time.
type batch struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc // kills the child
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *tail
}

// errEnded means that a child ended before it had answered.
var errEnded = errors.New("git cat-file ended early")

// startBatch starts a child. It outlives the call that needed it first, so
// ctx lends its values and not its end.
func startBatch(ctx context.Context, r *Repo) (*batch, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &batch{cmd: r.command(ctx, "cat-file", "--batch"), cancel: cancel, stderr: new(tail)}
	b.cmd.Stderr = b.stderr
	stdin, err := b.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start git cat-file: %w", err)
	}
	b.stdin, b.stdout = stdin, bufio.NewReaderSize(stdout, 64<<10)
	return b, nil
}

// read asks for one object. The second result is false when the child is in
// the middle of an answer, or dead, and must not be asked again.
func (b *batch) read(ctx context.Context, oid string, max int64) (content []byte, whole bool, err error) {
	stop := context.AfterFunc(ctx, b.cancel)
	content, whole, err = b.ask(oid, max)
	if !stop() {
		return nil, false, context.Cause(ctx)
	}
	if errors.Is(err, errEnded) {
		b.kill() // what it said is whole only then
		err = fmt.Errorf("%w: %s", err, b.stderr)
	}
	return content, whole, err
}

func (b *batch) ask(oid string, max int64) (content []byte, whole bool, err error) {
	if _, err := io.WriteString(b.stdin, oid+"\n"); err != nil {
		return nil, false, errEnded
	}
	header, err := b.stdout.ReadString('\n')
	if err != nil {
		return nil, false, errEnded
	}
	size, err := parseHeader(header)
	if err != nil {
		return nil, true, err
	}
	if size > max {
		return nil, false, fmt.Errorf("%d bytes are more than the limit of %d", size, max)
	}
	content = make([]byte, size+1)
	if _, err := io.ReadFull(b.stdout, content); err != nil {
		return nil, false, errEnded
	}
	return content[:size:size], true, nil
}

// parseHeader reads "<oid> <type> <size>" or "<oid> missing".
func parseHeader(header string) (size int64, err error) {
	fields := strings.Fields(header)
	if len(fields) != 3 {
		return 0, errors.New("the repository does not have it: run git fsck, or git fetch in a partial clone")
	}
	if fields[1] != "blob" {
		return 0, fmt.Errorf("it is a %s and no file", fields[1])
	}
	return strconv.ParseInt(fields[2], 10, 64)
}

// kill ends the child at once and waits until it is gone.
func (b *batch) kill() {
	b.cancel()
	_ = b.cmd.Wait() // killed: the exit status says nothing
}

// close lets the child end by itself, as it does at the end of its input, and
// kills it when it does not. Everything was read, so how it ends says nothing.
func (b *batch) close() {
	patience := time.AfterFunc(5*time.Second, b.cancel)
	defer patience.Stop()
	_ = b.stdin.Close()
	_ = b.cmd.Wait()
	b.cancel()
}
