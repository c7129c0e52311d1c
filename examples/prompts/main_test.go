package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whatever finishes first, a table has its rows and columns in one order, and every failure is named.
func Example() {
	if err := run(context.Background(), os.Stdout, burdock.Collect); err != nil {
		panic(err)
	}
	// Output:
	// PROMPT     quick                    thorough                   moody
	// a burr     a burr, said at once     a burr, said with care     a burr, said with a sigh
	// a thistle  a thistle, said at once  a thistle, said with care  failed
	// a root     a root, said at once     a root, said with care     failed
	//
	// 2 of 9 failed
	//   survey/pairs#1/moody:a thistle: step 1 (moody), attempt 1: not in the mood
	//   survey/pairs#1/moody:a root: step 1 (moody), attempt 1: not in the mood
}

// As many failures as are tolerated cost their cells; one more ends the survey, with the names of those that failed.
func TestOneFailureTooManyEndsTheSurvey(t *testing.T) {
	if err := run(t.Context(), io.Discard, burdock.Tolerate(2)); err != nil {
		t.Errorf("with 2 tolerated: got %v", err)
	}
	err := run(t.Context(), io.Discard, burdock.Tolerate(1))
	failed, ok := errors.AsType[*burdock.MapError](err)
	if !ok {
		t.Fatalf("with 1 tolerated: got %v, want a MapError", err)
	}
	var keys []string
	for _, b := range failed.Branches {
		keys = append(keys, b.Key)
	}
	slices.Sort(keys)
	if want := []string{"moody:a root", "moody:a thistle"}; !slices.Equal(keys, want) {
		t.Errorf("got failures of %q, want %q", keys, want)
	}
}
