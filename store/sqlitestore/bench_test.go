package sqlitestore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// raw is one table in a file of its own, with the same durability, behind database/sql.
type raw struct {
	db     *sql.DB
	insert *sql.Stmt
}

func openRaw(b *testing.B) *raw {
	b.Helper()
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "raw.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(4000)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	b.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(b.Context(), `CREATE TABLE step(app TEXT, seq INTEGER, status TEXT, body BLOB, PRIMARY KEY (app, seq)) WITHOUT ROWID`); err != nil {
		b.Fatal(err)
	}
	stmt, err := db.PrepareContext(b.Context(), `INSERT INTO step VALUES (?, ?, ?, ?)`)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stmt.Close() })
	return &raw{db, stmt}
}

func (r *raw) save(ctx context.Context, c burdock.Checkpoint) error {
	body, err := record.Marshal(c)
	if err != nil {
		return err
	}
	_, err = r.insert.ExecContext(ctx, c.App, c.Seq, string(c.Status), body)
	return err
}

// BenchmarkDurableStep compares Save with a raw prepared insert of the same record, in turns, since the time of a sync
// moves between runs. The ratio of the medians is the figure.
func BenchmarkDurableStep(b *testing.B) {
	s, r, ctx := open(b, filepath.Join(b.TempDir(), "test.db"), nil), openRaw(b), context.Background()
	var ours, theirs []time.Duration
	seq := int64(0)
	for b.Loop() {
		for range 10 {
			seq++
			c := step("r", seq, "some text")
			began := time.Now()
			if err := s.Save(ctx, burdock.Fence{Root: "r", Epoch: 1}, []burdock.Checkpoint{c}); err != nil {
				b.Fatal(err)
			}
			middle := time.Now()
			if err := r.save(ctx, c); err != nil {
				b.Fatal(err)
			}
			ours, theirs = append(ours, middle.Sub(began)), append(theirs, time.Since(middle))
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	n := len(ours) / 2
	b.ReportMetric(float64(ours[n].Nanoseconds()), "ns/save")
	b.ReportMetric(float64(theirs[n].Nanoseconds()), "ns/raw")
	b.ReportMetric(float64(ours[n])/float64(theirs[n]), "ratio")
}

// BenchmarkTrack is what a step pays for an event.
func BenchmarkTrack(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "test.db"), nil)
	tr, n := s.Tracker(nil), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		if err := tr.Track(b.Context(), event("r", 1, n)); err != nil {
			b.Fatal(err)
		}
	}
	if err := tr.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
