package memstore

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

var _ burdock.Inbox = (*Store)(nil)

// Post implements burdock.Inbox. It copies what it keeps. A ctx that is done before Post begins makes it fail with
// nothing kept; later its end changes nothing.
func (s *Store) Post(ctx context.Context, m burdock.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	kept, err := copied(m)
	if err != nil {
		return fmt.Errorf("memstore: post: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	repeated, err := s.posted(&kept)
	if err != nil {
		return fmt.Errorf("memstore: post %q for step %d of %q: %w", m.ID, m.To.Seq, m.To.App, err)
	}
	if !repeated {
		s.inbox[m.Root] = append(s.inbox[m.Root], kept)
	}
	return nil
}

// copied gives a message the form that a store on disk would return, or says why no store takes it.
func copied(m burdock.Message) (burdock.Message, error) {
	if err := record.CheckMessage(m); err != nil {
		return m, err
	}
	data, err := record.MarshalMessage(m)
	if err != nil {
		return m, err
	}
	return record.UnmarshalMessage(data)
}

// posted reports whether the message was posted before, or why it is refused.
func (s *Store) posted(m *burdock.Message) (repeated bool, err error) {
	a := s.apps[m.To.App]
	if a == nil || a.latest() == nil {
		return false, burdock.ErrNotFound
	}
	latest, at := a.latest(), a.latest()
	if latest.Root != m.Root {
		return false, fmt.Errorf("it belongs to %q and not to %q", latest.Root, m.Root)
	}
	if m.Kind == burdock.MessageAnswer {
		at = a.step(m.To.Seq)
	}
	list := s.inbox[m.Root]
	switch {
	case slices.ContainsFunc(list, func(o burdock.Message) bool { return o.ID == m.ID }), at != nil && slices.Contains(at.Messages, m.ID):
		return true, nil
	case m.Kind == burdock.MessageCancel:
		return false, nil
	case latest.Seq != m.To.Seq || latest.Status != burdock.StatusWaiting:
		return false, burdock.ErrNotWaiting
	case slices.ContainsFunc(list, func(o burdock.Message) bool { return o.Kind == burdock.MessageAnswer && o.To == m.To }):
		return false, burdock.ErrAnswered
	}
	return false, nil
}

// Messages implements burdock.Inbox. It yields the messages as they stood when the loop began, and stops with ctx's
// error when ctx is done.
func (s *Store) Messages(ctx context.Context, root string) iter.Seq2[burdock.Message, error] {
	return func(yield func(burdock.Message, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(burdock.Message{}, err)
			return
		}
		s.mu.Lock()
		list := slices.Clone(s.inbox[root])
		s.mu.Unlock()
		for _, m := range list {
			if err := ctx.Err(); err != nil {
				yield(burdock.Message{}, err)
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// forgetMessages drops the messages that a batch names, and the answers to the steps that it ends. The caller holds the
// mutex.
func (s *Store) forgetMessages(root string, batch []*burdock.Checkpoint) {
	list := s.inbox[root]
	if len(list) == 0 {
		return
	}
	used, ended := map[string]bool{}, map[burdock.Ref]bool{}
	for _, c := range batch {
		for _, id := range c.Messages {
			used[id] = true
		}
		if record.Ends(c) {
			ended[c.Ref()] = true
		}
	}
	list = slices.DeleteFunc(list, func(m burdock.Message) bool {
		return used[m.ID] || m.Kind == burdock.MessageAnswer && ended[m.To]
	})
	if len(list) == 0 {
		delete(s.inbox, root)
		return
	}
	s.inbox[root] = list
}
