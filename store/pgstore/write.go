package pgstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/burdock-go/burdock"
)

// raise makes the rows of the fences that are to be written, raises what is lower, and locks every one of them until
// the commit, in the order of the roots. Parameters: roots, epochs, dispatches.
const raise = `INSERT INTO burdock.fence AS f (root, epoch, dispatch)
	SELECT root, epoch, dispatch FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) v(root, epoch, dispatch) ORDER BY root
	ON CONFLICT (root) DO UPDATE SET epoch = excluded.epoch, dispatch = excluded.dispatch
	WHERE (f.epoch, f.dispatch) < (excluded.epoch, excluded.dispatch)`

// highest tells the caller what admitted tells the statements: whose fence counts.
const highest = `SELECT root, epoch, dispatch FROM burdock.fence WHERE root = ANY($1::bytea[])`

// Every statement below that writes joins the fence of each row, $1 to $3, with the highest one. So what is stale is left
// out without a round trip that would ask first.

const putGraphs = `INSERT INTO burdock.graph (digest, description)
	SELECT v.digest, v.description FROM unnest($1::bytea[], $2::bytea[]) v(digest, description)
	WHERE NOT EXISTS (SELECT FROM burdock.graph g WHERE g.digest = v.digest) ORDER BY v.digest
	ON CONFLICT DO NOTHING`

// putApps writes only what is not there yet, so that a step of a known application locks nothing here.
const putApps = `INSERT INTO burdock.app (name, root, parent, parent_seq, idx, orphan)
	SELECT v.name, v.root, v.parent, v.seq, v.idx,
		v.parent <> '' AND NOT EXISTS (SELECT FROM burdock.app p WHERE p.name = v.parent AND p.root IS NOT NULL)
	FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[])
		v(root, epoch, dispatch, name, parent, seq, idx)
	JOIN burdock.fence f ON (f.root, f.epoch, f.dispatch) = (v.root, v.epoch, v.dispatch)
	WHERE NOT EXISTS (SELECT FROM burdock.app o WHERE o.name = v.name
		AND o.root = v.root AND o.parent = v.parent AND o.parent_seq = v.seq AND o.idx = v.idx)
	ORDER BY v.name
	ON CONFLICT (name) DO UPDATE SET root = excluded.root, parent = excluded.parent, parent_seq = excluded.parent_seq,
		idx = excluded.idx, orphan = excluded.orphan`

const putCheckpoints = `INSERT INTO burdock.checkpoint (app, seq, kind, lists, joined, waits, graph, body)
	SELECT a.id, v.seq, v.kind, v.lists, v.joined, v.waits, v.graph, v.body
	FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::boolean[], $8::bigint[],
		$9::boolean[], $10::bytea[], $11::bytea[]) v(root, epoch, dispatch, name, seq, kind, lists, joined, waits, graph, body)
	JOIN burdock.fence f ON (f.root, f.epoch, f.dispatch) = (v.root, v.epoch, v.dispatch) JOIN burdock.app a ON a.name = v.name
	ON CONFLICT (app, seq, kind) DO UPDATE SET lists = excluded.lists, joined = excluded.joined, waits = excluded.waits,
		graph = excluded.graph, body = excluded.body`

const putRuns = `INSERT INTO burdock.run AS r (app, seq, updated, status, project, partition)
	SELECT a.id, v.seq, v.updated, v.status, v.project, v.part
	FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[], $9::bytea[])
		v(root, epoch, dispatch, name, seq, updated, status, project, part)
	JOIN burdock.fence f ON (f.root, f.epoch, f.dispatch) = (v.root, v.epoch, v.dispatch) JOIN burdock.app a ON a.name = v.name
	ON CONFLICT (app) DO UPDATE SET seq = excluded.seq, updated = excluded.updated, status = excluded.status,
		project = excluded.project, partition = excluded.partition WHERE excluded.seq >= r.seq`

