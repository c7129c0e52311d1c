package sqlitestore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// An about is what an application's row says and a checkpoint of it usually repeats.
type about struct {
	Root                     string
	Parent                   burdock.Ref
	Path, Project, Partition string
	Graph, GraphHash         string
	Task, Key                string
	Index                    int64
	Fingerprint              string
}

func aboutOf(c *burdock.Checkpoint) about {
	return about{
		Root: c.Root, Parent: c.Parent, Path: c.Path, Project: c.Project, Partition: c.Partition, Graph: c.Graph, GraphHash: c.GraphHash,
		Task: c.Task, Key: c.Key, Index: c.Index, Fingerprint: c.Fingerprint,
	}
}

// to writes a into c.
func (a *about) to(c *burdock.Checkpoint) {
	c.Root, c.Parent, c.Path, c.Project, c.Partition, c.Graph, c.GraphHash = a.Root, a.Parent, a.Path, a.Project, a.Partition, a.Graph, a.GraphHash
	c.Task, c.Key, c.Index, c.Fingerprint = a.Task, a.Key, a.Index, a.Fingerprint
}

// Bits of the flags columns.
const (
	flagOwn       = 1 << iota // the body holds the fields of about by itself
	flagDescribed             // the graph's description belongs to this record
)

// A row is a checkpoint on its way into the table. It is encoded by the caller of Save, before it joins a batch.
type row struct {
	c           *burdock.Checkpoint // the caller's, until Save returns
	description []byte              // compact, nil if there is none
	started     any                 // nanoseconds since 1970, or nil where the body holds the times
	took        any
	body        any // []byte
}

// encode fills r for a checkpoint whose application's row says the same as it does, and fails where c cannot be
// encoded at all. The body is appended to buf, which is returned.
func (r *row) encode(c *burdock.Checkpoint, buf []byte) ([]byte, error) {
	r.c = c
	if len(c.Description) > 0 {
		var b bytes.Buffer
		if err := json.Compact(&b, c.Description); err != nil {
			return buf, fmt.Errorf("checkpoint %d of %q: description: %w", c.Seq, c.App, err)
		}
		r.description = b.Bytes()
	}
	r.started, r.took = columns(c.Started, c.Ended)
	start := len(buf)
	buf, err := r.appendBody(buf, flagDescribed)
	r.body = buf[start:len(buf):len(buf)]
	return buf, err
}

// stripped are copies of records without what stands in columns, which nobody keeps. Made anew, one is most of a kilobyte
// per step.
var stripped = sync.Pool{New: func() any { return new(burdock.Checkpoint) }}

// appendBody encodes what stands in no column.
func (r *row) appendBody(buf []byte, flags int64) ([]byte, error) {
	c := stripped.Get().(*burdock.Checkpoint)
	defer func() {
		*c = burdock.Checkpoint{}
		stripped.Put(c)
	}()
	*c = *r.c
	if flags&flagOwn == 0 {
		(&about{}).to(c)
	}
	if flags&flagDescribed != 0 {
		c.Description = nil
	}
	if c.Fence.Root == r.c.Root {
		c.Fence = burdock.Fence{}
	}
	if r.started != nil {
		c.Started, c.Ended = time.Time{}, time.Time{}
	}
	c.App, c.Seq, c.Kind, c.Status, c.Lists, c.Join = "", 0, burdock.KindStep, "", false, 0
	body, err := record.Append(buf, c)
	if err != nil { // say which one: c has lost its name
		_, err = record.Append(nil, r.c)
		return buf, err
	}
	return body, nil
}

// Times outside these years stand in the body: they do not fit into nanoseconds, or not in their difference.
var firstYear, lastYear = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func fits(t time.Time) bool { return !t.Before(firstYear) && t.Before(lastYear) }

// columns are started and how long it took; took is nil while it runs.
func columns(started, ended time.Time) (from, took any) {
	switch {
	case !fits(started) || !ended.IsZero() && !fits(ended):
		return nil, nil
	case ended.IsZero():
		return started.UnixNano(), nil
	}
	return started.UnixNano(), ended.UnixNano() - started.UnixNano()
}

func kindColumn(k burdock.CheckpointKind) int64 {
	if k == burdock.KindSnapshot {
		return 1
	}
	return 0
}

// statusColumn boxes the most frequent status without an allocation.
func statusColumn(s burdock.Status) any {
	if s == burdock.StatusCompleted {
		return string(burdock.StatusCompleted)
	}
	return string(s)
}

func boolColumn(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// updated is the moment by which roots are listed.
func updated(c *burdock.Checkpoint) int64 {
	t := record.Written(*c)
	if t.IsZero() {
		t = time.Now()
	}
	return clamp(t)
}

// clamp is t in nanoseconds, or the next moment that has some.
func clamp(t time.Time) int64 {
	switch {
	case t.Before(firstYear):
		return 0
	case !t.Before(lastYear):
		return lastYear.UnixNano()
	}
	return t.UnixNano()
}
