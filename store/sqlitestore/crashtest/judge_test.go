//go:build unix

package crashtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

// A journal is what the processes of a round have noted.
type journal struct {
	effects  []effect
	acks     []ack
	received []received
}

type effect struct {
	process int
	after   int64 // the size of the acknowledgements when it happened
	key     string
	attempt int
	ok      bool
	action  string
}

type ack struct {
	process int
	offset  int64 // of its line's end
	key     string
	status  burdock.Status
	app     string
	action  string
	next    string
}

type received struct {
	process int
	after   int64
	kind    string // given, decided, claimed, releasing, replied or dropping
	about   string // branch, visit, root or step
	what    string // ok or no, the choice, the epoch, the answer or the status
}

// journal reads the files of the round.
func (r *round) journal() *journal {
	j := &journal{}
	for _, f := range r.lines(crashtest.EffectsFile, 6) {
		j.effects = append(j.effects, effect{number(f[0]), int64(number(f[1])), f[2], number(f[3]), f[4] == "ok", f[5]})
	}
	for _, f := range r.lines(crashtest.ReceivedFile, 5) {
		j.received = append(j.received, received{number(f[0]), int64(number(f[1])), f[2], f[3], f[4]})
	}
	offset := int64(0)
	for _, f := range r.lines(crashtest.AcksFile, 6) {
		offset += int64(len(strings.Join(f, "\t")) + 1)
		j.acks = append(j.acks, ack{number(f[0]), offset, f[1], burdock.Status(f[2]), f[3], f[4], f[5]})
	}
	return j
}

// lines returns the fields of the lines of a file.
func (r *round) lines(file string, fields int) [][]string {
	data, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		return nil // no process has come that far
	}
	var all [][]string
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != fields {
			r.violated("journal", "%s has the line %q", file, line)
			continue
		}
		all = append(all, f)
	}
	return all
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// owner reports whether a process that runs has a claim which it is not about to give up.
func (j *journal) owner(process int) (owns bool) {
	for _, l := range j.received {
		if l.process == process {
			owns = l.kind == "claimed" || owns && l.kind != "releasing"
		}
	}
	return owns
}

// judge looks at what the processes have left behind.
func (r *round) judge(ctx context.Context) {
	j := r.journal()
	r.judgeEffects(j)
	r.judgeReceived(j)
	r.judgeStore(ctx, j)
}

// judgeEffects checks that nothing acknowledged has run again, and that nothing ran more often than crashes explain.
func (r *round) judgeEffects(j *journal) {
	acked := map[string]ack{} // the first of each key
	ackedBy := map[string]bool{}
	for _, a := range j.acks {
		if a.status != burdock.StatusCompleted && (a.next == "" && r.plan.Reruns()) {
			continue // a failure that may be tried again
		}
		if _, again := acked[a.key]; !again {
			acked[a.key] = a
		}
		ackedBy[fmt.Sprint(a.process, a.key)] = true
	}
	succeeded, attempts, fails := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range j.effects {
		in := fmt.Sprint(e.process, e.key)
		if a, ok := acked[e.key]; ok && e.after >= a.offset {
			r.violated("repeated", "%s has an effect in process %d after it was acknowledged in process %d", e.action, e.process, a.process)
		}
		if e.attempt <= attempts[in] {
			r.violated("attempts", "%s has attempt %d after %d in process %d", e.action, e.attempt, attempts[in], e.process)
		}
		attempts[in] = e.attempt
		if !e.ok {
			if fails[in]++; fails[in] > mostFailures && !r.plan.Reruns() {
				r.violated("attempts", "%s has failed %d times in process %d", e.action, fails[in], e.process)
			}
			continue
		}
		if succeeded[in]++; succeeded[in] > 1 {
			r.violated("twice", "%s succeeded twice in process %d", e.action, e.process)
		}
		succeeded[e.key]++
		if r.ends[e.process-1].orderly() && !ackedBy[in] {
			r.violated("unsaved", "%s succeeded in process %d, which ended by itself, and was not acknowledged", e.action, e.process)
		}
	}
	for key, a := range acked {
		if succeeded[key] == 0 && a.status == burdock.StatusCompleted && !parallel(a.action) {
			r.violated("invented", "%s was acknowledged in process %d and has never succeeded", a.action, a.process)
		}
	}
}

// mostFailures is how many attempts of one step fail at most before it succeeds or its Retry gives up.
const mostFailures = 3

