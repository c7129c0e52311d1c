package burdock_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
)

// R2, M8: a visit that ends because the visit around it has failed, or because the reduce around it has returned, is
// cancelled like any other step. Its reduce has not seen all results, so what it returns is discarded, also when the
// branch around it runs again.
func TestVisitCancelledByTheOneAroundItIsNotCompleted(t *testing.T) {
	for _, how := range []string{"a sibling fails", "reduce returns"} {
		t.Run(how, func(t *testing.T) {
			inside, failed := make(chan bool), false
			once := func() error {
				if failed {
					return nil
				}
				failed = true
				return errors.New("no")
			}
			leaf := burdock.Func("leaf", func(ctx context.Context, in twigIn) (twigOut, error) {
				select {
				case <-inside:
					return twigOut{"<" + in.Name + ">"}, nil
				default:
				}
				close(inside)
				<-ctx.Done()
				return twigOut{}, ctx.Err()
			})
			inner := burdock.MapStates("inner", leaf,
				func(_ context.Context, in nameState) iter.Seq2[twigKey, error] {
					return burdock.Each([]string{in.Name}, func(name string) twigKey { return twigKey{name} })
				},
				func(_ context.Context, _ nameState, rs *twigResults) (twigOut, error) {
					return twigOut{"inner" + strings.Join(wordsOf(rs.OK()), "")}, nil
				}, nil)
			other := burdock.Func("other", func(context.Context, nameState) (twigOut, error) {
				<-inside
				if how == "a sibling fails" {
					return twigOut{"other"}, once()
				}
				return twigOut{"other"}, nil
			})
			outer := burdock.MapActions("outer", burdock.Actions(inner, other),
				func(context.Context, burdock.None) (nameState, error) { return nameState{"a"}, nil },
				func(_ context.Context, _ burdock.None, rs *burdock.Results[nameState, twigOut]) (out bunch, _ error) {
					for r := range rs.AsDone() {
						out.Words = append(out.Words, r.Out.Word)
						if how == "reduce returns" {
							if err := once(); err != nil {
								return out, err
							}
						}
					}
					slices.Sort(out.Words)
					return out, rs.Err()
				}, nil).With(burdock.Retry{Backoff: 1})
			app := newApp(t, burdock.MustGraph("nested", burdock.Node(outer)), stored(memory(), burdock.None{}))
			got, err := burdock.Read[bunch](app.Run(t.Context()))
			wantWords(t, got.Words, err, "inner<a> other")
		})
	}
}
