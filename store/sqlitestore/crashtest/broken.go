//go:build unix

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// The deliberately broken stores. Each breaks one promise of a Store; the harness has to notice.
const (
	EarlyAck  = "early-ack"  // acknowledges before it commits
	NoFence   = "no-fence"   // gives claims to all, and takes what anyone saves
	ByKey     = "by-key"     // finds a branch by its key alone, whatever it was given
	DropDelta = "drop-delta" // forgets what some steps have written
	DropJoin  = "drop-join"  // forgets in which order branches have ended
	DropReply = "drop-reply" // forgets an answer when it is taken, and not when the step that used it is saved
	KeepReply = "keep-reply" // keeps it afterwards
	TakeTwo   = "take-two"   // takes a second answer for a step
)

// BrokenStores are the names of all.
var BrokenStores = []string{EarlyAck, NoFence, ByKey, DropDelta, DropJoin, DropReply, KeepReply, TakeTwo}

// breakStore wraps the store in the named broken one; "" leaves it whole.
func breakStore(ctx context.Context, name string, s Store, p *Plan, c *Child) (Store, error) {
	switch name {
	case "":
		return s, nil
	case EarlyAck:
		return &earlyAck{Store: s}, nil
	case NoFence:
		return &noFence{s}, nil
	case ByKey:
		ids, err := branchIDs(ctx, p, c)
		return &byKey{s, ids}, err
	case DropReply:
		return &dropReply{Store: s}, nil
	case KeepReply:
		return &keepReply{Store: s, kept: map[string]burdock.Message{}}, nil
	case TakeTwo:
		return s, nil // it is one for who answers: see Break
	case DropDelta:
		return &spoiling{Store: s, spoil: func(n int, cp *burdock.Checkpoint) {
			if n%9 == 0 && cp.Status == burdock.StatusCompleted && cp.Seq > 0 {
				cp.Delta, cp.Lists = nil, false
			}
		}}, nil
	case DropJoin:
		return &spoiling{Store: s, spoil: func(n int, cp *burdock.Checkpoint) {
			if cp.Join > 0 {
				cp.Join = 1000 - cp.Join
			}
		}}, nil
	}
	return nil, fmt.Errorf("there is no broken store %q", name)
}

// Break wraps the store in the named broken one as far as it is one for those who only post messages.
func Break(name string, s Store) Store {
	if name == TakeTwo {
		return &takeTwo{s}
	}
	return s
}

// A dropReply forgets an answer that was taken with the next save of anything, before the step that uses it is saved.
type dropReply struct {
	Store
	mu    sync.Mutex
	taken []string // ids
}

func (s *dropReply) Messages(ctx context.Context, root string) iter.Seq2[burdock.Message, error] {
	return func(yield func(burdock.Message, error) bool) {
		for m, err := range s.Store.Messages(ctx, root) {
			s.mu.Lock()
			s.taken = append(s.taken, m.ID)
			s.mu.Unlock()
			if !yield(m, err) {
				return
			}
		}
	}
}

func (s *dropReply) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	batch = append([]burdock.Checkpoint(nil), batch...)
	s.mu.Lock()
	batch[0].Messages, s.taken = append(s.taken, batch[0].Messages...), nil
	s.mu.Unlock()
	return s.Store.Save(ctx, fence, batch)
}

// A keepReply posts an answer that was used once more, to whatever step waits at the moment.
type keepReply struct {
	Store
	mu   sync.Mutex
	kept map[string]burdock.Message
}

