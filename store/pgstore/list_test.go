package pgstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/pgstore"
)

func TestAListingOfLargeRecordsIsWholeAndInPages(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
	big := strings.Repeat("x", 400_000)
	for i := range int64(7) { // a page has room for three
		b := branch(i)
		two := b
		two.Seq, two.Delta = 2, step("r", 2, big+fmt.Sprint(i)).Delta
		if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{b, two}); err != nil {
			t.Fatal(err)
		}
	}
	n := int64(0)
	for c, err := range s.List(t.Context(), burdock.Query{Parent: burdock.Ref{App: "r", Seq: 1}}) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Index != n/2 || c.Seq != n%2+1 || c.Seq == 2 && text(c) != big+fmt.Sprint(c.Index) {
			t.Fatalf("record %d is branch %d, step %d", n, c.Index, c.Seq)
		}
		n++
	}
	if n != 14 {
		t.Errorf("got %d records, want 14", n)
	}
}

func TestAListingGoesOnWithinLongApplications(t *testing.T) {
	s := open(t, shared.Get(t).DSN(), &pgstore.Options{Schema: fresh()})
	const long = 1300 // more than two pages
	for i := range int64(3) {
		var batch []burdock.Checkpoint
		for seq := range int64(long) {
			c := branch(i)
			c.Seq = seq
			batch = append(batch, c)
			if seq%400 == 7 {
				c.Kind = burdock.KindSnapshot
				batch = append(batch, c)
			}
		}
		if err := s.Save(t.Context(), burdock.Fence{Root: "r", Epoch: 1}, batch); err != nil {
			t.Fatal(err)
		}
	}
	for q, want := range map[*burdock.Query]int{
		{Parent: burdock.Ref{App: "r", Seq: 1}}:                3 * (long + 4),
		{Parent: burdock.Ref{App: "r", Seq: 1}, Rebuild: true}: 3 * (1 + 1 + long - 1 - 1207),
		{App: "r.1", Until: 1000}:                              1001 + 3,
	} {
		n, last, index := 0, int64(-1), int64(-1)
		for c, err := range s.List(t.Context(), *q) {
			if err != nil {
				t.Fatal(err)
			}
			if c.Index != index {
				index, last = c.Index, -1
			}
			if c.Seq < last || c.Seq == last && c.Kind == burdock.KindStep {
				t.Fatalf("%+v: branch %d: step %d after %d", *q, c.Index, c.Seq, last)
			}
			n, last = n+1, c.Seq
		}
		if n != want {
			t.Errorf("%+v: got %d records, want %d", *q, n, want)
		}
	}
}
