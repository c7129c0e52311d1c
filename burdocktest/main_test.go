package burdocktest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a test that may fail.
type fake struct {
	testing.TB
	mu       sync.Mutex
	texts    []string
	cleanups []func()
}

func (f *fake) Helper() {}

func (f *fake) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.texts = append(f.texts, fmt.Sprintf(format, args...))
}

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.FailNow()
}

func (f *fake) FailNow()         { runtime.Goexit() }
func (f *fake) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

func (f *fake) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.texts) > 0
}

// failures returns what a test says that fails.
func failures(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	f := &fake{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, c := range slices.Backward(f.cleanups) {
				c()
			}
		}()
		test(f)
	}()
	<-done
	return strings.Join(f.texts, "\n")
}

// wantFailure wants a test to fail with all of the texts.
func wantFailure(t *testing.T, test func(t testing.TB), texts ...string) {
	t.Helper()
	got := failures(t, test)
	if got == "" {
		t.Errorf("the test did not fail, want it to, with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Errorf("got\n%s\nwant in it\n%s", got, text)
		}
	}
}

// wantNone wants a test not to fail.
func wantNone(t *testing.T, test func(t testing.TB)) {
	t.Helper()
	if got := failures(t, test); got != "" {
		t.Errorf("got\n%s\nwant nothing", got)
	}
}

type (
	prompts struct {
		Prompts []string `state:"prompts"`
	}
	question struct {
		Prompt string `state:"prompt,key"`
		Model  string `input:"model,optional"`
	}
	answer struct {
		Text string `state:"text"`
	}
	digest struct {
		Answers []string `state:"answers,append"`
		Failed  int      `state:"failed"`
	}
	digested struct {
		Answers []string `state:"answers"`
		Failed  int      `state:"failed"`
	}
	approval struct {
		Yes bool `input:"yes"`
	}
	approved struct {
		Done bool `state:"done"`
	}
)

var errRefused = errors.New("the model refused")

var ask = burdock.Func("ask", func(_ context.Context, q question) (answer, error) {
	if strings.HasPrefix(q.Prompt, "bad") {
		return answer{}, errRefused
	}
	return answer{q.Model + strings.ToUpper(q.Prompt)}, nil
})

var everyPrompt = burdock.MapStates("every_prompt", ask,
	func(_ context.Context, in prompts) iter.Seq2[question, error] {
		return burdock.Each(in.Prompts, func(p string) question { return question{Prompt: p} })
	},
	func(_ context.Context, _ prompts, rs *burdock.Results[question, answer]) (d digest, err error) {
		for r := range rs.All() {
			if r.Err != nil {
				d.Failed++
			} else {
				d.Answers = append(d.Answers, r.Out.Text)
			}
		}
		return d, nil
	}, &burdock.MapOptions{Failures: burdock.Collect})

var approve = burdock.Func("approve", func(_ context.Context, a approval) (approved, error) { return approved{a.Yes}, nil })

var someFailed = burdock.When("failed > 0", func(d digested) bool { return d.Failed > 0 })

var survey = burdock.MustGraph("survey", burdock.Node(everyPrompt, someFailed.Then(approve)), burdock.Node(approve))
