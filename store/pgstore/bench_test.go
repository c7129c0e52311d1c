package pgstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
)

// BenchmarkAgainstRaw compares a Save with one prepared insert of the same size, and saves that share commits with
// saves that do not.
func BenchmarkAgainstRaw(b *testing.B) {
	dsn := shared.Get(b).DSN()
	b.Run("RawInsert", func(b *testing.B) {
		schema := fresh()
		admin(b, "CREATE TABLE public."+schema+" (app bigint, seq bigint, kind smallint, body bytea, PRIMARY KEY (app, seq, kind))")
		c, seq := connect(b), 0
		body := make([]byte, 300)
		for b.Loop() {
			seq++
			if _, err := c.Exec(b.Context(), "INSERT INTO public."+schema+" VALUES (1, $1, 0, $2)", seq, body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Save", func(b *testing.B) {
		s, seq := open(b, dsn, &pgstore.Options{Schema: fresh()}), int64(0)
		for b.Loop() {
			seq++
			if err := s.Save(b.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{step("r", seq, "some text")}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, n := range []int{8, 100} {
		for name, save := range map[string]func(context.Context, *pgstore.Store, burdock.Fence, []burdock.Checkpoint) error{
			"Shared": func(ctx context.Context, s *pgstore.Store, f burdock.Fence, batch []burdock.Checkpoint) error {
				return s.Save(ctx, f, batch)
			},
			"Apart": pgstore.SaveApart,
		} {
			b.Run(fmt.Sprintf("%s%d", name, n), func(b *testing.B) {
				s := open(b, dsn+" pool_max_conns=16", &pgstore.Options{Schema: fresh()})
				for b.Loop() {
					var wg sync.WaitGroup
					for i := range int64(n) {
						wg.Go(func() {
							if err := save(b.Context(), s, burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{branch(i)}); err != nil {
								b.Error(err)
							}
						})
					}
					wg.Wait()
				}
			})
		}
	}
}
