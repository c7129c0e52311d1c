// Package books is an application of which the tests of burdock testcase make tests: it has large numbers, lists, structs
// in structs, inputs of all sources, branches, and steps that fail.
package books

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/burdock-go/burdock"
)

// An Entry is one line of the ledger.
type Entry struct {
	Text  string            `json:"text"`
	Cents uint64            `json:"cents"`
	Tags  map[string][]bool `json:"tags"`
}

// A Ledger is what the application begins with.
type Ledger struct {
	Balance uint64  `state:"balance"`
	Entries []Entry `state:"entries"`
	Draft   string  `state:"draft,optional"`
}

type booking struct {
	Balance uint64 `state:"balance"`
	Entry   Entry  `input:"entry"`
	Clerk   string `input:"clerk,optional"`
	Token   string `input:"token,optional,secret"`
}

type booked struct {
	Balance uint64  `state:"balance"`
	Entries []Entry `state:"entries,append"`
	Draft   bool    `state:"draft,delete"`
}

// ErrClosed is why nothing is booked.
var ErrClosed = errors.New("the books of `2025` are closed:\nask somebody")

func book(_ context.Context, b booking) (booked, error) {
	if b.Entry.Cents == 0 {
		return booked{}, ErrClosed
	}
	return booked{b.Balance + b.Entry.Cents, []Entry{b.Entry}, true}, nil
}

type entries struct {
	Entries []Entry `state:"entries"`
}

type line struct {
	Text string `state:"text,key"`
	Sum  uint64 `input:"sum"`
}

type printed struct {
	Line string `state:"line"`
}

func print1(_ context.Context, l line) (printed, error) {
	if l.Text == "illegible" {
		return printed{}, errors.New("it is illegible")
	}
	return printed{fmt.Sprintf("%s: %d", l.Text, l.Sum)}, nil
}

func lines(_ context.Context, in entries) iter.Seq2[line, error] {
	return burdock.Each(in.Entries, func(e Entry) line { return line{e.Text, e.Cents} })
}

type pages struct {
	Pages []string `state:"pages"`
}

func bind(_ context.Context, _ entries, rs *burdock.Results[line, printed]) (p pages, err error) {
	for r := range rs.OK() {
		p.Pages = append(p.Pages, r.Out.Line)
	}
	return p, rs.Err()
}

type apology struct {
	Failure burdock.Failure `input:"failure"`
}

type sorry struct {
	Sorry string `state:"sorry"`
}

func apologize(_ context.Context, a apology) (sorry, error) {
	return sorry{"sorry: " + a.Failure.Text}, nil
}

// PrintLine prints one line, in a branch.
var PrintLine = burdock.Func("print line", print1)

// Graph books an entry, prints all of them, and says sorry for what has failed.
func Graph() *burdock.Graph {
	enter := burdock.Func("book", book)
	print := burdock.MapStates("print", PrintLine, lines, bind, nil)
	excuse := burdock.Func("apologize", apologize)
	return burdock.MustGraph("the books",
		burdock.Node(enter, burdock.OnError(burdock.Is(ErrClosed), excuse), burdock.Then(print)),
		burdock.Node(print, burdock.OnError(burdock.AnyError, excuse)),
		burdock.Node(excuse),
	)
}
