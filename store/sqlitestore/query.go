package sqlitestore

import (
	"context"
	"database/sql/driver"
	"math"
	"strings"

	"github.com/burdock-go/burdock"
)

// filter keeps the records that q asks for, given the last snapshot and the last step of their application.
func filter(q burdock.Query, snap, last string) string {
	switch {
	case q.Latest || q.Roots:
		return ` AND c.kind = 0 AND c.seq = ` + last
	case q.Rebuild:
		return ` AND (c.kind = 0 AND (c.seq > ` + snap + ` OR c.lists OR c.seq = 0 OR c.seq = ` + last + `) OR c.kind = 1 AND c.seq = ` + snap + `)`
	}
	return ""
}

// oneQuery reads one application from a cursor on. Parameters: id, seq, kind, until, snapshot, last.
func oneQuery(q burdock.Query) string {
	return `SELECT ` + rowColumns + ` FROM checkpoint c WHERE c.app = +?1 AND (c.seq, c.kind) > (+?2, +?3) AND c.seq <= +?4` +
		filter(q, "+?5", "+?6") + ` ORDER BY c.seq, c.kind`
}

// manyQuery reads whole applications in the order of the JSON array that is its parameter. CROSS JOIN fixes the order
// of the loops, and with it the order of the rows, without a sort that would hold all of them.
func manyQuery(q burdock.Query) string {
	bounds := ""
	if q.Rebuild || q.Latest || q.Roots {
		bounds = `, coalesce((SELECT max(seq) FROM checkpoint WHERE app = value AND kind = 1), -1) snap,
			coalesce((SELECT max(seq) FROM checkpoint WHERE app = value AND kind = 0), -1) last`
	}
	return `WITH page AS MATERIALIZED (SELECT key pos, value id` + bounds + ` FROM json_each(?1))
		SELECT page.pos, ` + rowColumns + ` FROM page CROSS JOIN checkpoint c ON c.app = page.id WHERE true` + filter(q, "page.snap", "page.last")
}

// manyApps reads the rows of a JSON array of n applications, by their place in it. Those without a record are nil.
func manyApps(ctx context.Context, c *conn, list string, n int) ([]*app, error) {
	apps := make([]*app, n)
	err := c.query(ctx, func(v []driver.Value) (err error) {
		last := len(v) - 1
		apps[num(v[last])], err = aboutOfRow(v[:last])
		return err
	}, selectAbout+`, page.key FROM json_each(?) page CROSS JOIN app a ON a.id = page.value`+joinAbout, list)
	return apps, err
}

// A source names the applications of a query in order, some at a time.
type source interface {
	next(ctx context.Context, c *conn, n int) (ids []int64, ended bool, err error)
}

func sourceOf(q burdock.Query) source {
	switch {
	case q.App != "":
		return &wholeSource{`SELECT id FROM app WHERE name = +? AND root IS NOT NULL`, []any{q.App}}
	case q.Parent.App != "" && q.Join:
		return &wholeSource{joinOrder, []any{q.Parent.App, q.Parent.Seq}}
	case q.Parent.App != "":
		return &visitSource{visit: q.Parent, index: math.MinInt64}
	case q.Root != "":
		return &wholeSource{treeOrder, []any{q.Root}}
	}
	return newRunSource(q)
}

// joinOrder orders the branches of a visit by the join number of their latest step, those without one last.
const joinOrder = `SELECT id FROM (SELECT a.id, a.idx, (SELECT joined FROM checkpoint WHERE app = a.id AND kind = 0 ORDER BY seq DESC LIMIT 1) joined
	FROM app a WHERE a.parent = (SELECT id FROM app WHERE name = +?) AND a.parent_seq = +?) ORDER BY coalesce(joined, 0) = 0, joined, idx, id`

// treeOrder walks a root's tree depth first. Branches whose parent has no record yet begin trees of their own. More rows
// than there are applications come from a damaged index only, which may lead in a circle.
const treeOrder = `WITH RECURSIVE
	top(id) AS (SELECT id FROM app WHERE name = +?),
	tree(id, depth, seq, idx) AS (
		SELECT a.id, 0, 0, 0 FROM app a JOIN top ON a.id = top.id WHERE a.root IS NOT NULL
		UNION ALL
		SELECT o.id, 0, o.parent_seq, o.idx FROM top JOIN app o ON o.root = top.id AND o.orphan = 1 AND o.id <> top.id LEFT JOIN app p ON p.id = o.parent
			WHERE p.root IS NULL
		UNION ALL
		SELECT a.id, tree.depth + 1, a.parent_seq, a.idx FROM tree JOIN app a ON a.parent = tree.id WHERE a.id <> (SELECT id FROM top)
		ORDER BY 2 DESC, 3, 4, 1
		LIMIT (SELECT coalesce(max(id), 0) + 1 FROM app))
	SELECT id FROM tree`

