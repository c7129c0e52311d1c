package record_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/memstore"
)

type (
	sheet struct {
		Words []string `state:"words"`
	}
	entry struct {
		Word string `state:"word,key"`
	}
	glyph struct {
		Letter string `state:"letter"`
	}
	finds struct {
		Found []string `state:"found,append"`
	}
	findings struct {
		Found []string `state:"found"`
	}
	signature struct {
		Yes bool `input:"yes"`
	}
	ruling struct {
		Ruling string `state:"ruling"`
	}
)

// spelling is a graph with a map in a map, lists, a branch that fails and a step that waits.
func spelling() *burdock.Graph {
	look := burdock.Func("look", func(_ context.Context, l glyph) (glyph, error) { return glyph{strings.ToUpper(l.Letter)}, nil })
	spell := burdock.MapStates("spell", look, func(_ context.Context, w entry) iter.Seq2[glyph, error] {
		return burdock.Each(strings.Split(w.Word, ""), func(l string) glyph { return glyph{l} })
	}, func(_ context.Context, w entry, rs *burdock.Results[glyph, glyph]) (f finds, err error) {
		for r := range rs.OK() {
			f.Found = append(f.Found, r.Out.Letter)
		}
		if w.Word == "bad" {
			return f, errors.New("it is a bad word")
		}
		return f, nil
	}, nil)
	every := burdock.MapStates("every", burdock.MustGraph("word", burdock.Node(spell)), func(_ context.Context, s sheet) iter.Seq2[entry, error] {
		return burdock.Each(s.Words, func(w string) entry { return entry{w} })
	}, func(_ context.Context, _ sheet, rs *burdock.Results[entry, findings]) (f finds, err error) {
		for r := range rs.OK() {
			f.Found = append(f.Found, strings.Join(r.Out.Found, "-"))
		}
		return f, nil
	}, &burdock.MapOptions{Failures: burdock.Collect})
	decide := burdock.Func("decide", func(_ context.Context, in struct {
		findings
		signature
	},
	) (ruling, error) {
		return ruling{fmt.Sprint(in.Yes, in.Found)}, nil
	})
	return burdock.MustGraph("spelling", burdock.Chain(every, decide))
}

