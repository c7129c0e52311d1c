package storetest

import (
	"fmt"
	"testing"

	"github.com/burdock-go/burdock"
)

// Benchmark measures a store: one step at a time, branches that save at once, and the listings of a resume. open
// registers its own clean-up with b.
func Benchmark(b *testing.B, open func(b *testing.B) burdock.Store) {
	b.Run("Save", func(b *testing.B) { benchSave(b, open(b)) })
	for _, n := range []int{8, 100} {
		b.Run(fmt.Sprintf("SaveParallel%d", n), func(b *testing.B) { benchParallel(b, open(b), n) })
	}
	b.Run("ClaimRelease", func(b *testing.B) { benchClaim(b, open(b)) })
	b.Run("List", func(b *testing.B) { benchList(b, open(b)) })
}

func benchSave(b *testing.B, s burdock.Store) {
	b.ReportAllocs()
	seq := int64(0)
	for b.Loop() {
		seq++
		c := step("r", seq, "b", set("x", "1"), set("y", `"some text"`))
		if err := s.Save(b.Context(), c.Fence, []burdock.Checkpoint{c}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchParallel is n workers that save branches of three steps.
func benchParallel(b *testing.B, s burdock.Store, n int) {
	work := make(chan int64)
	ended := make(chan error, n)
	for range n {
		go func() {
			var err error
			for i := range work {
				for seq := int64(1); seq <= 3 && err == nil; seq++ {
					c := branch("r", burdock.Ref{App: "r", Seq: 1}, i, seq)
					err = s.Save(b.Context(), c.Fence, []burdock.Checkpoint{c})
				}
			}
			ended <- err
		}()
	}
	i := int64(0)
	for b.Loop() {
		work <- i
		i++
	}
	close(work)
	for range n {
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
}

func benchClaim(b *testing.B, s burdock.Store) {
	for b.Loop() {
		c, err := s.Claim(b.Context(), "r")
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Release(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// benchList reads 20,000 branches of two steps, in every way a resume does.
func benchList(b *testing.B, s burdock.Store) {
	const n = 20_000
	visit := burdock.Ref{App: "r", Seq: 1}
	batch := []burdock.Checkpoint{step("r", 1, "")}
	for i := range int64(n) {
		one, two := branch("r", visit, i, 1), branch("r", visit, i, 2)
		one.Next, two.Join = "b", n-i
		batch = append(batch, one, two)
	}
	if err := s.Save(b.Context(), burdock.Fence{Root: "r", Epoch: 1}, batch); err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]burdock.Query{
		"Parent": {Parent: visit}, "Rebuild": {Parent: visit, Rebuild: true}, "Latest": {Parent: visit, Latest: true},
		"Join": {Parent: visit, Join: true, Latest: true}, "Root": {Root: "r"},
	} {
		b.Run(name, func(b *testing.B) {
			rows := 0
			for b.Loop() {
				for _, err := range s.List(b.Context(), q) {
					if err != nil {
						b.Fatal(err)
					}
					rows++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}
