package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
)

// find is inspect.Find with errors for people.
func find(ctx context.Context, src inspect.Source, name string) (burdock.Checkpoint, error) {
	c, err := inspect.Find(ctx, src, name)
	if many, ok := errors.AsType[*inspect.AmbiguousError](err); ok {
		hint := "name one: " + strings.Join(many.Candidates, ", ")
		if many.More {
			hint += ", ..."
		}
		return c, &problem{many.Error(), hint}
	}
	if errors.Is(err, burdock.ErrNotFound) {
		if name == "" {
			return c, &problem{"there is no application without an id", "name one, by its id or the beginning of it; burdock ls lists them"}
		}
		return c, &problem{"there is no application " + term.Escape(shortened(name)) + " in the database", "burdock ls lists them"}
	}
	return c, err
}

// longest is how much of a name that stands for nothing is shown. The path of a branch may be long.
const longest = 1000

func shortened(name string) string {
	if len(name) <= longest {
		return name
	}
	return fmt.Sprintf("%s... (%d bytes)", name[:longest], len(name))
}

// findStep finds an application, and the step of it that is named: by what stands behind an @, unless an application has
// the whole as its id, or by the flag --step. Without either it is nil.
func findStep(ctx context.Context, src inspect.Source, name string, flag *int64) (burdock.Checkpoint, *int64, error) {
	step := flag
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		n, wrong := strconv.ParseUint(name[i+1:], 10, 63)
		if _, err := src.Load(ctx, burdock.Ref{App: name, Seq: -1}); wrong == nil && errors.Is(err, burdock.ErrNotFound) {
			number := int64(n)
			name, step = name[:i], &number
		}
	}
	if flag != nil && *step != *flag {
		return burdock.Checkpoint{}, nil, &problem{fmt.Sprintf("step %d is named, and --step %d", *step, *flag), "leave one of them out"}
	}
	latest, err := find(ctx, src, name)
	return latest, step, err
}

// loadStep returns a step of an application.
func loadStep(ctx context.Context, src inspect.Source, latest burdock.Checkpoint, step int64) (burdock.Checkpoint, error) {
	c, err := src.Load(ctx, burdock.Ref{App: latest.App, Seq: step})
	if errors.Is(err, burdock.ErrNotFound) {
		return c, &problem{
			fmt.Sprintf("%s has no step %d; its latest is %d", latest.App, step, latest.Seq),
			"burdock show " + quoted(latest.App) + " lists its steps",
		}
	}
	return c, err
}
