package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// M2, M3: a few branches are pulled in one turn, for as many as there are places. What the sequence has yielded starts in
// the same moment, although the sequence may then take its time, and never more is pulled than may live.
func TestM2_WhatIsYieldedStartsAtOnce(t *testing.T) {
	for name, o := range map[string]burdock.Options{
		"plain": {}, "grace": {Grace: time.Hour}, "tokens": {MaxConcurrency: 1000}, "saved": {Cascade: burdock.Cascade{Store: memory()}},
	} {
		for seed := range uint64(40) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 3))
				names := numbered(40)
				pauses, yielded := map[string]time.Duration{}, map[string]*atomic.Int64{}
				begin := time.Now()
				for _, n := range names {
					yielded[n] = new(atomic.Int64)
					pauses[n] = time.Duration(max(0, rnd.IntN(20)-12)) * time.Second
				}
				work := time.Duration(rnd.IntN(30)) * time.Second
				limit := 1 + rnd.IntN(20)
				var live, most atomic.Int64
				r := rigOf()
				r.opts = &burdock.MapOptions{Limit: limit}
				r.names = func(context.Context) iter.Seq2[string, error] {
					return func(yield func(string, error) bool) {
						for _, n := range names {
							time.Sleep(pauses[n])
							yielded[n].Store(int64(time.Since(begin)))
							if now := live.Add(1); now > most.Load() {
								most.Store(now)
							}
							if !yield(n, nil) {
								return
							}
						}
					}
				}
				r.do = func(_ context.Context, n string) (string, error) {
					if late := time.Since(begin) - time.Duration(yielded[n].Load()); late != 0 {
						t.Errorf("%s, seed %d, limit %d: %s starts %v after it was yielded", name, seed, limit, n, late)
					}
					time.Sleep(work)
					live.Add(-1)
					return n, nil
				}
				o := o
				o.ID = fmt.Sprint(name, seed)
				got, err := r.runWith(t.Context(), t, &o)
				wantWords(t, got, err, strings.Join(names, " "))
				if most.Load() > int64(limit) {
					t.Errorf("%s, seed %d: %d were yielded and had not ended, limit %d", name, seed, most.Load(), limit)
				}
			})
		}
	}
}

// A brittleKey is a key that may misbehave when it is asked for its text.
type brittleKey string

func (k brittleKey) MarshalText() ([]byte, error) {
	switch k {
	case "panics":
		panic("brittle")
	case "exits":
		runtime.Goexit()
	case "fails":
		return nil, errors.New("brittle")
	}
	return []byte(k), nil
}

func (k *brittleKey) UnmarshalText(text []byte) error {
	*k = brittleKey(text)
	return nil
}

// M1: whatever breaks in the middle of a turn fails the visit, also where the engine works on the sequence's goroutine;
// what was yielded before either ran or was skipped, and the next run does all of it.
func TestM1_WhatBreaksInTheMiddleOfATurn(t *testing.T) {
	type sub struct {
		Name brittleKey `state:"name,key"`
	}
	type in struct {
		Name brittleKey `state:"name"`
	}
	type results = burdock.Results[sub, twigOut]
	breaks := map[string]string{ // what the sequence yields at that place → what the error says
		"panics": "brittle", "exits": "Goexit", "fails": "brittle", "": "key of 0 bytes", "b00": `two branches have the key "b00"`,
		"sequence fails": "no more", "sequence panics": "no more", "sequence exits": "Goexit", "too many": "MaxBranches",
	}
	for what, says := range breaks {
		for at := 1; at < 12; at++ {
			for _, limit := range []int{1, 4, 64} {
				started, broken := map[brittleKey]int{}, true
				var all []string
				gate := make(chan struct{}, 1)
				note := burdock.Func("note", func(_ context.Context, in in) (twigOut, error) {
					gate <- struct{}{}
					started[in.Name]++
					<-gate
					return twigOut{string(in.Name)}, nil
				})
				opts := &burdock.MapOptions{Limit: limit}
				if what == "too many" {
					opts.MaxBranches = int64(at)
				}
				m := burdock.MapStates("m", note, func(context.Context, burdock.None) iter.Seq2[sub, error] {
					return func(yield func(sub, error) bool) {
						for i := range 16 {
							name := brittleKey(fmt.Sprintf("b%02d", i))
							if broken && i == at {
								switch what {
								case "sequence fails":
									yield(sub{name}, errors.New("no more"))
									return
								case "sequence panics":
									panic("no more")
								case "sequence exits":
									runtime.Goexit()
								case "too many":
								default:
									name = brittleKey(what)
								}
							}
							if !yield(sub{name}, nil) {
								return
							}
						}
					}
				}, func(_ context.Context, _ burdock.None, rs *results) (bunch, error) {
					all = nil
					for r := range rs.OK() {
						all = append(all, r.Out.Word)
					}
					return bunch{all}, nil
				}, opts)
				app := newApp(t, burdock.MustGraph("g", burdock.Node(m)), nil)
				_, err := app.Run(t.Context())
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Fatalf("%q at %d, limit %d: got %v, want %q", what, at, limit, err, says)
				}
				for name, n := range started {
					if n != 1 || string(name) >= fmt.Sprintf("b%02d", at) {
						t.Errorf("%q at %d, limit %d: %q has started %d times", what, at, limit, name, n)
					}
				}
				if what == "too many" {
					continue
				}
				broken = false
				if out := runTo(t, app, burdock.StopDone); out == nil || strings.Join(all, " ") != strings.Join(numbered(16), " ") {
					t.Errorf("%q at %d, limit %d: then got %q", what, at, limit, all)
				}
			}
		}
	}
}
