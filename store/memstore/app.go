package memstore

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// An app is everything kept of one application. Its records are never changed, only replaced.
type app struct {
	id        string
	parent    burdock.Ref
	index     int64
	written   time.Time             // of the latest step
	steps     []*burdock.Checkpoint // by sequence number
	snapshots []*burdock.Checkpoint // by sequence number
}

// put files one record; the caller holds the mutex.
func (s *Store) put(c *burdock.Checkpoint, now time.Time) {
	s.shareDescription(c)
	a := s.apps[c.App]
	if a == nil {
		a = &app{id: c.App}
		s.apps[c.App] = a
	}
	s.link(a, c)
	if c.Kind == burdock.KindSnapshot {
		a.snapshots = insert(a.snapshots, c)
		return
	}
	a.steps = insert(a.steps, c)
	if a.latest() == c {
		if a.written = record.Written(*c); a.written.IsZero() {
			a.written = now
		}
	}
}

// link files the app under the visit that started it, by what its last written record says.
func (s *Store) link(a *app, c *burdock.Checkpoint) {
	a.index = c.Index
	if a.parent == c.Parent {
		return
	}
	delete(s.visits[a.parent], a.id)
	if len(s.visits[a.parent]) == 0 {
		delete(s.visits, a.parent)
	}
	a.parent = c.Parent
	if c.Parent.App == "" {
		return
	}
	if s.visits[c.Parent] == nil {
		s.visits[c.Parent] = map[string]*app{}
	}
	s.visits[c.Parent][a.id] = a
}

// shareDescription keeps one copy per graph.
func (s *Store) shareDescription(c *burdock.Checkpoint) {
	if len(c.Description) == 0 {
		return
	}
	if known, ok := s.graphs[c.GraphHash]; ok && bytes.Equal(known, c.Description) {
		c.Description = known
		return
	}
	s.graphs[c.GraphHash] = c.Description
}

func bySeq(c *burdock.Checkpoint, seq int64) int { return cmp.Compare(c.Seq, seq) }

// insert replaces the record of the same sequence number or puts c in its place. Most records are appended.
func insert(list []*burdock.Checkpoint, c *burdock.Checkpoint) []*burdock.Checkpoint {
	if n := len(list); n == 0 || list[n-1].Seq < c.Seq {
		return append(list, c)
	}
	i, found := slices.BinarySearchFunc(list, c.Seq, bySeq)
	if found {
		list[i] = c
		return list
	}
	return slices.Insert(list, i, c)
}

// latest is the last step record, or nil.
func (a *app) latest() *burdock.Checkpoint {
	if len(a.steps) == 0 {
		return nil
	}
	return a.steps[len(a.steps)-1]
}

// step is the record of one step, of the latest if seq is negative, or nil.
func (a *app) step(seq int64) *burdock.Checkpoint {
	if seq < 0 {
		return a.latest()
	}
	if i, found := slices.BinarySearchFunc(a.steps, seq, bySeq); found {
		return a.steps[i]
	}
	return nil
}

// clone copies c deeply and gives it the form that a store on disk would return: times in UTC without a monotonic
// reading, compact values, no live error.
func clone(c *burdock.Checkpoint) (*burdock.Checkpoint, error) {
	d := *c
	var err error
	value := func(v json.RawMessage) json.RawMessage {
		if len(v) == 0 || err != nil {
			return nil
		}
		var b bytes.Buffer
		b.Grow(len(v))
		err = json.Compact(&b, v)
		return b.Bytes()
	}
	d.Description = value(c.Description)
	d.Inputs = slices.Clone(c.Inputs)
	for i := range d.Inputs {
		d.Inputs[i].Value = value(d.Inputs[i].Value)
	}
	d.Delta = slices.Clone(c.Delta)
	for i := range d.Delta {
		d.Delta[i].Value = value(d.Delta[i].Value)
	}
	if c.Unknown != nil {
		d.Unknown = make(map[string]json.RawMessage, len(c.Unknown))
		for name, v := range c.Unknown {
			d.Unknown[name] = value(v)
		}
	}
	d.Messages, d.Needs = slices.Clone(c.Messages), slices.Clone(c.Needs)
	d.RetryAt, d.Started, d.Ended = instant(c.RetryAt), instant(c.Started), instant(c.Ended)
	if c.Error != nil && err == nil {
		d.Error, err = cloneFailure(c.Error)
	}
	if err != nil {
		return nil, fmt.Errorf("a value is not valid JSON: %w", err)
	}
	return &d, nil
}

func instant(t time.Time) time.Time { return t.Round(0).UTC() }

func cloneFailure(f *burdock.Failure) (*burdock.Failure, error) {
	data, err := f.MarshalJSON()
	if err != nil {
		return nil, err
	}
	g := new(burdock.Failure)
	return g, g.UnmarshalJSON(data)
}