// waiting is a store in which the application r has spelled some words and waits.
func waiting(t testing.TB, words ...string) *memstore.Store {
	t.Helper()
	s := memstore.New()
	app, err := burdock.New(context.Background(), spelling(), &burdock.Options{
		ID: "r", State: burdock.StateOf(sheet{words}), Cascade: burdock.Cascade{Store: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := app.Run(context.Background()); err != nil || out.Stop != burdock.StopWaiting {
		t.Fatalf("got %+v, error %v", out, err)
	}
	return s
}

func TestImportGoesOnWhereTheOriginalStood(t *testing.T) {
	data := export(t, waiting(t, "ox", "bad", "a"), "r")
	s := memstore.New()
	got, err := record.Import(t.Context(), s, iotest.OneByteReader(bytes.NewReader(data)))
	want := record.Imported{Root: "r", Status: burdock.StatusWaiting, Apps: 10, Checkpoints: 30}
	if err != nil || got.Root != want.Root || got.Status != want.Status || got.Apps != want.Apps {
		t.Fatalf("got %+v, error %v, want %+v", got, err, want)
	}
	app, err := burdock.Resume(t.Context(), spelling(), &burdock.Options{ID: "r", Cascade: burdock.Cascade{Store: s}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := burdock.Read[ruling](app.Run(t.Context(), burdock.Given(signature{true})))
	if want := "true [O-X A]"; err != nil || v.Ruling != want {
		t.Errorf("got %q, error %v, want %q", v.Ruling, err, want)
	}
}

func TestImportedCheckpointsCarryTheClaimOfTheImport(t *testing.T) {
	original := memstore.New()
	for i := range int64(3) {
		save(t, original, step(i))
	}
	s := imported(t, export(t, original, "r"))
	for c, err := range s.List(t.Context(), burdock.Query{Root: "r"}) {
		if want := (burdock.Fence{Root: "r", Epoch: 1}); err != nil || c.Fence != want {
			t.Errorf("step %d has fence %+v, error %v, want %+v", c.Seq, c.Fence, err, want)
		}
	}
	claim, err := s.Claim(t.Context(), "r")
	if err != nil || claim.Fence().Epoch != 2 {
		t.Errorf("got claim %v, error %v, want one of epoch 2: the import has given up its own", claim, err)
	}
}

// refused expects that data is not imported, with an error that is kind and says what is wrong, and nothing saved.
func refused(t *testing.T, s *memstore.Store, data []byte, kind error, says string) {
	t.Helper()
	before := everything(t, s)
	done, err := record.Import(t.Context(), s, bytes.NewReader(data))
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), says) || done != (record.Imported{}) {
		t.Errorf("got %+v, error %v, want one that is %v and says %q", done, err, kind, says)
	}
	if after := everything(t, s); after != before {
		t.Errorf("%v: something was saved: got\n%s\nwant\n%s", err, after, before)
	}
}

// everything is all that a store has of the roots r and q.
func everything(t testing.TB, s burdock.Store) string {
	t.Helper()
	var b strings.Builder
	for _, root := range []string{"r", "q"} {
		for c, err := range s.List(context.Background(), burdock.Query{Root: root}) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%+v\n", c)
		}
	}
	return b.String()
}

// sealed gives lines a last line that fits them.
func sealed(lines []byte) []byte {
	apps, checkpoints := map[string]bool{}, 0
	for line := range bytes.Lines(lines) {
		if c, err := record.Unmarshal(line); err == nil && bytes.HasPrefix(line, []byte(`{"v":`)) {
			apps[c.App] = true
			checkpoints++
		}
	}
	return fmt.Appendf(slices.Clone(lines), `{"apps":%d,"checkpoints":%d,"sha256":"%x"}`+"\n", len(apps), checkpoints, sha256.Sum256(lines))
}

// body is an export without its last line.
func body(data []byte) []byte { return data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1] }

func TestImportRefusesEveryCutAndEveryChangedByte(t *testing.T) {
	original := memstore.New()
	save(t, original, step(0), step(1), snapshot(step(1)), branch("r", 1, 0, "b", 1))
	data := export(t, original, "r")
	s := memstore.New()
	for n := range data {
		kind := record.ErrDamagedExport
		if n <= bytes.IndexByte(data, '\n') {
			kind = record.ErrNotExport
		}
		refused(t, s, data[:n], kind, "")
		changed := slices.Clone(data)
		changed[n] ^= 1
		if _, err := record.Import(t.Context(), s, bytes.NewReader(changed)); err == nil {
			t.Fatalf("byte %d was changed and is imported:\n%s", n, changed)
		}
	}
	if got := everything(t, s); got != "" {
		t.Errorf("something was saved: %s", got)
	}
}

func TestImportNamesTheLineAndTheCause(t *testing.T) {
	original := memstore.New()
	save(t, original, step(0), step(1), snapshot(step(1)), branch("r", 1, 0, "b", 0), branch("b", 1, 0, "c", 0), branch("r", 1, 1, "d", 0))
	data := export(t, original, "r")
	lines := slices.Collect(bytes.Lines(body(data)))
	with := func(i int, line string) []byte {
		changed := slices.Clone(lines)
		changed[i] = []byte(line)
		return sealed(bytes.Join(changed, nil))
	}
	replaced := func(i int, old, by string) []byte {
		if !bytes.Contains(lines[i], []byte(old)) {
			t.Fatalf("line %d has no %q", i+1, old)
		}
		return with(i, strings.Replace(string(lines[i]), old, by, 1))
	}
	in := func(order ...int) []byte {
		var list [][]byte
		for _, i := range order {
			list = append(list, lines[i])
		}
		return sealed(bytes.Join(list, nil))
	}
	if !bytes.Equal(in(0, 1, 2, 3, 4, 5, 6), data) {
		t.Fatal("sealed does not do what Export does")
	}
	bad := record.ErrDamagedExport
	for _, c := range []struct {
		name string
		data []byte
		kind error
		says string
	}{
		{"nothing", nil, record.ErrNotExport, "line 1: not a burdock export: it is empty"},
		{"text", []byte("Dear reader,\n"), record.ErrNotExport, "line 1: not a burdock export"},
		{"JSON", []byte("[1]\n"), record.ErrNotExport, "not a burdock export"},
		{"a long line", bytes.Repeat([]byte("x"), 5000), record.ErrNotExport, "line 1"},
		{"another program's", []byte(`{"format":"other-export","version":1}` + "\n"), record.ErrNotExport, "line 1"},
		{"a newer version", []byte(`{"format":"burdock-export","version":2,"root":{"id":7},"zip":true}` + "\n"), record.ErrNotExport, ""},
		{"a newer version", replaced(0, `"version":1`, `"zip":"no","version":2`), record.ErrNewerExport, "version 2, and this program knows versions up to 1 (use a later version"},
		{"a field too many", replaced(0, `"root"`, `"zip":"no","root"`), bad, "line 1"},
		{"no root", replaced(0, `,"root":"r"`, ``), bad, "line 1: damaged: the id"},
		{"a root that is no id", replaced(0, `"r"`, `"r\u0000"`), bad, "control character"},
		{"carriage returns", bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), bad, "line 1"},
		{"no last line", body(data), bad, "line 8: damaged: the last line is missing (copy the file again, or export"},
		{"a cut", data[:len(data)-1], bad, "line 8: damaged: it is cut off"},
		{"a second copy", slices.Concat(data, data), bad, "line 9: damaged: something follows"},
		{"another checksum", bytes.Replace(data, []byte(`"sha256":"`), []byte(`"sha256":"0`), 1), bad, "line 8: damaged: the lines before it do not have its checksum"},
		{"another count", bytes.Replace(data, []byte(`"checkpoints":6`), []byte(`"checkpoints":7`), 1), bad, "counts 7 checkpoints of 4 applications, and there are 6 of 4"},
		{"another last line", bytes.Replace(data, []byte(`"checkpoints":6`), []byte(`"checkpoints":6,"more":1`), 1), bad, "neither a checkpoint nor the last line"},
		{"no JSON", with(2, `{"v":1,"root"`+"\n"), bad, "line 3: damaged: it is no checkpoint: not valid JSON"},
		{"a space", replaced(2, `"seq":1`, `"seq": 1`), bad, `line 3: damaged: checkpoint 1 of "r" is not written as`},
		{"a fence", replaced(2, `"status"`, `"fence":{"epoch":1},"status"`), bad, "line 3"},
		{"an unknown status", replaced(2, `"completed"`, `"perfect"`), bad, `status "perfect" is unknown`},
		{"an unknown kind", replaced(3, `"snapshot"`, `"photo"`), bad, `kind "photo" is unknown`},
		{"an unknown change", replaced(2, `"key":"x"`, `"key":"x","op":"double"`), bad, `unknown: "double"`},
		{"another root", replaced(4, `"root":"r"`, `"root":"q"`), bad, `its root is "q"`},
		{"a bad id", replaced(6, `"app":"d"`, `"app":"\u001b"`), bad, "its id contains a control character"},
		{"a long id", replaced(6, `"app":"d"`, `"app":"`+strings.Repeat("d", 201)+`"`), bad, "its id has 201 bytes"},
		{"a branch first", in(0, 4, 1, 2, 3, 5, 6), bad, "line 2"},
		{"no checkpoint", fmt.Appendf(slices.Clone(lines[0]), `{"sha256":"%x"}`+"\n", sha256.Sum256(lines[0])), bad, `the root, "r", has no checkpoint`},
		{"no parent", in(0, 1, 2, 3, 5, 6), bad, `line 5: damaged: checkpoint 0 of "c": it is not in its place: its parent, "b", is not before it`},
		{"a root with a parent", replaced(1, `"path":"r"`, `"parent":"z","parent_seq":1,"path":"r"`), bad, `names a parent, "z"`},
		{"another parent", replaced(2, `"path":"r"`, `"parent":"z","parent_seq":1,"path":"r"`), bad, `names a parent`},
		{"a step twice", in(0, 1, 2, 2, 4, 5, 6), bad, "line 4: damaged: checkpoint 1 of \"r\": it follows number 1"},
		{"steps in another order", in(0, 2, 1, 4, 5, 6), bad, "line 3"},
		{"a snapshot without its step", in(0, 1, 3, 4, 5, 6), bad, "its step is not before it"},
		{"a snapshot twice", in(0, 1, 2, 3, 3, 4, 5, 6), bad, "its step is not before it"},
		{"branches in another order", in(0, 1, 2, 3, 6, 4, 5), bad, `application "b", index 0 of step 1: it is not in its place: it follows "d"`},
		{"a branch twice", in(0, 1, 2, 3, 4, 5, 6, 4), bad, "line 8"},
		{"an id twice", replaced(6, `"app":"d"`, `"app":"b"`), bad, `line 7: damaged: application "b" begins a second time`},
		{"the root again", in(0, 1, 2, 4, 3, 5, 6), bad, `line 5: damaged: checkpoint 1 (snapshot) of "r"`},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, memstore.New(), c.data, c.kind, c.says) })
	}
}

