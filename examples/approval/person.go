package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
)

// A person answers reports from the store, knowing neither the graph nor who runs it: what this one does in the same
// process, the command burdock does in another.
type person struct {
	db       inbox
	say      func(format string, args ...any)
	answered chan struct{} // has room for one: something was answered
}

// work answers what waits, in any order, until ctx ends.
func (p *person) work(ctx context.Context) {
	for ctx.Err() == nil {
		all, err := waiting(ctx, p.db)
		rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		for _, cp := range all {
			err = errors.Join(err, p.answer(ctx, cp))
		}
		if err != nil && ctx.Err() == nil {
			p.say("person: %v", err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// waiting returns the steps that wait for a word.
func waiting(ctx context.Context, db burdock.Store) (all []burdock.Checkpoint, err error) {
	for cp, err := range db.List(ctx, burdock.Query{Root: app, Latest: true}) {
		if err != nil {
			return nil, err
		}
		if cp.Status == burdock.StatusWaiting && slices.Contains(cp.Needs, "approve") {
			all = append(all, cp)
		}
	}
	return all, nil
}

// answer gives a person's word. That somebody else was faster is no error.
func (p *person) answer(ctx context.Context, cp burdock.Checkpoint) error {
	w := word{Approve: true}
	if strings.HasPrefix(cp.Key, "dinner") {
		w = word{Comment: "who was there?"}
	}
	err := burdock.Answer(ctx, p.db, cp.Ref(), w)
	switch {
	case errors.Is(err, burdock.ErrAnswered), errors.Is(err, burdock.ErrNotWaiting):
		return nil
	case err != nil:
		return err
	case !w.Approve:
		p.say("person: rejects %s: %s", cp.Key, w.Comment)
	}
	select {
	case p.answered <- struct{}{}:
	default:
	}
	return nil
}
