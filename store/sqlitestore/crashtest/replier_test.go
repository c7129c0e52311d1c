//go:build unix

package crashtest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

// A replier is who answers the steps of a round, from a process that owns nothing: in any order, some of them twice,
// while children run, between them, and while one is being killed.
type replier struct {
	round *round
	rnd   *rand.Rand
	stop  context.CancelFunc
	ended chan bool

	mu       sync.Mutex
	accepted map[burdock.Ref]reply
	wrong    []violation // of which the round is told when it ends
}

// A reply is what the store has taken for one step.
type reply struct {
	question crashtest.Question
	times    int // that an answer was accepted
}

// replies begins to answer, if the plan asks.
func (r *round) replies(ctx context.Context) *replier {
	a := &replier{round: r, rnd: rand.New(rand.NewPCG(r.seed, 3)), ended: make(chan bool), accepted: map[burdock.Ref]reply{}}
	ctx, a.stop = context.WithCancel(ctx)
	if !r.plan.Asks() {
		close(a.ended)
		return a
	}
	go func() {
		defer close(a.ended)
		for ctx.Err() == nil {
			select {
			case <-time.After(time.Duration(5+a.rnd.IntN(40)) * time.Millisecond):
				a.look(ctx)
			case <-ctx.Done():
			}
		}
	}()
	return a
}

// leave ends what replies has begun.
func (a *replier) leave() {
	a.stop()
	<-a.ended
	a.round.violations = append(a.round.violations, a.wrong...)
}

// look opens the database, as a person's tool would, and answers some of what waits.
func (a *replier) look(ctx context.Context) {
	path := filepath.Join(a.round.dir, crashtest.DatabaseFile)
	if _, err := os.Stat(path); err != nil {
		return // no child has come that far
	}
	db, err := sqlitestore.Open(ctx, path, &sqlitestore.Options{BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		a.failed("open", err)
		return
	}
	defer db.Close()
	s := crashtest.Break(a.round.broken, db)
	all, err := a.round.plan.Questions(ctx, s)
	if err != nil {
		a.failed("list", err)
		return
	}
	a.rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	for _, q := range all {
		if a.rnd.IntN(4) > 0 {
			a.reply(ctx, s, q)
		}
		if a.rnd.IntN(4) == 0 { // a second time, which the store refuses
			a.reply(ctx, s, q)
		}
	}
}

// reply gives one answer, or cancels.
func (a *replier) reply(ctx context.Context, s crashtest.Store, q crashtest.Question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.accepted[q.Ref]
	switch err := q.Reply(ctx, s); {
	case err == nil:
		a.accepted[q.Ref] = reply{q, before.times + 1}
	case errors.Is(err, burdock.ErrNotWaiting): // its owner was faster
	case errors.Is(err, burdock.ErrAnswered) && before.times > 0:
	default:
		a.failed("reply to "+q.Path, err)
	}
}

// failed notes an error, unless it only means that a child has the lock or that the round is over.
func (a *replier) failed(what string, err error) {
	if !errors.Is(err, sqlitestore.ErrLocked) && !errors.Is(err, context.Canceled) {
		a.wrong = append(a.wrong, violation{"reply", what + ": " + err.Error()})
	}
}
