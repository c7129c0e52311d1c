package pgstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// A row is a checkpoint on its way into the table. It is encoded by the caller of Save, before it joins a batch.
type row struct {
	app, parent           string
	parentSeq, index      int64
	seq, kind             int64
	lists, waits, ends    bool
	join                  int64
	digest, description   []byte // nil if there is none
	body                  []byte
	messages              []string // those that it used
	root                  bool     // a root's step: it stands in the listing of roots
	updated               int64
	status, project, part string
}

// encode fills r, and fails where c cannot be encoded.
func (r *row) encode(c *burdock.Checkpoint) error {
	*r = row{
		app: c.App, parent: c.Parent.App, parentSeq: c.Parent.Seq, index: c.Index, seq: c.Seq, lists: c.Lists, join: c.Join,
		waits: c.Status == burdock.StatusWaiting, ends: record.Ends(c), messages: c.Messages,
		root: c.App == c.Root && c.Kind == burdock.KindStep, status: string(c.Status), project: c.Project, part: c.Partition,
	}
	if c.Kind == burdock.KindSnapshot {
		r.kind = 1
	}
	if r.root {
		r.updated = updated(c)
	}
	bare := *c
	if len(c.Description) > 0 {
		var b bytes.Buffer
		if err := json.Compact(&b, c.Description); err != nil {
			return fmt.Errorf("checkpoint %d of %q: description: %w", c.Seq, c.App, err)
		}
		digest := sha256.Sum256(b.Bytes())
		r.description, r.digest, bare.Description = b.Bytes(), digest[:], nil
	}
	body, err := record.Append(nil, &bare)
	r.body = body
	return err
}

// size is about what the row weighs on its way.
func (r *row) size() int { return len(r.body) + len(r.description) + len(r.app) + len(r.parent) + 64 }

// decode puts a record together from its row.
func decode(body, description []byte) (burdock.Checkpoint, error) {
	c, err := record.Unmarshal(body)
	if err == nil && description != nil {
		c.Description = bytes.Clone(description)
	}
	return c, err
}

// Roots are listed by nanoseconds, which end in these years.
var firstYear, lastYear = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

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
