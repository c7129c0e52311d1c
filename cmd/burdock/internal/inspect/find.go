package inspect

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/burdock-go/burdock"
)

// maxCandidates bounds how many applications an AmbiguousError names.
const maxCandidates = 10

// An AmbiguousError says that a name stands for more than one application.
type AmbiguousError struct {
	Name       string
	Candidates []string // ids, the most recently written first
	More       bool     // there are others
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q stands for more than one application", e.Name)
}

// Find returns the latest record of the application that name stands for: an id, of a root or a branch; else what only
// one root's id begins with; else a branch's path, such as run-7/every_pair#3/gpt_4:0, whose beginning may be shortened
// like an id. It fails with burdock.ErrNotFound or an *AmbiguousError.
func Find(ctx context.Context, src Source, name string) (burdock.Checkpoint, error) {
	c, err := src.Load(ctx, burdock.Ref{App: name, Seq: -1})
	if !errors.Is(err, burdock.ErrNotFound) {
		return c, err
	}
	if c, err = root(ctx, src, name); !errors.Is(err, burdock.ErrNotFound) {
		return c, err
	}
	return branch(ctx, src, name)
}

func notFound(name string) error { return fmt.Errorf("application %q: %w", name, burdock.ErrNotFound) }

// root finds a root by the beginning of its id.
func root(ctx context.Context, src Source, prefix string) (found burdock.Checkpoint, err error) {
	var ids []string
	for c, err := range src.List(ctx, burdock.Query{Roots: true, Prefix: prefix, Limit: maxCandidates + 1}) {
		if err != nil {
			return found, err
		}
		found, ids = c, append(ids, c.App)
	}
	switch {
	case len(ids) == 0 || prefix == "":
		return found, notFound(prefix)
	case len(ids) > maxCandidates:
		return found, &AmbiguousError{prefix, ids[:maxCandidates], true}
	case len(ids) > 1:
		return found, &AmbiguousError{prefix, ids, false}
	}
	return found, nil
}

// branch follows a path from its root downwards.
func branch(ctx context.Context, src Source, path string) (c burdock.Checkpoint, err error) {
	segments := strings.Split(path, "/")
	id, err := url.PathUnescape(segments[0])
	if err != nil || len(segments) < 3 || len(segments)%2 == 0 {
		return c, notFound(path)
	}
	c, err = src.Load(ctx, burdock.Ref{App: id, Seq: -1})
	if errors.Is(err, burdock.ErrNotFound) {
		c, err = root(ctx, src, id)
	}
	for i := 1; i < len(segments) && err == nil; i += 2 {
		c, err = child(ctx, src, c, segments[i], segments[i+1])
	}
	if errors.Is(err, burdock.ErrNotFound) {
		err = notFound(path)
	}
	return c, err
}

// child finds a branch of a step, written action#seq. What the sequence no longer yields is found only if nothing else
// has its path.
func child(ctx context.Context, src Source, parent burdock.Checkpoint, step, key string) (burdock.Checkpoint, error) {
	path := parent.Path + "/" + step + "/" + key
	_, number, _ := strings.Cut(step, "#")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || seq < 1 {
		return parent, notFound(path)
	}
	var alive, old []burdock.Checkpoint
	for c, err := range src.List(ctx, burdock.Query{Parent: burdock.Ref{App: parent.App, Seq: seq}, Latest: true}) {
		switch {
		case err != nil:
			return c, err
		case c.Path != path:
		case c.Status == burdock.StatusSuperseded:
			old = append(old, c)
		default:
			alive = append(alive, c)
		}
	}
	if len(alive) == 0 {
		alive = old
	}
	switch len(alive) {
	case 0:
		return parent, notFound(path)
	case 1:
		return alive[0], nil
	}
	e := &AmbiguousError{Name: path}
	for _, c := range alive[:min(len(alive), maxCandidates)] {
		e.Candidates = append(e.Candidates, c.App)
	}
	e.More = len(alive) > maxCandidates
	return parent, e
}
