package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The program is the README's first, so what it says it prints is what it prints.
func Example_main() {
	main()
	// Output: {10} <nil>
}