func TestImportRefusesIDsThatTheStoreHas(t *testing.T) {
	data := export(t, waiting(t, "ox", "bad", "a"), "r")
	s := memstore.New()
	save(t, s, step(0))
	refused(t, s, data, burdock.ErrExists, "prune it first, or import it into another store")

	var ids []string
	for line := range bytes.Lines(data) {
		if c, err := record.Unmarshal(line); err == nil && c.App != "r" {
			ids = append(ids, c.App)
		}
	}
	s = memstore.New()
	foreign := branch("q", 1, 0, ids[len(ids)-1], 0)
	foreign.Root = "q"
	save(t, s, foreign)
	refused(t, s, data, burdock.ErrExists, `is the id of a branch of "q"; import it into another store`)

	s = memstore.New()
	foreign.App = "r"
	save(t, s, foreign)
	refused(t, s, data, burdock.ErrExists, `"r" is the id of a branch of "q"`)
}

func TestImportRefusesWhatAnotherImportHasLeft(t *testing.T) {
	data := export(t, waiting(t, "ox", "bad", "a"), "r")
	s := memstore.New()
	save(t, s, branch("r", 1, 0, "of an older export", 0))
	refused(t, s, data, burdock.ErrExists, "1 of its checkpoints that the file has not")
}

func TestImportRefusesARootThatIsHeld(t *testing.T) {
	data := export(t, waiting(t, "ox", "bad", "a"), "r")
	s := memstore.New()
	claim, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, s, data, burdock.ErrConflict, `import "r"`)
	if err := claim.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Import(t.Context(), s, bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
}

