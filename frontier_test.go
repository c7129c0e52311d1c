package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// M2: a sequence may wait for results of its own earlier branches at any limit, as what it has yielded is started whatever
// it then does.
func TestM2_ASequenceWaitsForItsOwnResults(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 8, 64} {
		for _, buffer := range []int{1, 2, 0} {
			for name, o := range map[string]*burdock.Options{"plain": {}, "grace": {Grace: time.Hour}, "saved": {Cascade: burdock.Cascade{Store: memory()}}} {
				synctest.Test(t, func(t *testing.T) {
					found := make(chan string, 100)
					r := rigOf()
					r.opts = &burdock.MapOptions{Limit: limit, Buffer: buffer}
					r.names = func(ctx context.Context) iter.Seq2[string, error] {
						return func(yield func(string, error) bool) {
							for open := 1; ; {
								select {
								case n := <-found:
									if n == "" {
										if open--; open == 0 {
											return
										}
										continue
									}
									if !yield(n, nil) {
										return
									}
									open++
								case <-ctx.Done():
									return
								}
							}
						}
					}
					r.do = func(_ context.Context, n string) (string, error) {
						time.Sleep(time.Second)
						return n, nil
					}
					found <- "x"
					found <- ""
					r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
						words := []string{}
						for res := range rs.OK() {
							words = append(words, res.Out.Word)
							if len(res.Out.Word) < 4 {
								found <- res.Out.Word + "0"
								found <- res.Out.Word + "1"
							}
							found <- ""
						}
						return words, rs.Err()
					}
					o := *o
					o.ID = fmt.Sprint(name, limit, buffer)
					got, err := r.runWith(t.Context(), t, &o)
					if err != nil || len(got) != 15 {
						t.Errorf("%s, limit %d, buffer %d: got %v, %v", name, limit, buffer, got, err)
					}
				})
			}
		}
	}
}

// M1, M7: an ill-behaved sequence ends its visit like any other and changes no result.
func TestM1_IllBehavedSequences(t *testing.T) {
	names := numbered(20)
	for what, seq := range map[string]func(yield func(string, error) bool){
		"ignores false": func(yield func(string, error) bool) {
			for range 3 {
				for _, n := range names {
					yield(n, nil)
				}
			}
		},
		"yields when deferred": func(yield func(string, error) bool) {
			defer func() { yield(names[19], nil) }()
			for _, n := range names[:19] {
				if !yield(n, nil) {
					return
				}
			}
		},
		"yields when deferred, with a panic": func(yield func(string, error) bool) {
			defer func() { yield("late", nil) }()
			for _, n := range names[:9] {
				yield(n, nil)
			}
			panic("broken")
		},
		"recovers": func(yield func(string, error) bool) {
			for i := range names {
				func() {
					defer func() { _ = recover() }()
					yield(names[i], nil)
					panic("mine")
				}()
			}
		},
		"recovers and repeats": func(yield func(string, error) bool) {
			for _, n := range names {
				func() {
					defer func() { _ = recover() }()
					yield(n, nil)
				}()
				func() {
					defer func() { _ = recover() }()
					yield(names[0], nil)
				}()
			}
		},
	} {
		for _, limit := range []int{1, 2, 3, 8, 64} {
			for _, stop := range []int{0, 1, 5, 100} {
				m := burdock.MapStates("m", burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil }),
					func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
						return func(yield func(twigKey, error) bool) {
							seq(func(n string, err error) bool { return yield(twigKey{n}, err) })
						}
					},
					func(_ context.Context, _ burdock.None, rs *twigResults) (bunch, error) {
						words := []string{}
						for res := range rs.OK() {
							if len(words) == stop {
								return bunch{words}, nil
							}
							words = append(words, res.Out.Word)
						}
						return bunch{words}, rs.Err()
					}, &burdock.MapOptions{Limit: limit})
				out, err := newApp(t, burdock.MustGraph("g", burdock.Node(m)), nil).Run(t.Context())
				var pe *burdock.PanicError
				switch {
				case err != nil:
					if !strings.Contains(err.Error(), "two branches have the key") && !errors.As(err, &pe) {
						t.Errorf("%s at %d, %d: %v", what, limit, stop, err)
					}
				default:
					got := view[bunch](t, out.State).Words
					if want := names[:min(stop, 20)]; strings.Join(got, " ") != strings.Join(want, " ") {
						t.Errorf("%s at %d, %d: got %v", what, limit, stop, got)
					}
				}
			}
		}
	}
}
