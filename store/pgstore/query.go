package pgstore

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/burdock-go/burdock"
)

// bounds are the last snapshot, -1 if there is none, and the last step of an application, both up to $4.
const bounds = `CROSS JOIN LATERAL (SELECT
		coalesce((SELECT max(s.seq) FROM burdock.checkpoint s WHERE s.app = p.id AND s.kind = 1 AND s.seq <= $4), -1) snap,
		coalesce((SELECT s.seq FROM burdock.checkpoint s WHERE s.app = p.id AND s.kind = 0 AND s.seq <= $4 ORDER BY s.seq DESC LIMIT 1), -1) last) b`

// filter keeps the records that q asks for.
func filter(q burdock.Query) (join, where string) {
	switch {
	case q.Latest || q.Roots:
		return bounds, ` AND c.kind = 0 AND c.seq = b.last`
	case q.Rebuild:
		return bounds, ` AND (c.kind = 0 AND (c.seq > b.snap OR c.lists OR c.seq = 0 OR c.seq = b.last) OR c.kind = 1 AND c.seq = b.snap)`
	}
	return "", ""
}

// pageQuery reads the records of applications in the order of an array, of the first one those after a cursor, up to a
// number of rows, and up to the row with which their bodies exceed a number of bytes. The sizes of bodies are known
// without reading them. Parameters: ids, seq, kind, until, rows, bytes.
func pageQuery(q burdock.Query) string {
	join, where := filter(q)
	return `SELECT pos, seq, kind, body, (SELECT g.description FROM burdock.graph g WHERE g.digest = sized.graph) FROM (
			SELECT *, sum(octet_length(body)) OVER (ORDER BY pos, seq, kind) - octet_length(body) AS before FROM (
				SELECT p.pos, c.seq, c.kind, c.graph, c.body FROM unnest($1::bigint[]) WITH ORDINALITY p(id, pos) ` + join + `
				CROSS JOIN LATERAL (SELECT c.seq, c.kind, c.graph, c.body FROM burdock.checkpoint c
					WHERE c.app = p.id AND (c.seq, c.kind) > (CASE p.pos WHEN 1 THEN $2::bigint ELSE -1 END, CASE p.pos WHEN 1 THEN $3::bigint ELSE 0 END)
					AND c.seq <= $4` + where + ` ORDER BY c.seq, c.kind LIMIT $5) c
				ORDER BY p.pos, c.seq, c.kind LIMIT $5) page) sized
		WHERE before < $6 ORDER BY pos, seq, kind`
}

// A source names the applications of a query in order, some at a time.
type source interface {
	next(ctx context.Context, s *Store, n int) (ids []int64, ended bool, err error)
}

func sourceOf(q burdock.Query) source {
	switch {
	case q.App != "":
		return &wholeSource{`SELECT id FROM burdock.app WHERE name = $1`, []any{[]byte(q.App)}}
	case q.Parent.App != "" && q.Join:
		return &wholeSource{joinOrder, []any{[]byte(q.Parent.App), q.Parent.Seq}}
	case q.Parent.App != "":
		return &visitSource{visit: q.Parent, index: math.MinInt64}
	case q.Root != "":
		return &wholeSource{treeOrder, []any{[]byte(q.Root)}}
	}
	return newRunSource(q)
}

// joinOrder orders the branches of a visit by the join number of their latest step, those without one last.
const joinOrder = `SELECT a.id FROM burdock.app a LEFT JOIN LATERAL (SELECT joined FROM burdock.checkpoint WHERE app = a.id AND kind = 0
		ORDER BY seq DESC LIMIT 1) c ON true
	WHERE a.parent = $1 AND a.parent <> '' AND a.parent_seq = $2 ORDER BY coalesce(joined, 0) = 0, joined, idx, id`

