package record

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/burdock-go/burdock"
)

// ExportVersion is the version of the form that Export writes, and the last one that Import reads.
const ExportVersion = 1

// MaxExportLine is how many bytes a line of an export may have, and with it a checkpoint that can be exported. It bounds
// what Import holds of a file that somebody else has made.
const MaxExportLine = 64 << 20

// maxHeader bounds the first line: a root's id has 200 bytes at most.
const maxHeader = 4 << 10

// Sentinels of a file that Import refuses. Test for them with errors.Is; the *FormatError around them names the line,
// the cause and the way out.
var (
	// ErrNotExport means that the file does not begin as an export does.
	ErrNotExport = errors.New("not a burdock export")
	// ErrNewerExport means that a later version has written the file.
	ErrNewerExport = errors.New("written by a later version")
	// ErrDamagedExport means that the file is not as Export wrote it: cut off, changed, or put together by somebody else.
	ErrDamagedExport = errors.New("damaged")
)

// A FormatError says what is wrong with an exported file.
type FormatError struct {
	Line int64  // 1 is the first
	Kind error  // a sentinel
	Hint string // the way out
	Err  error  // the cause, or nil
}

func (e *FormatError) Error() string {
	text := fmt.Sprintf("line %d: %v", e.Line, e.Kind)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + " (" + e.Hint + ")"
}

// Unwrap returns Kind and Err.
func (e *FormatError) Unwrap() []error { return []error{e.Kind, e.Err} }

func damagedLine(line int64, err error) error {
	return &FormatError{Line: line, Kind: ErrDamagedExport, Hint: "copy the file again, or export the application again", Err: err}
}

func notExport(err error) error {
	return &FormatError{Line: 1, Kind: ErrNotExport, Hint: "name a file that burdock export has written", Err: err}
}

// checkpointLine is how a line begins that is neither the first nor the last.
const checkpointLine = `{"v":`

// exportFormat is the name with which every export begins.
const exportFormat = "burdock-export"

// appendHeader appends the first line.
func appendHeader(dst []byte, root string) []byte {
	e := encoder{buf: append(dst, '{')}
	e.text("format", exportFormat)
	e.int("version", ExportVersion)
	e.text("root", root)
	return append(e.buf, "}\n"...)
}

// rootOfHeader reads the first line, without its end.
func rootOfHeader(line []byte) (root string, err error) {
	var format string
	var version int64
	if err := decodeLine(line, func(name, v []byte) error {
		switch string(name) {
		case "format":
			return into(&format, text, v)
		case "version":
			return into(&version, integer, v)
		case "root":
			return into(&root, text, v)
		}
		return nil
	}); err != nil {
		return "", notExport(err)
	}
	switch {
	case format != exportFormat:
		return "", notExport(nil)
	case version > ExportVersion:
		return "", &FormatError{
			Line: 1, Kind: ErrNewerExport, Hint: "use a later version of this program",
			Err: fmt.Errorf("it has version %d, and this program knows versions up to %d", version, ExportVersion),
		}
	case !isLine(line, appendHeader(nil, root)):
		return "", damagedLine(1, errors.New("it is not as an export begins"))
	}
	if why := badID(root); why != "" {
		return "", damagedLine(1, fmt.Errorf("the id %.40q %s", root, why))
	}
	return root, nil
}

// A totals is what the last line says: how much stands before it, and its SHA-256.
type totals struct {
	apps, checkpoints int64
	sum               string
}

// append appends the last line.
func (t totals) append(dst []byte) []byte {
	e := encoder{buf: append(dst, '{')}
	e.int("apps", t.apps)
	e.int("checkpoints", t.checkpoints)
	e.text("sha256", t.sum)
	return append(e.buf, "}\n"...)
}

