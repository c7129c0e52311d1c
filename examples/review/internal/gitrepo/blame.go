package gitrepo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// blameRanges bounds the -L options of one git blame: past it the whole file
// is blamed, which then costs no more.
const blameRanges = 200

// Blame returns when each of the given lines (from 1) of a file was written:
// the author time, in UTC. The path is in the form of [Quote]. Commits that the
// repository's own blame.ignoreRevsFile names are passed over, as its owners
// want.
func (r *Repo) Blame(ctx context.Context, commit, path string, lines []int) (map[int]time.Time, error) {
	raw, err := Unquote(path)
	if err != nil {
		return nil, err
	}
	args := []string{"--porcelain"}
	if len(lines) <= blameRanges {
		for _, l := range lines {
			args = append(args, fmt.Sprintf("-L%d,%d", l, l))
		}
	}
	out, err := r.git(ctx, "blame", append(args, commit, "--", raw)...)
	if err != nil {
		return nil, err
	}
	times, err := parseBlame(string(out))
	if err != nil {
		return nil, fmt.Errorf("git blame: %w", err)
	}
	return times, nil
}

// parseBlame reads the porcelain format: a header "<oid> <before> <line>" for
// each line, what is known of a commit where it appears first, and the text
// behind a tab.
func parseBlame(out string) (map[int]time.Time, error) {
	written := map[string]time.Time{} // by commit
	times := map[int]time.Time{}
	header := true
	var commit string
	var number int
	for l := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
		fields := strings.SplitN(l, " ", 4)
		var err error
		switch {
		case strings.HasPrefix(l, "\t"):
			times[number] = written[commit]
			header = true
		case header:
			if len(fields) < 3 {
				return nil, fmt.Errorf("unexpected line %q", l)
			}
			commit, header = fields[0], false
			number, err = strconv.Atoi(fields[2])
		case fields[0] == "author-time" && len(fields) == 2:
			var seconds int64
			seconds, err = strconv.ParseInt(fields[1], 10, 64)
			written[commit] = time.Unix(seconds, 0).UTC()
		}
		if err != nil {
			return nil, err
		}
	}
	return times, nil
}
