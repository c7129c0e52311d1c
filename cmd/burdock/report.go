package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A report is a file that appears whole or not at all: what is written goes to another file beside it, which takes its
// name in the end.
type report struct {
	path string
	temp *os.File // nil before the first Write
}

// newReport finds out whether a file can be written at path, and leaves what is there alone.
func newReport(path string) (*report, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, reportProblem(path, errors.New("it is a folder"))
	case err == nil && !info.Mode().IsRegular(): // a pipe or a device takes what is written, it cannot be replaced
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, reportProblem(path, err)
		}
		return &report{temp: f}, nil
	case err == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil { // the link stays a link
			return nil, reportProblem(path, err)
		}
	}
	r := &report{path: path}
	if err := r.create(); err != nil {
		return nil, reportProblem(path, err)
	}
	return r, errors.Join(r.abort())
}

func reportProblem(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return &problem{fmt.Sprintf("cannot write the report to %s: %v", path, err), "name another file with --report, or leave it out to get the report on standard output"}
}

// create makes the file beside, with the mode that the report has or will have.
func (r *report) create() error {
	f, err := os.CreateTemp(filepath.Dir(r.path), "."+filepath.Base(r.path)+"-*")
	if err != nil {
		return err
	}
	r.temp = f
	mode := fs.FileMode(0o644) // CreateTemp says 0600
	if info, err := os.Stat(r.path); err == nil {
		mode = info.Mode().Perm()
	}
	return f.Chmod(mode)
}

// Write implements io.Writer.
func (r *report) Write(p []byte) (int, error) {
	if r.temp == nil {
		if err := r.create(); err != nil {
			return 0, err
		}
	}
	return r.temp.Write(p)
}

// commit puts the report into its place.
func (r *report) commit() error {
	if r.temp == nil {
		if err := r.create(); err != nil {
			return reportProblem(r.path, err)
		}
	}
	f := r.temp
	r.temp = nil
	if r.path == "" {
		return f.Close()
	}
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), r.path)
	}
	if err != nil {
		return errors.Join(reportProblem(r.path, err), os.Remove(f.Name()))
	}
	return nil
}

// abort leaves everything as it was. It may follow commit.
func (r *report) abort() error {
	f := r.temp
	r.temp = nil
	switch {
	case f == nil:
		return nil
	case r.path == "":
		return f.Close()
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