// totalsOf reads the last line, without its end.
func totalsOf(line []byte) (t totals, err error) {
	err = decodeLine(line, func(name, v []byte) error {
		switch string(name) {
		case "apps":
			return into(&t.apps, integer, v)
		case "checkpoints":
			return into(&t.checkpoints, integer, v)
		case "sha256":
			return into(&t.sum, text, v)
		}
		return nil
	})
	if err == nil && !isLine(line, t.append(nil)) {
		err = errors.New("it is neither a checkpoint nor the last line")
	}
	return t, err
}

// decodeLine calls field for each member of a line.
func decodeLine(line []byte, field func(name, v []byte) error) error {
	if !json.Valid(line) {
		return errors.New("not valid JSON")
	}
	return object(line, field)
}

// isLine reports whether a line that was read is what Export writes, its end included.
func isLine(read, written []byte) bool {
	return bytes.Equal(read, bytes.TrimSuffix(written, []byte("\n")))
}

// A lines reads the lines of an export.
type lines struct {
	in  *bufio.Reader
	buf []byte // the last line, with its end
	n   int64  // its number
	pos int64  // where it ends
}

func newLines(r io.Reader, pos int64) *lines {
	return &lines{in: bufio.NewReaderSize(r, 64<<10), pos: pos}
}