func (s *keepReply) Messages(ctx context.Context, root string) iter.Seq2[burdock.Message, error] {
	return func(yield func(burdock.Message, error) bool) {
		for m, err := range s.Store.Messages(ctx, root) {
			if err == nil && m.Kind == burdock.MessageAnswer {
				s.mu.Lock()
				s.kept[m.ID] = m
				s.mu.Unlock()
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

func (s *keepReply) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	if err := s.Store.Save(ctx, fence, batch); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batch {
		cp := &batch[i]
		for id, m := range s.kept {
			if cp.Status == burdock.StatusWaiting && m.To != cp.Ref() {
				delete(s.kept, id)
				m.ID, m.To = id+"-again", cp.Ref()
				_ = s.Post(ctx, m)
			}
		}
	}
	return nil
}

// A takeTwo takes another answer, as if the one before had not come.
type takeTwo struct{ Store }

func (s *takeTwo) Post(ctx context.Context, m burdock.Message) error {
	err := s.Store.Post(ctx, m)
	if errors.Is(err, burdock.ErrAnswered) {
		return nil
	}
	return err
}

// An earlyAck commits a while after it has said that it did.
type earlyAck struct {
	Store
	mu      sync.Mutex // held until the last save is committed
	pending sync.WaitGroup
}

func (s *earlyAck) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	kept := append([]burdock.Checkpoint(nil), batch...)
	s.pending.Go(func() {
		time.Sleep(5 * time.Millisecond)
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.Store.Save(context.WithoutCancel(ctx), fence, kept)
	})
	return nil
}

func (s *earlyAck) Claim(ctx context.Context, root string) (burdock.Claim, error) {
	c, err := s.Store.Claim(ctx, root)
	return &lateClaim{c, s}, err
}

func (s *earlyAck) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	s.pending.Wait()
	return s.Store.List(ctx, q)
}

// A lateClaim is released when everything is committed.
type lateClaim struct {
	burdock.Claim
	store *earlyAck
}

func (c *lateClaim) Release(ctx context.Context) error {
	c.store.pending.Wait()
	return c.Claim.Release(ctx)
}

// A noFence lets everybody own everything.
type noFence struct{ Store }

type anybody struct{ fence burdock.Fence }

func (a anybody) Fence() burdock.Fence          { return a.fence }
func (a anybody) Lost() <-chan struct{}         { return nil }
func (a anybody) Release(context.Context) error { return nil }

func (s *noFence) Claim(_ context.Context, root string) (burdock.Claim, error) {
	return anybody{burdock.Fence{Root: root, Epoch: 1}}, nil
}

// A byKey yields the records of a branch for whichever branch has its key in this process.
type byKey struct {
	Store
	ids map[branchKey]string
}

type branchKey struct {
	parent    burdock.Ref
	task, key string
}

func (s *byKey) List(ctx context.Context, q burdock.Query) iter.Seq2[burdock.Checkpoint, error] {
	return func(yield func(burdock.Checkpoint, error) bool) {
		for cp, err := range s.Store.List(ctx, q) {
			if id := s.ids[branchKey{cp.Parent, cp.Task, cp.Key}]; id != "" && q.Parent.App != "" {
				cp.App = id
			}
			if !yield(cp, err) {
				return
			}
		}
	}
}

// branchIDs runs the plan over a database of its own, as it is in this process, and learns the id of each branch.
func branchIDs(ctx context.Context, p *Plan, c *Child) (_ map[branchKey]string, err error) {
	s, err := sqlitestore.Open(ctx, fmt.Sprintf("%s/ids%d.db", c.Dir, c.Process), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	t := &idTracker{ids: map[branchKey]string{}}
	g, err := p.Graph(&Bystander{Number: c.Process})
	if err != nil {
		return nil, err
	}
	o := p.Options(s, c.Process)
	o.Cascade.Tracker = t
	app, err := burdock.New(ctx, g, o)
	if err != nil {
		return nil, err
	}
	_, err = p.RunToEnd(ctx, app, s)
	return t.ids, err
}

type idTracker struct {
	mu  sync.Mutex
	ids map[branchKey]string
}

func (t *idTracker) Track(_ context.Context, e burdock.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Kind == burdock.EventBranchStarted {
		t.ids[branchKey{e.Parent, e.Task, e.Key}] = e.App
	}
	return nil
}

// A spoiling store changes records before it saves them.
type spoiling struct {
	Store
	spoil func(n int, cp *burdock.Checkpoint)
	mu    sync.Mutex
	n     int
}

func (s *spoiling) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	batch = append([]burdock.Checkpoint(nil), batch...)
	s.mu.Lock()
	for i := range batch {
		if batch[i].Kind == burdock.KindStep {
			s.n++
			s.spoil(s.n, &batch[i])
		}
	}
	s.mu.Unlock()
	return s.Store.Save(ctx, fence, batch)
}