// A dying store fails, or ends a context, instead of its nth save. It knows how much it was given at once.
type dying struct {
	burdock.Store
	left       int
	end        context.CancelFunc
	most, size int
}

var errDead = errors.New("the store is dead")

func (s *dying) Save(ctx context.Context, fence burdock.Fence, batch []burdock.Checkpoint) error {
	size := 0
	for i := range batch {
		line, err := record.Marshal(batch[i])
		if err != nil {
			return err
		}
		size += len(line)
	}
	s.most, s.size = max(s.most, len(batch)), max(s.size, size)
	if s.left--; s.left < 0 {
		if s.end == nil {
			return errDead
		}
		s.end()
	}
	return s.Store.Save(ctx, fence, batch)
}

// long is an application with so many steps of the root, and so many branches of two steps.
func long(steps, branches int64) (list []burdock.Checkpoint) {
	for i := range steps {
		list = append(list, step(i))
	}
	list = append(list, snapshot(step(steps-1)))
	for i := range branches {
		id := fmt.Sprintf("b%04d", i)
		list = append(list, branch("r", 1, i, id, 0), branch("r", 1, i, id, 1))
	}
	return list
}

func TestAnImportThatWasKilledLeavesNoApplicationAndCanBeRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		steps, branches int64
		saves           int
		cancel          bool
	}{
		"branches":               {steps: 5, branches: 600, saves: 3},
		"cancelled":              {steps: 5, branches: 600, saves: 3, cancel: true},
		"a long root":            {steps: 2005, branches: 100, saves: 4},
		"a root of full batches": {steps: 2000, branches: 0, saves: 2},
	} {
		t.Run(name, func(t *testing.T) {
			original := memstore.New()
			save(t, original, long(c.steps, c.branches)...)
			data := export(t, original, "r")
			for saves := range c.saves {
				s := memstore.New()
				ctx, cancel := context.WithCancel(t.Context())
				dies := &dying{Store: s, left: saves}
				if c.cancel {
					dies.end = cancel
				}
				if _, err := record.Import(ctx, dies, bytes.NewReader(data)); !errors.Is(err, errDead) && !errors.Is(err, context.Canceled) {
					t.Fatalf("dead after %d saves: got error %v", saves, err)
				}
				cancel()
				isNoApplication(t, s)
				whole := &dying{Store: s, left: c.saves}
				if _, err := record.Import(t.Context(), whole, bytes.NewReader(data)); err != nil {
					t.Fatalf("again after %d saves: %v", saves, err)
				}
				if whole.most > 1002 || whole.size > 5<<20 || whole.left != 0 {
					t.Errorf("a batch had %d checkpoints, one %d bytes; %d of %d saves were not made", whole.most, whole.size, whole.left, c.saves)
				}
				if got := export(t, s, "r"); !bytes.Equal(got, data) {
					t.Fatalf("again after %d saves: the export differs", saves)
				}
			}
		})
	}
}

