// Package review reads a Git repository and says where to look first.
//
//	Snapshot ── Subjects ──> one Subject per file
//	                            │ Inspect: what kind of file
//	                            ├─ Functions ─┐
//	                            ├─ Docs       │
//	                            ├─ DroppedErrors  independent checks,
//	                            ├─ Todos      │   each a Result
//	                            ├─ LongLines  │
//	                            └─ Indentation┘
//	                                  │ Findings ── Judge ──> Verdicts
//	                                  └ Score ──> FileReview
//	Ranking.Add <── every FileReview
//	WriteReport ──> Markdown
//
// Every step is an ordinary function on structs of plain fields, so each can
// be an action of a state machine and each is tested by calling it. State
// holds names, numbers and findings; file contents are read from Git objects
// when they are needed.
//
// What it promises:
//   - The report follows from the commit and the toolchain: no clock, no
//     working tree, no order of execution is in it.
//   - What is in one file never fails the review: it is a finding, or a note
//     that says why the file was not checked.
//   - No goroutine and no process outlives [Checks.Close].
package review
