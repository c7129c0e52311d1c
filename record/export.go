package record

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"

	"github.com/burdock-go/burdock"
)

// Export writes a root application with all its descendants, as lines of JSON:
//
//	{"format":"burdock-export","version":1,"root":"run-7"}
//	{"v":1,"root":"run-7","app":"run-7",…}                 the root's checkpoints by number, a snapshot after its step
//	{"v":1,"root":"run-7","app":"b64k…",…}                 those of its first branch, of that one's first branch, …
//	{"apps":1201,"checkpoints":3604,"sha256":"9f86d081…"}  of every byte above
//
// A checkpoint's line is what Append writes of it. Branches stand in the order of their steps, indexes and ids, the index
// being that of the latest step; what is below a branch stands before the next one. So the bytes are a function of what
// is stored: every store gives the same, also after Import.
//
// The fences of checkpoints are left out. A fence says under which claim of this store a record was written; no other
// store has made that claim, and Import writes under one of its own. Events are left out too: a Store does not read
// them, and neither Resume nor a listing needs them.
//
// What is exported is one moment of the application, which nobody has to stop for it: Export reads where all of it
// stands, and then the checkpoints, and fails with ErrConflict if it has been advanced between the two. It fails with
// ErrNotFound if store has no such application, and also if root is a branch, a checkpoint is longer than MaxExportLine,
// or an Import of it was stopped. What w has got by then lacks its last line, and Import refuses it.
//
// It takes about 12 µs for each checkpoint in SQLite, and holds what the store holds for its listing. Where the store has
// another order, as SQLite has among branches of one index, Export also remembers the id and place of each application,
// about 100 bytes, and asks for one after the other.
func Export(ctx context.Context, store burdock.Store, root string, w io.Writer) error {
	if err := export(ctx, store, root, w); err != nil {
		return fmt.Errorf("record: export %q: %w", root, err)
	}
	return nil
}

func export(ctx context.Context, store burdock.Store, root string, w io.Writer) error {
	if err := isRoot(ctx, store, root); err != nil {
		return err
	}
	before, all, err := arranged(ctx, store, root)
	if err != nil {
		return err
	}
	x := newExporter(root, w)
	for c, err := range all {
		if err == nil {
			err = x.add(&c)
		}
		if err != nil {
			return meanwhile(err)
		}
	}
	if err := x.order.end(); err != nil {
		return meanwhile(err)
	}
	if x.seen.add(x.latest); x.seen != before {
		return errMeanwhile
	}
	return x.end()
}

// errMeanwhile means that what was read is not where the application stood at one moment.
var errMeanwhile = fmt.Errorf("it was advanced meanwhile; export it when it rests: %w", burdock.ErrConflict)

// meanwhile is why checkpoints cannot be exported whose order was right before.
func meanwhile(err error) error {
	if errors.Is(err, errOrder) {
		return errMeanwhile
	}
	return err
}

// isRoot fails unless store has root, and as a root.
func isRoot(ctx context.Context, store burdock.Store, root string) error {
	c, err := store.Load(ctx, burdock.Ref{App: root, Seq: -1})
	if err == nil && c.Root != root {
		err = fmt.Errorf("it is a branch of %q; export that", c.Root)
	}
	return err
}

// A stand is where the applications of a root stand: the sum of their latest records, in whatever order.
type stand struct {
	apps int64
	sum  [sha256.Size]byte
}

func (s *stand) add(latest [sha256.Size]byte) {
	s.apps++
	for i, b := range latest {
		s.sum[i] ^= b
	}
}

// survey reads where the applications of a root stand, and calls each with their latest records.
func survey(ctx context.Context, store burdock.Store, root string, each func(*burdock.Checkpoint) error) (s stand, err error) {
	var buf []byte
	for c, err := range store.List(ctx, burdock.Query{Root: root, Latest: true}) {
		if err == nil {
			err = each(&c)
		}
		if err == nil {
			buf, err = appendExported(buf[:0], &c)
		}
		if err != nil {
			return s, err
		}
		s.add(sha256.Sum256(buf))
	}
	return s, nil
}

