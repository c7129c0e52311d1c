package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReport(t *testing.T) {
	const (
		passing = `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"-test.shuffle 7\n"}
{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"=== RUN   A\n"}
{"Action":"output","Package":"p","Test":"A","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
		skipping = `{"Action":"output","Package":"p","Test":"B","Output":"=== RUN   B\n"}
{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:9: no git: install it\n"}
{"Action":"output","Package":"p","Test":"B","Output":"--- SKIP: B (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"B"}
`
		failing = `{"Action":"output","Package":"p","Output":"-test.shuffle 7\n"}
{"Action":"output","Package":"p","Test":"C","Output":"=== RUN   C\n"}
{"Action":"output","Package":"p","Test":"C","Output":"    c_test.go:3: got 1, want 2\n"}
{"Action":"output","Package":"p","Test":"C","Output":"--- FAIL: C (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"C"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`
		panicking = `{"Action":"output","Package":"p","Test":"D","Output":"panic: oh\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`
		broken = `{"Action":"build-output","ImportPath":"p","Output":"p.go:1:1: expected package\n"}
{"Action":"build-fail","ImportPath":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`
	)
	for name, test := range map[string]struct {
		in, out string
		ok      bool
	}{
		"a passing package shows its closing line only": {
			passing, "ok  \tp\t0.1s\ntests: 1 passed, 0 failed, 0 skipped; packages: 1 ok, 0 failed\n", true,
		},
		"a skipped test is named with its reason": {
			skipping, "skipped p B: no git: install it\ntests: 0 passed, 0 failed, 1 skipped; packages: 0 ok, 0 failed\n", true,
		},
		"a failed test shows what it said, and the seed of the order": {
			failing,
			"    c_test.go:3: got 1, want 2\n--- FAIL: C (0.00s)\n-test.shuffle 7\nFAIL\tp\t0.1s\n" +
				"tests: 0 passed, 1 failed, 0 skipped; packages: 0 ok, 1 failed\n",
			false,
		},
		"a test that never ended shows what it said": {
			panicking, "FAIL\tp\t0.1s\npanic: oh\ntests: 0 passed, 0 failed, 0 skipped; packages: 0 ok, 1 failed\n", false,
		},
		"what does not build fails": {
			broken,
			"p.go:1:1: expected package\nFAIL\tp [build failed]\ntests: 0 passed, 0 failed, 0 skipped; packages: 0 ok, 1 failed\n",
			false,
		},
		"lines that are no events are copied": {
			"go: warning\n", "go: warning\ntests: 0 passed, 0 failed, 0 skipped; packages: 0 ok, 0 failed\n", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			ok, err := report(strings.NewReader(test.in), &out)
			if err != nil || ok != test.ok {
				t.Errorf("report: got %v, %v, want %v, nil", ok, err, test.ok)
			}
			if diff := cmp.Diff(test.out, out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}
