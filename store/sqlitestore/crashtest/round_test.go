//go:build unix

package crashtest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

// A style is how a round disturbs its processes.
type style string

const (
	kills style = "kills" // one after another is killed, and the last one finishes
	stops style = "stops" // one is stopped while another tries to go on, and then continued or killed
	duels style = "duels" // two begin at once

	undisturbing style = "" // nobody is
)

// styleOf chooses the style of a round.
func styleOf(rnd *rand.Rand) style {
	switch n := rnd.IntN(20); {
	case n < 15:
		return kills
	case n < 18:
		return stops
	default:
		return duels
	}
}

// A round is one plan that processes try to run to its end.
type round struct {
	seed   uint64
	style  style
	broken string
	dir    string
	child  string // the program
	rnd    *rand.Rand
	plan   *crashtest.Plan
	want   outcome

	replier    *replier
	ends       []*end // of all processes, in the order of their numbers
	started    int
	state      string // what the last process says it is
	violations []violation
}

// A violation is a promise that was not kept.
type violation struct {
	kind string
	text string
}

func (v violation) String() string { return v.kind + ": " + v.text }

func (r *round) violated(kind, format string, args ...any) {
	r.violations = append(r.violations, violation{kind, fmt.Sprintf(format, args...)})
}

// An end is how a process has ended.
type end struct {
	how   string // one of the child's words, or killed, or error
	state string
	text  string // what it said
}

const (
	killed = "killed"
	failed = "error"
)

// orderly reports whether the process ended by itself, so that everything it has done is acknowledged.
func (e *end) orderly() bool { return e.how == crashtest.Done || e.how == crashtest.Waiting }

// hang is how long a process may take. The longest need a few seconds on a busy machine.
const hang = 2 * time.Minute

// A process is a running child.
type process struct {
	number int
	cmd    *exec.Cmd
	said   bytes.Buffer // standard error
	struck chan bool    // closed when it says that it is about to be struck
	ended  chan bool    // closed when it has ended, and end is set
	end    end
	cancel context.CancelFunc
}

// newChild is the next process of the round, undisturbed so far.
func (r *round) newChild() *crashtest.Child {
	r.started++
	pace := []time.Duration{0, time.Millisecond, 3 * time.Millisecond}[r.rnd.IntN(3)]
	return &crashtest.Child{
		Seed: r.seed, Process: r.started, Dir: r.dir, Broken: r.broken, Signal: int(syscall.SIGKILL), Pace: pace,
		Give: r.rnd.IntN(3) == 0, Patient: r.rnd.IntN(2) == 0,
	}
}

// start starts a child. Who starts it waits for its end.
func (r *round) start(ctx context.Context, c *crashtest.Child) *process {
	p := &process{number: c.Process, struck: make(chan bool), ended: make(chan bool)}
	r.ends = append(r.ends, &p.end)
	ctx, cancel := context.WithTimeout(ctx, hang)
	p.cancel = cancel
	p.cmd = exec.CommandContext(ctx, r.child, c.Args()...)
	p.cmd.Stderr = &p.said
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGQUIT) } // it says where it hangs
	p.cmd.WaitDelay = 10 * time.Second
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.end = end{how: failed, text: err.Error()}
		close(p.ended)
		cancel()
		return p
	}
	go p.follow(out)
	return p
}

// follow reads what the process says until it ends.
func (p *process) follow(out io.Reader) {
	defer p.cancel()
	defer close(p.ended)
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == crashtest.Stopping {
			close(p.struck)
			continue
		}
		text.WriteString(lines.Text() + "\n")
	}
	err := p.cmd.Wait()
	word, state, _ := strings.Cut(text.String(), "\n")
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		p.end = end{how: word, state: strings.TrimSpace(state)}
	case exit != nil && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		p.end.how = killed
	default:
		p.end = end{how: failed, text: fmt.Sprintf("%v\n%s", err, p.said.String())}
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// wait waits for the end of a process and notes what it says of the application.
func (r *round) wait(p *process) *end {
	<-p.ended
	switch e := &p.end; e.how {
	case failed:
		r.violated("error", "process %d: %s", p.number, e.text)
	case crashtest.Locked:
		r.violated("locked", "process %d found the database locked", p.number)
	case crashtest.Done:
		if e.state != r.want.state {
			r.violated("state", "process %d came to\n%s\nbut undisturbed it is\n%s", p.number, e.state, r.want.state)
		}
		r.state = e.state
	}
	return &p.end
}

