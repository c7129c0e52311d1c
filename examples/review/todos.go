package review

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Todos finds the lines that hold the word TODO or FIXME, with their age at
// the reference time. It finds the lines of
//
//	git grep -I -w -E -e 'TODO|FIXME'
//
// in any text: a word is set off by anything but letters, digits and
// underscores of ASCII. Git blame runs only for files that have one.
func (c *Checks) Todos(ctx context.Context, s Subject) (Result, error) {
	t, err := c.open(ctx, s)
	if err != nil {
		return Result{}, err
	}
	var found []Finding
	var numbers []int
	lines(t.src, func(number int, line []byte) {
		if at := todoAt(line); at >= 0 {
			f := t.finding(CheckTodo, number)
			f.Name, f.Measure = printable(string(line[at:])), -1
			found = append(found, f)
			numbers = append(numbers, number)
		}
	})
	if len(found) == 0 {
		return Result{}, nil
	}
	written, err := c.blame(ctx, s, numbers)
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	r := Result{Findings: found}
	if err != nil {
		r.Notes = []Note{{Check: CheckTodo, Path: s.File.Path, Reason: "git blame failed, so age unknown", Detail: printable(err.Error())}}
	}
	for i := range r.Findings {
		age(&r.Findings[i], s.Time, written)
	}
	return r, nil
}

// blame runs one of a bounded number of git blame children.
func (c *Checks) blame(ctx context.Context, s Subject, numbers []int) (map[int]time.Time, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case c.blames <- struct{}{}:
	}
	defer func() { <-c.blames }()
	return c.repo.Blame(ctx, s.Commit, s.File.Path, numbers)
}

// age adds how many days old a line is. A line that claims to be written
// later than the reference is as old as it.
func age(f *Finding, reference time.Time, written map[int]time.Time) {
	at, ok := written[f.Line]
	if !ok {
		f.Message = "of unknown age"
		return
	}
	f.Measure = int(max(0, reference.Unix()-at.Unix()) / (24 * 60 * 60))
	f.Message = fmt.Sprintf("is %d days old", f.Measure)
}

var todoWords = [][]byte{[]byte("TODO"), []byte("FIXME")}

// todoAt returns where the first such word begins in a line, or -1.
func todoAt(line []byte) int {
	first := -1
	for _, word := range todoWords {
		if at := wordAt(line, word); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

func wordAt(line, word []byte) int {
	for from := 0; ; {
		i := bytes.Index(line[from:], word)
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || !isWord(line[start-1])) && (end == len(line) || !isWord(line[end])) {
			return start
		}
		from = end
	}
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