// isNoApplication expects that r is not there, or failed, cannot be resumed, and says why.
func isNoApplication(t *testing.T, s burdock.Store) {
	t.Helper()
	for c, err := range s.List(t.Context(), burdock.Query{Roots: true}) {
		if err != nil || record.AppStatus(c, false) != burdock.StatusFailed || !strings.Contains(c.Error.Text, "import was stopped") {
			t.Errorf("got %+v, error %v", c, err)
		}
	}
	graph := burdock.MustGraph("g", burdock.Node(burdock.Func("a", func(context.Context, burdock.None) (burdock.None, error) { return burdock.None{}, nil })))
	_, err := burdock.Resume(t.Context(), graph, &burdock.Options{ID: "r", Cascade: burdock.Cascade{Store: s}})
	if !errors.Is(err, burdock.ErrNotFound) && !errors.Is(err, burdock.ErrGraphChanged) {
		t.Errorf("resume: got error %v", err)
	}
	if err := record.Export(t.Context(), s, "r", io.Discard); err == nil {
		t.Error("what is not whole is exported")
	}
	claim, err := s.Claim(t.Context(), "r")
	if err != nil {
		t.Fatalf("the claim was not given up: %v", err)
	}
	_ = claim.Release(t.Context())
}

func TestImportLeavesNoFileAndTellsWhatItCannotRead(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	data := export(t, waiting(t, "ox", "bad", "a"), "r")
	imported(t, data)
	broken := errors.New("the line is dead")
	for n := range 3 {
		_, err := record.Import(t.Context(), memstore.New(), io.MultiReader(bytes.NewReader(data[:n*len(data)/2]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("got error %v, want the reader's", err)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left %v, error %v", left, err)
	}
	t.Setenv("TMPDIR", temp+"/none")
	if _, err := record.Import(t.Context(), memstore.New(), bytes.NewReader(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want one of the temporary folder", err)
	}
}

// An endless reader yields one line that does not end, and counts what was read of it.
type endless struct{ n int }

func (r *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	r.n += len(p)
	return len(p), nil
}

func TestImportReadsNoMoreOfALineThanItMayHave(t *testing.T) {
	header := strings.NewReader(`{"format":"burdock-export","version":1,"root":"r"}` + "\n" + `{"v":1,"root":"r",`)
	line := &endless{}
	_, err := record.Import(t.Context(), memstore.New(), io.MultiReader(header, line))
	if !errors.Is(err, record.ErrDamagedExport) || !strings.Contains(err.Error(), "line 2: damaged: it has more than 67108864 bytes") {
		t.Errorf("got error %v", err)
	}
	if line.n > record.MaxExportLine+1<<20 {
		t.Errorf("%d bytes of the line were read", line.n)
	}
}

// edited applies edits to a copy of the lines of an export. Three bytes of recipe are one edit: what is done, to which
// line, where in it, or with which other line.
func edited(lines [][]byte, recipe []byte, text string) []byte {
	lines = slices.Clone(lines)
	for ; len(recipe) >= 3 && len(lines) > 0; recipe = recipe[3:] {
		i, j := int(recipe[1])%len(lines), int(recipe[2])%len(lines)
		line := lines[i]
		at := int(recipe[2]) * len(line) / 256
		switch recipe[0] % 6 {
		case 0:
			lines = slices.Delete(lines, i, i+1)
		case 1:
			lines = slices.Insert(lines, j, line)
		case 2:
			lines[i], lines[j] = lines[j], line
		case 3:
			lines[i] = slices.Concat(line[:at], []byte(text), line[at:])
		case 4:
			lines[i] = slices.Concat(line[:at], line[min(at+len(text), len(line)):])
		case 5: // another value of a field
			value := bytes.IndexByte(line[at:], ':') + at + 1
			end := bytes.IndexAny(line[value:], ",}\n") + value
			lines[i] = slices.Concat(line[:value], []byte(text), line[max(value, end):])
		}
	}
	return bytes.Join(lines, nil)
}

// FuzzImport: what Import takes is what Export writes of it, byte for byte, and of what it refuses nothing is saved. It
// is given text as it is, and an export with edits that insert text, with a last line that fits, or nothing would come
// beyond the checksum.
func FuzzImport(f *testing.F) {
	s := memstore.New()
	save(f, s, long(2, 2)...)
	var exports [][][]byte
	for _, s := range []*memstore.Store{s, waiting(f, "ox", "bad")} {
		data := export(f, s, "r")
		f.Add([]byte{}, string(data[:bytes.IndexByte(data, '\n')+1]))
		exports = append(exports, slices.Collect(bytes.Lines(body(data))))
	}
	for op := range byte(6) {
		f.Add([]byte{op, 1, 2}, `"x"`)
		f.Add([]byte{op, 5, 100}, `2`)
	}
	f.Fuzz(func(t *testing.T, recipe []byte, text string) {
		inputs := [][]byte{[]byte(text), sealed([]byte(text))}
		for _, lines := range exports {
			inputs = append(inputs, sealed(edited(lines, recipe, text)))
		}
		for _, in := range inputs {
			s := memstore.New()
			done, err := record.Import(context.Background(), s, bytes.NewReader(in))
			if err != nil {
				if got := everything(t, s); got != "" {
					t.Fatalf("%v: something was saved: %s", err, got)
				}
				continue
			}
			if got := export(t, s, done.Root); !bytes.Equal(got, in) {
				t.Fatalf("imported\n%s\nexported\n%s", in, got)
			}
		}
	})
}
