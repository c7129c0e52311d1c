package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/burdock-go/burdock/examples/review/internal/cache"
)

// ErrClosed is returned by [Blobs.Get] after [Blobs.Close].
var ErrClosed = errors.New("blobs are closed")

// BlobsOptions configure [Repo.Blobs].
type BlobsOptions struct {
	Processes int   // git cat-file children alive at once. Defaults to 2.
	Cache     int64 // bytes of content kept in memory. Defaults to 32 MiB.
}

// Blobs read contents by object id, through a cache, from a bounded pool of
// "git cat-file --batch" children.
//
//	Get(oid) ─> cache ─> a free child ─> "<oid>\n" ─> content
//
// Children start when they are needed, and live until Close or until a read
// from them fails. Blobs are safe for concurrent use.
type Blobs struct {
	repo   *Repo
	cache  *cache.Cache[string, []byte]
	free   chan *batch // one token per child; nil when it is not started
	closed chan struct{}
	once   sync.Once
}

// Blobs returns a reader of the repository's contents, to be closed after use.
func (r *Repo) Blobs(opts *BlobsOptions) *Blobs {
	o := BlobsOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Processes <= 0 {
		o.Processes = 2
	}
	if o.Cache <= 0 {
		o.Cache = 32 << 20
	}
	b := &Blobs{
		repo:   r,
		cache:  cache.New[string](o.Cache, func(content []byte) int64 { return int64(len(content)) }),
		free:   make(chan *batch, o.Processes),
		closed: make(chan struct{}),
	}
	for range o.Processes {
		b.free <- nil
	}
	return b
}

// Get returns the content of a blob of at most max bytes. The content is
// shared and must not be changed. A larger blob is an error and is never held
// in memory. When ctx ends during the read, its child is killed.
func (b *Blobs) Get(ctx context.Context, oid string, max int64) ([]byte, error) {
	content, err := b.cache.Get(ctx, oid, func(ctx context.Context) ([]byte, error) { return b.read(ctx, oid, max) })
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", oid, err)
	}
	return content, nil
}

// read takes a child from the pool, and puts it back if it still works. A
// child that died since its last read is replaced once.
func (b *Blobs) read(ctx context.Context, oid string, max int64) ([]byte, error) {
	var child *batch
	select {
	case <-b.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case child = <-b.free:
	}
	defer func() { b.free <- child }()
	for {
		used := child != nil
		if !used {
			var err error
			if child, err = startBatch(ctx, b.repo); err != nil {
				return nil, err
			}
		}
		content, whole, err := child.read(ctx, oid, max)
		if whole {
			return content, err
		}
		child.kill()
		child = nil
		if !used || !errors.Is(err, errEnded) {
			return nil, err
		}
	}
}

// Close waits for the reads under way and ends every child. It may be called
// more than once.
func (b *Blobs) Close() {
	b.once.Do(func() {
		close(b.closed)
		for range cap(b.free) {
			if child := <-b.free; child != nil {
				child.close()
			}
		}
	})
}
