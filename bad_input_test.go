package burdock_test

import (
	"context"
	"iter"
	"testing"

	"github.com/burdock-go/burdock"
)

// bad_input_test.go has what programs and their executors may get wrong and no other file is about: each is an error that
// names the place, the cause and, where there is one, the way out.

// E2: what an executor makes up is a failure of the branch, and it is recorded. It never ends the process.
func TestE2_OutcomesThatCannotBe(t *testing.T) {
	type mistyped struct {
		Name string `state:"name"`
		Word int    `state:"word"`
	}
	type changed struct {
		Name string `state:"name"`
		Word string `state:"word"`
	}
	type stranger struct {
		Other string `state:"other"`
	}
	done := func(window any) *burdock.Outcome {
		return &burdock.Outcome{Stop: burdock.StopDone, State: burdock.StateOf(window)}
	}
	for name, c := range map[string]struct {
		out  *burdock.Outcome
		want string
	}{
		"a value of another type": {done(mistyped{"a", 1}), `its key "word" has type int, but that of the branch has string`},
		"a key it may not write":  {done(changed{"b", "w"}), `it has changed key "name", which no action of the branch writes`},
		"a key that is unknown":   {done(stranger{"o"}), `it has key "other", which the branch does not have`},
		"no result":               {done(twigKey{"a"}), `the result twigOut reads keys ["word"], which have no value`},
		"an empty outcome":        {&burdock.Outcome{}, `a branch does not stop as ""`},
		"waiting for nothing":     {&burdock.Outcome{Stop: burdock.StopWaiting}, "it waits and does not say for what"},
		"nothing":                 {nil, "neither an Outcome nor an error"},
	} {
		t.Run(name, func(t *testing.T) {
			inMemoryAndStore(t, func(t *testing.T, db burdock.Store) {
				r := rigOf("a")
				o := stored(db, nil)
				o.Cascade.Executor = executorFunc(func(context.Context, *burdock.Branch) (*burdock.Outcome, error) { return c.out, nil })
				_, err := r.runWith(t.Context(), t, o)
				wantTexts(t, err, "app/fan#1/a: step 1 (say)", c.want)
				if db == nil {
					return
				}
				if got := statuses(branchRecords(t, db, burdock.Ref{App: "app", Seq: 1})); got != "a:failed" {
					t.Errorf("recorded is %q", got)
				}
			})
		})
	}
}

// All that is wrong with the options of a map is reported at once.
func TestAllMistakesOfMapOptionsAreReported(t *testing.T) {
	m := mapOver("m", idle("a"), &burdock.MapOptions{
		Limit: -2, Buffer: -1, MaxBranches: -1, MaxWaiting: -1, Failures: burdock.Tolerate(-1), Cache: &burdock.Cache{},
	}, twigKey{"a"})
	_, err := burdock.NewGraph("g", burdock.Node(m))
	wantTexts(t, err, "MapOptions.Limit is -2", "MapOptions.Buffer is -1", "MapOptions.MaxBranches is -1", "MapOptions.MaxWaiting is -1",
		"Tolerate(-1)", "MapOptions.Cache has no Store")
}

// M8: a sequence that has been told to stop, or is over, yields to nobody any more.
func TestM8_AYieldThatIsKept(t *testing.T) {
	var kept func(twigKey, error) bool
	states := func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
		return func(yield func(twigKey, error) bool) {
			kept = yield
			for _, name := range []string{"a", "b", "c"} {
				yield(twigKey{name}, nil) // whether it was told to stop or not
			}
		}
	}
	say := burdock.Func("say", func(_ context.Context, in twigIn) (twigOut, error) { return twigOut{in.Name}, nil })
	m := burdock.MapStates("m", say, states, burdock.First[twigOut, burdock.None, twigKey], &burdock.MapOptions{Limit: 1, Buffer: 1})
	out := runTo(t, newApp(t, line(m), nil), burdock.StopDone)
	wantEqual(t, "word", view[twigOut](t, out.State).Word, "a")
	if kept(twigKey{"late"}, nil) {
		t.Error("a branch was taken of a visit that is over")
	}
}
