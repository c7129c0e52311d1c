//go:build unix

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/burdock-go/burdock"
)

// The files of a round, all of them opened with O_APPEND and written line by line, so they outlive a process and many
// can share them. The fields of a line are separated by tabs; the first is the process. What stands before an
// acknowledgement and what after it is told by offsets: lines of the other files carry the size that the
// acknowledgements had when they were written.
//
//	effects   process  acks  key  attempt  ok|no     action
//	received  process  acks  given    branch  ok|no
//	received  process  acks  decided  visit   choice
//	received  process  acks  claimed|releasing  root  epoch
//	received  process  acks  replied  step    word
//	received  process  acks  dropping step    status
//	acks      process  key   status  app  action  next
const (
	EffectsFile  = "effects"
	AcksFile     = "acks"
	ReceivedFile = "received"
)

// A Moment is when a process is struck: the n-th time that it comes to an event.
type Moment struct {
	Event string // act, effect, save, saved, ack or decided
	N     int
}

// ParseMoment parses "event:n"; "" is never.
func ParseMoment(s string) (m Moment, err error) {
	if s == "" {
		return m, nil
	}
	event, n, ok := strings.Cut(s, ":")
	if _, err := fmt.Sscan(n, &m.N); err != nil || !ok {
		return m, fmt.Errorf("%q is no moment, such as ack:3", s)
	}
	m.Event = event
	return m, nil
}

// A Journal is the World of a child. It notes what happens and strikes its own process at the chosen moment.
type Journal struct {
	process int
	pace    time.Duration
	at      Moment
	signal  syscall.Signal
	strikes func() // called before the signal

	effects, acks, received *os.File

	mu   sync.Mutex
	seen int // events of at.Event
}

// openJournal opens the files in dir.
func openJournal(dir string, process int) (*Journal, error) {
	j := &Journal{process: process, strikes: func() {}}
	var errs []error
	for name, f := range map[string]**os.File{EffectsFile: &j.effects, AcksFile: &j.acks, ReceivedFile: &j.received} {
		var err error
		*f, err = os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		errs = append(errs, err)
	}
	return j, errors.Join(errs...)
}

func (j *Journal) close() error {
	return errors.Join(j.effects.Close(), j.acks.Close(), j.received.Close())
}

// note writes lines at once. The harness would judge by a file that lacks one, so there is no going on without.
func note(w io.Writer, lines string) {
	if _, err := io.WriteString(w, lines); err != nil {
		panic(err)
	}
}

// acked is the size of the acknowledgements.
func (j *Journal) acked() int64 {
	info, err := j.acks.Stat()
	if err != nil {
		panic(err)
	}
	return info.Size()
}

// comes counts an event, and strikes if it is the one.
func (j *Journal) comes(event string) {
	if event != j.at.Event {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen++; j.seen != j.at.N {
		return
	}
	j.strikes()
	if err := syscall.Kill(os.Getpid(), j.signal); err != nil {
		panic(err)
	}
	if j.signal == syscall.SIGKILL {
		select {} // it is on its way
	}
}

// Process implements World.
func (j *Journal) Process() int { return j.process }

// Pause implements World.
func (j *Journal) Pause(ctx context.Context) error {
	j.comes("act")
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(j.pace) + 1)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func okOrNo(ok bool) string {
	if ok {
		return "ok"
	}
	return "no"
}

// Effect implements World.
func (j *Journal) Effect(step *burdock.StepInfo, ok bool) {
	note(j.effects, fmt.Sprintf("%d\t%d\t%s\t%d\t%s\t%s\n", j.process, j.acked(), step.IdempotencyKey(), step.Attempt, okOrNo(ok), step.Action))
	j.comes("effect")
}

// Received implements World.
func (j *Journal) Received(_ *burdock.StepInfo, branch string, ok bool) {
	note(j.received, fmt.Sprintf("%d\t%d\tgiven\t%s\t%s\n", j.process, j.acked(), branch, okOrNo(ok)))
}

// Decided implements World.
func (j *Journal) Decided(visit *burdock.StepInfo, choice string) {
	note(j.received, fmt.Sprintf("%d\t%d\tdecided\t%s#%d\t%s\n", j.process, j.acked(), visit.App, visit.Seq, choice))
	j.comes("decided")
}

// Replied implements World.
func (j *Journal) Replied(step *burdock.StepInfo, word string) {
	note(j.received, fmt.Sprintf("%d\t%d\treplied\t%s#%d\t%s\n", j.process, j.acked(), step.App, step.Seq, word))
}

// drops notes the steps of a batch that end without having used an answer: their answer is forgotten, and if they run
// again they wait for another one.
func (j *Journal) drops(batch []burdock.Checkpoint) {
	for i := range batch {
		switch cp := &batch[i]; cp.Status {
		case burdock.StatusFailed, burdock.StatusCancelled, burdock.StatusSuperseded:
			note(j.received, fmt.Sprintf("%d\t%d\tdropping\t%s#%d\t%s\n", j.process, j.acked(), cp.App, cp.Seq, cp.Status))
		}
	}
}

// owns notes that this process owns the application, or is about to give it up.
func (j *Journal) owns(what string, f burdock.Fence) {
	note(j.received, fmt.Sprintf("%d\t%d\t%s\t%s\t%d\n", j.process, j.acked(), what, f.Root, f.Epoch))
}

// acknowledged notes the records of a batch that the store has taken.
func (j *Journal) acknowledged(batch []burdock.Checkpoint) {
	var lines strings.Builder
	for i := range batch {
		cp := &batch[i]
		if cp.Kind != burdock.KindStep || cp.Seq == 0 || cp.Status != burdock.StatusCompleted && cp.Status != burdock.StatusFailed {
			continue
		}
		fmt.Fprintf(&lines, "%d\t%s\t%s\t%s\t%s\t%s\n", j.process, KeyOf(cp), cp.Status, cp.App, cp.Action, cp.Next)
	}
	note(j.acks, lines.String())
	if lines.Len() > 0 {
		j.comes("ack")
	}
}

// KeyOf is the idempotency key of a recorded step.
func KeyOf(cp *burdock.Checkpoint) string {
	return (&burdock.StepInfo{App: cp.App, Seq: cp.Seq, Action: cp.Action}).IdempotencyKey()
}

// A notingStore notes what the store under it has acknowledged.
type notingStore struct {
	Store
	journal *Journal
}

// Claim implements burdock.Store.
func (s *notingStore) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	c, err := s.Store.Claim(ctx, root)
	if err != nil {
		return nil, err
	}
	s.journal.owns("claimed", c.Fence())
	return &notingClaim{c, s.journal}, nil
}

type notingClaim struct {
	burdock.Claim
	journal *Journal
}

// Release implements burdock.Claim.
func (c *notingClaim) Release(ctx context.Context) error {
	c.journal.owns("releasing", c.Fence())
	return c.Claim.Release(ctx)
}

// Save implements burdock.Store.
func (s *notingStore) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	s.journal.drops(batch)
	s.journal.comes("save")
	if err := s.Store.Save(ctx, fence, batch); err != nil {
		return err
	}
	s.journal.comes("saved")
	s.journal.acknowledged(batch)
	return nil
}