// next returns the next line without its end. It is overwritten by the line after it. A line may have most bytes.
func (l *lines) next(most int) ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		l.buf = append(l.buf, part...)
		switch {
		case len(l.buf) > most+1:
			return nil, damagedLine(l.n+1, fmt.Errorf("it has more than %d bytes", most))
		case err == nil:
			l.n++
			l.pos += int64(len(l.buf))
			return l.buf[:len(l.buf)-1], nil
		case errors.Is(err, io.EOF) && len(l.buf) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, damagedLine(l.n+1, errors.New("it is cut off"))
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// badID says why an id cannot be an application's, "" if it can.
func badID(id string) string {
	switch {
	case id == "" || len(id) > 200:
		return fmt.Sprintf("has %d bytes; it has 1 to 200", len(id))
	case !utf8.ValidString(id):
		return "is not valid UTF-8"
	case strings.ContainsFunc(id, unicode.IsControl):
		return "contains a control character"
	}
	return ""
}

// An order makes sure that the checkpoints of an export are one application's, and that each stands in its place. Both
// sides ask it, so that Import takes whatever Export has written.
type order struct {
	root              string
	open              []*place // the root, its branch, …, the application whose checkpoints come at the moment
	apps, checkpoints int64
}

// A place is where an application stands in an export.
type place struct {
	app      string
	parent   burdock.Ref
	index    int64 // by its latest step
	seq      int64 // of its last checkpoint
	snapshot bool  // the last checkpoint is one
	last     rank  // of its branches so far
}

// A rank orders the branches of one application.
type rank struct {
	seq, index int64
	app        string
}

func (r rank) compare(s rank) int {
	return cmp.Or(cmp.Compare(r.seq, s.seq), cmp.Compare(r.index, s.index), strings.Compare(r.app, s.app))
}

// errOrder means that an application stands in another place than an export gives it.
var errOrder = errors.New("it is not in its place")

// add takes the next checkpoint. It reports whether an application begins with it.
func (o *order) add(c *burdock.Checkpoint) (begins bool, err error) {
	begins = len(o.open) == 0 || o.top().app != c.App
	if begins {
		if err := o.leaveTo(c.Parent.App); err != nil {
			return true, err
		}
	}
	if err = o.fits(c); err == nil && begins {
		err = o.enter(c)
	} else if err == nil {
		err = o.top().follows(c)
	}
	if err != nil {
		return begins, fmt.Errorf("checkpoint %s of %q: %w", position(c), c.App, err)
	}
	o.checkpoints++
	p := o.top()
	p.seq, p.snapshot = c.Seq, c.Kind == burdock.KindSnapshot
	if !p.snapshot {
		p.index = c.Index
	}
	return begins, nil
}

func (o *order) top() *place { return o.open[len(o.open)-1] }

// fits reports what no checkpoint of the application can be.
func (o *order) fits(c *burdock.Checkpoint) error {
	if err := checkOne(burdock.Fence{Root: o.root}, c); err != nil {
		return err
	}
	if why := badID(c.App); why != "" {
		return fmt.Errorf("its id %s", why)
	}
	switch c.Status {
	case burdock.StatusRunning, burdock.StatusCompleted, burdock.StatusFailed, burdock.StatusCancelled, burdock.StatusWaiting,
		burdock.StatusSkipped, burdock.StatusSuperseded:
	default:
		return fmt.Errorf("its status %.40q is unknown", c.Status)
	}
	for _, ch := range c.Delta {
		if ch.Op != burdock.OpSet && ch.Op != burdock.OpAppend && ch.Op != burdock.OpDelete {
			return fmt.Errorf("what it does to %.40q is unknown: %.40q", ch.Key, ch.Op)
		}
	}
	switch {
	case c.App == c.Root && c.Parent != (burdock.Ref{}):
		return fmt.Errorf("it is the root and names a parent, %.200q", c.Parent.App)
	case c.App != c.Root && (c.Parent.App == "" || c.Parent.Seq < 1):
		return fmt.Errorf("no step has started it: its parent is step %d of %.200q", c.Parent.Seq, c.Parent.App)
	case isStandIn(c):
		return errors.New("its import was stopped; import it again")
	}
	return nil
}

// enter begins an application below its parent, which is the one before it or around that one.
func (o *order) enter(c *burdock.Checkpoint) error {
	switch {
	case c.Kind == burdock.KindSnapshot:
		return errNoStep
	case o.apps == 0 && c.App != o.root:
		return fmt.Errorf("%w: it stands before the root, %q", errOrder, o.root)
	case o.apps > 0 && c.App == o.root:
		return fmt.Errorf("%w: it stands behind a branch of the root", errOrder)
	case o.apps > 0 && len(o.open) == 0:
		return fmt.Errorf("%w: its parent, %q, is not before it", errOrder, c.Parent.App)
	}
	o.open = append(o.open, &place{app: c.App, parent: c.Parent})
	o.apps++
	return nil
}

// leaveTo ends the applications that were read last, up to the one that is named or to the root.
func (o *order) leaveTo(app string) error {
	for len(o.open) > 0 && o.top().app != app {
		if err := o.leave(); err != nil {
			return err
		}
	}
	return nil
}

// leave ends the application that was read last. Only then is its rank known: an item that moved in its list has another
// index in its later steps.
func (o *order) leave() error {
	p := o.top()
	o.open = o.open[:len(o.open)-1]
	if len(o.open) == 0 {
		return nil
	}
	at := rank{p.parent.Seq, p.index, p.app}
	if o.top().last.compare(at) >= 0 {
		return fmt.Errorf("application %q, index %d of step %d: %w: it follows %q", p.app, p.index, p.parent.Seq, errOrder, o.top().last.app)
	}
	o.top().last = at
	return nil
}

// end takes note that there are no more checkpoints.
func (o *order) end() error {
	if o.apps == 0 {
		return fmt.Errorf("the root, %q, has no checkpoint", o.root)
	}
	return o.leaveTo("")
}

var errNoStep = errors.New("it is a snapshot, and its step is not before it")

// follows reports why a checkpoint cannot be the next one of the application.
func (p *place) follows(c *burdock.Checkpoint) error {
	switch {
	case c.Parent != p.parent:
		return fmt.Errorf("its parent is step %d of %q, and before it was step %d of %q", c.Parent.Seq, c.Parent.App, p.parent.Seq, p.parent.App)
	case c.Kind == burdock.KindSnapshot && (p.snapshot || c.Seq != p.seq):
		return errNoStep
	case c.Kind == burdock.KindStep && c.Seq <= p.seq:
		return fmt.Errorf("it follows number %d", p.seq)
	}
	return nil
}
