package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/burdock-go/burdock"
)

// An Imported says what Import has taken over.
type Imported struct {
	Root        string
	Status      burdock.Status // as AppStatus says it of an application that nobody advances
	Apps        int64          // the root and its branches
	Checkpoints int64
}

// Import saves an application that Export has written. It keeps its ids, its records and its state, and goes on with
// Resume; what was in mid-step is as stale as after a kill. Its checkpoints carry the fence of the claim under which
// Import saves them. A copy that goes on beside its original does the rest a second time, under the same idempotency
// keys.
//
// Before anything is saved, all of r is read and found to be what Export writes: the version, the checksum, the counts,
// and that each line is a checkpoint of this root, in its place, with an id of its own. Since it is read again later,
// it is copied to a temporary file meanwhile: r may be a pipe, and a file may change. The copy has no name where the
// system can remove that of an open file, so that nothing stays of it after a kill.
//
// Import fails with a *FormatError if something is wrong with r. It fails with ErrExists if store has the root, an id
// of its branches below another root, or branches of it that r has not. It fails with ErrConflict while somebody else
// has claimed the root. In all these cases nothing is saved.
//
// Checkpoints are saved in batches, the root's last. So an Import that was killed, or whose ctx has ended, leaves no
// application but branches that no listing of roots shows, and importing the same once more completes it. A root with
// more checkpoints than a batch has a failed step in the place of its latest until all are saved: it tells what has
// happened, and keeps everybody from resuming what is not whole.
//
// It takes about 25 µs for each checkpoint in SQLite, and holds a batch, some MB, and about 40 bytes for each application.
func Import(ctx context.Context, store burdock.Store, r io.Reader) (Imported, error) {
	im := importer{store: store, ids: map[[16]byte]struct{}{}}
	err := im.open()
	if err == nil {
		if err = im.read(ctx, r); err == nil {
			err = im.save(ctx)
		}
		im.close()
	}
	switch {
	case err == nil:
		return Imported{im.order.root, AppStatus(im.last, false), im.order.apps, im.order.checkpoints}, nil
	case im.order.root == "":
		return Imported{}, fmt.Errorf("record: import: %w", err)
	}
	return Imported{}, fmt.Errorf("record: import %q: %w", im.order.root, err)
}

// An importer is one call of Import.
type importer struct {
	store burdock.Store
	order order
	ids   map[[16]byte]struct{} // hashes of all ids
	last  burdock.Checkpoint    // the root's latest step, without values
	buf   []byte

	file                 *os.File // what was read
	begin, branches, end int64    // where in it the root's checkpoints begin, those of branches, and the last line
}

func (im *importer) open() (err error) {
	if im.file, err = os.CreateTemp("", "burdock-import-*"); err == nil {
		_ = os.Remove(im.file.Name()) // where that fails, close does it
	}
	return err
}

func (im *importer) close() {
	_ = im.file.Close() // nobody reads it any more
	_ = os.Remove(im.file.Name())
}

// Write keeps what is read.
func (im *importer) Write(p []byte) (int, error) {
	n, err := im.file.Write(p)
	if err != nil {
		err = fmt.Errorf("copy it to a temporary file: %w; TMPDIR names a folder with more room", err)
	}
	return n, err
}

