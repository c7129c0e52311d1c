package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/burdock-go/burdock"
)

// Unmarshal decodes what Marshal wrote, in this version or a later one. The checkpoint shares no memory with data. It
// fails, naming the field, if data is no such record.
func Unmarshal(data []byte) (burdock.Checkpoint, error) {
	c := burdock.Checkpoint{Kind: burdock.KindStep}
	var fence []byte
	unknown, err := decode(data, func(name, v []byte) (bool, error) {
		if string(name) == "fence" { // read last: it leaves out the root that it shares with the checkpoint
			fence = v
			return true, nil
		}
		return field(checkpointFields, &c, name, v)
	})
	if err == nil && fence != nil {
		c.Fence, err = fenceOf(fence, c.Root)
	}
	if err != nil {
		return burdock.Checkpoint{}, fmt.Errorf("record: not a checkpoint: %w", err)
	}
	c.Unknown = unknown
	return c, nil
}

// A fields table says how each known field of a T is read.
type fields[T any] map[string]func(*T, []byte) error

func field[T any](table fields[T], dst *T, name, v []byte) (bool, error) {
	read, ok := table[string(name)]
	if !ok {
		return false, nil
	}
	return true, read(dst, v)
}

// decode reads one record: the version and every field; what known does not take is returned.
func decode(data []byte, known func(name, v []byte) (bool, error)) (unknown map[string]json.RawMessage, err error) {
	if !json.Valid(data) {
		return nil, errors.New("not valid JSON")
	}
	var version int64
	err = object(data, func(name, v []byte) error {
		if string(name) == "v" {
			if err := into(&version, integer, v); err != nil || version <= Version {
				return err
			}
		} else if ok, err := known(name, v); ok || err != nil {
			return err
		}
		if unknown == nil {
			unknown = map[string]json.RawMessage{}
		}
		raw, err := rawValue(v)
		unknown[string(name)] = raw
		return err
	})
	if err == nil && version < 1 {
		err = errors.New(`field "v": there is no schema version`)
	}
	return unknown, err
}