// parallel reports whether an action runs branches, and so has no effect of its own.
func parallel(action string) bool {
	for _, prefix := range []string{"map", "actions", "sub"} {
		if strings.HasPrefix(action, prefix) && !strings.HasSuffix(action, "_caught") {
			return true
		}
	}
	return false
}

// judgeReceived checks that reduce was given only what was saved, and decided the same whenever it was asked.
func (r *round) judgeReceived(j *journal) {
	here := map[string]bool{} // what has succeeded in which process
	for _, e := range j.effects {
		here[fmt.Sprint(e.process, e.key)] = here[fmt.Sprint(e.process, e.key)] || e.ok
	}
	final := map[string]int64{} // where the end of a branch was acknowledged, by process and branch
	for _, a := range j.acks {
		if a.next == "" && here[fmt.Sprint(a.process, a.key)] { // else it was restored and only marked
			final[fmt.Sprint(a.process, a.app)] = a.offset
		}
	}
	choices := map[string]string{}
	for _, g := range j.received {
		switch g.kind {
		case "given":
			if at, ok := final[fmt.Sprint(g.process, g.about)]; ok && g.after < at {
				r.violated("early", "branch %s reached reduce in process %d before it was saved", g.about, g.process)
			}
		case "decided":
			if old, chosen := choices[g.about]; chosen && old != g.what {
				r.violated("decision", "the reduce of %s chose %q and in process %d %q", g.about, old, g.process, g.what)
			}
			choices[g.about] = g.what
		}
	}
}

// judgeStore reads the database.
func (r *round) judgeStore(ctx context.Context, j *journal) {
	path := filepath.Join(r.dir, crashtest.DatabaseFile)
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		r.violated("integrity", "%v", err)
		return
	}
	defer db.Close()
	said := ""
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		r.violated("integrity", "integrity_check: %q, %v", said, err)
		return
	}
	s, err := sqlitestore.Open(ctx, path, nil)
	if err != nil {
		r.violated("integrity", "%v", err)
		return
	}
	defer s.Close()
	r.judgeState(ctx, s)
	var all []burdock.Checkpoint
	for cp, err := range s.List(ctx, burdock.Query{Root: crashtest.Root}) {
		if err != nil {
			r.violated("integrity", "%v", err)
			return
		}
		if cp.Kind == burdock.KindStep {
			all = append(all, cp)
		}
	}
	r.judgeRecords(j, all)
	r.judgeReplies(ctx, s, j, all)
}

// judgeInbox checks that no message is left. Only a cancellation that has come when its branch had ended may be.
func (r *round) judgeInbox(ctx context.Context, s burdock.Inbox, all []burdock.Checkpoint) {
	last := map[string]*burdock.Checkpoint{}
	named := map[string]string{}
	for i := range all {
		last[all[i].App] = &all[i]
		for _, id := range all[i].Messages {
			named[id] = all[i].Path
		}
	}
	for m, err := range s.Messages(ctx, crashtest.Root) {
		switch cp := last[m.To.App]; {
		case err != nil:
			r.violated("integrity", "%v", err)
		case named[m.ID] != "":
			r.violated("inbox", "%s has used a message that is left: %s to %s#%d", named[m.ID], m.Kind, m.To.App, m.To.Seq)
		case m.Kind == burdock.MessageAnswer, cp == nil, cp.Status == burdock.StatusWaiting, cp.Status == burdock.StatusRunning:
			r.violated("inbox", "a message is left: %s to %s#%d %s", m.Kind, m.To.App, m.To.Seq, m.Inputs)
		}
	}
}

