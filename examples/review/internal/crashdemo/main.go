//go:build unix

// Command crashdemo runs one review in a process that ends where its flags say. It shows package review's tests what a
// crash leaves behind; burdock demo is the command for people.
//
//	Reviewed ──> effects: "process path", before the branch is saved
//	Save ok  ──> acks:    "process path", for each file whose last record is acknowledged; the signal after the k-th
//
// Both files are opened with O_APPEND and written line by line, so they outlive the process and many can share them.
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

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/examples/review"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

type config struct {
	job                review.Job
	db, report         string
	effects, acks      string
	process            int
	signal             int
	afterAck, fromSave int
	fileSize           uint64
}

func main() {
	c := config{}
	flag.StringVar(&c.job.Path, "repo", "", "the repository")
	flag.StringVar(&c.job.Range, "range", "", "the range")
	flag.IntVar(&c.job.Limit, "limit", 0, "files at once")
	flag.BoolVar(&c.job.Resume, "resume", false, "go on with the newest unfinished review")
	flag.StringVar(&c.db, "db", "", "the database")
	flag.StringVar(&c.report, "report", "", "the file for the report")
	flag.StringVar(&c.effects, "effects", os.DevNull, "the file of reviewed paths")
	flag.StringVar(&c.acks, "acks", os.DevNull, "the file of acknowledged paths")
	flag.IntVar(&c.process, "process", 1, "what the lines of both begin with")
	flag.IntVar(&c.signal, "signal", int(syscall.SIGKILL), "what this process sends itself")
	flag.IntVar(&c.afterAck, "after-ack", 0, "send it after so many acknowledged files")
	flag.IntVar(&c.fromSave, "before-save", 0, "send it before the so-manieth Save")
	flag.Uint64Var(&c.fileSize, "file-size", 0, "the size in bytes above which the kernel refuses to write a file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (c *config) run(ctx context.Context) (err error) {
	if err := c.limit(); err != nil {
		return err
	}
	effects, err := appendTo(c.effects)
	if err != nil {
		return err
	}
	acks, err := appendTo(c.acks)
	if err != nil {
		return err
	}
	db, err := sqlitestore.Open(ctx, c.db, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	report, err := os.Create(c.report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, report.Close()) }()
	c.job.Store = &store{Store: db, config: c, acks: acks}
	c.job.Tracker, c.job.Report, c.job.Log = db.Tracker(nil), report, os.Stderr
	c.job.Reviewed = func(path string) { c.note(effects, path) }
	return c.job.Run(ctx)
}

// limit makes writes beyond a size fail like those on a full disk.
func (c *config) limit() error {
	if c.fileSize == 0 {
		return nil
	}
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: c.fileSize, Max: c.fileSize})
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
}

func (c *config) note(w io.Writer, path string) {
	if _, err := fmt.Fprintf(w, "%d %s\n", c.process, path); err != nil {
		panic(err) // the test would judge by a file that lacks a line
	}
}

func (c *config) strike() {
	if err := syscall.Kill(os.Getpid(), syscall.Signal(c.signal)); err != nil {
		panic(err)
	}
	if syscall.Signal(c.signal) == syscall.SIGKILL {
		select {} // it is on its way
	}
}

// A store notes what is acknowledged.
type store struct {
	burdock.Store
	config *config
	acks   *os.File

	mu    sync.Mutex
	saves int
	acked int
}

func (s *store) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	if s.begins() == s.config.fromSave {
		s.config.strike()
	}
	err := s.Store.Save(ctx, fence, batch)
	if err != nil {
		return err
	}
	for _, cp := range batch {
		if cp.Parent.App == cp.Root && cp.Kind == burdock.KindStep && cp.Done() {
			s.acknowledged(cp.Key)
		}
	}
	return nil
}

func (s *store) begins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	return s.saves
}

func (s *store) acknowledged(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.note(s.acks, path)
	if s.acked++; s.acked == s.config.afterAck {
		s.config.strike()
	}
}
