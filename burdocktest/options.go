package burdocktest

import (
	"testing"

	"github.com/burdock-go/burdock"
)

// An Option is an option of Run and Replay: Given, Checked, Resumed, Fails, With.
type Option interface {
	apply(s *settings)
}

type optionFunc func(s *settings)

func (f optionFunc) apply(s *settings) { f(s) }

// settings is what the options come to.
type settings struct {
	given   [][]any // the windows of each call
	checks  []Check
	resumed bool
	fails   bool
	base    burdock.Options
}

// A Check makes a middleware that watches a run and reports to the test what it finds: Immutable, Strict, or one of the
// test's own. What it registers with Cleanup is called when the run has ended.
type Check func(t testing.TB) burdock.Middleware

// Given gives inputs: structs with input tags, as for burdock.Given. Used several times it makes several calls of
// App.Run: each but the first is made when the one before it has stopped and waits.
func Given(windows ...any) Option {
	return optionFunc(func(s *settings) { s.given = append(s.given, windows) })
}

// Checked has checks watch the run. Those of Resumed are not watched.
func Checked(checks ...Check) Option {
	return optionFunc(func(s *settings) { s.checks = append(s.checks, checks...) })
}

// Resumed makes the run again for each time that it saves, and once more: the process that runs it is killed when it
// saves, as far as the store can tell, and another one resumes the application. It must stop like the first run, in an
// equal state. Of more than 100 moments 100 are chosen, evenly spread.
//
// Actions are called again each time, and those whose steps were not saved twice. So they need to be repeatable, and so
// does the order of results that a reduce depends on. What actions keep in memory is not lost.
func Resumed() Option { return optionFunc(func(s *settings) { s.resumed = true }) }

// Fails says that the run fails: Result.Err is the error. A run that does not fail then fails the test.
func Fails() Option { return optionFunc(func(s *settings) { s.fails = true }) }

// With sets options of the application, such as Given for configuration, MaxConcurrency, or trackers and middleware in
// Cascade. The state and the store are the test's, and so is the ID unless there is one here.
func With(opts burdock.Options) Option {
	return optionFunc(func(s *settings) { s.base = opts })
}
