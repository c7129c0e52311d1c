package review

import (
	"context"
	"iter"

	"github.com/burdock-go/burdock"
)

// The states of a review. The root keeps the snapshot and the ranking; what is found in a file stays in its branch.
type (
	start struct {
		Head Snapshot `input:"head"` // resolved, without files
	}
	scope struct {
		Snapshot Snapshot `state:"snapshot"`
	}
	outcome struct {
		Ranking Ranking `state:"ranking"`
	}
	file struct { // what the branch of one file begins with
		Path    string  `state:"path,key"`
		Subject Subject `state:"subject"`
	}
	seen struct {
		Kind     string    `state:"kind"`
		Findings []Finding `state:"findings,append"`
		Notes    []Note    `state:"notes,append"`
	}
	found struct {
		Findings []Finding `state:"findings"`
		Notes    []Note    `state:"notes"`
	}
	foundMore struct {
		Findings []Finding `state:"findings,append"`
		Notes    []Note    `state:"notes,append"`
	}
	finding struct {
		Finding Finding `state:"finding"`
	}
	verdict struct {
		Verdict Verdict `state:"verdict"`
	}
	judged struct {
		Verdicts []Verdict `state:"verdicts"`
	}
	toScore struct {
		Path     string    `state:"path"`
		Verdicts []Verdict `state:"verdicts"`
		Notes    []Note    `state:"notes"`
	}
	reviewed struct {
		Review FileReview `state:"review"`
	}
)

// A bot is a review as a state machine. Its methods are the actions.
type bot struct {
	repo   *Repo
	checks *Checks
	limit  int
	done   func(path string) // told when a file has been reviewed; may be nil
}

// graph is the whole review:
//
//	snapshot ─▶ files: one branch per file ─▶ ranking
//	              inspect ─▶ check: all checks at once ─▶ judge: every finding ─▶ score
func (b *bot) graph() (*burdock.Graph, error) {
	one, err := b.fileGraph()
	if err != nil {
		return nil, err
	}
	snapshot := burdock.Func("snapshot", b.snapshot)
	files := burdock.MapStates("files", one, eachFile, rank, &burdock.MapOptions{Limit: b.limit, Failures: burdock.Collect})
	return burdock.NewGraph("review", burdock.Chain(snapshot, files))
}

func (b *bot) fileGraph() (*burdock.Graph, error) {
	c := b.checks
	inspect := burdock.Func("inspect", b.inspect)
	text := burdock.Actions(
		check("long_lines", c.LongLines), check("indentation", c.Indentation), check("todos", c.Todos),
	)
	source := append(burdock.Actions(
		check("functions", c.Functions), check("docs", c.Docs), check("dropped_errors", c.DroppedErrors),
	), text...)
	checkText := burdock.MapActions("check_text", text, nil, gather, nil)
	checkGo := burdock.MapActions("check_go", source, nil, gather, nil)
	judge := burdock.MapStates("judge", burdock.Func("weigh", weigh), eachFinding, burdock.List[judged, finding, found](judgement), nil)
	score := burdock.Func("score", b.score)

	kind := burdock.Key[string]("kind")
	return burdock.NewGraph("file",
		burdock.Node(inspect, burdock.Eq(kind, KindGo).Then(checkGo), burdock.Eq(kind, KindText).Then(checkText), burdock.Then(judge)),
		burdock.Node(checkGo, burdock.Then(judge)),
		burdock.Node(checkText, burdock.Then(judge)),
		burdock.Node(judge, burdock.Then(score)),
		burdock.Node(score),
	)
}

// snapshot fixes what is reviewed. Nothing after it asks HEAD or the clock.
func (b *bot) snapshot(ctx context.Context, in start) (scope, error) {
	s, err := b.repo.Fill(ctx, in.Head)
	return scope{s}, err
}

// eachFile yields the files in Git's order; a branch's key is its path.
func eachFile(ctx context.Context, in scope) iter.Seq2[file, error] {
	burdock.Attr(ctx, "total", len(in.Snapshot.Files))
	return func(yield func(file, error) bool) {
		for s := range Subjects(in.Snapshot) {
			if !yield(file{s.File.Path, s}, nil) {
				return
			}
		}
	}
}

// rank adds up the reviews while they arrive. A file that could not be reviewed fails the step, so that the next run
// tries it again; what the others came to is kept.
func rank(_ context.Context, _ scope, rs *burdock.Results[file, reviewed]) (out outcome, err error) {
	for r := range rs.OK() {
		out.Ranking.Add(r.Out.Review)
	}
	return out, rs.Err()
}

func (b *bot) inspect(ctx context.Context, in file) (seen, error) {
	i, err := b.checks.Inspect(ctx, in.Subject)
	return seen(i), err
}

// subject is what every check reads.
type subject struct {
	Subject Subject `state:"subject"`
}

// check makes an action of a check.
func check(name string, f func(context.Context, Subject) (Result, error)) burdock.Runnable {
	return burdock.Func(name, func(ctx context.Context, in subject) (found, error) {
		r, err := f(ctx, in.Subject)
		return found(r), err
	})
}

// gather joins what the checks found.
func gather(_ context.Context, _ subject, rs *burdock.Results[subject, found]) (out foundMore, err error) {
	for r := range rs.OK() {
		out.Findings = append(out.Findings, r.Out.Findings...)
		out.Notes = append(out.Notes, r.Out.Notes...)
	}
	return out, nil
}

func eachFinding(_ context.Context, in found) iter.Seq2[finding, error] {
	return burdock.Each(in.Findings, func(f Finding) finding { return finding{f} })
}

func weigh(_ context.Context, in finding) (verdict, error) {
	return verdict{Judge(in.Finding)}, nil
}

func judgement(vs []verdict) judged {
	out := judged{Verdicts: make([]Verdict, len(vs))}
	for i, v := range vs {
		out.Verdicts[i] = v.Verdict
	}
	return out
}

func (b *bot) score(_ context.Context, in toScore) (reviewed, error) {
	if b.done != nil {
		b.done(in.Path)
	}
	return reviewed{Score(in.Path, in.Verdicts, in.Notes)}, nil
}
