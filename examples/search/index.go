package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// A passage is a paragraph, list item or row of a document.
type passage struct {
	File string // its name
	Line int    // its first
	Text string
}

// An index is what is known of the passages before anybody asks.
type index struct {
	passages []passage
	words    field // whole words: they find what is written like the query
	parts    field // three letters in a row: they find what is written much like it
}

// A field is the passages cut into terms of one kind.
type field struct {
	cut     func(string) []string
	idf     vector // how rare a term is
	vectors []vector
}

// A vector has a weight for each term: how often it occurs, times how rare it is.
type vector map[string]float64

// load indexes the Markdown files of a folder.
func load(dir string) (*index, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no Markdown files", dir)
	}
	x := &index{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		x.passages = append(x.passages, passages(filepath.Base(file), string(text))...)
	}
	x.words, x.parts = newField(x.passages, words), newField(x.passages, parts)
	return x, nil
}

// passages cuts a document at empty lines, headings, list items and rows of tables.
func passages(file, text string) (all []passage) {
	fresh := true
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			fresh = true
			continue
		case fresh || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "| ") || numbered(line):
			all = append(all, passage{file, i + 1, line})
		default:
			all[len(all)-1].Text += " " + line
		}
		fresh = strings.HasPrefix(line, "#")
	}
	return all
}

// numbered reports whether a line begins an item such as "12. ".
func numbered(line string) bool {
	rest := strings.TrimLeft(line, "0123456789")
	return rest != line && strings.HasPrefix(rest, ". ")
}

func newField(ps []passage, cut func(string) []string) field {
	f := field{cut: cut, idf: vector{}}
	for _, p := range ps {
		terms := cut(p.Text)
		slices.Sort(terms)
		for _, term := range slices.Compact(terms) {
			f.idf[term]++
		}
	}
	for term, in := range f.idf {
		f.idf[term] = math.Log(1 + float64(len(ps))/in)
	}
	for _, p := range ps {
		f.vectors = append(f.vectors, f.vector(p.Text))
	}
	return f
}

// vector leaves out terms that no passage has.
func (f field) vector(text string) vector {
	v := vector{}
	for _, term := range f.cut(text) {
		if f.idf[term] > 0 {
			v[term] += f.idf[term]
		}
	}
	return v
}

// dot adds up in the order of the terms, as sums of floating-point numbers depend on theirs.
func (v vector) dot(w vector) (sum float64) {
	for _, term := range slices.Sorted(maps.Keys(v)) {
		sum += v[term] * w[term]
	}
	return sum
}

// words are the words of a text in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// parts are the runs of three letters in the words of a text, their ends marked.
func parts(text string) (all []string) {
	for _, word := range words(text) {
		r := []rune("^" + word + "$")
		for i := 3; i <= len(r); i++ {
			all = append(all, string(r[i-3:i]))
		}
	}
	return all
}

// byKeyword ranks the passages by the words of the query that they have: how many and how rare they are.
func (x *index) byKeyword(_ context.Context, q query) (ranking, error) {
	asked := slices.Sorted(maps.Keys(x.words.vector(q.Text)))
	return x.rank(func(i int) (score float64) {
		for _, word := range asked {
			if x.words.vectors[i][word] > 0 {
				score += x.words.idf[word]
			}
		}
		return score
	}), nil
}

// byVector ranks the passages by the cosine of the angle between their vectors of parts and the query's.
func (x *index) byVector(_ context.Context, q query) (ranking, error) {
	asked := x.parts.vector(q.Text)
	return x.rank(func(i int) float64 {
		v := x.parts.vectors[i]
		return asked.dot(v) / max(math.Sqrt(asked.dot(asked)*v.dot(v)), math.SmallestNonzeroFloat64)
	}), nil
}

// depth is how far down a ranking goes.
const depth = 50

// rank returns the passages with a score, the best first, and the earliest of equals.
func (x *index) rank(score func(passage int) float64) (out ranking) {
	scores := make([]float64, len(x.passages))
	for i := range scores {
		if scores[i] = score(i); scores[i] > 0 {
			out.Passages = append(out.Passages, i)
		}
	}
	slices.SortStableFunc(out.Passages, func(i, j int) int { return cmp.Compare(scores[j], scores[i]) })
	out.Passages = out.Passages[:min(depth, len(out.Passages))]
	return out
}
