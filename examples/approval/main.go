// Approval reviews 20 expense reports at once. Each is checked, waits for a person who approves or rejects it, and is
// then paid or sent back. By default a script plays the person, while the program runs; with -wait the program stops, and
// the command burdock answers in another terminal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "approval:", err)
		os.Exit(1)
	}
}

// app is the name of the application in its store.
const app = "expenses"

func run(ctx context.Context, args []string, w io.Writer) (err error) {
	flags := flag.NewFlagSet("approval", flag.ExitOnError)
	file := flags.String("db", "", "a SQLite `file` in which the reviews are saved, and go on; payments are written beside it")
	wait := flags.Bool("wait", false, "stop when reports wait for a person, instead of playing the person too")
	pace := flags.Duration("pace", 20*time.Millisecond, "how long a check and a payment take")
	switch err := flags.Parse(args); {
	case err != nil:
		return err
	case *wait && *file == "":
		return errors.New("-wait needs -db: what waits in memory ends with the program")
	}

	var db inbox = memstore.New()
	out := &console{w: w}
	till := &bank{say: out.line}
	if *file != "" {
		store, failed := sqlitestore.Open(ctx, *file, nil)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		db, till.path = store, *file+".payments"
	}
	o := &office{bank: till, pace: *pace}
	graph, err := o.graph()
	if err != nil {
		return err
	}
	owner, err := burdock.Open(ctx, graph, &burdock.Options{
		ID: app, State: burdock.StateOf(inTray{reports()}), Cascade: burdock.Cascade{Store: db},
	})
	if err != nil {
		return err
	}
	if *wait {
		return once(ctx, owner, out)
	}
	return attended(ctx, owner, db, out)
}

// An inbox is a store that takes answers.
type inbox interface {
	burdock.Store
	burdock.Inbox
}

// once runs until everything that is left waits for a person, and says for what.
func once(ctx context.Context, owner *burdock.App, out *console) error {
	got, err := owner.Run(ctx)
	switch {
	case err != nil:
		return err
	case got.Stop != burdock.StopWaiting:
		return out.totals(got)
	}
	for _, p := range got.Pending {
		r, err := burdock.View[checked](p.State)
		if err != nil {
			return err
		}
		out.line("%s waits: %s, %s%s", p.Path, r.What, euros(r.Cents), r.Advice)
	}
	return nil
}

// attended runs to the end while a scripted person answers. The owner takes answers while it runs; when everything that is
// left waits it comes back, and runs again.
func attended(ctx context.Context, owner *burdock.App, db inbox, out *console) error {
	ctx, leave := context.WithCancel(ctx)
	p := &person{db: db, say: out.line, answered: make(chan struct{}, 1)}
	var done sync.WaitGroup
	defer done.Wait()
	defer leave()
	done.Go(func() { p.work(ctx) })
	for {
		got, err := owner.Run(ctx)
		switch {
		case err != nil:
			return err
		case got.Stop != burdock.StopWaiting:
			return out.totals(got)
		}
		select {
		case <-p.answered:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A console prints whole lines.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

func (c *console) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.w, format+"\n", args...)
}

// totals says what the reviews came to.
func (c *console) totals(got *burdock.Outcome) error {
	t, err := burdock.Read[totals](got, nil)
	if err == nil {
		c.line("paid %d of %d reports, %s", t.Paid, t.Paid+t.Rejected, euros(t.Cents))
	}
	return err
}

func euros(cents int) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