// read reads all of r and makes sure that Export has written it.
func (im *importer) read(ctx context.Context, r io.Reader) error {
	l := newLines(io.TeeReader(r, im), 0)
	if err := im.readHeader(l); err != nil {
		return err
	}
	if err := im.absent(ctx); err != nil { // which is asked again under the claim, and known early here
		return err
	}
	sum := sha256.New()
	for im.begin = l.pos; ; {
		sum.Write(l.buf)
		im.end = l.pos
		line, err := l.next(MaxExportLine)
		switch {
		case errors.Is(err, io.EOF):
			return damagedLine(l.n+1, errors.New("the last line is missing"))
		case err == nil:
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(line, []byte(checkpointLine)) {
			return im.finish(l, fmt.Sprintf("%x", sum.Sum(nil)))
		}
		if err := im.check(line); err != nil {
			return damagedLine(l.n, err)
		}
		if len(im.order.open) == 1 {
			im.branches = l.pos
		}
	}
}

func (im *importer) readHeader(l *lines) error {
	line, err := l.next(maxHeader)
	switch {
	case errors.Is(err, io.EOF):
		return notExport(errors.New("it is empty"))
	case errors.Is(err, ErrDamagedExport): // too long, or without an end
		return notExport(nil)
	case err != nil:
		return err
	}
	im.order.root, err = rootOfHeader(line)
	return err
}

// check takes one checkpoint.
func (im *importer) check(line []byte) error {
	c, err := im.decode(line)
	if err != nil {
		return err
	}
	begins, err := im.order.add(&c)
	if err != nil {
		return err
	}
	if begins {
		id := shortSum([]byte(c.App))
		if _, twice := im.ids[id]; twice {
			return fmt.Errorf("application %q begins a second time", c.App)
		}
		im.ids[id] = struct{}{}
	}
	if c.App == c.Root && c.Kind == burdock.KindStep {
		c.Description, c.Inputs, c.Messages, c.Delta, c.Error, c.Unknown = nil, nil, nil, nil, nil, nil
		im.last = c
	}
	return nil
}

// decode decodes the line of a checkpoint, and fails if Export would write another one.
func (im *importer) decode(line []byte) (burdock.Checkpoint, error) {
	c, err := Unmarshal(line)
	if err != nil {
		return c, fmt.Errorf("it is no checkpoint: %w", errors.Unwrap(err))
	}
	im.buf, err = appendExported(im.buf[:0], &c)
	if err == nil && !bytes.Equal(im.buf, line) {
		err = fmt.Errorf("checkpoint %s of %q is not written as an export writes it", position(&c), c.App)
	}
	return c, err
}

// finish takes the last line, which l has read.
func (im *importer) finish(l *lines, sum string) error {
	said, err := totalsOf(bytes.TrimSuffix(l.buf, []byte("\n")))
	if err == nil {
		err = im.order.end()
	}
	got := totals{im.order.apps, im.order.checkpoints, sum}
	switch {
	case err != nil:
	case said.sum != got.sum:
		err = errors.New("the lines before it do not have its checksum")
	case said != got:
		err = fmt.Errorf("it counts %d checkpoints of %d applications, and there are %d of %d", said.checkpoints, said.apps, got.checkpoints, got.apps)
	}
	if err != nil {
		return damagedLine(l.n, err)
	}
	switch _, err := l.next(0); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil || errors.Is(err, ErrDamagedExport):
		return damagedLine(l.n+1, errors.New("something follows the last line"))
	default:
		return err
	}
}