// treeOrder walks a root's tree depth first. Branches whose parent has no record yet begin trees of their own. Records
// that name each other as parents, which Burdock never writes, end the walk and not the server's memory.
const treeOrder = `WITH RECURSIVE tree(id, name, place) AS (
		SELECT * FROM (
			SELECT id, name, '{}'::bigint[] FROM burdock.app WHERE name = $1 AND root = $1
			UNION ALL
			SELECT o.id, o.name, ARRAY[o.parent_seq, o.idx, o.id] FROM burdock.app o WHERE o.root = $1 AND o.orphan AND o.name <> $1
			AND NOT EXISTS (SELECT FROM burdock.app p WHERE p.name = o.parent AND p.root IS NOT NULL)) tops
		UNION ALL
		SELECT a.id, a.name, tree.place || ARRAY[a.parent_seq, a.idx, a.id] FROM tree JOIN burdock.app a ON a.parent = tree.name AND a.parent <> '')
		CYCLE id SET circle USING trail
	SELECT id FROM tree WHERE NOT circle ORDER BY place`

// A wholeSource reads all ids at once: where their order is known only at the end, or there is one.
type wholeSource struct {
	query string
	args  []any
}

func (w *wholeSource) next(ctx context.Context, s *Store, _ int) (ids []int64, ended bool, err error) {
	err = s.query(ctx, func(rows pgx.Rows) (err error) {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	}, w.query, w.args...)
	return ids, true, err
}

// along reads a page of ids, each with its place in the order.
func along(ctx context.Context, s *Store, n int, query string, args ...any) (ids []int64, last int64, ended bool, err error) {
	err = s.query(ctx, func(rows pgx.Rows) error {
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&id, &last}, func() error {
			ids = append(ids, id)
			return nil
		})
		return err
	}, query, append(args, n)...)
	return ids, last, len(ids) < n, err
}

// A visitSource goes along the index of a visit's branches.
type visitSource struct {
	visit     burdock.Ref
	index, id int64 // of the last one named
}

func (v *visitSource) next(ctx context.Context, s *Store, n int) ([]int64, bool, error) {
	ids, last, ended, err := along(ctx, s, n, `SELECT id, idx FROM burdock.app
		WHERE parent = $1 AND parent <> '' AND parent_seq = $2 AND (idx, id) > ($3, $4) ORDER BY idx, id LIMIT $5`,
		[]byte(v.visit.App), v.visit.Seq, v.index, v.id)
	if err == nil && len(ids) > 0 {
		v.index, v.id = last, ids[len(ids)-1]
	}
	return ids, ended, err
}

// A runSource goes along the index of the roots, the most recently written first.
type runSource struct {
	where       string
	args        []any
	updated, id int64 // of the last one named
}

func newRunSource(q burdock.Query) *runSource {
	r := &runSource{updated: math.MaxInt64, id: math.MaxInt64, args: []any{nil, nil}}
	if q.Project != "" {
		r.narrow(`run.project =`, []byte(q.Project))
	}
	if q.Partition != "" {
		r.narrow(`run.partition =`, []byte(q.Partition))
	}
	if q.Prefix != "" {
		r.narrow(`a.name >=`, []byte(q.Prefix))
		if next := after(q.Prefix); next != nil {
			r.narrow(`a.name <`, next)
		}
	}
	if len(q.Status) > 0 {
		var list [][]byte
		for _, status := range q.Status {
			list = append(list, []byte(status))
		}
		r.args = append(r.args, list)
		r.where += fmt.Sprintf(` AND run.status = ANY($%d::bytea[])`, len(r.args))
	}
	if !q.Before.IsZero() {
		r.narrow(`run.updated <`, clamp(q.Before))
	}
	return r
}

func (r *runSource) narrow(condition string, value any) {
	r.args = append(r.args, value)
	r.where += fmt.Sprintf(` AND %s $%d`, condition, len(r.args))
}

// after is the first string that is greater than all that begin with prefix, nil if there is none.
func after(prefix string) []byte {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return nil
}

func (r *runSource) next(ctx context.Context, s *Store, n int) ([]int64, bool, error) {
	r.args[0], r.args[1] = r.updated, r.id
	ids, last, ended, err := along(ctx, s, n, fmt.Sprintf(`SELECT run.app, run.updated FROM burdock.run JOIN burdock.app a ON a.id = run.app
		WHERE (run.updated, run.app) < ($1, $2)%s ORDER BY run.updated DESC, run.app DESC LIMIT $%d`, r.where, len(r.args)+1), append([]any{}, r.args...)...)
	if err == nil && len(ids) > 0 {
		r.updated, r.id = last, ids[len(ids)-1]
	}
	return ids, ended, err
}
