package burdocktest_test

import (
	"context"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

type booked struct {
	Big   uint64 `state:"big"`
	Lines []item `state:"lines,append"`
	Done  bool   `state:"draft,delete"`
}

var book = burdock.Func("book", func(_ context.Context, b bookingIn) (booked, error) {
	if b.Name == "" {
		return booked{}, errRefused
	}
	return booked{b.Big + 1, []item{{b.Name, []string{"<new>"}}}, true}, nil
})

type bookingIn struct {
	Big  uint64 `state:"big"`
	Name string `input:"name"`
}

var report = burdock.Func("report", func(_ context.Context, in struct {
	Lines   []item          `state:"lines"`
	Failure burdock.Failure `input:"failure,optional"`
},
) (answer, error) {
	return answer{in.Failure.Text}, nil
})

var books = burdock.MustGraph("books",
	burdock.Node(book, burdock.OnError(burdock.AnyError, report), burdock.Then(report)),
	burdock.Node(report),
)

const before = `{"big": 18446744073709551614, "lines": [{"name": "a", "tags": ["x"]}], "rates": {"EUR": 1.50}, "draft": "d"}`

// good is a step as it is.
func good() burdocktest.Case {
	return burdocktest.Case{
		Action: "book", Before: before, Inputs: `{"name": "b"}`,
		After: `{"big": 18446744073709551615}`, Appended: `{"lines": [{"name": "b", "tags": ["<new>"]}]}`, Deleted: []string{"draft"},
		Next: "report",
	}
}

func TestReplayComparesTheStateAfterTheStep(t *testing.T) {
	wantNone(t, func(t testing.TB) { burdocktest.Replay(t, books, good()) })
	for want, change := range map[string]func(c *burdocktest.Case){
		`key "big" differs: got 18446744073709551615, want 18446744073709551614`:      func(c *burdocktest.Case) { c.After = `{"big": 18446744073709551614}` },
		`key "lines" differs at [1].tags[0]: got "<new>", want "old"`:                 func(c *burdocktest.Case) { c.Appended = `{"lines": [{"name": "b", "tags": ["old"]}]}` },
		`key "lines" differs at [1]: got {"name":"b","tags":["<new>"]}, want nothing`: func(c *burdocktest.Case) { c.Appended = "" },
		`key "draft" differs: got nothing, want "d"`:                                  func(c *burdocktest.Case) { c.Deleted = nil },
		`key "rates" differs: got {"EUR":1.50}, want nothing`:                         func(c *burdocktest.Case) { c.Deleted = append(c.Deleted, "rates") },
		`key "other" differs: got nothing, want 1`:                                    func(c *burdocktest.Case) { c.After = `{"big": 18446744073709551615, "other": 1}` },
		`after book got next "report", want "book"`:                                   func(c *burdocktest.Case) { c.Next = "book" },
		`book is failed: the model refused`:                                           func(c *burdocktest.Case) { c.Inputs = `{"name": ""}` },
		`book has completed, and should fail with: no`:                                func(c *burdocktest.Case) { c.After, c.Appended, c.Deleted, c.Error = "", "", nil, "no" },
	} {
		c := good()
		change(&c)
		wantFailure(t, func(t testing.TB) { burdocktest.Replay(t, books, c) }, want)
	}
}

// It does not matter how the state came to be: by appending or by writing the list as a whole.
func TestReplayComparesStatesAndNotWrites(t *testing.T) {
	c := good()
	c.After = `{"big": 1.8446744073709551615e19, "lines": [{"tags": ["x"], "name": "a"}, {"name": "b", "tags": ["<new>"]}]}`
	c.Appended = ""
	wantNone(t, func(t testing.TB) { burdocktest.Replay(t, books, c) })
}

func TestReplayOfAStepThatFails(t *testing.T) {
	c := burdocktest.Case{Action: "book", Before: before, Inputs: `{"name": ""}`, Error: "refused", Next: "report"}
	wantNone(t, func(t testing.TB) { burdocktest.Replay(t, books, c) })
	c.Error = "another"
	wantFailure(t, func(t testing.TB) { burdocktest.Replay(t, books, c) }, "book fails with another error:\n\tgot  the model refused\n\twant another")
	c.Error, c.Next = "refused", ""
	wantNone(t, func(t testing.TB) { burdocktest.Replay(t, book, c) })
	c.After = `{"big": 1}`
	wantFailure(t, func(t testing.TB) { burdocktest.Replay(t, books, c) }, "a step that fails writes nothing")
}

// A handler gets the failure that it handles.
func TestReplayOfAHandler(t *testing.T) {
	c := burdocktest.Case{Action: "report", Before: before, Failure: `{"action": "book", "seq": 1, "text": "the disk is full"}`, After: `{"text": "the disk is full"}`}
	wantNone(t, func(t testing.TB) { burdocktest.Replay(t, books, c) })
	c.Failure, c.After = "", `{"text": ""}`
	wantNone(t, func(t testing.TB) { burdocktest.Replay(t, books, c) })
}

func TestReplayOfAFanOut(t *testing.T) {
	c := burdocktest.Case{
		Action: "every_prompt", Before: `{"prompts": ["a", "bad", "c"]}`, After: `{"failed": 1}`, Appended: `{"answers": ["A", "C"]}`,
		Next: "approve",
	}
	wantNone(t, func(t testing.TB) { burdocktest.Replay(t, survey, c, watched, strictly) })
	c.Appended = `{"answers": ["A", "B", "C"]}`
	wantFailure(t, func(t testing.TB) { burdocktest.Replay(t, survey, c) }, `key "answers" differs at [1]: got "C", want "B"`)
}

func TestReplayReportsWhatIsNoCase(t *testing.T) {
	for want, c := range map[string]burdocktest.Case{
		`graph "books" has no action "bock"`:                        {Action: "bock"},
		"field Before of the case: ":                                {Action: "book", Before: "[1]"},
		"field Inputs of the case: ":                                {Action: "book", Inputs: "{"},
		"field After of the case: ":                                 {Action: "book", After: "1"},
		"field Appended of the case: ":                              {Action: "book", Appended: `"x"`},
		"field Failure of the case: ":                               {Action: "book", Failure: `"x"`},
		`key "big"`:                                                 {Action: "book", Before: `{"big": "text"}`},
		`replay waits before book for ["name"]: give it with Given`: {Action: "book", Before: before},
	} {
		wantFailure(t, func(t testing.TB) { burdocktest.Replay(t, books, c) }, want)
	}
	wantFailure(t, func(t testing.TB) { burdocktest.Replay(t, nil, good()) }, "it is nil")
}

// What is not recorded is given by the test.
func TestReplayTakesInputsThatAreNotRecorded(t *testing.T) {
	c := good()
	c.Inputs = ""
	given := struct {
		Name string `input:"name"`
	}{"b"}
	wantNone(t, func(t testing.TB) {
		burdocktest.Replay(t, books, c, burdocktest.Given(given))
		burdocktest.Replay(t, books, c, burdocktest.With(burdock.Options{Given: burdock.Given(given)}))
	})
}