// each calls f with every checkpoint of the file between two positions.
func (im *importer) each(from, to int64, f func(line []byte, c *burdock.Checkpoint) error) error {
	if _, err := im.file.Seek(from, io.SeekStart); err != nil {
		return err
	}
	for l := newLines(im.file, from); l.pos < to; {
		line, err := l.next(MaxExportLine)
		if err != nil {
			return err
		}
		c, err := Unmarshal(line)
		if err == nil {
			err = f(line, &c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// absent fails with ErrExists if the store has the root.
func (im *importer) absent(ctx context.Context) error {
	c, err := im.store.Load(ctx, burdock.Ref{App: im.order.root, Seq: -1})
	switch {
	case errors.Is(err, burdock.ErrNotFound):
		return nil
	case err != nil:
		return err
	case c.Root != im.order.root:
		return elsewhere(&c)
	case isStandIn(&c):
		return nil
	}
	return fmt.Errorf("%w; prune it first, or import it into another store", burdock.ErrExists)
}

func elsewhere(c *burdock.Checkpoint) error {
	return fmt.Errorf("%w: %q is the id of a branch of %q; import it into another store", burdock.ErrExists, c.App, c.Root)
}

// free fails with ErrExists if an application of the file belongs to another root in the store, or the store has of this
// root what the file has not.
func (im *importer) free(ctx context.Context) error {
	left, err := im.left(ctx)
	if err != nil {
		return err
	}
	last := im.order.root
	if err := im.each(im.begin, im.end, func(line []byte, c *burdock.Checkpoint) error {
		delete(left, shortSum(line))
		if c.App == last {
			return nil
		}
		last = c.App
		there, err := im.store.Load(ctx, burdock.Ref{App: c.App, Seq: -1})
		switch {
		case errors.Is(err, burdock.ErrNotFound):
			return nil
		case err == nil && there.Root != c.Root:
			return elsewhere(&there)
		}
		return err
	}); err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: the store has %d of its checkpoints that the file has not, from an import or a copy that was stopped; complete that, or import it into another store",
			burdock.ErrExists, len(left))
	}
	return nil
}

// left are the sums of the lines of what an import that was stopped has saved.
func (im *importer) left(ctx context.Context) (map[[16]byte]struct{}, error) {
	left := map[[16]byte]struct{}{}
	var buf []byte
	for c, err := range im.store.List(ctx, burdock.Query{Root: im.order.root}) {
		if err == nil {
			buf, err = appendExported(buf[:0], &c)
		}
		if err != nil {
			return nil, err
		}
		if !isStandIn(&c) {
			left[shortSum(buf)] = struct{}{}
		}
	}
	return left, nil
}

// save claims the root and saves what was read.
func (im *importer) save(ctx context.Context) (err error) {
	claim, err := im.store.Claim(ctx, im.order.root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, claim.Release(context.WithoutCancel(ctx))) }()
	if err := im.absent(ctx); err != nil {
		return err
	}
	if err := im.free(ctx); err != nil {
		return err
	}
	b := batch{store: im.store, fence: claim.Fence()}
	if err := im.each(im.branches, im.end, func(line []byte, c *burdock.Checkpoint) error {
		if b.full(line) {
			if err := b.save(ctx); err != nil {
				return err
			}
		}
		b.add(line, c)
		return nil
	}); err != nil {
		return err
	}
	if err := b.save(ctx); err != nil {
		return err
	}
	return im.saveRoot(ctx, &b)
}

// saveRoot saves the root's checkpoints, the latest step in the last batch, with a snapshot that follows it.
func (im *importer) saveRoot(ctx context.Context, b *batch) error {
	begun := false
	if err := im.each(im.begin, im.branches, func(line []byte, c *burdock.Checkpoint) error {
		if b.full(line) && b.list[len(b.list)-1].Seq < im.last.Seq {
			if !begun {
				b.add(nil, im.standIn())
			}
			begun = true
			if err := b.save(ctx); err != nil {
				return err
			}
		}
		b.add(line, c)
		return nil
	}); err != nil {
		return err
	}
	return b.save(ctx)
}

// importStopped is the type of the failure of a root that is not whole.
const importStopped = "burdock import"

// standIn stands in the place of the root's latest step as long as the root is not whole. Without a graph's hash and an
// action nobody can resume it.
func (im *importer) standIn() *burdock.Checkpoint {
	c := im.last
	c.Status, c.Action, c.GraphHash, c.Next, c.Route, c.Halted, c.Needs = burdock.StatusFailed, "", "", "", "", "", nil
	c.RetryAt, c.Ended = time.Time{}, Written(c)
	c.Error = &burdock.Failure{Seq: c.Seq, Text: "its import was stopped; import it again, or prune it", Type: importStopped}
	return &c
}

func isStandIn(c *burdock.Checkpoint) bool {
	return c.Status == burdock.StatusFailed && c.GraphHash == "" && c.Error != nil && c.Error.Type == importStopped
}

// A batch is what Import saves at once.
type batch struct {
	store burdock.Store
	fence burdock.Fence
	list  []burdock.Checkpoint
	bytes int
}

// A batch ends before this many checkpoints or bytes of lines, unless one line alone has more.
const (
	batchLen   = 1000
	batchBytes = 4 << 20
)

func (b *batch) full(next []byte) bool {
	return len(b.list) > 0 && (len(b.list) >= batchLen || b.bytes+len(next) > batchBytes)
}

func (b *batch) add(line []byte, c *burdock.Checkpoint) {
	c.Fence = b.fence
	b.list = append(b.list, *c)
	b.bytes += len(line)
}

func (b *batch) save(ctx context.Context) error {
	if len(b.list) == 0 {
		return nil
	}
	err := b.store.Save(ctx, b.fence, b.list)
	clear(b.list)
	b.list, b.bytes = b.list[:0], 0
	return err
}

// shortSum is a hash by which things are told apart.
func shortSum(data []byte) [16]byte {
	sum := sha256.Sum256(data)
	return [16]byte(sum[:16])
}
