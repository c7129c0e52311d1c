//go:build unix

package crashtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// A Child is one process of a round: it advances the plan's application until it ends, waits, or the process does.
type Child struct {
	Seed    uint64
	Process int    // from 1
	Dir     string // of the database and the journal
	Give    bool   // give all inputs at the start
	Patient bool   // give what is missing when the application waits, instead of ending
	Broken  string // which deliberately broken store is used
	At      Moment // when the process is struck
	Signal  int    // with what
	Pace    time.Duration
	Busy    time.Duration // how long a lock of the database is waited for
}

// Flags declares the child's flags.
func (c *Child) Flags(fs *flag.FlagSet) {
	fs.Uint64Var(&c.Seed, "seed", 0, "what the plan is made of")
	fs.IntVar(&c.Process, "process", 1, "the number of this process")
	fs.StringVar(&c.Dir, "dir", "", "the folder of the round")
	fs.BoolVar(&c.Give, "give", false, "give all inputs at the start")
	fs.BoolVar(&c.Patient, "patient", false, "give what is missing when the application waits")
	fs.StringVar(&c.Broken, "broken", "", "use a broken store")
	fs.IntVar(&c.Signal, "signal", int(syscall.SIGKILL), "what this process sends itself")
	fs.DurationVar(&c.Pace, "pace", time.Millisecond, "how long an action takes at most")
	fs.DurationVar(&c.Busy, "busy", 20*time.Second, "how long a lock of the database is waited for")
	fs.Func("at", "the moment of the signal, such as ack:3", func(s string) (err error) {
		c.At, err = ParseMoment(s)
		return err
	})
}

// Args are the flags that make another process this child.
func (c *Child) Args() []string {
	args := []string{
		fmt.Sprint("-seed=", c.Seed), fmt.Sprint("-process=", c.Process), "-dir=" + c.Dir, fmt.Sprint("-give=", c.Give),
		fmt.Sprint("-patient=", c.Patient), fmt.Sprint("-signal=", c.Signal), fmt.Sprint("-pace=", c.Pace),
	}
	if c.Broken != "" {
		args = append(args, "-broken="+c.Broken)
	}
	if c.Busy > 0 {
		args = append(args, fmt.Sprint("-busy=", c.Busy))
	}
	if c.At.N > 0 {
		args = append(args, fmt.Sprintf("-at=%s:%d", c.At.Event, c.At.N))
	}
	return args
}

// What a child says in its first word when it ends, and Stopping before it is struck.
const (
	Done     = "done"     // the text of the final state follows
	Waiting  = "waiting"  // for an input
	Conflict = "conflict" // another process owns the application
	Locked   = "locked"   // another process holds the database's lock
	Stopping = "stopping"
)

// DatabaseFile is the name of the database in the folder of a round.
const DatabaseFile = "burdock.db"

// Run advances the application and says on out how it stands.
func (c *Child) Run(ctx context.Context, out io.Writer) error {
	say := func(word string, args ...any) {
		_, err := fmt.Fprintln(out, append([]any{word}, args...)...)
		if err != nil {
			panic(err)
		}
	}
	dump, err := c.run(ctx, func() { say(Stopping) })
	switch {
	case errors.Is(err, burdock.ErrConflict):
		say(Conflict)
		return nil
	case errors.Is(err, sqlitestore.ErrLocked):
		say(Locked)
		return nil
	case err != nil:
		return err
	case dump == "":
		say(Waiting)
		return nil
	}
	say(Done)
	say(dump)
	return nil
}

// run returns the text of the final state, or "" if the application waits.
func (c *Child) run(ctx context.Context, strikes func()) (_ string, err error) {
	j, err := openJournal(c.Dir, c.Process)
	if err != nil {
		return "", err
	}
	j.pace, j.at, j.signal, j.strikes = c.Pace, c.At, syscall.Signal(c.Signal), strikes
	db, err := sqlitestore.Open(ctx, c.Dir+"/"+DatabaseFile, &sqlitestore.Options{BusyTimeout: c.Busy})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close(), j.close()) }()
	p := NewPlan(c.Seed)
	store, err := breakStore(ctx, c.Broken, db, p, c)
	if err != nil {
		return "", err
	}
	return c.advance(ctx, p, j, &notingStore{store, j})
}

// advance runs the application and compares what memory and store have of the final state.
func (c *Child) advance(ctx context.Context, p *Plan, j *Journal, store Store) (string, error) {
	g, err := p.Graph(j)
	if err != nil {
		return "", err
	}
	app, err := burdock.Open(ctx, g, p.Options(store, c.Process))
	if err != nil {
		return "", err
	}
	var give []string
	if c.Give {
		give = p.Needs()
	}
	for {
		out, err := app.Run(ctx, Inputs(give)...)
		switch {
		case err != nil:
			return "", err
		case out.Stop == burdock.StopDone:
			return c.compare(ctx, g, p, store, out.State)
		case out.Stop != burdock.StopWaiting || len(out.Pending) == 0:
			return "", fmt.Errorf("the application has stopped: %s, %v", out.Stop, out.Pending)
		case !c.Patient:
			return "", nil
		}
		if give = given(out.Pending); give == nil && !replied(ctx, store, out.Pending) {
			return "", nil
		}
	}
}

// patience is how long a patient child waits for somebody to reply.
const patience = time.Second

// replied waits until somebody has replied to a step that waits. It reports false if nobody does.
func replied(ctx context.Context, s Store, pending []burdock.Pending) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(3 * time.Millisecond) {
		for m, err := range s.Messages(ctx, Root) {
			if err != nil {
				return false
			}
			if slices.ContainsFunc(pending, func(p burdock.Pending) bool {
				return m.To == p.Ref || m.Kind == burdock.MessageCancel && m.To.App == p.Ref.App
			}) {
				return true
			}
		}
	}
	return false
}

// compare reads the final state again. The harness knows what it should be.
func (c *Child) compare(ctx context.Context, g *burdock.Graph, p *Plan, store burdock.Store, s burdock.State) (string, error) {
	memory, err := Dump(s)
	if err != nil {
		return "", err
	}
	app, err := burdock.Resume(ctx, g, p.Options(store, c.Process))
	if err != nil {
		return "", err
	}
	disk, err := Dump(app.State())
	if err == nil && memory != disk {
		err = fmt.Errorf("the final state is\n%s\nin memory and\n%s\nin the store", memory, disk)
	}
	return disk, err
}
