//go:build unix

package crashtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

// Each check fires: a good round is changed in one place, and the judge says which promise that would break.
func TestJudgeFindsWhatIsWrong(t *testing.T) {
	const seed = 6 // it has a map with results
	for _, c := range []struct {
		kind, name string
		tamper     func(*testing.T, *round)
	}{
		{"", "nothing", func(*testing.T, *round) {}},
		{"journal", "half a line", func(t *testing.T, r *round) { r.append(t, crashtest.EffectsFile, "1\t2") }},
		{"repeated", "an effect after its acknowledgement", func(t *testing.T, r *round) {
			e := r.journal().effects[0]
			r.append(t, crashtest.EffectsFile, fmt.Sprintf("2\t%d\t%s\t%d\tok\t%s", 1<<30, e.key, e.attempt, e.action))
		}},
		{"attempts", "an attempt twice", func(t *testing.T, r *round) {
			r.edit(t, crashtest.EffectsFile, func(lines []string) []string { return append(lines[:1:1], lines...) })
		}},
		{"twice", "a success twice", func(t *testing.T, r *round) {
			r.edit(t, crashtest.EffectsFile, func(lines []string) []string {
				i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "\tok\t") })
				return slices.Insert(lines, i, lines[i])
			})
		}},
		{"unsaved", "a success that was not acknowledged", func(t *testing.T, r *round) {
			r.append(t, crashtest.EffectsFile, "1\t0\tabc\t1\tok\tstep1")
		}},
		{"invented", "an acknowledgement without a success", func(t *testing.T, r *round) {
			r.edit(t, crashtest.EffectsFile, func(lines []string) []string { return lines[1:] })
		}},
		{"lost", "an acknowledged step that the store has not", func(t *testing.T, r *round) {
			r.append(t, crashtest.EffectsFile, "2\t0\tabc\t1\tok\tstep1")
			r.append(t, crashtest.AcksFile, "2\tabc\tcompleted\troot\tstep1\tstep2")
		}},
		{"early", "a result before its acknowledgement", func(t *testing.T, r *round) {
			for _, g := range r.journal().received {
				if g.kind == "given" {
					r.append(t, crashtest.ReceivedFile, fmt.Sprintf("%d\t0\tgiven\t%s\tok", g.process, g.about))
					return
				}
			}
			t.Fatal("the round has no results")
		}},
		{"decision", "two decisions", func(t *testing.T, r *round) {
			r.append(t, crashtest.ReceivedFile, "1\t0\tdecided\troot#1\ta")
			r.append(t, crashtest.ReceivedFile, "2\t0\tdecided\troot#1\tb")
		}},
		{"lost", "a result of a branch that the store has not", func(t *testing.T, r *round) {
			r.append(t, crashtest.ReceivedFile, "1\t0\tgiven\tnobody\tok")
		}},
		{"state", "another value", func(t *testing.T, r *round) {
			r.change(t, func(cp *burdock.Checkpoint) bool {
				cp.Delta = append(slices.Clone(cp.Delta), burdock.Change{Key: "name", Op: burdock.OpSet, Value: json.RawMessage(`"x"`)})
				return cp.App == crashtest.Root && cp.Done()
			})
		}},
		{"leftover", "a branch that runs", func(t *testing.T, r *round) {
			r.change(t, func(cp *burdock.Checkpoint) bool {
				cp.App, cp.Seq, cp.Status = "stray", 0, burdock.StatusRunning
				return cp.Join > 0
			})
		}},
		{"records", "a step too many", func(t *testing.T, r *round) {
			r.change(t, func(cp *burdock.Checkpoint) bool {
				cp.Seq += 2
				return cp.Join > 0
			})
		}},
		{"records", "a join number twice", func(t *testing.T, r *round) {
			r.change(t, func(cp *burdock.Checkpoint) bool {
				cp.App, cp.Seq = "stray", 0
				return cp.Join > 0
			})
		}},
		{"inbox", "a message that is left", func(t *testing.T, r *round) {
			r.change(t, func(cp *burdock.Checkpoint) bool {
				last := cp.App == crashtest.Root && cp.Done()
				cp.Status, cp.Needs = burdock.StatusWaiting, []string{"reply"}
				return last
			})
			r.post(t)
		}},
		{"reply", "another answer than was given", func(t *testing.T, r *round) {
			r.change(t, func(cp *burdock.Checkpoint) bool {
				i := slices.IndexFunc(cp.Inputs, func(in burdock.InputRecord) bool { return in.Name == "reply" })
				if i >= 0 {
					cp.Inputs = slices.Clone(cp.Inputs)
					cp.Inputs[i].Value = []byte(`"x"`)
				}
				return i >= 0 && cp.Status == burdock.StatusCompleted
			})
		}},
		{"invented", "an answer that nobody has given", func(_ *testing.T, r *round) { clear(r.replier.accepted) }},
		{"forgotten", "a step that was answered twice", func(_ *testing.T, r *round) {
			for ref, a := range r.replier.accepted {
				a.times += 20
				r.replier.accepted[ref] = a
			}
		}},
		{"integrity", "a damaged file", func(t *testing.T, r *round) {
			f, err := os.OpenFile(filepath.Join(r.dir, crashtest.DatabaseFile), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 12000), 4096); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := newRound(t.Context(), t.TempDir(), seed)
			if err != nil {
				t.Fatal(err)
			}
			r.style = undisturbing
			r.disturbed(t.Context())
			c.tamper(t, r)
			r.judge(t.Context())
			found := slices.ContainsFunc(r.violations, func(v violation) bool { return v.kind == c.kind })
			if c.kind == "" {
				found = len(r.violations) == 0
			}
			if !found {
				t.Errorf("got %v, want %q", r.violations, c.kind)
			}
		})
	}
}

// append adds a line to a file of the journal.
func (r *round) append(t *testing.T, file, line string) {
	t.Helper()
	r.ends = append(r.ends, &end{how: killed}) // should the line name process 2
	r.edit(t, file, func(lines []string) []string { return append(lines, line+"\n") })
}

func (r *round) edit(t *testing.T, file string, edit func([]string) []string) {
	t.Helper()
	path := filepath.Join(r.dir, file)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := edit(slices.Collect(strings.Lines(string(data))))
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// post answers the root, which waits as it was changed.
func (r *round) post(t *testing.T) {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(r.dir, crashtest.DatabaseFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cp, err := s.Load(t.Context(), burdock.Ref{App: crashtest.Root, Seq: -1})
	if err != nil {
		t.Fatal(err)
	}
	m := burdock.Message{ID: "late", Root: crashtest.Root, To: cp.Ref(), Kind: burdock.MessageAnswer, Posted: time.Now().UTC()}
	if err := s.Post(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// change saves the first record that the function wants, as the function has changed it.
func (r *round) change(t *testing.T, change func(*burdock.Checkpoint) bool) {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(r.dir, crashtest.DatabaseFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := s.Claim(t.Context(), crashtest.Root)
	if err != nil {
		t.Fatal(err)
	}
	for cp, err := range s.List(t.Context(), burdock.Query{Root: crashtest.Root}) {
		if err != nil {
			t.Fatal(err)
		}
		cp.Fence = burdock.Fence{}
		if change(&cp) {
			if err := s.Save(t.Context(), c.Fence(), []burdock.Checkpoint{cp}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("there is no such record")
}
