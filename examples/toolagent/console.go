package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
)

// A console shows a run as it happens. Branches call it at once.
type console struct {
	mu   sync.Mutex
	w    io.Writer
	open bool // a line has begun
}

// Track implements burdock.Tracker.
func (c *console) Track(_ context.Context, e burdock.Event) error {
	if token, ok := burdock.ChunkOf[string](e); ok {
		c.token(token)
		return nil
	}
	switch e.Kind {
	case burdock.EventRetry: // what the attempt has said does not count
		c.line("  %s; once more", e.Error)
	case burdock.EventRestored:
		c.line("  %s: %s restored, not run again", e.Path, e.Task)
	case burdock.EventBranchEnded:
		if e.Error != "" {
			c.line("  %s", e.Error)
		} else {
			c.line("  %s: %s %s after %.1fs", e.Path, e.Task, e.Status, time.Since(e.Started).Seconds())
		}
	}
	return nil
}

// token shows a piece of what the model says.
func (c *console) token(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		text = "model: " + text
	}
	c.open = true
	_, _ = io.WriteString(c.w, text)
}

// line shows a line of its own.
func (c *console) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		fmt.Fprintln(c.w)
	}
	c.open = false
	fmt.Fprintf(c.w, format+"\n", args...)
}
