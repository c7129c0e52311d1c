package burdocktest_test

import (
	"fmt"

	"github.com/burdock-go/burdock/burdocktest"
)

// The trace of a fan-out stands in a file, and the test compares it. To write the file anew: go test -update.
func ExampleGolden() {
	var t console // the *testing.T of a test
	res := burdocktest.Run[digested](t, everyPrompt, prompts{[]string{"why", "bad"}})
	burdocktest.Golden(t, "testdata/every_prompt.golden", res.Trace)
	fmt.Print(res.Trace)
	// Output:
	// every_prompt
	//   0 beginning → every_prompt
	//       prompts = ["why","bad"]
	//   1 every_prompt: completed
	//       answers + ["WHY"]
	//       failed = 1
	//     every_prompt#1/why of ask
	//       0 beginning → ask
	//           prompt = "why"
	//       1 ask: completed
	//           text = "WHY"
	//     every_prompt#1/bad of ask
	//       0 beginning → ask
	//           prompt = "bad"
	//       1 ask: failed
	//           error: the model refused
}