// judgeReplies checks that each answer was used once, by the step that it was for, and that no message is left.
func (r *round) judgeReplies(ctx context.Context, s burdock.Inbox, j *journal, all []burdock.Checkpoint) {
	dropped := map[string]int{} // how often the store was told to forget an answer
	used := map[string]string{}
	for _, g := range j.received {
		switch g.kind {
		case "dropping":
			dropped[g.about]++
		case "replied":
			used[g.about] = g.what
		}
	}
	at := map[burdock.Ref]*burdock.Checkpoint{}
	for i := range all {
		at[all[i].Ref()] = &all[i]
	}
	r.judgeInbox(ctx, s, all)
	for ref, a := range r.replier.accepted {
		step := fmt.Sprintf("%s#%d", ref.App, ref.Seq)
		if !a.question.Cancel && a.times > 1+dropped[step] {
			r.violated("forgotten", "%s was answered %d times", a.question.Path, a.times)
		}
		cp := at[ref]
		if cp == nil {
			r.violated("lost", "%s was answered and is not in the store", a.question.Path)
			continue
		}
		word, _ := crashtest.Replied(cp)
		switch completed := cp.Status == burdock.StatusCompleted; {
		case completed && a.question.Cancel:
			r.violated("reply", "%s was cancelled and is completed", cp.Path)
		case completed && (word != a.question.Word || used[step] != word):
			r.violated("reply", "%s was answered %q, has %q and has used %q", cp.Path, a.question.Word, word, used[step])
		}
	}
	for _, cp := range at {
		if word, yes := crashtest.Replied(cp); yes && cp.Status == burdock.StatusCompleted && r.replier.accepted[cp.Ref()].times == 0 {
			r.violated("invented", "%s#%d has the reply %q, which nobody has given", cp.Path, cp.Seq, word)
		}
	}
}

// judgeState compares the final state in the store.
func (r *round) judgeState(ctx context.Context, s burdock.Store) {
	g, err := r.plan.Graph(&crashtest.Bystander{})
	if err != nil {
		r.violated("state", "%v", err)
		return
	}
	app, err := burdock.Resume(ctx, g, r.plan.Options(s, 0))
	if err != nil {
		r.violated("state", "%v", err)
		return
	}
	if state, err := crashtest.Dump(app.State()); err != nil || state != r.want.state {
		r.violated("state", "in the store it is\n%s\n%v\nbut undisturbed\n%s", state, err, r.want.state)
	}
}

// judgeRecords checks that the records of a finished application agree with each other and with the journal.
func (r *round) judgeRecords(j *journal, all []burdock.Checkpoint) {
	succeeded := map[string]bool{}
	for _, e := range j.effects {
		succeeded[e.key] = succeeded[e.key] || e.ok
	}
	completed := map[string]bool{}
	last := map[string]*burdock.Checkpoint{}
	joins := map[string]string{}
	for i := range all {
		cp := &all[i]
		if before := last[cp.App]; before == nil && cp.Seq != 0 || before != nil && cp.Seq != before.Seq+1 {
			r.violated("records", "%s has a gap before step %d", cp.Path, cp.Seq)
		}
		last[cp.App] = cp
		key := crashtest.KeyOf(cp)
		done := cp.Status == burdock.StatusCompleted
		completed[key] = done || cp.Status == burdock.StatusSuperseded
		if done && cp.Seq > 0 && !succeeded[key] && !parallel(cp.Action) {
			r.violated("invented", "%s#%d %s is completed and has never succeeded", cp.Path, cp.Seq, cp.Action)
		}
		if cp.Join > 0 {
			at := fmt.Sprint(cp.Parent, cp.Join)
			if other := joins[at]; other != "" {
				r.violated("records", "%s and %s have the join number %d", other, cp.Path, cp.Join)
			}
			joins[at] = cp.Path
		}
	}
	for _, a := range j.acks {
		if a.status == burdock.StatusCompleted && !completed[a.key] {
			r.violated("lost", "%s of %s was acknowledged in process %d and is not in the store", a.action, a.app, a.process)
		}
	}
	for _, g := range j.received {
		if g.kind != "given" {
			continue
		}
		if cp := last[g.about]; cp == nil || !ended(cp) {
			r.violated("lost", "branch %s reached reduce and has no end in the store: %+v", g.about, cp)
		}
	}
	root := last[crashtest.Root]
	if root == nil || !root.Done() {
		r.violated("records", "the root is not done: %+v", root)
		return
	}
	for _, cp := range last {
		if cp.Status == burdock.StatusRunning || cp.Status == burdock.StatusWaiting {
			around := ""
			for up := last[cp.Parent.App]; up != nil; up = last[up.Parent.App] {
				around += fmt.Sprintf(", %s#%d in %s", up.Status, up.Seq, up.Task)
			}
			r.violated("leftover", "%s#%d %s is %s though the root is done (around it %s)", cp.Path, cp.Seq, cp.Action, cp.Status, around)
		}
	}
}

// ended reports whether a record can be the last of a branch that had a result.
func ended(cp *burdock.Checkpoint) bool {
	switch cp.Status {
	case burdock.StatusCompleted, burdock.StatusFailed:
		return cp.Next == ""
	}
	return cp.Status == burdock.StatusSuperseded || cp.Status == burdock.StatusCancelled && cp.Join > 0
}