// A wholeSource reads all ids at once: where their order is known only at the end, or there is one.
type wholeSource struct {
	query string
	args  []any
}

func (s *wholeSource) next(ctx context.Context, c *conn, _ int) (ids []int64, ended bool, err error) {
	err = c.query(ctx, func(v []driver.Value) error {
		ids = append(ids, num(v[0]))
		return nil
	}, s.query, s.args...)
	if err != nil {
		return nil, true, err
	}
	highest, err := c.number("SELECT max(id) FROM app")
	if err == nil && int64(len(ids)) > highest {
		err = damaged("%d applications are listed and there are no more than %d", len(ids), highest)
	}
	return ids, true, err
}

// A visitSource goes along the index of a visit's branches.
type visitSource struct {
	visit     burdock.Ref
	index, id int64 // of the last one named
}

func (s *visitSource) next(ctx context.Context, c *conn, n int) (ids []int64, ended bool, err error) {
	err = c.query(ctx, func(v []driver.Value) error {
		s.id, s.index = num(v[0]), num(v[1])
		ids = append(ids, s.id)
		return nil
	}, `SELECT id, idx FROM app WHERE parent = (SELECT id FROM app WHERE name = +?) AND parent_seq = +? AND (idx, id) > (+?, +?) ORDER BY idx, id LIMIT +?`,
		s.visit.App, s.visit.Seq, s.index, s.id, int64(n))
	return ids, len(ids) < n, err
}

// roots are the rows of run with how their roots stand. A row without a status leaves that to the root's latest record,
// see writer.list.
var roots = `(SELECT run.*, ` + standing("c.started + coalesce(c.took, 0)", "updated") + ` written, ` + standing("c.status", "status") + ` stands, ` +
	standing("(SELECT project FROM app WHERE id = c.app)", "project") + ` within, ` + standing("(SELECT partition FROM app WHERE id = c.app)", "partition") + ` part FROM run)`

func standing(says, column string) string {
	return `CASE run.status WHEN '' THEN coalesce((SELECT ` + says + ` FROM checkpoint c WHERE c.app = run.id AND c.kind = 0
		AND c.seq = (SELECT max(seq) FROM checkpoint WHERE app = run.id AND kind = 0)), run.` + column + `) ELSE run.` + column + ` END`
}

// A runSource goes along the roots, the most recently written first.
type runSource struct {
	from, where string
	args        []any
	written, id int64 // of the last one named
}

func newRunSource(q burdock.Query) *runSource {
	s := &runSource{from: ` FROM ` + roots + ` r`, written: math.MaxInt64, id: math.MaxInt64}
	s.narrow(` AND within = +?`, q.Project)
	s.narrow(` AND part = +?`, q.Partition)
	if q.Prefix != "" {
		s.from += ` JOIN app a ON a.id = r.id`
		s.narrow(` AND a.name >= +?`, q.Prefix)
		s.narrow(` AND a.name < +?`, after(q.Prefix))
	}
	if len(q.Status) > 0 {
		s.where += ` AND stands IN (+?` + strings.Repeat(`, +?`, len(q.Status)-1) + `)`
		for _, st := range q.Status {
			s.args = append(s.args, string(st))
		}
	}
	if !q.Before.IsZero() {
		s.where += ` AND written < +?`
		s.args = append(s.args, clamp(q.Before))
	}
	return s
}

func (s *runSource) narrow(condition, value string) {
	if value != "" {
		s.where, s.args = s.where+condition, append(s.args, value)
	}
}

// after is the first string that is greater than all that begin with prefix; "" if there is none.
func after(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

func (s *runSource) next(ctx context.Context, c *conn, n int) (ids []int64, ended bool, err error) {
	args := append([]any{s.written, s.id}, s.args...)
	err = c.query(ctx, func(v []driver.Value) error {
		last := len(v) - 1
		if err := sound(v[:last], "the listing of application %v", v[0]); err != nil {
			return err
		}
		s.id, s.written = num(v[0]), num(v[last])
		ids = append(ids, s.id)
		return nil
	}, `SELECT r.id, seq, updated, status, r.project, r.partition, r.sum, written`+s.from+` WHERE (written, r.id) < (+?, +?)`+s.where+
		` ORDER BY written DESC, r.id DESC LIMIT +?`, append(args, int64(n))...)
	return ids, len(ids) < n, err
}