// Columns of one statement, an array each.
type (
	fenceColumns struct {
		root            [][]byte
		epoch, dispatch []int64
	}
	appColumns struct {
		fenceColumns
		name, parent [][]byte
		seq, index   []int64
	}
	checkpointColumns struct {
		fenceColumns
		name      [][]byte
		seq, kind []int64
		lists     []bool
		joined    []int64
		waits     []bool
		graph     [][]byte
		body      [][]byte
	}
	runColumns struct {
		fenceColumns
		name                  [][]byte
		seq, updated          []int64
		status, project, part [][]byte
	}
)

// A content is what one transaction writes.
type content struct {
	fences      map[string]burdock.Fence // by root, the highest
	graphs      map[string][]byte        // by digest
	apps        appColumns
	checkpoints checkpointColumns
	runs        runColumns
	forgotten   forgetfulness
}

// A recordID is what a checkpoint is identified by.
type recordID struct {
	app       string
	seq, kind int64
}

// contentOf arranges saves in columns.
func contentOf(saves []*save) *content {
	t := &content{fences: map[string]burdock.Fence{}, graphs: map[string][]byte{}}
	for _, sv := range saves {
		t.add(sv)
	}
	return t
}

// add arranges one save. Of two records of one identity the later counts, for an application's place and for a root's
// listing too.
func (t *content) add(sv *save) {
	if f, ok := t.fences[sv.fence.Root]; !ok || below(f, sv.fence) {
		t.fences[sv.fence.Root] = sv.fence
	}
	apps, records, runs := map[string]*row{}, map[recordID]*row{}, map[string]*row{}
	for i := range sv.rows {
		r := &sv.rows[i]
		if r.digest != nil {
			t.graphs[string(r.digest)] = r.description
		}
		apps[r.app], records[r.id()] = r, r
		if r.root && (runs[r.app] == nil || runs[r.app].seq <= r.seq) {
			runs[r.app] = r
		}
	}
	for i := range sv.rows {
		r := &sv.rows[i]
		if apps[r.app] == r {
			t.apps.add(sv.fence, r)
		}
		if records[r.id()] == r {
			t.checkpoints.add(sv.fence, r)
		}
		if runs[r.app] == r {
			t.runs.add(sv.fence, r)
		}
		t.forgotten.add(sv.fence, r)
	}
}

func (r *row) id() recordID { return recordID{r.app, r.seq, r.kind} }

func (c *fenceColumns) add(f burdock.Fence) {
	c.root, c.epoch, c.dispatch = append(c.root, []byte(f.Root)), append(c.epoch, f.Epoch), append(c.dispatch, f.Dispatch)
}

func (c *appColumns) add(f burdock.Fence, r *row) {
	c.fenceColumns.add(f)
	c.name, c.parent = append(c.name, []byte(r.app)), append(c.parent, []byte(r.parent))
	c.seq, c.index = append(c.seq, r.parentSeq), append(c.index, r.index)
}

func (c *checkpointColumns) add(f burdock.Fence, r *row) {
	c.fenceColumns.add(f)
	c.name, c.seq, c.kind = append(c.name, []byte(r.app)), append(c.seq, r.seq), append(c.kind, r.kind)
	c.lists, c.joined, c.waits = append(c.lists, r.lists), append(c.joined, r.join), append(c.waits, r.waits)
	c.graph, c.body = append(c.graph, r.digest), append(c.body, r.body)
}

func (c *runColumns) add(f burdock.Fence, r *row) {
	c.fenceColumns.add(f)
	c.name, c.seq, c.updated = append(c.name, []byte(r.app)), append(c.seq, r.seq), append(c.updated, r.updated)
	c.status, c.project, c.part = append(c.status, []byte(r.status)), append(c.project, []byte(r.project)), append(c.part, []byte(r.part))
}

