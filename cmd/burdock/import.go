package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// imports takes an application from a file.
type imports struct {
	File string `arg:"" help:"What burdock export has written; - for standard input."`
}

// Help is the text below the first line of the command's help.
func (*imports) Help() string {
	return `The application keeps its id and stands where it stood. A program that has its graph goes on with it, with
burdock.Resume; what was in mid-step is stale, as if its process had been killed. Go on with the original or with the
copy: if both go on, what is left is done twice.

The whole file is checked before anything is saved, and is copied to the folder of temporary files (TMPDIR) for that. An
import that was stopped is completed by the same command.

The id goes to standard output.`
}

// Run is called by the parser.
func (c *imports) Run(ctx context.Context, p *program, db *database) error {
	in, err := c.open()
	if err != nil {
		return c.unreadable(err)
	}
	defer in.Close()
	store, err := db.open(ctx, p)
	if err != nil {
		return err
	}
	done, err := record.Import(ctx, store, in)
	if err = errors.Join(c.unimported(err), store.Close()); err != nil {
		return err
	}
	p.say(fmt.Sprintf("imported %s, which is %s: %s, %s", done.Root, done.Status,
		some(done.Apps-1, "branch", "branches"), some(done.Checkpoints, "checkpoint", "checkpoints")), "")
	return p.print(term.Escape(done.Root) + "\n")
}

// some is like "1 branch" or "11,480 branches".
func some(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return term.Number(n) + " " + many
}

func (c *imports) open() (io.ReadCloser, error) {
	if c.File == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(c.File)
}

// name is what the file is called.
func (c *imports) name() string {
	if c.File == "-" {
		return "standard input"
	}
	return c.File
}

func (c *imports) unreadable(err error) error {
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		err = file.Err
	}
	return &problem{fmt.Sprintf("cannot read %s: %v", c.name(), err), "name a file that burdock export has written, or - for standard input"}
}

// unimported says why nothing was imported.
func (c *imports) unimported(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*sqlitestore.Error](err); ok {
		return err
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok && (file.Path == c.File || file.Path == os.Stdin.Name()) {
		return c.unreadable(err)
	}
	if f, ok := errors.AsType[*record.FormatError](err); ok {
		what := fmt.Sprintf("cannot import %s: line %d: %v", c.name(), f.Line, f.Kind)
		if f.Err != nil {
			what += ": " + f.Err.Error()
		}
		return &problem{what, f.Hint}
	}
	what, hint, _ := strings.Cut(strings.TrimPrefix(err.Error(), "record: import "), "; ")
	what = strings.Replace(what, ": "+burdock.ErrExists.Error(), ": it exists", 1)
	return &problem{fmt.Sprintf("cannot import %s: %s", c.name(), what), strings.Replace(hint, "another store", "another database (--db FILE)", 1)}
}