// rawValue copies a value in compact form.
func rawValue(v []byte) (json.RawMessage, error) {
	var b bytes.Buffer
	b.Grow(len(v))
	if err := json.Compact(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// kind reads any type whose underlying type is string.
func kind[T ~string](v []byte) (T, error) {
	s, err := text(v)
	return T(s), err
}

func small(v []byte) (int, error) {
	n, err := integer(v)
	return int(n), err
}

var checkpointFields = fields[burdock.Checkpoint]{
	"root":        func(c *burdock.Checkpoint, v []byte) error { return into(&c.Root, text, v) },
	"app":         func(c *burdock.Checkpoint, v []byte) error { return into(&c.App, text, v) },
	"parent":      func(c *burdock.Checkpoint, v []byte) error { return into(&c.Parent.App, text, v) },
	"parent_seq":  func(c *burdock.Checkpoint, v []byte) error { return into(&c.Parent.Seq, integer, v) },
	"path":        func(c *burdock.Checkpoint, v []byte) error { return into(&c.Path, text, v) },
	"project":     func(c *burdock.Checkpoint, v []byte) error { return into(&c.Project, text, v) },
	"partition":   func(c *burdock.Checkpoint, v []byte) error { return into(&c.Partition, text, v) },
	"graph":       func(c *burdock.Checkpoint, v []byte) error { return into(&c.Graph, text, v) },
	"graph_hash":  func(c *burdock.Checkpoint, v []byte) error { return into(&c.GraphHash, text, v) },
	"description": func(c *burdock.Checkpoint, v []byte) error { return into(&c.Description, rawValue, v) },
	"seq":         func(c *burdock.Checkpoint, v []byte) error { return into(&c.Seq, integer, v) },
	"kind":        func(c *burdock.Checkpoint, v []byte) error { return into(&c.Kind, kind[burdock.CheckpointKind], v) },
	"attempt":     func(c *burdock.Checkpoint, v []byte) error { return into(&c.Attempt, small, v) },
	"action":      func(c *burdock.Checkpoint, v []byte) error { return into(&c.Action, text, v) },
	"task":        func(c *burdock.Checkpoint, v []byte) error { return into(&c.Task, text, v) },
	"key":         func(c *burdock.Checkpoint, v []byte) error { return into(&c.Key, text, v) },
	"index":       func(c *burdock.Checkpoint, v []byte) error { return into(&c.Index, integer, v) },
	"fingerprint": func(c *burdock.Checkpoint, v []byte) error { return into(&c.Fingerprint, text, v) },
	"join":        func(c *burdock.Checkpoint, v []byte) error { return into(&c.Join, integer, v) },
	"fence":       nil, // by Unmarshal itself
	"status":      func(c *burdock.Checkpoint, v []byte) error { return into(&c.Status, kind[burdock.Status], v) },
	"next":        func(c *burdock.Checkpoint, v []byte) error { return into(&c.Next, text, v) },
	"route":       func(c *burdock.Checkpoint, v []byte) error { return into(&c.Route, text, v) },
	"halted":      func(c *burdock.Checkpoint, v []byte) error { return into(&c.Halted, text, v) },
	"retry_at":    func(c *burdock.Checkpoint, v []byte) error { return into(&c.RetryAt, instant, v) },
	"tried":       func(c *burdock.Checkpoint, v []byte) error { return into(&c.Tried, instant, v) },
	"spent":       func(c *burdock.Checkpoint, v []byte) error { return into(&c.Spent, small, v) },
	"inputs":      func(c *burdock.Checkpoint, v []byte) error { return into(&c.Inputs, slice(inputOf), v) },
	"messages":    func(c *burdock.Checkpoint, v []byte) error { return into(&c.Messages, slice(text), v) },
	"origin":      func(c *burdock.Checkpoint, v []byte) error { return into(&c.Origin, refOf, v) },
	"delta": func(c *burdock.Checkpoint, v []byte) error {
		return into((*[]burdock.Change)(&c.Delta), slice(changeOf), v)
	},
	"lists":   func(c *burdock.Checkpoint, v []byte) error { return into(&c.Lists, boolean, v) },
	"error":   func(c *burdock.Checkpoint, v []byte) error { return into(&c.Error, failureOf, v) },
	"needs":   func(c *burdock.Checkpoint, v []byte) error { return into(&c.Needs, slice(text), v) },
	"started": func(c *burdock.Checkpoint, v []byte) error { return into(&c.Started, instant, v) },
	"ended":   func(c *burdock.Checkpoint, v []byte) error { return into(&c.Ended, instant, v) },
}

// slice reads an array; an empty one is empty and not nil.
func slice[T any](parse func([]byte) (T, error)) func([]byte) ([]T, error) {
	return func(v []byte) ([]T, error) {
		items := []T{}
		err := array(v, func(v []byte) error {
			it, err := parse(v)
			items = append(items, it)
			return err
		})
		return items, err
	}
}

func inputOf(v []byte) (in burdock.InputRecord, err error) {
	err = object(v, func(name, v []byte) error {
		switch string(name) {
		case "name":
			return into(&in.Name, text, v)
		case "value":
			return into(&in.Value, rawValue, v)
		case "source":
			return into(&in.Source, text, v)
		}
		return nil
	})
	return in, err
}

func changeOf(v []byte) (burdock.Change, error) {
	ch := burdock.Change{Op: burdock.OpSet}
	err := object(v, func(name, v []byte) error {
		switch string(name) {
		case "key":
			return into(&ch.Key, text, v)
		case "op":
			return into(&ch.Op, kind[burdock.Op], v)
		case "value":
			return into(&ch.Value, rawValue, v)
		}
		return nil
	})
	return ch, err
}

func refOf(v []byte) (r burdock.Ref, err error) {
	err = object(v, func(name, v []byte) error {
		switch string(name) {
		case "app":
			return into(&r.App, text, v)
		case "seq":
			return into(&r.Seq, integer, v)
		}
		return nil
	})
	return r, err
}

func fenceOf(v []byte, root string) (burdock.Fence, error) {
	f := burdock.Fence{Root: root}
	err := object(v, func(name, v []byte) error {
		switch string(name) {
		case "root":
			return into(&f.Root, text, v)
		case "epoch":
			return into(&f.Epoch, integer, v)
		case "dispatch":
			return into(&f.Dispatch, integer, v)
		}
		return nil
	})
	return f, err
}

func failureOf(v []byte) (*burdock.Failure, error) {
	f := new(burdock.Failure)
	return f, json.Unmarshal(v, f)
}