// arranged says where the applications of a root stand, and lists their checkpoints in the order of an export. Where the
// store has another order, the listing asks for one application after the other.
func arranged(ctx context.Context, store burdock.Store, root string) (before stand, all iter.Seq2[burdock.Checkpoint, error], err error) {
	o := order{root: root}
	before, err = survey(ctx, store, root, func(c *burdock.Checkpoint) error {
		_, err := o.add(c)
		return err
	})
	if err == nil {
		err = o.end()
	}
	if !errors.Is(err, errOrder) {
		return before, store.List(ctx, burdock.Query{Root: root}), err
	}
	branches := map[string][]rank{} // by parent
	before, err = survey(ctx, store, root, func(c *burdock.Checkpoint) error {
		if c.App != root {
			branches[c.Parent.App] = append(branches[c.Parent.App], rank{c.Parent.Seq, c.Index, c.App})
		}
		return nil
	})
	for _, list := range branches {
		slices.SortFunc(list, rank.compare)
	}
	if lost := before.apps - below(root, branches); err == nil && lost != 0 {
		err = fmt.Errorf("%d of its %d applications stand below one that has no checkpoint", lost, before.apps)
	}
	return before, func(yield func(burdock.Checkpoint, error) bool) { descend(ctx, store, root, branches, yield) }, err
}

// below counts an application and all below it.
func below(app string, branches map[string][]rank) (n int64) {
	for _, b := range branches[app] {
		n += below(b.app, branches)
	}
	return n + 1
}

// descend yields the checkpoints of an application and of all below it. It reports false if the loop has ended.
func descend(ctx context.Context, store burdock.Store, app string, branches map[string][]rank, yield func(burdock.Checkpoint, error) bool) bool {
	for c, err := range store.List(ctx, burdock.Query{App: app}) {
		if !yield(c, err) || err != nil {
			return false
		}
	}
	for _, b := range branches[app] {
		if !descend(ctx, store, b.app, branches, yield) {
			return false
		}
	}
	return true
}

// appendExported appends a checkpoint's line without its end.
func appendExported(dst []byte, c *burdock.Checkpoint) ([]byte, error) {
	bare := *c
	bare.Fence = burdock.Fence{}
	line, err := Append(dst, &bare)
	if n := len(line) - len(dst); n > MaxExportLine {
		err = fmt.Errorf("checkpoint %s of %q has %d bytes; a line of an export has %d at most", position(c), c.App, n, MaxExportLine)
	}
	return line, err
}

// An exporter writes the lines of an export.
type exporter struct {
	order  order
	out    *bufio.Writer // to w and into sum
	w      io.Writer
	sum    hash.Hash
	buf    []byte
	seen   stand // of the applications that have ended
	latest [sha256.Size]byte
}

func newExporter(root string, w io.Writer) *exporter {
	x := &exporter{order: order{root: root}, w: w, sum: sha256.New()}
	x.out = bufio.NewWriterSize(io.MultiWriter(w, x.sum), 64<<10)
	_, _ = x.out.Write(appendHeader(nil, root)) // a bufio.Writer keeps its error
	return x
}

func (x *exporter) add(c *burdock.Checkpoint) (err error) {
	begins, err := x.order.add(c)
	if err != nil {
		return err
	}
	if x.buf, err = appendExported(x.buf[:0], c); err != nil {
		return err
	}
	if begins && x.order.apps > 1 {
		x.seen.add(x.latest)
	}
	if c.Kind == burdock.KindStep {
		x.latest = sha256.Sum256(x.buf)
	}
	_, err = x.out.Write(append(x.buf, '\n'))
	return err
}

// end writes the last line.
func (x *exporter) end() error {
	if err := x.out.Flush(); err != nil {
		return err
	}
	t := totals{x.order.apps, x.order.checkpoints, fmt.Sprintf("%x", x.sum.Sum(nil))}
	_, err := x.w.Write(t.append(nil))
	return err
}