// transact writes saves, with the events that are theirs, and other events in one transaction; a stale save gets its error and is left out. Any other error is
// returned: nothing is written, or, if it is a cutError, nobody knows.
func (s *Store) transact(ctx context.Context, saves []*save, events []pending) error {
	saves = slices.DeleteFunc(slices.Clone(saves), func(sv *save) bool { return sv.fence.Root == "" }) // a flush of events
	t := contentOf(saves)
	seen := map[string]burdock.Fence{}
	err := s.transaction(ctx, durably, func(b *pgx.Batch) {
		s.queueFences(b, t, seen)
		s.queueRows(b, t)
		s.queueEvents(b, events, saves)
	})
	if err != nil {
		return err
	}
	for _, sv := range saves {
		if f := seen[sv.fence.Root]; below(sv.fence, f) {
			sv.err = &Error{Database: s.name, Op: "save", Err: fmt.Errorf("epoch %d, dispatch %d of %q is below epoch %d, dispatch %d: %w",
				sv.fence.Epoch, sv.fence.Dispatch, sv.fence.Root, f.Epoch, f.Dispatch, burdock.ErrConflict)}
			s.claims.refused(sv.fence)
		}
	}
	return nil
}

// queueFences raises the fences and reads what counts into seen.
func (s *Store) queueFences(b *pgx.Batch, t *content, seen map[string]burdock.Fence) {
	if len(t.fences) == 0 {
		return
	}
	var c fenceColumns
	for _, f := range t.fences {
		c.add(f)
	}
	b.Queue(s.sql(raise), c.root, c.epoch, c.dispatch)
	b.Queue(s.sql(highest), c.root).Query(func(rows pgx.Rows) error {
		var f burdock.Fence
		var root []byte
		_, err := pgx.ForEachRow(rows, []any{&root, &f.Epoch, &f.Dispatch}, func() error {
			f.Root = string(root)
			seen[f.Root] = f
			return nil
		})
		return err
	})
}

func (s *Store) queueRows(b *pgx.Batch, t *content) {
	if len(t.graphs) > 0 {
		var digests, descriptions [][]byte
		for digest, description := range t.graphs {
			digests, descriptions = append(digests, []byte(digest)), append(descriptions, description)
		}
		b.Queue(s.sql(putGraphs), digests, descriptions)
	}
	if a := &t.apps; len(a.name) > 0 {
		b.Queue(s.sql(putApps), a.root, a.epoch, a.dispatch, a.name, a.parent, a.seq, a.index)
	}
	if c := &t.checkpoints; len(c.name) > 0 {
		b.Queue(s.sql(putCheckpoints), c.root, c.epoch, c.dispatch, c.name, c.seq, c.kind, c.lists, c.joined, c.waits, c.graph, c.body)
	}
	if r := &t.runs; len(r.name) > 0 {
		b.Queue(s.sql(putRuns), r.root, r.epoch, r.dispatch, r.name, r.seq, r.updated, r.status, r.project, r.part)
	}
	s.queueForgetting(b, &t.forgotten)
}

// present reports whether every record of sv is there as it was written.
func (s *Store) present(ctx context.Context, sv *save) (bool, error) {
	c := &contentOf([]*save{sv}).checkpoints
	n := 0
	err := retry(ctx, func() error {
		if err := s.settle(ctx); err != nil {
			return err
		}
		return s.query(ctx, func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&n}, func() error { return nil })
			return err
		}, `SELECT count(*) FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[]) v(name, seq, kind, body)
			JOIN burdock.app a ON a.name = v.name JOIN burdock.checkpoint c ON (c.app, c.seq, c.kind) = (a.id, v.seq, v.kind) AND c.body = v.body`,
			c.name, c.seq, c.kind, c.body)
	})
	return n == len(c.name), err
}

// below reports whether f is older than g, both of one root.
func below(f, g burdock.Fence) bool {
	return f.Epoch < g.Epoch || f.Epoch == g.Epoch && f.Dispatch < g.Dispatch
}