// moment chooses when a process strikes itself: after as many events as there may be left.
func (r *round) moment() crashtest.Moment {
	if r.plan.Decides() && r.rnd.IntN(3) == 0 { // where a resumed reduce could decide otherwise
		return crashtest.Moment{Event: "decided", N: 1 + r.rnd.IntN(2)}
	}
	event := []string{"act", "effect", "effect", "save", "saved", "saved", "ack"}[r.rnd.IntN(7)]
	left := max(3, r.want.effects-len(r.journal().effects))
	return crashtest.Moment{Event: event, N: 1 + r.rnd.IntN(left)}
}

// delay chooses how long a process lives that is struck from outside. It begins before the child opens the database.
func (r *round) delay() time.Duration {
	longest := 15*time.Millisecond + time.Duration(r.want.effects)*1500*time.Microsecond
	return time.Duration(r.rnd.Int64N(int64(longest)))
}

// play runs the round and judges it.
func (r *round) play(ctx context.Context) {
	r.disturbed(ctx)
	if len(r.violations) == 0 { // what follows from one would only hide it
		r.judge(ctx)
	}
}

// disturbed runs the round while somebody replies to what it asks.
func (r *round) disturbed(ctx context.Context) {
	r.replier = r.replies(ctx)
	defer r.replier.leave()
	switch r.style {
	case kills:
		for range 1 + r.rnd.IntN(4) {
			if r.kill(ctx).how == crashtest.Done {
				break
			}
		}
	case stops:
		r.stop(ctx)
	case duels:
		r.duel(ctx)
	}
	r.finish(ctx)
}

// kill runs one process that is killed somewhere, unless it ends before.
func (r *round) kill(ctx context.Context) *end {
	c := r.newChild()
	if r.rnd.IntN(2) == 0 {
		c.At = r.moment()
		return r.wait(r.start(ctx, c))
	}
	p := r.start(ctx, c)
	select {
	case <-time.After(r.delay()):
		p.signal(syscall.SIGKILL)
	case <-p.ended:
	}
	return r.wait(p)
}

// stop stops a process and has another one try. It continues afterwards, or is killed where it stands.
func (r *round) stop(ctx context.Context) {
	if r.rnd.IntN(2) == 0 {
		r.kill(ctx)
	}
	p := r.stopped(ctx)
	owns := r.journal().owner(p.number)
	second := r.newChild()
	second.Busy = 100 * time.Millisecond
	q := r.start(ctx, second)
	<-q.ended
	owns = owns && r.journal().owner(p.number) // on a busy machine it may run on for a while before it stops
	switch {
	case q.end.how == crashtest.Locked: // the first was stopped while it was writing
	case owns && q.end.how != crashtest.Conflict:
		r.violated("conflict", "process %d owned the application and was stopped; process %d: got %s, want %s %s", p.number, q.number, q.end.how, crashtest.Conflict, q.end.text)
		fallthrough
	default:
		r.wait(q)
	}
	if r.rnd.IntN(3) == 0 {
		p.signal(syscall.SIGKILL)
	} else {
		p.signal(syscall.SIGCONT)
		if r.rnd.IntN(3) == 0 {
			time.Sleep(r.delay())
			p.signal(syscall.SIGKILL)
		}
	}
	r.wait(p)
}

// stopped starts a process and returns it when it was stopped, or has ended.
func (r *round) stopped(ctx context.Context) *process {
	c := r.newChild()
	if r.rnd.IntN(2) == 0 {
		c.At, c.Signal = r.moment(), int(syscall.SIGSTOP)
		p := r.start(ctx, c)
		select {
		case <-p.struck:
		case <-p.ended:
		}
		return p
	}
	p := r.start(ctx, c)
	select {
	case <-time.After(r.delay()):
		p.signal(syscall.SIGSTOP)
	case <-p.ended:
	}
	return p
}

// duel has two processes begin at once, on an application that may have begun before.
func (r *round) duel(ctx context.Context) {
	if r.rnd.IntN(2) == 0 {
		r.kill(ctx)
	}
	p := r.start(ctx, r.newChild())
	time.Sleep(time.Duration(r.rnd.Int64N(int64(20 * time.Millisecond))))
	q := r.start(ctx, r.newChild())
	r.wait(p)
	r.wait(q)
}

// finish runs processes that nobody disturbs until the application has ended.
func (r *round) finish(ctx context.Context) {
	for range 20 {
		if len(r.violations) > 0 {
			return
		}
		if r.wait(r.start(ctx, r.newChild())).how == crashtest.Done {
			return
		}
	}
	r.violated("end", "the application does not come to its end")
}
