// Search looks for passages in Burdock's own documentation, by keywords and by vectors at once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "search:", err)
		os.Exit(1)
	}
}

// run searches for the words that the arguments are.
func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("search", flag.ExitOnError)
	docs := flags.String("docs", "", "the `folder` with the Markdown files; by default docs in this folder or the nearest above")
	most := flags.Int("n", 5, "how many hits to print at most")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *most < 1 {
		return errors.New("-n is positive")
	}
	text := strings.Join(flags.Args(), " ")
	if text == "" {
		return errors.New(`say what to search for, such as "when is a step run again"`)
	}
	dir, err := folder(*docs)
	if err != nil {
		return err
	}
	x, err := load(dir)
	if err != nil {
		return err
	}
	found, err := x.search(ctx, text)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		fmt.Fprintln(w, "Nothing is like it.")
	}
	for i, h := range found[:min(*most, len(found))] {
		p := x.passages[h.Passage]
		fmt.Fprintf(w, "%d. %s:%d  %s\n   %s\n", i+1, filepath.Join(dir, p.File), p.Line, places(h), snippet(p.Text, text))
	}
	return nil
}

// folder returns the folder with the documentation: the one that was asked for, or docs in the working directory or the
// nearest one above.
func folder(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	up := "."
	for {
		dir := filepath.Join(up, "docs")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
		here, err := filepath.Abs(up)
		if err != nil {
			return "", err
		}
		if here == filepath.Dir(here) {
			return "", errors.New("there is no folder docs here or above; name one with -docs")
		}
		up = filepath.Join(up, "..")
	}
}

func places(h hit) string {
	var all []string
	for _, p := range h.Places {
		all = append(all, fmt.Sprintf("%s #%d", p.Search, p.Number))
	}
	return strings.Join(all, ", ")
}

// width is how many words a snippet has at most.
const width = 24

// snippet is the part of a passage that has most words of the query.
func snippet(text, query string) string {
	asked := words(query)
	all := strings.Fields(text)
	from, most := 0, -1
	for i := range max(len(all)-width, 0) + 1 {
		if n := common(asked, words(strings.Join(all[i:min(i+width, len(all))], " "))); n > most {
			from, most = i, n
		}
	}
	out := strings.Join(all[from:min(from+width, len(all))], " ")
	if from > 0 {
		out = "… " + out
	}
	if from+width < len(all) {
		out += " …"
	}
	return out
}

// common returns how many of the words are among the others.
func common(words, others []string) (n int) {
	for _, w := range words {
		if slices.Contains(others, w) {
			n++
		}
	}
	return n
}
