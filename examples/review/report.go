package review

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteReport writes a ranking as Markdown. The report holds nothing of the
// run, such as its id, time or duration, so two reviews of one commit with
// one toolchain write the same bytes.
func WriteReport(w io.Writer, s Snapshot, r Ranking) error {
	b := bufio.NewWriter(w)
	writeSummary(b, s, r)
	writeChecks(b, r.Checks)
	writeWorst(b, r.Worst)
	writeFindings(b, r)
	writeUnknown(b, r.Unknown)
	return b.Flush()
}

func writeSummary(b *bufio.Writer, s Snapshot, r Ranking) {
	fmt.Fprintf(b, "# Review\n\nCommit %s, committed %s: %s.\n\n", code(s.Commit), s.Time.UTC().Format(time.RFC3339), scopeOf(s))
	total := 0
	for _, t := range r.Checks {
		total += t.High + t.Medium + t.Low + t.None
	}
	fmt.Fprintf(b, "%s, %d without findings. %s.\n", plural(r.Files, "file", "files"), r.Clean, plural(total, "finding", "findings"))
}

// scopeOf says which files were reviewed.
func scopeOf(s Snapshot) string {
	switch {
	case s.Base != "":
		return fmt.Sprintf("the files changed in %s, since commit %s", code(s.Range), code(s.Base))
	case s.Range != "":
		return "all files of " + code(s.Range)
	}
	return "all files of HEAD"
}

func writeChecks(b *bufio.Writer, tallies []Tally) {
	if len(tallies) == 0 {
		return
	}
	fmt.Fprint(b, "\n## Findings by check\n\n| check | high | medium | low | none |\n|---|--:|--:|--:|--:|\n")
	for _, t := range tallies {
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", t.Check, t.High, t.Medium, t.Low, t.None)
	}
	fmt.Fprint(b, "\nFindings in generated files, testdata and vendored code weigh nothing, and those in tests less.\n")
}

func writeWorst(b *bufio.Writer, worst []FileScore) {
	if len(worst) == 0 {
		return
	}
	fmt.Fprint(b, "\n## Worst files\n\n")
	for i, f := range worst {
		fmt.Fprintf(b, "%d. %s: score %d (%d high, %d medium, %d low)\n", i+1, code(f.Path), f.Score, f.Tally.High, f.Tally.Medium, f.Tally.Low)
	}
}

func writeFindings(b *bufio.Writer, r Ranking) {
	if len(r.Findings) == 0 {
		return
	}
	weighed := 0
	for _, t := range r.Checks {
		weighed += t.High + t.Medium + t.Low
	}
	fmt.Fprint(b, "\n## Findings\n")
	if weighed > len(r.Findings) {
		fmt.Fprintf(b, "\nThe first %d of %d.\n", len(r.Findings), weighed)
	}
	severity := ""
	for _, v := range r.Findings {
		if v.Severity != severity {
			severity = v.Severity
			fmt.Fprintf(b, "\n### %s%s\n\n", strings.ToUpper(severity[:1]), severity[1:])
		}
		fmt.Fprintf(b, "- %s %s\n", code(position(v.Finding)), sentence(v))
	}
}

func position(f Finding) string {
	if f.Line == 0 {
		return f.Path
	}
	return fmt.Sprintf("%s:%d", f.Path, f.Line)
}

func sentence(v Verdict) string {
	s := v.Finding.Check + ": "
	if v.Finding.Name != "" {
		s += code(v.Finding.Name) + " "
	}
	s += escape(v.Finding.Message)
	if v.Because != "" {
		s += " (" + v.Because + ")"
	}
	return s
}

func writeUnknown(b *bufio.Writer, unknown []NoteTally) {
	if len(unknown) == 0 {
		return
	}
	fmt.Fprint(b, "\n## Not checked\n\n| check | reason | files | for example |\n|---|---|--:|---|\n")
	for _, n := range unknown {
		fmt.Fprintf(b, "| %s | %s | %d | %s |\n", n.Check, escape(n.Reason), n.Count, cell(code(n.Example)))
	}
}

// code returns s as a code span that ends where s ends, whatever is in it.
// What is shown here has no line feed: paths are quoted and names printable.
func code(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if s == "" || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || s[0] == ' ' && s[len(s)-1] == ' ' {
		s = " " + s + " "
	}
	return fence + s + fence
}

// cell keeps a vertical bar from ending the cell of a table, which it does
// even in a code span.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

var markdown = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "|", `\|`, "~", `\~`, "&", `\&`,
)

// escape makes Markdown show a text as it is.
func escape(s string) string { return markdown.Replace(s) }
