package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// export writes an application to a file.
type export struct {
	ID  string `arg:"" help:"An application's id, or the beginning of one."`
	Out string `placeholder:"FILE" help:"Write to this file, when all is read. Defaults to standard output."`
}

// Help is the text below the first line of the command's help.
func (*export) Help() string {
	return `An export is every checkpoint of one application and of all its branches, each a line of JSON. It depends on nothing
else: the same application gives the same bytes, in whatever database it is. Its last line has a checksum, so that
burdock import refuses what is not whole. It lacks events, and with them the spans and attributes that only trackers
have been told, and secret inputs, which are saved nowhere.

An application that somebody runs can be exported if no step of it ends meanwhile.`
}

// Run is called by the parser.
func (c *export) Run(ctx context.Context, p *program, db *database) error {
	if c.Out != "" { // a signal leaves no half file beside
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
	}
	return db.reading(ctx, p, func(store *sqlitestore.Store) error {
		latest, err := find(ctx, store, c.ID)
		if err != nil {
			return err
		}
		if latest.App != latest.Root {
			return &problem{latest.App + " is a branch", "burdock export " + quoted(latest.Root) + " exports the application with all its branches"}
		}
		out, err := c.output(p)
		if err != nil {
			return err
		}
		to := &sink{output: out}
		if err = record.Export(ctx, store, latest.App, to); err == nil {
			err = to.commit()
		}
		return errors.Join(c.unexported(ctx, latest.App, to, err), to.abort())
	})
}

// unexported says why an export is not whole.
func (c *export) unexported(ctx context.Context, id string, to *sink, err error) error {
	switch {
	case err == nil:
		return nil
	case to.err != nil && c.Out == "":
		return unwritten(to.err)
	case to.err != nil:
		return exportProblem(c.Out, to.err)
	case ctx.Err() != nil:
		return &problem{fmt.Sprintf("the export of %s was stopped: %v", id, context.Cause(ctx)), ""}
	case errors.Is(err, burdock.ErrConflict):
		return &problem{id + " was advanced while it was exported", "export it again when it rests: when it has ended, waits or is stopped"}
	}
	if _, ok := errors.AsType[*sqlitestore.Error](err); ok {
		return err
	}
	return &problem{fmt.Sprintf("cannot export %s: %v", id, errors.Unwrap(err)), ""}
}

// output is where the export goes.
func (c *export) output(p *program) (output, error) {
	if c.Out == "" {
		return standardOutput{bufio.NewWriter(p.stdout)}, nil
	}
	_, err := os.Stat(c.Out)
	fresh := errors.Is(err, fs.ErrNotExist)
	file, err := newReport(c.Out)
	if err == nil && fresh {
		if err = file.create(); err == nil {
			err = file.temp.Chmod(0o600) // what only its owner could read in the database
		}
		if err != nil {
			err = errors.Join(err, file.abort())
		}
	}
	if err != nil {
		return nil, exportProblem(c.Out, err)
	}
	return file, nil
}

// exportProblem is reportProblem for an export, also of an error that is one for a report.
func exportProblem(path string, err error) error {
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		err = file.Err
	}
	what := fmt.Sprintf("cannot write the export to %s: %v", path, err)
	if p, ok := errors.AsType[*problem](err); ok {
		what = strings.Replace(p.what, "the report", "the export", 1)
	}
	return &problem{what, "name another file with --out, or leave it out to get the export on standard output"}
}

// A sink is an output that knows whether it was it that failed.
type sink struct {
	output
	err error
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (n int, err error) {
	n, s.err = s.output.Write(p)
	return n, s.err
}

func (s *sink) commit() error {
	s.err = s.output.commit()
	return s.err
}
